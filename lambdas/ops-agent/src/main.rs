//! The ops-agent function.

fn main() {}

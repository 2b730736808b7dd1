//! The qa-agent function.

fn main() {}

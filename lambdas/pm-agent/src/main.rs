//! The pm-agent function.

fn main() {}

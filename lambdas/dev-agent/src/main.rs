//! The dev-agent function.

fn main() {}

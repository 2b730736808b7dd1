//! Measures the sandbox.

fn main() {}

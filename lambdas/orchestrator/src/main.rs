//! The orchestrator function.

fn main() {}

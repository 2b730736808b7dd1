//! The orchestrator function.

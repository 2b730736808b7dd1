//! The ops-agent function.

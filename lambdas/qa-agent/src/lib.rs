//! The qa-agent function.

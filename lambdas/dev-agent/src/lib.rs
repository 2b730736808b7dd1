//! The dev-agent function.

//! The pm-agent function.

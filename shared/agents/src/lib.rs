//! The PM, Dev, QA and Ops agents.

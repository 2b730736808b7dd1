//! Use cases and ports of Millrace.

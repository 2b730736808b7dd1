//! Executions: start, advance, control and inspect them.

mod control;
mod log;
mod start;

pub use control::stop_execution;
pub use log::{ChildRef, JoinArm, LogEntry, LogId};
pub use start::{StartExecution, start_execution};

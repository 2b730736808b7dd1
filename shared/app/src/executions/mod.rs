//! Executions: start, advance, control and inspect them.
//!
//! One event goes from left to right: a message (`messages`) → the thread that it names (`load`) → the interpreter's
//! decision → one conditional write and then the effects (`advance`, `dispatch`) → the next messages. What may have
//! been lost is found again by [`sweep()`].

pub(crate) mod advance;
mod attributes;
mod body;
mod callbacks;
mod close;
pub(crate) mod control;
pub(crate) mod definitions;
mod dispatch;
pub(crate) mod engine;
mod fork;
pub(crate) mod history;
mod inspect;
pub(crate) mod load;
mod log;
mod messages;
mod parent;
mod parts;
mod record;
mod redrive;
mod retention;
mod search;
mod start;
mod sweep;

pub use advance::seed as fresh_seed;
pub(crate) use advance::{Advanced, After, Thread, advance};
pub use attributes::{
    ATTRIBUTE_NAME_BYTES, ATTRIBUTE_VALUE_BYTES, Attributes, MOST_ATTRIBUTES, check_attribute, check_attributes,
};
pub use callbacks::{TaskTokenError, check_task_owner, send_task_failure, send_task_heartbeat, send_task_success};
pub use control::{pause_execution, resume_execution, stop_execution};
pub use definitions::load as load_definition;
pub use fork::{ForkExecution, fork_execution};
pub use history::{HistoryItem, history};
pub(crate) use inspect::list_one as load_record;
pub(crate) use inspect::load_record_version;
pub use inspect::{ExecutionView, Queued, await_execution, describe_execution, list_one};
pub use log::{ChildRef, JoinArm, LogEntry, LogId, LogIdError};
pub(crate) use messages::{Envelope, Message};
pub(crate) use parent::wait_for;
pub(crate) use parts::rest_of;
pub(crate) use record::read_record;
pub use record::{Execution, ExecutionStatus, Forked, Stuck, WorkflowRun};
pub use redrive::{OtherDefinition, REDRIVABLE_MILLIS, RedriveError, RedriveExecution, redrive_execution};
pub use retention::{Retention, RetentionError};
pub use search::{Search, search_executions};
pub use start::{DefinitionSource, StartExecution, Started, check_definition, start_execution, start_or_find};
pub use sweep::{GRACE_MILLIS, Patience, SweepReport, sweep};
pub(crate) use sweep::{look_soon, repair};

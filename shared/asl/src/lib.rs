//! A pure interpreter for the Amazon States Language.
//!
//! It owns what a definition means: parsing, validation, paths, and the decision what follows from an event. It refuses
//! to do I/O: time, ids and random numbers come in as arguments, and what must be done leaves as [`Effect`]s.
//! Start reading at [`decide()`].

pub mod choice;
mod context;
mod decide;
pub mod definition;
pub mod export;
mod fanout;
mod fork;
mod history;
pub mod intrinsics;
pub mod map_run;
mod numbering;
mod pause;
mod payload_limit;
mod probe;
mod progress;
pub mod query;
mod redrive;
mod run;
mod snapshot;
mod start_fields;
mod states;
pub mod test_state;
mod time;
mod token;
pub mod validation;

pub use decide::{
    Decision, Effect, Event, decide, decide_without, pending, start, start_child, start_queued, start_without,
};
pub use definition::{DefinitionError, Diagnostic, StateMachine};
pub use fork::{GoOn, Stop, fork};
pub use history::{Details, EventType, HistoryEvent};
pub use numbering::{HistoryPart, NumberedEvent, number};
pub use payload_limit::PayloadLimit;
pub use progress::{Progress, Report, Stage};
pub use redrive::{Redrive, Rest, UnchangedChildren, redrive, unfinished_child};
pub use snapshot::{
    Attempt, Child, Counted, ExecutionContext, Failure, Fanout, Join, Moment, Outcome, Parts, Position, Resume, Role,
    Snapshot, Source, StepId, Unfinished,
};
pub use start_fields::{
    Admission, AttributeFields, Demand, FieldFault, HIGHEST_LIMIT, HIGHEST_PRIORITY, KEY_BYTES, LONGEST_WINDOW, Limits,
    MOST_LIMITS, Rate, check_key,
};
pub use time::Timestamp;
pub use token::{TaskToken, TokenError};

//! One file per type of state.

pub(crate) mod choice;
pub(crate) mod fail;
pub(crate) mod map;
pub(crate) mod parallel;
pub(crate) mod pass;
pub(crate) mod task;
pub(crate) mod wait;

use crate::definition::Kind;
use crate::history::EventType;

/// The event that a state's entry records.
pub(crate) const fn entered(kind: &Kind) -> EventType {
    match kind {
        Kind::Pass { .. } => EventType::PassStateEntered,
        Kind::Task(_) => EventType::TaskStateEntered,
        Kind::Choice { .. } => EventType::ChoiceStateEntered,
        Kind::Wait(_) => EventType::WaitStateEntered,
        Kind::Succeed => EventType::SucceedStateEntered,
        Kind::Fail { .. } => EventType::FailStateEntered,
        Kind::Parallel(_) => EventType::ParallelStateEntered,
        Kind::Map(_) => EventType::MapStateEntered,
    }
}

/// Is it the event of some state's entry?
pub(crate) const fn is_entry(kind: EventType) -> bool {
    matches!(
        kind,
        EventType::PassStateEntered
            | EventType::TaskStateEntered
            | EventType::ChoiceStateEntered
            | EventType::WaitStateEntered
            | EventType::SucceedStateEntered
            | EventType::FailStateEntered
            | EventType::ParallelStateEntered
            | EventType::MapStateEntered
    )
}

/// The event that a state's exit records; a Fail state has none.
pub(crate) const fn exited(kind: &Kind) -> Option<EventType> {
    match kind {
        Kind::Pass { .. } => Some(EventType::PassStateExited),
        Kind::Task(_) => Some(EventType::TaskStateExited),
        Kind::Choice { .. } => Some(EventType::ChoiceStateExited),
        Kind::Wait(_) => Some(EventType::WaitStateExited),
        Kind::Succeed => Some(EventType::SucceedStateExited),
        Kind::Fail { .. } => None,
        Kind::Parallel(_) => Some(EventType::ParallelStateExited),
        Kind::Map(_) => Some(EventType::MapStateExited),
    }
}

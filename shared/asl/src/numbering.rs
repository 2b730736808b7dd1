//! The history of an execution: the events of all its logs in one order, numbered as Step Functions numbers them.
//!
//! Entries are ordered by time, then by tick, which rises along every chain of causes; so an event never stands before
//! what led to it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::Timestamp;
use crate::history::{EventType, HistoryEvent};

/// The events that one commit recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryPart {
    /// When it was committed.
    pub at: Timestamp,
    /// Rises along every chain of causes, across logs.
    pub tick: u64,
    /// The log: for each fan-out from the execution's own log down, its number and the child's.
    pub path: Vec<(u32, u32)>,
    /// The commit's place in its log.
    pub seq: u64,
    /// What it recorded.
    pub events: Vec<HistoryEvent>,
}

/// An event with its place in the whole history.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberedEvent {
    /// From 1.
    pub id: u64,
    /// The event that led to it; 0 for the first.
    pub previous: u64,
    /// When it was committed.
    pub at: Timestamp,
    /// Its type.
    pub kind: EventType,
    /// Its details.
    pub details: Map<String, Value>,
}

/// An event from which the next one of its log doesn't follow.
const fn is_side(kind: EventType) -> bool {
    matches!(
        kind,
        EventType::ExecutionStarted
            | EventType::MapIterationSucceeded
            | EventType::MapIterationFailed
            | EventType::MapIterationAborted
            | EventType::MapStateSucceeded
            | EventType::ParallelStateSucceeded
    )
}

/// An event that follows from what the children of its log did, when a commit begins with it. (A state that is tried
/// again begins with its start.)
const fn follows_children(kind: EventType) -> bool {
    matches!(
        kind,
        EventType::MapStateStarted
            | EventType::MapStateSucceeded
            | EventType::MapStateFailed
            | EventType::ParallelStateStarted
            | EventType::ParallelStateSucceeded
            | EventType::ParallelStateFailed
    )
}

/// Puts the parts of an execution's history in order and numbers their events.
#[must_use]
pub fn number(mut parts: Vec<HistoryPart>) -> Vec<NumberedEvent> {
    parts.sort_by(|one, other| {
        (one.at, one.tick, &one.path, one.seq).cmp(&(other.at, other.tick, &other.path, other.seq))
    });
    let mut numbered: Vec<NumberedEvent> = Vec::new();
    // By log: the last event from which something may follow.
    let mut last: BTreeMap<Vec<(u32, u32)>, u64> = BTreeMap::new();
    for part in parts {
        let offset = numbered.len() as u64;
        let above = part.path.split_last().map(|(_, above)| above);
        let led = if part.events.first().is_some_and(|event| follows_children(event.kind)) {
            last.iter().filter(|(path, _)| path.starts_with(&part.path)).map(|(_, id)| *id).max()
        } else {
            last.get(&part.path).copied().or_else(|| above.and_then(|above| last.get(above).copied()))
        };
        for event in part.events {
            let id = numbered.len() as u64 + 1;
            let previous =
                event.previous.map_or_else(|| led.unwrap_or_default(), |place| offset + u64::from(place) + 1);
            if !is_side(event.kind) {
                last.insert(part.path.clone(), id);
            }
            numbered.push(NumberedEvent { id, previous, at: part.at, kind: event.kind, details: event.details });
        }
    }
    numbered
}

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
    /// The entry of the execution's own log that has it; `None` for events of children.
    pub entry: Option<u64>,
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
            | EventType::MapRunSucceeded
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
    // By log: the starts of fan-outs that have not ended.
    let mut open: BTreeMap<Vec<(u32, u32)>, Vec<u64>> = BTreeMap::new();
    // By log: in its newest fan-out, the last event of the last item that ended. MaxConcurrency lets the next begin then.
    let mut ended: BTreeMap<Vec<(u32, u32)>, u64> = BTreeMap::new();
    for part in aborted_first(parts) {
        let offset = numbered.len() as u64;
        let is_birth = !last.contains_key(&part.path);
        // Children that go on after a redrive have no start but that of the nearest log above that has one.
        let mut above = part.path.split_last().map(|(_, above)| above);
        let mut start = None;
        while let Some(path) = above.filter(|_| start.is_none()) {
            start = open.get(path).and_then(|starts| starts.last().copied());
            above = path.split_last().map(|(_, above)| above);
        }
        let mut led = last.get(&part.path).copied().or(start).unwrap_or_default();
        let before = led;
        for event in part.events {
            let id = numbered.len() as u64 + 1;
            match event.kind {
                EventType::MapStateStarted | EventType::ParallelStateStarted => {
                    let starts = open.entry(part.path.clone()).or_default();
                    if event.previous.is_none() {
                        // Tried again: the start before it has failed.
                        starts.pop();
                    }
                    starts.push(id);
                    ended.remove(&part.path);
                }
                EventType::ExecutionRedriven => {
                    // What was open has ended; what goes on follows from here.
                    open.insert(part.path.clone(), vec![id]);
                    ended.remove(&part.path);
                }
                kind if follows_children(kind) => {
                    open.entry(part.path.clone()).or_default().pop();
                }
                _ => {}
            }
            if event.previous.is_none() && event.kind == EventType::MapIterationStarted {
                let parent = if is_birth { part.path.split_last().map(|(_, above)| above) } else { Some(&*part.path) };
                led = parent.and_then(|parent| ended.get(parent)).copied().unwrap_or(led);
            }
            if event.previous.is_none() && follows_children(event.kind) {
                let below = last.iter().filter(|(path, _)| path.starts_with(&part.path)).map(|(_, id)| *id);
                led = below.max().unwrap_or(led);
            }
            let previous = match event.previous {
                Some(place) => offset + u64::from(place) + 1,
                None if event.kind == EventType::EvaluationFailed => before,
                None => led,
            };
            if event.kind == EventType::MapIterationSucceeded
                && let Some((_, above)) = part.path.split_last()
            {
                ended.insert(above.to_vec(), previous);
            }
            if !is_side(event.kind) {
                last.insert(part.path.clone(), id);
                led = id;
            }
            numbered.push(NumberedEvent {
                id,
                previous,
                entry: part.path.is_empty().then_some(part.seq),
                at: part.at,
                kind: event.kind,
                details: event.details.into_fields(),
            });
        }
    }
    numbered
}

/// Children are stopped after what ended without them has been recorded, and stand before that: nothing follows an end.
fn aborted_first(parts: Vec<HistoryPart>) -> Vec<HistoryPart> {
    let is_abort = |part: &HistoryPart| {
        part.events.iter().all(|event| event.kind == EventType::MapIterationAborted) && !part.events.is_empty()
    };
    if !parts.iter().any(is_abort) {
        return parts;
    }
    // By log: the place of its last end of a state or of itself, and what goes before a place.
    let mut closed: BTreeMap<Vec<(u32, u32)>, usize> = BTreeMap::new();
    let mut before: BTreeMap<usize, Vec<HistoryPart>> = BTreeMap::new();
    let mut kept = Vec::with_capacity(parts.len());
    for part in parts {
        let ancestors = (0..part.path.len()).filter_map(|length| closed.get(part.path.get(..length)?));
        match ancestors.max() {
            Some(place) if is_abort(&part) => before.entry(*place).or_default().push(part),
            _ => {
                if part.events.first().is_some_and(|event| closes(event.kind)) {
                    closed.insert(part.path.clone(), kept.len());
                }
                kept.push(part);
            }
        }
    }
    let mut ordered = Vec::with_capacity(kept.len());
    for (place, part) in kept.into_iter().enumerate() {
        ordered.extend(before.remove(&place).unwrap_or_default());
        ordered.push(part);
    }
    ordered
}

/// With such an event begins a commit that gives children up.
const fn closes(kind: EventType) -> bool {
    matches!(
        kind,
        EventType::MapStateFailed
            | EventType::ParallelStateFailed
            | EventType::ExecutionTimedOut
            | EventType::ExecutionAborted
    )
}

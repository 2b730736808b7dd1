//! The history of an execution: the events of all its logs in one order, numbered as Step Functions numbers them.
//!
//! Entries are ordered by time, then by tick, which rises along every chain of causes; so an event never stands before
//! what led to it.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use millrace_asl::{EventType, HistoryEvent, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

use super::body::{self, EntryBody};
use super::load;
use super::log::{ChildRef, LogId};
use crate::error::Error;
use crate::ids::ExecutionId;
use crate::ports::{ExecutionLog, Ports};

/// One event of an execution's history.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryItem {
    /// From 1.
    pub id: u64,
    /// The event that led to it; 0 for the first.
    pub previous_event_id: u64,
    /// When it was committed.
    pub timestamp: Timestamp,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// Its details.
    pub details: Map<String, Value>,
}

/// The events of one entry.
struct Part {
    at: Timestamp,
    tick: u64,
    path: Vec<ChildRef>,
    seq: u64,
    events: Vec<HistoryEvent>,
}

/// The whole history of an execution, in order.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Store`].
pub async fn history<P: Ports>(ports: &P, id: &ExecutionId) -> Result<Vec<HistoryItem>, Error> {
    let root = LogId::root(id.clone());
    let mut parts = Vec::new();
    let Some((first, _)) = load::first_body(ports, &root).await? else {
        return Err(Error::NotFound { kind: "execution", id: id.to_string() });
    };
    let started = load::load(ports, &root).await?.map(|thread| thread.snapshot.execution.start_time);
    collect(ports, &root, Some((started.unwrap_or_default(), first)), &mut parts).await?;
    parts.sort_by(|one, other| {
        (one.at, one.tick, &one.path, one.seq).cmp(&(other.at, other.tick, &other.path, other.seq))
    });
    Ok(number(parts))
}

type Collecting<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

fn collect<'a, P: Ports>(
    ports: &'a P,
    log: &'a LogId,
    first: Option<(Timestamp, EntryBody)>,
    parts: &'a mut Vec<Part>,
) -> Collecting<'a> {
    Box::pin(async move {
        let mut children: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        let mut take = |at: Timestamp, seq: u64, body: EntryBody, parts: &mut Vec<Part>| {
            if let Some(fanout) = body.snapshot.fanout() {
                children.entry(fanout.id).or_default().extend(fanout.with_logs());
            }
            parts.push(Part { at, tick: body.tick, path: log.path.clone(), seq, events: body.history });
        };
        if let Some((at, body)) = first {
            take(at, 0, body, parts);
        }
        let mut from = 1;
        loop {
            let entries = ports.log().entries(log, from, load::PAGE).await?;
            let full = entries.len() == load::PAGE;
            for entry in entries {
                from = entry.seq + 1;
                let body: EntryBody = body::decode(ports, &entry.body, "an entry of a log").await?;
                take(entry.at, entry.seq, body, parts);
            }
            if !full {
                break;
            }
        }
        for (fanout, indexes) in children {
            for index in indexes {
                let child = log.child(fanout, index);
                let before = parts.len();
                collect(ports, &child, None, parts).await?;
                if parts.len() == before
                    && let Some(thread) = load::first(ports, &child).await?
                {
                    // It has begun and not written yet.
                    let Some(thread) = Some(thread).filter(|thread| !thread.unwritten.is_empty()) else { continue };
                    let (at, tick) = (thread.at, thread.tick);
                    parts.push(Part { at, tick, path: child.path, seq: 0, events: thread.unwritten });
                }
            }
        }
        Ok(())
    })
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

fn number(parts: Vec<Part>) -> Vec<HistoryItem> {
    let mut items: Vec<HistoryItem> = Vec::new();
    // By log: the last event from which something may follow.
    let mut last: BTreeMap<Vec<ChildRef>, u64> = BTreeMap::new();
    for part in parts {
        let offset = items.len() as u64;
        let above = part.path.split_last().map(|(_, above)| above);
        let joins = part.events.first().is_some_and(|event| {
            matches!(event.kind, EventType::MapStateSucceeded | EventType::ParallelStateSucceeded)
        });
        let led = if joins {
            let below = last.iter().filter(|(path, _)| path.len() > part.path.len() && path.starts_with(&part.path));
            below.map(|(_, id)| *id).max().or_else(|| last.get(&part.path).copied())
        } else {
            last.get(&part.path).copied().or_else(|| above.and_then(|above| last.get(above).copied()))
        };
        for event in part.events {
            let id = items.len() as u64 + 1;
            let previous =
                event.previous.map_or_else(|| led.unwrap_or_default(), |place| offset + u64::from(place) + 1);
            if !is_side(event.kind) {
                last.insert(part.path.clone(), id);
            }
            items.push(HistoryItem {
                id,
                previous_event_id: previous,
                timestamp: part.at,
                kind: event.kind,
                details: event.details,
            });
        }
    }
    items
}

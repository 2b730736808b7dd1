//! The history of an execution: the events of all its logs, which the interpreter puts in one order and numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use millrace_asl::{EventType, HistoryEvent, HistoryPart, NumberedEvent, Timestamp, number};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::advance::Thread;
use super::body::{self, EntryBody};
use super::load;
use super::log::{ChildRef, LogId};
use crate::error::Error;
use crate::ids::ExecutionId;
use crate::ports::{ExecutionLog, Ports};

/// One event of an execution's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryItem {
    /// From 1.
    pub id: u64,
    /// The event that led to it; 0 for the first.
    pub previous_event_id: u64,
    /// The entry of the execution's own log that has it, which a fork names; `None` for events of children, and for those
    /// that a fork has from its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// When it was committed.
    pub timestamp: Timestamp,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// Its details.
    pub details: Map<String, Value>,
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
    let (before, first) = split(first);
    collect(ports, &root, Some((started.unwrap_or_default(), first)), &mut parts).await?;
    Ok(after(before, parts))
}

/// The history of a fork's source, and the entry without it.
fn split(mut first: EntryBody) -> (Vec<HistoryItem>, EntryBody) {
    (std::mem::take(&mut first.before), first)
}

/// Numbers an execution's own events after those that it was forked with.
fn after(before: Vec<HistoryItem>, parts: Vec<HistoryPart>) -> Vec<HistoryItem> {
    joined(before, number(parts).into_iter().map(HistoryItem::from).collect())
}

/// A history that goes on after another one, with numbers that do.
pub(crate) fn joined(before: Vec<HistoryItem>, items: Vec<HistoryItem>) -> Vec<HistoryItem> {
    let (offset, last) = (before.len() as u64, before.last().map_or(0, |item| item.id));
    let after = items.into_iter().map(|item| HistoryItem {
        id: item.id + offset,
        previous_event_id: if item.previous_event_id == 0 { last } else { item.previous_event_id + offset },
        ..item
    });
    before.into_iter().map(|item| HistoryItem { entry: None, ..item }).chain(after).collect()
}

/// The history of an execution up to an entry of its own log, as far as a fork of that entry has it: without the children
/// of the fan-out that is open there, which begin again.
pub(super) async fn up_to<P: Ports>(
    ports: &P,
    log: &LogId,
    first: EntryBody,
    stood: &Thread,
) -> Result<Vec<HistoryItem>, Error> {
    let (before, first) = split(first);
    let mut parts = Vec::new();
    collect(ports, log, Some((stood.snapshot.execution.start_time, first)), &mut parts).await?;
    let open = stood.snapshot.fanout().map(|fanout| fanout.id);
    parts.retain(|part| match part.path.first() {
        None => part.seq <= stood.seq,
        Some((fanout, _)) => *fanout < stood.snapshot.fanouts && Some(*fanout) != open,
    });
    Ok(after(before, parts))
}

/// The whole history of an execution of a map run that has a log of its own; `None` when it has none.
pub(crate) async fn of_child<P: Ports>(ports: &P, log: &LogId) -> Result<Option<Vec<HistoryItem>>, Error> {
    let mut parts = Vec::new();
    collect(ports, log, None, &mut parts).await?;
    if parts.is_empty() {
        let Some(thread) = load::first(ports, log).await? else { return Ok(None) };
        return Ok(Some(of_events(thread.at, thread.unwritten)));
    }
    for part in &mut parts {
        part.path.drain(..log.path.len().min(part.path.len()));
    }
    Ok(Some(number(parts).into_iter().map(HistoryItem::from).collect()))
}

/// The history that is these events.
pub(crate) fn of_events(at: Timestamp, events: Vec<HistoryEvent>) -> Vec<HistoryItem> {
    let part = HistoryPart { at, tick: 0, path: Vec::new(), seq: 0, events };
    number(vec![part]).into_iter().map(HistoryItem::from).collect()
}

impl From<NumberedEvent> for HistoryItem {
    fn from(event: NumberedEvent) -> Self {
        let NumberedEvent { id, previous, entry, at, kind, details } = event;
        Self { id, previous_event_id: previous, entry, timestamp: at, kind, details }
    }
}

/// The steps down to a log.
fn steps(path: &[ChildRef]) -> Vec<(u32, u32)> {
    path.iter().map(|step| (step.fanout, step.index)).collect()
}

type Collecting<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

fn collect<'a, P: Ports>(
    ports: &'a P,
    log: &'a LogId,
    first: Option<(Timestamp, EntryBody)>,
    parts: &'a mut Vec<HistoryPart>,
) -> Collecting<'a> {
    Box::pin(async move {
        let mut children: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        let mut take = |at: Timestamp, seq: u64, body: EntryBody, parts: &mut Vec<HistoryPart>| {
            // The executions of a map run have histories of their own.
            if let Some(fanout) = body.snapshot.fanout().filter(|fanout| fanout.map_run().is_none()) {
                children.entry(fanout.id).or_default().extend(fanout.with_logs());
            }
            let path = steps(&log.path);
            let mut events = body.history;
            if let Some(born) = body.born {
                let own = events.split_off(usize::try_from(born.events).unwrap_or(usize::MAX).min(events.len()));
                parts.push(HistoryPart { at: born.at, tick: born.tick, path: path.clone(), seq: 0, events });
                events = own;
                for event in &mut events {
                    event.previous = event.previous.map(|previous| previous.saturating_sub(born.events));
                }
            }
            parts.push(HistoryPart { at, tick: body.tick, path, seq, events });
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
                    parts.push(HistoryPart { at, tick, path: steps(&child.path), seq: 0, events: thread.unwritten });
                }
            }
        }
        Ok(())
    })
}

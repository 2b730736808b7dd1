//! Reading threads: a log's newest entry, or what its parent implies.

use std::collections::BTreeMap;
use std::pin::Pin;

use millrace_asl::EventType;

use super::advance::Thread;
use super::body::{self, EntryBody, EntryHead};
use super::log::{LogEntry, LogId};
use super::record::Execution;
use super::{definitions, record};
use crate::error::Error;
use crate::ports::{ExecutionLog, Ports};

/// Entries read at once.
pub(crate) const PAGE: usize = 100;

type Loading<'a> = Pin<Box<dyn Future<Output = Result<Option<Thread>, Error>> + Send + 'a>>;

/// Reads a log's newest entry as a thread. `None` when there is no such thread (any more): no such execution, or a
/// child that its parent no longer waits for and that never wrote.
pub(crate) fn load<'a, P: Ports>(ports: &'a P, log: &'a LogId) -> Loading<'a> {
    Box::pin(async move {
        if let Some(entry) = ports.log().latest(log).await? {
            return read(ports, entry).await.map(Some);
        }
        let Some((parent, step)) = log.parent() else { return first(ports, log).await };
        let Some(parent) = load(ports, &parent).await? else { return Ok(None) };
        if parent.snapshot.fanout().is_none_or(|fanout| fanout.id != step.fanout) {
            return Ok(None);
        }
        implied(ports, &parent, step.index).await
    })
}

/// The threads of those children of a fan-out that have written, by index. `indexes` rise.
pub(crate) async fn children<P: Ports>(
    ports: &P,
    parent: &LogId,
    fanout: u32,
    indexes: &[u32],
) -> Result<BTreeMap<u32, Thread>, Error> {
    let mut threads = BTreeMap::new();
    for page in indexes.chunks(PAGE) {
        let (Some(first), Some(last)) = (page.first(), page.last()) else { continue };
        for entry in ports.log().children(parent, fanout, *first, last.saturating_add(1)).await? {
            let index = entry.log.path.last().map(|step| step.index);
            if let Some(index) = index.filter(|index| page.binary_search(index).is_ok()) {
                threads.insert(index, read(ports, entry).await?);
            }
        }
    }
    Ok(threads)
}

/// Reads an entry as the thread that it leaves.
pub(crate) async fn read<P: Ports>(ports: &P, entry: LogEntry) -> Result<Thread, Error> {
    let head: EntryHead = body::decode(ports, &entry.body, "an entry of a log").await?;
    Ok(Thread::from_head(entry.log, entry.seq, entry.at, head))
}

/// The same with the types of the events that the entry recorded.
pub(crate) async fn read_with_kinds<P: Ports>(ports: &P, entry: LogEntry) -> Result<(Thread, Vec<EventType>), Error> {
    let body: EntryBody = body::decode(ports, &entry.body, "an entry of a log").await?;
    let kinds = body.history.iter().map(|event| event.kind).collect();
    Ok((Thread::from_body(entry.log, entry.seq, entry.at, body), kinds))
}

/// The first entry's content of an execution's own log.
pub(crate) async fn first_body<P: Ports>(ports: &P, log: &LogId) -> Result<Option<(EntryBody, Thread)>, Error> {
    let Some(stored) = record::load(ports, &log.execution).await? else { return Ok(None) };
    let execution = stored.execution;
    let body: EntryBody = body::decode(ports, &execution.first_entry, "an execution's first entry").await?;
    let thread = Thread::from_body(log.clone(), 0, execution.started_at, body.clone());
    Ok(Some((body, thread)))
}

/// The same without its history.
pub(crate) async fn first_head<P: Ports>(ports: &P, execution: &Execution) -> Result<EntryHead, Error> {
    body::decode(ports, &execution.first_entry, "an execution's first entry").await
}

/// The thread of entry 0, which no log holds: an execution's is in its record, a child's is implied by its parent.
pub(crate) fn first<'a, P: Ports>(ports: &'a P, log: &'a LogId) -> Loading<'a> {
    Box::pin(async move {
        let Some((parent, step)) = log.parent() else {
            let Some(stored) = record::load(ports, &log.execution).await? else { return Ok(None) };
            let (at, head) = (stored.execution.started_at, first_head(ports, &stored.execution).await?);
            return Ok(Some(Thread::from_head(log.clone(), 0, at, head)));
        };
        match origin(ports, &parent, step.fanout).await? {
            Some(parent) => implied(ports, &parent, step.index).await,
            None => Ok(None),
        }
    })
}

/// The thread of `log` when it last waited for a fan-out.
pub(crate) fn origin<'a, P: Ports>(ports: &'a P, log: &'a LogId, fanout: u32) -> Loading<'a> {
    Box::pin(async move {
        let waits = |thread: &Thread| thread.snapshot.fanout().is_some_and(|waiting| waiting.id == fanout);
        let mut found = first(ports, log).await?.filter(waits);
        let mut from = 1;
        loop {
            let entries = ports.log().entries(log, from, PAGE).await?;
            let full = entries.len() == PAGE;
            for entry in entries {
                from = entry.seq + 1;
                let thread = read(ports, entry).await?;
                if waits(&thread) {
                    found = Some(thread);
                } else if found.is_some() {
                    return Ok(found);
                }
            }
            if !full {
                return Ok(found);
            }
        }
    })
}

/// A child's thread as it began, from its parent's that waits for it.
pub(crate) async fn implied<P: Ports>(ports: &P, parent: &Thread, index: u32) -> Result<Option<Thread>, Error> {
    let Some(fanout) = parent.snapshot.fanout() else { return Ok(None) };
    let machine = definitions::load(ports, &parent.header.definition).await?;
    let decision = millrace_asl::start_child(&machine, &parent.snapshot, index);
    Ok(decision.map(|decision| Thread::implied(parent, fanout.id, index, decision)))
}

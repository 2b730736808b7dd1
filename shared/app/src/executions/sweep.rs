//! Looking after what is stuck: idempotent, and taking no hint from whoever triggers it.
//!
//! Effects are sent after their commit, so a crash between the two can lose them. Redelivery of the message that led to
//! the commit repairs that; what has no such message is found here, by the records that are due.

use std::pin::Pin;

use millrace_asl::{Effect, Position, Timestamp};

use super::advance::Thread;
use super::log::LogId;
use super::messages::queue_of;
use super::{close, definitions, dispatch, load, record};
use crate::error::Error;
use crate::keys;
use crate::ports::{Clock, Condition, ExecutionLog, Index, Order, Ports, Query, RecordStore, StoreError, Write};
use crate::projects;

/// Work that should have moved this long ago is moved on by the next sweep.
pub const GRACE_MILLIS: i64 = 15 * 60 * 1000;

/// How hard a sweep looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Only what is overdue by [`GRACE_MILLIS`]: others may be at work.
    Grace,
    /// Everything that runs: nobody else is at work, as when a local server starts.
    None,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepReport {
    /// Executions that were due.
    pub looked_at: usize,
    /// Threads whose messages were sent again.
    pub repaired: usize,
}

pub(crate) fn first_due(now: Timestamp) -> Timestamp {
    now.plus_millis(GRACE_MILLIS)
}

/// Looks at every execution that is due, and at the projects that are, the deleted ones too.
///
/// # Errors
/// [`Error::Store`]; what was looked at before stays looked at.
pub async fn sweep<P: Ports>(ports: &P, patience: Patience) -> Result<SweepReport, Error> {
    let now = ports.clock().now();
    projects::repair_due(ports, now).await?;
    projects::purge(ports, now).await?;
    let mut report = SweepReport::default();
    for shard in 0..keys::DUE_SHARDS {
        let mut cursor = None;
        loop {
            let query = Query {
                index: Some(Index::Due),
                partition: keys::due_executions_shard(shard),
                sort_prefix: String::new(),
                sort_to: (patience == Patience::Grace).then(|| keys::due_to(now)),
                order: Order::Ascending,
                limit: 100,
                cursor: cursor.take(),
            };
            let page = ports.records().query(&query).await?;
            for found in page.items {
                let stored = record::Versioned::from_record(found)?;
                report.looked_at += 1;
                report.repaired += look_after(ports, stored, now, patience).await?;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(report)
}

async fn look_after<P: Ports>(
    ports: &P,
    listed: record::Versioned,
    now: Timestamp,
    patience: Patience,
) -> Result<usize, Error> {
    let id = listed.execution.id;
    let Some(thread) = load::load(ports, &LogId::root(id.clone())).await? else { return Ok(0) };
    let (repaired, next) = repair_overdue(ports, &thread, now, patience).await?;
    let Some(mut stored) = record::load(ports, &id).await?.filter(|stored| stored.due.is_some()) else {
        return Ok(repaired);
    };
    stored.due = Some(next.max(first_due(now)));
    let write = Write::Put(stored.record()?, Condition::Version(stored.version));
    match ports.records().write(vec![write]).await {
        Ok(()) | Err(StoreError::Conflict) => Ok(repaired),
        Err(error) => Err(error.into()),
    }
}

/// When a thread that nothing moves is overdue.
fn overdue_at(thread: &Thread, resource: Option<&str>) -> Timestamp {
    let from = match &thread.snapshot.position {
        Position::Wait { until, .. } | Position::Backoff { until, .. } => *until,
        Position::Task { deadline: Some(deadline), .. } => *deadline,
        Position::Task { deadline: None, .. } => {
            let hidden = resource.and_then(queue_of).map_or(0, |queue| queue.visibility().as_millis());
            thread.at.plus_millis(i64::try_from(hidden).unwrap_or(i64::MAX))
        }
        Position::Ready { .. } | Position::Join { .. } | Position::Ended { .. } => thread.at,
    };
    from.plus_millis(GRACE_MILLIS)
}

type Repairing<'a> = Pin<Box<dyn Future<Output = Result<(usize, Timestamp), Error>> + Send + 'a>>;

/// Repairs a thread and its children as far as they are overdue. Answers how many, and when to look again.
fn repair_overdue<'a, P: Ports>(ports: &'a P, thread: &'a Thread, now: Timestamp, patience: Patience) -> Repairing<'a> {
    Box::pin(async move {
        let machine = definitions::load(ports, &thread.header.definition).await?;
        let resource = thread.snapshot.state().and_then(|state| {
            let state = machine.states(thread.snapshot.machine)?.get(state)?;
            match &state.kind {
                millrace_asl::definition::Kind::Task(task) => Some(task.resource.clone()),
                _ => None,
            }
        });
        let overdue = overdue_at(thread, resource.as_deref());
        let is_overdue = patience == Patience::None || overdue <= now;
        let Some(fanout) = thread.snapshot.fanout() else {
            if is_overdue {
                repair(ports, thread).await?;
            }
            return Ok((usize::from(is_overdue), overdue));
        };
        let (mut repaired, mut next) = (0, Timestamp::MAX);
        let children = fanout.with_logs();
        for index in &children {
            let log = thread.log.child(fanout.id, *index);
            let child = match ports.log().latest(&log).await? {
                Some(entry) => Some(load::read(ports, entry).await?),
                None => load::implied(ports, thread, *index).await?,
            };
            if let Some(child) = child {
                let (more, at) = repair_overdue(ports, &child, now, patience).await?;
                repaired += more;
                next = next.min(at);
            }
        }
        if fanout.out().is_empty() && is_overdue {
            repair(ports, thread).await?;
            repaired += 1;
        }
        Ok((repaired, next))
    })
}

/// Sends again what a thread waits for, or draws the consequences of its end. Of a fan-out's children those that have
/// begun to write look after themselves; only their ends are told again.
pub(crate) async fn repair<P: Ports>(ports: &P, thread: &Thread) -> Result<(), Error> {
    if thread.snapshot.outcome().is_some() {
        return close::settle(ports, thread).await;
    }
    let machine = definitions::load(ports, &thread.header.definition).await?;
    let mut effects = millrace_asl::pending(&machine, &thread.snapshot);
    if let Some(fanout) = thread.snapshot.fanout() {
        for index in fanout.with_logs() {
            let Some(entry) = ports.log().latest(&thread.log.child(fanout.id, index)).await? else { continue };
            effects.retain(|effect| !matches!(effect, Effect::StartChild { index: other, .. } if *other == index));
            let child = load::read(ports, entry).await?;
            if child.snapshot.outcome().is_some() {
                close::settle(ports, &child).await?;
            }
        }
    }
    dispatch::send(ports, thread, effects).await
}

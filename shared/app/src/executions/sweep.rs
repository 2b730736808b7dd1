//! Looking after what is stuck: idempotent, and taking no hint from whoever triggers it.
//!
//! Effects are sent after their commit, so a crash between the two can lose them. Redelivery of the message that led to
//! the commit repairs that; what has no such message is found here, by the records that are due.

use std::pin::Pin;

use millrace_asl::{Effect, Position, Stage, Timestamp};

use super::advance::{Thread, arm};
use super::log::LogId;
use super::messages::queue_of;
use super::{close, definitions, dispatch, load, parent, record};
use crate::error::Error;
use crate::ids::ExecutionId;
use crate::keys;
use crate::ports::{
    Clock, Condition, ExecutionLog, Index, Order, Ports, Query, Record, RecordStore, StoreError, Write,
};
use crate::{functions, limits, notifications, projects, schedules, webhooks, workflows};

/// Work that should have moved this long ago is moved on by the next sweep.
pub const GRACE_MILLIS: i64 = 15 * 60 * 1000;

/// How often it is looked whether a task still waits for an execution that was started for it.
const AWAITED_MILLIS: i64 = 4 * GRACE_MILLIS;

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

/// Looks at every execution that is due, and at the projects, workflows, functions, limits, schedules, webhooks and
/// notifications that are.
/// What can't be looked after holds nothing else up.
///
/// # Errors
/// [`Error::Store`]: the first problem; everything else was looked at all the same.
pub async fn sweep<P: Ports>(ports: &P, patience: Patience) -> Result<SweepReport, Error> {
    let now = ports.clock().now();
    let mut problem = Box::pin(projects::repair_due(ports, now)).await.err();
    if let Err(error) = projects::purge(ports, now).await {
        problem.get_or_insert(error);
    }
    if let Err(error) = workflows::purge_due(ports, now).await {
        problem.get_or_insert(error);
    }
    if let Err(error) = functions::purge_due(ports, now).await {
        problem.get_or_insert(error);
    }
    if let Err(error) = webhooks::send_due(ports, now, patience).await {
        problem.get_or_insert(error);
    }
    if let Err(error) = notifications::send_due(ports, now, patience).await {
        problem.get_or_insert(error);
    }
    if let Err(error) = webhooks::purge_bodies(ports, now).await {
        problem.get_or_insert(error);
    }
    if let Err(error) = limits::sweep(ports, now, patience).await {
        problem.get_or_insert(error);
    }
    if let Err(error) = schedules::sweep(ports, now, patience).await {
        problem.get_or_insert(error);
    }
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
                report.looked_at += 1;
                match Box::pin(look_after(ports, found, now, patience)).await {
                    Ok(repaired) => report.repaired += repaired,
                    Err(error) => {
                        tracing::warn!(error = %error, "an execution could not be looked after");
                        problem.get_or_insert(error);
                    }
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    problem.map_or(Ok(report), Err)
}

async fn look_after<P: Ports>(ports: &P, listed: Record, now: Timestamp, patience: Patience) -> Result<usize, Error> {
    let id = record::Versioned::from_record(listed)?.execution.id;
    let Some(mut stored) = record::load(ports, &id).await?.filter(|stored| stored.due.is_some()) else { return Ok(0) };
    // First to the back of the queue: one that can't be looked after, or takes too long, must not stand before others.
    if !set_due(ports, &mut stored, first_due(now)).await? {
        return Ok(0);
    }
    if !stored.execution.waiting.is_empty() {
        // What stops it when its task is given up may have been lost.
        Box::pin(parent::stop_unawaited(ports, &id)).await?;
    }
    let Some(thread) = load::load(ports, &LogId::root(id)).await? else { return Ok(0) };
    if thread.snapshot.outcome().is_some() && close::is_redriven(&stored.execution, &thread) {
        // A redrive that never wrote its entry. It has taken places.
        limits::leave(ports, &stored.execution, u32::MAX).await?;
        if let Some(run) = &mut stored.execution.workflow {
            run.redrives = thread.snapshot.execution.redrive_count.unwrap_or_default();
        }
        if !set_due(ports, &mut stored, first_due(now)).await? {
            return Ok(0);
        }
    }
    let (repaired, mut next) = repair_overdue(ports, &thread, now, patience).await?;
    if !stored.execution.waiting.is_empty() {
        next = next.min(now.plus_millis(AWAITED_MILLIS));
    }
    if next > first_due(now) {
        set_due(ports, &mut stored, next).await?;
    }
    Ok(repaired)
}

/// Has an execution looked at soon, before what is to be done for it can be lost.
pub(crate) async fn look_soon<P: Ports>(ports: &P, id: &ExecutionId) -> Result<(), Error> {
    /// Others that write the record.
    const TRIES: usize = 8;
    for _ in 0..TRIES {
        let soon = first_due(ports.clock().now());
        let Some(mut stored) = record::load(ports, id).await? else { return Ok(()) };
        if stored.due.is_none_or(|due| due <= soon) || set_due(ports, &mut stored, soon).await? {
            return Ok(());
        }
    }
    Err(StoreError::Conflict.into())
}

/// Sets when to look next. False when somebody else has written the record, or looks after it.
async fn set_due<P: Ports>(ports: &P, stored: &mut record::Versioned, due: Timestamp) -> Result<bool, Error> {
    stored.due = Some(due);
    let write = Write::Put(stored.record(ports.retention())?, Condition::Version(stored.version));
    match ports.records().write(vec![write]).await {
        Ok(()) => stored.version += 1,
        Err(StoreError::Conflict) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    Ok(true)
}

/// Does only resuming it move a paused thread?
const fn waits_for_resume(position: &Position) -> bool {
    matches!(position, Position::Ready { .. } | Position::Wait { .. } | Position::Backoff { .. })
}

/// When a thread that nothing moves is overdue; [`Timestamp::MAX`] when only its children can move it.
fn overdue_at(thread: &Thread, resource: Option<&str>) -> Timestamp {
    let from = match &thread.snapshot.position {
        position if thread.snapshot.is_paused() && waits_for_resume(position) => Timestamp::MAX,
        // Its gate is looked after.
        Position::Queued { .. } => Timestamp::MAX,
        Position::Wait { until, .. } | Position::Backoff { until, .. } => *until,
        // Its end comes from outside.
        Position::Task { deadline, progress, .. } if progress.stage != Stage::Scheduled => {
            [*deadline, progress.heartbeat_due()].into_iter().flatten().min().unwrap_or(Timestamp::MAX)
        }
        Position::Task { deadline, .. } => {
            let hidden = resource.and_then(queue_of).map_or(0, |queue| queue.visibility().as_millis());
            let back = thread.at.plus_millis(i64::try_from(hidden).unwrap_or(i64::MAX));
            deadline.map_or(back, |deadline| deadline.min(back))
        }
        Position::Work { work, .. } => {
            let hidden = queue_of(work.resource()).map_or(0, |queue| queue.visibility().as_millis());
            thread.at.plus_millis(i64::try_from(hidden).unwrap_or(i64::MAX))
        }
        Position::Join { fanout, .. } if !fanout.out().is_empty() => Timestamp::MAX,
        Position::Ready { .. } | Position::Join { .. } | Position::Ended { .. } => thread.at,
    };
    let running = thread.snapshot.child.is_none() && thread.snapshot.outcome().is_none();
    let deadline = thread.snapshot.execution.deadline.filter(|_| running);
    deadline.map_or(from, |deadline| deadline.min(from)).plus_millis(GRACE_MILLIS)
}

/// When to look again at what is overdue since `overdue` and was sent again: each time later, so that work which can't be
/// done, or has to wait in a long queue, does not pile up.
fn again_at(overdue: Timestamp, now: Timestamp) -> Timestamp {
    /// The longest pause.
    const DAY_MILLIS: i64 = 24 * 3600 * 1000;
    now.plus_millis(now.millis().saturating_sub(overdue.millis()).clamp(GRACE_MILLIS, DAY_MILLIS))
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
        let out = thread.snapshot.fanout().map(|fanout| (fanout.id, fanout.out())).unwrap_or_default();
        let is_overdue = overdue <= now || patience == Patience::None && out.1.is_empty();
        let (mut repaired, mut next) = (0, overdue);
        if is_overdue {
            // Children look after themselves.
            let mut effects = millrace_asl::pending(&machine, &thread.snapshot);
            effects.retain(|effect| !matches!(effect, Effect::StartChild { .. }));
            dispatch::send(ports, thread, effects).await?;
            close::settle(ports, thread).await?;
            (repaired, next) = (1, again_at(overdue, now));
        }
        if thread.at.plus_millis(GRACE_MILLIS) <= now || patience == Patience::None {
            let effects = left_behind(ports, thread).await?;
            dispatch::send(ports, thread, effects.into_iter().collect()).await?;
        }
        let (mut written, mut counted, mut behind) =
            (load::children(ports, &thread.log, out.0, &out.1).await?, Vec::new(), false);
        for index in &out.1 {
            let child = match written.remove(index) {
                Some(child) => Some(child),
                None => load::implied(ports, thread, *index).await?,
            };
            behind |= child.as_ref().is_some_and(|child| {
                child.snapshot.outcome().is_none() && child.snapshot.is_paused() != thread.snapshot.is_paused()
            });
            match child {
                Some(child) if is_only_counted(&child) => counted.push(child),
                Some(child) => {
                    let (more, at) = repair_overdue(ports, &child, now, patience).await?;
                    repaired += more;
                    next = next.min(at);
                }
                None => {}
            }
        }
        if behind {
            next = next.min(first_due(now));
            dispatch::send(ports, thread, vec![Effect::TurnChildren { fanout: out.0 }]).await?;
        }
        // Where all have been counted one says it for all.
        if counted.len() == out.1.len()
            && let Some(child) = counted.iter().max_by_key(|child| child.at)
        {
            let (more, at) = repair_overdue(ports, child, now, patience).await?;
            repaired += more;
            next = next.min(at);
        }
        Ok((repaired, next))
    })
}

/// Sends again what a thread waits for, or draws the consequences of its end. Of a fan-out's children those that have
/// begun to write look after themselves; only their ends are told again.
pub(crate) async fn repair<P: Ports>(ports: &P, thread: &Thread) -> Result<(), Error> {
    let machine = definitions::load(ports, &thread.header.definition).await?;
    let mut effects = millrace_asl::pending(&machine, &thread.snapshot);
    effects.extend(left_behind(ports, thread).await?);
    if let Some(fanout) = thread.snapshot.fanout() {
        let written = load::children(ports, &thread.log, fanout.id, &fanout.out()).await?;
        effects.retain(|effect| !matches!(effect, Effect::StartChild { index, .. } if written.contains_key(index)));
        let ended = written.values().filter(|child| child.snapshot.outcome().is_some());
        let (counted, told): (Vec<_>, Vec<_>) = ended.partition(|child| is_only_counted(child));
        for child in told.into_iter().chain(counted.into_iter().next()) {
            close::settle(ports, child).await?;
        }
    }
    dispatch::send(ports, thread, effects).await?;
    close::settle(ports, thread).await
}

/// Has it ended, and is its parent only to count that?
fn is_only_counted(child: &Thread) -> bool {
    arm(&child.log, &child.snapshot).is_some() && !close::tells(&child.snapshot)
}

/// Has those children stopped that a thread left in its last step: its snapshot does not say so any more.
async fn left_behind<P: Ports>(ports: &P, thread: &Thread) -> Result<Option<Effect>, Error> {
    let before = match thread.seq {
        0 => None,
        1 => load::first(ports, &thread.log).await?,
        seq => match ports.log().entries(&thread.log, seq - 1, 1).await?.pop() {
            Some(entry) => Some(load::read(ports, entry).await?),
            None => None,
        },
    };
    let waits_for = thread.snapshot.fanout().map(|fanout| fanout.id);
    let left = before.as_ref().and_then(|before| before.snapshot.fanout());
    let Some(left) = left.filter(|left| Some(left.id) != waits_for) else { return Ok(None) };
    let mut children = left.out();
    let written = load::children(ports, &thread.log, left.id, &children).await?;
    children.retain(|index| written.get(index).is_none_or(|child| child.snapshot.outcome().is_none()));
    Ok((!children.is_empty()).then_some(Effect::AbortChildren { fanout: left.id, children }))
}

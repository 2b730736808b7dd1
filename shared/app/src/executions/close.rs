//! The end of a thread, outside of its log: a child's parent learns of it, an execution's record and project say it.
//!
//! Everything here may be repeated, and is, when the message that led to the end comes again.

use millrace_asl::map_run::PageReport;
use millrace_asl::{Event, Outcome, Role, Snapshot, Timestamp};

use super::advance::{Advanced, After, Thread, advance, arm, failure_of};
use super::inspect::status_of;
use super::log::{ChildRef, LogId};
use super::messages::{Envelope, Message};
use super::record::{self, Execution, ExecutionStatus};
use super::{control, load, parent};
use crate::error::Error;
use crate::metrics::{self, Metric};
use crate::ports::{Condition, ExecutionLog, MessageQueues, Ports, Queue, RecordStore, StoreError};
use crate::projects::{self, ExecutionOutcome};
use crate::{limits, map_runs};

/// Draws the consequences of a thread's end, when it is not known which were drawn.
pub(crate) async fn settle<P: Ports>(ports: &P, thread: &Thread) -> Result<(), Error> {
    let joined = match arm(&thread.log, &thread.snapshot) {
        Some(arm) => ports.log().joined(&arm).await?,
        None => false,
    };
    settle_knowing(ports, thread, joined).await
}

/// The same, where it is known whether the thread's end completed the count of its siblings.
pub(crate) async fn settle_knowing<P: Ports>(ports: &P, thread: &Thread, joined: bool) -> Result<(), Error> {
    let Some(outcome) = thread.snapshot.outcome() else { return Ok(()) };
    let Some((parent, step)) = thread.log.parent() else {
        return close_execution(ports, thread, outcome).await;
    };
    if arm(&thread.log, &thread.snapshot).is_some() {
        if joined {
            send_join(ports, thread, &parent, step.fanout).await?;
        }
        if !tells(&thread.snapshot) {
            return Ok(());
        }
    }
    if is_given_up(&thread.snapshot) {
        return Ok(());
    }
    let event = event_of_end(&thread.snapshot, step, outcome);
    let after = After { at: thread.at, tick: thread.tick };
    match advance(ports, &parent, event, None, after).await? {
        Advanced::Late(parent) => {
            // Told before: if that left the parent ready to join, the message may have been lost.
            if parent.snapshot.fanout().is_some_and(|fanout| fanout.id == step.fanout && fanout.out().is_empty()) {
                send_join(ports, thread, &parent.log, step.fanout).await?;
            }
            Ok(())
        }
        Advanced::Committed | Advanced::Gone => Ok(()),
    }
}

/// Was it stopped because nobody waits for it? Other than an execution of a map run only its parent's end, or its
/// execution's, stops a child.
pub(crate) fn is_given_up(snapshot: &Snapshot) -> bool {
    match (snapshot.outcome(), &snapshot.child) {
        (Some(Outcome::Aborted { failure }), Some(child)) => {
            !child.role.is_execution() || *failure == control::parent_ended()
        }
        _ => false,
    }
}

/// Is its parent told of its end although that is counted?
pub(crate) fn tells(snapshot: &Snapshot) -> bool {
    let succeeded = matches!(snapshot.outcome(), Some(Outcome::Succeeded { .. }));
    snapshot.child.as_ref().is_some_and(|child| child.role == Role::ToldExecution) && !succeeded
}

/// What the parent is told.
fn event_of_end(snapshot: &Snapshot, step: ChildRef, outcome: &Outcome) -> Event {
    let ChildRef { fanout, index } = step;
    match snapshot.child.as_ref().map(|child| child.role) {
        Some(Role::Page) => {
            let report = PageReport::of(outcome).ok_or_else(|| failure_of(outcome).unwrap_or_default());
            Event::PageEnded { fanout, page: index, report }
        }
        Some(Role::Execution | Role::ToldExecution) => Event::ExecutionEnded { fanout, index, end: outcome.into() },
        Some(Role::Inner) | None => Event::ChildEnded { fanout, index, failure: failure_of(outcome) },
    }
}

async fn send_join<P: Ports>(ports: &P, child: &Thread, log: &LogId, fanout: u32) -> Result<(), Error> {
    let message = Message::Join { log: log.clone(), fanout };
    let message = message.outgoing(Envelope::of(child), &format!("join {log} {fanout}"), None)?;
    Ok(ports.queues().send(Queue::Engine, vec![message]).await?)
}

/// Joins a fan-out: reads its children's outputs and brings them to the parent.
pub(crate) async fn join<P: Ports>(ports: &P, log: &LogId, fanout: u32) -> Result<Advanced, Error> {
    let Some(parent) = load::load(ports, log).await? else { return Ok(Advanced::Gone) };
    let Some(waiting) = parent.snapshot.fanout().filter(|waiting| waiting.id == fanout) else {
        return Ok(Advanced::Late(Box::new(parent)));
    };
    if waiting.map_run().is_some() || waiting.executions.is_some() {
        return Box::pin(map_runs::join(ports, parent)).await;
    }
    let with_logs = waiting.with_logs();
    let mut outputs = Vec::with_capacity(with_logs.len());
    let mut after = After::default();
    for (index, child) in load::children(ports, log, fanout, &with_logs).await? {
        after = After { at: after.at.max(child.at), tick: after.tick.max(child.tick) };
        if let Some(Outcome::Succeeded { output }) = child.snapshot.outcome() {
            outputs.push((index, output.clone()));
        }
    }
    if outputs.len() < with_logs.len() {
        // Not all have ended: a message that came early, or twice. The last one to end sends another.
        return Ok(Advanced::Late(Box::new(parent)));
    }
    advance(ports, log, Event::ChildrenJoined { fanout, outputs }, None, after).await
}

/// Is it redriven, or about to be, from the end that the thread says? The sweep takes back what never came to be.
pub(crate) fn is_redriven(execution: &Execution, thread: &Thread) -> bool {
    let redrives = thread.snapshot.execution.redrive_count.unwrap_or_default();
    execution.workflow.as_ref().is_some_and(|run| run.redrives > redrives)
}

/// Records the span of an execution that has ended.
pub(crate) fn end_span(thread: &Thread, outcome: &Outcome, started_at: Timestamp) {
    let Some(span) = thread.header.span else { return };
    let mut attributes = vec![
        ("millrace.execution.id", thread.log.execution.to_string().into()),
        ("millrace.execution.status", status_of(outcome).name().into()),
        ("millrace.workflow.name", thread.snapshot.execution.state_machine_name.as_str().into()),
    ];
    attributes.extend(thread.header.project.as_ref().map(|id| ("millrace.project.id", id.to_string().into())));
    let failed = failure_of(outcome).map(|failure| failure.error.unwrap_or_else(|| "failed".to_owned()));
    span.end((started_at, thread.at), attributes, failed);
}

async fn close_execution<P: Ports>(ports: &P, thread: &Thread, outcome: &Outcome) -> Result<(), Error> {
    /// Others that write the record: the sweeper, the note of a dead letter.
    const TRIES: usize = 8;
    let id = &thread.log.execution;
    let status = status_of(outcome);
    let failure = failure_of(outcome);
    if let Some(project) = &thread.header.project {
        let ended = match outcome {
            Outcome::Succeeded { .. } => ExecutionOutcome::Succeeded,
            Outcome::Failed { .. } => ExecutionOutcome::Failed,
            Outcome::TimedOut => ExecutionOutcome::TimedOut,
            Outcome::Aborted { .. } => ExecutionOutcome::Aborted,
        };
        let (error, cause) = failure.as_ref().map_or((None, None), |why| (why.error.as_deref(), why.cause.as_deref()));
        projects::execution_ended(ports, project, id, ended, error, cause).await?;
    }
    for _ in 0..TRIES {
        let Some(mut stored) = record::load(ports, id).await? else { return Ok(()) };
        if stored.execution.status != ExecutionStatus::Running || is_redriven(&stored.execution, thread) {
            return Ok(());
        }
        parent::tell(ports, &stored.execution, thread).await?;
        // As long as the record says that it runs, the sweeper comes by here again.
        let redrives = thread.snapshot.execution.redrive_count.unwrap_or_default();
        limits::leave(ports, &stored.execution, redrives).await?;
        stored.execution.status = status;
        stored.execution.stopped_at = Some(thread.at);
        stored.execution.failure.clone_from(&failure);
        stored.execution.stuck = None;
        stored.due = None;
        let writes = stored.writes(Condition::Version(stored.version), ports.retention())?;
        match ports.records().write(writes).await {
            Err(StoreError::Conflict) => {}
            written => {
                written?;
                let millis = thread.at.millis().saturating_sub(stored.execution.started_at.millis());
                metrics::record(Metric::ExecutionEnded { result: status.name(), millis });
                let error = failure.as_ref().and_then(|failure| failure.error.as_deref());
                let id = &stored.execution.id;
                tracing::debug!(execution_id = %id, status = status.name(), millis, error, "an execution ended");
                end_span(thread, outcome, stored.execution.started_at);
                return Ok(());
            }
        }
    }
    Err(StoreError::Conflict.into())
}

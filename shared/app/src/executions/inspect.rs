//! Looking at executions.

use std::time::Duration;

use millrace_asl::{Outcome, Timestamp};
use serde_json::Value;

use super::advance::Thread;
use super::body;
use super::log::LogId;
use super::record::{self, Execution, ExecutionStatus};
use super::{advance, load};
use crate::error::Error;
use crate::ids::ExecutionId;
use crate::limits;
use crate::ports::{Clock, ExecutionLog, Ports};

/// An execution as its log says it is, with its output.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionView {
    /// The record, with the status, time and failure that the log says.
    pub execution: Execution,
    /// What it was started with.
    pub input: Value,
    /// What it gave, if it succeeded.
    pub output: Option<Value>,
    /// The state at which its own log stands.
    pub state: Option<String>,
    /// Is it paused?
    pub paused: bool,
    /// Where it waits, if the limits of its keys have not let it begin.
    pub queued: Option<Queued>,
}

/// An execution that waits to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Since when.
    pub since: Timestamp,
    /// At which key; `None` when it was let in and is about to begin.
    pub key: Option<String>,
    /// How soon its turn comes: the highest first.
    pub priority: i32,
}

/// An execution. The log is asked, so that the answer is never behind it.
///
/// # Errors
/// [`Error::Store`].
pub async fn describe_execution<P: Ports>(ports: &P, id: &ExecutionId) -> Result<Option<ExecutionView>, Error> {
    let Some(stored) = record::load(ports, id).await? else { return Ok(None) };
    let log = LogId::root(id.clone());
    let first = load::first_head(ports, &stored.execution).await?;
    let (thread, input) = match ports.log().latest(&log).await? {
        Some(entry) => (load::read(ports, entry).await?, body::input_of(first)),
        None => {
            let thread = Thread::from_head(log, 0, stored.execution.started_at, first.clone());
            (thread, body::input_of(first))
        }
    };
    let mut execution = stored.execution;
    let mut output = None;
    if let Some(outcome) = thread.snapshot.outcome() {
        execution.status = status_of(outcome);
        execution.stopped_at = Some::<Timestamp>(thread.at);
        execution.failure = advance::failure_of(outcome);
        if let Outcome::Succeeded { output: value } = outcome {
            output = Some(value.clone());
        }
    }
    // Its own log went on since, or it is over.
    let is_over = execution.status != ExecutionStatus::Running;
    execution.stuck = execution.stuck.filter(|stuck| !is_over && thread.at <= stuck.since);
    let state = thread.snapshot.state().map(ToOwned::to_owned);
    let paused = execution.status == ExecutionStatus::Running && thread.snapshot.is_paused();
    let queued = match &execution.limits {
        Some(admission) if thread.snapshot.is_queued() => {
            let since = execution.started_at;
            let key = limits::waits_at(ports, &execution.owner, id, admission, since).await?;
            Some(Queued { since, key, priority: admission.priority })
        }
        _ => None,
    };
    Ok(Some(ExecutionView { execution, input, output, state, paused, queued }))
}

/// Waits for the end of an execution, at most for `wait`; answers it as it is then.
///
/// # Errors
/// [`Error::Store`].
pub async fn await_execution<P: Ports>(
    ports: &P,
    id: &ExecutionId,
    wait: Duration,
) -> Result<Option<ExecutionView>, Error> {
    let log = LogId::root(id.clone());
    let end = ports.clock().now().plus_millis(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
    let Some(mut thread) = load::load(ports, &log).await? else { return Ok(None) };
    while thread.snapshot.outcome().is_none() {
        let left = end.millis().saturating_sub(ports.clock().now().millis());
        let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
        let Some(entry) = ports.log().appended(&log, thread.seq, left).await? else { break };
        thread = load::read(ports, entry).await?;
    }
    describe_execution(ports, id).await
}

/// The record of an execution, as listings show it: it may lag behind the log for as long as a message takes.
///
/// # Errors
/// [`Error::Store`].
pub async fn list_one<P: Ports>(ports: &P, id: &ExecutionId) -> Result<Option<Execution>, Error> {
    Ok(record::load(ports, id).await?.map(|stored| stored.execution))
}

/// The same with the record's version.
pub(crate) async fn load_record_version<P: Ports>(
    ports: &P,
    id: &ExecutionId,
) -> Result<Option<(Execution, u64)>, Error> {
    Ok(record::load(ports, id).await?.map(|stored| (stored.execution, stored.version)))
}

/// The status that a log's end gives.
pub(crate) const fn status_of(outcome: &Outcome) -> ExecutionStatus {
    match outcome {
        Outcome::Succeeded { .. } => ExecutionStatus::Succeeded,
        Outcome::Failed { .. } => ExecutionStatus::Failed,
        Outcome::TimedOut => ExecutionStatus::TimedOut,
        Outcome::Aborted { .. } => ExecutionStatus::Aborted,
    }
}

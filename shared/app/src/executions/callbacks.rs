//! Reports on tasks by their tokens: success, failure, heartbeat.
//!
//! A heartbeat is one write of a small record, and no transition: only when the timer of the heartbeat fires is the
//! newest one taken into the log, which sets the next timer.

use millrace_asl::{Event, Failure, Position, Report, StepId, TaskToken, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::advance::{Advanced, After, Thread, advance};
use super::load::load;
use super::log::LogId;
use super::{record, sweep};
use crate::error::Error;
use crate::keys;
use crate::ports::{Clock, Condition, Ports, Record, RecordStore, StoreError, Write};

/// Why a report on a task was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskTokenError {
    /// The text is no task token, or none that was ever given out.
    #[error("Invalid Token: 'Invalid token'")]
    InvalidToken,
    /// There is no such execution any more.
    #[error("Task does not exist: 'The execution that the token belongs to does not exist'")]
    TaskDoesNotExist,
    /// The task has ended, by a report or by its time.
    #[error("Task Timed Out: 'Provided task does not exist anymore'")]
    TaskTimedOut,
    /// The output is not JSON.
    #[error("Invalid Output: '{0}'")]
    InvalidOutput(String),
    /// What all use cases may answer.
    #[error(transparent)]
    App(#[from] Error),
}

impl From<StoreError> for TaskTokenError {
    fn from(error: StoreError) -> Self {
        Self::App(error.into())
    }
}

/// The record of the newest heartbeat of a task.
#[derive(Debug, Serialize, Deserialize)]
struct Heartbeat {
    at: Timestamp,
}

/// How long a heartbeat's record is kept after the next one was due.
const KEPT_MILLIS: i64 = 24 * 3600 * 1000;

/// Refuses a report by somebody whose task it is not, as if there were no such task: none of `owners` has its execution. A
/// token is good for callers of its own account only, as with Step Functions.
///
/// # Errors
/// [`TaskTokenError::InvalidToken`], [`TaskTokenError::TaskDoesNotExist`], [`TaskTokenError::App`]
pub async fn check_task_owner<P: Ports>(ports: &P, token: &str, owners: &[&str]) -> Result<(), TaskTokenError> {
    let token: TaskToken = token.parse().map_err(|_| TaskTokenError::InvalidToken)?;
    let log: LogId = token.log.parse().map_err(|_| TaskTokenError::InvalidToken)?;
    let stored = record::load(ports, &log.execution).await?;
    let own = stored.is_some_and(|stored| owners.contains(&stored.execution.owner.as_str()));
    if own { Ok(()) } else { Err(TaskTokenError::TaskDoesNotExist) }
}

/// Ends a task with a result, a JSON text.
///
/// # Errors
/// [`TaskTokenError`]
pub async fn send_task_success<P: Ports>(ports: &P, token: &str, output: &str) -> Result<(), TaskTokenError> {
    if token.parse::<TaskToken>().is_err() {
        return Err(TaskTokenError::InvalidToken);
    }
    let output: Value =
        serde_json::from_str(output).map_err(|problem| TaskTokenError::InvalidOutput(problem.to_string()))?;
    report(ports, token, Report::Success { output }).await
}

/// Ends a task with a failure; either text may be left out.
///
/// # Errors
/// [`TaskTokenError`]
pub async fn send_task_failure<P: Ports>(
    ports: &P,
    token: &str,
    error: Option<String>,
    cause: Option<String>,
) -> Result<(), TaskTokenError> {
    report(ports, token, Report::Failure { failure: Failure { error, cause } }).await
}

/// Says that a task goes on.
///
/// # Errors
/// [`TaskTokenError`]
pub async fn send_task_heartbeat<P: Ports>(ports: &P, token: &str) -> Result<(), TaskTokenError> {
    let (log, token, thread) = find(ports, token).await?;
    let Position::Task { progress, .. } = &thread.snapshot.position else { return Err(TaskTokenError::TaskTimedOut) };
    let Some(seconds) = progress.heartbeat else { return Ok(()) };
    let now = ports.clock().now();
    let next = now.plus_millis(i64::from(seconds).saturating_mul(1000));
    let beat = Record {
        key: keys::heartbeat(&log, token.step),
        version: 0,
        body: serde_json::to_value(Heartbeat { at: now }).map_err(Error::internal)?,
        listings: Vec::new(),
        expires_at: Some(next.plus_millis(KEPT_MILLIS)),
    };
    Ok(ports.records().write(vec![Write::Put(beat, Condition::Any)]).await?)
}

/// Brings the newest heartbeat of a task to its thread, if it has come since the last one that was brought.
pub(crate) async fn bring_heartbeat<P: Ports>(ports: &P, log: &LogId, id: StepId) -> Result<(), Error> {
    let Some(record) = ports.records().get(&keys::heartbeat(log, id)).await? else { return Ok(()) };
    let Heartbeat { at } = serde_json::from_value(record.body)
        .map_err(|problem| StoreError::corrupt(format!("the heartbeat of {log} {id}"), problem))?;
    advance(ports, log, Event::TaskHeartbeat { id, at }, None, After::default()).await.map(|_| ())
}

/// The thread that stands at the token's task.
async fn find<P: Ports>(ports: &P, token: &str) -> Result<(LogId, TaskToken, Thread), TaskTokenError> {
    let token: TaskToken = token.parse().map_err(|_| TaskTokenError::InvalidToken)?;
    let log: LogId = token.log.parse().map_err(|_| TaskTokenError::InvalidToken)?;
    let Some(thread) = load(ports, &log).await? else {
        let is_there = record::load(ports, &log.execution).await?.is_some();
        return Err(if is_there { TaskTokenError::TaskTimedOut } else { TaskTokenError::TaskDoesNotExist });
    };
    let Position::Task { id, deadline, progress, .. } = &thread.snapshot.position else {
        return Err(gone(ports, &token, &thread).await?);
    };
    if *id != token.step {
        return Err(gone(ports, &token, &thread).await?);
    }
    if progress.secret.as_ref() != Some(&token.secret) {
        return Err(TaskTokenError::InvalidToken);
    }
    let now = ports.clock().now();
    let deadlines = [*deadline, thread.snapshot.execution.deadline];
    if progress.report.is_some() || deadlines.into_iter().flatten().any(|deadline| deadline <= now) {
        // Its timer says what follows.
        return Err(TaskTokenError::TaskTimedOut);
    }
    Ok((log, token, thread))
}

/// The task has ended. If nothing has happened since, what followed from its end may have been lost with whoever
/// reported it, who now asks again.
async fn gone<P: Ports>(ports: &P, token: &TaskToken, thread: &Thread) -> Result<TaskTokenError, Error> {
    if token.step + 1 >= thread.snapshot.last_step {
        sweep::repair(ports, thread).await?;
    }
    Ok(TaskTokenError::TaskTimedOut)
}

async fn report<P: Ports>(ports: &P, token: &str, report: Report) -> Result<(), TaskTokenError> {
    let (log, token, thread) = find(ports, token).await?;
    let event = Event::TaskReported { id: token.step, secret: token.secret, report };
    match advance(ports, &log, event, Some(thread), After::default()).await? {
        Advanced::Committed => Ok(()),
        Advanced::Late(_) => Err(TaskTokenError::TaskTimedOut),
        Advanced::Gone => Err(TaskTokenError::TaskDoesNotExist),
    }
}

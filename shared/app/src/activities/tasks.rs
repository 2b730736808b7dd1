//! The tasks of activities: a record for each that waits, taken by one worker.

use std::time::Duration;

use millrace_asl::{Event, Position, Stage, StepId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::ActivityError;
use super::records::describe_activity;
use crate::error::Error;
use crate::executions::LogId;
use crate::executions::advance::{Advanced, After, Thread, advance};
use crate::executions::load::load;
use crate::keys;
use crate::ports::{Clock, Condition, IdSource, Order, Ports, Query, Record, RecordStore, StoreError, Write};

/// How long a worker's call waits for a task at the most, as in Step Functions.
pub const LONGEST_POLL: Duration = Duration::from_secs(60);
/// How often a waiting call looks; the pauses grow up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Among so many of the oldest tasks a worker chooses one, so that workers who come together don't get in their way.
const CHOICE: usize = 10;
/// How long a task's record is kept: as long as the entry that made it.
const KEPT_MILLIS: i64 = 400 * 24 * 3600 * 1000;

/// A task for a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivityTask {
    /// Names it in reports.
    pub token: String,
    /// What it is given.
    pub input: Value,
}

/// The record of a task that waits.
#[derive(Debug, Serialize, Deserialize)]
struct Waiting {
    log: LogId,
    step: StepId,
}

/// The record that lets workers find the task at which a thread stands. Writing it again changes nothing.
pub(crate) fn waiting_task(arn: &str, thread: &Thread, step: StepId) -> Result<Record, Error> {
    let scheduled = match &thread.snapshot.position {
        Position::Task { scheduled, .. } => *scheduled,
        _ => thread.at,
    };
    let body = Waiting { log: thread.log.clone(), step };
    Ok(Record {
        key: keys::activity_task(arn, scheduled, &thread.log, step),
        version: 0,
        body: serde_json::to_value(body).map_err(Error::internal)?,
        listings: Vec::new(),
        expires_at: Some(scheduled.plus_millis(KEPT_MILLIS)),
    })
}

/// Takes a task of an activity, the oldest or nearly; waits for one up to `wait`, at most [`LONGEST_POLL`]. Exactly one
/// worker gets a task; from then on its time counts.
///
/// # Errors
/// [`ActivityError::InvalidArn`], [`ActivityError::DoesNotExist`]
pub async fn get_activity_task<P: Ports>(
    ports: &P,
    arn: &str,
    worker: Option<&str>,
    wait: Duration,
) -> Result<Option<ActivityTask>, ActivityError> {
    describe_activity(ports, arn).await?;
    let (mut left, mut pause) = (wait.min(LONGEST_POLL), FIRST_PAUSE);
    loop {
        if let Some(task) = take(ports, arn, worker).await? {
            return Ok(Some(task));
        }
        if left.is_zero() {
            return Ok(None);
        }
        let nap = pause.min(left);
        ports.clock().sleep(nap).await;
        left -= nap;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn take<P: Ports>(ports: &P, arn: &str, worker: Option<&str>) -> Result<Option<ActivityTask>, Error> {
    loop {
        let query = Query {
            index: None,
            partition: keys::activity(arn).partition,
            sort_prefix: keys::ACTIVITY_TASK.to_owned(),
            sort_to: None,
            order: Order::Ascending,
            limit: CHOICE,
            cursor: None,
        };
        let mut found = ports.records().query(&query).await?.items;
        if found.is_empty() {
            return Ok(None);
        }
        let [first, ..] = ports.ids().random();
        let start = usize::from(first) % found.len();
        found.rotate_left(start);
        for record in found {
            if let Some(task) = offer(ports, record, worker).await? {
                return Ok(Some(task));
            }
        }
    }
}

/// Gives a task to a worker if nobody else has it, and removes its record in any case.
async fn offer<P: Ports>(ports: &P, record: Record, worker: Option<&str>) -> Result<Option<ActivityTask>, Error> {
    let key = record.key;
    let waiting: Waiting = serde_json::from_value(record.body)
        .map_err(|problem| StoreError::corrupt(format!("{} {}", key.partition, key.sort), problem))?;
    let task = start(ports, waiting, worker).await?;
    ports.records().write(vec![Write::Delete(key, Condition::Any)]).await?;
    Ok(task)
}

async fn start<P: Ports>(ports: &P, waiting: Waiting, worker: Option<&str>) -> Result<Option<ActivityTask>, Error> {
    let Waiting { log, step } = waiting;
    let Some(thread) = load(ports, &log).await? else { return Ok(None) };
    let Position::Task { id, attempt, given, progress, .. } = &thread.snapshot.position else { return Ok(None) };
    let token = thread.snapshot.task_token();
    let Some(token) = token.filter(|_| *id == step && progress.stage == Stage::Scheduled) else { return Ok(None) };
    if thread.snapshot.execution.deadline.is_some_and(|deadline| deadline <= ports.clock().now()) {
        return Ok(None);
    }
    let input = given.as_ref().unwrap_or(&attempt.input).clone();
    let event = Event::TaskStarted { id: step, worker: worker.map(ToOwned::to_owned) };
    match advance(ports, &log, event, Some(thread), After::default()).await? {
        Advanced::Committed => Ok(Some(ActivityTask { token: token.to_string(), input })),
        Advanced::Late(_) | Advanced::Gone => Ok(None),
    }
}

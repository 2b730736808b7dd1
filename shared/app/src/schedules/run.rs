//! A schedule's turn: executions are started, and what comes next is written and waited for.

use millrace_asl::{PayloadLimit, Timestamp};
use serde_json::{Value, json};

use super::model::{Counts, Outcome, Run, Schedule};
use super::store::{self, TRIES, find};
use super::turn::decide;
use crate::error::Error;
use crate::executions::{Attributes, ExecutionStatus};
use crate::ids::ScheduleId;
use crate::metrics::{self, Metric};
use crate::ports::{Clock, Ports, RecordStore, StoreError};
use crate::workflows::{self, StartWorkflow, StateMachineArn, WorkflowError};

/// The attribute by which a schedule's executions are found.
pub(crate) const ATTRIBUTE: &str = "schedule";

/// So many characters of a schedule's name leave room for the minute and the edition in an execution's 80.
const TURN_NAME_CHARACTERS: usize = 80 - "-20260131T1200-012345".len();

/// Looks at a schedule: its timer's time has come. A timer of an earlier edition means nothing, and so does one that comes
/// again. `came_before`: whoever had this message may have died after the write and before the next timer was set.
pub(crate) async fn wake<P: Ports>(
    ports: &P,
    id: &ScheduleId,
    edition: u64,
    at: Timestamp,
    came_before: bool,
) -> Result<(), Error> {
    for _ in 0..TRIES {
        let Some(mut stored) = find(ports, id).await? else { return Ok(()) };
        let schedule = &mut stored.value;
        if schedule.edition != edition || schedule.paused {
            return Ok(());
        }
        // Whoever set the timer may have had a faster clock.
        let now = ports.clock().now().max(at);
        let before = schedule.clone();
        let is_due = schedule.next_at.is_some_and(|due| due <= now);
        if !is_due && schedule.look_at.is_some_and(|look_at| now < look_at) {
            // A message too many, unless the one that it repeats was lost before it set the next timer.
            let wake_at = schedule.next_at.into_iter().chain(schedule.look_at).min();
            return if came_before { store::set_timer(ports, schedule, wake_at).await } else { Ok(()) };
        }
        let expression = schedule.timing.parse().map_err(|_| StoreError::corrupt(id.as_str(), "its timing"))?;
        let is_running = match &schedule.current {
            Some(arn) => is_running(ports, arn).await?,
            None => false,
        };
        let turn = decide(schedule, &expression, now, is_running);
        if *schedule == before {
            if came_before {
                store::set_timer(ports, schedule, turn.wake_at).await?;
            }
            return Ok(());
        }
        for due in turn.starts {
            let run = start(ports, schedule, due, now, &turn_name(schedule, due)).await?;
            if run.execution_arn.is_some() {
                schedule.current.clone_from(&run.execution_arn);
            }
            schedule.remember(run);
        }
        match ports.records().write(vec![store::write(schedule, stored.version, turn.wake_at)?]).await {
            Ok(()) => {
                count(&before.counts, &schedule.counts);
                return store::set_timer(ports, schedule, turn.wake_at).await;
            }
            // Changed meanwhile. What was started has a name that follows from its time: it is found, not started again.
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// Starts a schedule's workflow now, whatever its times say.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::WrongState`] when the workflow can't be started; [`Error::Store`]
pub async fn run_now<P: Ports>(ports: &P, owner: &str, name: &str) -> Result<Run, Error> {
    let now = ports.clock().now();
    let stored = super::get_schedule(ports, owner, name).await?;
    let id = stored.value.id.clone();
    let execution = format!("{}-{:013}", stored.value.name, now.millis());
    let run = start(ports, &stored.value, now, now, &execution).await?;
    if let Some(reason) = &run.reason {
        return Err(Error::WrongState(reason.clone()));
    }
    for _ in 0..TRIES {
        let Some(mut stored) = find(ports, &id).await? else { break };
        // A turn's execution that runs on is the one that the next turn waits for.
        let is_running = match &stored.value.current {
            Some(arn) => is_running(ports, arn).await?,
            None => false,
        };
        if !is_running {
            stored.value.current.clone_from(&run.execution_arn);
        }
        stored.value.remember(run.clone());
        let wake_at = stored.value.next_at.filter(|_| !stored.value.paused);
        match ports.records().write(vec![store::write(&stored.value, stored.version, wake_at)?]).await {
            Err(StoreError::Conflict) => {}
            written => {
                written?;
                break;
            }
        }
    }
    Ok(run)
}

/// Counts what has been decided.
fn count(before: &Counts, now: &Counts) {
    for (outcome, before, now) in [
        (Outcome::Started, before.started, now.started),
        (Outcome::Skipped, before.skipped, now.skipped),
        (Outcome::Missed, before.missed, now.missed),
        (Outcome::Failed, before.failed, now.failed),
    ] {
        (before..now).for_each(|_| metrics::record(Metric::ScheduleRun { outcome: outcome.name() }));
    }
}

async fn is_running<P: Ports>(ports: &P, arn: &str) -> Result<bool, Error> {
    match workflows::load_execution(ports, arn).await {
        Ok(view) => Ok(view.execution.status == ExecutionStatus::Running),
        Err(WorkflowError::App(error)) => Err(error),
        // Its record is gone.
        Err(_) => Ok(false),
    }
}

/// Starts an execution. What can't be started is a turn that failed; what can't be reached is an error.
async fn start<P: Ports>(
    ports: &P,
    schedule: &Schedule,
    due: Timestamp,
    now: Timestamp,
    name: &str,
) -> Result<Run, Error> {
    let run = |outcome, execution_arn, reason| Run { due_at: due, at: now, outcome, execution_arn, reason };
    let mut target = StateMachineArn::parse(&schedule.target.workflow_arn).map_err(Error::internal)?;
    target.qualifier.clone_from(&schedule.target.qualifier);
    let start = StartWorkflow {
        target,
        name: Some(name.to_owned()),
        input: input(schedule, due),
        trace_header: None,
        payload_limit: PayloadLimit::None,
        only: None,
        waiting: None,
        attributes: Attributes::from([(ATTRIBUTE.to_owned(), schedule.name.clone())]),
        priority: None,
    };
    match Box::pin(workflows::start_workflow(ports, start)).await {
        Ok(started) => Ok(run(Outcome::Started, Some(started.run.execution_arn), None)),
        // It was started before and has ended.
        Err(WorkflowError::ExecutionAlreadyExists(arn)) => Ok(run(Outcome::Started, Some(arn), None)),
        Err(WorkflowError::App(error)) if error.is_retryable() => Err(error),
        Err(error) => {
            tracing::warn!(schedule = schedule.name, %error, "a schedule could not start its workflow");
            Ok(run(Outcome::Failed, None, Some(error.to_string())))
        }
    }
}

/// The name of a turn's execution, so that a turn that is handled twice starts one. A schedule that is changed, or deleted and
/// made again, has another edition: what it starts in the same minute is another execution. Editions begin with the
/// milliseconds of the schedule's making and count its changes, so their last 24 bits tell those of one minute apart.
fn turn_name(schedule: &Schedule, due: Timestamp) -> String {
    let name: String = schedule.name.chars().take(TURN_NAME_CHARACTERS).collect();
    format!("{}-{:06x}", name_of(&name, due), schedule.edition & 0xff_ffff)
}

/// A name for what is due: the schedule's and the minute. No expression comes twice in a minute.
pub(crate) fn name_of(schedule: &str, due: Timestamp) -> String {
    let minute: String = due.to_string().chars().take(16).filter(|character| !matches!(character, '-' | ':')).collect();
    format!("{schedule}-{minute}")
}

/// What an execution is started with. In texts of an input that the owner gave `<aws.scheduler.scheduled-time>` stands for the
/// turn's time and `<aws.scheduler.schedule-arn>` for the schedule's name, as at EventBridge Scheduler.
fn input(schedule: &Schedule, due: Timestamp) -> Value {
    fn filled(value: &Value, due: &str, name: &str) -> Value {
        match value {
            Value::String(text) => {
                text.replace("<aws.scheduler.scheduled-time>", due).replace("<aws.scheduler.schedule-arn>", name).into()
            }
            Value::Array(items) => items.iter().map(|item| filled(item, due, name)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(key, value)| (key.clone(), filled(value, due, name))).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }
    match &schedule.input {
        Some(given) => filled(given, &due.to_string(), &schedule.name),
        None => json!({
            "schedule_name": schedule.name,
            "definition_id": schedule.target.workflow_id,
            "scheduled_time": due.to_string(),
        }),
    }
}

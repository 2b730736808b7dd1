//! Executions that a task of another one waits for (`states:startExecution.sync`): their end is the task's end.
//!
//! The record of such an execution keeps the task's token. The task is told before the record says that the execution has
//! ended, so that whatever is lost in between is done again by the sweeper.

use millrace_asl::definition::{Kind, Pattern, Resource};
use millrace_asl::{Event, Failure, Outcome, Report, TaskToken};
use serde_json::{Map, Value, json};

use super::advance::{After, Thread, advance, failure_of};
use super::body;
use super::control::{is_orphan, stop_execution};
use super::definitions;
use super::inspect::status_of;
use super::load::{first_head, load};
use super::log::LogId;
use super::record::{self, Execution, ExecutionStatus};
use super::sweep::look_soon;
use crate::error::Error;
use crate::ids::ExecutionId;
use crate::ports::{Clock, Condition, Ports, RecordStore, StoreError, Write};

/// Lets a task wait for an execution that somebody else has started.
pub(crate) async fn wait_for<P: Ports>(ports: &P, id: &ExecutionId, token: &str) -> Result<(), Error> {
    /// Others that write the record: the end, the sweeper, other tasks.
    const TRIES: usize = 8;
    for _ in 0..TRIES {
        let Some(mut stored) = record::load(ports, id).await? else { return Ok(()) };
        if stored.execution.status != ExecutionStatus::Running {
            let Some(thread) = load(ports, &LogId::root(id.clone())).await? else { return Ok(()) };
            return tell_one(ports, &stored.execution, &thread, token).await;
        }
        if stored.execution.waiting.iter().any(|waiting| waiting == token) {
            return Ok(());
        }
        stored.execution.waiting.push(token.to_owned());
        let write = Write::Put(stored.record(ports.retention())?, Condition::Version(stored.version));
        match ports.records().write(vec![write]).await {
            Err(StoreError::Conflict) => {}
            written => return Ok(written?),
        }
    }
    Err(StoreError::Conflict.into())
}

/// The execution of an ARN, or of an id.
pub(crate) fn id_of(execution: &str) -> ExecutionId {
    execution.parse().unwrap_or_else(|_| ExecutionId::derived(execution))
}

/// Stops an execution that was started for tasks none of which waits for it any more: they were stopped or timed out, as
/// Step Functions stops what it started for a `.sync` task. One for which no task ever waited goes on.
pub(crate) async fn stop_unawaited<P: Ports>(ports: &P, id: &ExecutionId) -> Result<(), Error> {
    let Some(stored) = record::load(ports, id).await? else { return Ok(()) };
    let execution = stored.execution;
    if execution.status != ExecutionStatus::Running || execution.waiting.is_empty() {
        return Ok(());
    }
    for token in &execution.waiting {
        if is_awaited(ports, token).await? {
            return Ok(());
        }
    }
    match stop_execution(ports, id, None, None).await {
        Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Does the task of that token still wait?
async fn is_awaited<P: Ports>(ports: &P, token: &str) -> Result<bool, Error> {
    let token: TaskToken = token.parse().map_err(Error::internal)?;
    let log: LogId = token.log.parse().map_err(Error::internal)?;
    let Some(mut thread) = load(ports, &log).await? else { return Ok(false) };
    let waits = thread.snapshot.task_token().is_some_and(|due| due.step == token.step && due.secret == token.secret);
    // A branch or item that was stopped hears of it with the next event, if the message was lost.
    Ok(waits && !is_orphan(ports, &mut thread, ports.clock().now()).await?)
}

/// Tells the tasks whose tokens `execution` keeps that it has ended. A task that waits no longer is not told.
pub(crate) async fn tell<P: Ports>(ports: &P, execution: &Execution, thread: &Thread) -> Result<(), Error> {
    for token in &execution.waiting {
        tell_one(ports, execution, thread, token).await?;
    }
    Ok(())
}

async fn tell_one<P: Ports>(ports: &P, execution: &Execution, thread: &Thread, token: &str) -> Result<(), Error> {
    let Some(outcome) = thread.snapshot.outcome() else { return Ok(()) };
    let token: TaskToken = token.parse().map_err(Error::internal)?;
    let log: LogId = token.log.parse().map_err(Error::internal)?;
    let Some(parent) = load(ports, &log).await? else { return Ok(()) };
    let machine = definitions::load(ports, &parent.header.definition).await?;
    let state = parent.snapshot.state().and_then(|name| machine.states(parent.snapshot.machine)?.get(name));
    let Some(Kind::Task(task)) = state.map(|state| &state.kind) else { return Ok(()) };
    let as_json = Resource::of(&task.resource).pattern() == Pattern::Sync2;
    let first = first_head(ports, execution).await?;
    let described = describe(execution, thread, outcome, body::input_of(first), as_json);
    let report = match outcome {
        Outcome::Succeeded { .. } => Report::Success { output: described },
        Outcome::Failed { .. } | Outcome::TimedOut | Outcome::Aborted { .. } => {
            Report::Failure { failure: Failure::new("States.TaskFailed", described.to_string()) }
        }
    };
    let event = Event::TaskReported { id: token.step, secret: token.secret, report };
    let after = After { at: thread.at, tick: thread.tick };
    // One that only waits for others is looked at by nobody, and what its step sends may be lost.
    look_soon(ports, &log.execution).await?;
    advance(ports, &log, event, Some(parent), after).await.map(|_| ())
}

/// The execution as `DescribeExecution` has it, in the words of the optimized integration: names in Pascal case, moments
/// in milliseconds, data as texts or, for `.sync:2`, as JSON.
fn describe(execution: &Execution, thread: &Thread, outcome: &Outcome, input: Value, as_json: bool) -> Value {
    let data = |value: &Value| if as_json { value.clone() } else { Value::String(value.to_string()) };
    let context = &thread.snapshot.execution;
    let status = status_of(outcome);
    let mut described = Map::new();
    if let Some(Failure { error, cause }) = failure_of(outcome) {
        described.extend(cause.map(|cause| ("Cause".to_owned(), Value::String(cause))));
        described.extend(error.map(|error| ("Error".to_owned(), Value::String(error))));
    }
    described.insert("ExecutionArn".to_owned(), json!(context.id));
    described.insert("Input".to_owned(), data(&input));
    described.insert("InputDetails".to_owned(), json!({ "Included": true }));
    described.insert("Name".to_owned(), json!(execution.name));
    if let Outcome::Succeeded { output } = outcome {
        described.insert("Output".to_owned(), data(output));
        described.insert("OutputDetails".to_owned(), json!({ "Included": true }));
    }
    described.insert("RedriveCount".to_owned(), json!(execution.workflow.as_ref().map_or(0, |run| run.redrives)));
    if status == ExecutionStatus::Succeeded {
        described.insert("RedriveStatus".to_owned(), json!("NOT_REDRIVABLE"));
        let reason = "Execution is SUCCEEDED and cannot be redriven";
        described.insert("RedriveStatusReason".to_owned(), json!(reason));
    } else {
        described.insert("RedriveStatus".to_owned(), json!("REDRIVABLE"));
    }
    described.insert("StartDate".to_owned(), json!(execution.started_at.millis()));
    described.insert("StateMachineArn".to_owned(), json!(context.state_machine_id));
    described.insert("Status".to_owned(), json!(status.name()));
    described.insert("StopDate".to_owned(), json!(thread.at.millis()));
    Value::Object(described)
}

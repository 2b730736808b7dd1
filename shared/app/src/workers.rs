//! What a worker does with a message, whichever queue it came from.

use std::time::Duration;

use millrace_asl::definition::Resource;
use millrace_asl::map_run::Work;
use millrace_asl::{Event, Failure, Position, Snapshot, Stage, StepId, Timestamp};
use serde_json::Value;

use crate::error::Error;
use crate::executions::{Envelope, LogId, Thread, engine};
use crate::ids::{ExecutionId, ProjectId};
use crate::origin::Origin;
use crate::ports::{Delivery, Ports, Queue};
use crate::queues;
use crate::traces::{self, Kind};

/// A task that somebody has to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The execution.
    pub execution: ExecutionId,
    /// The same for every delivery of the same attempt, and for no other: for ids of what the task makes.
    pub attempt: String,
    /// The state's name.
    pub state: String,
    /// `Resource`
    pub resource: String,
    /// What the task is given.
    pub input: Value,
    /// Who owns the execution.
    pub owner: String,
    /// The project whose delivery it belongs to.
    pub project: Option<ProjectId>,
    /// The task's token, where it may end after the executor's call (`.sync`, `.waitForTaskToken`): who has it reports
    /// on the task.
    pub token: Option<String>,
    /// `Credentials`, evaluated: an object with `RoleArn`.
    pub credentials: Option<Value>,
    /// `HeartbeatSeconds`
    pub heartbeat: Option<Duration>,
    /// When the task times out.
    pub deadline: Option<Timestamp>,
    /// What the context object says of the execution that the task belongs to.
    pub caller: Caller,
}

/// The execution that a task belongs to, as its context object names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    /// `$$.Execution.Id`: the execution's ARN.
    pub execution_arn: String,
    /// `$$.Execution.Name`
    pub execution_name: String,
    /// `$$.Execution.RoleArn`
    pub role_arn: String,
    /// `$$.StateMachine.Id`
    pub state_machine_arn: String,
    /// `$$.StateMachine.Name`
    pub state_machine_name: String,
    /// The region that the execution's ARN names, where its id is one.
    pub region: Option<String>,
    /// The account that the execution's ARN names, where its id is one.
    pub account: Option<String>,
}

/// What a task came to.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskResult {
    /// It has ended with this result.
    Succeeded(Value),
    /// Of a task that may end later: the call that begins it has answered this. Its end comes by its token.
    Submitted(Value),
}

impl From<Value> for TaskResult {
    fn from(output: Value) -> Self {
        Self::Succeeded(output)
    }
}

/// Why a task gave no result.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The workflow's business: `Retry` and `Catch` see it.
    #[error("the task failed: {}", .0.error.as_deref().unwrap_or_default())]
    Failed(Failure),
    /// The same for a task that never began: whoever does it could not be reached. The history says so.
    #[error("the task could not be started: {}", .0.error.as_deref().unwrap_or_default())]
    NotStarted(Failure),
    /// Not the workflow's business: the message comes again.
    #[error(transparent)]
    Unable(#[from] Error),
}

impl TaskError {
    /// A failure for the workflow.
    pub fn failed(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self::Failed(Failure::new(error, cause))
    }
}

/// Does the tasks of the resources that it knows.
pub trait Executor: Send + Sync {
    /// Does a task. It may be called again for the same attempt, at the same time even.
    fn execute<P: Ports>(&self, ports: &P, task: &Task) -> impl Future<Output = Result<TaskResult, TaskError>> + Send;
}

/// An executor that does no tasks: the orchestrator's.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTasks;

impl Executor for NoTasks {
    async fn execute<P: Ports>(&self, _: &P, task: &Task) -> Result<TaskResult, TaskError> {
        Err(TaskError::failed("Millrace.UnknownResource", format!("nobody does tasks of '{}' here", task.resource)))
    }
}

/// Handles one message to its end: after `Ok` it is to be deleted, after an error it is to come again.
///
/// # Errors
/// [`Error::Internal`] for a message that can't be read, which so reaches the dead letters; [`Error::Store`].
pub async fn handle<P: Ports, E: Executor>(
    ports: &P,
    executor: &E,
    queue: Queue,
    delivery: &Delivery,
) -> Result<(), Error> {
    let Envelope { request, execution, project, span } = Envelope::read(&delivery.body);
    let mut process = traces::within(span, Kind::Consumer, || format!("process {}", queue.name()));
    process.note("messaging.operation.type", || "process");
    process.note("messaging.destination.name", || queue.name());
    process.note("messaging.message.id", || delivery.id.as_str());
    if let Some(execution) = execution {
        process.note("millrace.execution.id", || execution.to_string());
    }
    if let Some(project) = project {
        process.note("millrace.project.id", || project.to_string());
    }
    let origin = Origin { request, span: process.context() };
    let handling = async {
        let handled = engine::handle(ports, executor, delivery).await;
        match &handled {
            Ok(()) => tracing::debug!("handled"),
            Err(error) => process.fail(error.code()),
        }
        if let Err(error) = &handled
            && delivery.receive_count >= Queue::MAX_RECEIVES
        {
            queues::note_reason(ports, queue, &delivery.id, error.code(), &queues::told(error)).await;
            engine::note_dead_letter(ports, queue, delivery, error).await;
        }
        handled
    };
    // Boxed: what it may come to is long, and its callers are many.
    origin.scope(Box::pin(handling)).await
}

/// Notes that the handler of a message panicked, where it is not delivered again.
pub async fn note_panic<P: Ports>(ports: &P, queue: Queue, message: &str, receive_count: u32) {
    if receive_count >= Queue::MAX_RECEIVES {
        let text = "the worker ended in the middle: its log says where";
        queues::note_reason(ports, queue, message, queues::PANICKED, text).await;
    }
}

/// The span of log lines about a message: what it is, and what it is for.
#[must_use]
pub fn log_span(queue: Queue, delivery: &Delivery) -> tracing::Span {
    let Envelope { request, execution, project, .. } = Envelope::read(&delivery.body);
    tracing::info_span!(
        "message",
        queue = queue.name(),
        message_id = delivery.id,
        receive_count = delivery.receive_count,
        request_id = request.as_deref(),
        execution_id = execution.as_ref().map(tracing::field::display),
        project_id = project.as_ref().map(tracing::field::display),
    )
}

/// The task at which a thread stands, if it is that one and nobody is known to have done it.
pub(crate) fn task_of(
    log: &LogId,
    id: StepId,
    resource: &str,
    owner: &str,
    project: Option<&ProjectId>,
    snapshot: &Snapshot,
) -> Option<Task> {
    let Position::Task { id: due, attempt, given, deadline, progress, .. } = &snapshot.position else { return None };
    (*due == id && progress.stage == Stage::Scheduled).then(|| Task {
        execution: log.execution.clone(),
        attempt: format!("{log} {id}"),
        state: attempt.state.clone(),
        resource: resource.to_owned(),
        input: given.as_ref().unwrap_or(&attempt.input).clone(),
        owner: owner.to_owned(),
        project: project.cloned(),
        token: snapshot.task_token().map(|token| token.to_string()),
        credentials: progress.credentials.clone(),
        heartbeat: progress.heartbeat.map(|seconds| Duration::from_secs(seconds.into())),
        deadline: *deadline,
        caller: Caller::of(snapshot),
    })
}

/// What object storage has to do for the map run at which a thread stands.
pub(crate) fn work_task(thread: &Thread, id: StepId, work: Work) -> Task {
    let Thread { log, header, snapshot, .. } = thread;
    Task {
        execution: log.execution.clone(),
        attempt: format!("{log} {id}"),
        state: snapshot.state().unwrap_or_default().to_owned(),
        resource: work.resource().to_owned(),
        input: snapshot.map_run().map(|run| run.given(work)).unwrap_or_default(),
        owner: header.owner.clone(),
        project: header.project.clone(),
        token: None,
        credentials: None,
        heartbeat: None,
        deadline: None,
        caller: Caller::of(snapshot),
    }
}

impl Caller {
    fn of(snapshot: &Snapshot) -> Self {
        let execution = &snapshot.execution;
        let (region, account) = execution.region_and_account().unzip();
        Self {
            execution_arn: execution.id.clone(),
            execution_name: execution.name.clone(),
            role_arn: execution.role_arn.clone(),
            state_machine_arn: execution.state_machine_id.clone(),
            state_machine_name: execution.state_machine_name.clone(),
            region: region.map(ToOwned::to_owned),
            account: account.map(ToOwned::to_owned),
        }
    }
}

/// The event that brings a task's result to its thread.
pub(crate) fn event_of(id: StepId, resource: &str, result: Result<TaskResult, TaskError>) -> Result<Event, Error> {
    match result {
        Ok(TaskResult::Succeeded(output)) => Ok(Event::TaskSucceeded { id, output }),
        Ok(TaskResult::Submitted(output)) if Resource::of(resource).pattern().outlasts_call() => {
            Ok(Event::TaskSubmitted { id, output })
        }
        Ok(TaskResult::Submitted(_)) => Err(Error::internal(format!("nobody will end the task of '{resource}'"))),
        Err(TaskError::Failed(failure)) => Ok(Event::TaskFailed { id, failure }),
        Err(TaskError::NotStarted(failure)) => Ok(Event::TaskNotStarted { id, failure }),
        Err(TaskError::Unable(error)) => Err(error),
    }
}

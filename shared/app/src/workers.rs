//! What a worker does with a message, whichever queue it came from.

use millrace_asl::{Event, Failure, Position, StepId};
use serde_json::Value;

use crate::error::Error;
use crate::executions::{LogId, engine};
use crate::ids::{ExecutionId, ProjectId};
use crate::ports::{Delivery, Ports, Queue};

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
}

/// Why a task gave no result.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The workflow's business: `Retry` and `Catch` see it.
    #[error("the task failed: {}", .0.error.as_deref().unwrap_or_default())]
    Failed(Failure),
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
    fn execute<P: Ports>(&self, ports: &P, task: &Task) -> impl Future<Output = Result<Value, TaskError>> + Send;
}

/// An executor that does no tasks: the orchestrator's.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTasks;

impl Executor for NoTasks {
    async fn execute<P: Ports>(&self, _: &P, task: &Task) -> Result<Value, TaskError> {
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
    let handled = engine::handle(ports, executor, delivery).await;
    if let Err(error) = &handled
        && delivery.receive_count >= Queue::MAX_RECEIVES
    {
        engine::note_dead_letter(ports, queue, delivery, error).await;
    }
    handled
}

/// The task at which a thread stands, if it is that one.
pub(crate) fn task_of(
    log: &LogId,
    id: StepId,
    resource: &str,
    owner: &str,
    project: Option<&ProjectId>,
    position: &Position,
) -> Option<Task> {
    let Position::Task { id: due, attempt, given, .. } = position else { return None };
    (*due == id).then(|| Task {
        execution: log.execution.clone(),
        attempt: format!("{log} {id}"),
        state: attempt.state.clone(),
        resource: resource.to_owned(),
        input: given.as_ref().unwrap_or(&attempt.input).clone(),
        owner: owner.to_owned(),
        project: project.cloned(),
    })
}

/// The event that brings a task's result to its thread.
pub(crate) fn event_of(id: StepId, result: Result<Value, TaskError>) -> Result<Event, Error> {
    match result {
        Ok(output) => Ok(Event::TaskSucceeded { id, output }),
        Err(TaskError::Failed(failure)) => Ok(Event::TaskFailed { id, failure }),
        Err(TaskError::Unable(error)) => Err(error),
    }
}

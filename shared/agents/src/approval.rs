//! The task `millrace:approval`: it waits for a person.
//!
//! A project shows what it waits for, and its owner decides (`projects::approve_project`). In a workflow of its own the task
//! is ended by its token, which the history shows.

use millrace_app::ports::Ports;
use millrace_app::projects::wait_for_approval;
use millrace_app::workers::{Task, TaskError, TaskResult};
use serde_json::json;

use crate::work::{input, refused};

/// The resource.
pub(crate) const RESOURCE: &str = "millrace:approval";

/// Begins to wait.
pub(crate) async fn wait<P: Ports>(ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
    let Some(token) = &task.token else {
        return Err(TaskError::failed("Millrace.InvalidInput", "An approval needs its task's token."));
    };
    if task.project.is_none() {
        return Ok(TaskResult::Submitted(json!({ "token": token })));
    }
    let input = input(task)?;
    wait_for_approval(ports, &input.project_id, input.run, token).await.map_err(refused)?;
    Ok(TaskResult::Submitted(json!({ "project_id": input.project_id })))
}

//! The routes of tasks that somebody outside ends, by their tokens: who has one, and a key of the owner of its execution,
//! may report on its task.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use millrace_app::Error;
use millrace_app::executions::{
    TaskTokenError, check_task_owner, send_task_failure, send_task_heartbeat, send_task_success,
};
use millrace_app::ports::Ports;
use serde_json::Value;
use utoipa::ToSchema;

use crate::App;
use crate::body::JsonObject;
use crate::caller::Caller;
use crate::params::{PathParams, QueryParams};
use crate::problem::Problem;

/// What a task gave.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = TaskSuccess, example = json!({ "output": { "approved": true } }))]
pub(crate) struct SuccessBody {
    /// The task's result, any JSON value.
    #[schema(value_type = Value)]
    output: Value,
}

/// Why a task failed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = TaskFailure, example = json!({ "error": "Declined", "cause": "The order is too old." }))]
pub(crate) struct FailureBody {
    /// The error's name, for `Retry` and `Catch`.
    #[schema(max_length = 256)]
    error: Option<String>,
    /// What went wrong, for people.
    #[schema(max_length = 32768)]
    cause: Option<String>,
}

fn refused(error: TaskTokenError, token: &str) -> Problem {
    let error = match error {
        TaskTokenError::App(error) => error,
        TaskTokenError::InvalidToken => Error::invalid("token", "is not the token of a task"),
        TaskTokenError::TaskDoesNotExist => Error::NotFound { kind: "task", id: token.chars().take(80).collect() },
        TaskTokenError::TaskTimedOut => {
            Error::WrongState("the task has ended, by an earlier report or by its time".to_owned())
        }
        TaskTokenError::InvalidOutput(problem) => Error::invalid("/output", problem),
        other => Error::internal(other),
    };
    error.into()
}

/// Before a body is read: a token of somebody else is no token.
async fn check<P: Ports>(app: &App<P>, caller: &Caller, token: &str) -> Result<(), Problem> {
    let owners = [caller.owner.as_str(), &caller.workflow_owner()];
    check_task_owner(&app.ports, token, &owners).await.map_err(|error| refused(error, token))
}

fn done(result: Result<(), TaskTokenError>, token: &str) -> Result<Response, Problem> {
    result.map(|()| StatusCode::NO_CONTENT.into_response()).map_err(|error| refused(error, token))
}

/// Report that a task succeeded
#[utoipa::path(
    post, path = "/api/tasks/{token}/success", tag = "tasks", request_body = SuccessBody,
    params(("token" = String, Path, description = "The task's token")),
    responses((status = 204, description = "The task has ended")),
)]
pub(crate) async fn report_task_success<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let token = path.get("token");
    check(&app, &caller, token).await?;
    let output = fields.required_value("output");
    fields.finish()?;
    let output = output.unwrap_or_default().to_string();
    done(send_task_success(&app.ports, token, &output).await, token)
}

/// Report that a task failed
#[utoipa::path(
    post, path = "/api/tasks/{token}/failure", tag = "tasks", request_body = FailureBody,
    params(("token" = String, Path, description = "The task's token")),
    responses((status = 204, description = "The task has ended")),
)]
pub(crate) async fn report_task_failure<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let token = path.get("token");
    check(&app, &caller, token).await?;
    let error = fields.text_within("error", 256);
    let cause = fields.text_within("cause", 32_768);
    fields.finish()?;
    done(send_task_failure(&app.ports, token, error, cause).await, token)
}

/// Report that a task goes on
///
/// The time of its `HeartbeatSeconds` counts anew. A task without one ignores it.
#[utoipa::path(
    post, path = "/api/tasks/{token}/heartbeat", tag = "tasks",
    params(("token" = String, Path, description = "The task's token")),
    responses((status = 204, description = "The task goes on")),
)]
pub(crate) async fn report_task_heartbeat<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let token = path.get("token");
    check(&app, &caller, token).await?;
    done(send_task_heartbeat(&app.ports, token).await, token)
}

//! Reports on tasks by their tokens.

use millrace_app::executions::{self as engine, TaskTokenError};
use millrace_app::ports::Ports;

use super::input::data_rule;
use super::nothing;
use crate::error::ApiError;
use crate::fields::{CAUSE, ERROR, Fields, Text};
use crate::handler::{Answered, Call};

/// `TaskToken`
const TOKEN: Text = Text::new(1, 2048);

pub(crate) async fn success<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let token = fields.required("taskToken", TOKEN)?;
    let output = fields.required("output", data_rule(call.scope.payload_limit))?;
    fields.check()?;
    check_owner(call, &token).await?;
    engine::send_task_success(call.ports, &token, &output).await.map_err(refused)?;
    Ok(nothing())
}

pub(crate) async fn failure<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let token = fields.required("taskToken", TOKEN)?;
    let error = fields.text("error", ERROR)?;
    let cause = fields.text("cause", CAUSE)?;
    fields.check()?;
    check_owner(call, &token).await?;
    engine::send_task_failure(call.ports, &token, error, cause).await.map_err(refused)?;
    Ok(nothing())
}

pub(crate) async fn heartbeat<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let token = fields.required("taskToken", TOKEN)?;
    fields.check()?;
    check_owner(call, &token).await?;
    engine::send_task_heartbeat(call.ports, &token).await.map_err(refused)?;
    Ok(nothing())
}

/// Tokens are good for callers of their own account.
async fn check_owner<P: Ports>(call: &Call<'_, P>, token: &str) -> Result<(), ApiError> {
    engine::check_task_owner(call.ports, token, &[&call.scope.owner]).await.map_err(refused)
}

fn refused(error: TaskTokenError) -> ApiError {
    let message = error.to_string();
    let name = match error {
        TaskTokenError::InvalidToken => "InvalidToken",
        TaskTokenError::TaskDoesNotExist => "TaskDoesNotExist",
        TaskTokenError::TaskTimedOut => "TaskTimedOut",
        TaskTokenError::InvalidOutput(_) => "InvalidOutput",
        TaskTokenError::App(error) => return error.into(),
        _ => "InternalFailure",
    };
    ApiError::new(name, message)
}

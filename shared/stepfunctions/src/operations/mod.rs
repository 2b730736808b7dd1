//! The operations: each reads its members, calls one use case and shapes the answer.

pub(crate) mod activities;
pub(crate) mod aliases;
pub(crate) mod executions;
mod input;
pub(crate) mod map_runs;
pub(crate) mod state_machines;
pub(crate) mod tags;
pub(crate) mod tasks;
pub(crate) mod test_state;
pub(crate) mod validation;
pub(crate) mod versions;

use millrace_app::workflows::{StateMachineArn, WorkflowError};
use serde_json::{Value, json};

use crate::error::ApiError;

/// The answer of operations that have nothing to say.
pub(crate) fn nothing() -> Value {
    json!({})
}

/// The ARN of a state machine itself: not of a version, an alias or a Map state.
pub(crate) fn unqualified(arn: &str) -> Result<StateMachineArn, ApiError> {
    let parsed = StateMachineArn::parse(arn)?;
    if parsed.qualifier.is_some() {
        return Err(WorkflowError::DoesNotExist(arn.to_owned()).into());
    }
    unlabelled(parsed)
}

/// Refuses the ARN of a Map state's own state machine.
pub(crate) fn unlabelled(arn: StateMachineArn) -> Result<StateMachineArn, ApiError> {
    match arn.label {
        None => Ok(arn),
        Some(_) => Err(ApiError {
            more: Some(("reason", "API_DOES_NOT_SUPPORT_LABELED_ARNS".to_owned())),
            ..ApiError::validation("This API does not support labelled ARNs")
        }),
    }
}

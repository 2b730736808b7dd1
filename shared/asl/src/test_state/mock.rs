//! What may be mocked, and whether a mocked result fits.

use serde_json::Value;

use super::request::{FieldValidation, MockedResult};
use super::single::Single;
use super::{TestStateError, TestStateRequest, outlasts_call, shapes};

fn refuse<T>(message: impl Into<String>) -> Result<T, TestStateError> {
    Err(TestStateError::Validation(message.into()))
}

/// Whether the state may be tested with a mock, or without.
pub(super) fn check_kind(request: &TestStateRequest, single: &Single) -> Result<(), TestStateError> {
    let configuration = &request.configuration;
    let kind = single.kind();
    let holds_others = matches!(kind, "Map" | "Parallel");
    if request.mock.is_none() {
        if configuration.map_iteration_failure_count.is_some() {
            return refuse("TestState does not support MapIterationFailureCount when a mock is not specified.");
        }
        if holds_others {
            return Err(TestStateError::InvalidDefinition(
                "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, \
                 Succeed, Fail, Choice]"
                    .to_owned(),
            ));
        }
        if kind == "Task" && outlasts_call(single.resource()) {
            return Err(TestStateError::InvalidDefinition(format!(
                "TestState API does not support the resource '{}' when a mock is not specified.",
                single.resource()
            )));
        }
    } else if !holds_others && kind != "Task" {
        return refuse(format!("State type '{kind}' is not supported when a mock is specified"));
    }
    if let Some(name) = &configuration.error_caused_by_state
        && !single.holds(name)
    {
        return refuse(format!("The state '{name}' in errorCausedByState was not found in the tested state"));
    }
    Ok(())
}

/// Whether the mocked result is one that the state could have come to.
pub(super) fn check_result(request: &TestStateRequest, single: &Single) -> Result<(), TestStateError> {
    let Some(mock) = &request.mock else { return Ok(()) };
    let MockedResult::Result(result) = &mock.result else { return Ok(()) };
    match single.kind() {
        "Parallel" => match result {
            Value::Array(items) if items.len() == single.branches() => Ok(()),
            Value::Array(_) => {
                refuse("Mocked result must contain the same number of items as number of Parallel branches.")
            }
            _ => refuse("Mocked result must be an array."),
        },
        "Map" if !result.is_array() && single.field("ResultWriter").is_none() => {
            refuse("Mocked result must be an array.")
        }
        "Map" => match (request.configuration.map_iteration_failure_count, result) {
            (Some(count), Value::Array(items)) => check_count(count, items.len()),
            _ => Ok(()),
        },
        _ if mock.field_validation == FieldValidation::None => Ok(()),
        _ => match shapes::problem(single.resource(), result) {
            Some(problem) => refuse(format!("Mock result schema validation error: {problem}")),
            None => Ok(()),
        },
    }
}

/// No more iterations can fail than there are.
pub(super) fn check_count(count: u64, iterations: usize) -> Result<(), TestStateError> {
    if count > iterations as u64 {
        return refuse("Map iteration failure count must be less than or equal to the number of Map iterations");
    }
    Ok(())
}

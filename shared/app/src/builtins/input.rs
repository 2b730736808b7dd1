//! Reading the inputs of built-in workflows, and telling failures.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::workers::TaskError;

/// A failure for an input that can't be used.
pub(super) fn invalid(cause: impl Into<String>) -> TaskError {
    TaskError::failed("Millrace.InvalidWork", cause)
}

/// Another failure for the workflow.
pub(super) fn failed(error: &str, cause: impl Into<String>) -> TaskError {
    TaskError::failed(error, cause)
}

/// What a task was given, as what it must be.
pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, TaskError> {
    T::deserialize(value).map_err(|error| invalid(error.to_string()))
}

/// The member `input` of what a first step was given; nothing counts as an empty object.
pub(super) fn options<T: DeserializeOwned + Default>(given: &Value) -> Result<T, TaskError> {
    match given.get("input") {
        None | Some(Value::Null) => Ok(T::default()),
        Some(input @ Value::Object(_)) => read(input),
        Some(_) => Err(invalid("the input must be an object")),
    }
}

/// Members of an input that nobody knows: a misspelt one must not silently do something else. Those that schedules give are known.
pub(super) fn refuse_unknown(given: &Value, known: &[&str]) -> Result<(), TaskError> {
    const OF_SCHEDULES: [&str; 3] = ["schedule_name", "definition_id", "scheduled_time"];
    let members = given.get("input").and_then(Value::as_object);
    let mut unknown = members.into_iter().flatten().map(|(name, _)| name.as_str());
    match unknown.find(|name| !known.contains(name) && !OF_SCHEDULES.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let name: String = name.chars().take(100).collect();
            Err(invalid(format!("the input's member {name:?} is unknown; known are {}", known.join(", "))))
        }
    }
}

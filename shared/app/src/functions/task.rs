//! Functions as tasks of workflows: `millrace:function:{project}/{name}`.

use millrace_asl::Failure;

use super::invoke::Call;
use super::model::{FunctionName, account_owner};
use super::runtime::{FunctionRuntime, LogLine};
use super::service::Functions;
use crate::error::Error;
use crate::ids::InvocationId;
use crate::ports::Ports;
use crate::workers::{Executor, Task, TaskError, TaskResult};

/// What the resources of these tasks begin with.
pub const FUNCTION_TASKS: &str = "millrace:function:";

/// The target of log records that are lines of users' functions: kept where somebody asked for them, told nowhere else.
pub const FUNCTION_OUTPUT: &str = "millrace_function";

/// The project and the name of the function that a resource names.
#[must_use]
pub fn function_of(resource: &str) -> Option<(&str, &str)> {
    resource.strip_prefix(FUNCTION_TASKS)?.split_once('/')
}

impl<R: FunctionRuntime> Executor for Functions<R> {
    /// The result of the function is the task's. A failure has the name and the message of the error that the function
    /// threw, or `Function.NotFound`, `Function.Disabled`, `Function.NotConfigured`. A task that is done twice has the
    /// same `context.invocationId` both times.
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        let Some((project, name)) = function_of(&task.resource) else {
            let cause = format!("nobody does tasks of '{}' here", task.resource);
            return Err(TaskError::failed("Millrace.UnknownResource", cause));
        };
        let call = Call {
            function: FunctionName::new(account_owner(&task.owner), project, name),
            event: task.input.to_string(),
            id: Some(InvocationId::derived(&task.attempt)),
            at_most: None,
        };
        let invoked = self.invoke_with(ports, call).await.map_err(|error| match &error {
            Error::NotFound { .. } => not_started("Function.NotFound", &error),
            Error::WrongState(_) => not_started("Function.Disabled", &error),
            Error::NotConfigured(_) => not_started("Function.NotConfigured", &error),
            _ => TaskError::Unable(error),
        })?;
        let (invoked, environment) = invoked;
        for line in &invoked.logs {
            tell(name, line, &environment);
        }
        match invoked.result {
            Ok(json) => Ok(TaskResult::Succeeded(serde_json::from_str(&json).map_err(Error::internal)?)),
            Err(error) => Err(TaskError::failed(error.name, error.message)),
        }
    }
}

/// The longest line of a function that is logged, in bytes.
const LONGEST_LINE: usize = 8 * 1024;
/// Shorter values are hidden nowhere: they would be found in every line.
const SHORTEST_HIDDEN: usize = 4;
/// What stands in place of a value of the function's environment.
const HIDDEN: &str = "***";

/// Logs a line that a function wrote, without the values that only the function is to know.
fn tell(function: &str, line: &LogLine, environment: &[(String, String)]) {
    let text = hidden(&line.message, environment);
    let text = text.get(..text.floor_char_boundary(LONGEST_LINE)).unwrap_or_default();
    match line.level.as_str() {
        "error" => tracing::error!(target: FUNCTION_OUTPUT, function, "{text}"),
        "warn" => tracing::warn!(target: FUNCTION_OUTPUT, function, "{text}"),
        "debug" => tracing::debug!(target: FUNCTION_OUTPUT, function, "{text}"),
        _ => tracing::info!(target: FUNCTION_OUTPUT, function, "{text}"),
    }
}

/// A text without values of an environment. The longest go first: one may be a part of another.
fn hidden(text: &str, environment: &[(String, String)]) -> String {
    let mut values: Vec<&str> =
        environment.iter().map(|(_, value)| value.as_str()).filter(|value| value.len() >= SHORTEST_HIDDEN).collect();
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.into_iter().fold(text.to_owned(), |text, value| text.replace(value, HIDDEN))
}

fn not_started(name: &str, error: &Error) -> TaskError {
    TaskError::NotStarted(Failure::new(name, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_environment_are_hidden() {
        let environment = [("SHORT", "mine"), ("LONG", "key-of-mine"), ("TINY", "no")]
            .map(|(name, value)| (name.into(), value.into()));
        assert_eq!(hidden("a key-of-mine, not mine", &environment), "a ***, not ***");
    }
}

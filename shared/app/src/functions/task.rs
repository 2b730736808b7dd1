//! Functions as tasks of workflows: `millrace:function:{project}/{name}`.

use millrace_asl::Failure;

use super::invoke::Call;
use super::model::{FunctionName, account_owner};
use super::runtime::FunctionRuntime;
use super::service::Functions;
use crate::error::Error;
use crate::ids::InvocationId;
use crate::ports::Ports;
use crate::workers::{Executor, Task, TaskError, TaskResult};

/// What the resources of these tasks begin with.
pub const FUNCTION_TASKS: &str = "millrace:function:";

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
        let invoked = self.invoke(ports, call).await.map_err(|error| match &error {
            Error::NotFound { .. } => not_started("Function.NotFound", &error),
            Error::WrongState(_) => not_started("Function.Disabled", &error),
            Error::NotConfigured(_) => not_started("Function.NotConfigured", &error),
            _ => TaskError::Unable(error),
        })?;
        match invoked.result {
            Ok(json) => Ok(TaskResult::Succeeded(serde_json::from_str(&json).map_err(Error::internal)?)),
            Err(error) => Err(TaskError::failed(error.name, error.message)),
        }
    }
}

fn not_started(name: &str, error: &Error) -> TaskError {
    TaskError::NotStarted(Failure::new(name, error.to_string()))
}

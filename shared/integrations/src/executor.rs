//! Tasks of the queue of integrations.

use millrace_app::digest::sha256_hex;
use millrace_app::ports::Ports;
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};
use serde_json::Value;

use crate::{Call, Integrations, Resource};

/// So many hexadecimal digits tell one attempt from all others, and are a valid name of an execution.
const NAME: usize = 40;

impl Executor for Integrations {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        let resource = Resource::parse(&task.resource);
        let resource = resource.map_err(|error| TaskError::failed("States.Runtime", error.to_string()))?;
        let role = task.credentials.as_ref().and_then(|credentials| credentials.get("RoleArn")).and_then(Value::as_str);
        let attempt: String = sha256_hex(task.attempt.as_bytes()).chars().take(NAME).collect();
        let origin = [&task.caller.execution_arn, &task.caller.state_machine_arn];
        let origin: Vec<String> = origin.into_iter().filter(|arn| !arn.is_empty()).cloned().collect();
        let call = Call {
            resource: &resource,
            arguments: &task.input,
            role,
            attempt: &attempt,
            token: task.token.as_deref(),
            origin: &origin,
        };
        let answer = self.call(ports.secrets(), call).await.map_err(TaskError::Failed)?;
        let lasts = resource.pattern().outlasts_call();
        Ok(if lasts { TaskResult::Submitted(answer) } else { TaskResult::Succeeded(answer) })
    }
}

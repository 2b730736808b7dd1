//! Tasks of the queue of integrations: calls, what distributed Maps read from object storage and write to it, and those of built-in
//! workflows.

use millrace_app::builtins;
use millrace_app::digest::sha256_hex;
use millrace_app::identity::Role;
use millrace_app::map_runs;
use millrace_app::ports::Ports;
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};
use millrace_asl::map_run::Work;
use millrace_stepfunctions::{ApiCaller, StepFunctionsConfig};
use serde_json::{Map, Value};

use crate::{Call, Integrations, Resource, ServiceFault, StepFunctions, StepFunctionsAnswer};

/// So many hexadecimal digits tell one attempt from all others, and are a valid name of an execution.
const NAME: usize = 40;

/// This engine's Step Functions API, as the owner of the execution that calls it.
struct Own<'p, P> {
    ports: &'p P,
    config: StepFunctionsConfig,
    caller: ApiCaller,
}

impl<P: Ports> StepFunctions for Own<'_, P> {
    fn call<'a>(&'a self, operation: &'a str, body: Value, waiting: Option<&'a str>) -> StepFunctionsAnswer<'a> {
        Box::pin(async move {
            let none = Map::new();
            let members = body.as_object().unwrap_or(&none);
            let called =
                millrace_stepfunctions::call(self.ports, &self.config, &self.caller, operation, members, waiting).await;
            called.map_err(|refused| ServiceFault {
                status: refused.status,
                code: refused.name.to_owned(),
                legacy_code: None,
                message: refused.message,
                request_id: refused.request_id,
                extended_request_id: None,
                attempts: 1,
            })
        })
    }
}

impl Integrations {
    fn own<'p, P: Ports>(&self, ports: &'p P, task: &Task) -> Own<'p, P> {
        let configured = &self.0.step_functions;
        let named = |named: &Option<String>, configured: &String| named.as_ref().unwrap_or(configured).clone();
        let account = named(&task.caller.account, &configured.account);
        let region = named(&task.caller.region, &configured.region);
        // Who may write a workflow may do by it whatever they may do themselves.
        let caller = ApiCaller { account, owner: Some(task.owner.clone()), role: Role::Admin };
        Own { ports, config: StepFunctionsConfig { region, ..configured.clone() }, caller }
    }
}

impl Executor for Integrations {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        if Work::of(&task.resource).is_some() {
            return Box::pin(map_runs::execute(ports, self, task)).await;
        }
        if builtins::does(&task.resource) {
            return Box::pin(builtins::execute(ports, &self.0.builtins, self, task)).await;
        }
        let resource = Resource::parse(&task.resource);
        let resource = resource.map_err(|error| TaskError::failed("States.Runtime", error.to_string()))?;
        let role = task.credentials.as_ref().and_then(|credentials| credentials.get("RoleArn")).and_then(Value::as_str);
        let attempt: String = sha256_hex(task.attempt.as_bytes()).chars().take(NAME).collect();
        let origin = [&task.caller.execution_arn, &task.caller.state_machine_arn];
        let origin: Vec<String> = origin.into_iter().filter(|arn| !arn.is_empty()).cloned().collect();
        let own = self.own(ports, task);
        let call = Call {
            resource: &resource,
            arguments: &task.input,
            role,
            attempt: &attempt,
            token: task.token.as_deref(),
            origin: &origin,
            own: Some(&own),
        };
        let answer = self.call(ports.secrets(), call).await.map_err(TaskError::Failed)?;
        let lasts = resource.pattern().outlasts_call();
        Ok(if lasts { TaskResult::Submitted(answer) } else { TaskResult::Succeeded(answer) })
    }
}

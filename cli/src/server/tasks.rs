//! Who does which task: the agents their own, the models questions to them, the functions service users' functions, the integrations calls of services
//! and Lambda functions, what distributed Maps read and write, and the tasks of built-in workflows.

use millrace_agents::AllAgents;
use millrace_app::builtins;
use millrace_app::functions::{Functions, function_of};
use millrace_app::ports::Ports;
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};
use millrace_asl::definition::Resource;
use millrace_asl::map_run::Work;
use millrace_functions::SandboxRuntime;
use millrace_integrations::Integrations;
use millrace_models::Models;
use millrace_testing::ProjectTests;

/// All tasks of the local server.
#[derive(Debug, Clone)]
pub(crate) struct AllTasks {
    pub(crate) integrations: Integrations,
    pub(crate) functions: Functions<SandboxRuntime>,
    pub(crate) models: Models,
    pub(crate) agents: AllAgents<Models, ProjectTests>,
}

impl Executor for AllTasks {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        match Resource::of(&task.resource) {
            Resource::Lambda | Resource::Service { .. } => self.integrations.execute(ports, task).await,
            Resource::Own { .. } if Work::of(&task.resource).is_some() || builtins::does(&task.resource) => {
                self.integrations.execute(ports, task).await
            }
            Resource::Own { .. } if function_of(&task.resource).is_some() => self.functions.execute(ports, task).await,
            Resource::Own { .. } if Models::does(&task.resource) => self.models.execute(ports, task).await,
            Resource::Activity | Resource::Own { .. } => self.agents.execute(ports, task).await,
        }
    }
}

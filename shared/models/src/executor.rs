//! Models as tasks of workflows: `millrace:model`, and the end of queued single calls.

use millrace_app::models::{Callback, CallbackSender, MODEL_TASK, OUTCOME_TASK, do_model_task, do_outcome_task};
use millrace_app::ports::Ports;
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};

use crate::Models;

impl Models {
    /// Are tasks of this resource done here?
    #[must_use]
    pub fn does(resource: &str) -> bool {
        matches!(resource, MODEL_TASK | OUTCOME_TASK)
    }
}

impl Executor for Models {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        match task.resource.as_str() {
            MODEL_TASK => Ok(Box::pin(do_model_task(ports, self, task)).await?.into()),
            OUTCOME_TASK => Ok(do_outcome_task(ports, self, task).await?.into()),
            other => Err(TaskError::failed("Millrace.UnknownResource", format!("nobody does tasks of '{other}' here"))),
        }
    }
}

impl CallbackSender for Models {
    fn check(&self, url: &str) -> Option<String> {
        self.0.callbacks.check(url)
    }

    async fn send(&self, callback: Callback<'_>) -> Result<(), String> {
        self.0.callbacks.send(callback).await
    }
}

//! The PM, Dev, QA and Ops agents.
//!
//! Words are planned and written by models, templates without them.
//!
//! Each does one kind of task of a delivery workflow: it loads what it needs of the project, works, stores what it made
//! under ids that a repeated task gives again, and answers with ids and counts. [`context`], [`edit`],
//! [`session`] and [`package`] are the pure parts of the work; they know no ports; [`analysis`] is a crate of its own.

mod approval;
pub mod context;
mod dev;
pub mod edit;
mod ops;
pub mod package;
mod pm;
mod qa;
pub mod session;
mod work;

use std::sync::Arc;

use millrace_app::models::{ModelCaller, NoModel};
use millrace_app::ports::Ports;
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};

pub use dev::Dev;
pub use millrace_analysis as analysis;
pub use millrace_analysis::report;
pub use ops::Ops;
pub use pm::Pm;
pub use qa::Qa;

/// All agents in one process: the local server's executor.
#[derive(Debug, Default)]
pub struct AllAgents<M = NoModel> {
    models: Arc<M>,
}

impl AllAgents {
    /// Agents without a model: projects come from templates.
    #[must_use]
    pub fn offline() -> Self {
        Self::default()
    }
}

impl<M: ModelCaller> AllAgents<M> {
    /// Agents that plan and write words with these models.
    pub const fn new(models: Arc<M>) -> Self {
        Self { models }
    }
}

impl<M> Clone for AllAgents<M> {
    fn clone(&self) -> Self {
        Self { models: Arc::clone(&self.models) }
    }
}

impl<M: ModelCaller> Executor for AllAgents<M> {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        match task.resource.as_str() {
            "millrace:agent:pm" | approval::RESOURCE => Pm::new(Arc::clone(&self.models)).execute(ports, task).await,
            "millrace:agent:dev" => Dev::new(Arc::clone(&self.models)).execute(ports, task).await,
            "millrace:agent:qa" => Qa.execute(ports, task).await,
            "millrace:agent:ops" => Ops.execute(ports, task).await,
            other => Err(TaskError::failed("Millrace.UnknownResource", format!("no agent does '{other}'"))),
        }
    }
}

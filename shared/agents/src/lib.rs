//! The PM, Dev, QA and Ops agents.
//!
//! Words are planned and written by models, templates without them.
//!
//! Each does one kind of task of a delivery workflow: it loads what it needs of the project, works, stores what it made
//! under ids that a repeated task gives again, and answers with ids and counts. [`context`], [`edit`],
//! [`session`] and [`package`] are the pure parts of the work; they know no ports; [`analysis`] is a crate of its own. What
//! runs a project's tests comes from outside ([`testing`]).

mod approval;
pub mod context;
mod dev;
pub mod edit;
mod ops;
pub mod package;
mod pm;
mod qa;
pub mod session;
pub mod testing;
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
use testing::{NoTests, TestRunner};

/// All agents in one process: the local server's executor.
#[derive(Debug, Default)]
pub struct AllAgents<M = NoModel, R = NoTests> {
    models: Arc<M>,
    tests: Arc<R>,
}

impl AllAgents {
    /// Agents without a model: projects come from templates. Nothing runs tests.
    #[must_use]
    pub fn offline() -> Self {
        Self::default()
    }
}

impl<M: ModelCaller> AllAgents<M> {
    /// Agents that plan and write words with these models. Nothing runs tests.
    pub fn new(models: Arc<M>) -> Self {
        Self { models, tests: Arc::default() }
    }
}

impl<M, R> AllAgents<M, R> {
    /// The same agents, with something that runs the projects' tests.
    pub fn with_tests<T: TestRunner>(self, tests: Arc<T>) -> AllAgents<M, T> {
        AllAgents { models: self.models, tests }
    }
}

impl<M, R> Clone for AllAgents<M, R> {
    fn clone(&self) -> Self {
        Self { models: Arc::clone(&self.models), tests: Arc::clone(&self.tests) }
    }
}

impl<M: ModelCaller, R: TestRunner> Executor for AllAgents<M, R> {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        match task.resource.as_str() {
            "millrace:agent:pm" | approval::RESOURCE => Pm::new(Arc::clone(&self.models)).execute(ports, task).await,
            "millrace:agent:dev" => Dev::new(Arc::clone(&self.models)).execute(ports, task).await,
            "millrace:agent:qa" => Qa::new(Arc::clone(&self.tests)).execute(ports, task).await,
            "millrace:agent:ops" => Ops.execute(ports, task).await,
            other => Err(TaskError::failed("Millrace.UnknownResource", format!("no agent does '{other}'"))),
        }
    }
}

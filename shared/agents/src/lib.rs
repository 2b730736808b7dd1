//! The PM, Dev, QA and Ops agents.
//!
//! Each does one kind of task of a delivery workflow: it loads what it needs of the project, works, stores what it made
//! under ids that a repeated task gives again, and answers with ids and counts. [`analysis`], [`report`] and [`package`]
//! are the pure parts of the work; they know no ports.

pub mod analysis;
pub mod context;
mod dev;
pub mod edit;
mod ops;
pub mod package;
pub mod planning;
mod pm;
mod qa;
pub mod report;
mod work;

use millrace_app::ports::Ports;
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};

pub use dev::Dev;
pub use ops::Ops;
pub use pm::Pm;
pub use qa::Qa;

/// All agents in one process: the local server's executor.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllAgents;

impl Executor for AllAgents {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        match task.resource.as_str() {
            "millrace:agent:pm" => Pm.execute(ports, task).await,
            "millrace:agent:dev" => Dev.execute(ports, task).await,
            "millrace:agent:qa" => Qa.execute(ports, task).await,
            "millrace:agent:ops" => Ops.execute(ports, task).await,
            other => Err(TaskError::failed("Millrace.UnknownResource", format!("no agent does '{other}'"))),
        }
    }
}

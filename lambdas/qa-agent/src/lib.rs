//! The qa-agent function: it checks and measures the files of a project, and runs its JavaScript tests.
//!
//! Its queue's messages go to `millrace_app::workers`, which has the agent do the task, commits the result and moves
//! the workflow on.

use millrace_agents::Qa;
use millrace_agents::testing::TestRunner;
use millrace_app::ports::{Ports, Queue};
use millrace_aws::worker::{BatchResponse, SqsEvent, handle_tasks};

/// Handles the messages of an event, and answers which ones failed.
pub async fn handle<P: Ports, R: TestRunner>(ports: &P, agent: &Qa<R>, event: SqsEvent) -> BatchResponse {
    handle_tasks(ports, agent, Queue::Qa, event).await
}

//! The pm-agent function: it makes a plan of a request.
//!
//! Its queue's messages go to `millrace_app::workers`, which has the agent do the task, commits the result and moves
//! the workflow on.

use millrace_agents::Pm;
use millrace_app::models::ModelCaller;
use millrace_app::ports::{Ports, Queue};
use millrace_aws::worker::{BatchResponse, SqsEvent, handle_tasks};

/// Handles the messages of an event, and answers which ones failed.
pub async fn handle<P: Ports, M: ModelCaller>(ports: &P, agent: &Pm<M>, event: SqsEvent) -> BatchResponse {
    handle_tasks(ports, agent, Queue::Pm, event).await
}

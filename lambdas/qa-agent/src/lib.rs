//! The qa-agent function: it checks and measures the files of a project.
//!
//! Its queue's messages go to `millrace_app::workers`, which has the agent do the task, commits the result and moves
//! the workflow on.

use millrace_agents::Qa;
use millrace_app::ports::{Ports, Queue};
use millrace_app::workers;
use millrace_aws::worker::{BatchResponse, SqsEvent, handle_batch};

/// Handles the messages of an event one by one, and answers which ones failed.
pub async fn handle<P: Ports>(ports: &P, event: SqsEvent) -> BatchResponse {
    handle_batch(ports, Queue::Qa, event, async |delivery| workers::handle(ports, &Qa, Queue::Qa, &delivery).await)
        .await
}

//! The dev-agent function: it writes the files of a task.
//!
//! Its queue's messages go to `millrace_app::workers`, which has the agent do the task, commits the result and moves
//! the workflow on.

use millrace_agents::Dev;
use millrace_app::ports::{Ports, Queue};
use millrace_app::workers;
use millrace_aws::worker::{BatchResponse, SqsEvent, handle_batch};

/// Handles the messages of an event one by one, and answers which ones failed.
pub async fn handle<P: Ports>(ports: &P, event: SqsEvent) -> BatchResponse {
    handle_batch(ports, Queue::Dev, event, async |delivery| workers::handle(ports, &Dev, Queue::Dev, &delivery).await)
        .await
}

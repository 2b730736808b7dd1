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

#[cfg(test)]
mod tests {
    use millrace_simulation::MemoryPorts;

    use super::*;

    async fn failed(event: &str) -> Vec<String> {
        let response = handle(&MemoryPorts::new(1), serde_json::from_str(event).unwrap()).await;
        response.failures.into_iter().map(|failure| failure.id).collect()
    }

    #[tokio::test]
    async fn a_task_of_an_execution_that_is_gone_is_done() {
        assert_eq!(failed(include_str!("../../../events/qa-agent/task.json")).await, [] as [&str; 0]);
    }

    #[tokio::test]
    async fn a_malformed_message_fails_alone() {
        let failed = failed(include_str!("../../../events/qa-agent/malformed.json")).await;
        assert_eq!(failed, ["2e1424d4-f796-459a-8184-9c92662be6da"]);
    }
}

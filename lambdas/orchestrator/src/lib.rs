//! The orchestrator function: what no worker drives, and the sweep for stuck work.
//!
//! Two things trigger it: messages of the engine's queue, and a schedule.

use millrace_app::executions::{Patience, sweep};
use millrace_app::ports::{Ports, Queue};
use millrace_app::workers::{self, NoTasks};
use millrace_aws::telemetry::chain;
use millrace_aws::worker::{BatchResponse, SqsEvent, handle_batch};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Why an event was not handled. Lambda records it as a failed invocation.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// The event is neither an SQS batch nor a schedule's.
    #[error("the event is neither a batch of SQS messages nor a scheduled one")]
    UnknownEvent,
    /// The sweep failed; the next one does what it left.
    #[error("the sweep failed")]
    Sweep(#[source] millrace_app::Error),
}

/// What the function answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To SQS.
    Batch(BatchResponse),
    /// To a schedule.
    Swept {
        /// Executions that were due.
        looked_at: usize,
        /// Threads whose messages were sent again.
        repaired: usize,
    },
}

/// Handles a batch of messages, or sweeps.
///
/// # Errors
/// [`HandleError`]
pub async fn handle<P: Ports>(ports: &P, event: Value) -> Result<Answer, HandleError> {
    if let Ok(batch) = SqsEvent::deserialize(&event) {
        let handled = handle_batch(ports, Queue::Engine, batch, async |delivery| {
            workers::handle(ports, &NoTasks, Queue::Engine, &delivery).await
        });
        return Ok(Answer::Batch(handled.await));
    }
    if event.get("detail-type").and_then(Value::as_str) != Some("Scheduled Event") {
        return Err(HandleError::UnknownEvent);
    }
    match sweep(ports, Patience::Grace).await {
        Ok(report) => {
            tracing::info!(looked_at = report.looked_at, repaired = report.repaired, "swept");
            Ok(Answer::Swept { looked_at: report.looked_at, repaired: report.repaired })
        }
        Err(error) => {
            tracing::error!(error = chain(&error), code = error.code(), "the sweep failed");
            Err(HandleError::Sweep(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_simulation::MemoryPorts;
    use serde_json::{from_str, json, to_value};

    use super::*;

    async fn answer(event: &str) -> Value {
        to_value(handle(&MemoryPorts::new(1), from_str(event).unwrap()).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn messages_of_executions_that_are_gone_are_done() {
        let answer = answer(include_str!("../../../events/orchestrator/messages.json")).await;
        assert_eq!(answer, json!({"batchItemFailures": []}));
    }

    #[tokio::test]
    async fn malformed_messages_fail_alone() {
        let answer = answer(include_str!("../../../events/orchestrator/malformed.json")).await;
        let failed = |id| json!({"itemIdentifier": id});
        let failures = ["2e1424d4-f796-459a-8184-9c92662be6da", "9f1d7b6c-5c3a-4a59-9b0e-0b7a3f6f2d11"].map(failed);
        assert_eq!(answer, json!({"batchItemFailures": failures}));
    }

    #[tokio::test]
    async fn a_schedule_sweeps() {
        let answer = answer(include_str!("../../../events/orchestrator/sweep.json")).await;
        assert_eq!(answer, json!({"looked_at": 0, "repaired": 0}));
    }

    #[tokio::test]
    async fn another_event_is_refused() {
        let event = from_str(include_str!("../../../events/orchestrator/unknown.json")).unwrap();
        assert!(matches!(handle(&MemoryPorts::new(1), event).await, Err(HandleError::UnknownEvent)));
    }
}

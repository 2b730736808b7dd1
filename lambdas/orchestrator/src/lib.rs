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

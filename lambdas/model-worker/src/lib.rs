//! The model-worker function: it asks models for Task states and for queued single calls, and tells those their outcome.
//!
//! Its queue's messages go to `millrace_app::workers`, which has `millrace-models` make the call, commits the result and
//! moves the workflow on.

use millrace_app::ports::{Ports, Queue};
use millrace_aws::worker::{BatchResponse, SqsEvent, handle_tasks};
use millrace_models::Models;

/// Handles the messages of an event, all at once, and answers which ones failed.
pub async fn handle<P: Ports>(ports: &P, models: &Models, event: SqsEvent) -> BatchResponse {
    handle_tasks(ports, models, Queue::Models, event).await
}

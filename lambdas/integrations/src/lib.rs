//! The integrations function: it calls services and HTTP endpoints for Task states.
//!
//! Its queue's messages go to `millrace_app::workers`, which has `millrace-integrations` make the call, commits the result
//! and moves the workflow on.

use millrace_app::ports::{Ports, Queue};
use millrace_aws::worker::{BatchResponse, SqsEvent, handle_tasks};
use millrace_integrations::Integrations;

/// Handles the messages of an event, all at once, and answers which ones failed.
pub async fn handle<P: Ports>(ports: &P, integrations: &Integrations, event: SqsEvent) -> BatchResponse {
    handle_tasks(ports, integrations, Queue::Integrations, event).await
}

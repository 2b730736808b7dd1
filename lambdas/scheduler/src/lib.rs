//! The scheduler function: schedules whose time has come.
//!
//! Its queue's messages, which timers put there, go to `millrace_app::workers`: what is due is started, and the next timer set.

use millrace_app::ports::{Ports, Queue};
use millrace_app::workers::NoTasks;
use millrace_aws::worker::{BatchResponse, SqsEvent, handle_tasks};

/// Handles the messages of an event, all at once, and answers which ones failed.
pub async fn handle<P: Ports>(ports: &P, event: SqsEvent) -> BatchResponse {
    handle_tasks(ports, &NoTasks, Queue::Scheduler, event).await
}

//! The notifier function: makes deliveries of changes that the table's stream tells of, and makes those deliveries.
//!
//! Both kinds of events come to one function, so that what is seldom busy costs one. `millrace_app::notifications` does the
//! rest.

use millrace_app::Error;
use millrace_app::changes::Change;
use millrace_app::notifications::{Deliverer, NotificationSender, publish};
use millrace_app::ports::{Ports, Queue};
use millrace_aws::stream::{StreamEvent, StreamRecord};
use millrace_aws::worker::{BatchResponse, SqsEvent, handle_together};
use serde_json::Value;

/// Handles a batch of changes, or of messages all at once, and answers which ones are to come again.
///
/// # Errors
/// [`Error::Internal`] for an event of neither kind.
pub async fn handle<P: Ports, S: NotificationSender>(
    ports: &P,
    deliverer: &Deliverer<S>,
    event: Value,
) -> Result<BatchResponse, Error> {
    match event.pointer("/Records/0/eventSource").and_then(Value::as_str) {
        Some("aws:dynamodb") => Ok(changes(ports, StreamEvent::parse(event)?).await),
        Some("aws:sqs") => {
            let records = event.get("Records").and_then(Value::as_array).cloned().unwrap_or_default();
            let handle = async |delivery| deliverer.handle(ports, &delivery).await;
            Ok(handle_together(ports, Queue::Notifications, SqsEvent { records }, handle).await)
        }
        _ => Err(Error::internal("the event is neither of the table's stream nor of a queue")),
    }
}

async fn changes<P: Ports>(ports: &P, event: StreamEvent) -> BatchResponse {
    let read = |record: &StreamRecord| match record.change() {
        Ok(change) => change,
        // Repeating would not mend it, and would hold up what comes after it.
        Err(error) => {
            tracing::error!(%error, "a record of the table's stream can't be read: nobody is told of it");
            None
        }
    };
    let (records, changes): (Vec<&StreamRecord>, Vec<Change>) =
        event.records.iter().filter_map(|record| Some((record, read(record)?))).unzip();
    let published = publish(ports, &changes).await;
    let Some(problem) = published.problem else { return BatchResponse::default() };
    tracing::error!(error = %problem, code = problem.code(), "changes could not be told of; they come again");
    records.get(published.changes).map_or_else(BatchResponse::default, |record| record.again_from_here())
}

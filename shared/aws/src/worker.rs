//! The loop of a function that SQS triggers.
//!
//! Records are handled one by one, each on its own: one that can't be read, fails or panics is reported as a failure of
//! its own (`ReportBatchItemFailures`) and nothing else is. A failed message would stay hidden for six times the
//! function's timeout; the loop makes it visible again after a pause that grows with the receive count.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::time::Duration;

use millrace_app::Error;
use millrace_app::ports::{Delivery, MessageQueues, Ports, Queue};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::Instrument;

use crate::telemetry::chain;

/// An event that SQS sent to Lambda. Records stay unread, so that a malformed one spoils nothing else.
#[derive(Debug, Clone, Deserialize)]
pub struct SqsEvent {
    /// The batch.
    #[serde(rename = "Records")]
    pub records: Vec<Value>,
}

/// Which records SQS has to deliver again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BatchResponse {
    /// The failed ones.
    #[serde(rename = "batchItemFailures")]
    pub failures: Vec<BatchItemFailure>,
}

/// One failed record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchItemFailure {
    /// Its `messageId`. Empty for a record without one, which makes SQS deliver the whole batch again.
    #[serde(rename = "itemIdentifier")]
    pub id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsRecord {
    message_id: String,
    receipt_handle: String,
    body: String,
    attributes: SqsAttributes,
}

#[derive(Deserialize)]
struct SqsAttributes {
    #[serde(rename = "ApproximateReceiveCount")]
    receive_count: String,
}

fn parse(record: &Value) -> Result<Delivery, String> {
    let record = SqsRecord::deserialize(record).map_err(|error| error.to_string())?;
    let receive_count = record.attributes.receive_count.parse();
    Ok(Delivery {
        id: record.message_id,
        receipt: record.receipt_handle,
        body: record.body,
        receive_count: receive_count.map_err(|error| format!("ApproximateReceiveCount: {error}"))?,
    })
}

/// How long a failed message waits for its next delivery: 5 s, then 1 minute. The last failure and one that repeating
/// can't mend wait for nothing: what follows is the dead-letter queue.
fn pause(error: Option<&Error>, receive_count: u32) -> Duration {
    match receive_count {
        _ if !error.is_none_or(Error::is_retryable) => Duration::ZERO,
        0 | 1 => Duration::from_secs(5),
        count if count < Queue::MAX_RECEIVES => Duration::from_secs(60),
        _ => Duration::ZERO,
    }
}

/// Runs a future to its end; `None` when it panicked. The panic's message went to standard error.
async fn catch_panic<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => std::task::Poll::Ready(None),
    })
    .await
}

/// Hands the records of an event to `handle`, one after the other, and answers which ones failed.
///
/// `handle` answers an error only where the message has to be delivered again; what is wrong with an execution is
/// recorded there and the message is done.
pub async fn handle_batch<P, H, F>(ports: &P, queue: Queue, event: SqsEvent, handle: H) -> BatchResponse
where
    P: Ports,
    H: Fn(Delivery) -> F,
    F: Future<Output = Result<(), Error>>,
{
    let mut failures = Vec::new();
    for record in &event.records {
        let delivery = match parse(record) {
            Ok(delivery) => delivery,
            Err(problem) => {
                let id = record.get("messageId").and_then(Value::as_str).unwrap_or_default().to_owned();
                tracing::error!(queue = queue.name(), message_id = id, problem, "a record could not be read");
                failures.push(BatchItemFailure { id });
                continue;
            }
        };
        let (id, receipt, count) = (delivery.id.clone(), delivery.receipt.clone(), delivery.receive_count);
        let span = tracing::info_span!("message", queue = queue.name(), message_id = id, receive_count = count);
        let handled = async {
            // Boxed: the state of a whole workflow step is large.
            let result = catch_panic(Box::pin(handle(delivery))).await;
            let error = match &result {
                Some(Ok(())) => return true,
                Some(Err(error)) => {
                    tracing::error!(error = chain(error), code = error.code(), "a message failed");
                    Some(error)
                }
                None => {
                    tracing::error!("handling a message panicked");
                    None
                }
            };
            if let Err(error) = ports.queues().release(queue, &receipt, pause(error, count)).await {
                tracing::warn!(error = chain(&error), "a failed message stays hidden until its visibility ends");
            }
            false
        };
        if !handled.instrument(span).await {
            failures.push(BatchItemFailure { id });
        }
    }
    BatchResponse { failures }
}

//! The loop of a function that SQS triggers.
//!
//! Records are handled one by one, each on its own: one that can't be read, fails or panics is reported as a failure of
//! its own (`ReportBatchItemFailures`) and nothing else is. A failed message would stay hidden for six times the
//! function's timeout; the loop makes it visible again after a pause that grows with the receive count.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::join_all;
use millrace_app::Error;
use millrace_app::ports::{Delivery, MessageQueues, Ports, Queue};
use millrace_app::workers::{self, Executor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::Instrument;

use crate::telemetry::{chain, flush};

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

/// Has `executor` do the tasks of an event, all at once, commits their results and moves the workflows on. Answers which
/// ones failed.
///
/// A queue whose tasks compute gives its function one message at a time; more are for tasks that wait for others.
pub async fn handle_tasks<P: Ports, E: Executor>(
    ports: &P,
    executor: &E,
    queue: Queue,
    event: SqsEvent,
) -> BatchResponse {
    let handle = async |delivery| workers::handle(ports, executor, queue, &delivery).await;
    handle_together(ports, queue, event, handle).await
}

/// Hands the records of an event to `handle`, all at once, and answers which ones failed.
pub async fn handle_together<P, H, F>(ports: &P, queue: Queue, event: SqsEvent, handle: H) -> BatchResponse
where
    P: Ports,
    H: Fn(Delivery) -> F,
    F: Future<Output = Result<(), Error>>,
{
    let handled = join_all(event.records.iter().map(|record| handle_record(ports, queue, record, &handle)));
    let failures = handled.await.into_iter().flatten().collect();
    // Afterwards the process may be frozen.
    flush().await;
    BatchResponse { failures }
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
        failures.extend(handle_record(ports, queue, record, &handle).await);
    }
    flush().await;
    BatchResponse { failures }
}

/// Handles one record; the answer is there when it failed.
async fn handle_record<P, H, F>(ports: &P, queue: Queue, record: &Value, handle: &H) -> Option<BatchItemFailure>
where
    P: Ports,
    H: Fn(Delivery) -> F,
    F: Future<Output = Result<(), Error>>,
{
    let delivery = match parse(record) {
        Ok(delivery) => delivery,
        Err(problem) => {
            let id = record.get("messageId").and_then(Value::as_str).unwrap_or_default().to_owned();
            tracing::error!(queue = queue.name(), message_id = id, problem, "a record could not be read");
            return Some(BatchItemFailure { id });
        }
    };
    let (id, receipt, count) = (delivery.id.clone(), delivery.receipt.clone(), delivery.receive_count);
    let span = workers::log_span(queue, &delivery);
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
                workers::note_panic(ports, queue, &id, count).await;
                None
            }
        };
        if let Err(error) = ports.queues().release(queue, &receipt, pause(error, count)).await {
            tracing::warn!(error = chain(&error), "a failed message stays hidden until its visibility ends");
        }
        false
    };
    if handled.instrument(span).await { None } else { Some(BatchItemFailure { id }) }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use millrace_app::ports::{OutgoingMessage, StoreError};
    use millrace_simulation::MemoryPorts;
    use serde_json::json;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn record(delivery: &Delivery) -> Value {
        json!({
            "messageId": delivery.id,
            "receiptHandle": delivery.receipt,
            "body": delivery.body,
            "attributes": {"ApproximateReceiveCount": delivery.receive_count.to_string()},
        })
    }

    /// An event with the messages that wait in the PM queue.
    async fn event(ports: &MemoryPorts) -> SqsEvent {
        let taken = ports.queues().receive(Queue::Pm, 10, HOUR, Duration::ZERO).await.unwrap();
        SqsEvent { records: taken.iter().map(record).collect() }
    }

    async fn send(ports: &MemoryPorts, bodies: &[&str]) {
        let message = |body: &&str| OutgoingMessage { name: "n".into(), body: (*body).to_owned(), deliver_at: None };
        ports.queues().send(Queue::Pm, bodies.iter().map(message).collect()).await.unwrap();
    }

    async fn work(delivery: Delivery) -> Result<(), Error> {
        match delivery.body.as_str() {
            "panic" => panic!("as asked"),
            "unavailable" => Err(StoreError::unavailable("test", "down").into()),
            "internal" => Err(Error::internal("bug")),
            _ => Ok(()),
        }
    }

    #[tokio::test]
    async fn what_fails_or_panics_fails_alone() {
        let ports = MemoryPorts::new(1);
        send(&ports, &["good", "panic", "good", "unavailable", "internal"]).await;
        let mut event = event(&ports).await;
        let ids: Vec<String> =
            event.records.iter().map(|record| record["messageId"].as_str().unwrap().into()).collect();
        event.records.push(json!({"messageId": "odd", "body": 1}));
        event.records.push(json!("no record at all"));
        let handled = Mutex::new(0);
        let response = handle_batch(&ports, Queue::Pm, event, async |delivery| {
            *handled.lock().unwrap() += 1;
            work(delivery).await
        })
        .await;
        let failed: Vec<&str> = response.failures.iter().map(|failure| failure.id.as_str()).collect();
        assert_eq!(failed, [&ids[1], &ids[3], &ids[4], "odd", ""]);
        assert_eq!(*handled.lock().unwrap(), 5);
    }

    #[tokio::test]
    async fn a_failed_message_comes_again_after_a_pause_that_fits_the_failure() {
        let ports = MemoryPorts::new(1);
        send(&ports, &["unavailable", "internal"]).await;
        handle_batch(&ports, Queue::Pm, event(&ports).await, work).await;
        let bodies = |event: &SqsEvent| event.records.iter().map(|record| record["body"].clone()).collect::<Vec<_>>();
        let again = event(&ports).await;
        assert_eq!(bodies(&again), ["internal"], "repeating won't mend it: the dead letters are next");
        ports.pass(Duration::from_secs(5));
        let again = event(&ports).await;
        assert_eq!(bodies(&again), ["unavailable"]);
        handle_batch(&ports, Queue::Pm, again, work).await;
        ports.pass(Duration::from_secs(59));
        assert!(event(&ports).await.records.is_empty());
        ports.pass(Duration::from_secs(1));
        assert_eq!(bodies(&event(&ports).await), ["unavailable"]);
    }

    #[test]
    fn the_answer_is_what_lambda_reads() {
        let failures = vec![BatchItemFailure { id: "a".into() }];
        assert_eq!(
            serde_json::to_value(BatchResponse { failures }).unwrap(),
            json!({"batchItemFailures": [{"itemIdentifier": "a"}]})
        );
    }
}

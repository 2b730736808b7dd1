//! Queues on SQS, and timers on EventBridge Scheduler.

mod dead;

use std::sync::Arc;
use std::time::Duration;

use millrace_app::Timestamp;
use millrace_app::ports::{
    DeadLetter, Delivery, Letters, MessageQueues, OutgoingMessage, Page, Queue, QueueDepth, StoreError, StoreResult,
};
use serde_json::json;

use crate::clock::now;
use crate::dynamo::pause;
use crate::gather::Gather;
use crate::messages::{
    Batch, BatchAnswer, FlexibleTimeWindow, Message, QueueAttributes, Received, Schedule, SendEntry, SystemAttributes,
    Target,
};
use crate::services::{CallFailed, SQS, Services, body};

/// Standard queues, each with its dead-letter queue. A message for a time within fifteen minutes waits in the queue; a
/// later one is a one-time schedule that sends it and is then deleted.
#[derive(Debug, Clone)]
pub struct SqsQueues {
    services: Arc<Services>,
    gather: Arc<Gather>,
}

/// SQS's limits: messages and bytes a request, seconds of a delay, a poll and a visibility.
const BATCH: usize = 10;
const BATCH_BYTES: usize = 256 * 1024;
const MAX_DELAY: i64 = 900;
const MAX_WAIT: u64 = 20;
const MAX_VISIBILITY: u64 = 12 * 60 * 60;

/// How often the part of a batch that SQS could not take is sent again.
const SEND_ATTEMPTS: u32 = 5;

/// Seconds from now until a time, rounded up.
fn seconds_until(at: Timestamp, now: Timestamp) -> i64 {
    let millis = at.millis().saturating_sub(now.millis()).max(0);
    millis / 1_000 + i64::from(millis % 1_000 != 0)
}

/// The ARN of a queue by its URL `https://sqs.{region}.{domain}/{account}/{name}`.
fn queue_arn(region: &str, url: &str) -> StoreResult<String> {
    let mut parts = url.rsplit('/');
    let (Some(name), Some(account)) = (parts.next(), parts.next()) else {
        return Err(StoreError::unavailable("MessageQueues", format!("{url:?} is not the URL of a queue")));
    };
    let partition = match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    Ok(format!("arn:{partition}:sqs:{region}:{account}:{name}"))
}

/// The expression of a one-time schedule: whole seconds in UTC, rounded up.
fn schedule_expression(at: Timestamp) -> String {
    let second = at.millis().div_euclid(1_000) + i64::from(at.millis().rem_euclid(1_000) != 0);
    let text = Timestamp::from_millis(second.saturating_mul(1_000)).to_string();
    format!("at({})", text.split('.').next().unwrap_or_default())
}

/// Splits messages into requests that SQS takes.
fn batches(messages: Vec<(OutgoingMessage, i32)>) -> Vec<Vec<(OutgoingMessage, i32)>> {
    let mut batches: Vec<Vec<(OutgoingMessage, i32)>> = Vec::new();
    let mut room = 0;
    for message in messages {
        let size = message.0.body.len();
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH && size <= room => {
                room -= size;
                batch.push(message);
            }
            _ => {
                room = BATCH_BYTES.saturating_sub(size);
                batches.push(vec![message]);
            }
        }
    }
    batches
}

fn seconds(duration: Duration, limit: u64) -> i32 {
    let up = duration.as_secs() + u64::from(duration.subsec_nanos() != 0);
    i32::try_from(up.min(limit)).unwrap_or(i32::MAX)
}

/// Does the error say that the message is no longer this receiver's?
fn is_stale_receipt(error: &CallFailed) -> bool {
    ["ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"].iter().any(|code| error.is(code))
}

const RECEIVE_COUNT: &str = "ApproximateReceiveCount";
const SENT: &str = "SentTimestamp";
const FIRST_RECEIVE: &str = "ApproximateFirstReceiveTimestamp";

fn receive_count(message: &Message) -> u32 {
    message.attributes.get(RECEIVE_COUNT).and_then(|count| count.parse().ok()).unwrap_or(1)
}

impl SqsQueues {
    pub(crate) fn new(services: Arc<Services>) -> Self {
        Self { services, gather: Arc::default() }
    }

    fn url(&self, queue: Queue) -> StoreResult<&str> {
        self.services.config.queues.get(&queue).map(String::as_str).ok_or_else(|| missing(queue, "QUEUE"))
    }

    fn dead_letter_url(&self, queue: Queue) -> StoreResult<&str> {
        self.services.config.dead_letter_queues.get(&queue).map(String::as_str).ok_or_else(|| missing(queue, "DLQ"))
    }

    async fn send_batch(&self, url: &str, batch: Vec<(OutgoingMessage, i32)>) -> StoreResult<()> {
        const SEND: &str = "MessageQueues::send";
        let entry = |(id, (message, delay)): (usize, (OutgoingMessage, i32))| SendEntry {
            id: id.to_string(),
            message_system_attributes: message.span().map(SystemAttributes::of),
            message_body: message.body,
            delay_seconds: (delay > 0).then_some(delay),
        };
        let mut entries: Vec<SendEntry> = batch.into_iter().enumerate().map(entry).collect();
        for attempt in 1.. {
            let request = body(SEND, &Batch { queue_url: url, entries: &entries })?;
            let answer = self.services.ask(&SQS, "SendMessageBatch", request).await;
            let BatchAnswer { failed } = answer.map_err(|error| StoreError::unavailable(SEND, error))?;
            let Some(first) = failed.first() else {
                break;
            };
            if attempt == SEND_ATTEMPTS || failed.iter().any(|failed| failed.sender_fault) {
                let (code, text) = (&first.code, first.message.as_deref().unwrap_or_default());
                return Err(StoreError::unavailable(SEND, format!("{} not sent: {code} {text}", failed.len())));
            }
            entries.retain(|entry| failed.iter().any(|failed| failed.id == entry.id));
            tokio::time::sleep(pause(attempt)).await;
        }
        Ok(())
    }

    /// Makes the schedule of a message; one of the same name is the same message, sent before.
    async fn schedule(&self, url: &str, message: OutgoingMessage, at: Timestamp) -> StoreResult<()> {
        const SCHEDULE: &str = "MessageQueues::send";
        let config = &self.services.config;
        let schedule = Schedule {
            group_name: &config.schedule_group,
            schedule_expression: schedule_expression(at),
            schedule_expression_timezone: "UTC",
            flexible_time_window: FlexibleTimeWindow { mode: "OFF" },
            action_after_completion: "DELETE",
            target: Target {
                arn: queue_arn(config.endpoints.region(), url)?,
                role_arn: &config.schedule_role_arn,
                input: message.body,
            },
        };
        match self.services.create_schedule(&message.name, body(SCHEDULE, &schedule)?).await {
            Err(error) if !error.is("ConflictException") => Err(StoreError::unavailable(SCHEDULE, error)),
            _ => Ok(()),
        }
    }

    async fn count(&self, url: &str) -> StoreResult<QueueDepth> {
        const DEPTH: &str = "MessageQueues::depth";
        let names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ];
        let request = body(DEPTH, &json!({ "QueueUrl": url, "AttributeNames": names }))?;
        let answer = self.services.ask(&SQS, "GetQueueAttributes", request).await;
        let QueueAttributes { attributes } = answer.map_err(|error| StoreError::unavailable(DEPTH, error))?;
        let number = |name: &str| attributes.get(name).and_then(|number| number.parse().ok()).unwrap_or_default();
        let [ready, in_flight, delayed] = names.map(number);
        Ok(QueueDepth { ready, in_flight, delayed, dead: 0, oldest_at: None })
    }

    async fn take(&self, url: &str, max: usize, visibility: Duration, wait: Duration) -> StoreResult<Vec<Message>> {
        const RECEIVE: &str = "MessageQueues::receive";
        let request = json!({
            "QueueUrl": url,
            "MaxNumberOfMessages": max.clamp(1, BATCH),
            "VisibilityTimeout": seconds(visibility, MAX_VISIBILITY),
            "WaitTimeSeconds": seconds(wait, MAX_WAIT),
            "MessageSystemAttributeNames": [RECEIVE_COUNT, SENT, FIRST_RECEIVE],
        });
        let answer = self.services.ask(&SQS, "ReceiveMessage", body(RECEIVE, &request)?).await;
        let Received { messages } = answer.map_err(|error| StoreError::unavailable(RECEIVE, error))?;
        Ok(messages)
    }

    /// Does something with a received message; one that is no longer this receiver's is done.
    async fn settle(&self, name: &'static str, operation: &'static str, request: serde_json::Value) -> StoreResult<()> {
        match self.services.json(&SQS, operation, body(name, &request)?).await {
            Err(error) if !is_stale_receipt(&error) => Err(StoreError::unavailable(name, error)),
            _ => Ok(()),
        }
    }
}

fn missing(queue: Queue, what: &str) -> StoreError {
    let name = queue.name().to_uppercase();
    StoreError::unavailable("MessageQueues", format!("this function has no {name}_{what}_URL"))
}

impl MessageQueues for SqsQueues {
    async fn send(&self, queue: Queue, messages: Vec<OutgoingMessage>) -> StoreResult<()> {
        let url = self.url(queue)?;
        let limit = OutgoingMessage::MAX_BYTES;
        if let Some(large) = messages.iter().find(|message| message.body.len() > limit) {
            return Err(StoreError::TooLarge { what: "a message", size: large.body.len(), limit });
        }
        let now = now();
        let mut soon = Vec::with_capacity(messages.len());
        for message in messages {
            let delay = message.deliver_at.map_or(0, |at| seconds_until(at, now));
            match (message.deliver_at, i32::try_from(delay)) {
                (_, Ok(delay)) if i64::from(delay) <= MAX_DELAY => soon.push((message, delay)),
                (Some(at), _) => self.schedule(url, message, at).await?,
                (None, _) => soon.push((message, 0)),
            }
        }
        if soon.is_empty() {
            return Ok(());
        }
        let send = async |all| {
            for batch in batches(all) {
                self.send_batch(url, batch).await?;
            }
            Ok(())
        };
        self.gather.send(queue, soon, send).await
    }

    async fn receive(
        &self,
        queue: Queue,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> StoreResult<Vec<Delivery>> {
        let messages = self.take(self.url(queue)?, max, visibility, wait).await?;
        let delivery = |message: Message| Delivery {
            receive_count: receive_count(&message),
            id: message.message_id.unwrap_or_default(),
            receipt: message.receipt_handle.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
        };
        Ok(messages.into_iter().map(delivery).collect())
    }

    async fn delete(&self, queue: Queue, receipt: &str) -> StoreResult<()> {
        let request = json!({ "QueueUrl": self.url(queue)?, "ReceiptHandle": receipt });
        self.settle("MessageQueues::delete", "DeleteMessage", request).await
    }

    async fn release(&self, queue: Queue, receipt: &str, delay: Duration) -> StoreResult<()> {
        let request = json!({
            "QueueUrl": self.url(queue)?,
            "ReceiptHandle": receipt,
            "VisibilityTimeout": seconds(delay, MAX_VISIBILITY),
        });
        self.settle("MessageQueues::release", "ChangeMessageVisibility", request).await
    }

    async fn depth(&self, queue: Queue) -> StoreResult<QueueDepth> {
        let dead = self.count(self.dead_letter_url(queue)?).await?;
        let depth = self.count(self.url(queue)?).await?;
        Ok(QueueDepth { dead: dead.ready + dead.in_flight + dead.delayed, ..depth })
    }

    async fn dead_letters(&self, queue: Queue, cursor: Option<&str>, max: usize) -> StoreResult<Page<DeadLetter>> {
        self.dead_page(queue, cursor, max).await
    }

    async fn dead_letter(&self, queue: Queue, id: &str) -> StoreResult<Option<DeadLetter>> {
        self.dead_one(queue, id).await
    }

    async fn redrive(&self, queue: Queue, which: &Letters) -> StoreResult<u64> {
        match which {
            Letters::All => self.redrive_all(queue).await,
            Letters::Of(ids) => self.redrive_some(queue, ids).await,
        }
    }

    async fn delete_dead_letters(&self, queue: Queue, which: &Letters) -> StoreResult<u64> {
        match which {
            Letters::All => self.purge(queue).await,
            Letters::Of(ids) => self.delete_some(queue, ids).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> (OutgoingMessage, i32) {
        (OutgoingMessage { name: "n".into(), body: "x".repeat(bytes), deliver_at: None }, 0)
    }

    #[test]
    fn batches_keep_to_both_limits() {
        let sizes = |batches: Vec<Vec<(OutgoingMessage, i32)>>| batches.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(batches(vec![message(1); 25])), [10, 10, 5]);
        assert_eq!(sizes(batches(vec![message(OutgoingMessage::MAX_BYTES); 3])), [1, 1, 1]);
        assert_eq!(sizes(batches(vec![message(100 * 1024); 5])), [2, 2, 1]);
        assert_eq!(sizes(batches(Vec::new())), [] as [usize; 0]);
    }

    #[test]
    fn a_message_is_never_early() {
        let at = Timestamp::from_millis;
        assert_eq!(seconds_until(at(1_001), at(0)), 2);
        assert_eq!(seconds_until(at(900_000), at(0)), MAX_DELAY);
        assert_eq!(seconds_until(at(0), at(5_000)), 0);
        assert_eq!(schedule_expression(at(1_769_851_800_000)), "at(2026-01-31T09:30:00)");
        assert_eq!(schedule_expression(at(1_769_851_800_001)), "at(2026-01-31T09:30:01)");
    }

    #[test]
    fn the_arn_of_a_queue() {
        let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/stack-pm-queue";
        assert_eq!(queue_arn("eu-west-1", url).unwrap(), "arn:aws:sqs:eu-west-1:123456789012:stack-pm-queue");
        assert_eq!(queue_arn("cn-north-1", url).unwrap(), "arn:aws-cn:sqs:cn-north-1:123456789012:stack-pm-queue");
        assert!(queue_arn("eu-west-1", "x").is_err());
    }
}

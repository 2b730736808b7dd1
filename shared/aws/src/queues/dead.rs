//! The dead letters of SQS queues.
//!
//! SQS has no list of messages: who wants to see one receives it. A look hides what it receives for half a minute at most,
//! so that it sees each message once, and makes it visible again at its end. Two looks at the same time see a part each.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

use millrace_app::Timestamp;
use millrace_app::ports::{DeadLetter, OutgoingMessage, Page, Queue, StoreError, StoreResult};
use serde_json::json;

use super::{BATCH, FIRST_RECEIVE, SENT, SqsQueues, batches, queue_arn, receive_count};
use crate::cursor;
use crate::messages::{Batch, DeleteEntry, Message, VisibilityEntry};
use crate::services::{SQS, body};

/// For so long a look hides what it sees.
const HIDE: Duration = Duration::from_secs(30);

/// How long a look waits for more. A long poll asks all hosts of a queue, so an empty answer is the end.
const WAIT: Duration = Duration::from_secs(1);

/// So many messages a look sees at most.
const MOST: usize = 1_000;

/// What becomes of a message after a look at it.
enum Seen {
    /// It can be received again.
    Back,
    /// It stays hidden: somebody settles it.
    Kept,
}

fn time(message: &Message, name: &str) -> Option<Timestamp> {
    message.attributes.get(name)?.parse().ok().map(Timestamp::from_millis)
}

/// Orders dead letters: when they were sent and which.
type Place = (i64, String);

fn letter(message: Message) -> Option<(Place, DeadLetter)> {
    let (sent_at, first_received_at) = (time(&message, SENT), time(&message, FIRST_RECEIVE));
    let receive_count = receive_count(&message);
    let Message { message_id: Some(id), body: Some(body), .. } = message else { return None };
    let place = (sent_at.map_or(0, |at| at.millis()), id.clone());
    Some((place, DeadLetter { id, body, receive_count, sent_at, first_received_at, dead_at: None }))
}

impl SqsQueues {
    /// Receives messages, each once, and shows them to `see`, until that breaks or there are no more.
    async fn look(&self, url: &str, mut see: impl FnMut(Message) -> (Seen, ControlFlow<()>) + Send) -> StoreResult<()> {
        let mut back = Vec::new();
        let mut seen = 0;
        let mut end = ControlFlow::Continue(());
        let looked = loop {
            if end.is_break() || seen >= MOST {
                break Ok(());
            }
            let messages = match self.take(url, BATCH, HIDE, WAIT).await {
                Ok(messages) if messages.is_empty() => break Ok(()),
                Ok(messages) => messages,
                Err(error) => break Err(error),
            };
            seen += messages.len();
            for message in messages {
                let receipt = message.receipt_handle.clone();
                let fate = if end.is_break() {
                    Seen::Back
                } else {
                    let (fate, flow) = see(message);
                    end = flow;
                    fate
                };
                back.extend(receipt.filter(|_| matches!(fate, Seen::Back)));
            }
        };
        self.put_back(url, back).await;
        looked
    }

    /// Makes messages visible again. Those that stay hidden after all come back by themselves.
    async fn put_back(&self, url: &str, receipts: Vec<String>) {
        for some in receipts.chunks(BATCH) {
            let entries: Vec<VisibilityEntry> = some
                .iter()
                .enumerate()
                .map(|(id, receipt)| VisibilityEntry {
                    id: id.to_string(),
                    receipt_handle: receipt.clone(),
                    visibility_timeout: 0,
                })
                .collect();
            let Ok(request) = body("MessageQueues::dead_letters", &Batch { queue_url: url, entries: &entries }) else {
                return;
            };
            if let Err(error) = self.services.json(&SQS, "ChangeMessageVisibilityBatch", request).await {
                tracing::warn!(%error, "dead letters stay hidden for a moment");
            }
        }
    }

    pub(super) async fn dead_page(
        &self,
        queue: Queue,
        from: Option<&str>,
        max: usize,
    ) -> StoreResult<Page<DeadLetter>> {
        let query = cursor::fingerprint(&["dead letters", queue.name()]);
        let after: Option<Place> = match from {
            None => None,
            Some(from) => {
                let [sent_at, id] = cursor::decode(&query, from)?;
                Some((sent_at.parse().map_err(|_| StoreError::InvalidCursor)?, id))
            }
        };
        // Bodies may be large: no more of them are kept than are answered.
        let mut first: BTreeMap<Place, DeadLetter> = BTreeMap::new();
        let mut more = false;
        self.look(self.dead_letter_url(queue)?, |message| {
            if let Some((place, letter)) = letter(message)
                && after.as_ref().is_none_or(|after| place > *after)
            {
                first.insert(place, letter);
                if first.len() > max {
                    first.pop_last();
                    more = true;
                }
            }
            (Seen::Back, ControlFlow::Continue(()))
        })
        .await?;
        let last = first.last_key_value().filter(|_| more);
        let next = last.map(|((sent_at, id), _)| cursor::encode(&query, &[&sent_at.to_string(), id]));
        Ok(Page { items: first.into_values().collect(), next })
    }

    pub(super) async fn dead_one(&self, queue: Queue, id: &str) -> StoreResult<Option<DeadLetter>> {
        let mut found = None;
        self.look(self.dead_letter_url(queue)?, |message| {
            if message.message_id.as_deref() != Some(id) {
                return (Seen::Back, ControlFlow::Continue(()));
            }
            found = letter(message).map(|(_, letter)| letter);
            (Seen::Back, ControlFlow::Break(()))
        })
        .await?;
        Ok(found)
    }

    /// Takes those with these ids, hidden from others for a moment.
    async fn take_some(&self, url: &str, ids: &BTreeSet<String>) -> StoreResult<Vec<Message>> {
        let mut missing = ids.clone();
        let mut taken = Vec::new();
        self.look(url, |message| {
            let wanted = message.message_id.as_ref().is_some_and(|id| missing.remove(id));
            let fate = if wanted {
                taken.push(message);
                Seen::Kept
            } else {
                Seen::Back
            };
            (fate, if missing.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
        .await?;
        Ok(taken)
    }

    pub(super) async fn redrive_some(&self, queue: Queue, ids: &BTreeSet<String>) -> StoreResult<u64> {
        let (from, to) = (self.dead_letter_url(queue)?, self.url(queue)?);
        let taken = self.take_some(from, ids).await?;
        self.forward(from, to, taken).await
    }

    pub(super) async fn delete_some(&self, queue: Queue, ids: &BTreeSet<String>) -> StoreResult<u64> {
        let url = self.dead_letter_url(queue)?;
        let taken = self.take_some(url, ids).await?;
        let count = u64::try_from(taken.len()).unwrap_or(u64::MAX);
        self.delete_taken(url, taken.into_iter().filter_map(|message| message.receipt_handle)).await?;
        Ok(count)
    }

    async fn delete_taken(&self, url: &str, receipts: impl Iterator<Item = String> + Send) -> StoreResult<()> {
        const DELETE: &str = "MessageQueues::delete_dead_letters";
        let entry = |(id, receipt_handle): (usize, String)| DeleteEntry { id: id.to_string(), receipt_handle };
        let entries: Vec<DeleteEntry> = receipts.enumerate().map(entry).collect();
        for some in entries.chunks(BATCH) {
            let request = body(DELETE, &Batch { queue_url: url, entries: some })?;
            let deleted = self.services.json(&SQS, "DeleteMessageBatch", request).await;
            deleted.map_err(|error| StoreError::unavailable(DELETE, error))?;
        }
        Ok(())
    }

    /// Sends received dead letters to their queue and deletes them. What is not deleted comes again: at least once.
    async fn forward(&self, from: &str, to: &str, messages: Vec<Message>) -> StoreResult<u64> {
        let mut sends = Vec::with_capacity(messages.len());
        let mut receipts = Vec::with_capacity(messages.len());
        for (id, message) in messages.into_iter().enumerate() {
            let body = message.body.unwrap_or_default();
            sends.push((OutgoingMessage { name: id.to_string(), body, deliver_at: None }, 0));
            receipts.extend(message.receipt_handle);
        }
        let moved = u64::try_from(sends.len()).unwrap_or(u64::MAX);
        for batch in batches(sends) {
            self.send_batch(to, batch).await?;
        }
        self.delete_taken(from, receipts.into_iter()).await?;
        Ok(moved)
    }

    pub(super) async fn redrive_all(&self, queue: Queue) -> StoreResult<u64> {
        const REDRIVE: &str = "MessageQueues::redrive";
        let (from, to) = (self.dead_letter_url(queue)?, self.url(queue)?);
        let dead = self.count(from).await?;
        let dead = dead.ready + dead.in_flight;
        if dead == 0 {
            return Ok(0);
        }
        let region = self.services.config.endpoints.region();
        let request = json!({ "SourceArn": queue_arn(region, from)?, "DestinationArn": queue_arn(region, to)? });
        match self.services.json(&SQS, "StartMessageMoveTask", body(REDRIVE, &request)?).await {
            Ok(_) => Ok(dead),
            // A stand-in without the operation, or a move that is under way already: moving by hand beside it is safe.
            Err(error) if error.is_callers() => {
                tracing::info!(queue = queue.name(), %error, "moving dead letters by hand");
                self.by_hand(from, dead, Some(to)).await
            }
            Err(error) => Err(StoreError::unavailable(REDRIVE, error)),
        }
    }

    pub(super) async fn purge(&self, queue: Queue) -> StoreResult<u64> {
        const PURGE: &str = "MessageQueues::delete_dead_letters";
        let url = self.dead_letter_url(queue)?;
        let dead = self.count(url).await?;
        let dead = dead.ready + dead.in_flight;
        if dead == 0 {
            return Ok(0);
        }
        match self.services.json(&SQS, "PurgeQueue", body(PURGE, &json!({ "QueueUrl": url }))?).await {
            Ok(_) => Ok(dead),
            // SQS purges a queue once a minute: what has died since then is deleted one by one.
            Err(error) if error.is_callers() => {
                tracing::info!(queue = queue.name(), %error, "deleting dead letters by hand");
                self.by_hand(url, dead, None).await
            }
            Err(error) => Err(StoreError::unavailable(PURGE, error)),
        }
    }

    /// Takes up to `limit` dead letters and sends them to a queue, or deletes them.
    async fn by_hand(&self, from: &str, limit: u64, to: Option<&str>) -> StoreResult<u64> {
        let mut done = 0;
        while done < limit {
            let messages = self.take(from, BATCH, HIDE, WAIT).await?;
            if messages.is_empty() {
                break;
            }
            let count = u64::try_from(messages.len()).unwrap_or(u64::MAX);
            match to {
                Some(to) => self.forward(from, to, messages).await?,
                None => {
                    let receipts = messages.into_iter().filter_map(|message| message.receipt_handle);
                    self.delete_taken(from, receipts).await?;
                    count
                }
            };
            done += count;
        }
        Ok(done)
    }
}

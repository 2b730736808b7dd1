//! Looking at events, and replaying them.

use millrace_asl::Timestamp;
use serde_json::Value;

use super::model::{EventStatus, WebhookEvent};
use super::receive::message;
use super::store;
use crate::error::Error;
use crate::ids::WebhookEventId;
use crate::keys;
use crate::ports::{BlobStore, Clock, Index, MessageQueues, Order, Page, Ports, Query, Queue, RecordStore, StoreError};

/// Which events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Of this source.
    pub source: Option<String>,
    /// Of this type.
    pub kind: Option<String>,
    /// Where they stand.
    pub status: Option<EventStatus>,
    /// Received then or later.
    pub received_from: Option<Timestamp>,
    /// Received before.
    pub received_before: Option<Timestamp>,
}

impl EventFilter {
    fn fits(&self, event: &WebhookEvent) -> bool {
        self.kind.as_ref().is_none_or(|kind| event.kind == *kind)
            && self.status.is_none_or(|status| event.status == status)
            && self.received_from.is_none_or(|from| event.received_at >= from)
    }
}

/// A page of an owner's events, newest first. It may have fewer than `limit`, or none, before the last one: an index
/// answers, and type and status choose among what it answers.
///
/// # Errors
/// [`Error::Invalid`] for the cursor; [`Error::Store`]
pub async fn list_events<P: Ports>(
    ports: &P,
    owner: &str,
    filter: &EventFilter,
    limit: usize,
    cursor: Option<String>,
) -> Result<Page<WebhookEvent>, Error> {
    let (index, partition) = match &filter.source {
        Some(source) => (Index::Status, keys::owner_webhook_events_of_source(owner, source)),
        None => (Index::Owner, keys::owner_webhook_events(owner)),
    };
    let query = Query {
        index: Some(index),
        partition,
        sort_prefix: String::new(),
        // What was received at that time sorts behind it.
        sort_to: filter.received_before.map(|before| keys::by_time(before, "")),
        order: Order::Descending,
        limit,
        cursor,
    };
    let page = match ports.records().query(&query).await {
        Err(StoreError::InvalidCursor) => {
            let wanted = "is not a cursor of this listing: take it from the page before, unchanged";
            return Err(Error::invalid("cursor", wanted));
        }
        page => page?,
    };
    let now = ports.clock().now();
    let alive = page.items.into_iter().filter(|record| record.expires_at.is_none_or(|at| at > now));
    let items: Vec<WebhookEvent> = alive.map(store::decode).collect::<Result<_, _>>()?;
    let has_passed = |event: &WebhookEvent| filter.received_from.is_some_and(|from| event.received_at < from);
    let next = page.next.filter(|_| !items.last().is_some_and(has_passed));
    Ok(Page { items: items.into_iter().filter(|event| filter.fits(event)).collect(), next })
}

/// An owner's event.
///
/// # Errors
/// [`Error::NotFound`], also for somebody else's
pub async fn get_event<P: Ports>(ports: &P, owner: &str, id: &WebhookEventId) -> Result<WebhookEvent, Error> {
    let found = store::find_event(ports, id).await?.filter(|stored| stored.value.owner == owner);
    let not_found = || Error::NotFound { kind: "webhook event", id: id.to_string() };
    Ok(found.ok_or_else(not_found)?.value)
}

/// Whose an event is.
pub(crate) async fn owner_of_event<P: Ports>(ports: &P, id: &WebhookEventId) -> Result<Option<String>, Error> {
    Ok(store::find_event(ports, id).await?.map(|stored| stored.value.owner))
}

/// What an event says: its body as JSON. `None` where it is no longer there, or can't be read.
///
/// # Errors
/// [`Error::Store`]
pub async fn read_body<P: Ports>(ports: &P, event: &WebhookEvent) -> Result<Option<Value>, Error> {
    let bytes = ports.blobs().get(&event.body_key()).await?;
    let detail =
        |bytes: Vec<u8>| millrace_webhooks::detail_of(event.scheme(), &event.body.media_type, &bytes, event.body.part);
    Ok(bytes.and_then(|bytes| detail(bytes).ok()))
}

/// Has an event matched with the rules once more, as they are now. Its executions get names of their own.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::WrongState`] where it still waits.
pub async fn replay_event<P: Ports>(ports: &P, owner: &str, id: &WebhookEventId) -> Result<WebhookEvent, Error> {
    get_event(ports, owner, id).await?;
    let changed = store::change_event(ports, id, |event| {
        let is_done = event.status != EventStatus::Received;
        event.status = EventStatus::Received;
        event.error = None;
        event.replays = event.replays.saturating_add(1);
        is_done
    });
    let wrong = || Error::WrongState("the event waits to be matched with the rules".to_owned());
    let event = changed.await?.ok_or_else(wrong)?;
    // Where this fails it is due: the sweep sends it.
    ports.queues().send(Queue::Engine, vec![message(id, event.replays)?]).await?;
    Ok(event)
}

/// What became of an event in a replay of many.
#[derive(Debug)]
pub struct Replayed {
    /// The event.
    pub event: WebhookEvent,
    /// Why it was not replayed; `None` where it was, or would be.
    pub problem: Option<Error>,
}

/// Replays the events that fit, newest first, at most `limit` of them. One that fails holds up no other.
///
/// # Errors
/// Those of [`list_events`]
pub async fn replay_events<P: Ports>(
    ports: &P,
    owner: &str,
    filter: &EventFilter,
    limit: usize,
    cursor: Option<String>,
    dry_run: bool,
) -> Result<Page<Replayed>, Error> {
    let page = list_events(ports, owner, filter, limit, cursor).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for event in page.items {
        let waits = event.status == EventStatus::Received;
        let done = match dry_run {
            true if waits => Err(Error::WrongState("the event waits to be matched with the rules".to_owned())),
            true => Ok(event.clone()),
            false => replay_event(ports, owner, &event.id).await,
        };
        items.push(match done {
            Ok(event) => Replayed { event, problem: None },
            Err(problem) => Replayed { event, problem: Some(problem) },
        });
    }
    Ok(Page { items, next: page.next })
}

//! From changes to deliveries: what the reader of the feed does.

use std::collections::HashMap;

use millrace_asl::Timestamp;
use serde_json::Value;

use super::event::{NotificationEvent, events_of};
use super::model::{DeliveryStatus, NotificationDelivery, Subscription, Wanted};
use super::store;
use crate::changes::Change;
use crate::error::Error;
use crate::functions::account_owner;
use crate::ports::{Clock, Condition, MessageQueues, OutgoingMessage, Ports, Queue, RecordStore, StoreError};

/// How many messages leave together.
const MESSAGES: usize = 100;

/// What became of a batch of changes.
#[derive(Debug)]
pub struct Published {
    /// So many changes, from the first, are done with.
    pub changes: usize,
    /// Why the next one is not: it and those after it are to be told again.
    pub problem: Option<Error>,
}

/// Makes deliveries of changes, for each subscription that they fit, and sends their messages. Doing it again makes no other
/// deliveries. A change that can't be read holds up no other: it is logged.
pub async fn publish<P: Ports>(ports: &P, changes: &[Change]) -> Published {
    let mut publisher =
        Publisher { ports, now: ports.clock().now(), known: HashMap::new(), messages: Vec::new(), sent: 0 };
    for (number, change) in changes.iter().enumerate() {
        if let Err(problem) = publisher.change(change, number).await {
            // What was made of those before has to leave all the same.
            let done = match publisher.send().await {
                Ok(()) => number,
                Err(_) => publisher.sent,
            };
            return Published { changes: done, problem: Some(problem) };
        }
    }
    match publisher.send().await {
        Ok(()) => Published { changes: changes.len(), problem: None },
        Err(problem) => Published { changes: publisher.sent, problem: Some(problem) },
    }
}

struct Publisher<'p, P> {
    ports: &'p P,
    now: Timestamp,
    /// The subscriptions of owners, with their patterns.
    known: HashMap<String, Vec<(Subscription, Wanted)>>,
    messages: Vec<OutgoingMessage>,
    /// The messages of so many changes have left.
    sent: usize,
}

impl<P: Ports> Publisher<'_, P> {
    async fn change(&mut self, change: &Change, number: usize) -> Result<(), Error> {
        let events = events_of(change).unwrap_or_else(|error| {
            tracing::error!(%error, "a changed record can't be read: nobody is told of it");
            Vec::new()
        });
        for event in events {
            match self.event(&event).await {
                Err(error) if !error.is_retryable() => {
                    tracing::error!(%error, kind = event.kind, "nobody can be told of an event");
                }
                told => told?,
            }
        }
        if self.messages.len() >= MESSAGES {
            self.send().await?;
            self.sent = number + 1;
        }
        Ok(())
    }

    async fn event(&mut self, event: &NotificationEvent) -> Result<(), Error> {
        // Whoever owns projects as one of an account hears of the account's workflows too.
        let owner = account_owner(&event.owner);
        if !self.known.contains_key(&owner) {
            let read = subscriptions(self.ports, &owner).await?;
            self.known.insert(owner.clone(), read);
        }
        let subscriptions = self.known.get(&owner).map(Vec::as_slice).unwrap_or_default();
        if subscriptions.is_empty() {
            return Ok(());
        }
        let envelope = event.envelope();
        for (subscription, wanted) in subscriptions {
            let concerns = event.owner == subscription.owner || event.owner == subscription.projects_of;
            // What was before the subscription is not its business; a stream tells times in seconds.
            let is_later = event.at.millis() / 1_000 >= subscription.created_at.millis() / 1_000;
            if concerns && is_later && subscription.enabled && wanted.has(&envelope) {
                let delivery = delivery_of(subscription, event, envelope.clone());
                self.messages.extend(make(self.ports, delivery, self.now).await?);
            }
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Error> {
        let messages = std::mem::take(&mut self.messages);
        if !messages.is_empty() {
            self.ports.queues().send(Queue::Notifications, messages).await?;
        }
        Ok(())
    }
}

async fn subscriptions<P: Ports>(ports: &P, owner: &str) -> Result<Vec<(Subscription, Wanted)>, Error> {
    let parsed = |subscription: Subscription| match Wanted::parse(&subscription.pattern) {
        Ok(wanted) => Some((subscription, wanted)),
        Err(_) => {
            tracing::error!(subscription = %subscription.id, "a stored pattern can't be read");
            None
        }
    };
    Ok(store::all(ports, owner).await?.into_iter().filter_map(|stored| parsed(stored.value)).collect())
}

/// The delivery of an event to a subscription.
pub(super) fn delivery_of(
    subscription: &Subscription,
    event: &NotificationEvent,
    envelope: Value,
) -> NotificationDelivery {
    NotificationDelivery {
        id: NotificationDelivery::id_of(&subscription.id, &event.id, event.at),
        subscription: subscription.id.clone(),
        owner: subscription.owner.clone(),
        kind: event.kind.clone(),
        event: envelope,
        status: DeliveryStatus::Pending,
        error: None,
        tries: 0,
        put_off: 0,
        attempts: std::collections::VecDeque::new(),
        replays: 0,
        test: false,
        edition: 0,
        next_at: None,
        created_at: event.at,
        ended_at: None,
    }
}

/// Stores a delivery and answers its message. Of one that is there already the message is answered if nobody has tried it:
/// the first may not have left.
pub(super) async fn make<P: Ports>(
    ports: &P,
    delivery: NotificationDelivery,
    now: Timestamp,
) -> Result<Option<OutgoingMessage>, Error> {
    let write = store::write_delivery(&delivery, Condition::Absent, now)?;
    match ports.records().write(vec![write]).await {
        Ok(()) => Ok(Some(store::message(&delivery, now)?)),
        Err(StoreError::Conflict) => {
            let stored = store::find_delivery(ports, &delivery.subscription, &delivery.id).await?;
            let fresh = stored.filter(|stored| stored.value.edition == 0);
            fresh.map(|stored| store::message(&stored.value, now)).transpose()
        }
        Err(error) => Err(error.into()),
    }
}

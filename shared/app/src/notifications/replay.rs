//! Looking at deliveries, and making them again.

use millrace_asl::Timestamp;
use serde_json::json;

use super::event::{NotificationEvent, TEST_EVENT};
use super::model::{DeliveryStatus, NotificationDelivery};
use super::publish::{delivery_of, make};
use super::store;
use crate::error::Error;
use crate::executions::Patience;
use crate::ids::{DeliveryId, NotificationId, SubscriptionId};
use crate::keys;
use crate::ports::{Clock, Condition, Index, MessageQueues, Order, Page, Ports, Query, Queue, RecordStore, StoreError};

/// Which deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// Where they stand.
    pub status: Option<DeliveryStatus>,
    /// Their events happened then or later.
    pub created_from: Option<Timestamp>,
    /// Their events happened before.
    pub created_before: Option<Timestamp>,
}

/// A page of a subscription's deliveries, newest first.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] for the cursor; [`Error::Store`]
pub async fn list_deliveries<P: Ports>(
    ports: &P,
    owner: &str,
    id: &SubscriptionId,
    filter: &DeliveryFilter,
    limit: usize,
    cursor: Option<String>,
) -> Result<Page<NotificationDelivery>, Error> {
    store::load(ports, owner, id).await?;
    let (index, partition, prefix) = match filter.status {
        Some(status) => (Some(Index::Status), keys::deliveries_of_status(id, status.name()), ""),
        None => (None, keys::subscription_partition(id), keys::DELIVERY),
    };
    let query = Query {
        index,
        partition,
        sort_prefix: prefix.to_owned(),
        // Ids of that time sort behind it.
        sort_to: filter.created_before.map(|before| format!("{prefix}{}", first_of(before))),
        order: Order::Descending,
        limit,
        cursor,
    };
    let page = store::deliveries(ports, &query).await?;
    let has_passed =
        |delivery: &NotificationDelivery| filter.created_from.is_some_and(|from| delivery.created_at < from);
    let next = page.next.filter(|_| !page.items.last().is_some_and(|stored| has_passed(&stored.value)));
    let items = page.items.into_iter().map(|stored| stored.value).filter(|delivery| !has_passed(delivery)).collect();
    Ok(Page { items, next })
}

/// What the ids of a time and of all later ones are not before.
fn first_of(at: Timestamp) -> String {
    const PREFIX_AND_TIME: usize = 14;
    DeliveryId::timed(at, "").as_str().chars().take(PREFIX_AND_TIME).collect()
}

/// A delivery of an owner's subscription.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Store`]
pub async fn get_delivery<P: Ports>(
    ports: &P,
    owner: &str,
    subscription: &SubscriptionId,
    id: &DeliveryId,
) -> Result<NotificationDelivery, Error> {
    store::load(ports, owner, subscription).await?;
    let found = store::find_delivery(ports, subscription, id).await?;
    Ok(found.ok_or_else(|| not_found(id))?.value)
}

fn not_found(id: &DeliveryId) -> Error {
    Error::NotFound { kind: "delivery", id: id.to_string() }
}

/// Makes a delivery once more, with all its attempts before it, whatever became of it. The event keeps its id.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::WrongState`] where the subscription is disabled; [`Error::Store`]
pub async fn replay_delivery<P: Ports>(
    ports: &P,
    owner: &str,
    subscription: &SubscriptionId,
    id: &DeliveryId,
) -> Result<NotificationDelivery, Error> {
    if !store::load(ports, owner, subscription).await?.value.enabled {
        return Err(Error::WrongState("the subscription is disabled: enable it first".to_owned()));
    }
    for _ in 0..store::TRIES {
        let stored = store::find_delivery(ports, subscription, id).await?.ok_or_else(|| not_found(id))?;
        let now = ports.clock().now();
        let mut delivery = stored.value;
        delivery.status = DeliveryStatus::Pending;
        (delivery.error, delivery.next_at, delivery.ended_at) = (None, None, None);
        (delivery.tries, delivery.put_off) = (0, 0);
        delivery.replays += 1;
        delivery.edition = delivery.edition.wrapping_add(1);
        if store::save_delivery(ports, &delivery, stored.version, now).await? {
            // Where this fails it is due: the sweep sends it.
            ports.queues().send(Queue::Notifications, vec![store::message(&delivery, now)?]).await?;
            return Ok(delivery);
        }
    }
    Err(StoreError::Conflict.into())
}

/// Replays the deliveries that fit, newest first, at most `limit` of them. With `dry_run` only tells which.
///
/// # Errors
/// Those of [`list_deliveries`] and [`replay_delivery`]
pub async fn replay_deliveries<P: Ports>(
    ports: &P,
    owner: &str,
    subscription: &SubscriptionId,
    filter: &DeliveryFilter,
    limit: usize,
    cursor: Option<String>,
    dry_run: bool,
) -> Result<Page<NotificationDelivery>, Error> {
    let page = list_deliveries(ports, owner, subscription, filter, limit, cursor).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for delivery in page.items {
        // What is under way already needs no other start.
        let waits = delivery.status == DeliveryStatus::Pending && delivery.next_at.is_none();
        if dry_run || waits {
            items.push(delivery);
            continue;
        }
        match replay_delivery(ports, owner, subscription, &delivery.id).await {
            Ok(delivery) => items.push(delivery),
            // It expired meanwhile.
            Err(Error::NotFound { kind: "delivery", .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Page { items, next: page.next })
}

/// Sends an event to try a subscription's target: once, whether the subscription is enabled or not and whatever its pattern
/// says.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Store`]
pub async fn test_subscription<P: Ports>(
    ports: &P,
    owner: &str,
    id: &SubscriptionId,
) -> Result<NotificationDelivery, Error> {
    let subscription = store::load(ports, owner, id).await?.value;
    let now = ports.clock().now();
    let event = NotificationEvent {
        id: NotificationId::new(ports),
        owner: owner.to_owned(),
        kind: TEST_EVENT.to_owned(),
        at: now,
        resources: vec![id.to_string()],
        detail: json!({ "subscription_id": id, "name": subscription.name, "message": "This is a test." }),
    };
    let delivery = NotificationDelivery { test: true, ..delivery_of(&subscription, &event, event.envelope()) };
    let message = make(ports, delivery.clone(), now).await?;
    ports.queues().send(Queue::Notifications, message.into_iter().collect()).await?;
    Ok(delivery)
}

/// Sends the messages of deliveries again whose time has passed, or with no patience of all that are to be made.
///
/// # Errors
/// [`Error::Store`]
pub(crate) async fn send_due<P: Ports>(ports: &P, now: Timestamp, patience: Patience) -> Result<(), Error> {
    const AT_ONCE: usize = 100;
    let mut cursor = None;
    loop {
        let query = Query {
            index: Some(Index::Due),
            partition: keys::DUE_DELIVERIES.to_owned(),
            sort_prefix: String::new(),
            sort_to: (patience == Patience::Grace).then(|| keys::due_to(now)),
            order: Order::Ascending,
            limit: AT_ONCE,
            cursor: cursor.take(),
        };
        let page = store::deliveries(ports, &query).await?;
        let mut messages = Vec::new();
        for listed in page.items {
            let (delivery, version) = (listed.value, listed.version);
            // Writing it puts it off: the next sweep does not send it again at once. The index may be behind.
            let write = store::write_delivery(&delivery, Condition::Version(version), now)?;
            match ports.records().write(vec![write]).await {
                Ok(()) => messages.push(store::message(&delivery, now)?),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        ports.queues().send(Queue::Notifications, messages).await?;
        cursor = page.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_lies_before_the_ids_of_its_time_and_behind_those_before() {
        let at = Timestamp::from_millis(1_767_225_600_000);
        for name in ["a", "b", "c", "d"] {
            assert!(first_of(at).as_str() < DeliveryId::timed(at, name).as_str());
            assert!(first_of(at).as_str() > DeliveryId::timed(at.plus_millis(-1), name).as_str());
        }
    }
}

//! Loading and changing subscriptions, deliveries and what is known of targets.

use millrace_asl::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::model::{DeliveryStatus, Health, KEPT_DAYS, NotificationDelivery, Subscription};
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::ids::{DeliveryId, SubscriptionId};
use crate::keys;
use crate::ports::{
    Condition, Index, Listing, Order, OutgoingMessage, Ports, Query, Record, RecordStore, StoreError, Write,
};
use crate::projects::Stored;

/// How often a change is decided again after somebody else wrote.
pub(super) const TRIES: usize = 12;
/// How long after its time a delivery waits before the sweep sends its message again, in milliseconds.
const GRACE_MILLIS: i64 = 180_000;
const DAY_MILLIS: i64 = 24 * 3_600 * 1_000;

/// The message that has a delivery made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeliverMessage {
    pub(super) owner: String,
    pub(super) subscription: SubscriptionId,
    pub(super) delivery: DeliveryId,
    pub(super) edition: u32,
}

/// The message of a delivery as it is now.
pub(super) fn message(delivery: &NotificationDelivery, now: Timestamp) -> Result<OutgoingMessage, Error> {
    let NotificationDelivery { id, subscription, owner, edition, .. } = delivery;
    let body = DeliverMessage {
        owner: owner.clone(),
        subscription: subscription.clone(),
        delivery: id.clone(),
        edition: *edition,
    };
    let name = sha256_hex(format!("deliver {id} {edition}").as_bytes()).chars().take(40).collect();
    let body = serde_json::to_string(&body).map_err(Error::internal)?;
    Ok(OutgoingMessage { name, body, deliver_at: delivery.next_at.filter(|at| *at > now) })
}

fn decode<T: DeserializeOwned>(record: Record) -> Result<Stored<T>, Error> {
    let what = format!("{}/{}", record.key.partition, record.key.sort);
    let value = serde_json::from_value(record.body).map_err(|problem| StoreError::corrupt(what, problem))?;
    Ok(Stored { value, version: record.version })
}

/// The write of a subscription.
pub(super) fn write_subscription(subscription: &Subscription, condition: Condition) -> Result<Write, Error> {
    let body = serde_json::to_value(subscription).map_err(Error::internal)?;
    let key = keys::subscription(&subscription.owner, &subscription.id);
    Ok(Write::Put(Record { key, version: 0, body, listings: Vec::new(), expires_at: None }, condition))
}

/// A subscription that may be gone.
pub(super) async fn find<P: Ports>(
    ports: &P,
    owner: &str,
    id: &SubscriptionId,
) -> Result<Option<Stored<Subscription>>, Error> {
    ports.records().get(&keys::subscription(owner, id)).await?.map(decode).transpose()
}

/// An owner's subscription.
pub(super) async fn load<P: Ports>(ports: &P, owner: &str, id: &SubscriptionId) -> Result<Stored<Subscription>, Error> {
    find(ports, owner, id).await?.ok_or_else(|| Error::NotFound { kind: "subscription", id: id.to_string() })
}

/// All subscriptions of an owner, by creation: read from the table, so that one that was just made counts.
pub(super) async fn all<P: Ports>(ports: &P, owner: &str) -> Result<Vec<Stored<Subscription>>, Error> {
    let query = Query {
        index: None,
        partition: keys::subscriptions(owner),
        sort_prefix: keys::SUBSCRIPTION.to_owned(),
        sort_to: None,
        order: Order::Ascending,
        limit: 1_000,
        cursor: None,
    };
    ports.records().query(&query).await?.items.into_iter().map(decode).collect()
}

/// Changes a subscription; `decide` answers false to leave it as it is. With `expected` only that version of it.
pub(super) async fn change<P: Ports>(
    ports: &P,
    owner: &str,
    id: &SubscriptionId,
    expected: Option<u64>,
    mut decide: impl FnMut(&mut Subscription) -> Result<bool, Error> + Send,
) -> Result<Stored<Subscription>, Error> {
    const WHAT: &str = "the subscription";
    for _ in 0..TRIES {
        let mut stored = load(ports, owner, id).await?;
        if expected.is_some_and(|version| version != stored.version) {
            return Err(Error::VersionMismatch { what: WHAT });
        }
        if !decide(&mut stored.value)? {
            return Ok(stored);
        }
        let write = write_subscription(&stored.value, Condition::Version(stored.version))?;
        match ports.records().write(vec![write]).await {
            Ok(()) => return Ok(Stored { version: stored.version + 1, ..stored }),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::VersionMismatch { what: WHAT })
}

/// The write of a delivery, in its listings.
pub(super) fn write_delivery(
    delivery: &NotificationDelivery,
    condition: Condition,
    now: Timestamp,
) -> Result<Write, Error> {
    let id = delivery.id.as_str();
    let mut listings = vec![Listing {
        index: Index::Status,
        partition: keys::deliveries_of_status(&delivery.subscription, delivery.status.name()),
        sort: id.to_owned(),
    }];
    if delivery.status == DeliveryStatus::Pending {
        let due = delivery.next_at.map_or(now, |at| at.max(now)).plus_millis(GRACE_MILLIS);
        listings.push(keys::listing(Index::Due, keys::DUE_DELIVERIES, due, id));
    }
    let body = serde_json::to_value(delivery).map_err(Error::internal)?;
    let key = keys::delivery(&delivery.subscription, &delivery.id);
    let expires_at = Some(now.plus_millis(KEPT_DAYS * DAY_MILLIS));
    Ok(Write::Put(Record { key, version: 0, body, listings, expires_at }, condition))
}

/// A delivery that may be gone.
pub(super) async fn find_delivery<P: Ports>(
    ports: &P,
    subscription: &SubscriptionId,
    id: &DeliveryId,
) -> Result<Option<Stored<NotificationDelivery>>, Error> {
    ports.records().get(&keys::delivery(subscription, id)).await?.map(decode).transpose()
}

/// Writes a delivery that was read with this version; false where somebody else wrote first.
pub(super) async fn save_delivery<P: Ports>(
    ports: &P,
    delivery: &NotificationDelivery,
    version: u64,
    now: Timestamp,
) -> Result<bool, Error> {
    match ports.records().write(vec![write_delivery(delivery, Condition::Version(version), now)?]).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A page of a query as deliveries.
pub(super) async fn deliveries<P: Ports>(
    ports: &P,
    query: &Query,
) -> Result<crate::ports::Page<Stored<NotificationDelivery>>, Error> {
    let page = crate::projects::with_cursor(ports.records().query(query).await.map_err(Error::from))?;
    Ok(crate::ports::Page { items: page.items.into_iter().map(decode).collect::<Result<_, _>>()?, next: page.next })
}

/// What is known of a target that fails.
pub(super) async fn health<P: Ports>(ports: &P, id: &SubscriptionId) -> Result<Option<Stored<Health>>, Error> {
    ports.records().get(&keys::subscription_health(id)).await?.map(decode).transpose()
}

/// Writes what is known of a target: nothing where it works. False where somebody else wrote first.
pub(super) async fn save_health<P: Ports>(
    ports: &P,
    id: &SubscriptionId,
    known: Option<&Stored<Health>>,
    health: Option<&Health>,
) -> Result<bool, Error> {
    let key = keys::subscription_health(id);
    let condition = known.map_or(Condition::Absent, |known| Condition::Version(known.version));
    let write = match health {
        Some(health) => {
            let body = serde_json::to_value(health).map_err(Error::internal)?;
            Write::Put(Record { key, version: 0, body, listings: Vec::new(), expires_at: None }, condition)
        }
        None if known.is_none() => return Ok(true),
        None => Write::Delete(key, condition),
    };
    match ports.records().write(vec![write]).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

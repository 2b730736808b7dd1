//! The keys of subscriptions to notifications and of their deliveries.

use super::{escaped, key};
use crate::ids::{DeliveryId, SubscriptionId};
use crate::ports::RecordKey;

/// What the partitions begin with that hold owners' subscriptions.
pub const SUBSCRIPTIONS: &str = "SUBSCRIPTIONS#";
/// What the sort keys of an owner's subscriptions begin with.
pub const SUBSCRIPTION: &str = "SUBSCRIPTION#";
/// What the sort keys of a subscription's deliveries begin with.
pub const DELIVERY: &str = "DELIVERY#";
/// The index partition of deliveries that are to be made.
pub const DUE_DELIVERIES: &str = "DUE#DELIVERY";

/// The partition that holds an owner's subscriptions.
#[must_use]
pub fn subscriptions(owner: &str) -> String {
    format!("{SUBSCRIPTIONS}{}", escaped(owner))
}

/// A subscription.
#[must_use]
pub fn subscription(owner: &str, id: &SubscriptionId) -> RecordKey {
    key(subscriptions(owner), format!("{SUBSCRIPTION}{id}"))
}

/// The partition that holds what belongs to a subscription.
#[must_use]
pub fn subscription_partition(id: &SubscriptionId) -> String {
    format!("SUBSCRIPTION#{id}")
}

/// How a subscription's target is doing.
#[must_use]
pub fn subscription_health(id: &SubscriptionId) -> RecordKey {
    key(subscription_partition(id), "HEALTH")
}

/// A delivery. Its id sorts by the time of its event.
#[must_use]
pub fn delivery(subscription: &SubscriptionId, id: &DeliveryId) -> RecordKey {
    key(subscription_partition(subscription), format!("{DELIVERY}{id}"))
}

/// The index partition of a subscription's deliveries of one status, by their ids.
#[must_use]
pub fn deliveries_of_status(subscription: &SubscriptionId, status: &str) -> String {
    format!("{}#{status}", subscription_partition(subscription))
}

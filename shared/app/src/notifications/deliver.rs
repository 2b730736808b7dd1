//! Making a delivery: one message, one attempt at the most.
//!
//! A target that fails is left alone for a while, and then tried by one delivery at a time; deliveries that meet it meanwhile
//! are put off without being counted. So is one that finds too many of its subscription or its owner under way in this process:
//! slow targets take no more than their share of it. One that does not answer at all rests at once. Nothing that a target does reaches another one's deliveries.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use millrace_asl::Timestamp;
use serde_json::Value;

use super::backoff::{HOURS_BEFORE_DISABLED, after_rest, is_lasting, next_try, rest_until};
use super::model::{Attempt, DeliveryStatus, Disabled, Health, NotificationDelivery, Subscription, Target};
use super::sender::{NotTaken, NotificationSender, Outgoing};
use super::store::{self, DeliverMessage};
use crate::error::Error;
use crate::ids::SubscriptionId;
use crate::metrics::{self, Metric};
use crate::ports::{Clock, Delivery, MessageQueues, Ports, Queue, Secret};
use crate::projects::Stored;
use crate::secrets::{SecretCache, Trust};

/// Of one subscription at once, in a process.
const AT_ONCE: usize = 4;
/// Of one owner at once, in a process: half of what the local server works on.
const AT_ONCE_OF_OWNER: usize = 8;
/// How long a delivery waits that found so many, in milliseconds.
const CROWDED_MILLIS: i64 = 2_000;
/// How long whoever tries a resting target has to say how it went, in milliseconds.
const PROBE_MILLIS: i64 = 60_000;

/// Makes deliveries through a sender. Clones share what they remember of secrets, and of what is under way.
#[derive(Debug, Clone, Default)]
pub struct Deliverer<S> {
    sender: S,
    secrets: SecretCache,
    under_way: Arc<Mutex<UnderWay>>,
}

/// How many deliveries are under way in this process.
#[derive(Debug, Default)]
struct UnderWay {
    subscriptions: HashMap<SubscriptionId, usize>,
    owners: HashMap<String, usize>,
}

impl UnderWay {
    /// One more, where there is room.
    fn enter(&mut self, id: &SubscriptionId, owner: &str) -> bool {
        let of_it = self.subscriptions.get(id).copied().unwrap_or_default();
        let of_owner = self.owners.get(owner).copied().unwrap_or_default();
        if of_it >= AT_ONCE || of_owner >= AT_ONCE_OF_OWNER {
            return false;
        }
        self.subscriptions.insert(id.clone(), of_it + 1);
        self.owners.insert(owner.to_owned(), of_owner + 1);
        true
    }
}

/// A place among the deliveries of a subscription and of an owner that are under way.
struct Place<'a> {
    under_way: &'a Mutex<UnderWay>,
    id: SubscriptionId,
    owner: String,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut all = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        leave(&mut all.subscriptions, &self.id);
        leave(&mut all.owners, &self.owner);
    }
}

/// One less of them.
fn leave<K: Eq + Hash>(all: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = all.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            all.remove(key);
        }
    }
}

/// What is to become of a delivery.
enum Next {
    /// It is over.
    Ended(DeliveryStatus, Option<String>),
    /// It comes again then.
    Again(Timestamp),
}

impl<S: NotificationSender> Deliverer<S> {
    /// Delivers through this sender.
    pub fn new(sender: S) -> Self {
        Self { sender, secrets: SecretCache::default(), under_way: Arc::default() }
    }

    /// Handles a message of the queue of notifications to its end: after `Ok` it is to be deleted, after an error it is to
    /// come again.
    ///
    /// # Errors
    /// [`Error::Internal`] for a message that can't be read; [`Error::Store`]
    pub async fn handle<P: Ports>(&self, ports: &P, message: &Delivery) -> Result<(), Error> {
        let message: DeliverMessage = serde_json::from_str(&message.body).map_err(Error::internal)?;
        let Some(stored) = store::find_delivery(ports, &message.subscription, &message.delivery).await? else {
            return Ok(());
        };
        // A message of before, or a copy.
        if stored.value.status != DeliveryStatus::Pending || stored.value.edition != message.edition {
            return Ok(());
        }
        let now = ports.clock().now();
        let Some(subscription) = store::find(ports, &message.owner, &message.subscription).await? else {
            let reason = Some("the subscription is gone".to_owned());
            return finish(ports, stored, Next::Ended(DeliveryStatus::Failed, reason)).await;
        };
        let subscription = subscription.value;
        if stored.value.test {
            return Box::pin(self.test(ports, &subscription, stored)).await;
        }
        if !subscription.enabled {
            let reason = Some("the subscription is disabled".to_owned());
            return finish(ports, stored, Next::Ended(DeliveryStatus::Failed, reason)).await;
        }
        let spread = spread(&stored.value);
        let Some(place) = self.place(&subscription) else {
            return finish(ports, stored, Next::Again(now.plus_millis(CROWDED_MILLIS))).await;
        };
        let health = store::health(ports, &subscription.id).await?;
        if let Some(until) = claim(ports, &subscription.id, health.as_ref(), now).await? {
            let mut stored = stored;
            let again = after_rest(until, now, stored.value.put_off, spread);
            stored.value.put_off += 1;
            return finish(ports, stored, Next::Again(again)).await;
        }
        let done = Box::pin(self.attempt(ports, &subscription, stored, health.is_some())).await;
        drop(place);
        done
    }

    fn place(&self, subscription: &Subscription) -> Option<Place<'_>> {
        let Subscription { id, owner, .. } = subscription;
        let mut all = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        all.enter(id, owner).then(|| Place { under_way: &self.under_way, id: id.clone(), owner: owner.clone() })
    }

    async fn attempt<P: Ports>(
        &self,
        ports: &P,
        subscription: &Subscription,
        mut stored: Stored<NotificationDelivery>,
        was_failing: bool,
    ) -> Result<(), Error> {
        let (attempt, sent) = self.send(ports, subscription, &stored.value).await?;
        let now = ports.clock().now();
        let spread = spread(&stored.value);
        stored.value.remember(attempt);
        let tries = stored.value.tries;
        let next = match &sent {
            Ok(_) => Next::Ended(DeliveryStatus::Delivered, None),
            Err(failed) => match next_try(tries, now, failed.retry_after, spread).filter(|_| !failed.gone) {
                Some(at) => Next::Again(at),
                None => Next::Ended(DeliveryStatus::Failed, Some(failed.reason.clone())),
            },
        };
        metrics::record(Metric::NotificationSent { outcome: if sent.is_ok() { "delivered" } else { "failed" } });
        // The delivery first: what is known of the target is a help and no promise.
        finish(ports, stored, next).await?;
        match sent {
            Ok(_) if was_failing => note_success(ports, &subscription.id).await,
            Ok(_) => Ok(()),
            Err(failed) => note_failure(ports, subscription, &failed, now).await,
        }
    }

    /// A test is tried once, says nothing of the target and is made whether the subscription is enabled or not.
    async fn test<P: Ports>(
        &self,
        ports: &P,
        subscription: &Subscription,
        mut stored: Stored<NotificationDelivery>,
    ) -> Result<(), Error> {
        let (attempt, sent) = self.send(ports, subscription, &stored.value).await?;
        stored.value.remember(attempt);
        let next = match sent {
            Ok(_) => Next::Ended(DeliveryStatus::Delivered, None),
            Err(failed) => Next::Ended(DeliveryStatus::Failed, Some(failed.reason)),
        };
        finish(ports, stored, next).await
    }

    async fn send<P: Ports>(
        &self,
        ports: &P,
        subscription: &Subscription,
        delivery: &NotificationDelivery,
    ) -> Result<(Attempt, Result<Option<u16>, NotTaken>), Error> {
        let at = ports.clock().now();
        let mut secrets: Vec<Secret> = Vec::new();
        if matches!(subscription.target, Target::Https { .. }) {
            for name in subscription.secret_names(at) {
                let found = match self.secrets.get(ports, &name, Trust::Lately).await?.0 {
                    // It may have been made since.
                    None => self.secrets.get(ports, &name, Trust::Doubtful).await?.0,
                    found => found,
                };
                secrets.extend(found);
            }
        }
        let text = |name: &str| delivery.event.get(name).and_then(Value::as_str).unwrap_or_default();
        let resources = delivery.event.get("resources").and_then(Value::as_array);
        let resources: Vec<String> =
            resources.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let body = delivery.event.to_string();
        let outgoing = Outgoing {
            target: &subscription.target,
            id: text("id"),
            kind: &delivery.kind,
            body: &body,
            resources: &resources,
            at: delivery.created_at,
            now: at,
            secrets: &secrets,
        };
        let sent = match subscription.target {
            Target::Https { .. } if secrets.is_empty() => {
                Err(NotTaken::because("the secret that signs events is not there: rotate it"))
            }
            _ => self.sender.send(outgoing).await,
        };
        let millis = ports.clock().now().millis().saturating_sub(at.millis());
        let attempt = Attempt {
            at,
            millis: u64::try_from(millis).unwrap_or_default(),
            status: match &sent {
                Ok(status) => *status,
                Err(failed) => failed.status,
            },
            error: sent.as_ref().err().map(|failed| failed.reason.clone()),
        };
        Ok((attempt, sent))
    }
}

/// A number that tells deliveries apart, and each try of one.
fn spread(delivery: &NotificationDelivery) -> u64 {
    let bytes = delivery.id.as_str().bytes().chain(delivery.edition.to_be_bytes());
    // FNV-1a
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Stores what becomes of a delivery, and sends its next message. Where somebody else wrote meanwhile, theirs holds.
async fn finish<P: Ports>(ports: &P, stored: Stored<NotificationDelivery>, next: Next) -> Result<(), Error> {
    let now = ports.clock().now();
    let Stored { value: mut delivery, version } = stored;
    delivery.edition = delivery.edition.wrapping_add(1);
    match next {
        Next::Ended(status, error) => {
            (delivery.status, delivery.error) = (status, error);
            (delivery.next_at, delivery.ended_at) = (None, Some(now));
        }
        Next::Again(at) => delivery.next_at = Some(at),
    }
    let is_saved = store::save_delivery(ports, &delivery, version, now).await?;
    if is_saved && delivery.status == DeliveryStatus::Pending {
        // Where this fails it is due: the sweep sends it.
        ports.queues().send(Queue::Notifications, vec![store::message(&delivery, now)?]).await?;
    }
    Ok(())
}

/// Until when a target is to be left alone; nothing where it may be tried. Of those that come when a rest is over one may.
async fn claim<P: Ports>(
    ports: &P,
    id: &SubscriptionId,
    known: Option<&Stored<Health>>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let Some(stored) = known.filter(|stored| stored.value.rests()) else { return Ok(None) };
    if now < stored.value.retry_at {
        return Ok(Some(stored.value.retry_at));
    }
    let retry_at = now.plus_millis(PROBE_MILLIS);
    let claimed = Health { retry_at, ..stored.value.clone() };
    let is_ours = store::save_health(ports, id, known, Some(&claimed)).await?;
    Ok((!is_ours).then_some(retry_at))
}

/// The target works again.
async fn note_success<P: Ports>(ports: &P, id: &SubscriptionId) -> Result<(), Error> {
    for _ in 0..store::TRIES {
        let known = store::health(ports, id).await?;
        if store::save_health(ports, id, known.as_ref(), None).await? {
            break;
        }
    }
    Ok(())
}

/// The target failed once more; where that lasts, its subscription is disabled.
async fn note_failure<P: Ports>(
    ports: &P,
    subscription: &Subscription,
    failed: &NotTaken,
    now: Timestamp,
) -> Result<(), Error> {
    let silent = failed.status.is_none() && matches!(subscription.target, Target::Https { .. });
    let mut reason = failed.gone.then(|| "the target answered 410: it wants no more events".to_owned());
    for _ in 0..store::TRIES {
        let known = store::health(ports, &subscription.id).await?;
        let before = known.as_ref().map(|stored| &stored.value);
        let failures = before.map_or(0, |health| health.failures).saturating_add(1);
        let health = Health {
            failures,
            failing_since: before.map_or(now, |health| health.failing_since),
            last_error: failed.reason.clone(),
            retry_at: rest_until(failures, silent, now),
            silent,
        };
        if store::save_health(ports, &subscription.id, known.as_ref(), Some(&health)).await? {
            if is_lasting(&health, now) {
                reason.get_or_insert_with(|| {
                    format!(
                        "{failures} attempts in a row failed, over {HOURS_BEFORE_DISABLED} hours and more; the last one: {}",
                        failed.reason
                    )
                });
            }
            break;
        }
    }
    let Some(reason) = reason else { return Ok(()) };
    tracing::warn!(subscription = %subscription.id, reason, "a subscription is disabled");
    let disabled = store::change(ports, &subscription.owner, &subscription.id, None, |stored| {
        let was_enabled = std::mem::replace(&mut stored.enabled, false);
        // Another target is not to blame.
        if !was_enabled || stored.target != subscription.target {
            stored.enabled = was_enabled;
            return Ok(false);
        }
        stored.disabled = Some(Disabled { at: now, reason: reason.clone() });
        Ok(true)
    });
    match disabled.await {
        Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_places() {
        let ids: Vec<SubscriptionId> = (0..4).map(|number| SubscriptionId::derived(&number.to_string())).collect();
        let mut all = UnderWay::default();
        let taken = ids.iter().flat_map(|id| [id; 6]).filter(|id| all.enter(id, "ann")).count();
        assert_eq!(taken, AT_ONCE_OF_OWNER, "two subscriptions' worth");
        let bob = SubscriptionId::derived("bob");
        assert_eq!((0..6).filter(|_| all.enter(&bob, "bob")).count(), AT_ONCE);
        leave(&mut all.subscriptions, &ids[0]);
        leave(&mut all.owners, &"ann".to_owned());
        assert!(!all.enter(&ids[1], "ann") && all.enter(&ids[3], "ann") && !all.enter(&ids[3], "ann"));
    }
}

//! Making, changing and deleting subscriptions, and their secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use millrace_asl::Timestamp;
use serde_json::Value;

use super::model::{Health, SecretNumbers, Subscription, Target, Wanted};
use super::sender::problem_of_target;
use super::store;
use crate::error::{Error, FieldProblem};
use crate::ids::SubscriptionId;
use crate::keys;
use crate::patterns::PatternProblem;
use crate::ports::{Clock, Condition, IdSource, Ports, RecordStore, Secret, SecretStore, StoreError, Write};
use crate::projects::Stored;

/// How many subscriptions an owner may have.
pub const MOST_SUBSCRIPTIONS: usize = 100;
/// The longest name of a subscription, in characters.
const NAME_CHARS: usize = 120;
/// How long the secret before signs too, in milliseconds, where nothing else is asked for.
pub const OVERLAP_SECONDS: u32 = 24 * 3_600;
/// The longest time for which it may.
pub const LONGEST_OVERLAP_SECONDS: u32 = 7 * 24 * 3_600;

/// A subscription to make.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSubscription {
    /// Its name.
    pub name: String,
    /// Is it to get events at once?
    pub enabled: bool,
    /// Which events; `{}` is all.
    pub pattern: Value,
    /// Where they go.
    pub target: Target,
    /// Whose projects it hears of.
    pub projects_of: String,
}

/// What to change of a subscription; what is `None` stays.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SubscriptionChanges {
    /// Its name.
    pub name: Option<String>,
    /// Is it to get events?
    pub enabled: Option<bool>,
    /// Which events.
    pub pattern: Option<Value>,
    /// Where they go.
    pub target: Option<Target>,
}

/// A subscription and how its target is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscriptionView {
    /// The subscription, with its version.
    pub subscription: Stored<Subscription>,
    /// What is known of a target that fails.
    pub health: Option<Health>,
}

/// A secret that is told once.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The subscription.
    pub subscription: Stored<Subscription>,
    /// Its new secret; nothing where the target takes no signatures.
    pub secret: Option<Secret>,
}

fn check(name: Option<&str>, pattern: Option<&Value>, target: Option<&Target>, private: bool) -> Result<(), Error> {
    let mut problems = Vec::new();
    if name.is_some_and(|name| name.trim().is_empty() || name.chars().count() > NAME_CHARS) {
        problems.push(FieldProblem::new("/name", format!("must have 1 to {NAME_CHARS} characters")));
    }
    if let Some(Err(wrong)) = pattern.map(Wanted::parse) {
        let at_pattern =
            |problem: PatternProblem| FieldProblem::new(format!("/pattern{}", problem.pointer), problem.message);
        problems.extend(wrong.into_iter().map(at_pattern));
    }
    if let Some((member, problem)) = target.and_then(|target| problem_of_target(target, private)) {
        problems.push(FieldProblem::new(format!("/target/{member}"), problem));
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

/// A fresh secret as Standard Webhooks spell it: `whsec_` and 32 random bytes in base 64.
fn fresh_secret<P: Ports>(ports: &P) -> Secret {
    let bytes = [ports.ids().random(), ports.ids().random()].concat();
    Secret::new(format!("whsec_{}", STANDARD.encode(bytes)))
}

const fn is_signed(target: &Target) -> bool {
    matches!(target, Target::Https { .. })
}

/// Makes a subscription. It hears of what happens from now on. With `private`, endpoints of this network are taken.
///
/// # Errors
/// [`Error::Invalid`] with JSON pointers; [`Error::WrongState`] where there are too many; [`Error::Store`]
pub async fn create_subscription<P: Ports>(
    ports: &P,
    owner: &str,
    new: NewSubscription,
    private: bool,
) -> Result<Told, Error> {
    check(Some(&new.name), Some(&new.pattern), Some(&new.target), private)?;
    if store::all(ports, owner).await?.len() >= MOST_SUBSCRIPTIONS {
        return Err(Error::WrongState(format!("there are {MOST_SUBSCRIPTIONS} subscriptions: delete one first")));
    }
    let now = ports.clock().now();
    let id = SubscriptionId::new(ports);
    let secret = is_signed(&new.target).then(|| fresh_secret(ports));
    // The secret first: a subscription without one could send nothing.
    if let Some(secret) = &secret {
        ports.secrets().put(&Subscription::secret_name(&id, 1), secret).await?;
    }
    let subscription = Subscription {
        id: id.clone(),
        owner: owner.to_owned(),
        projects_of: new.projects_of,
        name: new.name,
        enabled: new.enabled,
        disabled: None,
        pattern: new.pattern,
        target: new.target,
        secrets: SecretNumbers { current: u32::from(secret.is_some()), previous_until: None },
        created_at: now,
        updated_at: now,
    };
    let stored = ports.records().write(vec![store::write_subscription(&subscription, Condition::Absent)?]).await;
    if let Err(error) = stored {
        if secret.is_some() {
            forget_secrets(ports, &id, 1, 1).await;
        }
        return Err(error.into());
    }
    Ok(Told { subscription: Stored { value: subscription, version: 1 }, secret })
}

/// Removes secrets that nobody needs any more. One that can't be removed is left: nobody can read it.
async fn forget_secrets<P: Ports>(ports: &P, id: &SubscriptionId, from: u32, to: u32) {
    for number in from.max(1)..=to {
        if let Err(error) = ports.secrets().delete(&Subscription::secret_name(id, number)).await {
            tracing::warn!(subscription = %id, %error, "a secret that is no longer needed could not be removed");
        }
    }
}

/// An owner's subscription.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Store`]
pub async fn get_subscription<P: Ports>(
    ports: &P,
    owner: &str,
    id: &SubscriptionId,
) -> Result<SubscriptionView, Error> {
    let subscription = store::load(ports, owner, id).await?;
    Ok(SubscriptionView { subscription, health: store::health(ports, id).await?.map(|stored| stored.value) })
}

/// All subscriptions of an owner, by creation.
///
/// # Errors
/// [`Error::Store`]
pub async fn list_subscriptions<P: Ports>(ports: &P, owner: &str) -> Result<Vec<Stored<Subscription>>, Error> {
    store::all(ports, owner).await
}

/// Changes a subscription; with `expected` only that version of it. Enabling one that was disabled by itself forgets why.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Invalid`] with JSON pointers, [`Error::VersionMismatch`], [`Error::Store`]
pub async fn update_subscription<P: Ports>(
    ports: &P,
    owner: &str,
    id: &SubscriptionId,
    expected: Option<u64>,
    changes: SubscriptionChanges,
    private: bool,
) -> Result<SubscriptionView, Error> {
    let before = store::load(ports, owner, id).await?.value;
    check(changes.name.as_deref(), changes.pattern.as_ref(), changes.target.as_ref(), private)?;
    if let Some(target) = &changes.target
        && is_signed(target)
        && before.secrets.current == 0
    {
        let why = "an endpoint needs a secret, which is told when the subscription is made: make another subscription";
        return Err(Error::invalid("/target/type", why));
    }
    let now = ports.clock().now();
    let starts_anew = changes.enabled == Some(true) || changes.target.is_some();
    let subscription = store::change(ports, owner, id, expected, |subscription| {
        let changes = changes.clone();
        subscription.name = changes.name.unwrap_or_else(|| subscription.name.clone());
        subscription.pattern = changes.pattern.unwrap_or_else(|| subscription.pattern.clone());
        subscription.target = changes.target.unwrap_or_else(|| subscription.target.clone());
        subscription.enabled = changes.enabled.unwrap_or(subscription.enabled);
        if changes.enabled.is_some() {
            subscription.disabled = None;
        }
        subscription.updated_at = now;
        Ok(true)
    })
    .await?;
    if starts_anew {
        ports.records().write(vec![Write::Delete(keys::subscription_health(id), Condition::Any)]).await?;
    }
    get_subscription(ports, owner, &subscription.value.id).await
}

/// Gives a subscription another secret. The one before signs too for so many seconds.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::WrongState`] where the target takes no signatures; [`Error::Invalid`],
/// [`Error::VersionMismatch`], [`Error::Store`]
pub async fn rotate_secret<P: Ports>(
    ports: &P,
    owner: &str,
    id: &SubscriptionId,
    expected: Option<u64>,
    overlap_seconds: u32,
) -> Result<Told, Error> {
    if overlap_seconds > LONGEST_OVERLAP_SECONDS {
        return Err(Error::invalid("/overlap_seconds", format!("must be 0 to {LONGEST_OVERLAP_SECONDS}")));
    }
    let stored = store::load(ports, owner, id).await?;
    let mismatch = || Error::VersionMismatch { what: "the subscription" };
    if expected.is_some_and(|version| version != stored.version) {
        return Err(mismatch());
    }
    if !is_signed(&stored.value.target) {
        let why = format!("what goes to {} is not signed by a secret", stored.value.target.kind());
        return Err(Error::WrongState(why));
    }
    let now = ports.clock().now();
    let number = stored.value.secrets.current + 1;
    let secret = fresh_secret(ports);
    let mut subscription = stored.value;
    subscription.secrets = SecretNumbers { current: number, previous_until: until(now, overlap_seconds) };
    subscription.updated_at = now;
    // Whoever else rotates at this moment writes another text under the same name, and one of the two is told a mismatch:
    // so the record is won first, and until the secret is there the one before signs.
    let write = store::write_subscription(&subscription, Condition::Version(stored.version))?;
    match ports.records().write(vec![write]).await {
        Ok(()) => {}
        Err(StoreError::Conflict) => return Err(mismatch()),
        Err(error) => return Err(error.into()),
    }
    ports.secrets().put(&Subscription::secret_name(id, number), &secret).await?;
    forget_secrets(ports, id, number.saturating_sub(2), number.saturating_sub(2)).await;
    let subscription = Stored { value: subscription, version: stored.version + 1 };
    Ok(Told { subscription, secret: Some(secret) })
}

fn until(now: Timestamp, seconds: u32) -> Option<Timestamp> {
    (seconds > 0).then(|| now.plus_millis(i64::from(seconds) * 1_000))
}

/// Deletes a subscription; with `expected` only that version of it. What is on its way is given up.
///
/// # Errors
/// [`Error::NotFound`], [`Error::VersionMismatch`], [`Error::Store`]
pub async fn delete_subscription<P: Ports>(
    ports: &P,
    owner: &str,
    id: &SubscriptionId,
    expected: Option<u64>,
) -> Result<(), Error> {
    let stored = store::load(ports, owner, id).await?;
    if expected.is_some_and(|version| version != stored.version) {
        return Err(Error::VersionMismatch { what: "the subscription" });
    }
    let own = Write::Delete(keys::subscription(owner, id), Condition::Version(stored.version));
    let health = Write::Delete(keys::subscription_health(id), Condition::Any);
    match ports.records().write(vec![own, health]).await {
        Ok(()) => {}
        Err(StoreError::Conflict) => return Err(Error::VersionMismatch { what: "the subscription" }),
        Err(error) => return Err(error.into()),
    }
    let current = stored.value.secrets.current;
    forget_secrets(ports, id, current.saturating_sub(1), current).await;
    Ok(())
}

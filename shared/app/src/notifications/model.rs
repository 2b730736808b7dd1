//! What is stored of subscriptions and their deliveries.

use std::collections::VecDeque;

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::backoff::FAILURES_BEFORE_REST;
use crate::ids::{DeliveryId, SubscriptionId};
use crate::patterns::{Pattern, PatternProblem};

/// How long deliveries are kept, in days from their event or last replay.
pub const KEPT_DAYS: i64 = 14;

/// Where a subscription's events go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Target {
    /// An HTTPS endpoint, signed as Standard Webhooks say.
    Https {
        /// Its address.
        url: String,
    },
    /// A topic of SNS.
    Sns {
        /// Its ARN.
        topic_arn: String,
    },
    /// A bus of EventBridge.
    Eventbridge {
        /// Its ARN.
        event_bus_arn: String,
    },
}

impl Target {
    /// The word that names its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Https { .. } => "https",
            Self::Sns { .. } => "sns",
            Self::Eventbridge { .. } => "eventbridge",
        }
    }

    /// Its address or ARN.
    #[must_use]
    pub fn address(&self) -> &str {
        match self {
            Self::Https { url } => url,
            Self::Sns { topic_arn } => topic_arn,
            Self::Eventbridge { event_bus_arn } => event_bus_arn,
        }
    }
}

/// Which events: those that fit a pattern, or all, which `{}` says. As a pattern that would be none.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wanted {
    All,
    Fitting(Pattern),
}

impl Wanted {
    pub(super) fn parse(pattern: &Value) -> Result<Self, Vec<PatternProblem>> {
        match pattern.as_object() {
            Some(members) if members.is_empty() => Ok(Self::All),
            _ => Pattern::parse(pattern).map(Self::Fitting),
        }
    }

    pub(super) fn has(&self, event: &Value) -> bool {
        match self {
            Self::All => true,
            Self::Fitting(pattern) => pattern.matches(event),
        }
    }
}

/// Why a subscription gets nothing, though its owner did not say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// When.
    pub at: Timestamp,
    /// Why, for its owner.
    pub reason: String,
}

/// The secrets that sign, by their numbers. The texts are in the store of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SecretNumbers {
    /// The newest.
    pub current: u32,
    /// The one before signs too until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<Timestamp>,
}

/// Who hears of which events, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose it is: who owns the workflows, schedules and functions that it hears of.
    pub owner: String,
    /// Whose projects it hears of.
    pub projects_of: String,
    /// What people call it.
    pub name: String,
    /// Is it to get events?
    pub enabled: bool,
    /// Why it was disabled by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Disabled>,
    /// Which events, as EventBridge's patterns say it; `{}` is all.
    pub pattern: Value,
    /// Where they go.
    pub target: Target,
    /// What signs them, where the target is an endpoint.
    #[serde(default)]
    pub secrets: SecretNumbers,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Timestamp,
}

impl Subscription {
    /// The name of a secret in the store.
    #[must_use]
    pub fn secret_name(id: &SubscriptionId, number: u32) -> String {
        format!("subscriptions/{id}/{number}")
    }

    /// The names of the secrets that sign now, the newest first.
    #[must_use]
    pub fn secret_names(&self, now: Timestamp) -> Vec<String> {
        let SecretNumbers { current, previous_until } = self.secrets;
        let previous = previous_until.filter(|until| now < *until).and_then(|_| current.checked_sub(1));
        std::iter::once(current).chain(previous).map(|number| Self::secret_name(&self.id, number)).collect()
    }
}

/// How a target is doing. There is no record of one that always worked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Failures since the last success.
    pub failures: u32,
    /// When the first of them was.
    pub failing_since: Timestamp,
    /// What the last of them was.
    pub last_error: String,
    /// It is left alone until then.
    pub retry_at: Timestamp,
    /// Did it not answer at all the last time? Then each attempt may cost the whole time there is.
    #[serde(default)]
    pub silent: bool,
}

impl Health {
    /// Is it tried once at a time, with pauses?
    #[must_use]
    pub const fn rests(&self) -> bool {
        self.silent || self.failures >= FAILURES_BEFORE_REST
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It is to be made, for the first time or again.
    Pending,
    /// The target took it.
    Delivered,
    /// It was given up.
    Failed,
}

impl DeliveryStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// One attempt at a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// The HTTP status that was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong; nothing for a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// An event on its way to a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotificationDelivery {
    /// Its id, which follows from subscription and event.
    pub id: DeliveryId,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Whose that is.
    pub owner: String,
    /// The event's kind.
    pub kind: String,
    /// The event as it is sent.
    pub event: Value,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Attempts since it was made or replayed.
    pub tries: u32,
    /// How often it found its target resting.
    #[serde(default)]
    pub put_off: u32,
    /// The last attempts, the newest last; at most [`NotificationDelivery::KEPT_ATTEMPTS`].
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub attempts: VecDeque<Attempt>,
    /// How often it was replayed.
    #[serde(default)]
    pub replays: u32,
    /// Is it a test, which is tried once and says nothing of the target?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// One more with every change: messages of before mean nothing.
    pub edition: u32,
    /// When it is tried next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// When its event happened.
    pub created_at: Timestamp,
    /// When it was delivered or given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl NotificationDelivery {
    /// How many attempts are remembered.
    pub const KEPT_ATTEMPTS: usize = 20;

    /// The id of the delivery of an event to a subscription.
    #[must_use]
    pub fn id_of(subscription: &SubscriptionId, event: &crate::ids::NotificationId, at: Timestamp) -> DeliveryId {
        DeliveryId::timed(at, &format!("{subscription} {event}"))
    }

    /// Remembers an attempt.
    pub(super) fn remember(&mut self, attempt: Attempt) {
        self.tries += 1;
        self.attempts.push_back(attempt);
        if self.attempts.len() > Self::KEPT_ATTEMPTS {
            self.attempts.pop_front();
        }
    }
}

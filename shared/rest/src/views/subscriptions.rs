//! The public form of subscriptions and deliveries.

use millrace_app::notifications::{
    Attempt, Health, NotificationDelivery, Subscription, SubscriptionView as Known, Target, Told,
};
use millrace_app::projects::Stored;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Where events go.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubscriptionTarget)]
struct TargetView {
    /// `https`, `sns` or `eventbridge`
    #[serde(rename = "type")]
    kind: &'static str,
    /// The endpoint's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    url: Option<String>,
    /// The topic's ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    topic_arn: Option<String>,
    /// The bus's ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    event_bus_arn: Option<String>,
}

impl From<Target> for TargetView {
    fn from(target: Target) -> Self {
        let none = Self { kind: target.kind(), url: None, topic_arn: None, event_bus_arn: None };
        match target {
            Target::Https { url } => Self { url: Some(url), ..none },
            Target::Sns { topic_arn } => Self { topic_arn: Some(topic_arn), ..none },
            Target::Eventbridge { event_bus_arn } => Self { event_bus_arn: Some(event_bus_arn), ..none },
        }
    }
}

/// How a target that fails is doing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubscriptionHealth)]
struct HealthView {
    /// Failures since the last success.
    failures: u32,
    /// When the first of them was.
    #[schema(format = DateTime)]
    failing_since: String,
    /// What the last of them was.
    last_error: String,
    /// It is left alone until then.
    #[schema(format = DateTime)]
    retry_at: String,
}

impl From<Health> for HealthView {
    fn from(health: Health) -> Self {
        Self {
            failures: health.failures,
            failing_since: health.failing_since.to_string(),
            last_error: health.last_error,
            retry_at: health.retry_at.to_string(),
        }
    }
}

/// A subscription.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Subscription)]
pub(crate) struct SubscriptionView {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// `ENABLED`, or `DISABLED`: by its owner, or by itself after lasting failure.
    status: &'static str,
    /// Why it was disabled by itself.
    #[schema(required = true)]
    disabled_reason: Option<String>,
    /// When.
    #[schema(required = true, format = DateTime)]
    disabled_at: Option<String>,
    /// Which events, in EventBridge's pattern syntax; `{}` is all.
    #[schema(value_type = Object)]
    pattern: Value,
    /// Where they go.
    target: TargetView,
    /// Until when the secret before signs too.
    #[schema(required = true, format = DateTime)]
    previous_secret_until: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// The version, as in `ETag`.
    version: u64,
}

impl From<Stored<Subscription>> for SubscriptionView {
    fn from(stored: Stored<Subscription>) -> Self {
        let (subscription, version) = (stored.value, stored.version);
        let (disabled_reason, disabled_at) =
            subscription.disabled.map(|disabled| (disabled.reason, disabled.at.to_string())).unzip();
        Self {
            id: subscription.id.into(),
            name: subscription.name,
            status: if subscription.enabled { "ENABLED" } else { "DISABLED" },
            disabled_reason,
            disabled_at,
            pattern: subscription.pattern,
            target: subscription.target.into(),
            previous_secret_until: subscription.secrets.previous_until.map(|until| until.to_string()),
            created_at: subscription.created_at.to_string(),
            updated_at: subscription.updated_at.to_string(),
            version,
        }
    }
}

/// A subscription, and how its target is doing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubscriptionDetails)]
pub(crate) struct SubscriptionDetailsView {
    #[serde(flatten)]
    about: SubscriptionView,
    /// How a target that fails is doing; null where it works.
    #[schema(required = true)]
    health: Option<HealthView>,
}

impl From<Known> for SubscriptionDetailsView {
    fn from(known: Known) -> Self {
        Self { about: known.subscription.into(), health: known.health.map(HealthView::from) }
    }
}

/// A subscription with what is told once.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuedSubscription)]
pub(crate) struct IssuedSubscriptionView {
    /// What signs its events, as Standard Webhooks spell it: `whsec_…`. Only for endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    secret: Option<String>,
    /// What is known of it later, too.
    #[serde(flatten)]
    about: SubscriptionView,
}

impl From<Told> for IssuedSubscriptionView {
    fn from(told: Told) -> Self {
        let secret = told.secret.map(|secret| secret.expose().to_owned());
        Self { secret, about: told.subscription.into() }
    }
}

/// All subscriptions, by creation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubscriptionList)]
pub(crate) struct SubscriptionListView {
    /// The subscriptions.
    pub(crate) items: Vec<SubscriptionView>,
}

/// An attempt at a delivery.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryAttempt)]
struct AttemptView {
    /// When it began.
    #[schema(format = DateTime)]
    at: String,
    /// How long it took, in milliseconds.
    duration_ms: u64,
    /// The HTTP status that the endpoint answered.
    #[schema(required = true)]
    status: Option<u16>,
    /// What went wrong; null for a success.
    #[schema(required = true)]
    error: Option<String>,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        let Attempt { at, millis, status, error } = attempt;
        Self { at: at.to_string(), duration_ms: millis, status, error }
    }
}

/// An event on its way to a target.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryView {
    /// Its id.
    id: String,
    /// The event's id: `webhook-id`.
    event_id: String,
    /// What happened, like `execution.failed`.
    event_type: String,
    /// `pending`, `delivered` or `failed`
    status: &'static str,
    /// Why it was given up.
    #[schema(required = true)]
    error: Option<String>,
    /// Attempts since it was made or replayed.
    attempts: u32,
    /// How often it was replayed.
    replays: u32,
    /// Was it sent to try the target?
    test: bool,
    /// When it is tried next; null for at once, and when it is over.
    #[schema(required = true, format = DateTime)]
    next_at: Option<String>,
    /// When its event happened.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was delivered or given up.
    #[schema(required = true, format = DateTime)]
    ended_at: Option<String>,
}

impl From<NotificationDelivery> for DeliveryView {
    fn from(delivery: NotificationDelivery) -> Self {
        let event_id = delivery.event.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            id: delivery.id.into(),
            event_id,
            event_type: delivery.kind,
            status: delivery.status.name(),
            error: delivery.error,
            attempts: delivery.tries,
            replays: delivery.replays,
            test: delivery.test,
            next_at: delivery.next_at.map(|at| at.to_string()),
            created_at: delivery.created_at.to_string(),
            ended_at: delivery.ended_at.map(|at| at.to_string()),
        }
    }
}

/// A delivery with its event and its attempts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryDetails)]
pub(crate) struct DeliveryDetailsView {
    #[serde(flatten)]
    about: DeliveryView,
    /// The event as it is sent.
    #[schema(value_type = Object)]
    event: Value,
    /// The last attempts, the newest last: at most 20.
    attempt_log: Vec<AttemptView>,
}

impl From<NotificationDelivery> for DeliveryDetailsView {
    fn from(mut delivery: NotificationDelivery) -> Self {
        let attempt_log = std::mem::take(&mut delivery.attempts).into_iter().map(AttemptView::from).collect();
        Self { event: delivery.event.clone(), about: delivery.into(), attempt_log }
    }
}

/// What was replayed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplayedDeliveries)]
pub(crate) struct ReplayedDeliveriesView {
    /// The deliveries, as they are now.
    pub(crate) items: Vec<DeliveryView>,
    /// Was it only told what would be done?
    pub(crate) dry_run: bool,
    /// Give it as `cursor` to go on to older ones; null at the end.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

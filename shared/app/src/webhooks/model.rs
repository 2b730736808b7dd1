//! What is stored of events and rules.

use std::collections::BTreeMap;

use millrace_asl::Timestamp;
use millrace_webhooks::Scheme;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::InputTemplate;
use crate::ids::{ExecutionId, WebhookEventId, WebhookRuleId};
use crate::keys;

/// How long an event is kept, in days. `template.yaml` keeps bodies for longer (tested there).
pub const KEPT_DAYS: i64 = 30;

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// It waits to be matched with the rules.
    Received,
    /// Every rule that it fits has started its workflow.
    Matched,
    /// It fits no rule.
    Unmatched,
    /// A rule that it fits could not start its workflow, or the event could not be matched at all.
    Failed,
}

impl EventStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Received, Self::Matched, Self::Unmatched, Self::Failed];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Matched => "matched",
            Self::Unmatched => "unmatched",
            Self::Failed => "failed",
        }
    }
}

/// What is known of who sent an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Verification {
    /// Its source signed it.
    Verified {
        /// The header or parameter that proved it.
        by: String,
        /// Which of the stored secrets it was, from 0, the newest.
        secret: usize,
        /// When it was signed, where the source says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed_at: Option<Timestamp>,
    },
    /// Verification was switched off.
    Off,
}

/// Where an event's body is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredBody {
    /// The SHA-256 of its bytes in lower-case hexadecimal.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type in lower case, without parameters.
    pub media_type: String,
    /// Which of the body's events it is, from 0.
    #[serde(default)]
    pub part: usize,
}

/// What a rule came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum RuleOutcome {
    /// It started an execution, or found the one that it had started before.
    Started {
        /// The execution.
        execution: ExecutionId,
        /// Its ARN.
        arn: String,
    },
    /// It did not.
    Failed {
        /// Why, for people.
        error: String,
    },
}

/// What became of a rule that an event fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRun {
    /// The rule.
    pub rule: WebhookRuleId,
    /// Its name then.
    pub name: String,
    /// 0 for the receipt, then the number of the replay.
    #[serde(default)]
    pub replay: u32,
    /// When.
    pub at: Timestamp,
    /// What it came to.
    #[serde(flatten)]
    pub outcome: RuleOutcome,
}

/// An event that a webhook delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEvent {
    /// Its id, which follows from owner, source and delivery.
    pub id: WebhookEventId,
    /// Whose it is.
    pub owner: String,
    /// Its source.
    pub source: String,
    /// How that source signs and what it sends: a name of [`Scheme`].
    pub scheme: String,
    /// The source's id of the delivery.
    pub delivery_id: String,
    /// The source's word for what happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// The request's headers, without secrets and signatures.
    pub headers: BTreeMap<String, String>,
    /// The request's body.
    pub body: StoredBody,
    /// What is known of its sender.
    pub verification: Verification,
    /// Where it stands.
    pub status: EventStatus,
    /// The rules that it fitted, the newest run last; at most [`WebhookEvent::KEPT_RUNS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RuleRun>,
    /// Why it could not be matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How often it was replayed.
    #[serde(default)]
    pub replays: u32,
    /// How often the source sent it again before it was matched.
    #[serde(default)]
    pub repeats: u32,
    /// When it came.
    pub received_at: Timestamp,
    /// When it was last matched with the rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatched_at: Option<Timestamp>,
}

impl WebhookEvent {
    /// How many runs of rules are kept.
    pub const KEPT_RUNS: usize = 200;

    /// Where its body is among the blobs.
    #[must_use]
    pub fn body_key(&self) -> String {
        keys::artifacts::webhook_body(self.received_at, &self.body.sha256)
    }

    /// Its scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        Scheme::ALL.into_iter().find(|scheme| scheme.name() == self.scheme).unwrap_or(Scheme::Generic)
    }
}

/// An event as patterns and templates see it: with the names of EventBridge's events, and those of a webhook beside them.
#[must_use]
pub fn envelope(event: &WebhookEvent, detail: Value) -> Value {
    json!({
        "version": "0",
        "id": event.id,
        "source": event.source,
        "detail-type": event.kind,
        "time": event.received_at.to_string(),
        "resources": [],
        "delivery-id": event.delivery_id,
        "headers": event.headers,
        "detail": detail,
    })
}

/// What a rule starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTarget {
    /// The workflow's ARN, without a qualifier.
    pub workflow_arn: String,
    /// The number of a version, or an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
}

/// A rule: which events start which workflow with which input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookRule {
    /// Its id.
    pub id: WebhookRuleId,
    /// Whose it is.
    pub owner: String,
    /// Its name, for people.
    pub name: String,
    /// Is it looked at?
    pub enabled: bool,
    /// Which events, in EventBridge's pattern syntax.
    pub pattern: Value,
    /// What it starts.
    pub target: RuleTarget,
    /// What with; the event itself where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<InputTemplate>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

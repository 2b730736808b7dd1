//! The public form of events and rules.

use std::collections::BTreeMap;

use millrace_app::webhooks::{
    EventStatus, Replayed, RuleOutcome, RuleRun, TestedPattern, Verification, WebhookEvent, WebhookRule,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::problem::Problem;

/// A webhook that was taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookReceipt)]
pub(crate) struct ReceiptView {
    /// `accepted`: it will be matched with the rules; `duplicate`: this delivery was taken before; `pong`: the source only
    /// tried the address.
    pub(super) status: &'static str,
    /// The ids of its events.
    pub(super) events: Vec<String>,
}

/// What is known of who sent an event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookVerification)]
struct VerificationView {
    /// `verified`, or `off`: verification was switched off.
    result: &'static str,
    /// The header, or the parameter, that proved it.
    #[schema(required = true)]
    by: Option<String>,
    /// Which of the stored secrets it was, from 0, the newest.
    #[schema(required = true)]
    secret: Option<usize>,
    /// When it was signed, where the source says so.
    #[schema(required = true, format = DateTime)]
    signed_at: Option<String>,
}

impl From<Verification> for VerificationView {
    fn from(verification: Verification) -> Self {
        match verification {
            Verification::Verified { by, secret, signed_at } => Self {
                result: "verified",
                by: Some(by),
                secret: Some(secret),
                signed_at: signed_at.map(|at| at.to_string()),
            },
            Verification::Off => Self { result: "off", by: None, secret: None, signed_at: None },
        }
    }
}

/// What became of a rule that an event fits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookRun)]
struct RunView {
    /// The rule's id.
    rule: String,
    /// Its name then.
    name: String,
    /// `started` or `failed`.
    result: &'static str,
    /// The id of the execution.
    #[schema(required = true)]
    execution: Option<String>,
    /// Its ARN.
    #[schema(required = true)]
    execution_arn: Option<String>,
    /// Why there is none.
    #[schema(required = true)]
    error: Option<String>,
    /// 0 for the receipt, then the number of the replay.
    replay: u32,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

impl From<RuleRun> for RunView {
    fn from(run: RuleRun) -> Self {
        let (result, execution, execution_arn, error) = match run.outcome {
            RuleOutcome::Started { execution, arn } => ("started", Some(execution.into()), Some(arn), None),
            RuleOutcome::Failed { error } => ("failed", None, None, Some(error)),
        };
        Self {
            rule: run.rule.into(),
            name: run.name,
            result,
            execution,
            execution_arn,
            error,
            replay: run.replay,
            at: run.at.to_string(),
        }
    }
}

/// An event that a webhook delivered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEvent)]
pub(crate) struct EventView {
    /// Its id.
    id: String,
    /// Its source.
    source: String,
    /// The source's word for what happened.
    #[serde(rename = "type")]
    kind: String,
    /// The source's id of the delivery.
    delivery_id: String,
    /// `received`: it waits to be matched with the rules; `matched`; `unmatched`: it fits no rule; `failed`: a rule could not
    /// start its workflow.
    status: &'static str,
    /// What is known of its sender.
    verification: VerificationView,
    /// The rules that it fitted, the newest run last.
    runs: Vec<RunView>,
    /// Why it could not be matched.
    #[schema(required = true)]
    error: Option<String>,
    /// How often it was replayed.
    replays: u32,
    /// The size of the request's body in bytes.
    size: u64,
    /// The SHA-256 of the request's body.
    sha256: String,
    /// When it came.
    #[schema(format = DateTime)]
    received_at: String,
    /// When it was last matched with the rules.
    #[schema(required = true, format = DateTime)]
    dispatched_at: Option<String>,
}

impl From<WebhookEvent> for EventView {
    fn from(event: WebhookEvent) -> Self {
        Self {
            id: event.id.into(),
            source: event.source,
            kind: event.kind,
            delivery_id: event.delivery_id,
            status: event.status.name(),
            verification: event.verification.into(),
            runs: event.runs.into_iter().map(RunView::from).collect(),
            error: event.error,
            replays: event.replays,
            size: event.body.size,
            sha256: event.body.sha256,
            received_at: event.received_at.to_string(),
            dispatched_at: event.dispatched_at.map(|at| at.to_string()),
        }
    }
}

/// An event with what it says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEventDetails)]
pub(crate) struct EventDetailsView {
    #[serde(flatten)]
    event: EventView,
    /// The request's headers, without secrets and signatures.
    headers: BTreeMap<String, String>,
    /// The event as patterns and templates see it; null where its body is no longer there.
    #[schema(required = true, value_type = Option<Object>)]
    envelope: Option<Value>,
}

impl EventDetailsView {
    /// An event with its body.
    pub(super) fn of(event: WebhookEvent, detail: Option<Value>) -> Self {
        let envelope = detail.map(|detail| millrace_app::webhooks::envelope(&event, detail));
        Self { headers: event.headers.clone(), envelope, event: event.into() }
    }
}

/// What became of events that were to be replayed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookReplayResult)]
pub(crate) struct ReplayedView {
    /// One an event, newest first.
    pub(super) results: Vec<ReplayedItemView>,
    /// Was nothing done?
    pub(super) dry_run: bool,
    /// Give it as `cursor` to go on; null where no more events fit.
    #[schema(required = true)]
    pub(super) next_cursor: Option<String>,
}

/// What became of an event that was to be replayed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookReplayItem)]
pub(crate) struct ReplayedItemView {
    /// The event's id.
    id: String,
    /// Its source.
    source: String,
    /// Its type.
    #[serde(rename = "type")]
    kind: String,
    /// `done`; `planned` in a dry run; `skipped`: it waits to be matched; `failed`.
    outcome: &'static str,
    /// Why it was skipped or failed.
    #[schema(required = true)]
    detail: Option<String>,
}

impl ReplayedItemView {
    /// What became of an event.
    pub(super) fn of(replayed: Replayed, dry_run: bool) -> Self {
        let waits = replayed.event.status == EventStatus::Received;
        let outcome = match &replayed.problem {
            None if dry_run => "planned",
            None => "done",
            Some(_) if waits => "skipped",
            Some(_) => "failed",
        };
        let detail = replayed.problem.map(|problem| Problem::from(problem).detail().to_owned());
        let event = replayed.event;
        Self { id: event.id.into(), source: event.source, kind: event.kind, outcome, detail }
    }
}

/// A rule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookRule)]
pub(crate) struct RuleView {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// Is it looked at?
    enabled: bool,
    /// Which events, in EventBridge's pattern syntax.
    #[schema(value_type = Object)]
    pattern: Value,
    /// The ARN of the workflow that it starts.
    workflow: String,
    /// A version of it.
    #[schema(required = true)]
    version: Option<u64>,
    /// An alias of it.
    #[schema(required = true)]
    alias: Option<String>,
    /// The template of the workflow's input; null where it gets the event.
    #[schema(required = true, value_type = Value)]
    input: Option<Value>,
    /// The language of `input`: `JSONata` or `JSONPath`.
    #[schema(required = true)]
    query_language: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<WebhookRule> for RuleView {
    fn from(rule: WebhookRule) -> Self {
        let qualifier = rule.target.qualifier;
        let version = qualifier.as_deref().and_then(|text| text.parse().ok());
        let (input, query_language) = rule.input.map(|input| (input.template, input.query_language)).unzip();
        Self {
            id: rule.id.into(),
            name: rule.name,
            enabled: rule.enabled,
            pattern: rule.pattern,
            workflow: rule.target.workflow_arn,
            version,
            alias: qualifier.filter(|_| version.is_none()),
            input,
            query_language,
            created_at: rule.created_at.to_string(),
            updated_at: rule.updated_at.to_string(),
        }
    }
}

/// All rules, by creation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookRuleList)]
pub(crate) struct RuleListView {
    /// The rules.
    pub(super) items: Vec<RuleView>,
}

/// What a pattern makes of an event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookRuleTest)]
pub(crate) struct TestedView {
    /// Does the event fit?
    matches: bool,
    /// The input that the workflow would get; null where it can't be made.
    #[schema(required = true, value_type = Value)]
    input: Option<Value>,
    /// Why it can't be made.
    #[schema(required = true)]
    problem: Option<String>,
}

impl From<TestedPattern> for TestedView {
    fn from(tested: TestedPattern) -> Self {
        Self { matches: tested.matches, input: tested.input, problem: tested.problem }
    }
}

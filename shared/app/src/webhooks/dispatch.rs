//! Matching an event with the rules, and starting what they name.

use millrace_asl::{PayloadLimit, Timestamp};
use millrace_webhooks::detail_of;
use serde_json::Value;

use super::input::input_of;
use super::model::{EventStatus, KEPT_DAYS, RuleOutcome, RuleRun, WebhookEvent, WebhookRule, envelope};
use super::receive::message;
use super::store;
use crate::error::Error;
use crate::executions::{Attributes, Patience};
use crate::ids::{ExecutionId, WebhookEventId};
use crate::keys;
use crate::patterns::Pattern;
use crate::ports::{
    BlobStore, Clock, Condition, Index, MessageQueues, Order, Ports, Query, Queue, RecordStore, StoreError, Write,
};
use crate::workflows::{StartWorkflow, StateMachineArn, WorkflowError, start_workflow};

/// The attribute by which the executions of an event are found.
const EVENT_ATTRIBUTE: &str = "webhook_event";

/// Matches an event with its owner's rules and starts their workflows. Doing it again changes nothing: what an event has
/// come to is stored, and each execution's name follows from event, rule and replay.
///
/// # Errors
/// [`Error::Store`]: the message is to come again.
pub(crate) async fn dispatch<P: Ports>(ports: &P, id: &WebhookEventId, replay: u32) -> Result<(), Error> {
    let Some(stored) = store::find_event(ports, id).await? else { return Ok(()) };
    let event = stored.value;
    if event.status != EventStatus::Received || event.replays != replay {
        return Ok(());
    }
    let now = ports.clock().now();
    let (runs, error) = match load(ports, &event).await? {
        Ok(value) => (run_rules(ports, &event, &value, now).await?, None),
        Err(problem) => (Vec::new(), Some(problem)),
    };
    let has_failed = runs.iter().any(|run| matches!(run.outcome, RuleOutcome::Failed { .. }));
    let status = match (&error, runs.is_empty()) {
        (Some(_), _) => EventStatus::Failed,
        (None, _) if has_failed => EventStatus::Failed,
        (None, true) => EventStatus::Unmatched,
        (None, false) => EventStatus::Matched,
    };
    tracing::info!(event = %id, source = event.source, kind = event.kind, rules = runs.len(), status = status.name(), "webhook");
    store::change_event(ports, id, |event| {
        if event.status != EventStatus::Received || event.replays != replay {
            return false;
        }
        event.status = status;
        event.error.clone_from(&error);
        event.dispatched_at = Some(now);
        event.runs.extend(runs.iter().cloned());
        let over = event.runs.len().saturating_sub(WebhookEvent::KEPT_RUNS);
        event.runs.drain(..over);
        true
    })
    .await?;
    Ok(())
}

/// The event as patterns see it, or why it can't be made.
async fn load<P: Ports>(ports: &P, event: &WebhookEvent) -> Result<Result<Value, String>, Error> {
    let Some(bytes) = ports.blobs().get(&event.body_key()).await? else {
        return Ok(Err("the body is no longer there".to_owned()));
    };
    let detail = detail_of(event.scheme(), &event.body.media_type, &bytes, event.body.part);
    Ok(detail.map(|detail| envelope(event, detail)).map_err(|error| error.to_string()))
}

async fn run_rules<P: Ports>(
    ports: &P,
    event: &WebhookEvent,
    value: &Value,
    now: Timestamp,
) -> Result<Vec<RuleRun>, Error> {
    let mut runs = Vec::new();
    for stored in store::all_rules(ports, &event.owner).await? {
        let rule = stored.value;
        let fits = match Pattern::parse(&rule.pattern) {
            Ok(pattern) => rule.enabled && pattern.matches(value),
            Err(_) => {
                tracing::error!(rule = %rule.id, "a stored pattern can't be read");
                false
            }
        };
        if fits {
            let outcome = run_rule(ports, event, &rule, value).await?;
            runs.push(RuleRun { rule: rule.id, name: rule.name, replay: event.replays, at: now, outcome });
        }
    }
    Ok(runs)
}

/// Starts a rule's workflow. What repeating may mend is an error; the rest is told.
async fn run_rule<P: Ports>(
    ports: &P,
    event: &WebhookEvent,
    rule: &WebhookRule,
    value: &Value,
) -> Result<RuleOutcome, Error> {
    let failed = |error: String| Ok(RuleOutcome::Failed { error });
    // The same time whenever the message comes: so the input is the same, and the execution is found again.
    let input = match input_of(rule, value, event.replays, event.received_at) {
        Ok(input) => input,
        Err(problem) => return failed(format!("its input can't be made: {problem}")),
    };
    let target = match StateMachineArn::parse(&rule.target.workflow_arn) {
        Ok(arn) => StateMachineArn { qualifier: rule.target.qualifier.clone(), ..arn },
        Err(error) => return failed(error.to_string()),
    };
    let start = StartWorkflow {
        target,
        name: Some(execution_name(event, rule)),
        input,
        trace_header: None,
        payload_limit: PayloadLimit::None,
        only: None,
        waiting: None,
        attributes: Attributes::from([(EVENT_ATTRIBUTE.to_owned(), event.id.to_string())]),
        priority: None,
    };
    match start_workflow(ports, start).await {
        Ok(started) => Ok(RuleOutcome::Started { execution: started.id, arn: started.run.execution_arn }),
        // This event's own: it has ended meanwhile.
        Err(WorkflowError::ExecutionAlreadyExists(arn)) => {
            Ok(RuleOutcome::Started { execution: ExecutionId::derived(&arn), arn })
        }
        Err(WorkflowError::App(error)) if error.is_retryable() => Err(error),
        Err(WorkflowError::App(Error::Invalid(problems))) => {
            let told: Vec<String> = problems.iter().map(|one| format!("{}: {}", one.field, one.message)).collect();
            failed(format!("the workflow does not take it: {}", told.join("; ")))
        }
        Err(error) => failed(error.to_string()),
    }
}

/// The name of the execution that a rule starts for an event: the same whenever the message comes.
fn execution_name(event: &WebhookEvent, rule: &WebhookRule) -> String {
    let source: String = event.source.chars().take(16).collect();
    let made = ExecutionId::derived(&format!("{} {} {}", event.id, rule.id, event.replays));
    format!("webhook-{source}-{}", made.as_str().trim_start_matches("exe_"))
}

/// Says on an event that its message is given up.
pub(crate) async fn give_up<P: Ports>(ports: &P, id: &WebhookEventId, replay: u32, error: &Error) {
    let noted = store::change_event(ports, id, |event| {
        if event.status != EventStatus::Received || event.replays != replay {
            return false;
        }
        event.status = EventStatus::Failed;
        event.error = Some(format!("it could not be matched with the rules: {}", error.code()));
        true
    });
    if let Err(problem) = noted.await {
        tracing::warn!(event = %id, error = %problem, "a dead letter could not be noted");
    }
}

/// Sends the messages of events again that have waited for too long, or with no patience of all that wait.
///
/// # Errors
/// [`Error::Store`]
pub(crate) async fn send_due<P: Ports>(ports: &P, now: Timestamp, patience: Patience) -> Result<(), Error> {
    const AT_ONCE: usize = 100;
    let sort_to = match patience {
        Patience::Grace => Some(keys::due_to(now)),
        Patience::None => None,
    };
    let mut cursor = None;
    loop {
        let query = Query {
            index: Some(Index::Due),
            partition: keys::DUE_WEBHOOKS.to_owned(),
            sort_prefix: String::new(),
            sort_to: sort_to.clone(),
            order: Order::Ascending,
            limit: AT_ONCE,
            cursor,
        };
        let page = ports.records().query(&query).await?;
        for record in page.items {
            let event: WebhookEvent = store::decode(record)?;
            // Writing it puts it off: the next sweep does not send it again at once.
            let waits = |stored: &mut WebhookEvent| stored.status == EventStatus::Received;
            if let Some(event) = store::change_event(ports, &event.id, waits).await? {
                ports.queues().send(Queue::Engine, vec![message(&event.id, event.replays)?]).await?;
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// Removes an event, unless it waits to be matched; false where it does, or is gone.
///
/// # Errors
/// [`Error::Store`]
pub(crate) async fn forget<P: Ports>(ports: &P, id: &WebhookEventId) -> Result<bool, Error> {
    let Some(stored) = store::find_event(ports, id).await? else { return Ok(false) };
    if stored.value.status == EventStatus::Received {
        return Ok(false);
    }
    let delete = Write::Delete(keys::webhook_event(id), Condition::Version(stored.version));
    match ports.records().write(vec![delete]).await {
        Ok(()) => Ok(true),
        // It is being replayed.
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Removes the bodies whose events have expired. Where a store does that by itself there is nothing to do.
///
/// # Errors
/// [`Error::Store`]
pub(crate) async fn purge_bodies<P: Ports>(ports: &P, now: Timestamp) -> Result<(), Error> {
    /// So many a call.
    const AT_ONCE: usize = 1_000;
    const MINUTE_MILLIS: i64 = 60_000;
    // A listing costs money, and sweeps are many: those at the beginning of an hour do it.
    if now.millis().div_euclid(MINUTE_MILLIS).rem_euclid(60) >= 5 {
        return Ok(());
    }
    let kept_from = now.plus_millis(-(KEPT_DAYS + 1) * 24 * 60 * MINUTE_MILLIS);
    let bound = keys::artifacts::webhook_body(kept_from, "");
    let page = ports.blobs().list(keys::artifacts::WEBHOOKS, None, AT_ONCE).await?;
    for blob in page.items.into_iter().take_while(|blob| blob.key < bound) {
        ports.blobs().delete(&blob.key).await?;
    }
    Ok(())
}

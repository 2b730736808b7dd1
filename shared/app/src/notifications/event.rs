//! Events: what a change of a record means to people. Pure.
//!
//! The names are a contract with receivers: `project.*`, `execution.*`, `schedule.*` and `function.*`. What is told of a
//! thing is what its owner may hear anywhere: no inputs, no results, no code and no secrets.

use millrace_asl::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::changes::Change;
use crate::executions::{Execution, ExecutionStatus};
use crate::functions::Function;
use crate::ids::NotificationId;
use crate::ports::StoreError;
use crate::projects::Project;
use crate::schedules::{Run, Schedule, ScheduleStatus};

/// What every event names as its source.
pub const SOURCE: &str = "millrace";
/// The event of a test.
pub const TEST_EVENT: &str = "subscription.test";

/// Every kind of event.
pub const KINDS: [&str; 33] = [
    "project.created",
    "project.queued",
    "project.planning",
    "project.awaiting_approval",
    "project.developing",
    "project.testing",
    "project.packaging",
    "project.completed",
    "project.failed",
    "project.cancelled",
    "project.paused",
    "project.updated",
    "project.deleted",
    "execution.started",
    "execution.succeeded",
    "execution.failed",
    "execution.timed_out",
    "execution.aborted",
    "execution.redriven",
    "execution.stuck",
    "schedule.created",
    "schedule.updated",
    "schedule.paused",
    "schedule.resumed",
    "schedule.completed",
    "schedule.deleted",
    "schedule.run_started",
    "schedule.run_skipped",
    "schedule.run_missed",
    "schedule.run_failed",
    "function.created",
    "function.updated",
    "function.deleted",
];

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct NotificationEvent {
    /// Its id: the same however often its change is told.
    pub id: NotificationId,
    /// Who owns what it is about.
    pub owner: String,
    /// What happened, like `execution.failed`.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// The ids and ARNs of what it is about.
    pub resources: Vec<String>,
    /// How that is now.
    pub detail: Value,
}

impl NotificationEvent {
    /// The event as patterns see it and receivers get it: with the names of EventBridge's events.
    #[must_use]
    pub fn envelope(&self) -> Value {
        json!({
            "version": "0",
            "id": self.id,
            "source": SOURCE,
            "detail-type": self.kind,
            "time": self.at.to_string(),
            "resources": self.resources,
            "detail": self.detail,
        })
    }
}

/// The events that a change means, in order; none where it is nothing that anybody has to hear of.
///
/// # Errors
/// [`StoreError::Corrupt`] for a record that can't be read.
pub fn events_of(change: &Change) -> Result<Vec<NotificationEvent>, StoreError> {
    let told = match change.key.partition.split('#').next().unwrap_or_default() {
        "PROJECT" => both::<Project>(change)?.map(projects),
        "EXECUTION" => both::<Execution>(change)?.map(executions),
        "SCHEDULE" => both::<Schedule>(change)?.map(schedules),
        "FUNCTION" => both::<Function>(change)?.map(functions),
        _ => None,
    };
    let Some(Told { owner, resources, detail, kinds }) = told else { return Ok(Vec::new()) };
    let event = |(number, (kind, more)): (usize, (String, Option<Value>))| {
        let mut detail = detail.clone();
        if let (Some(members), Some(Value::Object(more))) = (detail.as_object_mut(), more) {
            members.extend(more);
        }
        let name = format!("{}/{} {} {number}", change.key.partition, change.key.sort, change.id);
        let id = NotificationId::timed(change.at, &name);
        NotificationEvent { id, owner: owner.clone(), kind, at: change.at, resources: resources.clone(), detail }
    };
    Ok(kinds.into_iter().enumerate().map(event).collect())
}

/// A thing before and after.
struct Both<T> {
    old: Option<T>,
    new: Option<T>,
}

impl<T> Both<T> {
    /// As it is, or was last.
    fn last(&self) -> Option<&T> {
        self.new.as_ref().or(self.old.as_ref())
    }
}

fn both<T: DeserializeOwned>(change: &Change) -> Result<Option<Both<T>>, StoreError> {
    let read = |body: &Option<Value>| {
        let body = body.as_ref().map(T::deserialize).transpose();
        body.map_err(|error| StoreError::corrupt(format!("{}/{}", change.key.partition, change.key.sort), error))
    };
    let both = Both { old: read(&change.old)?, new: read(&change.new)? };
    Ok(both.last().is_some().then_some(both))
}

/// What there is to tell of a thing.
#[derive(Default)]
struct Told {
    owner: String,
    resources: Vec<String>,
    detail: Value,
    /// What happened, with what is told of that beside.
    kinds: Vec<(String, Option<Value>)>,
}

impl Told {
    fn plain(&mut self, kind: impl Into<String>) {
        self.kinds.push((kind.into(), None));
    }
}

fn projects(both: Both<Project>) -> Told {
    let Some(project) = both.last() else { return Told::default() };
    let mut told = Told {
        owner: project.owner.clone(),
        resources: vec![project.id.to_string()],
        detail: json!({
            "project_id": project.id,
            "name": project.name,
            "status": project.status,
            "run": project.run,
            "execution_id": project.execution_id,
            "template_id": project.template_id,
            "failure": project.failure,
            "previous_status": both.old.as_ref().filter(|_| both.new.is_some()).map(|old| old.status),
        }),
        kinds: Vec::new(),
    };
    let says = |project: &Project| {
        let Project { name, description, requirements, budget, approve_plan, .. } = project;
        (name.clone(), description.clone(), requirements.clone(), *budget, *approve_plan)
    };
    match (&both.old, &both.new) {
        (None, Some(_)) => told.plain("project.created"),
        (Some(_), None) => told.plain("project.deleted"),
        (Some(old), Some(new)) if old.status != new.status => told.plain(match new.status {
            crate::projects::ProjectStatus::Created => "project.queued".to_owned(),
            status => format!("project.{status}"),
        }),
        (Some(old), Some(new)) if says(old) != says(new) => told.plain("project.updated"),
        _ => {}
    }
    told
}

fn executions(both: Both<Execution>) -> Told {
    // One that is gone has expired, long after it ended.
    let Some(execution) = &both.new else { return Told::default() };
    let run = execution.workflow.as_deref();
    let arn = run.map(|run| &run.execution_arn);
    let mut told = Told {
        owner: execution.owner.clone(),
        resources: arn.cloned().into_iter().chain([execution.id.to_string()]).collect(),
        detail: json!({
            "execution_id": execution.id,
            "execution_arn": arn,
            "state_machine_arn": run.map(|run| &run.state_machine_arn),
            "map_run_arn": run.and_then(|run| run.map_run_arn.as_ref()),
            "name": execution.name,
            "project_id": execution.project,
            "attributes": execution.attributes,
            "status": execution.status,
            "started_at": execution.started_at.to_string(),
            "stopped_at": execution.stopped_at.map(|at| at.to_string()),
            "error": execution.failure.as_ref().and_then(|failure| failure.error.as_ref()),
            "cause": execution.failure.as_ref().and_then(|failure| failure.cause.as_ref()),
            "stuck": execution.stuck.as_ref().map(|stuck| {
                json!({ "queue": stuck.queue, "since": stuck.since.to_string(), "error": stuck.error })
            }),
        }),
        kinds: Vec::new(),
    };
    let before = both.old.as_ref().map(|old| old.status);
    if before.is_none() {
        told.plain("execution.started");
    }
    // One that ends at once is written once.
    if before.unwrap_or(ExecutionStatus::Running) != execution.status {
        told.plain(match execution.status {
            ExecutionStatus::Running => "execution.redriven",
            ExecutionStatus::Succeeded => "execution.succeeded",
            ExecutionStatus::Failed => "execution.failed",
            ExecutionStatus::TimedOut => "execution.timed_out",
            ExecutionStatus::Aborted => "execution.aborted",
            // No record says so.
            ExecutionStatus::PendingRedrive => return Told::default(),
        });
    }
    if execution.stuck.is_some() && both.old.as_ref().is_none_or(|old| old.stuck.is_none()) {
        told.plain("execution.stuck");
    }
    told
}

fn schedules(both: Both<Schedule>) -> Told {
    let Some(schedule) = both.last() else { return Told::default() };
    let mut told = Told {
        owner: schedule.owner.clone(),
        resources: vec![schedule.id.to_string(), schedule.target.workflow_arn.clone()],
        detail: json!({
            "schedule_id": schedule.id,
            "name": schedule.name,
            "status": schedule.status().name(),
            "expression": schedule.timing.expression,
            "time_zone": schedule.timing.time_zone,
            "workflow_id": schedule.target.workflow_id,
            "workflow_arn": schedule.target.workflow_arn,
            "next_at": schedule.next_at.map(|at| at.to_string()),
        }),
        kinds: Vec::new(),
    };
    let (old, new) = match (&both.old, &both.new) {
        (None, Some(_)) => {
            told.plain("schedule.created");
            return told;
        }
        (_, None) => {
            told.plain("schedule.deleted");
            return told;
        }
        (Some(old), Some(new)) => (old, new),
    };
    if old.paused != new.paused {
        told.plain(if new.paused { "schedule.paused" } else { "schedule.resumed" });
    } else if old.updated_at != new.updated_at && says(old) != says(new) {
        told.plain("schedule.updated");
    }
    // The newest is the first; what is told comes in order of time.
    let known = old.runs.front();
    let fresh: Vec<&Run> = new.runs.iter().take_while(|run| Some(*run) != known).collect();
    for run in fresh.into_iter().rev() {
        let run_told = json!({ "run": {
            "due_at": run.due_at.to_string(),
            "at": run.at.to_string(),
            "outcome": run.outcome.name(),
            "execution_arn": run.execution_arn,
            "reason": run.reason,
        } });
        told.kinds.push((format!("schedule.run_{}", run.outcome.name()), Some(run_told)));
    }
    if old.status() != new.status() && new.status() == ScheduleStatus::Completed {
        told.plain("schedule.completed");
    }
    told
}

/// What a schedule's owner says of it.
fn says(schedule: &Schedule) -> impl PartialEq + use<> {
    let Schedule { description, timing, target, input, overlap, catch_up, .. } = schedule.clone();
    (description, timing, target, input, overlap, catch_up)
}

fn functions(both: Both<Function>) -> Told {
    let Some(function) = both.last() else { return Told::default() };
    let mut told = Told {
        owner: function.owner.clone(),
        resources: vec![function.id.to_string()],
        detail: json!({
            "function_id": function.id,
            "project_id": function.project,
            "function_name": function.name,
            "version": function.current.number,
            "is_active": function.is_active,
        }),
        kinds: Vec::new(),
    };
    match (&both.old, &both.new) {
        (None, Some(new)) if !new.deleting => told.plain("function.created"),
        (Some(old), Some(new)) if new.deleting && !old.deleting => told.plain("function.deleted"),
        (Some(old), None) if !old.deleting => told.plain("function.deleted"),
        // It is going already.
        (Some(_), Some(new)) if new.deleting => {}
        // A name that is used anew before the remains of the one before are gone.
        (Some(old), Some(_)) if old.deleting => told.plain("function.created"),
        (Some(_), Some(_)) => told.plain("function.updated"),
        _ => {}
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;
    use crate::ports::RecordKey;

    fn change(kind: &str, old: Option<Value>, new: Option<Value>) -> Change {
        let key = RecordKey { partition: format!("{kind}#x"), sort: keys::METADATA.into() };
        Change { id: "7".into(), key, old, new, at: Timestamp::from_millis(1_767_225_600_000) }
    }

    fn kinds(kind: &str, old: Option<Value>, new: Option<Value>) -> Vec<String> {
        let events = events_of(&change(kind, old, new)).unwrap();
        for event in &events {
            assert!(KINDS.contains(&event.kind.as_str()), "{}", event.kind);
            assert_eq!(event.owner, "me");
        }
        events.into_iter().map(|event| event.kind).collect()
    }

    fn with(mut value: Value, members: Value) -> Value {
        let members = members.as_object().unwrap().clone();
        value.as_object_mut().unwrap().extend(members);
        value
    }

    fn execution(more: Value) -> Option<Value> {
        let plain = json!({
            "id": crate::ids::ExecutionId::derived("x"), "owner": "me", "name": "n", "definition": "d",
            "status": "RUNNING", "started_at": 1_767_225_600_000_i64, "first_entry": "{\"input\":\"hidden\"}",
        });
        Some(with(plain, more))
    }

    #[test]
    fn executions_start_end_and_are_redriven() {
        let of = |old, new| kinds("EXECUTION", old, new);
        assert_eq!(of(None, execution(json!({}))), ["execution.started"]);
        for (status, kind) in [
            ("SUCCEEDED", "execution.succeeded"),
            ("FAILED", "execution.failed"),
            ("TIMED_OUT", "execution.timed_out"),
            ("ABORTED", "execution.aborted"),
        ] {
            let ended = execution(json!({ "status": status }));
            assert_eq!(of(execution(json!({})), ended.clone()), [kind]);
            assert_eq!(of(None, ended.clone()), ["execution.started", kind]);
            assert_eq!(of(ended.clone(), execution(json!({}))), ["execution.redriven"]);
            assert_eq!(of(ended, None), [""; 0]);
        }
        assert_eq!(of(execution(json!({})), execution(json!({ "waiting": ["t"] }))), [""; 0]);
        let stuck = json!({ "stuck": { "queue": "dev", "since": 1_767_225_600_000_i64, "error": "internal" } });
        assert_eq!(of(execution(json!({})), execution(stuck.clone())), ["execution.stuck"]);
        assert_eq!(of(execution(stuck.clone()), execution(stuck)), [""; 0]);
    }

    #[test]
    fn an_event_tells_nothing_of_inputs_and_has_the_same_id_again() {
        let failed = execution(json!({ "status": "FAILED", "failure": { "e": "E", "c": "c" } }));
        let one = change("EXECUTION", execution(json!({})), failed.clone());
        let events = events_of(&one).unwrap();
        assert_eq!(events, events_of(&one).unwrap());
        let envelope = events[0].envelope();
        assert_eq!(envelope["detail-type"], "execution.failed");
        assert_eq!(envelope["source"], "millrace");
        assert_eq!(envelope["detail"]["error"], "E");
        assert!(!envelope.to_string().contains("hidden"));
        let later = Change { id: "8".into(), ..one };
        assert_ne!(events_of(&later).unwrap()[0].id, events[0].id);
        assert!(events_of(&change("EXECUTION", None, Some(json!({ "id": 1 })))).is_err());
        assert_eq!(events_of(&change("WEBHOOK", None, Some(json!({ "id": 1 })))).unwrap(), []);
    }

    fn schedule(more: Value) -> Option<Value> {
        let plain = json!({
            "id": crate::ids::ScheduleId::derived("x"), "owner": "me", "name": "nightly", "expression": "rate(1 day)",
            "time_zone": "UTC", "overlap": "skip", "catch_up": "last", "paused": false, "edition": 1,
            "target": { "workflow_id": crate::ids::WorkflowId::derived("x"), "workflow_arn": "arn:w" },
            "anchor": 1_767_225_600_000_i64, "next_at": 1_767_312_000_000_i64,
            "created_at": 1_767_225_600_000_i64, "updated_at": 1_767_225_600_000_i64,
        });
        Some(with(plain, more))
    }

    #[test]
    fn schedules_tell_of_themselves_and_of_each_turn() {
        let of = |old, new| kinds("SCHEDULE", old, new);
        let plain = || schedule(json!({}));
        assert_eq!(of(None, plain()), ["schedule.created"]);
        assert_eq!(of(plain(), None), ["schedule.deleted"]);
        assert_eq!(of(plain(), schedule(json!({ "paused": true }))), ["schedule.paused"]);
        assert_eq!(of(schedule(json!({ "paused": true })), plain()), ["schedule.resumed"]);
        let changed = json!({ "expression": "rate(2 days)", "updated_at": 1_767_229_200_000_i64 });
        assert_eq!(of(plain(), schedule(changed)), ["schedule.updated"]);
        let run = |hour: i64, outcome: &str| {
            let at = 1_767_225_600_000_i64 + hour * 3_600_000;
            json!({ "due_at": at, "at": at, "outcome": outcome })
        };
        let before = schedule(json!({ "runs": [run(2, "started"), run(1, "started")] }));
        let after = json!({ "runs": [run(4, "failed"), run(3, "skipped"), run(2, "started"), run(1, "started")] });
        assert_eq!(of(before.clone(), schedule(after)), ["schedule.run_skipped", "schedule.run_failed"]);
        let last = json!({ "runs": [run(3, "started"), run(2, "started")], "next_at": null });
        assert_eq!(of(before.clone(), schedule(last)), ["schedule.run_started", "schedule.completed"]);
        let edition = json!({ "edition": 2, "runs": [run(2, "started"), run(1, "started")] });
        assert_eq!(of(before, schedule(edition)), [""; 0]);
    }

    #[test]
    fn functions_come_change_and_go_once() {
        let function = |more: Value| {
            let plain = json!({
                "id": crate::ids::FunctionId::derived("x"), "owner": "me", "project": "p", "name": "f", "is_active": true,
                "time_ms": 1, "memory_mb": 1, "created_at": 1_767_225_600_000_i64,
                "updated_at": 1_767_225_600_000_i64,
                "current": { "number": 1, "sha256": "00", "size": 1, "file_path": "f.js", "runtime": "javascript",
                    "created_at": 1_767_225_600_000_i64 },
            });
            Some(with(plain, more))
        };
        let of = |old, new| kinds("FUNCTION", old, new);
        let deleting = || function(json!({ "deleting": true }));
        assert_eq!(of(None, function(json!({}))), ["function.created"]);
        assert_eq!(of(function(json!({})), function(json!({ "is_active": false }))), ["function.updated"]);
        assert_eq!(of(function(json!({})), deleting()), ["function.deleted"]);
        assert_eq!(of(deleting(), None), [""; 0]);
        assert_eq!(of(deleting(), function(json!({}))), ["function.created"]);
    }

    #[test]
    fn projects_tell_of_their_status_and_of_what_their_owner_changes() {
        let project = |more: Value| {
            let plain = json!({
                "id": crate::ids::ProjectId::derived("x"), "owner": "me", "name": "shop", "description": "",
                "status": "created", "budget": {}, "run": 1, "attempt": 0, "run_kind": "create",
                "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
            });
            Some(with(plain, more))
        };
        let of = |old, new| kinds("PROJECT", old, new);
        assert_eq!(of(None, project(json!({}))), ["project.created"]);
        for status in crate::projects::ProjectStatus::ALL {
            let other = if status.as_str() == "created" { "failed" } else { "created" };
            let expected =
                if status.as_str() == "created" { "project.queued".into() } else { format!("project.{status}") };
            assert_eq!(of(project(json!({ "status": other })), project(json!({ "status": status }))), [expected]);
        }
        assert_eq!(of(project(json!({})), project(json!({ "name": "mall" }))), ["project.updated"]);
        assert_eq!(of(project(json!({})), project(json!({ "attempt": 1 }))), [""; 0]);
        assert_eq!(of(project(json!({})), None), ["project.deleted"]);
    }
}

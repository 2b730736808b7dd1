//! Every key and listing of the table, and every prefix of the artifacts, in one place.
//!
//! The product's page of records is the source: what is spelt here is a contract with whoever reads the table. Both
//! stores hold the same keys, because only this module makes them. Where to start reading: [`project`].
//!
//! Sort keys compare as bytes. Times in them are RFC 3339 in UTC with milliseconds, so that they sort as they pass.

pub mod artifacts;
mod subscriptions;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use millrace_asl::Timestamp;

use crate::digest::sha256_hex;
use crate::ids::{
    AiTaskId, DeploymentId, EventId, FunctionId, KeyId, ModificationId, PlanId, ProjectId, ReportId, TestId,
    WebhookEventId, WebhookRuleId, WorkflowId,
};
use crate::ports::{Index, Listing, RecordKey};
pub use subscriptions::*;

/// The sort key of a thing's own record.
pub const METADATA: &str = "METADATA";
/// What the sort keys of a project's files begin with.
pub const FILE: &str = "FILE#";
/// What the sort keys of a project's plans begin with.
pub const PLAN: &str = "PLAN#";
/// What the sort keys of a project's modifications begin with.
pub const MODIFICATION: &str = "MOD#";
/// What the sort keys of a project's deployment packages begin with.
pub const DEPLOYMENT: &str = "DEPLOY#";
/// What the sort keys of a project's test reports begin with.
pub const TEST: &str = "TEST#";
/// What the sort keys of a project's events begin with.
pub const EVENT: &str = "EVENT#";
/// What the sort keys of the marks of a project's recorded events begin with.
pub const EVENT_MARK: &str = "EVENTMARK#";
/// What the sort keys of what agents remember of their work begin with.
pub const WORK: &str = "WORK#";
/// What the sort keys of finished model calls begin with, before the SHA-256 of what was asked.
pub const MODEL_CALL: &str = "CALL#";
/// The sort key of what the model calls of a project, an execution or a single call have used.
pub const MODEL_USAGE: &str = "USAGE";

/// The index partition of projects with something left to do.
pub const DUE_PROJECTS: &str = "DUE#PROJECT";
/// The index partition of deleted projects whose remains are to be removed.
pub const DUE_PURGES: &str = "DUE#PURGE";

fn key(partition: String, sort: impl Into<String>) -> RecordKey {
    RecordKey { partition, sort: sort.into() }
}

/// An owner within a key: a `#` ends them there, so their own are written `%23`, and `%` is `%25`. Others stay as they are.
#[must_use]
pub fn escaped(owner: &str) -> Cow<'_, str> {
    if owner.contains(['#', '%']) { owner.replace('%', "%25").replace('#', "%23").into() } else { owner.into() }
}

/// An API key.
#[must_use]
pub fn api_key(id: &KeyId) -> RecordKey {
    key(format!("APIKEY#{id}"), METADATA)
}

/// The index partition of an owner's API keys, by time of creation.
#[must_use]
pub fn owner_keys(owner: &str) -> String {
    format!("OWNER#{}#APIKEY", escaped(owner))
}

/// How many requests a caller sent: an API key's id, an owner.
#[must_use]
pub fn request_counter(caller: &str) -> RecordKey {
    key(format!("REQUESTS#{}", escaped(caller)), METADATA)
}

/// Whose an account is.
#[must_use]
pub fn account(account: &str) -> RecordKey {
    key(format!("ACCOUNT#{account}"), METADATA)
}

/// Why a message of a queue was given up.
#[must_use]
pub fn dead_letter(queue: &str, message: &str) -> RecordKey {
    key(format!("DEADLETTER#{queue}#{message}"), METADATA)
}

/// The partition that holds a project and all that belongs to it.
#[must_use]
pub fn project_partition(id: &ProjectId) -> String {
    format!("PROJECT#{id}")
}

/// A project.
#[must_use]
pub fn project(id: &ProjectId) -> RecordKey {
    key(project_partition(id), METADATA)
}

/// A file of a project.
#[must_use]
pub fn file(id: &ProjectId, path: &str) -> RecordKey {
    key(project_partition(id), format!("{FILE}{path}"))
}

/// A plan of a project.
#[must_use]
pub fn plan(id: &ProjectId, plan: &PlanId) -> RecordKey {
    key(project_partition(id), format!("{PLAN}{plan}"))
}

/// A requested modification of a project.
#[must_use]
pub fn modification(id: &ProjectId, modification: &ModificationId) -> RecordKey {
    key(project_partition(id), format!("{MODIFICATION}{modification}"))
}

/// A deployment package of a project.
#[must_use]
pub fn deployment(id: &ProjectId, deployment: &DeploymentId) -> RecordKey {
    key(project_partition(id), format!("{DEPLOYMENT}{deployment}"))
}

/// A test report of a project.
#[must_use]
pub fn test(id: &ProjectId, test: &TestId) -> RecordKey {
    key(project_partition(id), format!("{TEST}{test}"))
}

/// An event on a project's timeline. Event ids sort by time, and so does the timeline.
#[must_use]
pub fn event(id: &ProjectId, event: &EventId) -> RecordKey {
    key(project_partition(id), format!("{EVENT}{event}"))
}

/// What an agent remembers of a piece of its work, by the SHA-256 of the work's name.
#[must_use]
pub fn work(id: &ProjectId, name: &str) -> RecordKey {
    key(project_partition(id), format!("{WORK}{}", sha256_hex(name.as_bytes())))
}

/// The mark that an event of this name was recorded; `name` is an id derived from the event's name.
#[must_use]
pub fn event_mark(id: &ProjectId, name: &EventId) -> RecordKey {
    key(project_partition(id), format!("{EVENT_MARK}{name}"))
}

/// The answer to a request that came with an idempotency key.
#[must_use]
pub fn idempotency(owner: &str, operation: &str, idempotency_key: &str) -> RecordKey {
    key(format!("IDEMPOTENCY#{owner}"), format!("{operation}#{idempotency_key}"))
}

/// A single call of a model.
#[must_use]
pub fn ai_task(id: &AiTaskId) -> RecordKey {
    key(format!("AITASK#{id}"), METADATA)
}

/// What remains of a deleted project until its artifacts are gone.
#[must_use]
pub fn tombstone(id: &ProjectId) -> RecordKey {
    key(format!("TOMBSTONE#{id}"), METADATA)
}

/// A record that no store ever holds, for a look at whether the store answers.
#[must_use]
pub fn health() -> RecordKey {
    key("HEALTH".into(), METADATA)
}

/// The index partition of an owner's projects, by time of creation.
#[must_use]
pub fn owner_projects(owner: &str) -> String {
    format!("OWNER#{}#PROJECT", escaped(owner))
}

/// The index partition of an owner's projects of one status, by time of creation.
#[must_use]
pub fn owner_projects_of_status(owner: &str, status: &str) -> String {
    format!("OWNER#{}#PROJECT#{status}", escaped(owner))
}

/// The index partition of a project's test reports, by time.
#[must_use]
pub fn project_tests(id: &ProjectId) -> String {
    format!("PROJECT#{id}#TEST")
}

/// The index partition of a project's deployment packages, by time.
#[must_use]
pub fn project_deployments(id: &ProjectId) -> String {
    format!("PROJECT#{id}#DEPLOY")
}

/// The index sort key of a thing by its time; the id tells apart what happened in one millisecond.
#[must_use]
pub fn by_time(at: Timestamp, id: &str) -> String {
    format!("{at}#{id}")
}

/// The last index sort key of what was due at `now` or before.
#[must_use]
pub fn due_to(now: Timestamp) -> String {
    // `~` sorts after `#` and after every character of an id.
    format!("{now}~")
}

/// A place in an index, by time.
#[must_use]
pub fn listing(index: Index, partition: impl Into<String>, at: Timestamp, id: &str) -> Listing {
    Listing { index, partition: partition.into(), sort: by_time(at, id) }
}

/// The index partition of schedules that are waited for.
pub const DUE_SCHEDULES: &str = "DUE#SCHEDULE";

/// A schedule.
#[must_use]
pub fn schedule(id: &crate::ids::ScheduleId) -> RecordKey {
    key(format!("SCHEDULE#{id}"), METADATA)
}

/// The index partition of an owner's schedules, by name.
#[must_use]
pub fn owner_schedules(owner: &str) -> String {
    format!("OWNER#{}#SCHEDULE", escaped(owner))
}

/// The index partition of deleted functions of which something is left.
pub const DUE_FUNCTIONS: &str = "DUE#FUNCTION";

/// A function.
#[must_use]
pub fn function(id: &FunctionId) -> RecordKey {
    key(format!("FUNCTION#{id}"), METADATA)
}

/// How often a function was invoked.
#[must_use]
pub fn function_counters(id: &FunctionId) -> RecordKey {
    key(format!("FUNCTION#{id}"), "COUNTERS")
}

/// How often all functions were invoked.
#[must_use]
pub fn function_totals() -> RecordKey {
    key("FUNCTIONS".into(), "COUNTERS")
}

/// The index partition of an owner's functions in a project, by name.
#[must_use]
pub fn project_functions(owner: &str, project: &str) -> String {
    format!("OWNER#{}#FUNCTION#{project}", escaped(owner))
}

/// The index partition of an owner's functions of one name, by project.
#[must_use]
pub fn owner_functions_of_name(owner: &str, name: &str) -> String {
    format!("OWNER#{}#FUNCTION_NAME#{name}", escaped(owner))
}

/// The index partition of events of webhooks that nobody has dispatched.
pub const DUE_WEBHOOKS: &str = "DUE#WEBHOOK";
/// What the sort keys of an owner's rules for webhooks begin with.
pub const WEBHOOK_RULE: &str = "RULE#";

/// An event that a webhook delivered.
#[must_use]
pub fn webhook_event(id: &WebhookEventId) -> RecordKey {
    key(format!("WEBHOOK#{id}"), METADATA)
}

/// The index partition of an owner's events of webhooks, by receipt.
#[must_use]
pub fn owner_webhook_events(owner: &str) -> String {
    format!("OWNER#{}#WEBHOOK", escaped(owner))
}

/// The index partition of an owner's events of one source, by receipt.
#[must_use]
pub fn owner_webhook_events_of_source(owner: &str, source: &str) -> String {
    format!("OWNER#{}#WEBHOOK#{source}", escaped(owner))
}

/// The partition that holds an owner's rules for webhooks.
#[must_use]
pub fn webhook_rules(owner: &str) -> String {
    format!("WEBHOOKRULES#{}", escaped(owner))
}

/// A rule for webhooks.
#[must_use]
pub fn webhook_rule(owner: &str, id: &WebhookRuleId) -> RecordKey {
    key(webhook_rules(owner), format!("{WEBHOOK_RULE}{id}"))
}

/// A connection of a client that hears of changes.
#[must_use]
pub fn connection(id: &str) -> RecordKey {
    key(format!("CONNECTION#{id}"), METADATA)
}

/// The index partition of an owner's connections, by the time at which they were made.
#[must_use]
pub fn owner_connections(owner: &str) -> String {
    format!("OWNER#{}#CONNECTION", escaped(owner))
}

/// The partition that holds the connections that watch a topic; an owner's, where it is a listing.
#[must_use]
pub fn live_audience(topic: &str, owner: Option<&str>) -> String {
    match owner {
        Some(owner) => format!("LIVE#{}#{topic}", escaped(owner)),
        None => format!("LIVE#{topic}"),
    }
}

/// That a connection watches a topic.
#[must_use]
pub fn live_watcher(audience: String, connection: &str) -> RecordKey {
    key(audience, format!("CONNECTION#{connection}"))
}

/// An execution.
#[must_use]
pub fn execution(id: &crate::ids::ExecutionId) -> RecordKey {
    key(format!("EXECUTION#{id}"), METADATA)
}

/// The last heartbeat of a task.
#[must_use]
pub fn heartbeat(log: &crate::executions::LogId, step: millrace_asl::StepId) -> RecordKey {
    key(format!("EXECUTION#{}", log.execution), format!("BEAT#{log} {step}"))
}

/// An activity.
#[must_use]
pub fn activity(arn: &str) -> RecordKey {
    key(format!("ACTIVITY#{arn}"), METADATA)
}

/// What the sort keys of an activity's waiting tasks begin with.
pub const ACTIVITY_TASK: &str = "TASK#";

/// A task that waits for a worker of an activity. They sort by the time at which they were scheduled.
#[must_use]
pub fn activity_task(
    arn: &str,
    scheduled: Timestamp,
    log: &crate::executions::LogId,
    step: millrace_asl::StepId,
) -> RecordKey {
    key(format!("ACTIVITY#{arn}"), format!("{ACTIVITY_TASK}{scheduled}#{log} {step}"))
}

/// The index partition of an owner's activities in a region, by creation.
#[must_use]
pub fn owner_activities(owner: &str, region: &str) -> String {
    format!("OWNER#{}#ACTIVITY#{region}", escaped(owner))
}

/// The index partition of an owner's executions, by start.
#[must_use]
pub fn owner_executions(owner: &str) -> String {
    format!("OWNER#{}#EXECUTION", escaped(owner))
}

/// An attribute of an execution.
#[must_use]
pub fn execution_attribute(id: &crate::ids::ExecutionId, name: &str) -> RecordKey {
    key(format!("EXECUTION#{id}"), format!("ATTRIBUTE#{name}"))
}

/// The index partition of an owner's executions that have this attribute, by start. Names have no `=`.
#[must_use]
pub fn owner_executions_of_attribute(owner: &str, name: &str, value: &str) -> String {
    format!("OWNER#{}#EXECUTION#ATTRIBUTE#{name}={value}", escaped(owner))
}

/// The index partition of an owner's executions of one status, by start.
#[must_use]
pub fn owner_executions_of_status(owner: &str, status: &str) -> String {
    format!("OWNER#{}#EXECUTION#{status}", escaped(owner))
}

/// What the sort keys of the executions begin with that count against a limit's concurrency.
pub const LIMIT_HOLDER: &str = "HOLD#";
/// What the sort keys of the executions begin with that wait at a limit.
pub const LIMIT_WAITER: &str = "WAIT#";
/// The index partition of limits at which somebody waits.
pub const DUE_LIMITS: &str = "DUE#LIMIT";

/// A limit of an owner.
#[must_use]
pub fn limit(owner: &str, name: &str) -> RecordKey {
    key(format!("LIMIT#{}#{name}", escaped(owner)), METADATA)
}

/// An execution that counts against a limit's concurrency.
#[must_use]
pub fn limit_holder(owner: &str, name: &str, id: &crate::ids::ExecutionId) -> RecordKey {
    key(limit(owner, name).partition, format!("{LIMIT_HOLDER}{id}"))
}

/// An execution that waits at a limit. They sort in the order in which they are let in: by priority, the highest first,
/// then by start. Without a priority it has been let in and is about to begin, which sorts before.
#[must_use]
pub fn limit_waiter(
    owner: &str,
    name: &str,
    priority: Option<i32>,
    since: Timestamp,
    id: &crate::ids::ExecutionId,
) -> RecordKey {
    let sort = match priority {
        None => format!("{LIMIT_WAITER}!#{id}"),
        Some(priority) => {
            let rank = millrace_asl::HIGHEST_PRIORITY.saturating_sub(priority);
            format!("{LIMIT_WAITER}{rank:04}#{since}#{id}")
        }
    };
    key(limit(owner, name).partition, sort)
}

/// The index partition of an owner's limits, by key.
#[must_use]
pub fn owner_limits(owner: &str) -> String {
    format!("OWNER#{}#LIMIT", escaped(owner))
}

/// What the sort keys of a workflow's revisions begin with.
pub const REVISION: &str = "REV#";
/// What the sort keys of a workflow's versions begin with.
pub const VERSION: &str = "VERSION#";
/// What the sort keys of a workflow's aliases begin with.
pub const ALIAS: &str = "ALIAS#";
/// The index partition of workflows that are being deleted.
pub const DUE_WORKFLOWS: &str = "DUE#WORKFLOW";

/// The partition that holds a workflow and all that belongs to it.
#[must_use]
pub fn workflow_partition(id: &WorkflowId) -> String {
    format!("WORKFLOW#{id}")
}

/// A workflow.
#[must_use]
pub fn workflow(id: &WorkflowId) -> RecordKey {
    key(workflow_partition(id), METADATA)
}

/// A revision of a workflow.
#[must_use]
pub fn revision(id: &WorkflowId, revision: &str) -> RecordKey {
    key(workflow_partition(id), format!("{REVISION}{revision}"))
}

/// A published version of a workflow; the keys sort as the numbers do.
#[must_use]
pub fn version(id: &WorkflowId, number: u64) -> RecordKey {
    key(workflow_partition(id), format!("{VERSION}{number:010}"))
}

/// An alias of a workflow.
#[must_use]
pub fn alias(id: &WorkflowId, name: &str) -> RecordKey {
    key(workflow_partition(id), format!("{ALIAS}{name}"))
}

/// The index partition of an owner's workflows, by time of creation.
#[must_use]
pub fn owner_workflows(owner: &str) -> String {
    format!("OWNER#{}#WORKFLOW", escaped(owner))
}

/// The index partition of the state machines of an account in a region, by name. `place` is what their ARNs begin with.
#[must_use]
pub fn place_workflows(place: &str) -> String {
    format!("{place}#WORKFLOW")
}

/// The index partition of the executions of one status that belong to a state machine, or to a map run, by start.
/// `arn` names it without a qualifier.
#[must_use]
pub fn workflow_executions_of_status(arn: &str, status: &str) -> String {
    format!("{arn}#EXECUTION#{status}")
}

/// Into how many index partitions the running executions are spread, so that none takes all their writes.
pub const DUE_SHARDS: u8 = 8;

/// The index partition in which a running execution waits for the sweeper.
#[must_use]
pub fn due_executions(id: &crate::ids::ExecutionId) -> String {
    let sum = id.as_str().bytes().fold(0_u8, u8::wrapping_add);
    due_executions_shard(sum % DUE_SHARDS)
}

/// One of the [`DUE_SHARDS`] index partitions of running executions.
#[must_use]
pub fn due_executions_shard(shard: u8) -> String {
    format!("DUE#EXECUTION#{shard}")
}

/// A map run, by what its name has in common with those of its executions.
#[must_use]
pub fn map_run(family: &str) -> RecordKey {
    key(format!("MAPRUN#{family}"), METADATA)
}

/// The index partition of an execution's map runs, by start.
#[must_use]
pub fn execution_map_runs(id: &crate::ids::ExecutionId) -> String {
    format!("EXECUTION#{id}#MAPRUN")
}

/// A page of a map run's items. `stored` was made by whoever divided them.
#[must_use]
pub fn map_run_page(stored: &str, page: u32) -> String {
    format!("payloads/map-runs/{stored}/{page}")
}

/// A report on a day.
#[must_use]
pub fn report(id: &ReportId) -> RecordKey {
    key(format!("REPORT#{id}"), METADATA)
}

/// The index partition of an owner's reports, by the time of their making.
#[must_use]
pub fn owner_reports(owner: &str) -> String {
    format!("OWNER#{}#REPORT", escaped(owner))
}

/// The index partition of the calls of models that an owner made by themselves, by the time of their answers.
#[must_use]
pub fn owner_model_calls(owner: &str) -> String {
    format!("OWNER#{}#CALL", escaped(owner))
}

/// A table that is synchronised from elsewhere: which version is used, and those before.
#[must_use]
pub fn synced(table: &str) -> RecordKey {
    key(format!("SYNC#{table}"), METADATA)
}

/// A definition by the digest of its text.
#[must_use]
pub fn definition(digest: &str) -> String {
    format!("payloads/definitions/{digest}")
}

/// A large value by its address: the id of what it belongs to, a slash and the digest of its text. Addresses of earlier versions
/// are the digest alone.
#[must_use]
pub fn payload(address: &str) -> String {
    format!("payloads/{address}")
}

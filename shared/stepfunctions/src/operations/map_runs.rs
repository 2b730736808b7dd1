//! Map runs and their executions.

use std::collections::BTreeSet;

use millrace_app::Error;
use millrace_app::executions::{Attributes, Execution, ExecutionView, WorkflowRun};
use millrace_app::ids::ExecutionId;
use millrace_app::map_runs::{self, MapExecution, MapExecutionFilter, MapRunCounts, MapRunView, UpdateMapRun};
use millrace_app::ports::{Ports, StoreError};
use millrace_app::workflows::{Qualifier, WorkflowType};
use millrace_asl::map_run::RunStatus;
use serde_json::{Value, json};

use super::executions::load;
use super::nothing;
use crate::error::ApiError;
use crate::fields::{ARN, Fields, LONG_ARN, PAGE_TOKEN};
use crate::handler::{Answered, Call};
use crate::paging;
use crate::views::{Answer, seconds};

pub(crate) async fn describe<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("mapRunArn", LONG_ARN)?;
    fields.check()?;
    check_arn(&arn)?;
    let run = map_runs::describe_map_run(call.ports, &arn).await?.ok_or_else(|| not_found(&arn))?;
    Ok(Answer::new()
        .set("mapRunArn", run.arn.as_str())
        .set("executionArn", run.execution_arn.as_str())
        .set("status", status(run.status))
        .time("startDate", run.started_at)
        .maybe("stopDate", run.stopped_at.map(seconds))
        .set("maxConcurrency", run.max_concurrency)
        .set("toleratedFailurePercentage", json!(run.tolerated_failure_percentage))
        .set("toleratedFailureCount", run.tolerated_failure_count)
        .set("itemCounts", counts(&run.items))
        .set("executionCounts", counts(&run.executions))
        .set("redriveCount", run.redrive_count)
        .maybe("redriveDate", run.redriven_at.map(seconds))
        .into())
}

pub(crate) async fn list<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("executionArn", ARN)?;
    let limit = fields.page_size()?;
    let token = fields.text("nextToken", PAGE_TOKEN)?;
    fields.check()?;
    let (view, _) = load(call, &arn).await?;
    let listing = ["map runs", arn.as_str()];
    let cursor = paging::open(&listing, token.as_deref(), call.now())?;
    let page = map_runs::list_map_runs(call.ports, &view.execution.id, limit, cursor.as_deref()).await;
    let page = page.map_err(token_or)?;
    let items: Vec<Value> = page.items.iter().map(item).collect();
    let next = page.next.map(|next| paging::seal(&listing, next, call.now()));
    Ok(Answer::new().set("mapRuns", items).maybe("nextToken", next).into())
}

pub(crate) async fn update<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("mapRunArn", LONG_ARN)?;
    let limit = fields.integer("maxConcurrency", 0, i64::from(u32::MAX))?;
    let percentage = fields.number("toleratedFailurePercentage", 0.0, 100.0)?;
    let count = fields.integer("toleratedFailureCount", 0, i64::MAX)?;
    fields.check()?;
    check_arn(&arn)?;
    let update = UpdateMapRun {
        max_concurrency: limit.and_then(|limit| u32::try_from(limit).ok()),
        tolerated_failure_count: count.and_then(|count| u64::try_from(count).ok()),
        tolerated_failure_percentage: percentage,
    };
    if update == UpdateMapRun::default() {
        return Err(because(
            "MISSING_REQUIRED_PARAMETER",
            "At least one of maxConcurrency, toleratedFailurePercentage or toleratedFailureCount must be specified",
        ));
    }
    match map_runs::update_map_run(call.ports, &arn, update).await? {
        Some(true) => Ok(nothing()),
        Some(false) => Err(because("CANNOT_UPDATE_COMPLETED_MAP_RUN", "A Map Run that has ended can't be updated")),
        None => Err(not_found(&arn)),
    }
}

/// A page of the executions of a map run, newest first.
pub(super) async fn executions<P: Ports>(
    call: &Call<'_, P>,
    arn: &str,
    filter: MapExecutionFilter,
    limit: usize,
    cursor: Option<&str>,
) -> Result<(Vec<(ExecutionView, u64)>, Option<String>), ApiError> {
    check_arn(arn)?;
    let page = map_runs::list_map_executions(call.ports, arn, filter, limit, cursor).await.map_err(token_or)?;
    let page = page.ok_or_else(|| not_found(arn))?;
    Ok((page.items.into_iter().map(|one| (one.items, one)).map(|(items, one)| (view(one), items)).collect(), page.next))
}

/// An execution of a map run in the shape of others.
pub(super) fn view(execution: MapExecution) -> ExecutionView {
    let MapExecution { arn, name, map_run_arn, state_machine_arn, status, .. } = execution;
    let run = WorkflowRun {
        execution_arn: arn.clone(),
        state_machine_arn,
        kind: WorkflowType::Standard,
        role_arn: String::new(),
        revision: String::new(),
        through: Qualifier::None,
        trace_header: None,
        map_run_arn: Some(map_run_arn),
        redrives: execution.redrives,
        redriven_at: execution.redriven_at,
        redrive_token: None,
    };
    let record = Execution {
        id: ExecutionId::derived(&arn),
        owner: String::new(),
        name,
        definition: String::new(),
        project: None,
        workflow: Some(Box::new(run)),
        status,
        started_at: execution.started_at,
        stopped_at: execution.stopped_at,
        failure: execution.failure,
        stuck: None,
        waiting: Vec::new(),
        forked: None,
        attributes: Attributes::new(),
        defined: BTreeSet::new(),
        limits: None,
        first_entry: String::new(),
    };
    ExecutionView {
        execution: record,
        input: execution.input,
        output: execution.output,
        state: None,
        paused: false,
        queued: None,
    }
}

fn item(run: &MapRunView) -> Value {
    Answer::new()
        .set("executionArn", run.execution_arn.as_str())
        .set("mapRunArn", run.arn.as_str())
        .set("stateMachineArn", run.state_machine_arn.as_str())
        .time("startDate", run.started_at)
        .maybe("stopDate", run.stopped_at.map(seconds))
        .into()
}

const fn status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "RUNNING",
        RunStatus::Succeeded => "SUCCEEDED",
        RunStatus::Failed => "FAILED",
        RunStatus::Aborted => "ABORTED",
    }
}

fn counts(counts: &MapRunCounts) -> Value {
    json!({
        "pending": counts.pending,
        "running": counts.running,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "timedOut": counts.timed_out,
        "aborted": counts.aborted,
        "total": counts.total,
        "resultsWritten": counts.results_written,
        "failuresNotRedrivable": counts.failures_not_redrivable,
        "pendingRedrive": counts.pending_redrive,
    })
}

fn check_arn(arn: &str) -> Result<(), ApiError> {
    let kind = arn.split(':').nth(5);
    let why = match kind {
        _ if !arn.starts_with("arn:") => format!("Invalid ARN prefix: {arn}"),
        Some("mapRun") => return Ok(()),
        Some(other) => format!("Resource type not valid in this context: {other}"),
        None => format!("Malformed ARN: {arn}"),
    };
    Err(ApiError::new("InvalidArn", format!("Invalid Arn: '{why}'")))
}

fn not_found(arn: &str) -> ApiError {
    ApiError {
        more: Some(("resourceName", arn.to_owned())),
        ..ApiError::new("ResourceNotFound", format!("Resource not found: '{arn}'"))
    }
}

fn because(reason: &str, message: &str) -> ApiError {
    ApiError { more: Some(("reason", reason.to_owned())), ..ApiError::validation(message) }
}

fn token_or(error: Error) -> ApiError {
    match error {
        Error::Store(StoreError::InvalidCursor) => ApiError::new("InvalidToken", "Invalid Token: 'Invalid token'"),
        other => other.into(),
    }
}

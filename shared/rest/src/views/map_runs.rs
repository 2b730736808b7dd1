//! Map runs and their executions.

use millrace_app::map_runs::{self, MapExecution, MapRunCounts};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A map run in a listing: what a Map state of an execution does in distributed mode.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MapRunSummary {
    /// Its name: a UUID.
    #[schema(example = "6f1c2f0e-3f0a-4d52-9b1e-2f6f4a9f0c11")]
    name: String,
    /// Its ARN in the Step Functions API.
    arn: String,
    /// The label of its Map state: what the definition gives, or what stands for it.
    label: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED` or `ABORTED`.
    status: &'static str,
    /// When it began.
    #[schema(format = DateTime)]
    started_at: String,
    /// When it ended.
    #[schema(required = true, format = DateTime)]
    stopped_at: Option<String>,
    /// So many of its executions run at a time; 0 is no limit.
    max_concurrency: u32,
    /// So many items may fail.
    tolerated_failure_count: u64,
    /// So many items of a hundred may fail.
    tolerated_failure_percentage: f64,
    /// How often it was redriven.
    redrive_count: u32,
}

/// A map run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MapRun)]
pub(crate) struct MapRunView {
    #[serde(flatten)]
    summary: MapRunSummary,
    /// Its items.
    items: CountsView,
    /// Its executions: fewer than items where they are grouped.
    executions: CountsView,
}

/// How many of something are how.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MapRunCounts)]
struct CountsView {
    /// Not begun.
    pending: u64,
    /// Begun and not ended.
    running: u64,
    /// Succeeded.
    succeeded: u64,
    /// Failed.
    failed: u64,
    /// Timed out.
    timed_out: u64,
    /// Stopped.
    aborted: u64,
    /// Those that wait to be redriven.
    pending_redrive: u64,
    /// All of them.
    total: u64,
}

/// An execution of a map run in a listing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MapRunExecutionSummary {
    /// Its name: a UUID.
    name: String,
    /// Its ARN in the Step Functions API.
    arn: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED` or `PENDING_REDRIVE`.
    status: &'static str,
    /// How many items it has.
    items: u64,
    /// When it began.
    #[schema(format = DateTime)]
    started_at: String,
    /// When it ended.
    #[schema(required = true, format = DateTime)]
    stopped_at: Option<String>,
    /// Why it ended without an output: the error's name.
    #[schema(required = true)]
    error: Option<String>,
    /// Why it ended without an output, in words.
    #[schema(required = true)]
    cause: Option<String>,
    /// How often it was redriven.
    redrive_count: u32,
}

/// An execution of a map run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MapRunExecution)]
pub(crate) struct MapRunExecutionView {
    #[serde(flatten)]
    summary: MapRunExecutionSummary,
    /// What it was given: any JSON value.
    #[schema(value_type = Value)]
    input: Value,
    /// What it gave: any JSON value; null until it has succeeded.
    #[schema(value_type = Value)]
    output: Value,
}

impl From<map_runs::MapRunView> for MapRunSummary {
    fn from(run: map_runs::MapRunView) -> Self {
        Self {
            name: run.name().to_owned(),
            label: run.label().to_owned(),
            arn: run.arn,
            status: run.status.name(),
            started_at: run.started_at.to_string(),
            stopped_at: run.stopped_at.map(|at| at.to_string()),
            max_concurrency: run.max_concurrency,
            tolerated_failure_count: run.tolerated_failure_count,
            tolerated_failure_percentage: run.tolerated_failure_percentage,
            redrive_count: run.redrive_count,
        }
    }
}

impl From<map_runs::MapRunView> for MapRunView {
    fn from(run: map_runs::MapRunView) -> Self {
        let (items, executions) = (run.items.into(), run.executions.into());
        Self { summary: run.into(), items, executions }
    }
}

impl From<MapRunCounts> for CountsView {
    fn from(counts: MapRunCounts) -> Self {
        Self {
            pending: counts.pending,
            running: counts.running,
            succeeded: counts.succeeded,
            failed: counts.failed,
            timed_out: counts.timed_out,
            aborted: counts.aborted,
            pending_redrive: counts.pending_redrive,
            total: counts.total,
        }
    }
}

impl From<MapExecution> for MapRunExecutionSummary {
    fn from(execution: MapExecution) -> Self {
        let failure = execution.failure.unwrap_or_default();
        Self {
            name: execution.name,
            arn: execution.arn,
            status: execution.status.name(),
            items: execution.items,
            started_at: execution.started_at.to_string(),
            stopped_at: execution.stopped_at.map(|at| at.to_string()),
            error: failure.error,
            cause: failure.cause,
            redrive_count: execution.redrives,
        }
    }
}

impl From<MapExecution> for MapRunExecutionView {
    fn from(mut execution: MapExecution) -> Self {
        let (input, output) = (execution.input.take(), execution.output.take().unwrap_or_default());
        Self { summary: execution.into(), input, output }
    }
}

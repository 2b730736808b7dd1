//! `daily-report`: what ran, failed and cost in a day, of what the execution's owner has.
//!
//! `begin` decides on the period; each collecting step adds a bounded number of records to the tally that the execution carries
//! along; `write` stores the report in both forms. Start reading at `execute`, then `collect.rs`.

mod collect;
mod period;
mod reports;
mod tally;
mod text;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input;
use crate::error::Error;
use crate::ids::ReportId;
use crate::ports::{Clock, Ports};
use crate::schedules;
use crate::workers::{Task, TaskError};

pub(super) use period::Period;
pub use reports::{Report, ReportFiles, get_report, list_reports};
pub(super) use reports::{delete as delete_report, older as older_reports};
pub use tally::Tally;

/// A step of the definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Begin,
    Executions,
    Projects,
    Calls,
    Webhooks,
    Schedules,
    Write,
}

impl Step {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "begin" => Self::Begin,
            "executions" => Self::Executions,
            "projects" => Self::Projects,
            "calls" => Self::Calls,
            "webhooks" => Self::Webhooks,
            "schedules" => Self::Schedules,
            "write" => Self::Write,
            _ => return None,
        })
    }
}

/// What the execution carries from step to step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Progress {
    period: Period,
    tally: Tally,
    /// Is there more for the same step?
    more: bool,
    /// Where it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// The input's members.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Options {
    schedule_name: Option<String>,
    scheduled_time: Option<String>,
    date: Option<String>,
    since: Option<String>,
    until: Option<String>,
    time_zone: Option<String>,
}

/// Does a step.
pub(super) async fn execute<P: Ports>(ports: &P, step: Step, task: &Task) -> Result<Value, TaskError> {
    if step == Step::Begin {
        let progress =
            Progress { period: begin(ports, task).await?, tally: Tally::default(), more: false, cursor: None };
        return Ok(serde_json::to_value(progress).map_err(Error::internal)?);
    }
    let mut progress: Progress = input::read(&task.input)?;
    if step == Step::Write {
        let id = ReportId::derived(&format!("{} {}", task.owner, task.execution));
        let report = Report {
            id,
            owner: task.owner.clone(),
            period: progress.period,
            execution: task.execution.clone(),
            created_at: ports.clock().now(),
            tally: progress.tally,
        };
        return Ok(reports::write(ports, &report).await?);
    }
    let cursor = progress.cursor.take();
    let (period, tally) = (&progress.period, &mut progress.tally);
    let next = match step {
        Step::Executions => collect::executions(ports, &task.owner, period, tally, cursor).await?,
        Step::Projects => collect::projects(ports, &task.owner, period, tally, cursor).await?,
        Step::Calls => collect::calls(ports, &task.owner, period, tally, cursor).await?,
        Step::Webhooks => collect::webhooks(ports, &task.owner, period, tally, cursor).await?,
        Step::Schedules => collect::schedules(ports, &task.owner, period, tally, cursor).await?,
        Step::Begin | Step::Write => None,
    };
    progress.more = next.is_some();
    progress.cursor = next;
    Ok(serde_json::to_value(progress).map_err(Error::internal)?)
}

/// The period, in the time zone that the input says, else that of its schedule, else UTC.
async fn begin<P: Ports>(ports: &P, task: &Task) -> Result<Period, TaskError> {
    input::refuse_unknown(&task.input, &["date", "since", "until", "time_zone"])?;
    let mut options: Options = input::options(&task.input)?;
    if let (None, Some(name)) = (&options.time_zone, &options.schedule_name) {
        options.time_zone = match schedules::get_schedule(ports, &task.owner, name).await {
            Ok(stored) => Some(stored.value.timing.time_zone),
            // The schedule is one of EventBridge, or was deleted meanwhile.
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
    }
    let started = task.input.get("started_at").and_then(Value::as_str).and_then(millrace_asl::Timestamp::parse);
    let now = started.unwrap_or_else(|| ports.clock().now());
    Period::of(&options, now).map_err(input::invalid)
}

/// What the workflow answers.
fn summary(report: &Report, files: &ReportFiles) -> Value {
    let Tally { executions, cost, .. } = &report.tally;
    json!({
        "report_id": report.id,
        "since": report.period.since.to_string(),
        "until": report.period.until.to_string(),
        "time_zone": report.period.time_zone,
        "executions": executions,
        "cost": cost.total(),
        "report": format!("/api/reports/{}", report.id),
        "artifacts": { "markdown": files.markdown, "json": files.json },
    })
}

//! The routes of reports that `daily-report` wrote.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use millrace_app::builtins::report::{self, Report, ReportFiles};
use millrace_app::ids::ReportId;
use millrace_app::ports::Ports;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::views::{self, ReportPage};

/// A report on a day, in short.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReportSummary)]
pub(crate) struct ReportSummaryView {
    /// Its id.
    id: String,
    /// What it is called: the day, or both ends of its period.
    title: String,
    /// The period's first millisecond.
    #[schema(format = DateTime)]
    since: String,
    /// The first millisecond after it.
    #[schema(format = DateTime)]
    until: String,
    /// Whose day it is.
    time_zone: String,
    /// The execution that wrote it.
    execution_id: String,
    /// When.
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Report> for ReportSummaryView {
    fn from(report: Report) -> Self {
        Self {
            id: report.id.into(),
            title: report.period.title,
            since: report.period.since.to_string(),
            until: report.period.until.to_string(),
            time_zone: report.period.time_zone,
            execution_id: report.execution.into(),
            created_at: report.created_at.to_string(),
        }
    }
}

/// A report with addresses that download it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Report)]
pub(crate) struct ReportView {
    /// What it is about.
    #[serde(flatten)]
    summary: ReportSummaryView,
    /// Downloads it as Markdown, for a quarter of an hour.
    markdown_url: String,
    /// Downloads it as JSON, for a quarter of an hour.
    json_url: String,
}

/// List the caller's reports, newest first
///
/// The built-in workflow `daily-report` writes them.
#[utoipa::path(
    get, path = "/api/reports", tag = "executions",
    params(
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of reports", body = ReportPage)),
)]
pub(crate) async fn list_reports<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let paging = query.paging();
    query.finish()?;
    let size = paging.size()?;
    let page = report::list_reports(&app.ports, &caller.workflow_owner(), size, paging.cursor).await?;
    Ok(views::json(StatusCode::OK, ReportPage::of(page, ReportSummaryView::from)))
}

/// Read a report: where it is downloaded
#[utoipa::path(
    get, path = "/api/reports/{id}", tag = "executions",
    params(("id" = String, Path, description = "The report's id")),
    responses((status = 200, description = "The report", body = ReportView)),
)]
pub(crate) async fn get_report<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let id: ReportId = path.parsed("id", "report")?;
    let (report, files) = report::get_report(&app.ports, &caller.workflow_owner(), &id).await?;
    let ReportFiles { markdown, json } = files;
    let view = ReportView {
        summary: report.into(),
        markdown_url: app.config.link(&markdown),
        json_url: app.config.link(&json),
    };
    Ok(views::json(StatusCode::OK, view))
}

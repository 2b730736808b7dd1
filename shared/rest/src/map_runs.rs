//! The routes of map runs: what Map states in distributed mode do, and the executions of their items.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use millrace_app::Error;
use millrace_app::executions::ExecutionStatus;
use millrace_app::map_runs::{self, MapExecutionFilter, MapRunView};
use millrace_app::ports::Ports;

use crate::App;
use crate::caller::Caller;
use crate::executions::{HistoryQuery, found};
use crate::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::views::{
    self, HistoryPage, MapRunExecutionPage, MapRunExecutionSummary, MapRunExecutionView, MapRunPage, MapRunSummary,
};

fn missing(kind: &'static str, path: &PathParams, name: &str) -> Problem {
    Error::NotFound { kind, id: path.get(name).chars().take(80).collect() }.into()
}

/// The map run that a path names, of an execution that is the caller's.
async fn run<P: Ports>(app: &App<P>, caller: &Caller, path: &PathParams) -> Result<MapRunView, Problem> {
    let execution = found(app, caller, path, None).await?.execution;
    let run = map_runs::find_map_run(&app.ports, &execution.id, path.get("run")).await?;
    run.ok_or_else(|| missing("map run", path, "run"))
}

/// A status by its name, with those that only executions of map runs have.
fn status(text: &str) -> Result<ExecutionStatus, String> {
    if text == ExecutionStatus::PendingRedrive.name() {
        return Ok(ExecutionStatus::PendingRedrive);
    }
    crate::executions::status(text)
}

/// List an execution's map runs, newest first
///
/// A map run is what a Map state in distributed mode does.
#[utoipa::path(
    get, path = "/api/executions/{id}/map-runs", tag = "executions",
    params(
        ("id" = String, Path, description = "The execution's id or ARN"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of map runs", body = MapRunPage)),
)]
pub(crate) async fn list_map_runs<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let paging = query.paging();
    query.finish()?;
    let id = found(&app, &caller, &path, None).await?.execution.id;
    let page = map_runs::list_map_runs(&app.ports, &id, paging.size()?, paging.cursor.as_deref()).await?;
    Ok(views::json(StatusCode::OK, MapRunPage::of(page, MapRunSummary::from)))
}

/// Read a map run: how many of its items are how
#[utoipa::path(
    get, path = "/api/executions/{id}/map-runs/{run}", tag = "executions",
    params(
        ("id" = String, Path, description = "The execution's id or ARN"),
        ("run" = String, Path, description = "The map run's name"),
    ),
    responses((status = 200, description = "The map run", body = views::MapRunView)),
)]
pub(crate) async fn get_map_run<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let run = run(&app, &caller, &path).await?;
    Ok(views::json(StatusCode::OK, views::MapRunView::from(run)))
}

/// List a map run's executions that have begun, newest first
///
/// Each is for an item, or for some where the Map state groups them.
#[utoipa::path(
    get, path = "/api/executions/{id}/map-runs/{run}/executions", tag = "executions",
    params(
        ("id" = String, Path, description = "The execution's id or ARN"),
        ("run" = String, Path, description = "The map run's name"),
        ("status" = Option<String>, Query, description = "`RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED` or `PENDING_REDRIVE`"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of executions", body = MapRunExecutionPage)),
)]
pub(crate) async fn list_map_run_executions<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let filter = MapExecutionFilter { status: query.read("status", status), redriven: None };
    let paging = query.paging();
    query.finish()?;
    let run = run(&app, &caller, &path).await?;
    let (size, cursor) = (paging.size()?, paging.cursor.as_deref());
    let page = map_runs::list_map_executions(&app.ports, &run.arn, filter, size, cursor).await?;
    let page = page.ok_or_else(|| missing("map run", &path, "run"))?;
    Ok(views::json(StatusCode::OK, MapRunExecutionPage::of(page, MapRunExecutionSummary::from)))
}

/// Read an execution of a map run
#[utoipa::path(
    get, path = "/api/executions/{id}/map-runs/{run}/executions/{name}", tag = "executions",
    params(
        ("id" = String, Path, description = "The id or ARN of the execution with the map run"),
        ("run" = String, Path, description = "The map run's name"),
        ("name" = String, Path, description = "The name of the map run's execution"),
    ),
    responses((status = 200, description = "The execution", body = MapRunExecutionView)),
)]
pub(crate) async fn get_map_run_execution<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let arn = run(&app, &caller, &path).await?.arn_of_execution(path.get("name"));
    let execution = map_runs::describe_map_execution(&app.ports, &arn).await?;
    let execution = execution.ok_or_else(|| missing("execution of the map run", &path, "name"))?;
    Ok(views::json(StatusCode::OK, MapRunExecutionView::from(execution)))
}

/// Read the history of an execution of a map run
#[utoipa::path(
    get, path = "/api/executions/{id}/map-runs/{run}/executions/{name}/history", tag = "executions",
    params(
        ("id" = String, Path, description = "The id or ARN of the execution with the map run"),
        ("run" = String, Path, description = "The map run's name"),
        ("name" = String, Path, description = "The name of the map run's execution"),
        ("reverse" = Option<bool>, Query, description = "Newest first"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of events", body = HistoryPage)),
)]
pub(crate) async fn get_map_run_history<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    let wanted = HistoryQuery::read(query)?;
    let arn = run(&app, &caller, &path).await?.arn_of_execution(path.get("name"));
    let items = map_runs::map_execution_history(&app.ports, &arn).await?;
    Ok(wanted.answer(items.ok_or_else(|| missing("execution of the map run", &path, "name"))?))
}

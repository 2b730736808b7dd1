//! The routes of what the agents made.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use millrace_app::ids::EventId;
use millrace_app::ports::{Page, Ports};
use millrace_app::projects;

use crate::App;
use crate::caller::Caller;
use crate::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::views::{
    self, CostView, DeploymentPage, DeploymentView, EventPage, EventView, FilePage, FileView, PlanView, TestPage,
    TestView,
};

/// Read a project's current plan with its task graph
#[utoipa::path(
    get, path = "/api/projects/{id}/plan", tag = "artifacts",
    params(("id" = String, Path, description = "The project's id")),
    responses((status = 200, description = "The plan", body = PlanView)),
)]
pub(crate) async fn get_plan<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let plan = projects::get_plan(&app.ports, &caller.owner, &path.project()?).await?;
    Ok(views::json(StatusCode::OK, PlanView::from(plan)))
}

/// List a project's files by path
#[utoipa::path(
    get, path = "/api/projects/{id}/files", tag = "artifacts",
    params(
        ("id" = String, Path, description = "The project's id"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of files", body = FilePage)),
)]
pub(crate) async fn list_files<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let paging = query.paging();
    query.finish()?;
    let page = projects::list_files(&app.ports, &caller.owner, &path.project()?, &paging).await?;
    Ok(views::json(StatusCode::OK, FilePage::of(page, FileView::from)))
}

/// Read a file's contents
///
/// Always as plain text or as bytes, whatever the file is: what was generated never runs in this server's origin.
#[utoipa::path(
    get, path = "/api/projects/{id}/files/{path}", tag = "artifacts",
    params(
        ("id" = String, Path, description = "The project's id"),
        ("path" = String, Path, description = "The file's path, with its slashes"),
    ),
    responses((status = 200, description = "The contents", headers(
        ("ETag" = String, description = "SHA-256 of the contents"),
        ("Content-Disposition" = String, description = "`attachment` with the file's name"),
    ), content((String = "text/plain; charset=utf-8"), (Vec<u8> = "application/octet-stream")))),
)]
pub(crate) async fn get_file<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let found = projects::get_file(&app.ports, &caller.owner, &path.project()?, path.get("path")).await?;
    let text = std::str::from_utf8(&found.bytes).is_ok_and(|text| !text.contains('\0'));
    let kind = if text { "text/plain; charset=utf-8" } else { "application/octet-stream" };
    let name = found.file.path.rsplit('/').next().unwrap_or_default();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", found.file.sha256)) {
        headers.insert(ETAG, tag);
    }
    if let Ok(attachment) = HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{}", percent(name))) {
        headers.insert(CONTENT_DISPOSITION, attachment);
    }
    Ok((StatusCode::OK, headers, Body::from(found.bytes)).into_response())
}

/// A name as RFC 8187 writes it.
fn percent(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

/// List a project's test reports, newest first
#[utoipa::path(
    get, path = "/api/projects/{id}/tests", tag = "artifacts",
    params(
        ("id" = String, Path, description = "The project's id"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of test reports", body = TestPage)),
)]
pub(crate) async fn list_tests<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let paging = query.paging();
    query.finish()?;
    let page = projects::list_tests(&app.ports, &caller.owner, &path.project()?, &paging).await?;
    Ok(views::json(StatusCode::OK, TestPage::of(page, |report| TestView::of(report, &app.config))))
}

/// List a project's deployment packages, newest first
#[utoipa::path(
    get, path = "/api/projects/{id}/deployments", tag = "artifacts",
    params(
        ("id" = String, Path, description = "The project's id"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of deployment packages", body = DeploymentPage)),
)]
pub(crate) async fn list_deployments<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let paging = query.paging();
    query.finish()?;
    let page = projects::list_deployments(&app.ports, &caller.owner, &path.project()?, &paging).await?;
    Ok(views::json(StatusCode::OK, DeploymentPage::of(page, |package| DeploymentView::of(package, &app.config))))
}

/// Read a project's timeline in order of time
///
/// By pages with `cursor`; or with `after`, the id of the last event that is known, what follows it.
#[utoipa::path(
    get, path = "/api/projects/{id}/events", tag = "artifacts",
    params(
        ("id" = String, Path, description = "The project's id"),
        ("after" = Option<String>, Query, description = "Only events after the one with this id"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before; not with `after`"),
    ),
    responses((status = 200, description = "A page of events", body = EventPage)),
)]
pub(crate) async fn list_events<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let after = query.read("after", |text| {
        text.parse::<EventId>().map_err(|_| "must be the id of an event, of the form evt_…".to_owned())
    });
    let paging = query.paging();
    query.finish()?;
    let id = path.project()?;
    let page = projects::list_events(&app.ports, &caller.owner, &id, after.as_ref(), &paging).await?;
    let page = Page { items: page.items, next: page.next };
    Ok(views::json(StatusCode::OK, EventPage::of(page, EventView::from)))
}

/// Read what a project has used of models, and its budget
#[utoipa::path(
    get, path = "/api/projects/{id}/cost", tag = "artifacts",
    params(("id" = String, Path, description = "The project's id")),
    responses((status = 200, description = "Calls, tokens and money", body = CostView)),
)]
pub(crate) async fn get_cost<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let (stored, usage) = projects::get_cost(&app.ports, &caller.owner, &path.project()?).await?;
    Ok(views::json(StatusCode::OK, CostView::new(stored.value.budget, usage)))
}

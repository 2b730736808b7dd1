//! The routes of limits that hold across executions.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use millrace_app::limits::{self, Change, Figures, LimitView as Limit, LimitWaiter};
use millrace_app::ports::Ports;
use millrace_asl::{HIGHEST_LIMIT, LONGEST_WINDOW, Rate, check_key};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::body::{Fields, JsonObject};
use crate::caller::Caller;
use crate::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::views;

/// Windows whose figures can be set for one key.
const MOST_RATES: usize = 10;

/// Figures that hold in place of those of the definitions.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = ChangeLimit, example = json!({ "concurrency": 10, "rates": [{ "limit": 200, "per_seconds": 60 }] }))]
pub(crate) struct ChangeBody {
    /// How many executions may run at once: 0 to 1,000,000; 0 lets none begin. For those whose definition limits their
    /// concurrency at this key.
    #[schema(minimum = 0, maximum = 1_000_000)]
    concurrency: Option<u32>,
    /// How many may start, by the length of the window: for those whose definition names this key and window.
    rates: Option<Vec<RateView>>,
}

/// How many executions may start in a window of time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rate)]
struct RateView {
    /// How many.
    #[schema(minimum = 0, maximum = 1_000_000)]
    limit: u32,
    /// The window's length in seconds.
    #[schema(minimum = 1, maximum = 2_592_000)]
    per_seconds: u32,
}

impl From<Rate> for RateView {
    fn from(rate: Rate) -> Self {
        Self { limit: rate.limit, per_seconds: rate.per_seconds }
    }
}

/// Figures of a limit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LimitFigures)]
struct FiguresView {
    /// How many executions may run at once; null where none is set.
    #[schema(required = true)]
    concurrency: Option<u32>,
    /// How many may start.
    rates: Vec<RateView>,
}

impl From<Figures> for FiguresView {
    fn from(figures: Figures) -> Self {
        Self { concurrency: figures.concurrency, rates: figures.rates.into_iter().map(RateView::from).collect() }
    }
}

/// The starts in a window of time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LimitWindow)]
struct WindowView {
    /// The window's length in seconds; it ends now.
    per_seconds: u32,
    /// How many executions started in it.
    started: u64,
}

/// A limit that holds across executions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Limit)]
pub(crate) struct LimitView {
    /// Its key.
    #[schema(example = "customer-7")]
    key: String,
    /// Executions that count against its concurrency.
    running: u64,
    /// Executions that wait here to begin.
    waiting: u64,
    /// What the definition of the execution says that came here last.
    asked: FiguresView,
    /// What was set in its place; null where nothing was.
    #[serde(rename = "override")]
    #[schema(required = true)]
    change: Option<FiguresView>,
    /// When that was set.
    #[schema(required = true, format = DateTime)]
    overridden_at: Option<String>,
    /// The windows in which executions started.
    windows: Vec<WindowView>,
    /// When something happened here last.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Limit> for LimitView {
    fn from(limit: Limit) -> Self {
        let (change, overridden_at) =
            limit.change.map(|Change { figures, at }| (FiguresView::from(figures), at.to_string())).unzip();
        let windows = limit.windows.into_iter();
        Self {
            key: limit.key,
            running: limit.running,
            waiting: limit.waiting,
            asked: limit.asked.into(),
            change,
            overridden_at,
            windows: windows
                .map(|window| WindowView { per_seconds: window.per_seconds, started: window.started })
                .collect(),
            updated_at: limit.updated_at.to_string(),
        }
    }
}

/// A page of limits, by key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitPage {
    /// The limits.
    items: Vec<LimitView>,
    /// Give it as `cursor` to go on; null on the last page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// A limit with the executions at it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LimitDetails)]
pub(crate) struct LimitDetails {
    #[serde(flatten)]
    limit: LimitView,
    /// The first hundred of those that count against its concurrency.
    running_executions: Vec<HolderView>,
    /// The first hundred of those that wait, in the order in which they will begin.
    waiting_executions: Vec<WaiterView>,
}

/// An execution that counts against a limit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LimitHolder)]
struct HolderView {
    /// Its id.
    id: String,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
}

/// An execution that waits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LimitWaiter)]
struct WaiterView {
    /// Its id.
    id: String,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// How soon its turn comes: the highest first, then the oldest.
    priority: i32,
}

/// List the caller's limits, by key
///
/// A limit is here once an execution came to it or its figures were set, and is forgotten when nothing happened for seven
/// days.
#[utoipa::path(
    get, path = "/api/limits", tag = "limits",
    params(
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of limits", body = LimitPage)),
)]
pub(crate) async fn list_limits<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let paging = query.paging();
    query.finish()?;
    let page = limits::list_limits(&app.ports, &caller.workflow_owner(), paging.size()?, paging.cursor).await?;
    let items = page.items.into_iter().map(LimitView::from).collect();
    Ok(views::json(StatusCode::OK, LimitPage { items, next_cursor: page.next }))
}

/// Read a limit, with the executions that run and wait at it
#[utoipa::path(
    get, path = "/api/limits/{key}", tag = "limits",
    params(("key" = String, Path, description = "The limit's key")),
    responses((status = 200, description = "The limit", body = LimitDetails)),
)]
pub(crate) async fn get_limit<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let (limit, running, waiting) =
        limits::describe_limit(&app.ports, &caller.workflow_owner(), path.get("key")).await?;
    let holder = |one: LimitWaiter| HolderView { id: one.id.into(), since: one.since.to_string() };
    let waiter = |one: LimitWaiter| WaiterView {
        id: one.id.into(),
        since: one.since.to_string(),
        priority: one.priority.unwrap_or_default(),
    };
    let details = LimitDetails {
        limit: limit.into(),
        running_executions: running.into_iter().map(holder).collect(),
        waiting_executions: waiting.into_iter().map(waiter).collect(),
    };
    Ok(views::json(StatusCode::OK, details))
}

fn figure(fields: &mut Fields, name: &'static str, least: u32, most: u32) -> Option<u32> {
    let number = fields.count(name)?;
    let fits = u32::try_from(number).ok().filter(|number| (least..=most).contains(number));
    if fits.is_none() {
        fields.problem(name, format!("must be {least} to {most}"));
    }
    fits
}

fn rate(fields: &mut Fields) -> Option<Rate> {
    let limit = figure(fields, "limit", 0, HIGHEST_LIMIT);
    let per_seconds = figure(fields, "per_seconds", 1, LONGEST_WINDOW);
    Some(Rate { per_seconds: per_seconds?, limit: limit? })
}

/// Set the figures of a limit
///
/// They hold from now on for every execution that names the key, in place of those of its definition, also for those that
/// wait. Executions that run go on, even where there are more than the new figure. Figures that are not given are the
/// definitions'.
#[utoipa::path(
    put, path = "/api/limits/{key}", tag = "limits", request_body = ChangeBody,
    params(("key" = String, Path, description = "The limit's key; there need not have been an execution that names it")),
    responses((status = 200, description = "The limit", body = LimitView)),
)]
pub(crate) async fn put_limit<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let key = path.get("key");
    let concurrency = figure(&mut fields, "concurrency", 0, HIGHEST_LIMIT);
    let rates = fields.list("rates", |fields| {
        let rate = rate(fields);
        if rate.is_none() {
            fields.problem("", format!("needs limit, 0 to {HIGHEST_LIMIT}, and per_seconds, 1 to {LONGEST_WINDOW}"));
        }
        rate
    });
    let rates: Vec<Rate> = rates.unwrap_or_default().into_iter().flatten().collect();
    let has_twice = |rate: &Rate| rates.iter().filter(|other| other.per_seconds == rate.per_seconds).count() > 1;
    if rates.len() > MOST_RATES || rates.iter().any(has_twice) {
        fields.problem("rates", format!("must be at most {MOST_RATES}, each with another per_seconds"));
    }
    let figures = Figures { concurrency, rates };
    if figures.is_empty() {
        fields.problem("", "must have concurrency or rates; DELETE has the definitions' figures hold again");
    }
    if let Err(problem) = check_key(key) {
        return Err(millrace_app::Error::invalid("key", problem).into());
    }
    fields.finish()?;
    let limit = limits::change_limit(&app.ports, &caller.workflow_owner(), key, Some(figures)).await?;
    Ok(views::json(StatusCode::OK, LimitView::from(limit)))
}

/// Have the definitions' figures hold again
#[utoipa::path(
    delete, path = "/api/limits/{key}", tag = "limits",
    params(("key" = String, Path, description = "The limit's key")),
    responses((status = 200, description = "The limit", body = LimitView)),
)]
pub(crate) async fn delete_limit<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let limit = limits::change_limit(&app.ports, &caller.workflow_owner(), path.get("key"), None).await?;
    Ok(views::json(StatusCode::OK, LimitView::from(limit)))
}

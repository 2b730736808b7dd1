//! The routes of schedules.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use millrace_app::ports::Ports;
use millrace_app::projects::Stored;
use millrace_app::schedules::{self, CatchUp, MOST_PREVIEWED, NewSchedule, Overlap, Run, Schedule, Target, Timing};
use millrace_app::{builtins, workflows};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::App;
use crate::body::{Fields, JsonObject};
use crate::caller::Caller;
use crate::params::{IfMatch, PathParams, QueryParams, if_match, time};
use crate::problem::Problem;
use crate::views;

/// What a schedule says.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = NewSchedule, example = json!({ "name": "nightly", "expression": "cron(0 3 * * ? *)", "time_zone": "Europe/Berlin",
    "workflow": "orders", "input": { "since": "<aws.scheduler.scheduled-time>" }, "overlap": "skip" }))]
pub(crate) struct ScheduleBody {
    /// 1 to 64 letters, digits, `_`, `-` or `.`; in a change the path's.
    name: Option<String>,
    /// For people.
    #[schema(max_length = 512)]
    description: Option<String>,
    /// `rate(5 minutes)`, `cron(0 9 ? * MON-FRI *)` or `at(2030-01-31T09:00:00)`, as EventBridge Scheduler has them.
    expression: String,
    /// The IANA time zone whose clocks cron and at mean; UTC where it is left out.
    time_zone: Option<String>,
    /// It does not come before this; a rate begins here.
    #[schema(format = DateTime)]
    start_at: Option<String>,
    /// It does not come after this.
    #[schema(format = DateTime)]
    end_at: Option<String>,
    /// The workflow that is started: its id, ARN or name, or the name of a built-in one (`daily-report`, `cleanup`, `sync`).
    workflow: String,
    /// A version of it; the newest revision where it is left out.
    version: Option<u64>,
    /// An alias, in place of a version.
    alias: Option<String>,
    /// What executions are started with. In its texts `<aws.scheduler.scheduled-time>` stands for the turn's time. Without it that
    /// is `{"schedule_name", "definition_id", "scheduled_time"}`.
    input: Option<Value>,
    /// When the execution before still runs: `skip` the turn, `queue` it, or `allow` both. `allow` where it is left out.
    overlap: Option<String>,
    /// Turns that were missed by more than a minute: make up for `none`, the `last` or `all`. `last` where it is left out.
    catch_up: Option<String>,
    /// Does it rest until it is resumed?
    paused: Option<bool>,
}

/// A time to be shown.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = PreviewSchedule, example = json!({ "expression": "cron(30 2 * * ? *)", "time_zone": "America/New_York", "count": 5 }))]
pub(crate) struct PreviewBody {
    /// `rate(…)`, `cron(…)` or `at(…)`.
    expression: String,
    /// The time zone; UTC where it is left out.
    time_zone: Option<String>,
    /// As a schedule's.
    #[schema(format = DateTime)]
    start_at: Option<String>,
    /// As a schedule's.
    #[schema(format = DateTime)]
    end_at: Option<String>,
    /// From when on; now where it is left out.
    #[schema(format = DateTime)]
    from: Option<String>,
    /// How many times, 1 to 100; 10 where it is left out.
    #[schema(minimum = 1, maximum = 100)]
    count: Option<u64>,
}

/// The next times of a schedule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PreviewView {
    /// The times, in UTC.
    #[schema(format = DateTime)]
    times: Vec<String>,
}

/// A turn of a schedule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScheduleRun)]
pub(crate) struct RunView {
    /// When it was due.
    #[schema(format = DateTime)]
    due_at: String,
    /// When that was decided.
    #[schema(format = DateTime)]
    at: String,
    /// `started`; `skipped`, since the execution before ran; `missed`, since its time had passed; `failed`
    outcome: &'static str,
    /// The execution's ARN.
    #[schema(required = true)]
    execution_arn: Option<String>,
    /// Why it could not be started.
    #[schema(required = true)]
    reason: Option<String>,
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        Self {
            due_at: run.due_at.to_string(),
            at: run.at.to_string(),
            outcome: run.outcome.name(),
            execution_arn: run.execution_arn,
            reason: run.reason,
        }
    }
}

/// How many turns a schedule had.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScheduleCounts)]
struct CountsView {
    /// Executions that were started.
    started: u64,
    /// Turns left out, since the execution before ran.
    skipped: u64,
    /// Turns left out, since their time had passed.
    missed: u64,
    /// Executions that could not be started.
    failed: u64,
}

/// A schedule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule)]
pub(crate) struct ScheduleView {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// For people.
    #[schema(required = true)]
    description: Option<String>,
    /// When it comes.
    expression: String,
    /// The time zone whose clocks are meant.
    time_zone: String,
    /// It does not come before this.
    #[schema(required = true, format = DateTime)]
    start_at: Option<String>,
    /// It does not come after this.
    #[schema(required = true, format = DateTime)]
    end_at: Option<String>,
    /// The id of the workflow that is started.
    workflow_id: String,
    /// Its ARN.
    workflow_arn: String,
    /// A version's number or an alias's name.
    #[schema(required = true)]
    qualifier: Option<String>,
    /// What executions are started with; null for the usual input.
    input: Option<Value>,
    /// `skip`, `queue` or `allow`
    overlap: &'static str,
    /// `none`, `last` or `all`
    catch_up: &'static str,
    /// `ENABLED`, `PAUSED` or `COMPLETED`
    status: &'static str,
    /// When it comes next.
    #[schema(required = true, format = DateTime)]
    next_at: Option<String>,
    /// Turns that wait for the execution before them.
    queued: usize,
    /// Its last turns, the newest first: at most 20.
    runs: Vec<RunView>,
    /// How many turns it had.
    counts: CountsView,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// The version, as in `ETag`.
    version: u64,
}

/// The word of the API for a value.
fn word<T: PartialEq>(all: &[(&'static str, T)], value: &T) -> &'static str {
    all.iter().find(|(_, known)| known == value).map_or("", |(word, _)| word)
}

impl From<Stored<Schedule>> for ScheduleView {
    fn from(stored: Stored<Schedule>) -> Self {
        let (schedule, version) = (stored.value, stored.version);
        let counts = schedule.counts;
        let told = |time: Option<millrace_asl::Timestamp>| time.map(|time| time.to_string());
        Self {
            status: schedule.status().name(),
            next_at: told(schedule.next_at.filter(|_| !schedule.paused)),
            id: schedule.id.to_string(),
            name: schedule.name,
            description: schedule.description,
            expression: schedule.timing.expression,
            time_zone: schedule.timing.time_zone,
            start_at: told(schedule.timing.start_at),
            end_at: told(schedule.timing.end_at),
            workflow_id: schedule.target.workflow_id.to_string(),
            workflow_arn: schedule.target.workflow_arn,
            qualifier: schedule.target.qualifier,
            input: schedule.input,
            overlap: word(&Overlap::ALL, &schedule.overlap),
            catch_up: word(&CatchUp::ALL, &schedule.catch_up),
            queued: schedule.queued.len(),
            runs: schedule.runs.into_iter().map(RunView::from).collect(),
            counts: CountsView {
                started: counts.started,
                skipped: counts.skipped,
                missed: counts.missed,
                failed: counts.failed,
            },
            created_at: schedule.created_at.to_string(),
            updated_at: schedule.updated_at.to_string(),
            version,
        }
    }
}

/// A page of schedules, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SchedulePage {
    /// The schedules.
    items: Vec<ScheduleView>,
    /// Give it as `cursor` to go on; null on the last page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

fn answer(status: StatusCode, stored: Stored<Schedule>) -> Response {
    let tag = views::etag(stored.version);
    let mut response = views::json(status, ScheduleView::from(stored));
    response.headers_mut().extend(tag);
    response
}

/// One of the words of a member.
fn one_of<T: Copy + Default>(fields: &mut Fields, name: &'static str, all: &[(&'static str, T)]) -> T {
    let read = fields.parsed(name, |text| {
        let found = all.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        let words: Vec<&str> = all.iter().map(|(word, _)| *word).collect();
        found.ok_or_else(|| format!("must be one of {}", words.join(", ")))
    });
    read.unwrap_or_default()
}

fn timing(fields: &mut Fields) -> Timing {
    Timing {
        expression: fields.required_text("expression"),
        time_zone: fields.text("time_zone").unwrap_or_else(|| "UTC".to_owned()),
        start_at: fields.parsed("start_at", time),
        end_at: fields.parsed("end_at", time),
    }
}

/// Reads what a schedule says. `name`: the path's, where it has one.
async fn read<P: Ports>(
    app: &App<P>,
    caller: &Caller,
    mut fields: Fields,
    name: Option<&str>,
) -> Result<NewSchedule, Problem> {
    let given = fields.text("name");
    if let (Some(given), Some(name)) = (&given, name)
        && given != name
    {
        fields.problem("name", "can't be changed: make another schedule and delete this one");
    }
    if given.is_none() && name.is_none() {
        fields.problem("name", "is missing");
    }
    let timing = timing(&mut fields);
    let workflow = fields.required_text("workflow");
    let version = fields.count("version");
    let alias = fields.text("alias");
    if alias.is_some() && version.is_some() {
        fields.problem("alias", "can't be given together with version");
    }
    let mut new = NewSchedule {
        name: name.map(ToOwned::to_owned).or(given).unwrap_or_default(),
        description: fields.text("description"),
        target: Target {
            workflow_id: millrace_app::ids::WorkflowId::derived(&workflow),
            workflow_arn: String::new(),
            qualifier: alias.or_else(|| version.map(|version| version.to_string())),
        },
        input: fields.any("input").filter(|input| !input.is_null()),
        overlap: one_of(&mut fields, "overlap", &Overlap::ALL),
        catch_up: one_of(&mut fields, "catch_up", &CatchUp::ALL),
        paused: fields.boolean("paused").unwrap_or_default(),
        timing,
    };
    fields.finish()?;
    let (owner, place) = (caller.workflow_owner(), caller.place(&app.config));
    let (found, _) = builtins::find(&app.ports, &owner, &place, &workflow, &app.config.builtins).await?;
    let target = crate::workflows::qualified(&found, new.target.qualifier.clone())?;
    // A version or an alias must be there.
    workflows::describe_workflow(&app.ports, &target).await?;
    (new.target.workflow_id, new.target.workflow_arn) = (found.id, found.arn);
    Ok(new)
}

/// Make a schedule
///
/// Idempotent by `name`: the same request again answers the schedule that is there.
#[utoipa::path(
    post, path = "/api/schedules", tag = "schedules", request_body = ScheduleBody,
    responses((status = 201, description = "The schedule", body = ScheduleView, headers(
        ("Location" = String, description = "Where the schedule is"),
        ("ETag" = String, description = "Its version"),
    ))),
)]
pub(crate) async fn create_schedule<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    query: QueryParams,
    JsonObject(fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let new = read(&app, &caller, fields, None).await?;
    let stored = schedules::create_schedule(&app.ports, &caller.workflow_owner(), new).await?;
    let location = app.config.link(&format!("/api/schedules/{}", stored.value.name));
    Ok(views::with_location(answer(StatusCode::CREATED, stored), &location))
}

/// List the caller's schedules, by name
#[utoipa::path(
    get, path = "/api/schedules", tag = "schedules",
    params(
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of schedules", body = SchedulePage)),
)]
pub(crate) async fn list_schedules<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let paging = query.paging();
    query.finish()?;
    let page = schedules::list_schedules(&app.ports, &caller.workflow_owner(), paging.size()?, paging.cursor).await?;
    let items = page.items.into_iter().map(ScheduleView::from).collect();
    Ok(views::json(StatusCode::OK, SchedulePage { items, next_cursor: page.next }))
}

/// Read a schedule, with its last turns
///
/// Its executions are found by their attribute: `GET /api/executions?attribute=schedule={name}`.
#[utoipa::path(
    get, path = "/api/schedules/{name}", tag = "schedules",
    params(("name" = String, Path, description = "The schedule's name")),
    responses((status = 200, description = "The schedule", body = ScheduleView)),
)]
pub(crate) async fn get_schedule<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let stored = schedules::get_schedule(&app.ports, &caller.workflow_owner(), path.get("name")).await?;
    Ok(answer(StatusCode::OK, stored))
}

/// The version that a change must find; `None` for any.
async fn expected<P: Ports>(
    app: &App<P>,
    caller: &Caller,
    name: &str,
    wanted: Option<IfMatch>,
) -> Result<Option<u64>, Problem> {
    let Some(wanted) = wanted else { return Ok(None) };
    let stored = async { Ok(schedules::get_schedule(&app.ports, &caller.workflow_owner(), name).await?.version) };
    wanted.expected_of("the schedule", stored).await
}

/// Replace what a schedule says
///
/// Its times are counted anew. What it has started goes on, and what it counts stays.
#[utoipa::path(
    put, path = "/api/schedules/{name}", tag = "schedules", request_body = ScheduleBody,
    params(
        ("name" = String, Path, description = "The schedule's name"),
        ("If-Match" = String, Header, description = "The `ETag` that was read, or `*`"),
    ),
    responses((status = 200, description = "The schedule", body = ScheduleView)),
)]
pub(crate) async fn update_schedule<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    headers: HeaderMap,
    JsonObject(fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let wanted = if_match(&headers)?.ok_or_else(Problem::precondition_required)?;
    let name = path.get("name");
    schedules::get_schedule(&app.ports, &caller.workflow_owner(), name).await?;
    let new = read(&app, &caller, fields, Some(name)).await?;
    let expected = expected(&app, &caller, name, Some(wanted)).await?;
    let stored = schedules::update_schedule(&app.ports, &caller.workflow_owner(), new, expected).await?;
    Ok(answer(StatusCode::OK, stored))
}

/// Delete a schedule
///
/// What it has started goes on.
#[utoipa::path(
    delete, path = "/api/schedules/{name}", tag = "schedules",
    params(
        ("name" = String, Path, description = "The schedule's name"),
        ("If-Match" = Option<String>, Header, description = "Delete only this version"),
    ),
    responses((status = 204, description = "It comes no more")),
)]
pub(crate) async fn delete_schedule<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    query.finish()?;
    let name = path.get("name");
    let expected = expected(&app, &caller, name, if_match(&headers)?).await?;
    schedules::delete_schedule(&app.ports, &caller.workflow_owner(), name, expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Have a schedule rest
///
/// What it has started goes on; turns that waited are dropped. May be repeated.
#[utoipa::path(
    post, path = "/api/schedules/{name}/pause", tag = "schedules",
    params(("name" = String, Path, description = "The schedule's name")),
    responses((status = 200, description = "The schedule", body = ScheduleView)),
)]
pub(crate) async fn pause_schedule<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let stored = schedules::pause_schedule(&app.ports, &caller.workflow_owner(), path.get("name")).await?;
    Ok(answer(StatusCode::OK, stored))
}

/// Have a schedule come again
///
/// From its next time on: what it missed while it rested is not made up for. May be repeated.
#[utoipa::path(
    post, path = "/api/schedules/{name}/resume", tag = "schedules",
    params(("name" = String, Path, description = "The schedule's name")),
    responses((status = 200, description = "The schedule", body = ScheduleView)),
)]
pub(crate) async fn resume_schedule<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let stored = schedules::resume_schedule(&app.ports, &caller.workflow_owner(), path.get("name")).await?;
    Ok(answer(StatusCode::OK, stored))
}

/// Start a schedule's workflow now
///
/// Whatever its times say, and also while it rests or the execution before still runs.
#[utoipa::path(
    post, path = "/api/schedules/{name}/run", tag = "schedules",
    params(("name" = String, Path, description = "The schedule's name")),
    responses((status = 201, description = "What was started", body = RunView)),
)]
pub(crate) async fn run_schedule<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let run = schedules::run_now(&app.ports, &caller.workflow_owner(), path.get("name")).await?;
    Ok(views::json(StatusCode::CREATED, RunView::from(run)))
}

fn times(found: Vec<millrace_asl::Timestamp>) -> Response {
    let times = found.iter().map(ToString::to_string).collect();
    views::json(StatusCode::OK, PreviewView { times })
}

/// The next times of a schedule
#[utoipa::path(
    get, path = "/api/schedules/{name}/next", tag = "schedules",
    params(
        ("name" = String, Path, description = "The schedule's name"),
        ("count" = Option<usize>, Query, description = "1 to 100, default 10", minimum = 1, maximum = 100),
        ("from" = Option<String>, Query, description = "From when on; now where it is left out"),
    ),
    responses((status = 200, description = "The times, also where the schedule rests", body = PreviewView)),
)]
pub(crate) async fn get_next_times<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let count = query.read("count", |text| match text.parse() {
        Ok(count) if (1..=MOST_PREVIEWED).contains(&count) => Ok(count),
        _ => Err(format!("must be a whole number from 1 to {MOST_PREVIEWED}")),
    });
    let from = query.time("from");
    query.finish()?;
    let stored = schedules::get_schedule(&app.ports, &caller.workflow_owner(), path.get("name")).await?;
    let Schedule { timing, anchor, .. } = stored.value;
    Ok(times(schedules::preview(&app.ports, &timing, from, Some(anchor), count.unwrap_or(10))?))
}

/// The next times of an expression, without making a schedule
#[utoipa::path(
    post, path = "/api/schedules/preview", tag = "schedules", request_body = PreviewBody,
    responses((status = 200, description = "The times", body = PreviewView)),
)]
pub(crate) async fn preview_schedule<P: Ports>(
    State(app): State<App<P>>,
    _: Caller,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let timing = timing(&mut fields);
    let from = fields.parsed("from", time);
    let count = fields.count("count").map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    if count.is_some_and(|count| !(1..=MOST_PREVIEWED).contains(&count)) {
        fields.problem("count", format!("must be 1 to {MOST_PREVIEWED}"));
    }
    fields.finish()?;
    Ok(times(schedules::preview(&app.ports, &timing, from, None, count.unwrap_or(10))?))
}

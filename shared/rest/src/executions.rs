//! The routes of executions.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use millrace_app::digest::sha256_hex;
use millrace_app::executions::{
    self as engine, Attributes, ExecutionStatus, ExecutionView, MOST_ATTRIBUTES, Search, check_attribute,
};
use millrace_app::ids::ExecutionId;
use millrace_app::ports::{Page, Ports, StoreError};
use millrace_app::workflows::{self, ExecutionArn, StartWorkflow, WorkflowError};
use millrace_app::{Error, PayloadLimit, builtins};
use millrace_asl::HIGHEST_PRIORITY;
use millrace_asl::export::{Ending, Graph, Seen, statuses};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::App;
use crate::body::{DATA_BYTES, Fields, JsonObject};
use crate::caller::Caller;
use crate::frame::IDEMPOTENCY_REPLAYED;
use crate::params::{PathParams, QueryParams, idempotency_key};
use crate::problem::Problem;
use crate::views::{self, EventItemView, ExecutionPage, ExecutionSummary, GraphView, HistoryPage};
use crate::workflows::{Format, qualified};

/// What an execution is started with.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = StartExecution, example = json!({
    "name": "order-42", "input": { "order": 42 }, "attributes": { "customer": "7" }
}))]
pub(crate) struct StartBody {
    /// Its name; the same name with the same input starts one execution. Without one it gets a fresh name.
    #[schema(min_length = 1, max_length = 80)]
    name: Option<String>,
    /// Its input: any JSON value.
    #[schema(value_type = Value, required = false)]
    input: Value,
    /// What it can be found by: at most ten texts of at most 256 bytes.
    #[schema(value_type = Option<Object>)]
    attributes: Option<Map<String, Value>>,
    /// The version to run instead of the newest revision.
    #[schema(minimum = 1)]
    version: Option<u64>,
    /// The alias that says which version to run.
    alias: Option<String>,
    /// How soon its turn comes where a limit has it wait: -1000 to 1000, the highest first. Without it the definition says.
    #[schema(minimum = -1000, maximum = 1000)]
    priority: Option<i32>,
    /// `aws`: the limits of Step Functions hold for its data; `none`: there are none.
    payload_limit: Option<String>,
}

/// Why an execution is stopped.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = StopExecution, example = json!({ "error": "Cancelled", "cause": "The order was cancelled." }))]
pub(crate) struct StopBody {
    /// An error's name.
    #[schema(max_length = 256)]
    error: Option<String>,
    /// The reason in words.
    #[schema(max_length = 32768)]
    cause: Option<String>,
}

/// The id that a text names: an id, or an ARN.
fn id_of(text: &str) -> Result<ExecutionId, Problem> {
    let missing = || Error::NotFound { kind: "execution", id: text.chars().take(256).collect() };
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    ExecutionArn::parse(text).map_err(|_| missing())?;
    Ok(ExecutionId::derived(text))
}

/// The execution that a path names.
pub(crate) async fn found<P: Ports>(
    app: &App<P>,
    caller: &Caller,
    path: &PathParams,
    wait: Option<Duration>,
) -> Result<ExecutionView, Problem> {
    let text = path.get("id");
    let id = id_of(text)?;
    let missing = || Error::NotFound { kind: "execution", id: text.chars().take(256).collect() };
    // Nobody waits for what is not theirs.
    let known = engine::list_one(&app.ports, &id).await?;
    known.filter(|known| known.owner == caller.owner || known.owner == caller.workflow_owner()).ok_or_else(missing)?;
    let view = match wait {
        Some(wait) => engine::await_execution(&app.ports, &id, wait).await?,
        None => engine::describe_execution(&app.ports, &id).await?,
    };
    Ok(view.ok_or_else(missing)?)
}

fn priority(fields: &mut Fields) -> Option<i32> {
    let highest = f64::from(HIGHEST_PRIORITY);
    let number = fields.number("priority")?;
    if number.fract() != 0.0 || number.abs() > highest {
        fields.problem("priority", format!("must be a whole number from -{highest} to {highest}"));
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
    Some(number as i32)
}

/// Start an execution
///
/// Idempotent by `name`: the same name with the same input and attributes answers the execution that is there, with the
/// header `Idempotency-Replayed: true`. Without a name an `Idempotency-Key` stands for one.
#[utoipa::path(
    post, path = "/api/workflows/{id}/executions", tag = "executions", request_body = StartBody,
    params(
        ("id" = String, Path, description = "The workflow's id, ARN or name"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters"),
    ),
    responses((status = 201, description = "The execution", body = views::ExecutionView, headers(
        ("Location" = String, description = "Where the execution is"),
        ("Idempotency-Replayed" = String, description = "`true` when an earlier request started it"),
    ))),
)]
pub(crate) async fn start_execution<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    headers: HeaderMap,
    JsonObject(mut fields): JsonObject<DATA_BYTES>,
) -> Result<Response, Problem> {
    query.finish()?;
    let key = idempotency_key(&headers)?;
    let name = fields.text("name");
    let input = fields.any("input").unwrap_or_else(|| Value::Object(Map::new()));
    let attributes: Attributes = fields.texts("attributes").unwrap_or_default();
    let version = fields.count("version");
    let alias = fields.text("alias");
    let limit = fields.parsed("payload_limit", |text| match text {
        "aws" => Ok(PayloadLimit::Aws),
        "none" => Ok(PayloadLimit::None),
        _ => Err("must be aws or none".to_owned()),
    });
    let priority = priority(&mut fields);
    if version == Some(0) {
        fields.problem("version", "must be the number of a version, from 1");
    }
    if alias.is_some() && version.is_some() {
        fields.problem("alias", "can't be given together with version");
    }
    fields.finish()?;
    if key
        .as_ref()
        .is_some_and(|key| !(1..=255).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        return Err(Error::invalid("Idempotency-Key", "must be one value of 1 to 255 visible ASCII characters").into());
    }
    let (owner, place) = (caller.workflow_owner(), caller.place(&app.config));
    let (workflow, _) = builtins::find(&app.ports, &owner, &place, path.get("id"), &app.config.builtins).await?;
    // Keys belong to a workflow, as names do.
    let by_key = name.is_none();
    let name = name.or_else(|| key.map(|key| format!("key-{}", sha256_hex(key.as_bytes()))));
    let start = StartWorkflow {
        target: qualified(&workflow, alias.or_else(|| version.map(|version| version.to_string())))?,
        name,
        input: input.clone(),
        trace_header: None,
        payload_limit: limit.unwrap_or(app.config.payload_limit),
        only: None,
        waiting: None,
        attributes: attributes.clone(),
        priority,
    };
    let (view, replayed) = match workflows::start_workflow(&app.ports, start).await {
        Ok(started) => {
            let view = engine::describe_execution(&app.ports, &started.id).await?;
            let arn = started.run.execution_arn;
            (view.ok_or(WorkflowError::ExecutionDoesNotExist(arn))?, started.replayed)
        }
        // It has ended: where it is the same it is answered all the same.
        Err(WorkflowError::ExecutionAlreadyExists(arn)) => {
            let view = workflows::load_execution(&app.ports, &arn).await?;
            if view.input != input {
                return Err(other_than_before(by_key, || WorkflowError::ExecutionAlreadyExists(arn).into()));
            }
            (view, true)
        }
        Err(error) => return Err(error.into()),
    };
    let recorded = view.execution.attributes.iter().filter(|(name, _)| !view.execution.defined.contains(*name));
    if replayed && !recorded.eq(&attributes) {
        let detail = "there is an execution of this name with other attributes";
        return Err(other_than_before(by_key, || Error::WrongState(detail.to_owned()).into()));
    }
    let location = app.config.link(&format!("/api/executions/{}", view.execution.id));
    let body = views::ExecutionView::from(view);
    let mut response = views::with_location(views::json(StatusCode::CREATED, body), &location);
    if replayed {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The error for another start than the one before, by the same key or by the same name.
fn other_than_before(by_key: bool, by_name: impl FnOnce() -> Problem) -> Problem {
    if by_key { Error::IdempotencyMismatch.into() } else { by_name() }
}

/// A status by its name.
pub(crate) fn status(text: &str) -> Result<ExecutionStatus, String> {
    let found = ExecutionStatus::ALL.into_iter().find(|status| status.name() == text);
    found.ok_or_else(|| {
        let known: Vec<&str> = ExecutionStatus::ALL.iter().map(|status| status.name()).collect();
        format!("must be one of {}", known.join(", "))
    })
}

/// The ARN of the workflow that a filter names.
pub(crate) fn workflow_arn<P: Ports>(app: &App<P>, caller: &Caller, text: &str) -> WorkflowName {
    match text.parse() {
        Ok(id) => WorkflowName::Id(id),
        Err(_) => WorkflowName::Arn(workflows::name_workflow(&caller.place(&app.config), text)),
    }
}

/// What a filter names a workflow by.
pub(crate) enum WorkflowName {
    Id(millrace_app::ids::WorkflowId),
    Arn(String),
}

impl WorkflowName {
    /// Its ARN; an id must be of a workflow that is there.
    pub(crate) async fn arn<P: Ports>(self, app: &App<P>, caller: &Caller) -> Result<String, Problem> {
        match self {
            Self::Arn(arn) => Ok(arn),
            Self::Id(id) => {
                let place = caller.place(&app.config);
                let found = workflows::find_workflow(&app.ports, &caller.workflow_owner(), &place, id.as_str()).await?;
                Ok(found.0.arn)
            }
        }
    }
}

/// Find executions, newest first
///
/// An index answers: that of the first attribute, else that of the workflow, else that of all the caller's executions. The
/// other conditions choose among what it answers: a page may have fewer items than asked for, or none, while
/// `next_cursor` leads on.
#[utoipa::path(
    get, path = "/api/executions", tag = "executions",
    params(
        ("workflow" = Option<String>, Query, description = "Only those of this workflow: its id, ARN or name"),
        ("status" = Option<String>, Query, description = "`RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`"),
        ("attribute" = Option<String>, Query, description = "`name=value`; may be given up to ten times"),
        ("started_from" = Option<String>, Query, description = "Only those started then or later (RFC 3339)"),
        ("started_before" = Option<String>, Query, description = "Only those started before (RFC 3339)"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of executions", body = ExecutionPage)),
)]
pub(crate) async fn list_executions<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let workflow = query.read("workflow", |text| Ok(workflow_arn(&app, &caller, text)));
    let status = query.read("status", status);
    let attributes = query.read_all("attribute", |text| {
        let (name, value) = text.split_once('=').ok_or("must have the form name=value")?;
        check_attribute(name, value)?;
        Ok((name.to_owned(), value.to_owned()))
    });
    let (started_from, started_before) = (query.time("started_from"), query.time("started_before"));
    let paging = query.paging();
    query.finish()?;
    let count = attributes.len();
    let attributes: Attributes = attributes.into_iter().collect();
    if count > MOST_ATTRIBUTES || attributes.len() < count {
        return Err(Error::invalid("attribute", "must be given at most ten times, each with another name").into());
    }
    let workflow = match workflow {
        Some(workflow) => Some(workflow.arn(&app, &caller).await?),
        None => None,
    };
    let search = Search { workflow, status, attributes, started_from, started_before };
    let owner = caller.workflow_owner();
    let page = engine::search_executions(&app.ports, &owner, &search, paging.size()?, paging.cursor.as_deref()).await?;
    Ok(views::json(StatusCode::OK, ExecutionPage::of(page, ExecutionSummary::from)))
}

/// Read an execution
#[utoipa::path(
    get, path = "/api/executions/{id}", tag = "executions",
    params(
        ("id" = String, Path, description = "The execution's id or ARN"),
        ("wait" = Option<u64>, Query, description = "Wait for its end, at most so many seconds", minimum = 1, maximum = 20),
    ),
    responses((status = 200, description = "The execution", body = views::ExecutionView)),
)]
pub(crate) async fn get_execution<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let wait = query.read("wait", |text| match text.parse() {
        Ok(seconds @ 1..=20) => Ok(Duration::from_secs(seconds)),
        _ => Err("must be a whole number of seconds from 1 to 20".to_owned()),
    });
    query.finish()?;
    let view = found(&app, &caller, &path, wait).await?;
    Ok(views::json(StatusCode::OK, views::ExecutionView::from(view)))
}

/// Which part of a history is asked for.
pub(crate) struct HistoryQuery {
    reverse: bool,
    limit: usize,
    /// A cursor is the id of the page's first event: what happens meanwhile shifts nothing.
    from: Option<u64>,
}

impl HistoryQuery {
    pub(crate) fn read(mut query: QueryParams) -> Result<Self, Problem> {
        let reverse = query.read("reverse", |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("must be true or false".to_owned()),
        });
        let paging = query.paging();
        query.finish()?;
        let from = match &paging.cursor {
            None => None,
            Some(cursor) => Some(cursor.parse().map_err(|_| Error::from(StoreError::InvalidCursor))?),
        };
        Ok(Self { reverse: reverse.unwrap_or_default(), limit: paging.size()?, from })
    }

    pub(crate) fn answer(&self, mut items: Vec<engine::HistoryItem>) -> Response {
        if self.reverse {
            items.reverse();
        }
        let from_here = |id: u64| self.from.is_none_or(|from| if self.reverse { id <= from } else { id >= from });
        let mut rest = items.into_iter().filter(|item| from_here(item.id));
        let items: Vec<_> = rest.by_ref().take(self.limit).collect();
        let next = rest.next().map(|item| item.id.to_string());
        views::json(StatusCode::OK, HistoryPage::of(Page { items, next }, EventItemView::from))
    }
}

/// Read an execution's history
#[utoipa::path(
    get, path = "/api/executions/{id}/history", tag = "executions",
    params(
        ("id" = String, Path, description = "The execution's id or ARN"),
        ("reverse" = Option<bool>, Query, description = "Newest first"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of events", body = HistoryPage)),
)]
pub(crate) async fn get_execution_history<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    let wanted = HistoryQuery::read(query)?;
    let view = found(&app, &caller, &path, None).await?;
    Ok(wanted.answer(engine::history(&app.ports, &view.execution.id).await?))
}

/// Draw an execution: its states with their statuses
#[utoipa::path(
    get, path = "/api/executions/{id}/graph", tag = "executions",
    params(
        ("id" = String, Path, description = "The execution's id or ARN"),
        ("format" = Option<String>, Query, description = "`json` (the default), `mermaid` or `svg`"),
    ),
    responses((status = 200, description = "Its states and transitions", content(
        (GraphView = "application/json"),
        (String = "text/vnd.mermaid; charset=utf-8"),
        (String = "image/svg+xml"),
    ))),
)]
pub(crate) async fn get_execution_graph<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let format = Format::of(&mut query);
    query.finish()?;
    let view = found(&app, &caller, &path, None).await?;
    let machine = engine::load_definition(&app.ports, &view.execution.definition).await?;
    let items = engine::history(&app.ports, &view.execution.id).await?;
    let seen = items.iter().map(|item| Seen {
        id: item.id,
        previous: item.previous_event_id,
        kind: item.kind,
        name: item.details.get("name").and_then(Value::as_str),
    });
    let ending = match view.execution.status {
        ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Ending::Running,
        ExecutionStatus::Succeeded => Ending::Succeeded,
        ExecutionStatus::Failed | ExecutionStatus::TimedOut => Ending::Failed,
        ExecutionStatus::Aborted => Ending::Aborted,
    };
    Ok(format.draw(&Graph::of(&machine), Some(&statuses(seen, ending))))
}

/// Stop an execution
///
/// It ends as `ABORTED`, and with it all that it waits for. One that has ended is answered as it is.
#[utoipa::path(
    post, path = "/api/executions/{id}/stop", tag = "executions", request_body = StopBody,
    params(("id" = String, Path, description = "The execution's id or ARN")),
    responses((status = 200, description = "The execution", body = views::ExecutionView)),
)]
pub(crate) async fn stop_execution<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let (error, cause) = reason(&mut fields);
    fields.finish()?;
    let view = found(&app, &caller, &path, None).await?;
    check_delivery(&view.execution)?;
    engine::stop_execution(&app.ports, &view.execution.id, error.as_deref(), cause.as_deref()).await?;
    let view = found(&app, &caller, &path, None).await?;
    Ok(views::json(StatusCode::OK, views::ExecutionView::from(view)))
}

/// `error` and `cause`.
pub(crate) fn reason(fields: &mut Fields) -> (Option<String>, Option<String>) {
    let mut text = |name, most: usize| {
        fields.parsed(name, |text| match text.chars().count() <= most {
            true => Ok(text.to_owned()),
            false => Err(format!("must have at most {most} characters")),
        })
    };
    (text("error", 256), text("cause", 32_768))
}

/// The delivery of a project is the project's business.
pub(crate) fn check_delivery(execution: &engine::Execution) -> Result<(), Problem> {
    let Some(project) = &execution.project else { return Ok(()) };
    let detail = format!("it is the delivery of a project: use /api/projects/{project}/cancel");
    Err(Error::WrongState(detail).into())
}

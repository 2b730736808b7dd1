//! The routes of what was logged about an execution or a project.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use millrace_app::logs::{LogLevel, LogOrder, LogQuery, LogRecord, LogSource, LogSubject, Logs, NoLogs};
use millrace_app::ports::Ports;
use millrace_app::{Timestamp, projects};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::{App, executions, views};

/// The longest text that is looked for, in characters.
const LONGEST_TEXT: usize = 256;

/// Where a router finds logs; nowhere where it has no [`logs`] layer.
#[derive(Clone)]
pub struct LogsFrom(Arc<dyn LogSource>);

/// A layer that gives a router its logs.
pub fn logs(source: Arc<dyn LogSource>) -> Extension<LogsFrom> {
    Extension(LogsFrom(source))
}

impl<S: Sync> FromRequestParts<S> for LogsFrom {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self(Arc::new(NoLogs))))
    }
}

/// What was logged, or where it can be seen.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Logs, example = json!({
    "kind": "records", "items": [{ "id": "1767322800000-0", "timestamp": "2026-01-02T03:00:00.000Z", "level": "DEBUG",
        "message": "did a task", "location": "millrace_app::executions::engine",
        "fields": { "execution_id": "exe_01k8zq3v5x9m2n4p6r8t0w1y3z", "state": "Pay", "millis": 12 } }],
    "next_cursor": null, "follow_cursor": "o-1767322800000-311", "url": null
}))]
struct LogsView {
    /// `records`: this server keeps logs, and `items` has them. `link`: `url` is where they can be seen, and there are no items.
    kind: &'static str,
    /// The records.
    items: Vec<LogRecordView>,
    /// Give it as `cursor` to get the next page; null on the last one.
    #[schema(required = true)]
    next_cursor: Option<String>,
    /// With `order=oldest`: give it as `cursor` to get what comes after these items, also what is logged later.
    #[schema(required = true)]
    follow_cursor: Option<String>,
    /// A page of CloudWatch Logs Insights with a query for these records; null where `items` has them.
    #[schema(required = true)]
    url: Option<String>,
}

/// A log record.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LogRecord)]
struct LogRecordView {
    /// Names the record.
    id: String,
    /// When it was written.
    #[schema(format = DateTime)]
    timestamp: String,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    level: String,
    /// What happened.
    message: String,
    /// The module that wrote it; `millrace_function` where a function did.
    location: String,
    /// What it is about, such as `execution_id`, `project_id`, `request_id`, `state`, `queue` and `function`.
    #[schema(value_type = Object)]
    fields: Map<String, Value>,
}

impl From<LogRecord> for LogRecordView {
    fn from(record: LogRecord) -> Self {
        let LogRecord { id, timestamp, level, message, location, fields } = record;
        Self { id, timestamp, level: level.name().to_uppercase(), message, location, fields }
    }
}

impl From<Logs> for LogsView {
    fn from(logs: Logs) -> Self {
        let (page, url) = match logs {
            Logs::Records(page) => (page, None),
            Logs::Link(url) => (millrace_app::logs::LogPage::default(), Some(url)),
        };
        Self {
            kind: if url.is_some() { "link" } else { "records" },
            items: page.items.into_iter().map(Into::into).collect(),
            next_cursor: page.next,
            follow_cursor: page.follow,
            url,
        }
    }
}

/// What a request wants to see; whose logs they are is not yet known.
struct Wanted {
    level: Option<LogLevel>,
    text: Option<String>,
    order: LogOrder,
    limit: usize,
    cursor: Option<String>,
}

impl Wanted {
    fn read(mut query: QueryParams) -> Result<Self, Problem> {
        let level = query.read("level", |text| {
            let known = LogLevel::ALL.map(LogLevel::name).join(", ");
            let found = LogLevel::ALL.into_iter().find(|level| level.name() == text);
            found.ok_or_else(|| format!("must be one of {known}"))
        });
        let text = query.read("text", |text| match text.chars().count() {
            1..=LONGEST_TEXT => Ok(text.to_owned()),
            _ => Err(format!("must have 1 to {LONGEST_TEXT} characters")),
        });
        let order = query.read("order", |text| match text {
            "newest" => Ok(LogOrder::Newest),
            "oldest" => Ok(LogOrder::Oldest),
            _ => Err("must be newest or oldest".to_owned()),
        });
        let paging = query.paging();
        query.finish()?;
        let (order, limit) = (order.unwrap_or(LogOrder::Newest), paging.size()?);
        Ok(Self { level, text, order, limit, cursor: paging.cursor })
    }

    async fn answer(
        self,
        source: &LogsFrom,
        subject: LogSubject,
        began: Timestamp,
        ended: Option<Timestamp>,
    ) -> Result<Response, Problem> {
        let Self { level, text, order, limit, cursor } = self;
        let query = LogQuery { subject, began, ended, level, text, order, limit, cursor };
        let found = source.0.find(query).await?;
        Ok(views::json(StatusCode::OK, LogsView::from(found)))
    }
}

/// Read what was logged about an execution
///
/// Where the server keeps logs, a page of records: those that were written while a part of the execution was worked on, and
/// what its functions wrote to their console. On AWS a link to CloudWatch Logs Insights; whoever follows it needs a sign-in to
/// that account.
#[utoipa::path(
    get, path = "/api/executions/{id}/logs", tag = "executions",
    params(
        ("id" = String, Path, description = "The execution's id or ARN"),
        ("order" = Option<String>, Query, description = "`newest` first, as without it, or `oldest` first"),
        ("level" = Option<String>, Query, description = "The least severe: `error`, `warn`, `info`, `debug` or `trace`"),
        ("text" = Option<String>, Query, description = "What the message or a field must contain", min_length = 1, max_length = 256),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, or `follow_cursor`; with the same `order`"),
    ),
    responses((status = 200, description = "A page of records, or a link", body = LogsView)),
)]
pub(crate) async fn get_execution_logs<P: Ports>(
    State(app): State<App<P>>,
    source: LogsFrom,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    let wanted = Wanted::read(query)?;
    let execution = executions::found(&app, &caller, &path, None).await?.execution;
    // What a redriven one does after its first end is after that, too.
    let subject = LogSubject::Execution(execution.id);
    wanted.answer(&source, subject, execution.started_at, execution.stopped_at).await
}

/// Read what was logged about a project
///
/// As of an execution: of all the project's deliveries and of requests about it.
#[utoipa::path(
    get, path = "/api/projects/{id}/logs", tag = "projects",
    params(
        ("id" = String, Path, description = "The project's id"),
        ("order" = Option<String>, Query, description = "`newest` first, as without it, or `oldest` first"),
        ("level" = Option<String>, Query, description = "The least severe: `error`, `warn`, `info`, `debug` or `trace`"),
        ("text" = Option<String>, Query, description = "What the message or a field must contain", min_length = 1, max_length = 256),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, or `follow_cursor`; with the same `order`"),
    ),
    responses((status = 200, description = "A page of records, or a link", body = LogsView)),
)]
pub(crate) async fn get_project_logs<P: Ports>(
    State(app): State<App<P>>,
    source: LogsFrom,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    let wanted = Wanted::read(query)?;
    let project = projects::get_project(&app.ports, &caller.owner, &path.project()?).await?.value;
    wanted.answer(&source, LogSubject::Project(project.id), project.created_at, None).await
}

//! The routes of the queues. How full they are is for admins; messages may be any owner's, so they are for operators.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use millrace_app::ports::{Clock, Letters, Ports, Queue, QueueDepth};
use millrace_app::queues::{self, Letter};
use millrace_app::{Error, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::App;
use crate::body::JsonObject;
use crate::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::views;

/// So many dead letters one request names at most.
const MOST_IDS: usize = 100;

/// How full a queue is. On AWS the counts are approximate.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queue)]
pub(crate) struct QueueView {
    /// Its name.
    #[schema(example = "engine")]
    name: &'static str,
    /// Messages that wait for a worker.
    ready: u64,
    /// Messages that a worker has.
    in_flight: u64,
    /// Messages whose time has not come, such as timers. On AWS those of the next 15 minutes.
    delayed: u64,
    /// Since when the oldest message, waiting or with a worker, could be received first. Null: there is none, or it is not
    /// known; on AWS only CloudWatch knows.
    #[schema(required = true, format = DateTime)]
    oldest_at: Option<String>,
    /// How long that is, in seconds.
    #[schema(required = true)]
    oldest_age_seconds: Option<u64>,
    /// Messages that were given up.
    dead_letters: u64,
    /// After so many deliveries without success a message is given up.
    max_receives: u32,
    /// For so long a delivered message is hidden from other workers, in seconds.
    visibility_seconds: u64,
}

impl QueueView {
    fn of(queue: Queue, depth: &QueueDepth, now: Timestamp) -> Self {
        let age = |at: Timestamp| u64::try_from(now.millis().saturating_sub(at.millis()) / 1_000).unwrap_or_default();
        Self {
            name: queue.name(),
            ready: depth.ready,
            in_flight: depth.in_flight,
            delayed: depth.delayed,
            oldest_at: depth.oldest_at.map(|at| at.to_string()),
            oldest_age_seconds: depth.oldest_at.map(age),
            dead_letters: depth.dead,
            max_receives: Queue::MAX_RECEIVES,
            visibility_seconds: queue.visibility().as_secs(),
        }
    }
}

/// All queues.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueList {
    /// The queues.
    items: Vec<QueueView>,
}

/// Why a message was given up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetterReason)]
struct ReasonView {
    /// The last error's code; `panicked` for a worker that ended in the middle.
    code: String,
    /// The last error with its causes.
    text: String,
    /// When that was.
    #[schema(format = DateTime)]
    at: String,
}

/// A message that was given up, without its body.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(crate) struct LetterView {
    /// Its id.
    id: String,
    /// What it is: `task`, `timer`, `join`, `webhook`, …; null where it can't be read.
    #[schema(required = true)]
    kind: Option<String>,
    /// The execution that it moves; of any owner.
    #[schema(required = true)]
    execution_id: Option<String>,
    /// The resource of a task.
    #[schema(required = true)]
    resource: Option<String>,
    /// The body's length in bytes.
    size: usize,
    /// How often it was received. On AWS a look at the dead letters counts too.
    receive_count: u32,
    /// When it was sent.
    #[schema(required = true, format = DateTime)]
    sent_at: Option<String>,
    /// When it was received first.
    #[schema(required = true, format = DateTime)]
    first_received_at: Option<String>,
    /// When it was given up; null on AWS, which does not say: `reason` tells when it failed last.
    #[schema(required = true, format = DateTime)]
    dead_at: Option<String>,
    /// Why it was given up; null where its worker said nothing, as after a timeout or a crash.
    #[schema(required = true)]
    reason: Option<ReasonView>,
}

impl From<Letter> for LetterView {
    fn from(letter: Letter) -> Self {
        let told = |time: Option<Timestamp>| time.map(|time| time.to_string());
        let message = letter.message;
        Self {
            id: message.id,
            kind: letter.kind,
            execution_id: letter.execution.map(|id| id.to_string()),
            resource: letter.resource,
            size: message.body.len(),
            receive_count: message.receive_count,
            sent_at: told(message.sent_at),
            first_received_at: told(message.first_received_at),
            dead_at: told(message.dead_at),
            reason: letter.reason.map(|reason| ReasonView {
                code: reason.code,
                text: reason.text,
                at: reason.at.to_string(),
            }),
        }
    }
}

/// A page of dead letters.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetterPage {
    /// The dead letters.
    items: Vec<LetterView>,
    /// Give it as `cursor` to go on; null on the last page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// A message that was given up, with its body.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetterDetails {
    #[serde(flatten)]
    letter: LetterView,
    /// The body as JSON; null where it is none.
    #[schema(value_type = Value)]
    body: Value,
    /// The body as text, where it is no JSON.
    #[schema(required = true)]
    text: Option<String>,
}

/// Which dead letters are sent back.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = RedriveDeadLetters, example = json!({ "all": true }))]
pub(crate) struct RedriveBody {
    /// All that there are; in place of `ids`.
    all: Option<bool>,
    /// Those with these ids, 1 to 100.
    #[schema(max_items = 100)]
    ids: Option<Vec<String>>,
}

/// How many dead letters were sent back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedrivenDeadLetters {
    /// How many; of all, on AWS, about how many are on their way.
    redriven: u64,
}

/// How many dead letters were deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedDeadLetters {
    /// How many; of all, on AWS, about how many.
    deleted: u64,
}

fn queue(path: &PathParams) -> Result<Queue, Problem> {
    Ok(queues::find(path.get("name"))?)
}

/// Read how full the queues are
#[utoipa::path(
    get, path = "/api/queues", tag = "queues",
    responses((status = 200, description = "All queues", body = QueueList)),
)]
pub(crate) async fn list_queues<P: Ports>(State(app): State<App<P>>, query: QueryParams) -> Result<Response, Problem> {
    query.finish()?;
    let found = queues::list_queues(&app.ports).await?;
    let now = app.ports.clock().now();
    let items = found.iter().map(|(queue, depth)| QueueView::of(*queue, depth, now)).collect();
    Ok(views::json(StatusCode::OK, QueueList { items }))
}

/// List the dead letters of a queue, without their bodies
///
/// On AWS a look receives the messages and makes them visible again: it sees at most a thousand, and two at the same time see a
/// part each.
#[utoipa::path(
    get, path = "/api/queues/{name}/dead-letters", tag = "queues",
    params(
        ("name" = String, Path, description = "The queue's name"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of dead letters", body = DeadLetterPage)),
)]
pub(crate) async fn list_dead_letters<P: Ports>(
    State(app): State<App<P>>,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let paging = query.paging();
    query.finish()?;
    let queue = queue(&path)?;
    let page = queues::list_dead_letters(&app.ports, queue, paging.cursor.as_deref(), paging.size()?).await?;
    let items = page.items.into_iter().map(LetterView::from).collect();
    Ok(views::json(StatusCode::OK, DeadLetterPage { items, next_cursor: page.next }))
}

/// Delete all dead letters of a queue
///
/// For good: what they were to do is not done by them any more. The sweep looks after executions that stand still.
#[utoipa::path(
    delete, path = "/api/queues/{name}/dead-letters", tag = "queues",
    params(
        ("name" = String, Path, description = "The queue's name"),
        ("confirm" = String, Query, description = "The queue's name again"),
    ),
    responses((status = 200, description = "How many there were", body = DeletedDeadLetters)),
)]
pub(crate) async fn delete_dead_letters<P: Ports>(
    State(app): State<App<P>>,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let confirmed = query.read("confirm", |text| Ok(text.to_owned()));
    query.finish()?;
    let queue = queue(&path)?;
    if confirmed.as_deref() != Some(queue.name()) {
        let text = format!("must be {}: all dead letters of the queue are deleted for good", queue.name());
        return Err(Error::invalid("confirm", text).into());
    }
    let deleted = queues::delete_dead_letters(&app.ports, queue, &Letters::All).await?;
    Ok(views::json(StatusCode::OK, DeletedDeadLetters { deleted }))
}

/// Send dead letters back to their queue
///
/// They may be received as often as new ones. Ids that are not there, or not any more, are left out of the count.
#[utoipa::path(
    post, path = "/api/queues/{name}/dead-letters/redrive", tag = "queues", request_body = RedriveBody,
    params(("name" = String, Path, description = "The queue's name")),
    responses((status = 200, description = "How many were sent back", body = RedrivenDeadLetters)),
)]
pub(crate) async fn redrive_dead_letters<P: Ports>(
    State(app): State<App<P>>,
    path: PathParams,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let queue = queue(&path)?;
    let all = fields.boolean("all").unwrap_or_default();
    let ids = fields.text_list("ids");
    match (&ids, all) {
        (Some(_), true) => fields.problem("ids", "must be left out where all is true"),
        (Some(ids), false) if !(1..=MOST_IDS).contains(&ids.len()) => fields.problem("ids", "must be 1 to 100 ids"),
        (None, false) => fields.problem("ids", "is missing: name dead letters, or set all to true"),
        _ => {}
    }
    fields.finish()?;
    let which = ids.map_or(Letters::All, |ids| Letters::Of(ids.into_iter().collect()));
    let redriven = queues::redrive_dead_letters(&app.ports, queue, &which).await?;
    Ok(views::json(StatusCode::OK, RedrivenDeadLetters { redriven }))
}

/// Read a dead letter with its body
#[utoipa::path(
    get, path = "/api/queues/{name}/dead-letters/{id}", tag = "queues",
    params(
        ("name" = String, Path, description = "The queue's name"),
        ("id" = String, Path, description = "The dead letter's id"),
    ),
    responses((status = 200, description = "The dead letter", body = DeadLetterDetails)),
)]
pub(crate) async fn get_dead_letter<P: Ports>(
    State(app): State<App<P>>,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let letter = queues::get_dead_letter(&app.ports, queue(&path)?, path.get("id")).await?;
    let body = serde_json::from_str(&letter.message.body).ok();
    let text = body.is_none().then(|| letter.message.body.clone());
    let details = DeadLetterDetails { letter: letter.into(), body: body.unwrap_or_default(), text };
    Ok(views::json(StatusCode::OK, details))
}

/// Delete a dead letter
///
/// For good: what it was to do is not done by it any more.
#[utoipa::path(
    delete, path = "/api/queues/{name}/dead-letters/{id}", tag = "queues",
    params(
        ("name" = String, Path, description = "The queue's name"),
        ("id" = String, Path, description = "The dead letter's id"),
    ),
    responses((status = 200, description = "It is deleted", body = DeletedDeadLetters)),
)]
pub(crate) async fn delete_dead_letter<P: Ports>(
    State(app): State<App<P>>,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let which = Letters::Of([path.get("id").to_owned()].into());
    let deleted = queues::delete_dead_letters(&app.ports, queue(&path)?, &which).await?;
    Ok(views::json(StatusCode::OK, DeletedDeadLetters { deleted }))
}

//! The routes of events.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use millrace_app::ids::WebhookEventId;
use millrace_app::ports::Ports;
use millrace_app::webhooks::{self, EventFilter, EventStatus};
use utoipa::ToSchema;

use super::views::{EventDetailsView, EventView, ReplayedItemView, ReplayedView};
use crate::App;
use crate::body::{Fields, JsonObject};
use crate::caller::Caller;
use crate::params::{PathParams, QueryParams, time};
use crate::problem::Problem;
use crate::views::{self, WebhookEventPage};

/// Events that one call replays at the most.
const MOST: u64 = 100;

fn id(path: &PathParams) -> Result<WebhookEventId, Problem> {
    path.parsed("id", "webhook event")
}

fn status(text: &str) -> Result<EventStatus, String> {
    let found = EventStatus::ALL.into_iter().find(|status| status.name() == text);
    found.ok_or_else(|| "must be received, matched, unmatched or failed".to_owned())
}

/// List the events of webhooks, newest first
///
/// They are kept for 30 days. An index answers by source and time; type and status choose among what it answers: a page may
/// have fewer items than asked for, or none, while `next_cursor` leads on.
#[utoipa::path(
    get, path = "/api/webhooks/events", tag = "webhooks", operation_id = "list_webhook_events",
    params(
        ("source" = Option<String>, Query, description = "Only those of this source"),
        ("type" = Option<String>, Query, description = "Only those of this type"),
        ("status" = Option<String>, Query, description = "`received`, `matched`, `unmatched` or `failed`"),
        ("received_from" = Option<String>, Query, description = "Only those received then or later (RFC 3339)"),
        ("received_before" = Option<String>, Query, description = "Only those received before (RFC 3339)"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of events", body = WebhookEventPage)),
)]
pub(crate) async fn list_events<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let filter = EventFilter {
        source: query.read("source", |text| Ok(text.to_owned())),
        kind: query.read("type", |text| Ok(text.to_owned())),
        status: query.read("status", status),
        received_from: query.time("received_from"),
        received_before: query.time("received_before"),
    };
    let paging = query.paging();
    query.finish()?;
    let owner = caller.workflow_owner();
    let page = webhooks::list_events(&app.ports, &owner, &filter, paging.size()?, paging.cursor).await?;
    Ok(views::json(StatusCode::OK, WebhookEventPage::of(page, EventView::from)))
}

/// Read an event: who sent it, what it says, and what it started
#[utoipa::path(
    get, path = "/api/webhooks/events/{id}", tag = "webhooks", operation_id = "get_webhook_event",
    params(("id" = String, Path, description = "The event's id")),
    responses((status = 200, description = "The event", body = EventDetailsView)),
)]
pub(crate) async fn get_event<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let event = webhooks::get_event(&app.ports, &caller.workflow_owner(), &id(&path)?).await?;
    let detail = webhooks::read_body(&app.ports, &event).await?;
    Ok(views::json(StatusCode::OK, EventDetailsView::of(event, detail)))
}

/// Replay an event
///
/// It is matched with the rules as they are now, and starts executions with names of their own.
#[utoipa::path(
    post, path = "/api/webhooks/events/{id}/replay", tag = "webhooks", operation_id = "replay_webhook_event",
    params(("id" = String, Path, description = "The event's id")),
    responses((status = 202, description = "The event, which waits to be matched", body = EventView)),
)]
pub(crate) async fn replay_event<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let event = webhooks::replay_event(&app.ports, &caller.workflow_owner(), &id(&path)?).await?;
    Ok(views::json(StatusCode::ACCEPTED, EventView::from(event)))
}

/// Which events to replay.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = ReplayWebhookEvents, example = json!({ "filter": { "source": "github", "status": "failed" }, "dry_run": true }))]
pub(crate) struct ReplayBody {
    /// Which; at least one condition.
    filter: FilterBody,
    /// How many at the most: 1 to 100.
    #[schema(default = 100, minimum = 1, maximum = 100)]
    limit: Option<u64>,
    /// `next_cursor` of the call before.
    cursor: Option<String>,
    /// Only tell what would be done.
    #[schema(default = false)]
    dry_run: Option<bool>,
}

/// Which events; all conditions must hold.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read member by member")]
#[schema(as = WebhookEventFilter)]
struct FilterBody {
    /// Those of this source.
    source: Option<String>,
    /// Those of this type.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Those of this status.
    status: Option<String>,
    /// Those received then or later.
    #[schema(format = DateTime)]
    received_from: Option<String>,
    /// Those received before.
    #[schema(format = DateTime)]
    received_before: Option<String>,
}

fn filter(fields: &mut Fields) -> EventFilter {
    EventFilter {
        source: fields.text("source"),
        kind: fields.text("type"),
        status: fields.parsed("status", status),
        received_from: fields.parsed("received_from", time),
        received_before: fields.parsed("received_before", time),
    }
}

/// Replay many events
///
/// At most `limit` events that fit the filter, newest first; `next_cursor` leads on to older ones. One that fails holds up no
/// other.
#[utoipa::path(
    post, path = "/api/webhooks/events/replay", tag = "webhooks", operation_id = "replay_webhook_events",
    request_body = ReplayBody,
    responses((status = 200, description = "What became of each", body = ReplayedView)),
)]
pub(crate) async fn replay_events<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let filter = fields.nested("filter", filter).flatten().unwrap_or_default();
    let limit = fields.count("limit").unwrap_or(MOST);
    let cursor = fields.text("cursor");
    let dry_run = fields.boolean("dry_run").unwrap_or_default();
    if !(1..=MOST).contains(&limit) {
        fields.problem("limit", format!("must be 1 to {MOST}"));
    }
    if filter == EventFilter::default() {
        fields.problem("filter", "must have a condition: source, type, status, received_from or received_before");
    }
    fields.finish()?;
    let limit = usize::try_from(limit).unwrap_or_default();
    let owner = caller.workflow_owner();
    let page = webhooks::replay_events(&app.ports, &owner, &filter, limit, cursor, dry_run).await?;
    let results = page.items.into_iter().map(|item| ReplayedItemView::of(item, dry_run)).collect();
    Ok(views::json(StatusCode::OK, ReplayedView { results, dry_run, next_cursor: page.next }))
}

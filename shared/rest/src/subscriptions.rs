//! The routes of subscriptions and their deliveries.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use millrace_app::Error;
use millrace_app::ids::{DeliveryId, SubscriptionId};
use millrace_app::notifications::{
    self, DeliveryFilter, DeliveryStatus, NewSubscription, OVERLAP_SECONDS, SubscriptionChanges,
    SubscriptionView as Known, Target,
};
use millrace_app::ports::{Page, Ports};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::App;
use crate::body::{Fields, JsonObject};
use crate::caller::Caller;
use crate::params::{PathParams, QueryParams, if_match, time};
use crate::problem::Problem;
use crate::views::{
    self, DeliveryDetailsView, DeliveryPage, DeliveryView, IssuedSubscriptionView, ReplayedDeliveriesView,
    SubscriptionDetailsView, SubscriptionListView, SubscriptionView,
};

/// Deliveries that one call replays at the most.
const MOST: u64 = 100;

/// Where events go.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read member by member")]
#[schema(as = NewSubscriptionTarget)]
struct TargetBody {
    /// `https`, `sns` or `eventbridge`
    #[serde(rename = "type")]
    kind: String,
    /// For `https`: the endpoint's address, which begins with `https://` and is one of the public internet.
    url: Option<String>,
    /// For `sns`: the topic's ARN.
    topic_arn: Option<String>,
    /// For `eventbridge`: the bus's ARN.
    event_bus_arn: Option<String>,
}

/// A subscription to make.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = CreateSubscription, example = json!({
    "name": "tell us of failures",
    "pattern": { "detail-type": ["execution.failed", "execution.timed_out", { "prefix": "project." }] },
    "target": { "type": "https", "url": "https://example.com/hooks/millrace" }
}))]
pub(crate) struct CreateSubscriptionBody {
    /// Its name; 1 to 120 characters.
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    /// Which events, in EventBridge's pattern syntax. An event has `source` (`millrace`), `detail-type` (its type, like
    /// `execution.failed`), `time`, `id`, `resources` and `detail`. All events where it is left out.
    #[schema(value_type = Object, required = false)]
    pattern: Value,
    /// Where they go.
    target: TargetBody,
    /// Is it to get events at once?
    #[schema(default = true)]
    enabled: Option<bool>,
}

/// What to change; what is not given stays.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = UpdateSubscription, example = json!({ "enabled": true }))]
pub(crate) struct UpdateSubscriptionBody {
    /// Its name.
    #[schema(min_length = 1, max_length = 120)]
    name: Option<String>,
    /// Which events.
    #[schema(value_type = Object, required = false)]
    pattern: Value,
    /// Where they go.
    target: Option<TargetBody>,
    /// Is it to get events? `true` also takes one up again that was disabled by itself.
    enabled: Option<bool>,
}

/// How a secret is replaced.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = RotateSubscriptionSecret, example = json!({ "overlap_seconds": 86400 }))]
pub(crate) struct RotateBody {
    /// For so long the secret before signs too: at most a week.
    #[schema(default = 86400, minimum = 0, maximum = 604800)]
    overlap_seconds: Option<u64>,
}

/// Which deliveries to make again: one, or those from a time on.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = ReplayDeliveries, example = json!({ "from": "2026-01-31T09:00:00Z", "status": "failed" }))]
pub(crate) struct ReplayBody {
    /// This one.
    delivery: Option<String>,
    /// Those whose events happened then or later.
    #[schema(format = DateTime)]
    from: Option<String>,
    /// And before this.
    #[schema(format = DateTime)]
    before: Option<String>,
    /// Only those that stand so: `pending`, `delivered` or `failed`.
    status: Option<String>,
    /// How many at the most: 1 to 100.
    #[schema(default = 100, minimum = 1, maximum = 100)]
    limit: Option<u64>,
    /// `next_cursor` of the call before.
    cursor: Option<String>,
    /// Only tell which.
    #[schema(default = false)]
    dry_run: Option<bool>,
}

fn id(path: &PathParams) -> Result<SubscriptionId, Problem> {
    path.parsed("id", "subscription")
}

fn status(text: &str) -> Result<DeliveryStatus, String> {
    let found = DeliveryStatus::ALL.into_iter().find(|status| status.name() == text);
    found.ok_or_else(|| "must be pending, delivered or failed".to_owned())
}

fn target(fields: &mut Fields) -> Option<Target> {
    let read = |fields: &mut Fields| {
        let kind = fields.required_text("type");
        let [url, topic_arn, event_bus_arn] =
            ["url", "topic_arn", "event_bus_arn"].map(|name| (name, fields.text(name)));
        let all = [url, topic_arn, event_bus_arn];
        let wanted = match kind.as_str() {
            "https" => "url",
            "sns" => "topic_arn",
            "eventbridge" => "event_bus_arn",
            // A missing one was told already.
            "" => return None,
            _ => {
                fields.problem("type", "must be https, sns or eventbridge");
                return None;
            }
        };
        let mut found = None;
        for (name, given) in all {
            match given {
                Some(text) if name == wanted => found = Some(text),
                Some(_) => fields.problem(name, format!("is not for a target of type {kind}")),
                None if name == wanted => fields.problem(name, "is missing"),
                None => {}
            }
        }
        let address = found?;
        Some(match wanted {
            "url" => Target::Https { url: address },
            "topic_arn" => Target::Sns { topic_arn: address },
            _ => Target::Eventbridge { event_bus_arn: address },
        })
    };
    fields.nested("target", read).flatten().flatten()
}

fn answer(known: Known) -> Response {
    let tag = views::etag(known.subscription.version);
    let mut response = views::json(StatusCode::OK, SubscriptionDetailsView::from(known));
    response.headers_mut().extend(tag);
    response
}

fn issued<P: Ports>(app: &App<P>, status: StatusCode, told: notifications::Told) -> Response {
    let location = app.config.link(&format!("/api/subscriptions/{}", told.subscription.value.id));
    let tag = views::etag(told.subscription.version);
    let mut response = views::json(status, IssuedSubscriptionView::from(told));
    response.headers_mut().extend(tag);
    views::with_location(response, &location)
}

/// Subscribe to what happens
///
/// It hears of what happens from now on to the caller's projects, executions, schedules and functions. The secret that signs
/// what goes to an endpoint is told here and nowhere else.
#[utoipa::path(
    post, path = "/api/subscriptions", tag = "subscriptions", request_body = CreateSubscriptionBody,
    responses((status = 201, description = "The subscription, with its secret", body = IssuedSubscriptionView, headers(
        ("Location" = String, description = "Where the subscription is"),
        ("ETag" = String, description = "Its version"),
    ))),
)]
pub(crate) async fn create_subscription<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let name = fields.required_text("name");
    let pattern = fields.any("pattern").unwrap_or_else(|| json!({}));
    if !fields.has("target") {
        fields.problem("target", "is missing");
    }
    let target = target(&mut fields);
    let enabled = fields.boolean("enabled").unwrap_or(true);
    fields.finish()?;
    // What is wrong with it was told; null is left.
    let target = target.ok_or_else(|| Error::invalid("/target", "must be an object"))?;
    let new = NewSubscription { name, enabled, pattern, target, projects_of: caller.owner.clone() };
    let private = app.config.private_notifications;
    let told = notifications::create_subscription(&app.ports, &caller.workflow_owner(), new, private).await?;
    Ok(issued(&app, StatusCode::CREATED, told))
}

/// List the subscriptions, by creation
#[utoipa::path(
    get, path = "/api/subscriptions", tag = "subscriptions",
    responses((status = 200, description = "All subscriptions; there are at most 100", body = SubscriptionListView)),
)]
pub(crate) async fn list_subscriptions<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let all = notifications::list_subscriptions(&app.ports, &caller.workflow_owner()).await?;
    let items = all.into_iter().map(SubscriptionView::from).collect();
    Ok(views::json(StatusCode::OK, SubscriptionListView { items }))
}

/// Read a subscription, and how its target is doing
#[utoipa::path(
    get, path = "/api/subscriptions/{id}", tag = "subscriptions",
    params(("id" = String, Path, description = "The subscription's id")),
    responses((status = 200, description = "The subscription, without its secret", body = SubscriptionDetailsView,
        headers(("ETag" = String, description = "Its version")))),
)]
pub(crate) async fn get_subscription<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    Ok(answer(notifications::get_subscription(&app.ports, &caller.workflow_owner(), &id(&path)?).await?))
}

/// Change a subscription, or take it up again
#[utoipa::path(
    patch, path = "/api/subscriptions/{id}", tag = "subscriptions", request_body = UpdateSubscriptionBody,
    params(
        ("id" = String, Path, description = "The subscription's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that was read"),
    ),
    responses((status = 200, description = "The subscription", body = SubscriptionDetailsView,
        headers(("ETag" = String, description = "Its version")))),
)]
pub(crate) async fn update_subscription<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    headers: HeaderMap,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let changes = SubscriptionChanges {
        name: fields.required_when_given("name"),
        pattern: fields.any("pattern"),
        target: target(&mut fields),
        enabled: fields.boolean("enabled"),
    };
    fields.finish()?;
    let (owner, private) = (caller.workflow_owner(), app.config.private_notifications);
    let id = id(&path)?;
    let expected = expected(&app, &owner, &id, &headers).await?;
    let known = notifications::update_subscription(&app.ports, &owner, &id, expected, changes, private).await?;
    Ok(answer(known))
}

/// The version that a change must find; `None` for any.
async fn expected<P: Ports>(
    app: &App<P>,
    owner: &str,
    id: &SubscriptionId,
    headers: &HeaderMap,
) -> Result<Option<u64>, Problem> {
    let Some(wanted) = if_match(headers)? else { return Ok(None) };
    let stored = async { Ok(notifications::get_subscription(&app.ports, owner, id).await?.subscription.version) };
    wanted.expected_of("the subscription", stored).await
}

/// Delete a subscription
///
/// What is on its way is given up.
#[utoipa::path(
    delete, path = "/api/subscriptions/{id}", tag = "subscriptions",
    params(
        ("id" = String, Path, description = "The subscription's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that was read"),
    ),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn delete_subscription<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    query.finish()?;
    let (owner, id) = (caller.workflow_owner(), id(&path)?);
    let expected = expected(&app, &owner, &id, &headers).await?;
    notifications::delete_subscription(&app.ports, &owner, &id, expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Give a subscription a new secret
///
/// Both secrets sign for a while, so that the receiver can be told.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/rotate", tag = "subscriptions", request_body = RotateBody,
    params(
        ("id" = String, Path, description = "The subscription's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that was read"),
    ),
    responses((status = 200, description = "The subscription, with its new secret", body = IssuedSubscriptionView, headers(
        ("Location" = String, description = "Where the subscription is"),
        ("ETag" = String, description = "Its version"),
    ))),
)]
pub(crate) async fn rotate_subscription<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    headers: HeaderMap,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let overlap = fields.count("overlap_seconds").map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
    fields.finish()?;
    let (owner, id) = (caller.workflow_owner(), id(&path)?);
    let expected = expected(&app, &owner, &id, &headers).await?;
    let overlap = overlap.unwrap_or(OVERLAP_SECONDS);
    let told = notifications::rotate_secret(&app.ports, &owner, &id, expected, overlap).await?;
    Ok(issued(&app, StatusCode::OK, told))
}

/// Send a test to a subscription's target
///
/// One attempt, whether the subscription is enabled or not and whatever its pattern says. Read the delivery to see what came
/// of it.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/test", tag = "subscriptions",
    params(("id" = String, Path, description = "The subscription's id")),
    responses((status = 202, description = "The delivery, which is to be made", body = DeliveryView, headers(
        ("Location" = String, description = "Where the delivery is"),
    ))),
)]
pub(crate) async fn test_subscription<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let id = id(&path)?;
    let delivery = notifications::test_subscription(&app.ports, &caller.workflow_owner(), &id).await?;
    let location = app.config.link(&format!("/api/subscriptions/{id}/deliveries/{}", delivery.id));
    Ok(views::with_location(views::json(StatusCode::ACCEPTED, DeliveryView::from(delivery)), &location))
}

/// Make deliveries again
///
/// One by its id, or those from a time on, newest first; `next_cursor` leads on to older ones. Events keep their ids.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/replay", tag = "subscriptions", request_body = ReplayBody,
    params(("id" = String, Path, description = "The subscription's id")),
    responses((status = 202, description = "The deliveries, which are to be made", body = ReplayedDeliveriesView)),
)]
pub(crate) async fn replay_subscription<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let is_told = fields.has("delivery") || fields.has("from");
    let wanted = |text: &str| text.parse::<DeliveryId>().map_err(|_| "must be the id of a delivery".to_owned());
    let one = fields.parsed("delivery", wanted);
    let filter = DeliveryFilter {
        status: fields.parsed("status", status),
        created_from: fields.parsed("from", time),
        created_before: fields.parsed("before", time),
    };
    let limit = fields.count("limit").unwrap_or(MOST);
    let cursor = fields.text("cursor");
    let dry_run = fields.boolean("dry_run").unwrap_or_default();
    if !(1..=MOST).contains(&limit) {
        fields.problem("limit", format!("must be 1 to {MOST}"));
    }
    if one.is_some() && (filter != DeliveryFilter::default() || cursor.is_some()) {
        fields.problem("delivery", "can't be given together with from, before, status or cursor");
    }
    if !is_told {
        fields.problem("from", "must be given, or else delivery");
    }
    fields.finish()?;
    let (id, owner) = (id(&path)?, caller.workflow_owner());
    let page = match one {
        Some(one) if dry_run => {
            let found = notifications::get_delivery(&app.ports, &owner, &id, &one).await?;
            Page { items: vec![found], next: None }
        }
        Some(one) => {
            let replayed = notifications::replay_delivery(&app.ports, &owner, &id, &one).await?;
            Page { items: vec![replayed], next: None }
        }
        None => {
            let limit = usize::try_from(limit).unwrap_or_default();
            notifications::replay_deliveries(&app.ports, &owner, &id, &filter, limit, cursor, dry_run).await?
        }
    };
    let items = page.items.into_iter().map(DeliveryView::from).collect();
    let view = ReplayedDeliveriesView { items, dry_run, next_cursor: page.next };
    Ok(views::json(StatusCode::ACCEPTED, view))
}

/// List a subscription's deliveries, newest first
///
/// They are kept for 14 days.
#[utoipa::path(
    get, path = "/api/subscriptions/{id}/deliveries", tag = "subscriptions",
    params(
        ("id" = String, Path, description = "The subscription's id"),
        ("status" = Option<String>, Query, description = "`pending`, `delivered` or `failed`"),
        ("from" = Option<String>, Query, description = "Only those whose events happened then or later (RFC 3339)"),
        ("before" = Option<String>, Query, description = "Only those whose events happened before (RFC 3339)"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of deliveries", body = DeliveryPage)),
)]
pub(crate) async fn list_deliveries<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let filter = DeliveryFilter {
        status: query.read("status", status),
        created_from: query.time("from"),
        created_before: query.time("before"),
    };
    let paging = query.paging();
    query.finish()?;
    let (owner, id) = (caller.workflow_owner(), id(&path)?);
    let size = paging.size()?;
    let page = notifications::list_deliveries(&app.ports, &owner, &id, &filter, size, paging.cursor).await?;
    Ok(views::json(StatusCode::OK, DeliveryPage::of(page, DeliveryView::from)))
}

/// Read a delivery: its event, and what became of each attempt
#[utoipa::path(
    get, path = "/api/subscriptions/{id}/deliveries/{delivery}", tag = "subscriptions",
    params(
        ("id" = String, Path, description = "The subscription's id"),
        ("delivery" = String, Path, description = "The delivery's id"),
    ),
    responses((status = 200, description = "The delivery", body = DeliveryDetailsView)),
)]
pub(crate) async fn get_delivery<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let delivery: DeliveryId = path.parsed("delivery", "delivery")?;
    let found = notifications::get_delivery(&app.ports, &caller.workflow_owner(), &id(&path)?, &delivery).await?;
    Ok(views::json(StatusCode::OK, DeliveryDetailsView::from(found)))
}

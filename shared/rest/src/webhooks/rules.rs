//! The routes of rules.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use millrace_app::ids::WebhookRuleId;
use millrace_app::ports::Ports;
use millrace_app::projects::Stored;
use millrace_app::webhooks::{self, InputTemplate, NewRule, RuleChanges, WebhookRule};
use serde_json::Value;
use utoipa::ToSchema;

use super::views::{RuleListView, RuleView, TestedView};
use crate::App;
use crate::body::{Fields, JsonObject};
use crate::caller::Caller;
use crate::params::{PathParams, QueryParams, if_match};
use crate::problem::Problem;
use crate::views;

/// The language of templates where nothing is said.
const LANGUAGE: &str = "JSONata";

/// A rule to make.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = CreateWebhookRule, example = json!({
    "name": "build what is pushed",
    "pattern": { "source": ["github"], "detail-type": ["push"], "detail": { "ref": [{ "prefix": "refs/heads/" }] } },
    "workflow": "build",
    "input": { "repository": "{% $states.input.detail.repository.full_name %}" }
}))]
pub(crate) struct CreateRuleBody {
    /// Its name; 1 to 120 characters.
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    /// Which events, in EventBridge's pattern syntax. An event has `source`, `detail-type` (its type), `time`, `id`,
    /// `delivery-id`, `headers` (by their names in lower case) and `detail` (the body).
    #[schema(value_type = Object)]
    pattern: Value,
    /// The workflow that they start: its id, ARN or name, or that of a built-in one.
    workflow: String,
    /// The version to run instead of the newest revision.
    #[schema(minimum = 1)]
    version: Option<u64>,
    /// The alias that says which version to run.
    alias: Option<String>,
    /// A template of the execution's input, over the event; without it the event is the input.
    #[schema(value_type = Value, required = false)]
    input: Value,
    /// The template's language: `JSONata`, with texts `{% … %}` over `$states.input`, or `JSONPath`, with fields `….$` over `$`.
    #[schema(default = "JSONata")]
    query_language: Option<String>,
    /// Is it looked at?
    #[schema(default = true)]
    enabled: Option<bool>,
}

/// What to change; what is not given stays.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = UpdateWebhookRule, example = json!({ "enabled": false }))]
pub(crate) struct UpdateRuleBody {
    /// Its name; 1 to 120 characters.
    #[schema(min_length = 1, max_length = 120)]
    name: Option<String>,
    /// Which events, in EventBridge's pattern syntax.
    #[schema(value_type = Option<Object>)]
    pattern: Option<Value>,
    /// The workflow; version and alias are changed with it.
    workflow: Option<String>,
    /// The version to run instead of the newest revision; needs `workflow`.
    #[schema(minimum = 1)]
    version: Option<u64>,
    /// The alias that says which version to run; needs `workflow`.
    alias: Option<String>,
    /// A template of the execution's input; null has the event be the input.
    #[schema(value_type = Value, required = false)]
    input: Value,
    /// The template's language; needs `input`.
    query_language: Option<String>,
    /// Is it looked at?
    enabled: Option<bool>,
}

/// A pattern to try.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = TestWebhookRule, example = json!({
    "pattern": { "source": ["github"] }, "event": { "source": "github", "detail": {} }
}))]
pub(crate) struct TestRuleBody {
    /// The pattern.
    #[schema(value_type = Object)]
    pattern: Value,
    /// The event, as `envelope` of an event has it; or give `event_id`.
    #[schema(value_type = Option<Object>)]
    event: Option<Value>,
    /// The id of an event that was received.
    event_id: Option<String>,
    /// A template to try on it.
    #[schema(value_type = Value, required = false)]
    input: Value,
    /// The template's language.
    #[schema(default = "JSONata")]
    query_language: Option<String>,
}

fn id(path: &PathParams) -> Result<WebhookRuleId, Problem> {
    path.parsed("id", "webhook rule")
}

/// `version` or `alias`.
fn qualifier(fields: &mut Fields) -> Option<String> {
    let version = fields.count("version");
    let alias = fields.text("alias");
    if version == Some(0) {
        fields.problem("version", "must be the number of a version, from 1");
    }
    if alias.is_some() && version.is_some() {
        fields.problem("alias", "can't be given together with version");
    }
    alias.or_else(|| version.map(|version| version.to_string()))
}

/// `input` and `query_language`: `Some(None)` for an input of null.
fn input(fields: &mut Fields) -> Option<Option<InputTemplate>> {
    let template = fields.any("input");
    let language = fields.text("query_language");
    if template.as_ref().is_none_or(Value::is_null) && language.is_some() {
        fields.problem("query_language", "is for input, which is not given");
    }
    let made = |template| InputTemplate { query_language: language.unwrap_or_else(|| LANGUAGE.to_owned()), template };
    match template? {
        Value::Null => Some(None),
        template => Some(Some(made(template))),
    }
}

fn answer(status: StatusCode, stored: Stored<WebhookRule>) -> Response {
    let tag = views::etag(stored.version);
    let mut response = views::json(status, RuleView::from(stored.value));
    response.headers_mut().extend(tag);
    response
}

/// Create a rule: which events of webhooks start which workflow
#[utoipa::path(
    post, path = "/api/webhooks/rules", tag = "webhooks", operation_id = "create_webhook_rule",
    request_body = CreateRuleBody,
    responses((status = 201, description = "The rule", body = RuleView, headers(
        ("Location" = String, description = "Where the rule is"),
        ("ETag" = String, description = "The version of its record"),
    ))),
)]
pub(crate) async fn create_rule<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let new = NewRule {
        name: fields.required_text("name"),
        pattern: fields.required_value("pattern").unwrap_or_default(),
        workflow: fields.required_text("workflow"),
        qualifier: qualifier(&mut fields),
        input: input(&mut fields).flatten(),
        enabled: fields.boolean("enabled").unwrap_or(true),
    };
    fields.finish()?;
    let place = caller.place(&app.config);
    let (owner, builtins) = (caller.workflow_owner(), &app.config.builtins);
    let stored = webhooks::create_rule(&app.ports, &owner, &place, builtins, new).await?;
    let location = app.config.link(&format!("/api/webhooks/rules/{}", stored.value.id));
    Ok(views::with_location(answer(StatusCode::CREATED, stored), &location))
}

/// List the rules, by creation
#[utoipa::path(
    get, path = "/api/webhooks/rules", tag = "webhooks", operation_id = "list_webhook_rules",
    responses((status = 200, description = "All rules; there are at most 200", body = RuleListView)),
)]
pub(crate) async fn list_rules<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let rules = webhooks::list_rules(&app.ports, &caller.workflow_owner()).await?;
    Ok(views::json(StatusCode::OK, RuleListView { items: rules.into_iter().map(RuleView::from).collect() }))
}

/// Read a rule
#[utoipa::path(
    get, path = "/api/webhooks/rules/{id}", tag = "webhooks", operation_id = "get_webhook_rule",
    params(("id" = String, Path, description = "The rule's id")),
    responses((status = 200, description = "The rule", body = RuleView, headers(
        ("ETag" = String, description = "The version of its record"),
    ))),
)]
pub(crate) async fn get_rule<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    Ok(answer(StatusCode::OK, webhooks::get_rule(&app.ports, &caller.workflow_owner(), &id(&path)?).await?))
}

/// Change a rule
#[utoipa::path(
    patch, path = "/api/webhooks/rules/{id}", tag = "webhooks", operation_id = "update_webhook_rule",
    request_body = UpdateRuleBody,
    params(
        ("id" = String, Path, description = "The rule's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that was read"),
    ),
    responses((status = 200, description = "The rule", body = RuleView, headers(
        ("ETag" = String, description = "The version of its record"),
    ))),
)]
pub(crate) async fn update_rule<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    headers: HeaderMap,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let name = fields.required_when_given("name");
    let enabled = fields.boolean("enabled");
    let pattern = fields.any("pattern");
    let workflow = fields.required_when_given("workflow");
    let qualifier = qualifier(&mut fields);
    let input = input(&mut fields);
    if workflow.is_none() && qualifier.is_some() {
        fields.problem("workflow", "is missing: it is changed together with its version or alias");
    }
    fields.finish()?;
    let changes =
        RuleChanges { name, enabled, pattern, workflow: workflow.map(|workflow| (workflow, qualifier)), input };
    let (owner, place) = (caller.workflow_owner(), caller.place(&app.config));
    let id = id(&path)?;
    let expected = expected(&app, &owner, &id, &headers).await?;
    let stored =
        webhooks::update_rule(&app.ports, &owner, &place, &app.config.builtins, &id, expected, changes).await?;
    Ok(answer(StatusCode::OK, stored))
}

/// The version that a change must find; `None` for any.
async fn expected<P: Ports>(
    app: &App<P>,
    owner: &str,
    id: &WebhookRuleId,
    headers: &HeaderMap,
) -> Result<Option<u64>, Problem> {
    let Some(wanted) = if_match(headers)? else { return Ok(None) };
    let stored = async { Ok(webhooks::get_rule(&app.ports, owner, id).await?.version) };
    wanted.expected_of("the rule", stored).await
}

/// Delete a rule
#[utoipa::path(
    delete, path = "/api/webhooks/rules/{id}", tag = "webhooks", operation_id = "delete_webhook_rule",
    params(
        ("id" = String, Path, description = "The rule's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that was read"),
    ),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn delete_rule<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    query.finish()?;
    let (owner, id) = (caller.workflow_owner(), id(&path)?);
    let expected = expected(&app, &owner, &id, &headers).await?;
    webhooks::delete_rule(&app.ports, &owner, &id, expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Try a pattern, and a template, on an event
#[utoipa::path(
    post, path = "/api/webhooks/rules/test", tag = "webhooks", operation_id = "test_webhook_rule",
    request_body = TestRuleBody,
    responses((status = 200, description = "Whether the event fits, and what the workflow would get", body = TestedView)),
)]
pub(crate) async fn test_rule<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let pattern = fields.required_value("pattern").unwrap_or_default();
    let given = fields.object("event").map(Value::Object);
    let event_id = fields.parsed("event_id", |text| text.parse().map_err(|_| "must be the id of an event".to_owned()));
    let input = input(&mut fields).flatten();
    if given.is_some() == event_id.is_some() {
        fields.problem("event", "must be given, or else event_id");
    }
    fields.finish()?;
    let event = match (given, event_id) {
        (_, Some(id)) => {
            let event = webhooks::get_event(&app.ports, &caller.workflow_owner(), &id).await?;
            let detail = webhooks::read_body(&app.ports, &event).await?;
            webhooks::envelope(&event, detail.unwrap_or_default())
        }
        (event, None) => event.unwrap_or_default(),
    };
    let tested = webhooks::test_pattern(&app.ports, &pattern, input, &event)?;
    Ok(views::json(StatusCode::OK, TestedView::from(tested)))
}

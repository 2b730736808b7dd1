//! The routes of projects.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use millrace_app::Error;
use millrace_app::identity::Role;
use millrace_app::ids::ProjectId;
use millrace_app::ports::Ports;
use millrace_app::projects::{self, Budget, Decision, ModifyProject, ProjectChanges, ProjectStatus};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::App;
use crate::body::{Fields, JsonObject};
use crate::caller::Caller;
use crate::frame::IDEMPOTENCY_REPLAYED;
use crate::import;
use crate::params::{IfMatch, PathParams, QueryParams, idempotency_key, if_match};
use crate::problem::Problem;
use crate::views::{self, ModificationView, ProjectPage, ProjectSummary, ProjectView};

/// What a project is made from: a template with parameters, requirements in words (which need a model), or an archive, alone or
/// with requirements that say how to change it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that `NewProject` is read from")]
#[schema(as = CreateProject, example = json!({
    "template_id": "python-rest-api",
    "parameters": { "name": "book-shop", "description": "Sells books" },
    "budget": { "usd": 2.5 }
}))]
pub(crate) struct CreateBody {
    /// What people call it; without one the parameter `name` is taken.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// What it is.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// What it is to do, in words. Needs a model.
    requirements: Option<String>,
    /// The template to make it from.
    template_id: Option<String>,
    /// The template's parameters.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Map<String, Value>>,
    /// A zip, tar or tar.gz in base64. The body may also be the archive by itself.
    #[schema(content_encoding = "base64", value_type = Option<String>)]
    archive: Option<String>,
    /// A delivery workflow of its own, in the Amazon States Language as JSON or YAML. Needs the role `admin`.
    workflow: Option<String>,
    /// What it may use.
    budget: Option<BudgetBody>,
    /// Is the delivery to be started at once?
    #[schema(default = true)]
    start: Option<bool>,
    /// Does each delivery wait for its owner after the plan?
    #[schema(default = false)]
    approve_plan: Option<bool>,
}

/// What a project may use; what is not given has no limit.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Budget` is read from")]
#[schema(as = NewBudget)]
pub(crate) struct BudgetBody {
    /// US dollars.
    #[schema(minimum = 0)]
    usd: Option<f64>,
    /// Tokens, in and out together.
    #[schema(minimum = 0)]
    tokens: Option<u64>,
    /// Model calls.
    #[schema(minimum = 0)]
    calls: Option<u64>,
    /// Seconds that model calls take, added up.
    #[schema(minimum = 0)]
    seconds: Option<u64>,
}

/// What to change; what is not given stays.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that `ProjectChanges` is read from")]
#[schema(as = UpdateProject, example = json!({ "name": "Book shop", "budget": { "tokens": 200000 } }))]
pub(crate) struct UpdateBody {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100, required = false)]
    name: String,
    /// What it is; null clears it.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// What it is to do, in words; null clears it. Needs a model.
    requirements: Option<String>,
    /// What it may use, as a whole; null takes every limit away.
    budget: Option<BudgetBody>,
}

/// What to modify: words, which need a model, or parameters of the template.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that `ModifyProject` is read from")]
#[schema(as = ModifyProject, example = json!({ "parameters": { "description": "Sells books and maps" } }))]
pub(crate) struct ModifyBody {
    /// In words.
    request: Option<String>,
    /// Parameters that replace the project's; null takes a default back.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Map<String, Value>>,
}

pub(crate) fn budget(fields: &mut Fields) -> Option<Budget> {
    let read = |budget: &mut Fields| Budget {
        usd: budget.number("usd"),
        tokens: budget.count("tokens"),
        calls: budget.count("calls"),
        seconds: budget.count("seconds"),
    };
    fields.nested("budget", read).map(Option::unwrap_or_default)
}

/// Create a project
///
/// Starts its delivery unless `start` is false. An archive (zip, tar or tar.gz) comes in base64 as `archive`, or by itself as the
/// body, with what else is to be said in the query; its files are checked and packaged as they are, and changed first where
/// `requirements` are given. An archive that is refused stores nothing: 400 or 413 name the entry and the limit. With an `Idempotency-Key` the same request within 24 hours answers
/// with the same project and the header `Idempotency-Replayed: true`.
#[utoipa::path(
    post, path = "/api/projects", tag = "projects",
    request_body(content(
        (CreateBody = "application/json"),
        (Vec<u8> = "application/zip"),
        (Vec<u8> = "application/gzip"),
        (Vec<u8> = "application/x-tar"),
    )),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters"),
        ("name" = Option<String>, Query, description = "With an archive as the body: what people call the project"),
        ("description" = Option<String>, Query, description = "With an archive as the body: what it is"),
        (
            "requirements" = Option<String>, Query,
            description = "With an archive as the body: how it is to be changed, in words; needs a model",
        ),
        ("start" = Option<bool>, Query, description = "With an archive as the body: is the delivery to be started at once?"),
        (
            "approve_plan" = Option<bool>, Query,
            description = "With an archive as the body: does each delivery wait for its owner after the plan?",
        ),
    ),
    responses((status = 201, description = "The project was created", body = ProjectView, headers(
        ("Location" = String, description = "Where the project is"),
        ("ETag" = String, description = "Its version"),
        ("Idempotency-Replayed" = String, description = "`true` when an earlier request created it"),
    ))),
)]
pub(crate) async fn create_project<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    query: QueryParams,
    request: Request,
) -> Result<Response, Problem> {
    let key = idempotency_key(request.headers())?;
    let new = import::new_project(&app.config, query, request).await?;
    if new.workflow.is_some() {
        caller.must_be(Role::Admin)?;
    }
    let created = projects::create_project(&app.ports, &caller.owner, new, key.as_deref()).await?;
    let location = app.config.link(&format!("/api/projects/{}", created.project.value.id));
    let mut response = views::with_location(views::project(StatusCode::CREATED, created.project), &location);
    if created.replayed {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// List the caller's projects, newest first
#[utoipa::path(
    get, path = "/api/projects", tag = "projects",
    params(
        ("status" = Option<views::StatusView>, Query, description = "Only projects of this status"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of projects", body = ProjectPage)),
)]
pub(crate) async fn list_projects<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let status = query.read("status", |text| {
        ProjectStatus::parse(text).ok_or_else(|| {
            let known: Vec<&str> = ProjectStatus::ALL.iter().map(|status| status.as_str()).collect();
            format!("must be one of {}", known.join(", "))
        })
    });
    let paging = query.paging();
    query.finish()?;
    let page = projects::list_projects(&app.ports, &caller.owner, status, &paging).await?;
    Ok(views::json(StatusCode::OK, ProjectPage::of(page, ProjectSummary::from)))
}

/// Read a project
#[utoipa::path(
    get, path = "/api/projects/{id}", tag = "projects", params(("id" = String, Path, description = "The project's id")),
    responses((status = 200, description = "The project", body = ProjectView, headers(
        ("ETag" = String, description = "Its version"),
    ))),
)]
pub(crate) async fn get_project<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let stored = projects::get_project(&app.ports, &caller.owner, &path.project()?).await?;
    Ok(views::project(StatusCode::OK, stored))
}

/// Change a project
///
/// Fields that are not given stay as they are. `If-Match` must name the version that was read.
#[utoipa::path(
    put, path = "/api/projects/{id}", tag = "projects", request_body = UpdateBody,
    params(
        ("id" = String, Path, description = "The project's id"),
        ("If-Match" = String, Header, description = "The `ETag` of the version that was read, or `*`"),
    ),
    responses((status = 200, description = "The changed project", body = ProjectView, headers(
        ("ETag" = String, description = "Its new version"),
    ))),
)]
pub(crate) async fn update_project<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    headers: HeaderMap,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let id = path.project()?;
    let wanted = if_match(&headers)?.ok_or_else(Problem::precondition_required)?;
    let changes = ProjectChanges {
        name: fields.required_when_given("name"),
        description: fields.nullable_text("description"),
        requirements: fields.nullable_text("requirements"),
        budget: budget(&mut fields),
        with_model: app.config.with_model,
    };
    fields.finish()?;
    let expected = expected(&app, &caller, &id, wanted).await?;
    let stored = projects::update_project(&app.ports, &caller.owner, &id, expected, changes).await?;
    Ok(views::project(StatusCode::OK, stored))
}

/// The version that a change must find; `None` for any.
async fn expected<P: Ports>(
    app: &App<P>,
    caller: &Caller,
    id: &ProjectId,
    wanted: IfMatch,
) -> Result<Option<u64>, Problem> {
    let stored = async { Ok(projects::get_project(&app.ports, &caller.owner, id).await?.version) };
    wanted.expected_of("the project", stored).await
}

/// Delete a project
///
/// A running delivery is stopped first. Records go at once, artifacts at once or soon after.
#[utoipa::path(
    delete, path = "/api/projects/{id}", tag = "projects",
    params(
        ("id" = String, Path, description = "The project's id"),
        ("If-Match" = Option<String>, Header, description = "Delete only this version"),
    ),
    responses((status = 204, description = "The project is gone")),
)]
pub(crate) async fn delete_project<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    query.finish()?;
    let id = path.project()?;
    let expected = match if_match(&headers)? {
        Some(wanted) => expected(&app, &caller, &id, wanted).await?,
        None => None,
    };
    projects::delete_project(&app.ports, &caller.owner, &id, expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Request a modification of what was made
///
/// A new run over the existing files, as words ask for it or with other parameters.
#[utoipa::path(
    post, path = "/api/projects/{id}/modify", tag = "projects", request_body = ModifyBody,
    params(("id" = String, Path, description = "The project's id")),
    responses((status = 202, description = "A new run carries it out", body = ModificationView)),
)]
pub(crate) async fn modify_project<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let id = path.project()?;
    let wanted = ModifyProject {
        request: fields.text("request"),
        parameters: fields.object("parameters"),
        with_model: app.config.with_model,
    };
    fields.finish()?;
    let modified = projects::modify_project(&app.ports, &caller.owner, &id, wanted).await?;
    let view = ModificationView::of(&modified.project.value, modified.modification);
    Ok(views::json(StatusCode::ACCEPTED, view))
}

/// Stop a project's delivery; what exists is kept
#[utoipa::path(
    post, path = "/api/projects/{id}/cancel", tag = "projects",
    params(("id" = String, Path, description = "The project's id")),
    responses((status = 200, description = "The cancelled project", body = ProjectView)),
)]
pub(crate) async fn cancel_project<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let stored = projects::cancel_project(&app.ports, &caller.owner, &path.project()?).await?;
    Ok(views::project(StatusCode::OK, stored))
}

/// Go on with a project that failed, was paused or cancelled, or was not started
#[utoipa::path(
    post, path = "/api/projects/{id}/resume", tag = "projects",
    params(("id" = String, Path, description = "The project's id")),
    responses((status = 200, description = "The project, whose delivery runs again", body = ProjectView)),
)]
pub(crate) async fn resume_project<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let stored = projects::resume_project(&app.ports, &caller.owner, &path.project()?).await?;
    Ok(views::project(StatusCode::OK, stored))
}

/// What is to happen with a plan that waits
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that `Decision` is read from")]
#[schema(as = DecideApproval, example = json!({ "decision": "approve" }))]
pub(crate) struct ApproveBody {
    /// `approve`, `reject` with a `reason`, or `edit` with a `plan`.
    #[schema(pattern = "^(approve|reject|edit)$")]
    decision: String,
    /// Why the plan is rejected: the next one takes it into account.
    #[schema(max_length = 2000)]
    reason: Option<String>,
    /// The edited plan: name, description, project_type, languages, tools, files (path, purpose, change), tasks (id, title,
    /// description, depends_on, acceptance, files), commands.
    #[schema(value_type = Option<Object>)]
    plan: Option<Value>,
}

/// Approve, edit or reject a plan that waits
///
/// A project that was created with `approve_plan` waits after its plan was made (`awaiting_approval`), for at most a week. An
/// edited plan is checked as a model's is.
#[utoipa::path(
    post, path = "/api/projects/{id}/approve", tag = "projects", request_body = ApproveBody,
    params(("id" = String, Path, description = "The project's id")),
    responses((status = 200, description = "The project goes on, or ends with the reason", body = ProjectView)),
)]
pub(crate) async fn approve_project<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let id = path.project()?;
    let decision = fields.required_text("decision");
    let (reason, plan) = (fields.text("reason"), fields.object("plan"));
    fields.finish()?;
    let decision = match (decision.as_str(), reason, plan) {
        ("approve", None, None) => Decision::Approve,
        ("reject", Some(reason), None) => Decision::Reject { reason },
        ("edit", None, Some(plan)) => Decision::Edit { plan: Value::Object(plan) },
        _ => {
            let message = "must be approve alone, reject with a reason, or edit with a plan";
            return Err(Error::invalid("/decision", message).into());
        }
    };
    let stored = projects::approve_project(&app.ports, &caller.owner, &id, decision).await?;
    Ok(views::project(StatusCode::OK, stored))
}

//! The routes of a workflow's versions and aliases.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use millrace_app::ports::Ports;
use millrace_app::workflows::{self, CreateAlias, UpdateAlias, WorkflowError};
use serde_json::Value;
use utoipa::ToSchema;

use crate::App;
use crate::body::JsonObject;
use crate::caller::Caller;
use crate::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::views::{self, AliasPage, AliasView, VersionPage, VersionView};
use crate::workflows::{named, qualified};

/// Where an alias leads.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = PutAlias, example = json!({ "routes": [{ "version": 1, "weight": 90 }, { "version": 2, "weight": 10 }] }))]
pub(crate) struct AliasBody {
    /// One or two versions with weights that sum up to 100.
    #[schema(value_type = Vec<Object>, min_items = 1, max_items = 2)]
    routes: Vec<Value>,
    /// What is to say of it.
    #[schema(max_length = 256)]
    description: Option<String>,
}

/// List a workflow's versions, newest first
#[utoipa::path(
    get, path = "/api/workflows/{id}/versions", tag = "workflows",
    params(
        ("id" = String, Path, description = "The workflow's id, ARN or name"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of versions", body = VersionPage)),
)]
pub(crate) async fn list_versions<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let paging = query.paging();
    query.finish()?;
    let (workflow, _) = named(&app, &caller, &path).await?;
    let page = workflows::list_versions(&app.ports, &workflow.arn, paging.size()?, paging.cursor).await?;
    Ok(views::json(StatusCode::OK, VersionPage::of(page, VersionView::from)))
}

/// List a workflow's aliases, by name
#[utoipa::path(
    get, path = "/api/workflows/{id}/aliases", tag = "workflows",
    params(
        ("id" = String, Path, description = "The workflow's id, ARN or name"),
        ("limit" = Option<usize>, Query, description = "1 to 100, default 20", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of aliases", body = AliasPage)),
)]
pub(crate) async fn list_aliases<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    mut query: QueryParams,
) -> Result<Response, Problem> {
    let paging = query.paging();
    query.finish()?;
    let (workflow, _) = named(&app, &caller, &path).await?;
    let arn = qualified(&workflow, None)?;
    let page = workflows::list_aliases(&app.ports, &arn, paging.size()?, paging.cursor).await?;
    Ok(views::json(StatusCode::OK, AliasPage::of(page, AliasView::from)))
}

/// Make an alias, or lead it somewhere else
#[utoipa::path(
    put, path = "/api/workflows/{id}/aliases/{name}", tag = "workflows", request_body = AliasBody,
    params(
        ("id" = String, Path, description = "The workflow's id, ARN or name"),
        ("name" = String, Path, description = "The alias"),
    ),
    responses((status = 200, description = "The alias", body = AliasView)),
)]
pub(crate) async fn put_alias<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let routes = fields.list("routes", |route| (route.count("version"), route.count("weight")));
    let description = fields.text("description");
    let mut read = Vec::new();
    for (number, route) in routes.unwrap_or_default().into_iter().enumerate() {
        match route {
            (Some(version @ 1..), Some(weight @ 0..=100)) => read.push((version, u32::try_from(weight).unwrap_or(100))),
            _ => fields.problem("routes", format!("route {number} needs a version from 1 and a weight from 0 to 100")),
        }
    }
    if read.is_empty() {
        fields.problem("routes", "must have one or two routes");
    }
    if description.as_ref().is_some_and(|text| text.chars().count() > 256) {
        fields.problem("description", "must have at most 256 characters");
    }
    fields.finish()?;
    let name = path.get("name").to_owned();
    workflows::check_name(&name)?;
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(WorkflowError::InvalidName(name).into());
    }
    let (workflow, _) = named(&app, &caller, &path).await?;
    let routes: Vec<_> =
        read.into_iter().map(|(version, weight)| (format!("{}:{version}", workflow.arn), weight)).collect();
    let arn = qualified(&workflow, Some(name.clone()))?;
    match workflows::describe_alias(&app.ports, &arn).await {
        Ok(_) => {
            let update = UpdateAlias { description, routes: Some(routes) };
            workflows::update_alias(&app.ports, &arn, update).await?;
        }
        Err(WorkflowError::NotFound { .. }) => {
            workflows::create_alias(&app.ports, CreateAlias { name, description, routes }).await?;
        }
        Err(error) => return Err(error.into()),
    }
    let alias = workflows::describe_alias(&app.ports, &arn).await?;
    Ok(views::json(StatusCode::OK, AliasView::from(alias)))
}

/// Delete an alias
#[utoipa::path(
    delete, path = "/api/workflows/{id}/aliases/{name}", tag = "workflows",
    params(
        ("id" = String, Path, description = "The workflow's id, ARN or name"),
        ("name" = String, Path, description = "The alias"),
    ),
    responses((status = 204, description = "The alias is gone")),
)]
pub(crate) async fn delete_alias<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let (workflow, _) = named(&app, &caller, &path).await?;
    let arn = qualified(&workflow, Some(path.get("name").to_owned()))?;
    workflows::delete_alias(&app.ports, &arn).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

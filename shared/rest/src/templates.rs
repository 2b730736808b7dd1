//! The routes of project templates. They are the same for every caller.

use axum::http::StatusCode;
use axum::response::Response;
use millrace_app::ports::Ports;
use millrace_app::templates;

use crate::App;
use crate::caller::Caller;
use crate::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::views::{self, TemplateList, TemplateView};
use axum::extract::State;

/// List the project templates with their parameter schemas
#[utoipa::path(
    get, path = "/api/templates", tag = "templates",
    responses((status = 200, description = "All templates", body = TemplateList)),
)]
pub(crate) async fn list_templates<P: Ports>(
    State(app): State<App<P>>,
    _: Caller,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    Ok(views::json(StatusCode::OK, TemplateList::from(templates::current(&app.ports).await?.list())))
}

/// Read a project template
#[utoipa::path(
    get, path = "/api/templates/{id}", tag = "templates",
    params(("id" = String, Path, description = "The template's id")),
    responses((status = 200, description = "The template", body = TemplateView)),
)]
pub(crate) async fn get_template<P: Ports>(
    State(app): State<App<P>>,
    _: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let catalogue = templates::current(&app.ports).await?;
    let template = templates::get_template(&catalogue, path.get("id"))?;
    Ok(views::json(StatusCode::OK, TemplateView::from(template.as_ref())))
}

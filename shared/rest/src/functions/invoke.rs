//! Running functions by the API's own form of a call.

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use http_body_util::LengthLimitError;
use millrace_app::Error;
use millrace_app::functions::{Call, FunctionChanges, FunctionRuntime};
use millrace_app::ports::Ports;
use serde::de::IgnoredAny;
use utoipa::ToSchema;

use super::{FunctionsApp, manage, named};
use crate::body::{JsonObject, not_json};
use crate::caller::Caller;
use crate::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::views::{self, FunctionView, FunctionsHealthView, InvocationView};

/// The largest event: what Lambda takes.
pub(super) const EVENT_BYTES: usize = 6 * 1024 * 1024;

/// The switch of a function.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = SwitchFunction, example = json!({ "is_active": false }))]
pub(crate) struct SwitchBody {
    /// May it be invoked?
    is_active: bool,
}

/// A body of a limited size.
pub(super) async fn read_body(body: Body) -> Result<Vec<u8>, Problem> {
    match to_bytes(body, EVENT_BYTES).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) if std::error::Error::source(&error).is_some_and(|source| source.is::<LengthLimitError>()) => {
            Err(Problem::payload_too_large(EVENT_BYTES))
        }
        Err(_) => Err(Problem::bad_json("the body ended before it was complete")),
    }
}

/// Invoke a function
///
/// The body is the handler's event: any JSON; `{}` where there is none. A function that fails is no problem of the call:
/// the answer says `success: false`.
#[utoipa::path(
    post, path = "/api/v1/functions/{projectId}/{name}", tag = "functions",
    request_body(content = Value, description = "The event", content_type = "application/json"),
    params(
        ("projectId" = String, Path, description = "The project"),
        ("name" = String, Path, description = "The function's name"),
    ),
    responses((status = 200, description = "What it came to", body = InvocationView)),
)]
pub(crate) async fn invoke_function<P: Ports, R: FunctionRuntime>(
    State(state): State<FunctionsApp<P, R>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    body: Body,
) -> Result<Response, Problem> {
    query.finish()?;
    let event = String::from_utf8(read_body(body).await?).map_err(|_| Problem::bad_json("the body is not UTF-8"))?;
    let event = if event.trim_ascii().is_empty() { "{}".to_owned() } else { event };
    serde_json::from_str::<IgnoredAny>(&event).map_err(|error| not_json(&error))?;
    let call = Call { function: named(&caller, &path), event, id: None, at_most: state.patience };
    let invoked = state.functions.invoke(&state.app.ports, call).await?;
    Ok(views::json(StatusCode::OK, InvocationView::of(invoked).map_err(Error::internal)?))
}

/// Read a function at the functions service
#[utoipa::path(
    get, path = "/api/v1/functions/{projectId}/{name}", tag = "functions",
    params(
        ("projectId" = String, Path, description = "The project"),
        ("name" = String, Path, description = "The function's name"),
    ),
    responses((status = 200, description = "The function", body = FunctionView,
        headers(("ETag" = String, description = "Its version")))),
)]
pub(crate) async fn get_function_metadata<P: Ports, R: FunctionRuntime>(
    state: State<FunctionsApp<P, R>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    manage::read_function(state, caller, path, query).await
}

/// Enable or disable a function
#[utoipa::path(
    patch, path = "/api/v1/functions/{projectId}/{name}", tag = "functions", request_body = SwitchBody,
    params(
        ("projectId" = String, Path, description = "The project"),
        ("name" = String, Path, description = "The function's name"),
    ),
    responses((status = 200, description = "The function as it is now", body = FunctionView,
        headers(("ETag" = String, description = "Its version")))),
)]
pub(crate) async fn switch_function<P: Ports, R: FunctionRuntime>(
    State(state): State<FunctionsApp<P, R>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
    JsonObject(mut fields): JsonObject,
) -> Result<Response, Problem> {
    query.finish()?;
    let is_active = fields.boolean("is_active");
    if is_active.is_none() {
        fields.problem("is_active", "must be true or false");
    }
    fields.finish()?;
    let changes = FunctionChanges { is_active, ..FunctionChanges::default() };
    manage::change(&state, &caller, &path, &HeaderMap::new(), changes).await
}

/// How the functions service is
#[utoipa::path(
    get, path = "/api/v1/functions/health", tag = "functions",
    responses((status = 200, description = "It answers", body = FunctionsHealthView)),
)]
pub(crate) async fn get_functions_health<P: Ports, R: FunctionRuntime>(
    State(state): State<FunctionsApp<P, R>>,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let totals = state.functions.totals(&state.app.ports).await?;
    let health = FunctionsHealthView {
        status: "ok",
        uptime: state.started.elapsed().as_secs_f64(),
        total_invocations: totals.invocations,
        successful_invocations: totals.invocations.saturating_sub(totals.failed),
        failed_invocations: totals.failed,
    };
    Ok(views::json(StatusCode::OK, health))
}

//! The documentation of each problem, at the address that its `type` names.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use millrace_app::Error;
use millrace_app::ports::Ports;

use crate::App;
use crate::params::{PathParams, QueryParams};
use crate::problem::Problem;
use axum::extract::State;

macro_rules! pages {
    ($($code:literal),* $(,)?) => {
        /// Every code with its page, which is Markdown.
        pub(crate) const PAGES: &[(&str, &str)] =
            &[$(($code, include_str!(concat!("../../../docs/errors/", $code, ".md")))),*];
    };
}

pages![
    "bad-json",
    "budget-exceeded",
    "forbidden",
    "function-failed",
    "headers-too-large",
    "idempotency-mismatch",
    "internal",
    "invalid-request",
    "limit-reached",
    "method-not-allowed",
    "model-failed",
    "not-configured",
    "not-found",
    "payload-too-large",
    "precondition-required",
    "signature-invalid",
    "too-many-requests",
    "unauthorized",
    "unavailable",
    "unsupported-media-type",
    "uri-too-long",
    "version-mismatch",
    "wrong-state",
];

/// Read what a problem means and how to fix it, as Markdown
#[utoipa::path(
    get, path = "/errors/{code}", tag = "server",
    params(("code" = String, Path, description = "The last part of a problem's `type`")),
    responses((status = 200, description = "The page", body = String, content_type = "text/markdown; charset=utf-8")),
)]
pub(crate) async fn get_error_page<P: Ports>(
    State(_): State<App<P>>,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let code = path.get("code");
    let page = PAGES.iter().find(|(known, _)| *known == code);
    let (_, text) = page.ok_or_else(|| Error::NotFound { kind: "error", id: code.chars().take(80).collect() })?;
    let kind = HeaderValue::from_static("text/markdown; charset=utf-8");
    Ok((StatusCode::OK, [(CONTENT_TYPE, kind)], *text).into_response())
}

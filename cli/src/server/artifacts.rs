//! `GET /artifacts/{key}`: what a signed link leads to.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use millrace_sqlite::SqlitePorts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;

use crate::logging::chain;

/// What RFC 8187 leaves as it is, or less.
const FILENAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

#[derive(Debug, Deserialize)]
struct Link {
    #[serde(default)]
    filename: String,
    #[serde(default)]
    expires: String,
    #[serde(default)]
    signature: String,
}

/// The route.
pub(crate) fn routes(ports: SqlitePorts) -> Router {
    Router::new().route("/artifacts/{*key}", get(download)).with_state(ports)
}

async fn download(State(ports): State<SqlitePorts>, Path(key): Path<String>, Query(link): Query<Link>) -> Response {
    if let Err(refused) = ports.verify_download(&key, &link.filename, &link.expires, &link.signature) {
        return problem(StatusCode::FORBIDDEN, "Forbidden", &refused.to_string());
    }
    let artifact = match ports.artifact(&key).await {
        Ok(Some(artifact)) => artifact,
        Ok(None) => return problem(StatusCode::NOT_FOUND, "Not Found", "the artifact was removed"),
        Err(error) => {
            tracing::error!(error = chain(&error), "an artifact can't be read");
            return problem(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", "the artifact can't be read now");
        }
    };
    let filename = format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(&link.filename, FILENAME));
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(CONTENT_TYPE, &artifact.content_type);
    set(CONTENT_DISPOSITION, &filename);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox");
    set(CACHE_CONTROL, "private, no-store");
    (headers, artifact.bytes).into_response()
}

fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    (status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

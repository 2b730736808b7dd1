//! What surrounds every request: its id, the answer's security headers, problem bodies, and the log line.

use std::any::Any;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_MATCH, LOCATION,
    REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use millrace_app::origin::{Origin, request_id};
use millrace_app::ports::Ports;
use millrace_app::traces::{self, Kind, Ongoing, Remote};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument as _;

use crate::App;
use crate::functions::calls::X_PROJECT_ID;
use crate::problem::Problem;

/// The header that names a request.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CROSS_ORIGIN_RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// The other header in which a caller may send an API key.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The headers in which a front tells what is left of a caller's requests.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The header that marks an answer to a repeated request.
pub(crate) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The header with the caller's key for a request that may be repeated.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Nothing that the API answers may run, load or be framed, even when a browser is made to show it.
const CONTENT_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// The longest request id that is taken from a caller.
const REQUEST_ID_CHARS: usize = 128;

/// The longest address of a request, path and query: an API Gateway takes little more with all headers.
const URI_BYTES: usize = 8 * 1024;
/// The most that all headers of a request may have, names and values: room for a token of an issuer.
const HEADER_BYTES: usize = 32 * 1024;
/// So much of a path is told again.
const LOGGED_PATH: usize = 1024;

/// Names a request in answers and logs; in the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub Arc<str>);

/// Puts the frame round all routes.
pub(crate) fn surround<P: Ports>(routes: Router, app: &App<P>) -> Router {
    routes
        .fallback(no_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(cors(&app.config.cors_origins))
        .layer(middleware::from_fn_with_state(app.clone(), frame::<P>))
}

/// Gives every request an id, and every answer that of its request: for a server that answers more than these routes.
pub fn with_request_ids<P: Ports>(router: Router, ports: P) -> Router {
    router.layer(middleware::from_fn_with_state(ports, name_request::<P>))
}

async fn name_request<P: Ports>(State(ports): State<P>, mut request: Request, next: Next) -> Response {
    let id = given_id(request.headers()).unwrap_or_else(|| request_id(ports.ids()).into());
    let id = HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("-"));
    request.headers_mut().insert(X_REQUEST_ID, id.clone());
    let mut response = next.run(request).await;
    response.headers_mut().entry(X_REQUEST_ID).or_insert(id);
    response
}

async fn no_route(uri: Uri) -> Problem {
    Problem::no_route(uri.path())
}

async fn method_not_allowed(method: Method) -> Problem {
    Problem::method_not_allowed(method.as_str())
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> axum::http::Response<Body> {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("of unknown kind"), "a handler panicked");
    Problem::panicked().into_response()
}

fn cors(origins: &[String]) -> CorsLayer {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            ACCEPT,
            AUTHORIZATION,
            CONTENT_TYPE,
            IF_MATCH,
            IDEMPOTENCY_KEY,
            X_API_KEY,
            X_REQUEST_ID,
            HeaderName::from_static(X_PROJECT_ID),
        ])
        .expose_headers([
            ETAG,
            LOCATION,
            RETRY_AFTER,
            X_REQUEST_ID,
            IDEMPOTENCY_REPLAYED,
            RATE_LIMIT,
            RATE_LIMIT_POLICY,
        ])
}

async fn frame<P: Ports>(State(app): State<App<P>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = given_id(request.headers()).unwrap_or_else(|| request_id(app.ports.ids()).into());
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let (method, path) = (request.method().clone(), request.uri().path().chars().take(LOGGED_PATH).collect::<String>());
    let log = tracing::info_span!("request", request_id = %id);
    let mut span = span_of(&request);
    span.note("millrace.request.id", || &*id);
    let origin = Origin { request: Some(Arc::clone(&id)), span: span.context() };
    // Its own lines are of the request, too.
    let answering = async move {
        let mut response = match too_large(&request) {
            Some(problem) => problem.into_response(),
            None => next.run(request).await,
        };
        span.note("http.response.status_code", || u64::from(response.status().as_u16()));
        if response.status().is_server_error() {
            span.fail(response.status().as_str());
        }
        drop(span);
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            if let Some(cause) = problem.cause() {
                let source = cause.source().map(chain);
                tracing::error!(%method, path, code = problem.code(), error = %cause, source, "failed");
            }
            let mut rendered = problem.render(&path, &id);
            // What the inner layers said, such as Allow and the CORS headers, stays.
            for (name, value) in response.headers() {
                if !rendered.headers().contains_key(name) && *name != axum::http::header::CONTENT_LENGTH {
                    rendered.headers_mut().append(name.clone(), value.clone());
                }
            }
            response = rendered;
        }
        let headers = response.headers_mut();
        for (name, value) in [
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (X_FRAME_OPTIONS, "DENY"),
            (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
            (CACHE_CONTROL, "no-store"),
            (REFERRER_POLICY, "no-referrer"),
            (CROSS_ORIGIN_RESOURCE, "same-origin"),
        ] {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
        if let Ok(value) = HeaderValue::from_str(&id) {
            headers.insert(X_REQUEST_ID, value);
        }
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(%method, path, status = response.status().as_u16(), millis, "request");
        response
    };
    origin.scope(answering.instrument(log)).await
}

/// The request's span, named by its route
/// (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span>).
fn span_of(request: &Request) -> Ongoing {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let mut span = traces::request(
        || Remote::from_headers(header),
        Kind::Server,
        || match route {
            Some(route) => format!("{} {route}", request.method()),
            None => request.method().to_string(),
        },
    );
    span.note("http.request.method", || request.method().as_str());
    if let Some(route) = route {
        span.note("http.route", || route);
    }
    span
}

fn too_large(request: &Request) -> Option<Problem> {
    let uri = request.uri();
    let address = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    if address > URI_BYTES {
        return Some(Problem::uri_too_long(URI_BYTES));
    }
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    (headers > HEADER_BYTES).then(|| Problem::headers_too_large(HEADER_BYTES))
}

/// The caller's id of the request, when it is one that logs can hold.
fn given_id(headers: &HeaderMap) -> Option<Arc<str>> {
    let id = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!id.is_empty() && id.len() <= REQUEST_ID_CHARS && id.bytes().all(fits)).then(|| Arc::from(id))
}

/// An error and all that caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

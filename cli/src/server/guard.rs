//! Keeps web pages of other origins away from a server that asks nobody for a key.
//!
//! A page can make a browser call this machine under a name of its own (DNS rebinding). Such a call names that host: only
//! loopback names are answered. And a page can send what needs no leave (a form, text, an image's address) to this server's
//! own name, without reading the answer: what a browser says of the page decides.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Puts the guard round all routes. Pages of these origins may call, beside the server's own.
pub(crate) fn surround(router: Router, origins: Vec<String>) -> Router {
    router.layer(middleware::from_fn_with_state(Arc::from(origins), guard))
}

async fn guard(State(origins): State<Arc<[String]>>, request: Request, next: Next) -> Response {
    let host = request.uri().host().map(str::to_owned).or_else(|| host(request.headers()));
    if !host.is_some_and(|host| is_loopback(&host)) {
        let detail = "without authentication this server answers on localhost, 127.0.0.1 and [::1] only";
        return refused(StatusCode::MISDIRECTED_REQUEST, "about:blank", detail);
    }
    if is_of_another_page(request.method(), request.uri().path(), request.headers(), &origins) {
        let detail =
            "without authentication this server answers its own pages only: add the page's origin to CORS_ORIGINS";
        return refused(StatusCode::FORBIDDEN, "/errors/forbidden", detail);
    }
    next.run(request).await
}

/// A problem of this server's own.
pub(super) fn refused(status: StatusCode, kind: &str, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let problem = json!({ "type": kind, "title": title, "status": status.as_u16(), "detail": detail });
    (status, [(CONTENT_TYPE, "application/problem+json")], problem.to_string()).into_response()
}

/// Does the browser say that a page of another origin makes this request? A link that leads here is no such thing: the page sees
/// nothing of it, and reading changes nothing; but a function's address runs it. What is no browser says nothing.
fn is_of_another_page(method: &Method, path: &str, headers: &HeaderMap, origins: &[String]) -> bool {
    if headers.contains_key(ORIGIN) {
        return !may_call(headers, origins);
    }
    // Requests that read only, such as an image's, name no origin (Fetch Metadata Request Headers, W3C).
    let says = |name: &str, value: &str| headers.get(name).is_some_and(|given| given == value);
    let is_link = says("sec-fetch-mode", "navigate") && method == Method::GET && !path.starts_with("/_functions/");
    says("sec-fetch-site", "cross-site") && !is_link
}

/// May a page of this origin call? Who names none is no page.
pub(crate) fn may_call(headers: &HeaderMap, origins: &[String]) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let own = origin.split_once("://").is_some_and(|(_, authority)| host.is_some_and(|host| host == authority));
    own || origins.iter().any(|known| known == "*" || known == origin)
}

/// The host that a request names, without its port.
fn host(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(HOST)?.to_str().ok()?;
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    Some(name.to_owned())
}

/// Clients of Step Functions put `sync-` before the host for operations that wait.
fn is_loopback(host: &str) -> bool {
    let host = host.strip_prefix("sync-").unwrap_or(host).trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine() {
        let answers = |value: &str| {
            let headers = HeaderMap::from_iter([(HOST, value.parse().unwrap())]);
            host(&headers).is_some_and(|host| is_loopback(&host))
        };
        for own in
            ["localhost", "LOCALHOST:7420", "127.0.0.1:7420", "127.1.2.3", "[::1]:7420", "[::1]", "sync-localhost:1"]
        {
            assert!(answers(own), "{own}");
        }
        for other in
            ["example.com", "localhost.example.com:7420", "127.0.0.1.example.com", "10.0.0.1", "[::2]:1", "[", ""]
        {
            assert!(!answers(other), "{other}");
        }
    }

    #[test]
    fn pages_of_other_origins_do_nothing() {
        let own = ["http://localhost:5173".to_owned()];
        let refused = |method: Method, given: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::from_iter([(HOST, "127.0.0.1:7420".parse().unwrap())]);
            for (name, value) in given {
                headers.insert(*name, value.parse().unwrap());
            }
            is_of_another_page(&method, "/workflows", &headers, &own)
        };
        assert!(!refused(Method::POST, &[]), "no browser");
        assert!(!refused(Method::POST, &[("origin", "http://127.0.0.1:7420")]), "its own console");
        assert!(!refused(Method::POST, &[("origin", "http://localhost:5173")]), "a configured origin");
        for origin in ["https://example.com", "http://127.0.0.1:8000", "null", "http://127.0.0.1:7420.example.com"] {
            assert!(refused(Method::POST, &[("origin", origin)]), "{origin}");
            assert!(refused(Method::GET, &[("origin", origin)]), "{origin}");
        }
        let from = |mode: &'static str| [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", mode)];
        assert!(refused(Method::GET, &from("no-cors")), "an image");
        assert!(!refused(Method::GET, &from("navigate")), "a link");
        let link =
            HeaderMap::from_iter(from("navigate").map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())));
        assert!(is_of_another_page(&Method::GET, "/_functions/pay", &link, &own), "which would run a function");
        assert!(
            !refused(Method::GET, &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")]),
            "the address bar"
        );
        assert!(!refused(Method::GET, &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")]));
    }
}

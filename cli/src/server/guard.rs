//! Keeps web pages of other origins away from a server that asks nobody for a key.
//!
//! A page can make a browser call this machine under a name of its own (DNS rebinding). Such a call names that host: only
//! loopback names are answered.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Puts the guard round all routes.
pub(crate) fn surround(router: Router) -> Router {
    router.layer(middleware::from_fn(guard))
}

async fn guard(request: Request, next: Next) -> Response {
    let host = request.uri().host().map(str::to_owned).or_else(|| host(request.headers()));
    if host.is_some_and(|host| is_loopback(&host)) {
        return next.run(request).await;
    }
    let problem = json!({
        "type": "about:blank",
        "title": "Misdirected Request",
        "status": 421,
        "detail": "without authentication this server answers on localhost, 127.0.0.1 and [::1] only",
    });
    (StatusCode::MISDIRECTED_REQUEST, [(CONTENT_TYPE, "application/problem+json")], problem.to_string()).into_response()
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
}

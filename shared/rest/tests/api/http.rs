use axum::body::Body;
use axum::http::Request;
use millrace_rest::{AuthMode, RestConfig};
use serde_json::json;

use crate::support::{Server, from_template};

fn post(kind: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post("/api/projects");
    let request = match kind {
        Some(kind) => request.header("content-type", kind),
        None => request,
    };
    request.body(body.into()).unwrap()
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused_with_the_place() {
    let server = Server::new();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let empty = server.send(post(Some("application/json"), "")).await;
    assert_eq!(empty.problem(400), "bad-json");
    assert_eq!(empty.json()["detail"], "the body is empty: send a JSON object");
    let cases: [(&[u8], &str); 5] = [
        (b"{\n  \"a\": 1,\n}", "line 3, column 1"),
        (b"{\"a\":\"\xff\"}", "column"),
        (b"{} {}", "line 1, column 4"),
        (b"NaN", "line 1, column 1"),
        (deep.as_bytes(), "nested too deeply at line 1, column 128"),
    ];
    for (body, place) in cases {
        let answer = server.send(post(Some("application/json"), body.to_vec())).await;
        assert_eq!(answer.problem(400), "bad-json");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(place), "{detail}");
        assert_eq!(detail.matches("line").count(), 1, "{detail}");
    }
}

#[tokio::test]
async fn a_large_body_is_refused() {
    let server = Server::new();
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
    assert_eq!(server.send(post(Some("application/json"), large.clone())).await.problem(413), "payload-too-large");
    let mut said = post(Some("application/json"), "{}");
    said.headers_mut().insert("content-length", (200_000_000).into());
    assert_eq!(server.send(said).await.problem(413), "payload-too-large");
    let most = format!("{{\"name\":\"{}\"}}", "x".repeat(1024 * 1024 - 11));
    assert_eq!(most.len(), 1024 * 1024);
    assert_eq!(server.send(post(Some("application/json"), most)).await.problem(400), "invalid-request");
}

#[tokio::test]
async fn a_body_must_be_declared_as_json() {
    let server = Server::new();
    for kind in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonx"), Some("")]
    {
        let answer = server.send(post(kind, from_template("xx").to_string())).await;
        assert_eq!(answer.problem(415), "unsupported-media-type", "{kind:?}");
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"] {
        server.send(post(Some(kind), from_template("xx").to_string())).await.ok(201);
    }
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let server = Server::new();
    for path in ["/", "/api", "/api/project", "/api/projects/", "/api/projects/x/y/z", "/errors", "/health/x"] {
        assert_eq!(server.get(path).await.problem(404), "not-found", "{path}");
    }
    for id in
        ["x", "prj_", "prj_00000000000000000000000000", "pln_00000000000000000000000000", "%2e%2e", "%ff", "a%00b"]
    {
        assert_eq!(server.get(&format!("/api/projects/{id}")).await.problem(404), "not-found", "{id}");
    }
    let answer = server.call("PATCH", "/api/projects/x", &[], None).await;
    assert_eq!(answer.problem(405), "method-not-allowed");
    let mut allowed: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "PUT"]);
    let head = server.call("HEAD", "/api/projects", &[], None).await;
    assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));
}

#[tokio::test]
async fn a_request_keeps_a_good_id_and_gets_one_for_a_bad_one() {
    let server = Server::new();
    let id = |given: &'static str| {
        let server = &server;
        async move {
            server
                .call("GET", "/api/projects", &[("X-Request-Id", given)], None)
                .await
                .header("x-request-id")
                .to_owned()
        }
    };
    assert_eq!(id("trace-1.A_b").await, "trace-1.A_b");
    for bad in ["", "two words", "x\"}", "\u{e4}"] {
        let fresh = id(bad).await;
        let parts: Vec<&str> = fresh.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{fresh}");
        assert!(parts.concat().bytes().all(|byte| byte.is_ascii_hexdigit()), "{fresh}");
    }
    let answer = server.call("GET", "/nowhere", &[("X-Request-Id", "abc")], None).await;
    assert_eq!(answer.json()["request_id"], "abc");
    assert_eq!(answer.json()["instance"], "/nowhere");
}

#[tokio::test]
async fn hostile_text_comes_back_as_data() {
    let server = Server::new();
    let text = "<img src=x onerror=alert(1)> \u{202e} '; DROP TABLE projects; -- {{7*7}} ${jndi:ldap://x}";
    let mut body = from_template("xx");
    body["name"] = json!(text);
    body["description"] = json!(format!("{text}\n{text}"));
    let project = server.post("/api/projects", &body).await.ok(201);
    assert_eq!(project["name"], text);
    let id = project["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/projects/{id}")).await.ok(200)["name"], text);
    let odd = json!({ "__proto__": {}, "a/b~c": 1, "\u{0}": 1 });
    let problems = server.post("/api/projects", &odd).await.problems();
    assert!(problems.iter().any(|problem| problem.starts_with("/a~1b~0c: is unknown")), "{problems:?}");
}

#[tokio::test]
async fn a_caller_that_nobody_knows_gets_nothing() {
    let server = Server::with(RestConfig::default());
    let answer = server.get("/api/projects").await;
    assert_eq!(answer.problem(401), "unauthorized");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    assert_eq!(server.get("/api/templates").await.problem(401), "unauthorized");
    assert_eq!(server.post("/api/projects", &from_template("xx")).await.problem(401), "unauthorized");
    server.get("/health").await.ok(200);
    server.get("/openapi.json").await.ok(200);
}

#[tokio::test]
async fn an_address_and_headers_have_their_limits() {
    let server = Server::new();
    let long = format!("/api/projects?cursor={}", "x".repeat(8 * 1024));
    assert_eq!(server.get(&long).await.problem(414), "uri-too-long");
    let wide = "x".repeat(33 * 1024);
    let answer = server.call("GET", "/api/projects", &[("X-Wide", &wide)], None).await;
    assert_eq!(answer.problem(431), "headers-too-large");
}

#[tokio::test]
async fn only_configured_origins_may_call() {
    let origins = vec!["https://console.example.com".to_owned()];
    let server = Server::with(RestConfig { cors_origins: origins, auth_mode: AuthMode::Off, ..RestConfig::default() });
    let good = [("Origin", "https://console.example.com")];
    let answer = server.call("GET", "/api/projects", &good, None).await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://console.example.com");
    assert!(answer.header("access-control-expose-headers").contains("etag"));
    let problem = server.call("GET", "/nowhere", &good, None).await;
    assert_eq!(problem.header("access-control-allow-origin"), "https://console.example.com");
    let evil = server.call("GET", "/api/projects", &[("Origin", "https://evil.example")], None).await;
    assert_eq!(evil.header("access-control-allow-origin"), "");
    let preflight = [good[0], ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "if-match")];
    let answer = server.call("OPTIONS", "/api/projects/x", &preflight, None).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("access-control-allow-methods").contains("PUT"));

    let nobody = Server::new();
    assert_eq!(nobody.call("GET", "/api/projects", &good, None).await.header("access-control-allow-origin"), "");
    let any =
        Server::with(RestConfig { cors_origins: vec!["*".into()], auth_mode: AuthMode::Off, ..RestConfig::default() });
    assert_eq!(any.call("GET", "/api/projects", &good, None).await.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn health_asks_each_dependency() {
    let server = Server::with(RestConfig { version: "1.2.3".into(), ..RestConfig::default() });
    let health = server.get("/health").await.ok(200);
    assert_eq!((&health["status"], &health["version"]), (&json!("ok"), &json!("1.2.3")));
    for check in ["store", "queues", "blobs"] {
        assert_eq!(health["checks"][check]["status"], "ok", "{check}");
        assert!(health["checks"][check]["latency_ms"].is_u64());
    }
}

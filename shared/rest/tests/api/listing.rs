use axum::body::Body;
use axum::http::Request;
use millrace_app::identity::Role;
use millrace_app::projects::ExecutionOutcome;
use millrace_rest::Caller;
use serde_json::{Value, json};

use crate::support::{Server, from_template};

fn names(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

/// All items through pages of this size.
async fn all(server: &Server, path: &str, limit: usize) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let join = if path.contains('?') { '&' } else { '?' };
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = server.get(&format!("{path}{join}limit={limit}{after}")).await.ok(200);
        let here = page["items"].as_array().unwrap().clone();
        assert!(here.len() <= limit);
        items.extend(here);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return items,
        }
    }
}

#[tokio::test]
async fn projects_are_listed_newest_first_through_all_pages() {
    let server = Server::new();
    let mut expected = Vec::new();
    for number in 0..7 {
        expected.insert(0, format!("p{number}"));
        server.idle_project(&format!("p{number}")).await;
        server.tick();
    }
    let listed = |items: Vec<Value>| names(&json!({ "items": items }));
    for limit in [1, 2, 3, 7, 100] {
        assert_eq!(listed(all(&server, "/api/projects", limit).await), expected, "{limit}");
    }
    assert_eq!(names(&server.get("/api/projects").await.ok(200)), expected);
}

#[tokio::test]
async fn projects_are_listed_by_status() {
    let server = Server::new();
    server.idle_project("waiting").await;
    server.running_project("running").await;
    let failed = server.running_project("failed").await;
    server.end(&failed, ExecutionOutcome::Failed, "States.TaskFailed", "no").await;
    for (status, expected) in [("created", "waiting"), ("planning", "running"), ("failed", "failed")] {
        assert_eq!(names(&server.get(&format!("/api/projects?status={status}")).await.ok(200)), [expected]);
    }
    assert_eq!(server.get("/api/projects?status=completed").await.ok(200)["items"], json!([]));
}

#[tokio::test]
async fn a_bad_query_is_refused() {
    let server = Server::new();
    server.idle_project("xx").await;
    let cases = [
        ("limit=0", "limit: must be a whole number from 1 to 100"),
        ("limit=101", "limit: "),
        ("limit=x", "limit: "),
        ("limit=", "limit: "),
        ("limit=1&limit=2", "limit: must be given once"),
        ("cursor=", "cursor: "),
        ("cursor=%00nonsense", "cursor: "),
        ("status=done", "status: must be one of created, planning"),
        ("stauts=created", "stauts: is unknown; did you mean status?"),
    ];
    for (query, expected) in cases {
        let problems = server.get(&format!("/api/projects?{query}")).await.problems();
        assert!(problems.len() == 1 && problems[0].starts_with(expected), "{query}: {problems:?}");
    }
    let id = server.idle_project("yy").await;
    for path in ["files", "tests", "deployments", "events"] {
        let problems = server.get(&format!("/api/projects/{id}/{path}?limit=0&curser=x")).await.problems();
        assert_eq!(problems.len(), 2, "{path}: {problems:?}");
    }
    for path in ["", "/plan", "/cost"] {
        let problems = server.get(&format!("/api/projects/{id}{path}?limit=1")).await.problems();
        assert!(problems[0].starts_with("limit: is unknown"), "{path}: {problems:?}");
    }
}

#[tokio::test]
async fn nobody_sees_what_belongs_to_another() {
    let server = Server::new();
    let id = server.idle_project("mine").await;
    let as_other = |method: &str, path: String, body: Option<Value>| {
        let mut request = Request::builder().method(method).uri(path).extension(Caller::new("other", Role::Admin));
        if body.is_some() {
            request = request.header("content-type", "application/json").header("if-match", "*");
        }
        request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap()
    };
    assert_eq!(server.send(as_other("GET", "/api/projects".into(), None)).await.ok(200)["items"], json!([]));
    for path in ["", "/plan", "/files", "/files/a", "/tests", "/deployments", "/events", "/cost"] {
        let answer = server.send(as_other("GET", format!("/api/projects/{id}{path}"), None)).await;
        assert_eq!(answer.problem(404), "not-found", "{path}");
    }
    for action in ["cancel", "resume", "approve"] {
        let body = (action == "approve").then(|| json!({ "decision": "approve" }));
        let answer = server.send(as_other("POST", format!("/api/projects/{id}/{action}"), body)).await;
        assert_eq!(answer.problem(404), "not-found", "{action}");
    }
    let change = json!({ "name": "stolen" });
    assert_eq!(
        server.send(as_other("PUT", format!("/api/projects/{id}"), Some(change))).await.problem(404),
        "not-found"
    );
    let change = json!({ "parameters": { "name": "x" } });
    let answer = server.send(as_other("POST", format!("/api/projects/{id}/modify"), Some(change))).await;
    assert_eq!(answer.problem(404), "not-found");
    let answer = server.send(as_other("DELETE", format!("/api/projects/{id}"), None)).await;
    assert_eq!(answer.problem(404), "not-found");
    assert_eq!(server.get(&format!("/api/projects/{id}")).await.ok(200)["name"], "mine");
    // One owner's keys are not another's.
    let mut request = as_other("POST", "/api/projects".into(), Some(from_template("theirs")));
    request.headers_mut().insert("idempotency-key", "k".parse().unwrap());
    server.send(request).await.ok(201);
    let mine = server.call("POST", "/api/projects", &[("Idempotency-Key", "k")], Some(&from_template("own"))).await;
    assert_eq!(mine.header("idempotency-replayed"), "");
}

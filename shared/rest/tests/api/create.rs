use axum::body::Body;
use axum::http::Request;
use millrace_app::keys;
use millrace_app::ports::{Condition, Ports, Record, RecordStore, Write};
use millrace_app::{Timestamp, projects};
use serde_json::{Value, json};

use crate::support::{Server, from_template};

#[tokio::test]
async fn a_project_is_created_from_a_template() {
    let server = Server::new();
    let mut body = from_template("book-shop");
    body["description"] = json!("Sells books");
    body["budget"] = json!({ "usd": 2.5, "tokens": 1000 });
    let answer = server.post("/api/projects", &body).await;
    let (location, tag) = (answer.header("location").to_owned(), answer.header("etag").to_owned());
    let project = answer.ok(201);
    assert_eq!(location, format!("/api/projects/{}", project["id"].as_str().unwrap()));
    assert_eq!(project["name"], "book-shop");
    assert_eq!(project["status"], "created");
    assert_eq!(project["run"], 1);
    assert_eq!(project["budget"], json!({ "usd": 2.5, "tokens": 1000, "calls": null, "seconds": null }));
    assert!(project["execution_id"].as_str().unwrap().starts_with("exe_"));
    assert!(project["parameters"]["description"].is_string(), "defaults are filled in");
    let read = server.get(&location).await;
    assert_eq!(read.header("etag"), tag);
    assert_eq!(read.ok(200), project);
}

#[tokio::test]
async fn a_project_may_wait_for_its_start() {
    let server = Server::new();
    let id = server.idle_project("later").await;
    let project = server.get(&format!("/api/projects/{id}")).await.ok(200);
    assert_eq!((&project["status"], &project["execution_id"]), (&json!("created"), &Value::Null));
    let started = server.act(&format!("/api/projects/{id}/resume")).await.ok(200);
    assert_eq!(started["status"], "created");
    assert!(started["execution_id"].is_string());
    assert_eq!(server.act(&format!("/api/projects/{id}/resume")).await.problem(409), "wrong-state");
}

#[tokio::test]
async fn words_need_a_model() {
    let server = Server::new();
    let answer = server.post("/api/projects", &json!({ "name": "x", "requirements": "Make me a shop" })).await;
    assert_eq!(answer.problem(422), "not-configured");
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("models/<provider>/api-key") && detail.contains("python-rest-api"), "{detail}");
    assert_eq!(server.get("/api/projects").await.ok(200)["items"], json!([]));
}

#[tokio::test]
async fn every_problem_of_a_body_is_told() {
    let server = Server::new();
    let cases: [(Value, &[&str]); 12] = [
        (json!({}), &["/template_id: is missing", "/name: is missing"]),
        (json!({ "template_id": "nope" }), &["/template_id: there is no such template; there are: "]),
        (json!({ "template_id": "python-rest-api" }), &["/parameters"]),
        (json!({ "template": "x" }), &["/template: is unknown; did you mean template_id?"]),
        (json!({ "archive": "x" }), &["/archive: must be an archive in base64"]),
        (
            json!({ "name": 7, "start": "yes", "budget": { "usd": "1", "eur": 2 }, "parameters": [] }),
            &[
                "/name: must be a string, not a number",
                "/parameters: must be an object, not an array",
                "/budget/usd: must be a number, not a string",
                "/budget/eur: is unknown",
                "/start: must be true or false, not a string",
            ],
        ),
        (
            json!({ "name": "x", "template_id": "python-rest-api", "requirements": "y", "parameters": { "name": "z" } }),
            &["/requirements: can't be combined"],
        ),
        (json!({ "name": "x", "requirements": "y", "parameters": {} }), &["/parameters: belong to a template"]),
        (json!({ "name": " ", "requirements": "y" }), &["/name: must not be empty"]),
        (
            json!({ "name": "a\nb", "requirements": " " }),
            &["/name: must not contain control", "/requirements: must not be empty"],
        ),
        (
            json!({ "name": "n".repeat(101), "description": "d".repeat(2001), "requirements": "r".repeat(70_000),
                 "workflow": "", "budget": { "usd": -1 } }),
            &[
                "/name: must have at most 100",
                "/description: must have at most 2000",
                "/requirements: must have at most 65536",
                "/workflow: must be",
                "/budget/usd: must be 0 or more",
            ],
        ),
        (
            json!({ "name": "x", "requirements": "y", "budget": { "tokens": -1 } }),
            &["/budget/tokens: must be a whole number"],
        ),
    ];
    for (body, expected) in cases {
        let problems = server.post("/api/projects", &body).await.problems();
        assert_eq!(problems.len(), expected.len(), "{body}: {problems:?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{problem:?} instead of {expected:?}");
        }
    }
    let list = server.post("/api/projects", &json!([])).await.problems();
    assert_eq!(list, [": must be an object, not an array"]);
    assert_eq!(server.get("/api/projects").await.ok(200)["items"], json!([]), "nothing was stored");
}

#[tokio::test]
async fn parameters_are_checked_against_the_template() {
    let server = Server::new();
    let body = json!({ "template_id": "python-rest-api", "parameters": { "name": "../../etc", "colour": 1 } });
    let problems = server.post("/api/projects", &body).await.problems();
    assert!(problems.iter().any(|problem| problem.starts_with("/parameters/name: ")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.starts_with("/parameters/colour: ")), "{problems:?}");
}

#[tokio::test]
async fn an_idempotency_key_makes_one_project() {
    let server = Server::new();
    let key = [("Idempotency-Key", "order-17")];
    let body = json!({ "template_id": "python-rest-api", "parameters": { "name": "shop" }, "name": "Shop" });
    let first = server.call("POST", "/api/projects", &key, Some(&body)).await;
    assert_eq!(first.header("idempotency-replayed"), "");
    // The order of members doesn't count.
    let same = json!({ "name": "Shop", "parameters": { "name": "shop" }, "template_id": "python-rest-api" });
    let second = server.call("POST", "/api/projects", &key, Some(&same)).await;
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(second.header("location"), first.header("location"));
    let first = first.ok(201);
    assert_eq!(second.ok(201), first);
    assert_eq!(server.get("/api/projects").await.ok(200)["items"].as_array().unwrap().len(), 1);

    let other = server.call("POST", "/api/projects", &key, Some(&from_template("other"))).await;
    assert_eq!(other.problem(422), "idempotency-mismatch");

    let id = first["id"].as_str().unwrap();
    assert_eq!(server.call("DELETE", &format!("/api/projects/{id}"), &[], None).await.status, 204);
    assert_eq!(server.call("POST", "/api/projects", &key, Some(&body)).await.problem(409), "wrong-state");
}

#[tokio::test]
async fn requests_with_one_key_at_the_same_time_make_one_project() {
    let server = Server::new();
    let key = [("Idempotency-Key", "k")];
    let body = from_template("shop");
    let (one, two, three) = tokio::join!(
        server.call("POST", "/api/projects", &key, Some(&body)),
        server.call("POST", "/api/projects", &key, Some(&body)),
        server.call("POST", "/api/projects", &key, Some(&body)),
    );
    let id = one.ok(201)["id"].clone();
    assert_eq!((two.ok(201)["id"].clone(), three.ok(201)["id"].clone()), (id.clone(), id));
}

#[tokio::test]
async fn an_expired_key_counts_no_more() {
    let server = Server::new();
    let (key, body) = ([("Idempotency-Key", "k")], from_template("shop"));
    let first = server.call("POST", "/api/projects", &key, Some(&body)).await.ok(201);
    let at = keys::idempotency("local", "create_project", "k");
    let record = server.record(&at).await.unwrap();
    let old = Record { expires_at: Some(Timestamp::from_millis(1)), ..record };
    server.ports.records().write(vec![Write::Put(old, Condition::Any)]).await.unwrap();
    let second = server.call("POST", "/api/projects", &key, Some(&from_template("other"))).await;
    assert_eq!(second.header("idempotency-replayed"), "");
    assert_ne!(second.ok(201)["id"], first["id"]);
}

#[tokio::test]
async fn a_bad_key_is_refused() {
    let server = Server::new();
    let long = "k".repeat(256);
    for bad in ["", "two words", long.as_str()] {
        let answer =
            server.call("POST", "/api/projects", &[("Idempotency-Key", bad)], Some(&from_template("xx"))).await;
        assert!(answer.problems()[0].starts_with("Idempotency-Key: "), "{bad}");
    }
    let request = Request::post("/api/projects").header("content-type", "application/json");
    let request = request.header("Idempotency-Key", "a").header("Idempotency-Key", "b");
    let answer = server.send(request.body(Body::from(from_template("xx").to_string())).unwrap()).await;
    assert!(answer.problems()[0].starts_with("Idempotency-Key: "));
}

/// A crash between storing a project and starting its execution leaves it due.
#[tokio::test]
async fn a_start_that_was_lost_is_repaired() {
    let server = Server::new();
    let key = [("Idempotency-Key", "k")];
    let body = from_template("shop");
    let id: millrace_app::ids::ProjectId =
        server.call("POST", "/api/projects", &key, Some(&body)).await.ok(201)["id"].as_str().unwrap().parse().unwrap();
    let pending = |record: &Record| record.body.get("pending").cloned();
    let read = || async { server.record(&keys::project(&id)).await.unwrap() };
    let lose = || async {
        let mut record = read().await;
        record.body["pending"] = json!("start");
        let due = keys::listing(
            millrace_app::ports::Index::Due,
            keys::DUE_PROJECTS,
            Timestamp::from_millis(5_000),
            id.as_str(),
        );
        record.listings.push(due);
        server.ports.records().write(vec![Write::Put(record, Condition::Any)]).await.unwrap();
    };
    assert_eq!(pending(&read().await), None);

    lose().await;
    assert_eq!(projects::repair_due(&server.ports, Timestamp::from_millis(4_999)).await.unwrap(), 0);
    assert_eq!(projects::repair_due(&server.ports, Timestamp::from_millis(5_000)).await.unwrap(), 1);
    assert_eq!(pending(&read().await), None);
    assert_eq!(projects::repair_due(&server.ports, Timestamp::MAX).await.unwrap(), 0);

    lose().await;
    server.call("POST", "/api/projects", &key, Some(&body)).await.ok(201);
    assert_eq!(pending(&read().await), None);

    // However many there are.
    lose().await;
    for number in 0..120 {
        let id = millrace_app::ids::ProjectId::derived(&number.to_string());
        let at = Timestamp::from_millis(number);
        let listing = keys::listing(millrace_app::ports::Index::Due, keys::DUE_PROJECTS, at, id.as_str());
        let mut record = Record { key: keys::project(&id), listings: vec![listing], ..read().await };
        record.body["id"] = json!(id);
        server.ports.records().write(vec![Write::Put(record, Condition::Any)]).await.unwrap();
    }
    assert_eq!(projects::repair_due(&server.ports, Timestamp::from_millis(5_000)).await.unwrap(), 121);
    assert_eq!(pending(&read().await), None);
}

const OWN_WORKFLOW: &str = "StartAt: Done\nStates:\n  Done: {Type: Succeed}\n";

#[tokio::test]
async fn a_project_may_have_a_workflow_of_its_own() {
    let server = Server::new();
    let mut body = from_template("own");
    body["workflow"] = json!("StartAt: Nowhere\nStates:\n  Done: {Type: Succeed}\n");
    let problems = server.post("/api/projects", &body).await.problems();
    assert!(!problems.is_empty() && problems.iter().all(|one| one.starts_with("/workflow: ")), "{problems:?}");
    body["workflow"] = json!("{");
    assert!(server.post("/api/projects", &body).await.problems()[0].starts_with("/workflow: "));
    assert_eq!(server.get("/api/projects").await.ok(200)["items"], json!([]), "nothing was stored");

    body["workflow"] = json!(OWN_WORKFLOW);
    let project = server.post("/api/projects", &body).await.ok(201);
    assert_eq!(project["workflow"], OWN_WORKFLOW);
    // It waits for nothing, so it has ended already.
    assert_eq!(project["status"], "completed");
}

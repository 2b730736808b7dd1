use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hmac::{Hmac, KeyInit as _, Mac as _};
use millrace_app::ports::{MessageQueues, Ports, Queue, Secret, SecretStore};
use millrace_app::workers::{NoTasks, handle};
use millrace_rest::{AuthMode, RestConfig};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Answer, Server};

const SECRET: &str = "It's a Secret to Everybody";

fn hex(key: &str, message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn server() -> Server {
    let server = Server::new();
    for source in ["github", "slack", "payments", "salesforce"] {
        server.ports.secrets().put(&format!("webhooks/{source}"), &Secret::new(SECRET)).await.unwrap();
    }
    let definition = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } });
    server.post("/api/workflows", &json!({ "name": "build", "definition": definition })).await.ok(201);
    server
}

async fn post(server: &Server, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

/// As GitHub sends it.
async fn push(server: &Server, delivery: &str, body: &str) -> Answer {
    let signature = format!("sha256={}", hex(SECRET, body.as_bytes()));
    let headers = [
        ("content-type", "application/json"),
        ("x-github-event", "push"),
        ("x-github-delivery", delivery),
        ("x-hub-signature-256", signature.as_str()),
    ];
    post(server, "/webhooks/github", &headers, body).await
}

/// Takes the messages that wait, as the orchestrator does.
async fn work(server: &Server) {
    loop {
        let queues = server.ports.queues();
        let taken = queues.receive(Queue::Engine, 10, Duration::from_secs(60), Duration::ZERO).await.unwrap();
        if taken.is_empty() {
            return;
        }
        for message in taken {
            handle(&server.ports, &NoTasks, Queue::Engine, &message).await.unwrap();
            queues.delete(Queue::Engine, &message.receipt).await.unwrap();
        }
    }
}

fn rule() -> Value {
    json!({
        "name": "build what is pushed",
        "pattern": { "source": ["github"], "detail-type": ["push"], "detail": { "ref": [{ "prefix": "refs/heads/" }] } },
        "workflow": "build",
        "input": { "branch": "{% $substringAfter($states.input.detail.ref, 'refs/heads/') %}" }
    })
}

async fn events(server: &Server, query: &str) -> Vec<Value> {
    server.get(&format!("/api/webhooks/events{query}")).await.ok(200)["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_push_starts_a_build_and_can_be_replayed() {
    let server = server().await;
    let made = server.post("/api/webhooks/rules", &rule()).await.ok(201);
    let receipt = push(&server, "d1", r#"{"ref":"refs/heads/main"}"#).await.ok(200);
    assert_eq!(receipt["status"], "accepted");
    let id = receipt["events"][0].as_str().unwrap().to_owned();
    let again = push(&server, "d1", r#"{"ref":"refs/heads/main"}"#).await.ok(200);
    assert_eq!((&again["status"], &again["events"][0]), (&json!("duplicate"), &json!(id)));
    push(&server, "d2", r#"{"ref":"refs/tags/v1"}"#).await.ok(200);
    work(&server).await;

    let event = server.get(&format!("/api/webhooks/events/{id}")).await.ok(200);
    assert_eq!(
        (&event["status"], &event["type"], &event["delivery_id"]),
        (&json!("matched"), &json!("push"), &json!("d1"))
    );
    assert_eq!(
        (&event["verification"]["result"], &event["verification"]["by"]),
        (&json!("verified"), &json!("X-Hub-Signature-256"))
    );
    assert_eq!(event["envelope"]["detail"], json!({ "ref": "refs/heads/main" }));
    assert_eq!(event["headers"]["x-github-event"], "push");
    assert!(event["headers"].get("x-hub-signature-256").is_none());
    assert!(!event.to_string().contains(SECRET));
    let run = &event["runs"][0];
    assert_eq!((&run["rule"], &run["result"]), (&made["id"], &json!("started")));
    let execution = server.get(&format!("/api/executions/{}", run["execution"].as_str().unwrap())).await.ok(200);
    assert_eq!(execution["input"], json!({ "branch": "main" }));
    assert_eq!(events(&server, "?status=unmatched").await[0]["delivery_id"], "d2");
    assert_eq!(events(&server, "?source=github").await.len(), 2);
    assert_eq!(events(&server, "?source=stripe").await.len(), 0);
    let bound = event["received_at"].as_str().unwrap();
    assert_eq!(events(&server, &format!("?received_before={bound}")).await.len(), 0);
    assert_eq!(events(&server, &format!("?received_from={bound}&type=push&limit=1")).await.len(), 1);

    server.call("POST", &format!("/api/webhooks/events/{id}/replay"), &[], None).await.ok(202);
    assert_eq!(server.act(&format!("/api/webhooks/events/{id}/replay")).await.problem(409), "wrong-state");
    work(&server).await;
    let event = server.get(&format!("/api/webhooks/events/{id}")).await.ok(200);
    assert_eq!((event["replays"].as_u64(), event["runs"].as_array().unwrap().len()), (Some(1), 2));
    assert_ne!(event["runs"][0]["execution"], event["runs"][1]["execution"]);

    let many = json!({ "filter": { "source": "github" }, "dry_run": true });
    let planned = server.post("/api/webhooks/events/replay", &many).await.ok(200);
    assert_eq!(
        (planned["results"].as_array().unwrap().len(), &planned["results"][0]["outcome"]),
        (2, &json!("planned"))
    );
    let done =
        server.post("/api/webhooks/events/replay", &json!({ "filter": { "status": "unmatched" } })).await.ok(200);
    assert_eq!(done["results"].as_array().unwrap().len(), 1);
    assert_eq!(done["results"][0]["outcome"], "done");
    let skipped = server.post("/api/webhooks/events/replay", &json!({ "filter": { "type": "push" } })).await.ok(200);
    let outcomes: Vec<&str> =
        skipped["results"].as_array().unwrap().iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert!(outcomes.contains(&"skipped") && outcomes.contains(&"done"), "{outcomes:?}");
    let bare = server.post("/api/webhooks/events/replay", &json!({ "filter": {}, "limit": 101 })).await;
    assert_eq!(bare.problems().len(), 2);
    for unknown in ["whe_x", "whe_00000000000000000000000000"] {
        assert_eq!(server.get(&format!("/api/webhooks/events/{unknown}")).await.problem(404), "not-found");
    }
}

#[tokio::test]
async fn what_is_not_signed_is_refused_and_not_stored() {
    let server = server().await;
    let plain = [("content-type", "application/json"), ("x-github-event", "push")];
    let refused = post(&server, "/webhooks/github", &plain, "{}").await;
    assert_eq!(refused.problem(401), "signature-invalid");
    assert_eq!(refused.json()["detail"], "X-Hub-Signature-256 is missing");
    assert_eq!(post(&server, "/webhooks", &plain, "{}").await.problem(401), "signature-invalid");
    let wrong = format!("sha256={}", hex("another", b"{}"));
    let refused = post(&server, "/webhooks/github", &[("x-hub-signature-256", &wrong)], "{}").await;
    assert_eq!(refused.json()["detail"], "the signature in X-Hub-Signature-256 does not match the body");
    let refused = post(&server, "/webhooks/stripe", &[("stripe-signature", "t=1,v1=0")], "{}").await;
    assert_eq!(refused.json()["detail"], "no secret is stored for this source: store one as webhooks/stripe");
    for (path, header) in [("/webhooks/NoName", None), ("/webhooks/github", Some("stripe")), ("/webhooks", Some("a b"))]
    {
        let headers: Vec<(&str, &str)> = header.map(|name| ("x-webhook-source", name)).into_iter().collect();
        assert_eq!(post(&server, path, &headers, "{}").await.problem(400), "invalid-request", "{path}");
    }
    assert_eq!(events(&server, "").await.len(), 0);
    let large = "x".repeat(10 * 1024 * 1024 + 1);
    assert_eq!(post(&server, "/webhooks/github", &[], &large).await.problem(413), "payload-too-large");
}

#[tokio::test]
async fn verification_can_be_switched_off() {
    let config = RestConfig { auth_mode: AuthMode::Off, verify_webhooks: false, ..RestConfig::default() };
    let server = Server::with(config);
    let receipt = post(&server, "/webhooks/github", &[("content-type", "application/json")], "{}").await.ok(200);
    let event = server.get(&format!("/api/webhooks/events/{}", receipt["events"][0].as_str().unwrap())).await.ok(200);
    assert_eq!(event["verification"]["result"], "off");
}

#[tokio::test]
async fn sources_hear_what_they_want() {
    let server = server().await;
    let now = (1_780_000_000_i64).to_string();
    let slack = async |body: &str| {
        let signature = format!("v0={}", hex(SECRET, format!("v0:{now}:{body}").as_bytes()));
        let headers = [
            ("content-type", "application/json"),
            ("x-slack-request-timestamp", now.as_str()),
            ("x-slack-signature", signature.as_str()),
        ];
        post(&server, "/webhooks/slack", &headers, body).await
    };
    let challenge = slack(r#"{"type":"url_verification","challenge":"3eZbrw1aB"}"#).await;
    assert_eq!((challenge.status.as_u16(), challenge.bytes.as_slice()), (200, &b"3eZbrw1aB"[..]));
    assert!(challenge.header("content-type").starts_with("text/plain"));
    let event = slack(r#"{"type":"event_callback","event_id":"Ev1","event":{"type":"app_mention"}}"#).await;
    assert_eq!((event.status.as_u16(), event.bytes.len()), (200, 0));

    let body = r#"{"zen":"Keep it logically awesome.","hook_id":1}"#;
    let signature = format!("sha256={}", hex(SECRET, body.as_bytes()));
    let headers =
        [("content-type", "application/json"), ("x-github-event", "ping"), ("x-hub-signature-256", signature.as_str())];
    assert_eq!(post(&server, "/webhooks", &headers, body).await.ok(200)["status"], "pong");

    let form = "payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%7D";
    let signature = format!("sha256={}", hex(SECRET, form.as_bytes()));
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-github-event", "push"),
        ("x-github-delivery", "f1"),
        ("x-hub-signature-256", signature.as_str()),
    ];
    let id = post(&server, "/webhooks", &headers, form).await.ok(200)["events"][0].as_str().unwrap().to_owned();
    let event = server.get(&format!("/api/webhooks/events/{id}")).await.ok(200);
    assert_eq!(event["envelope"]["detail"]["ref"], "refs/heads/main");

    server.ports.secrets().put("webhooks/salesforce/organizations", &Secret::new("00D000000000001")).await.unwrap();
    let message = "<Envelope><Body><notifications><OrganizationId>00D000000000001EAA</OrganizationId>\
        <SessionId>top secret</SessionId><Notification><Id>04l1</Id></Notification><Notification><Id>04l2</Id></Notification>\
        </notifications></Body></Envelope>";
    let token: String = form_urlencoded_token(SECRET);
    let answer = post(
        &server,
        &format!("/webhooks/salesforce?token={token}"),
        &[("content-type", "text/xml; charset=UTF-8")],
        message,
    )
    .await;
    assert_eq!(answer.status.as_u16(), 200);
    assert!(String::from_utf8_lossy(&answer.bytes).contains("<Ack>true</Ack>"));
    let all = events(&server, "?source=salesforce").await;
    assert_eq!(all.len(), 2);
    let event = server.get(&format!("/api/webhooks/events/{}", all[0]["id"].as_str().unwrap())).await.ok(200);
    assert!(!event.to_string().contains("top secret"));
    let foreign = message.replace("00D000000000001EAA", "00D000000000009EAA");
    let path = format!("/webhooks/salesforce?token={token}");
    let refused = post(&server, &path, &[("content-type", "text/xml")], &foreign).await;
    assert_eq!(refused.problem(401), "signature-invalid");
    assert!(!String::from_utf8_lossy(&refused.bytes).contains(&token));
}

fn form_urlencoded_token(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[tokio::test]
async fn every_source_understands_the_common_headers() {
    let server = server().await;
    let body = r#"{"amount":12}"#;
    let signature = format!("sha256={}", hex(SECRET, body.as_bytes()));
    for source in ["github", "slack", "payments"] {
        let headers = [
            ("content-type", "application/json"),
            ("x-webhook-source", source),
            ("x-webhook-signature", signature.as_str()),
            ("x-webhook-event", "paid"),
            ("x-webhook-id", "7"),
        ];
        let answer = post(&server, "/webhooks", &headers, body).await;
        assert!(answer.status.is_success(), "{source}");
        let event = &events(&server, &format!("?source={source}")).await[0];
        assert_eq!((&event["type"], &event["delivery_id"]), (&json!("paid"), &json!("7")), "{source}");
        assert_eq!(event["verification"]["by"], "X-Webhook-Signature");
    }
}

/// As triggers and schedules do, a rule may name what comes with Millrace.
#[tokio::test]
async fn a_rule_starts_a_built_in_workflow() {
    let server = server().await;
    let body = json!({ "name": "sweep", "pattern": { "source": ["github"] }, "workflow": "cleanup",
        "input": { "dry_run": true } });
    let made = server.post("/api/webhooks/rules", &body).await;
    let location = made.header("location").to_owned();
    assert_eq!(made.ok(201)["workflow"], "arn:aws:states:us-east-1:000000000000:stateMachine:cleanup");
    let change = json!({ "workflow": "daily-report", "input": {} });
    let changed = server.call("PATCH", &location, &[], Some(&change)).await.ok(200);
    assert_eq!(changed["workflow"], "arn:aws:states:us-east-1:000000000000:stateMachine:daily-report");
    push(&server, "d1", r#"{"ref":"refs/heads/main"}"#).await.ok(200);
    work(&server).await;
    let event = &events(&server, "").await[0];
    assert_eq!((&event["status"], &event["runs"][0]["result"]), (&json!("matched"), &json!("started")), "{event}");
}

#[tokio::test]
async fn rules_are_kept() {
    let server = server().await;
    let made = server.post("/api/webhooks/rules", &rule()).await;
    let (tag, location) = (made.header("etag").to_owned(), made.header("location").to_owned());
    let made = made.ok(201);
    assert_eq!((&made["enabled"], &made["query_language"]), (&json!(true), &json!("JSONata")));
    assert_eq!(made["workflow"], "arn:aws:states:us-east-1:000000000000:stateMachine:build");
    assert_eq!(server.get(&location).await.ok(200), made);
    let change = json!({ "enabled": false, "input": null, "workflow": "build", "version": 1 });
    let changed = server.call("PATCH", &location, &[("if-match", &tag)], Some(&change)).await.ok(200);
    assert_eq!((&changed["enabled"], &changed["input"], &changed["version"]), (&json!(false), &Value::Null, &json!(1)));
    assert_eq!(
        server.call("PATCH", &location, &[("if-match", &tag)], Some(&change)).await.problem(412),
        "version-mismatch"
    );
    let several = [("if-match", "\"7\", \"2\"")];
    let changed = server.call("PATCH", &location, &several, Some(&json!({ "name": "again" }))).await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, "\"3\""), "one of the tags will do");
    let late = server.call("DELETE", &location, &several, None).await;
    assert_eq!(late.problem(412), "version-mismatch");
    let weak = server.call("DELETE", &location, &[("if-match", "W/\"3\"")], None).await;
    assert_eq!(weak.problem(412), "version-mismatch");
    push(&server, "d1", r#"{"ref":"refs/heads/main"}"#).await.ok(200);
    work(&server).await;
    assert_eq!(events(&server, "").await[0]["status"], "unmatched", "it is not looked at");
    assert_eq!(server.get("/api/webhooks/rules").await.ok(200)["items"].as_array().unwrap().len(), 1);
    assert_eq!(server.call("DELETE", &location, &[("if-match", &tag)], None).await.problem(412), "version-mismatch");
    assert_eq!(server.call("DELETE", &location, &[], None).await.status.as_u16(), 204);
    assert_eq!(server.get(&location).await.problem(404), "not-found");
}

#[tokio::test]
async fn a_rule_that_can_not_work_is_refused() {
    let server = server().await;
    let refused = async |body: Value| server.post("/api/webhooks/rules", &body).await.problems();
    let with = |name: &str, value: Value| {
        let mut body = rule();
        body[name] = value;
        body
    };
    assert_eq!(refused(json!({})).await, ["/name: is missing", "/pattern: is missing", "/workflow: is missing"]);
    for (body, place) in [
        (with("pattern", json!({ "source": "github" })), "/pattern/source: "),
        (with("pattern", json!({ "a": [{ "numeric": ["<"] }] })), "/pattern/a/0/numeric: "),
        (with("workflow", json!("none")), "/workflow: "),
        (with("version", json!(9)), "/version: "),
        (with("alias", json!("live")), "/alias: "),
        (with("input", json!({ "a": "{% $ + %}" })), "/input"),
        (with("query_language", json!("XPath")), "/query_language: "),
        (with("name", json!("")), "/name: "),
        (with("patern", json!({})), "/patern: is unknown; did you mean pattern?"),
    ] {
        let problems = refused(body).await;
        assert!(problems.len() == 1 && problems[0].starts_with(place), "{place}: {problems:?}");
    }
    assert_eq!(server.get("/api/webhooks/rules").await.ok(200)["items"], json!([]));
}

#[tokio::test]
async fn patterns_can_be_tried() {
    let server = server().await;
    let try_it = async |body: Value| server.post("/api/webhooks/rules/test", &body).await;
    let event = json!({ "source": "github", "detail": { "n": 5 } });
    let pattern = json!({ "detail": { "n": [{ "numeric": [">", 3] }] } });
    let tested = try_it(json!({ "pattern": pattern, "event": event })).await.ok(200);
    assert_eq!(tested, json!({ "matches": true, "input": event, "problem": null }));
    let input = json!({ "twice": "{% $states.input.detail.n * 2 %}" });
    let tested = try_it(json!({ "pattern": { "source": ["x"] }, "event": event, "input": input })).await.ok(200);
    assert_eq!((&tested["matches"], &tested["input"]), (&json!(false), &json!({ "twice": 10 })));
    let path = json!({ "a.$": "$.none" });
    let tested = try_it(json!({ "pattern": pattern, "event": event, "input": path, "query_language": "JSONPath" }))
        .await
        .ok(200);
    assert!(tested["input"].is_null() && tested["problem"].is_string(), "{tested}");
    let id = push(&server, "d1", r#"{"n":5}"#).await.ok(200)["events"][0].clone();
    assert_eq!(try_it(json!({ "pattern": pattern, "event_id": id })).await.ok(200)["matches"], true);
    assert_eq!(try_it(json!({ "pattern": {}, "event": event })).await.problems().len(), 1);
    assert_eq!(try_it(json!({ "pattern": pattern })).await.problems(), ["/event: must be given, or else event_id"]);
}

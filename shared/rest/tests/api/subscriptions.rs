use std::time::Duration;

use millrace_app::changes::ChangeFeed as _;
use millrace_app::notifications::{Deliverer, NotTaken, NotificationSender, Outgoing, publish};
use millrace_app::ports::{MessageQueues as _, Ports as _, Queue};
use serde_json::{Value, json};

use crate::support::Server;

/// A target that takes what has no `refuse` in its address.
struct Target;

impl NotificationSender for Target {
    async fn send(&self, outgoing: Outgoing<'_>) -> Result<Option<u16>, NotTaken> {
        match outgoing.target.address().contains("refuse") {
            true => Err(NotTaken { status: Some(500), ..NotTaken::because("the endpoint answered 500") }),
            false => Ok(Some(200)),
        }
    }
}

/// Tells of what changed, and makes the deliveries whose time has come.
async fn notify(server: &Server) {
    let changes = server.ports.changes(100).await.unwrap();
    assert!(publish(&server.ports, &changes).await.problem.is_none());
    if let Some(last) = changes.last() {
        server.ports.forget_changes(&last.id).await.unwrap();
    }
    let (deliverer, queues) = (Deliverer::new(Target), server.ports.queues());
    loop {
        let taken = queues.receive(Queue::Notifications, 10, Duration::from_secs(60), Duration::ZERO).await.unwrap();
        if taken.is_empty() {
            return;
        }
        for message in taken {
            deliverer.handle(&server.ports, &message).await.unwrap();
            queues.delete(Queue::Notifications, &message.receipt).await.unwrap();
        }
    }
}

fn new(url: &str) -> Value {
    json!({ "name": "mine", "pattern": { "detail-type": [{ "prefix": "project." }] },
        "target": { "type": "https", "url": url } })
}

async fn deliveries(server: &Server, id: &str, query: &str) -> Vec<Value> {
    let page = server.get(&format!("/api/subscriptions/{id}/deliveries{query}")).await.ok(200);
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_subscription_from_the_first_event_to_its_end() {
    let server = Server::new();
    let answer = server.post("/api/subscriptions", &new("https://example.com/hook")).await;
    let (tag, location) = (answer.header("etag").to_owned(), answer.header("location").to_owned());
    let made = answer.ok(201);
    let id = made["id"].as_str().unwrap().to_owned();
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_") && location.ends_with(&id));
    let path = format!("/api/subscriptions/{id}");
    let read = server.get(&path).await.ok(200);
    assert!(read.get("secret").is_none() && read["status"] == "ENABLED" && read["health"].is_null());
    assert_eq!(server.get("/api/subscriptions").await.ok(200)["items"].as_array().unwrap().len(), 1);

    server.idle_project("shop").await;
    notify(&server).await;
    let all = deliveries(&server, &id, "").await;
    assert_eq!(
        (all[0]["event_type"].as_str(), all[0]["status"].as_str()),
        (Some("project.created"), Some("delivered"))
    );
    let delivery = all[0]["id"].as_str().unwrap();
    let details = server.get(&format!("{path}/deliveries/{delivery}")).await.ok(200);
    assert_eq!(details["event"]["detail"]["name"], "shop");
    assert_eq!(details["attempt_log"][0]["status"], 200);

    let replayed = server.post(&format!("{path}/replay"), &json!({ "delivery": delivery })).await.ok(202);
    assert_eq!(replayed["items"][0]["status"], "pending");
    notify(&server).await;
    assert_eq!(deliveries(&server, &id, "?status=delivered").await[0]["replays"], 1);
    let from = json!({ "from": "2020-01-01T00:00:00Z", "status": "delivered", "dry_run": true });
    assert_eq!(server.post(&format!("{path}/replay"), &from).await.ok(202)["items"].as_array().unwrap().len(), 1);
    assert_eq!(deliveries(&server, &id, "?before=2020-01-01T00:00:00Z").await, [] as [Value; 0]);

    let tested = server.act(&format!("{path}/test")).await.ok(202);
    notify(&server).await;
    let came = server.get(&format!("{path}/deliveries/{}", tested["id"].as_str().unwrap())).await.ok(200);
    assert_eq!((came["status"].as_str(), came["test"].as_bool()), (Some("delivered"), Some(true)));

    let rotated = server.post(&format!("{path}/rotate"), &json!({})).await.ok(200);
    assert!(rotated["secret"] != made["secret"] && !rotated["previous_secret_until"].is_null());
    let stale = server.call("PATCH", &path, &[("if-match", &tag)], Some(&json!({ "enabled": false }))).await;
    assert_eq!(stale.status, 412);
    let now = server.get(&path).await.header("etag").to_owned();
    let several = format!("{tag} ,{now}");
    let same = json!({ "enabled": true });
    assert_eq!(server.call("PATCH", &path, &[("if-match", &several)], Some(&same)).await.status, 200);
    assert_eq!(server.call("PATCH", &path, &[("if-match", &several)], Some(&same)).await.status, 412);
    let refuses = json!({ "target": { "type": "https", "url": "https://refuse.example/" }, "pattern": {} });
    let changed = server.call("PATCH", &path, &[], Some(&refuses)).await.ok(200);
    assert_eq!(changed["target"]["url"], "https://refuse.example/");
    server.tick();
    server.idle_project("mall").await;
    notify(&server).await;
    let waiting = deliveries(&server, &id, "?status=pending").await;
    assert!(waiting.len() == 1 && !waiting[0]["next_at"].is_null());
    assert_eq!(server.get(&path).await.ok(200)["health"]["last_error"], "the endpoint answered 500");

    assert_eq!(server.call("DELETE", &path, &[], None).await.status, 204);
    assert_eq!(server.get(&path).await.status, 404);
    assert_eq!(server.get(&format!("{path}/deliveries")).await.status, 404);
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_stored() {
    let server = Server::new();
    for (body, expected) in [
        (json!({}), vec!["/name: is missing", "/target: is missing"]),
        (json!({ "name": "x", "target": null }), vec!["/target: must be an object"]),
        (json!({ "name": "x", "target": {} }), vec!["/target/type: is missing"]),
        (
            json!({ "name": "x", "target": { "type": "mail", "url": "a" } }),
            vec!["/target/type: must be https, sns or eventbridge"],
        ),
        (
            json!({ "name": "x", "target": { "type": "sns", "url": "https://example.com" } }),
            vec!["/target/url: is not for a target of type sns", "/target/topic_arn: is missing"],
        ),
        (
            json!({ "name": " ", "target": { "type": "https", "url": "https://169.254.169.254/" } }),
            vec!["/name: must have 1 to 120 characters", "/target/url: must be an address of the public internet"],
        ),
    ] {
        let answer = server.post("/api/subscriptions", &body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.problems(), expected, "{body}");
    }
    let wrong =
        json!({ "name": "x", "pattern": { "a": 1 }, "target": { "type": "https", "url": "https://example.com" } });
    assert!(server.post("/api/subscriptions", &wrong).await.problems()[0].starts_with("/pattern/a: "));
    assert_eq!(server.get("/api/subscriptions").await.ok(200)["items"], json!([]));

    let id = server.post("/api/subscriptions", &new("https://example.com/")).await.ok(201)["id"].clone();
    let path = format!("/api/subscriptions/{}", id.as_str().unwrap());
    for (body, expected) in [
        (json!({}), "/from: must be given, or else delivery"),
        (json!({ "delivery": "x" }), "/delivery: must be the id of a delivery"),
        (json!({ "from": "2026-01-01T00:00:00Z", "limit": 101 }), "/limit: must be 1 to 100"),
    ] {
        assert_eq!(server.post(&format!("{path}/replay"), &body).await.problems(), [expected]);
    }
    let topic =
        json!({ "name": "t", "target": { "type": "sns", "topic_arn": "arn:aws:sns:eu-west-1:123456789012:t" } });
    let made = server.post("/api/subscriptions", &topic).await.ok(201);
    assert!(made.get("secret").is_none(), "a topic takes no signatures");
    let path = format!("/api/subscriptions/{}", made["id"].as_str().unwrap());
    assert_eq!(server.post(&format!("{path}/rotate"), &json!({})).await.status, 409);
    let endpoint = json!({ "target": { "type": "https", "url": "https://example.com/" } });
    assert_eq!(server.call("PATCH", &path, &[], Some(&endpoint)).await.status, 400);
    for path in ["/api/subscriptions/x", "/api/subscriptions/sub_00000000000000000000000000"] {
        assert_eq!(server.get(path).await.status, 404);
    }
}

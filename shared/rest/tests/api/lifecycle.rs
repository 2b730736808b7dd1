use millrace_app::keys;
use millrace_app::ports::{BlobStore, Order, Ports, Query, RecordStore};
use millrace_app::projects::{self, ExecutionOutcome, Stage, work};
use millrace_app::{Error, Timestamp};
use serde_json::{Value, json};

use crate::support::Server;

async fn kinds(server: &Server, id: &millrace_app::ids::ProjectId) -> Vec<String> {
    let page = server.get(&format!("/api/projects/{id}/events?limit=100")).await.ok(200);
    page["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_change_needs_the_version_that_was_read() {
    let server = Server::new();
    let id = server.idle_project("xx").await;
    let path = format!("/api/projects/{id}");
    let tag = server.get(&path).await.header("etag").to_owned();
    let body = json!({ "name": "Shop", "description": null, "budget": { "usd": 1 } });
    let put = |tag: String, body: Value| {
        let path = path.clone();
        let server = &server;
        async move { server.call("PUT", &path, &[("If-Match", &tag)], Some(&body)).await }
    };
    assert_eq!(server.call("PUT", &path, &[], Some(&body)).await.problem(428), "precondition-required");
    assert!(put("7".into(), body.clone()).await.problems()[0].starts_with("If-Match: "));
    assert_eq!(put("\"999\"".into(), body.clone()).await.problem(412), "version-mismatch");
    assert_eq!(put("\"abc\"".into(), body.clone()).await.problem(412), "version-mismatch");
    assert_eq!(put(format!("W/{tag}"), body.clone()).await.problem(412), "version-mismatch");

    let changed = put(tag.clone(), body.clone()).await;
    let new_tag = changed.header("etag").to_owned();
    assert_ne!(new_tag, tag);
    let changed = changed.ok(200);
    assert_eq!(
        (&changed["name"], &changed["description"], &changed["budget"]["usd"]),
        (&json!("Shop"), &json!(""), &json!(1.0))
    );
    assert_eq!(put(tag.clone(), body.clone()).await.problem(412), "version-mismatch");
    // Nothing changes, so the version stays.
    assert_eq!(put(format!("\"0\", {new_tag}"), body).await.header("etag"), new_tag);
    assert_eq!(
        put("*".into(), json!({ "budget": null })).await.ok(200)["budget"],
        json!({ "usd": null, "tokens": null, "calls": null, "seconds": null })
    );
    assert_eq!(put("*".into(), json!({ "name": null })).await.problems(), ["/name: must be a string, not null"]);
    assert!(put("*".into(), json!({ "status": "completed" })).await.problems()[0].starts_with("/status: is unknown"));
    assert_eq!(put("*".into(), json!({ "requirements": "words" })).await.problem(422), "not-configured");
}

#[tokio::test]
async fn requirements_stay_while_a_delivery_runs() {
    let server = Server::new();
    let id = server.running_project("xx").await;
    let path = format!("/api/projects/{id}");
    let any = [("If-Match", "*")];
    let answer = server.call("PUT", &path, &any, Some(&json!({ "requirements": "new" }))).await;
    assert_eq!(answer.problem(409), "wrong-state");
    server.call("PUT", &path, &any, Some(&json!({ "name": "new" }))).await.ok(200);
}

#[tokio::test]
async fn a_running_project_is_cancelled_and_resumed() {
    let server = Server::new();
    let id = server.running_project("xx").await;
    let cancel = format!("/api/projects/{id}/cancel");
    let first = server.act(&cancel).await.ok(200);
    assert_eq!(first["status"], "cancelled");
    assert_eq!(server.act(&cancel).await.ok(200)["status"], "cancelled", "again is no error");
    let refused = work::begin_stage(&server.ports, &id, 1, 0, Stage::Developing).await;
    assert!(matches!(refused, Err(Error::WrongState(_))), "{refused:?}");

    let resumed = server.act(&format!("/api/projects/{id}/resume")).await.ok(200);
    assert_eq!((&resumed["status"], &resumed["run"]), (&json!("planning"), &json!(1)));
    assert_ne!(resumed["execution_id"], first["execution_id"]);
    // The stopped execution's end comes late and means nothing.
    let old = first["execution_id"].as_str().unwrap().parse().unwrap();
    projects::execution_ended(&server.ports, &id, &old, ExecutionOutcome::Aborted, None, None).await.unwrap();
    assert_eq!(server.get(&format!("/api/projects/{id}")).await.ok(200)["status"], "planning");
    assert_eq!(kinds(&server, &id).await, ["project.created", "stage.started", "project.cancelled", "project.resumed"]);
}

#[tokio::test]
async fn what_has_ended_is_not_cancelled() {
    let server = Server::new();
    let id = server.completed_project("xx").await;
    assert_eq!(server.act(&format!("/api/projects/{id}/cancel")).await.problem(409), "wrong-state");
    assert_eq!(server.act(&format!("/api/projects/{id}/resume")).await.problem(409), "wrong-state");
    assert_eq!(
        server.post(&format!("/api/projects/{id}/approve"), &json!({ "decision": "approve" })).await.problem(409),
        "wrong-state"
    );
}

#[tokio::test]
async fn the_end_of_a_delivery_is_told_in_words() {
    let server = Server::new();
    let id = server.running_project("xx").await;
    let path = format!("/api/projects/{id}");
    server
        .end(&id, ExecutionOutcome::Failed, "States.TaskFailed", r#"{"errorMessage":"The template is broken."}"#)
        .await;
    let failed = server.get(&path).await.ok(200);
    assert_eq!((&failed["status"], &failed["stage"]), (&json!("failed"), &json!("planning")));
    assert_eq!(failed["failure"]["error"], "States.TaskFailed");
    assert_eq!(failed["failure"]["cause"], "The template is broken.");
    assert!(!failed["failure"]["what_to_do"].as_str().unwrap().is_empty());
    // Told twice, it changes nothing.
    server.end(&id, ExecutionOutcome::Succeeded, "", "").await;
    assert_eq!(server.get(&path).await.ok(200), failed);

    let resumed = server.act(&format!("{path}/resume")).await.ok(200);
    assert_eq!(resumed["failure"], Value::Null);
    server.end(&id, ExecutionOutcome::Failed, projects::BUDGET_EXCEEDED, "The budget is used up.").await;
    assert_eq!(server.get(&path).await.ok(200)["status"], "paused");
    server.act(&format!("{path}/resume")).await.ok(200);
    server.end(&id, ExecutionOutcome::TimedOut, "", "").await;
    assert_eq!(server.get(&path).await.ok(200)["status"], "failed");
    server.act(&format!("{path}/resume")).await.ok(200);
    server.end(&id, ExecutionOutcome::Succeeded, "", "").await;
    let done = server.get(&path).await.ok(200);
    assert_eq!((&done["status"], &done["failure"]), (&json!("completed"), &Value::Null));
}

#[tokio::test]
async fn a_modification_is_a_new_run() {
    let server = Server::new();
    let id = server.completed_project("xx").await;
    let (path, modify) = (format!("/api/projects/{id}"), format!("/api/projects/{id}/modify"));
    let before = server.get(&path).await.ok(200);

    let words = json!({ "request": "make it blue" });
    assert_eq!(server.post(&modify, &words).await.problem(422), "not-configured");
    assert_eq!(server.post(&modify, &json!({})).await.problems(), [": give request or parameters"]);
    assert!(server.post(&modify, &json!({ "parameters": {} })).await.problems()[0].starts_with("/parameters: "));
    assert!(
        server.post(&modify, &json!({ "parameters": { "nmae": 1 } })).await.problems()[0]
            .starts_with("/parameters/nmae: ")
    );
    assert!(server.post(&modify, &json!({ "words": "x" })).await.problems()[0].starts_with("/words: is unknown"));
    assert_eq!(server.get(&path).await.ok(200), before, "nothing was stored");

    let accepted = server.post(&modify, &json!({ "parameters": { "description": "Sells maps" } })).await.ok(202);
    assert_eq!((&accepted["run"], &accepted["project_id"]), (&json!(2), &json!(id)));
    let project = server.get(&path).await.ok(200);
    assert_eq!((&project["status"], &project["run_kind"]), (&json!("planning"), &json!("modify")));
    assert_eq!(project["parameters"]["description"], "Sells maps");
    assert_eq!(project["parameters"]["name"], "xx");
    assert_ne!(project["execution_id"], before["execution_id"]);
    let refused = server.post(&modify, &json!({ "parameters": { "description": "y" } })).await;
    assert_eq!(refused.problem(409), "wrong-state");
    let key = keys::modification(&id, &accepted["id"].as_str().unwrap().parse().unwrap());
    assert_eq!(server.record(&key).await.unwrap().body["run"], 2);

    server.end(&id, ExecutionOutcome::Succeeded, "", "").await;
    server.post(&modify, &json!({ "parameters": { "description": null } })).await.ok(202);
    let project = server.get(&path).await.ok(200);
    assert_eq!(project["parameters"]["description"], before["parameters"]["description"], "the default again");
}

#[tokio::test]
async fn what_was_never_delivered_is_not_modified() {
    let server = Server::new();
    let id = server.idle_project("xx").await;
    let answer = server.post(&format!("/api/projects/{id}/modify"), &json!({ "parameters": { "name": "y" } })).await;
    assert_eq!(answer.problem(409), "wrong-state");
}

#[tokio::test]
async fn a_running_project_is_deleted_with_all_that_it_has() {
    let server = Server::new();
    let id = server.running_project("xx").await;
    let path = format!("/api/projects/{id}");
    let files = (0..150)
        .map(|number| work::NewFile {
            path: format!("src/{number}.txt"),
            contents: format!("{number}").into_bytes(),
            language: "text".into(),
            executable: false,
        })
        .collect();
    work::save_files(&server.ports, &id, 1, "t", files).await.unwrap();
    let stale = server.call("DELETE", &path, &[("If-Match", "\"1\"")], None).await;
    assert_eq!(stale.problem(412), "version-mismatch");
    assert_eq!(server.call("DELETE", &path, &[], None).await.status, 204);
    assert_eq!(server.call("DELETE", &path, &[], None).await.problem(404), "not-found");
    assert_eq!(server.get(&path).await.problem(404), "not-found");
    assert_eq!(server.get("/api/projects").await.ok(200)["items"], json!([]));

    let query = Query {
        index: None,
        partition: keys::project_partition(&id),
        sort_prefix: String::new(),
        sort_to: None,
        order: Order::Ascending,
        limit: 10,
        cursor: None,
    };
    assert!(server.ports.records().query(&query).await.unwrap().items.is_empty());
    for prefix in keys::artifacts::of_project(&id) {
        assert!(server.ports.blobs().list(&prefix, None, 10).await.unwrap().items.is_empty(), "{prefix}");
    }
    let refused = work::begin_stage(&server.ports, &id, 1, 0, Stage::Testing).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");

    // A worker that looked before the deletion writes late; the sweeper removes that too.
    server.ports.blobs().put(&keys::artifacts::file(&id, "late"), vec![1], "text/plain").await.unwrap();
    let now = millrace_app::ports::Clock::now(server.ports.clock());
    assert_eq!(projects::purge(&server.ports, now.plus_millis(1_000)).await.unwrap(), 0, "somebody may still write");
    assert!(server.ports.blobs().list(&keys::artifacts::project(&id), None, 10).await.unwrap().items.is_empty());
    assert_eq!(projects::purge(&server.ports, now.plus_millis(3_600_000)).await.unwrap(), 1);
    assert_eq!(server.record(&keys::tombstone(&id)).await, None);
    assert_eq!(projects::purge(&server.ports, Timestamp::MAX).await.unwrap(), 0);
}

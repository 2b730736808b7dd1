//! Tasks that somebody outside ends.

use std::time::Duration;

use millrace_app::PayloadLimit;
use millrace_app::activities::{CreateActivity, create_activity, get_activity_task};
use millrace_app::executions::{Attributes, ExecutionStatus, StartExecution, describe_execution, start_execution};
use millrace_app::ids::ExecutionId;
use serde_json::json;

use crate::support::Server;

const PAINT: &str = "arn:aws:states:us-east-1:111111111111:activity:paint";

/// An execution that waits for a worker's report, and the token of its task.
async fn waiting(server: &Server, name: &str) -> (ExecutionId, String) {
    let create =
        CreateActivity { arn: PAINT.to_owned(), owner: "local".to_owned(), encryption: None, tags: Vec::new() };
    create_activity(&server.ports, create).await.unwrap();
    let state = json!({ "Type": "Task", "Resource": PAINT, "HeartbeatSeconds": 60, "End": true });
    let id = ExecutionId::derived(name);
    let start = StartExecution {
        id: id.clone(),
        owner: "local".to_owned(),
        name: name.to_owned(),
        definition: json!({ "StartAt": "It", "States": { "It": state } }).to_string().into(),
        input: json!({}),
        project: None,
        payload_limit: PayloadLimit::None,
        workflow: None,
        waiting: None,
        attributes: Attributes::new(),
        priority: None,
    };
    start_execution(&server.ports, start).await.unwrap();
    let task = get_activity_task(&server.ports, PAINT, None, Duration::ZERO).await.unwrap().unwrap();
    (id, task.token)
}

#[tokio::test]
async fn a_worker_reports_by_the_token() {
    let server = Server::new();
    let (id, token) = waiting(&server, "one").await;
    let at = |what: &str| format!("/api/tasks/{token}/{what}");
    assert_eq!(server.act(&at("heartbeat")).await.status, 204);
    assert_eq!(server.post(&at("success"), &json!({})).await.problems(), ["/output: is missing"]);
    assert_eq!(server.post(&at("success"), &json!({ "output": { "done": true } })).await.status, 204);
    let view = describe_execution(&server.ports, &id).await.unwrap().unwrap();
    assert_eq!((view.execution.status, view.output), (ExecutionStatus::Succeeded, Some(json!({ "done": true }))));
    assert_eq!(server.act(&at("heartbeat")).await.problem(409), "wrong-state");
    assert_eq!(server.post(&at("success"), &json!({ "output": null })).await.problem(409), "wrong-state");
}

#[tokio::test]
async fn a_worker_reports_a_failure() {
    let server = Server::new();
    let (id, token) = waiting(&server, "two").await;
    let path = format!("/api/tasks/{token}/failure");
    let long = server.post(&path, &json!({ "error": "x".repeat(257), "cause": 1 })).await.problems();
    assert_eq!(long, ["/error: must have at most 256 characters", "/cause: must be a string, not a number"]);
    assert_eq!(server.post(&path, &json!({ "error": "Spilt", "cause": "the red one" })).await.status, 204);
    let view = describe_execution(&server.ports, &id).await.unwrap().unwrap();
    let failure = view.execution.failure.unwrap();
    assert_eq!((failure.error.as_deref(), failure.cause.as_deref()), (Some("Spilt"), Some("the red one")));
}

#[tokio::test]
async fn a_text_that_is_no_token_is_refused() {
    let server = Server::new();
    let refused = server.act("/api/tasks/nonsense/heartbeat").await.problems();
    assert_eq!(refused, ["token: is not the token of a task"]);
}

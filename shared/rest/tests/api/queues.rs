use std::time::Duration;

use millrace_app::ports::{MessageQueues, OutgoingMessage, Ports, Queue};
use millrace_app::workers::{NoTasks, handle, note_panic};
use serde_json::{Value, json};

use crate::support::{Answer, Server};

async fn send(server: &Server, queue: Queue, name: &str, body: &str) {
    let message = OutgoingMessage { name: name.to_owned(), body: body.to_owned(), deliver_at: None };
    server.ports.queues().send(queue, vec![message]).await.unwrap();
}

/// Works a queue off until nothing can be received, as the server's loop does; `panics` in place of handling.
async fn work(server: &Server, queue: Queue, panics: bool) {
    let queues = server.ports.queues();
    loop {
        let taken = queues.receive(queue, 10, Duration::from_secs(60), Duration::ZERO).await.unwrap();
        if taken.is_empty() {
            return;
        }
        for delivery in taken {
            let settled = match panics {
                true => {
                    note_panic(&server.ports, queue, &delivery.id, delivery.receive_count).await;
                    false
                }
                false => handle(&server.ports, &NoTasks, queue, &delivery).await.is_ok(),
            };
            match settled {
                true => queues.delete(queue, &delivery.receipt).await.unwrap(),
                false => queues.release(queue, &delivery.receipt, Duration::ZERO).await.unwrap(),
            }
        }
    }
}

async fn delete(server: &Server, path: &str) -> Answer {
    server.call("DELETE", path, &[], None).await
}

fn of<'a>(list: &'a Value, name: &str) -> &'a Value {
    list["items"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

#[tokio::test]
async fn queues_say_how_full_they_are() {
    let server = Server::new();
    let list = server.get("/api/queues").await.ok(200);
    assert_eq!(list["items"].as_array().unwrap().len(), Queue::ALL.len());
    assert_eq!(
        *of(&list, "pm"),
        json!({ "name": "pm", "ready": 0, "in_flight": 0, "delayed": 0, "oldest_at": null, "oldest_age_seconds": null,
            "dead_letters": 0, "max_receives": 3, "visibility_seconds": 1800 })
    );
    send(&server, Queue::Pm, "one", "{}").await;
    server.pass(Duration::from_secs(90));
    send(&server, Queue::Pm, "two", "{}").await;
    let taken = server.ports.queues().receive(Queue::Pm, 1, Duration::from_secs(60), Duration::ZERO).await.unwrap();
    assert_eq!(taken.len(), 1);
    let list = server.get("/api/queues").await.ok(200);
    let pm = of(&list, "pm");
    assert_eq!((&pm["ready"], &pm["in_flight"], &pm["oldest_age_seconds"]), (&json!(1), &json!(1), &json!(90)));
}

#[tokio::test]
async fn dead_letters_are_listed_with_their_reason_redriven_and_deleted() {
    let server = Server::new();
    let at = "/api/queues/engine/dead-letters";
    assert_eq!(server.get(at).await.ok(200), json!({ "items": [], "next_cursor": null }));
    let timer = r#"{"type":"timer","log":"exe_01arz3ndektsv4rrffq69g5fav","id":"nonsense"}"#;
    for (number, body) in ["no JSON", r#"{"type":"nonsense"}"#, timer].into_iter().enumerate() {
        send(&server, Queue::Engine, &number.to_string(), body).await;
    }
    work(&server, Queue::Engine, false).await;
    let first = server.get(&format!("{at}?limit=2")).await.ok(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = server.get(&format!("{at}?limit=2&cursor={cursor}")).await.ok(200);
    assert_eq!(second["next_cursor"], Value::Null);
    let all: Vec<&Value> = [&first, &second].into_iter().flat_map(|page| page["items"].as_array().unwrap()).collect();
    assert_eq!(all.len(), 3);
    let find = |kind: Value| *all.iter().find(|one| one["kind"] == kind).unwrap();
    let (odd, unknown, late) = (find(Value::Null), find(json!("nonsense")), find(json!("timer")));
    assert_eq!((&odd["size"], &odd["receive_count"]), (&json!(7), &json!(3)));
    assert_eq!(odd["reason"]["code"], "internal");
    assert!(unknown["reason"]["text"].as_str().unwrap().contains("unknown variant `nonsense`"), "{unknown}");
    assert_eq!(late["execution_id"], "exe_01arz3ndektsv4rrffq69g5fav");
    assert!(odd.get("body").is_none());

    let id = |one: &Value| one["id"].as_str().unwrap().to_owned();
    let whole = server.get(&format!("{at}/{}", id(odd))).await.ok(200);
    assert_eq!((&whole["text"], &whole["body"]), (&json!("no JSON"), &Value::Null));
    let whole = server.get(&format!("{at}/{}", id(unknown))).await.ok(200);
    assert_eq!((&whole["text"], &whole["body"]), (&Value::Null, &json!({ "type": "nonsense" })));

    // Sent back it fails again, and the reason is that of the last time.
    server.pass(Duration::from_secs(60));
    let redrive = format!("{at}/redrive");
    let answer = server.post(&redrive, &json!({ "ids": [id(odd), "none"] })).await.ok(200);
    assert_eq!(answer, json!({ "redriven": 1 }));
    assert_eq!(server.get(&format!("{at}/{}", id(odd))).await.problem(404), "not-found");
    work(&server, Queue::Engine, true).await;
    let again = server.get(&format!("{at}/{}", id(odd))).await.ok(200);
    assert_eq!((&again["reason"]["code"], &again["receive_count"]), (&json!("panicked"), &json!(3)));

    // A worker that says nothing leaves no reason, not the one from before.
    server.pass(Duration::from_secs(60));
    server.post(&redrive, &json!({ "ids": [id(odd)] })).await.ok(200);
    for _ in 0..=Queue::MAX_RECEIVES {
        server.ports.queues().receive(Queue::Engine, 10, Duration::from_secs(1), Duration::ZERO).await.unwrap();
        server.pass(Duration::from_secs(2));
    }
    assert_eq!(server.get(&format!("{at}/{}", id(odd))).await.ok(200)["reason"], Value::Null);

    assert_eq!(delete(&server, &format!("{at}/{}", id(odd))).await.ok(200), json!({ "deleted": 1 }));
    assert_eq!(delete(&server, &format!("{at}/{}", id(odd))).await.problem(404), "not-found");
    assert_eq!(server.post(&redrive, &json!({ "all": true })).await.ok(200), json!({ "redriven": 2 }));
    work(&server, Queue::Engine, false).await;
    let list = server.get("/api/queues").await.ok(200);
    assert_eq!(of(&list, "engine")["dead_letters"], 2);
    assert_eq!(delete(&server, &format!("{at}?confirm=engine")).await.ok(200), json!({ "deleted": 2 }));
    assert_eq!(server.get(at).await.ok(200)["items"], json!([]));
}

#[tokio::test]
async fn what_is_asked_wrongly_changes_nothing() {
    let server = Server::new();
    send(&server, Queue::Ops, "one", "no JSON").await;
    work(&server, Queue::Ops, false).await;
    let at = "/api/queues/ops/dead-letters";
    for path in [at, &format!("{at}?confirm=pm"), &format!("{at}?confirm=")] {
        let problems = delete(&server, path).await.problems();
        assert!(problems[0].starts_with("confirm: must be ops"), "{problems:?}");
    }
    let redrive = format!("{at}/redrive");
    for body in [json!({}), json!({ "all": false }), json!({ "ids": [] }), json!({ "all": true, "ids": ["1"] })] {
        let problems = server.post(&redrive, &body).await.problems();
        assert!(problems[0].starts_with("/ids: "), "{body}: {problems:?}");
    }
    let ids: Vec<String> = (0..101).map(|id| id.to_string()).collect();
    server.post(&redrive, &json!({ "ids": ids })).await.problem(400);
    assert_eq!(server.get(&format!("{at}?cursor=AAAA")).await.problem(400), "invalid-request");
    for path in ["/api/queues/none/dead-letters", "/api/queues/ops/dead-letters/none"] {
        assert_eq!(server.get(path).await.problem(404), "not-found");
    }
    assert_eq!(server.get(at).await.ok(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_execution_says_that_its_message_was_given_up() {
    let server = Server::new();
    let definition = json!({ "StartAt": "A", "States": { "A": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:none", "End": true } } });
    let workflow = server.post("/api/workflows", &json!({ "name": "w", "definition": definition })).await.ok(201);
    let path = format!("/api/workflows/{}/executions", workflow["id"].as_str().unwrap());
    let started = server.post(&path, &json!({ "input": {} })).await.ok(201);
    let execution = format!("/api/executions/{}", started["id"].as_str().unwrap());
    assert_eq!(server.get(&execution).await.ok(200)["stuck"], Value::Null);
    let queues = server.ports.queues();
    let mut messages = queues.receive(Queue::Integrations, 1, Duration::from_secs(60), Duration::ZERO).await.unwrap();
    let mut delivery = messages.remove(0);
    delivery.receive_count = Queue::MAX_RECEIVES;
    // What it waits for can't be read any more.
    let body: Value = serde_json::from_str(&delivery.body).unwrap();
    assert_eq!(body["type"], "task");
    let failing = FailingExecutor;
    handle(&server.ports, &failing, Queue::Integrations, &delivery).await.unwrap_err();
    let stuck = server.get(&execution).await.ok(200)["stuck"].clone();
    assert_eq!((&stuck["queue"], &stuck["error"]), (&json!("integrations"), &json!("internal")));
}

struct FailingExecutor;

impl millrace_app::workers::Executor for FailingExecutor {
    async fn execute<P: Ports>(
        &self,
        _: &P,
        _: &millrace_app::workers::Task,
    ) -> Result<millrace_app::workers::TaskResult, millrace_app::workers::TaskError> {
        Err(millrace_app::Error::internal("as asked").into())
    }
}

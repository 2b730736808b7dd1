//! Schedules over the API, with a worker that takes what their timers bring.

use std::time::Duration;

use millrace_app::ports::{MessageQueues as _, Ports as _, Queue};
use millrace_app::workers::{NoTasks, handle};
use serde_json::{Value, json};

use crate::support::Server;

const HOUR: Duration = Duration::from_secs(3600);

/// A server with a workflow `quick` that ends at once, and one, `slow`, that waits for a day.
async fn server() -> Server {
    let server = Server::new();
    for (name, state) in [
        ("quick", json!({ "Type": "Pass", "End": true })),
        ("slow", json!({ "Type": "Wait", "Seconds": 86_400, "End": true })),
    ] {
        let body = json!({ "name": name, "definition": { "StartAt": "Only", "States": { "Only": state } } });
        server.post("/api/workflows", &body).await.ok(201);
    }
    server
}

fn hourly(workflow: &str) -> Value {
    json!({ "name": "hourly", "expression": "rate(1 hour)", "workflow": workflow })
}

/// Handles what is there for the scheduler now. Answers how many messages that were.
async fn work(server: &Server) -> usize {
    let mut handled = 0;
    loop {
        let queues = server.ports.queues();
        let messages = queues.receive(Queue::Scheduler, 10, HOUR, Duration::ZERO).await.unwrap();
        if messages.is_empty() {
            return handled;
        }
        for message in messages {
            handle(&server.ports, &NoTasks, Queue::Scheduler, &message).await.unwrap();
            queues.delete(Queue::Scheduler, &message.receipt).await.unwrap();
            handled += 1;
        }
    }
}

async fn read(server: &Server) -> Value {
    server.get("/api/schedules/hourly").await.ok(200)
}

fn outcomes(schedule: &Value) -> Vec<&str> {
    schedule["runs"].as_array().unwrap().iter().map(|run| run["outcome"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_schedule_starts_its_workflow_at_its_times() {
    let server = server().await;
    let made = server.post("/api/schedules", &hourly("quick")).await;
    assert_eq!(made.header("location"), "/api/schedules/hourly");
    let made = made.ok(201);
    assert_eq!((&made["status"], &made["next_at"]), (&json!("ENABLED"), &made["created_at"]));
    assert_eq!(work(&server).await, 1);
    for _ in 0..2 {
        server.advance(HOUR);
        assert_eq!(work(&server).await, 1);
    }
    let schedule = read(&server).await;
    assert_eq!(outcomes(&schedule), ["started"; 3]);
    assert_eq!(schedule["counts"], json!({ "started": 3, "skipped": 0, "missed": 0, "failed": 0 }));
    let found = server.get("/api/executions?attribute=schedule=hourly").await.ok(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 3);
    let arn = schedule["runs"][0]["execution_arn"].as_str().unwrap();
    let execution = server.get(&format!("/api/executions/{arn}")).await.ok(200);
    let due = &schedule["runs"][0]["due_at"];
    let input = json!({ "schedule_name": "hourly", "definition_id": schedule["workflow_id"], "scheduled_time": due });
    assert_eq!((&execution["status"], &execution["input"]), (&json!("SUCCEEDED"), &input));
}

#[tokio::test]
async fn turns_are_skipped_or_wait_while_the_execution_before_runs() {
    let server = server().await;
    let mut body = hourly("slow");
    body["overlap"] = json!("skip");
    server.post("/api/schedules", &body).await.ok(201);
    work(&server).await;
    server.advance(HOUR);
    work(&server).await;
    assert_eq!(outcomes(&read(&server).await), ["skipped", "started"]);

    body["overlap"] = json!("queue");
    server.call("PUT", "/api/schedules/hourly", &[("if-match", "*")], Some(&body)).await.ok(200);
    server.advance(HOUR);
    work(&server).await;
    let schedule = read(&server).await;
    assert_eq!((&schedule["queued"], outcomes(&schedule).len()), (&json!(1), 2));
    let running = schedule["runs"][1]["execution_arn"].as_str().unwrap();
    server.post(&format!("/api/executions/{running}/stop"), &json!({})).await.ok(200);
    server.advance(Duration::from_secs(120));
    work(&server).await;
    let schedule = read(&server).await;
    assert_eq!((&schedule["queued"], outcomes(&schedule)), (&json!(0), vec!["started", "skipped", "started"]));
}

#[tokio::test]
async fn what_passed_while_nobody_worked_is_made_up_for_as_asked() {
    for (catch_up, outcomes_then) in [
        ("none", vec!["missed", "missed", "missed"]),
        ("last", vec!["started", "missed", "missed"]),
        ("all", vec!["started", "started", "started"]),
    ] {
        let server = server().await;
        let mut body = hourly("quick");
        body["catch_up"] = json!(catch_up);
        server.post("/api/schedules", &body).await.ok(201);
        server.advance(2 * HOUR + HOUR / 2);
        work(&server).await;
        assert_eq!(outcomes(&read(&server).await), outcomes_then, "{catch_up}");
    }
}

#[tokio::test]
async fn a_paused_schedule_does_not_come_and_makes_up_for_nothing() {
    let server = server().await;
    server.post("/api/schedules", &hourly("quick")).await.ok(201);
    let paused = server.post("/api/schedules/hourly/pause", &json!({})).await.ok(200);
    assert_eq!((&paused["status"], &paused["next_at"]), (&json!("PAUSED"), &Value::Null));
    server.advance(3 * HOUR + HOUR / 2);
    work(&server).await;
    let resumed = server.post("/api/schedules/hourly/resume", &json!({})).await.ok(200);
    assert_eq!((&resumed["status"], outcomes(&resumed).len()), (&json!("ENABLED"), 0));
    server.advance(HOUR / 2);
    assert_eq!(work(&server).await, 1);
    assert_eq!(outcomes(&read(&server).await), ["started"]);
}

#[tokio::test]
async fn a_schedule_runs_now_and_says_why_it_can_not() {
    let server = server().await;
    let mut body = hourly("quick");
    body["paused"] = json!(true);
    body["input"] = json!({ "at": "<aws.scheduler.scheduled-time>" });
    server.post("/api/schedules", &body).await.ok(201);
    let run = server.post("/api/schedules/hourly/run", &json!({})).await.ok(201);
    let execution = server.get(&format!("/api/executions/{}", run["execution_arn"].as_str().unwrap())).await.ok(200);
    assert_eq!(execution["input"], json!({ "at": run["due_at"] }));
    server.call("DELETE", "/api/workflows/quick", &[], None).await;
    assert_eq!(server.post("/api/schedules/hourly/run", &json!({})).await.problem(409), "wrong-state");
    server.post("/api/schedules/hourly/resume", &json!({})).await.ok(200);
    server.advance(HOUR);
    work(&server).await;
    let schedule = read(&server).await;
    assert_eq!(outcomes(&schedule), ["failed", "started"]);
    assert!(schedule["runs"][0]["reason"].as_str().unwrap().contains("State Machine"), "{schedule}");
}

#[tokio::test]
async fn schedules_are_listed_changed_and_deleted() {
    let server = server().await;
    for name in ["b", "a", "c"] {
        let mut body = hourly("quick");
        body["name"] = json!(name);
        server.post("/api/schedules", &body).await.ok(201);
        // The same again is the same.
        server.post("/api/schedules", &body).await.ok(201);
        body["expression"] = json!("rate(2 hours)");
        assert_eq!(server.post("/api/schedules", &body).await.problem(409), "wrong-state");
    }
    let page = server.get("/api/schedules?limit=2").await.ok(200);
    let names: Vec<&Value> = page["items"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
    assert_eq!(names, ["a", "b"]);
    let rest = server.get(&format!("/api/schedules?cursor={}", page["next_cursor"].as_str().unwrap())).await.ok(200);
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);

    let body = json!({ "expression": "cron(0 9 * * ? *)", "time_zone": "Asia/Tokyo", "workflow": "quick" });
    assert_eq!(server.call("PUT", "/api/schedules/a", &[], Some(&body)).await.problem(428), "precondition-required");
    let stale = server.call("PUT", "/api/schedules/a", &[("if-match", "\"9\"")], Some(&body)).await;
    assert_eq!(stale.problem(412), "version-mismatch");
    let changed = server.call("PUT", "/api/schedules/a", &[("if-match", "\"1\"")], Some(&body)).await.ok(200);
    assert!(changed["next_at"].as_str().unwrap().ends_with("T00:00:00.000Z"), "{changed}");
    assert_eq!(server.call("DELETE", "/api/schedules/a", &[], None).await.status, 204);
    assert_eq!(server.get("/api/schedules/a").await.problem(404), "not-found");
    // Its timers mean nothing.
    server.advance(48 * HOUR);
    work(&server).await;
    assert_eq!(server.get("/api/executions?attribute=schedule=a").await.ok(200)["items"], json!([]));
}

#[tokio::test]
async fn the_next_times_are_shown() {
    let server = server().await;
    let body = json!({ "expression": "cron(30 2 * * ? *)", "time_zone": "America/New_York", "from": "2026-03-06T12:00:00Z", "count": 3 });
    let shown = server.post("/api/schedules/preview", &body).await.ok(200);
    let times = ["2026-03-07T07:30:00.000Z", "2026-03-09T06:30:00.000Z", "2026-03-10T06:30:00.000Z"];
    assert_eq!(shown, json!({ "times": times }));
    let made = server.post("/api/schedules", &hourly("quick")).await.ok(201);
    let next = server.get("/api/schedules/hourly/next?count=2").await.ok(200);
    assert_eq!((next["times"].as_array().unwrap().len(), &next["times"][0]), (2, &made["next_at"]));
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_stored() {
    let server = server().await;
    let body = json!({ "name": "no spaces", "expression": "cron(0 9 * * * *)", "time_zone": "Mars/Olympus", "workflow": "quick",
        "overlap": "sometimes", "versoin": 1 });
    let problems = server.post("/api/schedules", &body).await.problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    let body = json!({ "name": "no spaces", "expression": "cron(0 9 * * * *)", "time_zone": "Mars/Olympus", "workflow": "quick" });
    let problems = server.post("/api/schedules", &body).await.problems();
    assert_eq!(problems.len(), 3, "{problems:?}");
    let body = json!({ "name": "past", "expression": "at(2020-01-01T00:00:00)", "workflow": "quick" });
    let problems = server.post("/api/schedules", &body).await.problems();
    assert!(problems[0].starts_with("/expression: never comes"), "{problems:?}");
    assert_eq!(server.post("/api/schedules", &hourly("nothing")).await.problem(404), "not-found");
    let mut body = hourly("quick");
    body["version"] = json!(7);
    assert_eq!(server.post("/api/schedules", &body).await.problem(404), "not-found");
    assert_eq!(server.get("/api/schedules").await.ok(200)["items"], json!([]));
}

//! The built-in workflows, started by name through the API of the real program, to their ends.

use std::path::Path;
use std::time::{Duration, Instant};

use millrace_app::digest::sha256_hex;
use serde_json::{Value, json};

use crate::program::{Server, millrace};

/// Starts a workflow by a request; answers the execution when it has ended.
fn run(server: &Server, path: &str, body: &Value) -> Value {
    let (status, answer) = server.call("POST", path, &[], Some(body));
    assert!((200..300).contains(&status), "{}", String::from_utf8_lossy(&answer));
    let started: Value = serde_json::from_slice(&answer).unwrap();
    let id = started["execution_id"].as_str().or_else(|| started["id"].as_str()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let execution = server.get(&format!("/api/executions/{id}"));
        if execution["status"] != "RUNNING" {
            return execution;
        }
        assert!(Instant::now() < deadline, "{execution:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn trigger(server: &Server, workflow: &str, input: Value) -> Value {
    let ended = run(server, "/workflows/trigger", &json!({ "definition_id": workflow, "input_data": input }));
    assert_eq!(ended["status"], "SUCCEEDED", "{ended:#}");
    ended["output"].clone()
}

fn write_source(folder: &Path, price: f64) {
    let prices = json!({ "prices": { "openai/of-the-source": { "input": price, "output": 2.0 } } }).to_string();
    let sha256 = sha256_hex(prices.as_bytes());
    std::fs::write(folder.join("prices.json"), prices).unwrap();
    let manifest = json!({ "prices": { "path": "prices.json", "sha256": sha256 } });
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
}

#[test]
fn each_runs_by_its_name_and_what_it_makes_can_be_fetched() {
    let (data, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_source(source.path(), 1.5);
    let mut command = millrace();
    command.env("SYNC_SOURCE", format!("file:{}/", source.path().display()));
    let server = Server::spawn(&mut command, data.path(), &[]);

    // A workflow of somebody's own that fails, for the report.
    let fails = json!({ "StartAt": "A", "States": { "A": { "Type": "Fail", "Error": "Shop.Closed" } } });
    let body = json!({ "name": "shop", "definition": fails });
    assert_eq!(server.call("POST", "/api/workflows", &[], Some(&body)).0, 201);
    assert_eq!(run(&server, "/workflows/trigger", &json!({ "definition_id": "shop" }))["status"], "FAILED");
    std::thread::sleep(Duration::from_millis(5));
    let told =
        trigger(&server, "daily-report", json!({ "since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z" }));
    assert_eq!(told["executions"], json!({}));

    // A schedule of a built-in by its name, run now: the period is what its input says.
    let now = server.get("/api/executions?limit=1")["items"][0]["started_at"].as_str().unwrap().to_owned();
    let day = &now[..10];
    let body = json!({
        "name": "every-morning", "workflow": "daily-report", "expression": "cron(0 6 * * ? *)",
        "time_zone": "Europe/Berlin", "input": { "date": day, "time_zone": "UTC" },
    });
    let (status, answer) = server.call("POST", "/api/schedules", &[], Some(&body));
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&answer));
    let (status, answer) = server.call("POST", "/api/schedules/every-morning/run", &[], None);
    assert!((200..300).contains(&status), "{}", String::from_utf8_lossy(&answer));
    let deadline = Instant::now() + Duration::from_secs(60);
    let report = loop {
        let listed = server.get("/api/reports");
        let found = listed["items"].as_array().unwrap().iter().find(|report| report["title"] == day).cloned();
        if let Some(report) = found {
            break report;
        }
        assert!(Instant::now() < deadline, "{listed:#}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let report = server.get(&format!("/api/reports/{}", report["id"].as_str().unwrap()));
    let fetch = |form: &str| {
        let (status, bytes) = server.call("GET", report[form].as_str().unwrap(), &[], None);
        assert_eq!(status, 200);
        String::from_utf8(bytes).unwrap()
    };
    let json: Value = serde_json::from_str(&fetch("json_url")).unwrap();
    assert_eq!(json["errors"]["Shop.Closed"]["count"], 1, "{json:#}");
    assert!(fetch("markdown_url").contains("| Shop.Closed | 1 | shop |"));
    assert_eq!(server.call("GET", "/api/reports/rep_00000000000000000000000000", &[], None).0, 404);

    let cleaned = trigger(&server, "cleanup", json!({ "scope": "system" }));
    assert_eq!((&cleaned["dry_run"], &cleaned["removed"]), (&json!(true), &json!(0)), "{cleaned:#}");
    assert!(cleaned["found"]["payloads"]["examined"].as_u64().unwrap() > 0);

    let synced = trigger(&server, "sync", json!({}));
    assert_eq!(synced["results"][0]["result"], "taken", "{synced:#}");
    assert_eq!(trigger(&server, "sync", json!({}))["results"][0]["result"], "unchanged");
    // A broken table is told, and what is used stays.
    write_source(source.path(), -1.0);
    let ended = run(&server, "/workflows/trigger", &json!({ "definition_id": "sync" }));
    assert_eq!(ended["status"], "FAILED", "{ended:#}");
    assert_eq!(
        ended["error"].as_str().or_else(|| ended["failure"]["error"].as_str()),
        Some("Millrace.SyncFailed"),
        "{ended:#}"
    );
    let back = trigger(&server, "sync", json!({ "rollback": ["prices"] }));
    assert_eq!(back["results"][0]["result"], "rolled_back");
}

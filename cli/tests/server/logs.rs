//! What the server logged about an execution is kept, shown to its owner only, and followed.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::program::{Server, millrace};

const WORKFLOW: &str = r#"{"StartAt":"Say","States":{
    "Say":{"Type":"Task","Resource":"millrace:function:shop/says","ResultPath":"$.said","Next":"Fail"},
    "Fail":{"Type":"Fail","Error":"Broken","Cause":"as asked"}}}"#;

/// A server with somebody's workflow that calls a function.
struct Asked {
    server: Server,
    key: String,
}

impl Asked {
    fn start(data: &Path, more: &[&str]) -> Self {
        let server = Server::spawn_with(&mut millrace(), data, &[&["--auth", "keys"], more].concat());
        let kept: Value = serde_json::from_slice(&std::fs::read(data.join("admin-key.json")).unwrap()).unwrap();
        Self { server, key: kept["key"].as_str().unwrap().to_owned() }
    }

    fn call(&self, key: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let (status, answer) = self.server.call(method, path, &[("x-api-key", key)], body);
        (status, serde_json::from_slice(&answer).unwrap_or_default())
    }

    fn ok(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.call(&self.key, method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer:#}");
        answer
    }

    fn run(&self, name: &str) -> String {
        let path = "/api/workflows/talks/executions";
        let headers = [("x-api-key", self.key.as_str()), ("x-request-id", name)];
        let (status, started) = self.server.call("POST", path, &headers, Some(&json!({ "input": { "name": name } })));
        assert_eq!(status, 201);
        let id: Value = serde_json::from_slice(&started).unwrap();
        let id = id["id"].as_str().unwrap().to_owned();
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.ok("GET", &format!("/api/executions/{id}"), None)["status"] == "RUNNING" {
            assert!(Instant::now() < deadline, "{id} does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
        id
    }

    /// Records, once one with a message is there: a line is written a moment after it was logged.
    fn logs(&self, id: &str, query: &str, message: &str) -> Vec<Value> {
        let path = format!("/api/executions/{id}/logs?limit=100&{query}");
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let items = self.ok("GET", &path, None)["items"].as_array().unwrap().clone();
            if items.iter().any(|item| item["message"] == message) {
                return items;
            }
            assert!(Instant::now() < deadline, "{message} is not in {items:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn make(asked: &Asked) {
    let code = "export const handler = async (event) => { console.log('hello from', event.name); console.warn('careful'); return 1; };";
    let function = json!({ "function_name": "says", "code": code });
    asked.ok("POST", "/api/functions/projects/shop", Some(&function));
    let definition: Value = serde_json::from_str(WORKFLOW).unwrap();
    asked.ok("POST", "/api/workflows", Some(&json!({ "name": "talks", "definition": definition })));
}

fn messages(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["message"].as_str().unwrap()).collect()
}

#[test]
fn an_execution_has_its_logs_and_nobody_elses() {
    let dir = tempfile::tempdir().unwrap();
    let asked = Asked::start(dir.path(), &[]);
    make(&asked);
    let (first, second) = (asked.run("first"), asked.run("second"));
    let ended = "an execution ended";
    asked.logs(&second, "order=oldest", ended);
    let items = asked.logs(&first, "order=oldest", ended);
    let told = messages(&items);
    for wanted in ["an execution started", "hello from first", "careful", "did a task", ended] {
        assert!(told.contains(&wanted), "{wanted} is not in {told:?}");
    }
    assert!(!told.contains(&"hello from second"));
    for item in &items {
        assert_eq!(item["fields"]["execution_id"], first.as_str(), "{item}");
        assert_eq!(item["fields"]["request_id"], "first", "{item}");
    }
    let hello = items.iter().find(|item| item["message"] == "hello from first").unwrap();
    assert_eq!((hello["fields"]["state"].as_str(), hello["fields"]["function"].as_str()), (Some("Say"), Some("says")));
    assert_eq!((hello["level"].as_str(), hello["location"].as_str()), (Some("INFO"), Some("millrace_function")));

    // Orders, filters and pages.
    let mut newest = asked.logs(&first, "order=newest", ended);
    newest.reverse();
    assert_eq!(newest, items);
    assert_eq!(messages(&asked.logs(&first, "level=warn", "careful")), ["careful"]);
    assert_eq!(messages(&asked.logs(&first, "text=HELLO", "hello from first")), ["hello from first"]);
    for order in ["oldest", "newest"] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = asked.ok("GET", &format!("/api/executions/{first}/logs?order={order}&limit=3{cursor}"), None);
            found.extend_from_slice(page["items"].as_array().unwrap());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        if order == "newest" {
            found.reverse();
        }
        assert_eq!(found, items, "{order}");
    }
    let page = asked.ok("GET", &format!("/api/executions/{first}/logs?order=oldest&limit=100"), None);
    let follow =
        format!("/api/executions/{first}/logs?order=oldest&cursor={}", page["follow_cursor"].as_str().unwrap());
    assert_eq!(asked.ok("GET", &follow, None)["items"], json!([]));

    // What is not asked for as it should be.
    for (query, field) in [
        ("order=up", "order"),
        ("level=loud", "level"),
        ("limit=101", "limit"),
        ("limit=0", "limit"),
        ("text=", "text"),
        ("colour=red", "colour"),
    ] {
        let (status, problem) = asked.call(&asked.key, "GET", &format!("/api/executions/{first}/logs?{query}"), None);
        assert_eq!((status, problem["errors"][0]["field"].as_str()), (400, Some(field)), "{query}: {problem:#}");
    }
    let newest_cursor = "n-1-2";
    for cursor in [newest_cursor, "o-1", "o-x-1", "o-+1-2", "../../secrets", "o-1-2-3"] {
        let path = format!("/api/executions/{first}/logs?order=oldest&cursor={cursor}");
        assert_eq!(asked.call(&asked.key, "GET", &path, None).0, 400, "{cursor}");
    }
    assert_eq!(asked.call(&asked.key, "GET", "/api/executions/exe_no/logs", None).0, 404);

    // Another owner's key finds neither.
    let made =
        asked.ok("POST", "/api/keys", Some(&json!({ "name": "other", "role": "admin", "owner": "somebody-else" })));
    let other = made["key"].as_str().unwrap();
    assert_eq!(asked.call(other, "GET", &format!("/api/executions/{first}/logs"), None).0, 404);

    // A restart keeps them, and the next ones come behind.
    let Asked { server, .. } = asked;
    server.terminate();
    let asked = Asked::start(dir.path(), &[]);
    assert_eq!(asked.logs(&first, "order=oldest", ended), items);
    let third = asked.run("third");
    asked.logs(&third, "", "hello from third");
    assert_eq!(asked.logs(&first, "order=oldest", ended), items);
}

#[test]
fn a_project_has_its_logs_and_a_server_may_keep_none() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let id = super::create(&server, "tool");
    super::wait_until_completed(&server, &id);
    let logs = server.get(&format!("/api/projects/{id}/logs?limit=100"));
    let items = logs["items"].as_array().unwrap();
    assert!(items.len() >= 4 && items.iter().all(|item| item["fields"]["project_id"] == id.as_str()), "{logs:#}");
    server.terminate();

    let server = Server::start(dir.path(), &["--keep-logs-days", "0"]);
    let (status, problem) = server.call("GET", &format!("/api/projects/{id}/logs"), &[], None);
    assert_eq!(status, 422);
    assert!(String::from_utf8_lossy(&problem).contains("--keep-logs-days"));
}

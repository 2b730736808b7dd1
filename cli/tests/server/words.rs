//! Words become a package: the real program, with a server that speaks OpenAI's protocol and answers from a script.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use millrace_simulation::http::{Answer, Fake, Seen};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::program::{Server, millrace};

/// A model server with what it was asked.
pub(super) struct Model {
    runtime: Runtime,
    fake: Fake,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Model {
    /// `script` gets the whole conversation as text, whether a plan is asked for, and how many calls came before.
    pub(super) fn start(script: impl Fn(&str, bool, usize) -> Answer + Send + Sync + 'static) -> Self {
        let runtime = Runtime::new().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, calls) = (Arc::clone(&asked), AtomicUsize::new(0));
        let answer = move |seen: &Seen| {
            assert_eq!(seen.path, "/v1/chat/completions");
            assert_eq!(seen.header("authorization"), Some("Bearer not-a-real-key"));
            let body = seen.json();
            let messages = body["messages"].as_array().unwrap();
            let said: Vec<&str> = messages.iter().filter_map(|message| message["content"].as_str()).collect();
            let said = said.join("\n");
            log.lock().unwrap().push(said.clone());
            script(&said, body["response_format"].is_object(), calls.fetch_add(1, Ordering::SeqCst))
        };
        let fake = runtime.block_on(Fake::start(answer));
        Self { runtime, fake, asked }
    }

    /// Has a command's server ask this one.
    pub(super) fn environment<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("MILLRACE_MODEL", "openai/scripted")
            .env("MILLRACE_OPENAI_URL", format!("{}/v1", self.fake.url))
            .env("OPENAI_API_KEY", "not-a-real-key")
            .env("MILLRACE_PRICES", r#"{"openai/scripted": {"input": 1, "output": 2}}"#)
    }

    fn server(&self, data: &Path) -> Server {
        Server::spawn(self.environment(&mut millrace()), data, &[])
    }

    fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

pub(super) fn says(text: &str, finish: &str) -> Answer {
    let body = json!({
        "model": "scripted",
        "choices": [{ "message": { "role": "assistant", "content": text }, "finish_reason": finish }],
        "usage": { "prompt_tokens": 1_000, "completion_tokens": 500 },
    });
    Answer::json(200, &body)
}

pub(super) fn plan() -> String {
    json!({
        "name": "adder", "description": "Adds.", "project_type": "cli", "languages": ["python"], "tools": ["python3"],
        "files": [
            { "path": "adder.py", "purpose": "adds", "change": "write" },
            { "path": "README.md", "purpose": "explains", "change": "write" },
            { "path": "test_adder.py", "purpose": "tests", "change": "write" },
        ],
        "tasks": [
            { "id": "code", "title": "Make code", "description": "add(a, b)", "depends_on": [], "acceptance": ["it adds"],
              "files": ["adder.py", "README.md"] },
            { "id": "tests", "title": "Make tests", "description": "tests of add", "depends_on": ["code"],
              "acceptance": ["they pass"], "files": ["test_adder.py"] },
        ],
        "commands": { "test": ["python3 -m unittest"], "build": [], "run": [], "deploy": [] },
    })
    .to_string()
}

const CODE: &str = "### file adder.py\n```python\ndef add(a, b):\n    return a +\n```\n\
                    ### file README.md\n```markdown\n# Adder\n\nAdds.\n```\n";
const REPAIR: &str =
    "### edit adder.py\n```python\n<<<<<<< SEARCH\n  return a +\n=======\n  return a + b\n>>>>>>> REPLACE\n```\n";
const TESTS: &str = "### file test_adder.py\n```python\nimport unittest\n\nfrom adder import add\n\n\n\
                     class AddTest(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(add(1, 2), 3)\n```\n";

/// Code that is right.
pub(super) fn code() -> String {
    CODE.replace("a +", "a + b")
}

/// Tests of it.
pub(super) const fn tests() -> &'static str {
    TESTS
}

/// Does a conversation ask for the tests?
pub(super) fn is_about_tests(said: &str) -> bool {
    said.contains("Make tests")
}

fn create(server: &Server, body: &Value) -> String {
    let (status, body) = server.call("POST", "/api/projects", &[], Some(body));
    let project: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, 201, "{project}");
    project["id"].as_str().unwrap().to_owned()
}

/// The project when it has ended.
pub(super) fn ended(server: &Server, id: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let project = server.get(&format!("/api/projects/{id}"));
        if ["completed", "failed", "cancelled", "paused"].contains(&project["status"].as_str().unwrap()) {
            return project;
        }
        assert!(Instant::now() < deadline, "{project:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn words_become_a_package_by_a_model_that_makes_mistakes() {
    // A limit of the rate, a plan that goes round, an answer that is cut off, code that does not parse, a failed edit.
    let model = Model::start(|said, is_plan, number| match number {
        0 => Answer::status(429, "{}").header("retry-after", "0"),
        1 => says(&plan().replace("\"depends_on\":[]", "\"depends_on\":[\"tests\"]"), "stop"),
        _ if is_plan => says(&plan(), "stop"),
        _ if said.contains("Make tests") => says(TESTS, "stop"),
        _ if said.contains("not in the file") => says(REPAIR, "stop"),
        _ if said.contains("the check found") => says(&REPAIR.replace("a +\n", "a -\n"), "stop"),
        _ if said.contains("was cut off") => says(CODE, "stop"),
        _ => says(&CODE[..60], "length"),
    });
    let dir = tempfile::tempdir().unwrap();
    let server = model.server(dir.path());
    let id = create(&server, &json!({ "requirements": "Add two numbers." }));
    let project = ended(&server, &id);
    assert_eq!(project["status"], "completed", "{project:#}\n{:#?}", model.asked.lock().unwrap().last());
    let (_, code) = server.call("GET", &format!("/api/projects/{id}/files/adder.py"), &[], None);
    assert!(String::from_utf8_lossy(&code).contains("return a + b"), "{}", String::from_utf8_lossy(&code));
    assert_eq!(server.get(&format!("/api/projects/{id}/deployments"))["items"].as_array().unwrap().len(), 1);
    // 429, two plans, cut off, code, tests, a failed repair, the repair.
    assert_eq!(model.calls(), 8);
    let cost = server.get(&format!("/api/projects/{id}/cost"));
    assert_eq!(cost["calls"], 7, "{cost:#}");

    // A modification in words, over what exists.
    let change = json!({ "request": "Say more in the README." });
    let (status, _) = server.call("POST", &format!("/api/projects/{id}/modify"), &[], Some(&change));
    assert_eq!(status, 202);
    assert_eq!(ended(&server, &id)["run"], 2);
    drop(server);
    drop(model.runtime);
}

#[test]
fn a_model_that_never_does_it_ends_with_a_cause_and_a_restart_pays_nothing_twice() {
    let wrong = "### edit adder.py\n<<<<<<< SEARCH\nnot there\n=======\nx\n>>>>>>> REPLACE\n";
    let model = Model::start(move |_, is_plan, _| if is_plan { says(&plan(), "stop") } else { says(wrong, "stop") });
    let dir = tempfile::tempdir().unwrap();
    let server = model.server(dir.path());
    let id = create(&server, &json!({ "requirements": "Add two numbers.", "budget": { "calls": 2 } }));
    let project = ended(&server, &id);
    assert_eq!((project["status"].as_str(), model.calls()), (Some("paused"), 2), "{project:#}");
    server.kill();
    let server = model.server(dir.path());
    let budget = json!({ "budget": { "calls": 20 } });
    let (status, body) = server.call("PUT", &format!("/api/projects/{id}"), &[("if-match", "*")], Some(&budget));
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let (status, _) = server.call("POST", &format!("/api/projects/{id}/resume"), &[], None);
    assert_eq!(status, 200);
    let project = ended(&server, &id);
    assert_eq!(
        (project["status"].as_str(), project["failure"]["error"].as_str()),
        (Some("failed"), Some("Millrace.Stuck"))
    );
    // The plan, and three answers to the task: the first two calls were answered from the store.
    assert_eq!(model.calls(), 4, "{project:#}");
    drop(server);
    drop(model.runtime);
}

#[test]
fn a_plan_waits_for_its_owner_over_a_restart() {
    let model = Model::start(|said, is_plan, _| {
        if is_plan {
            says(&plan(), "stop")
        } else if said.contains("Make tests") {
            says(TESTS, "stop")
        } else {
            says(&CODE.replace("a +", "a + b"), "stop")
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let server = model.server(dir.path());
    let id = create(&server, &json!({ "requirements": "Add two numbers.", "approve_plan": true }));
    let deadline = Instant::now() + Duration::from_secs(60);
    while server.get(&format!("/api/projects/{id}"))["status"] != "awaiting_approval" {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.get(&format!("/api/projects/{id}/plan"))["files"].as_array().unwrap().len(), 3);
    server.kill();
    let server = model.server(dir.path());
    let approve = format!("/api/projects/{id}/approve");
    let (status, body) = server.call("POST", &approve, &[], Some(&json!({ "decision": "perhaps" })));
    assert_eq!(status, 400, "{}", String::from_utf8_lossy(&body));
    let (status, body) = server.call("POST", &approve, &[], Some(&json!({ "decision": "approve" })));
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let project = ended(&server, &id);
    assert_eq!((project["status"].as_str(), model.calls()), (Some("completed"), 3), "{project:#}");
    drop(server);
    drop(model.runtime);
}

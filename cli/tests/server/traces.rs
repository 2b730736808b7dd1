//! One request is one trace, from the API to the last agent and its calls of a model, as a collector sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use millrace_simulation::http::{Answer, Fake, Seen};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::program::{Server, millrace};
use super::words::{Model, code, ended, is_about_tests, plan, says, tests};

/// Gathers what is sent to it, as a collector of OpenTelemetry would.
struct Collector {
    runtime: Runtime,
    fake: Fake,
    requests: Arc<Mutex<Vec<Seen>>>,
}

impl Collector {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&requests);
        let fake = runtime.block_on(Fake::start(move |seen: &Seen| {
            told.lock().unwrap().push(seen.clone());
            Answer::ok("{}")
        }));
        Self { runtime, fake, requests }
    }

    fn environment<'a>(&self, command: &'a mut std::process::Command) -> &'a mut std::process::Command {
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &self.fake.url)
            .env("OTEL_EXPORTER_OTLP_HEADERS", "x-team=not-a-real-key")
            .env("OTEL_BSP_SCHEDULE_DELAY", "100")
    }

    fn spans(&self) -> Vec<Value> {
        let requests = self.requests.lock().unwrap();
        let of = |seen: &Seen| {
            assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/v1/traces"));
            assert_eq!(seen.header("x-team"), Some("not-a-real-key"));
            let body = seen.json();
            let resource = &body["resourceSpans"][0]["resource"]["attributes"][0];
            assert_eq!(*resource, json!({ "key": "service.name", "value": { "stringValue": "millrace" } }));
            body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
        };
        requests.iter().flat_map(of).collect()
    }

    /// The spans of a trace, when its execution's has come.
    fn trace(&self, trace: &str) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let spans: Vec<Value> = self.spans().into_iter().filter(|span| span["traceId"] == trace).collect();
            if spans.iter().any(|span| span["name"] == "execution") {
                return spans;
            }
            assert!(Instant::now() < deadline, "{spans:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn attribute<'a>(span: &'a Value, name: &str) -> Option<&'a Value> {
    span["attributes"].as_array().unwrap().iter().find(|pair| pair["key"] == name).map(|pair| &pair["value"])
}

/// The names from the first span down to this one.
fn way(spans: &[Value], span: &Value) -> Vec<String> {
    let mut names = vec![span["name"].as_str().unwrap().to_owned()];
    let mut at = span;
    while let Some(parent) = at.get("parentSpanId") {
        let Some(above) = spans.iter().find(|span| span["spanId"] == *parent) else { break };
        names.insert(0, above["name"].as_str().unwrap().to_owned());
        at = above;
    }
    names
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

#[test]
fn a_project_is_one_connected_tree() {
    let collector = Collector::start();
    let model = Model::start(|said, is_plan, _| match (is_plan, is_about_tests(said)) {
        (true, _) => says(&plan(), "stop"),
        (_, true) => says(tests(), "stop"),
        _ => says(&code(), "stop"),
    });
    let dir = tempfile::tempdir().unwrap();
    let mut command = millrace();
    model.environment(collector.environment(&mut command)).env("MILLRACE_LOG", "debug");
    let server = Server::spawn(&mut command, dir.path(), &["--log-format", "json"]);
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    let body = json!({ "requirements": "Add two numbers secretly." });
    let (status, body) = server.call("POST", "/api/projects", &[("traceparent", &traceparent)], Some(&body));
    assert_eq!(status, 201);
    let id = serde_json::from_slice::<Value>(&body).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(ended(&server, &id)["status"], "completed");
    let spans = collector.trace(TRACE);

    let ids: BTreeSet<&str> = spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), spans.len(), "no span comes twice");
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for span in &spans {
        let parent = span["parentSpanId"].as_str().unwrap();
        // Only the request's span is within the caller's, which is none of ours.
        let is_request = span["name"] == "POST /api/projects";
        assert_eq!(parent == CALLER, is_request, "{span:#}");
        assert!(is_request || ids.contains(parent), "{span:#}");
        let nanos = |name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
        assert!(nanos("startTimeUnixNano") <= nanos("endTimeUnixNano"));
        *kinds.entry(span["name"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    for (name, least) in [("POST /api/projects", 1), ("execution", 1), ("process pm", 1), ("process dev", 2)] {
        assert!(kinds.get(name).is_some_and(|number| *number >= least), "{name}: {kinds:#?}");
    }
    for agent in ["pm", "dev", "qa", "ops"] {
        let found = spans.iter().find(|span| span["name"] == format!("invoke_agent {agent}"));
        let found = found.unwrap_or_else(|| panic!("{agent}: {kinds:#?}"));
        let expected =
            ["POST /api/projects", "execution", &format!("process {agent}"), &format!("invoke_agent {agent}")];
        assert_eq!(way(&spans, found), expected);
        assert_eq!(attribute(found, "gen_ai.agent.name"), Some(&json!({ "stringValue": agent })));
    }
    let calls: Vec<&Value> = spans.iter().filter(|span| span["name"] == "chat scripted").collect();
    assert_eq!(calls.len(), 3, "a plan and two tasks: {kinds:#?}");
    for call in calls {
        let way = way(&spans, call);
        assert!(["invoke_agent pm", "invoke_agent dev"].contains(&way[3].as_str()), "{way:?}");
        assert_eq!(call["kind"], 3);
        for (name, value) in [
            ("gen_ai.operation.name", json!({ "stringValue": "chat" })),
            ("gen_ai.provider.name", json!({ "stringValue": "openai" })),
            ("gen_ai.request.model", json!({ "stringValue": "scripted" })),
            ("gen_ai.usage.input_tokens", json!({ "intValue": "1000" })),
            ("gen_ai.usage.output_tokens", json!({ "intValue": "500" })),
        ] {
            assert_eq!(attribute(call, name), Some(&value), "{call:#}");
        }
    }
    let execution = spans.iter().find(|span| span["name"] == "execution").unwrap();
    assert_eq!(attribute(execution, "millrace.project.id"), Some(&json!({ "stringValue": id })));
    assert_eq!(attribute(execution, "millrace.execution.status"), Some(&json!({ "stringValue": "SUCCEEDED" })));
    // What was asked and answered is in no span, and the key is in none.
    let all = serde_json::to_string(&spans).unwrap();
    for secret in ["secretly", "add(a, b)", "def add", "not-a-real-key"] {
        assert!(!all.contains(secret), "{secret}");
    }

    // A caller who is not sampled is not traced, and neither is anything that follows.
    let unsampled = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-00";
    let body = json!({ "template_id": "python-cli", "parameters": { "name": "tool" } });
    let (_, body) = server.call("POST", "/api/projects", &[("traceparent", unsampled)], Some(&body));
    let other = serde_json::from_slice::<Value>(&body).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(ended(&server, &other)["status"], "completed");
    let (_, _, log) = server.terminate();
    let spans = collector.spans();
    assert!(spans.iter().all(|span| !span.to_string().contains(&other)), "what is looked at has no id in its span");
    assert!(!spans.iter().any(|span| span["traceId"] == "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    // Lines of a log lead to the trace.
    let traced = log.lines().filter(|line| line.contains(TRACE) && line.contains("\"queue\":\"dev\"")).count();
    assert!(traced > 0 && !log.contains("not-a-real-key"), "{log}");
    drop((model, collector.runtime));
}

#[test]
fn timers_and_children_go_on_with_the_trace_over_a_restart() {
    let collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = millrace();
        collector.environment(&mut command);
        Server::spawn(&mut command, dir.path(), &[])
    };
    let server = start();
    let pass = json!({ "Type": "Pass", "End": true });
    let wait =
        |name: &str| json!({ "StartAt": name, "States": { name: { "Type": "Wait", "Seconds": 1, "End": true } } });
    let definition = json!({ "StartAt": "Wait", "States": {
        "Wait": { "Type": "Wait", "Seconds": 2, "Next": "Both" },
        "Both": { "Type": "Parallel", "Next": "Last", "Branches": [wait("One"), wait("Two")] },
        "Last": pass } });
    let (status, _) =
        server.call("POST", "/api/workflows", &[], Some(&json!({ "name": "waits", "definition": definition })));
    assert_eq!(status, 201);
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    let (_, body) = server.call(
        "POST",
        "/api/workflows/waits/executions",
        &[("traceparent", &traceparent)],
        Some(&json!({ "input": {} })),
    );
    let id = serde_json::from_slice::<Value>(&body).unwrap()["id"].as_str().unwrap().to_owned();
    // What was told in the first process has to be sent before it is killed.
    let deadline = Instant::now() + Duration::from_secs(20);
    while collector.spans().is_empty() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(50));
    }
    server.kill();
    let server = start();
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.get(&format!("/api/executions/{id}"))["status"] == "RUNNING" {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(50));
    }
    let spans = collector.trace(TRACE);
    let execution = spans.iter().find(|span| span["name"] == "execution").unwrap();
    let processed = spans.iter().filter(|span| span["name"] == "process engine").collect::<Vec<_>>();
    assert!(processed.len() >= 3, "the timer, those of the branches: {spans:#?}");
    assert!(processed.iter().all(|span| span["parentSpanId"] == execution["spanId"]));
    // The history says nothing of it.
    let history = server.get(&format!("/api/executions/{id}/history")).to_string();
    assert!(!history.contains(TRACE));
}

#[test]
fn a_wrong_environment_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = millrace();
    command.args(["up", "--port", "0", "--data"]).arg(dir.path());
    let output = command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("OTEL_EXPORTER_OTLP_PROTOCOL") && told.contains("http/json"), "{told}");
}

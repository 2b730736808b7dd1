//! One request's id is in its answer, and in every line of the work that it leads to, to the last worker.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::program::{Server, millrace};
use super::wait_until_completed;

/// The lines of a log of JSON.
fn lines(log: &str) -> Vec<Value> {
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn every_line_of_a_delivery_names_its_request_its_project_and_its_execution() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = millrace();
    command.env("MILLRACE_LOG", "warn,millrace_app=debug,millrace_rest=debug,millrace_stepfunctions=debug");
    let server = Server::spawn(&mut command, dir.path(), &["--log-format", "json"]);
    let body = json!({ "template_id": "python-cli", "parameters": { "name": "tool" } });
    let named = [("x-request-id", "the-request")];
    let (status, body) = server.call("POST", "/api/projects", &named, Some(&body));
    assert_eq!(status, 201);
    let project: Value = serde_json::from_slice(&body).unwrap();
    let id = project["id"].as_str().unwrap().to_owned();
    wait_until_completed(&server, &id);
    let (_, body) = server.call("GET", "/api/projects/prj_no", &[("x-request-id", "the-refused")], None);
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["request_id"], "the-refused");
    let target = [("x-amz-target", "AWSStepFunctions.ListStateMachines"), ("x-request-id", "the-listing")];
    assert_eq!(server.call("POST", "/", &target, Some(&json!({}))).0, 200);

    let agent = ureq::Agent::config_builder().proxy(None).http_status_as_error(false).build().new_agent();
    for path in ["/health", "/metrics", "/nowhere", "/", "/api/workflows", "/artifacts/no"] {
        let answer = agent.get(format!("{}{path}", server.url)).call().unwrap();
        assert!(answer.headers().contains_key("x-request-id"), "{path}");
        let answer = agent.get(format!("{}{path}", server.url)).header("x-request-id", "mine").call().unwrap();
        assert_eq!(answer.headers()["x-request-id"], "mine", "{path}");
    }

    let (_, _, log) = server.terminate();
    let lines = lines(&log);
    let of = |name: &str, value: &str| lines.iter().filter(|line| line[name] == value).collect::<Vec<_>>();
    // The API's line, and all of every worker's.
    let asked = of("request_id", "the-request");
    assert!(asked.iter().any(|line| line["path"] == "/api/projects" && line["status"] == 201), "{log}");
    let worked: Vec<&Value> = lines.iter().filter(|line| line["queue"].is_string()).collect();
    let queues: BTreeSet<&str> = worked.iter().filter_map(|line| line["queue"].as_str()).collect();
    for queue in ["pm", "dev", "qa", "ops"] {
        assert!(queues.contains(queue), "{queue} is not among {queues:?}: {log}");
    }
    let execution = worked.first().unwrap()["execution_id"].clone();
    assert!(execution.as_str().unwrap().starts_with("exe_"), "{log}");
    for line in &worked {
        assert_eq!(line["request_id"], "the-request", "{line}");
        assert_eq!(line["project_id"], id, "{line}");
        assert_eq!(line["execution_id"], execution, "{line}");
        assert!(line["message_id"].is_string(), "{line}");
    }
    assert_eq!(of("request_id", "the-refused").len(), 1, "{log}");
    assert_eq!(of("request_id", "the-listing").first().unwrap()["operation"], "ListStateMachines");
}

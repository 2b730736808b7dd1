//! Map runs over the REST API.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::program::Server;

/// Runs a distributed map over the numbers from 0, of which those above `most` fail.
fn run(server: &Server, count: u64, most: u64) -> Value {
    let definition = json!({
        "QueryLanguage": "JSONata", "StartAt": "Each", "States": { "Each": {
            "Type": "Map", "Label": "each", "ToleratedFailurePercentage": 100, "End": true,
            "ItemProcessor": {
                "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" }, "StartAt": "Check",
                "States": {
                    "Check": { "Type": "Choice", "Default": "Done",
                        "Choices": [{ "Condition": format!("{{% $states.input > {most} %}}"), "Next": "Refuse" }] },
                    "Refuse": { "Type": "Fail", "Error": "TooLarge", "Cause": "It is too large." },
                    "Done": { "Type": "Pass", "End": true } } } } } });
    let workflow = json!({ "name": "numbers", "definition": definition });
    let (status, body) = server.call("POST", "/api/workflows", &[], Some(&workflow));
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    let input: Vec<u64> = (0..count).collect();
    let (status, body) =
        server.call("POST", "/api/workflows/numbers/executions", &[], Some(&json!({ "input": input })));
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    let started: Value = serde_json::from_slice(&body).unwrap();
    let ended = server.get(&format!("/api/executions/{}?wait=20", started["id"].as_str().unwrap()));
    assert_eq!(ended["status"], "SUCCEEDED", "{ended:#}");
    ended
}

#[test]
fn a_map_run_is_read_with_its_executions() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let execution = run(&server, 230, 219);
    let base = format!("/api/executions/{}/map-runs", execution["id"].as_str().unwrap());
    let runs = server.get(&base);
    let [listed] = runs["items"].as_array().unwrap().as_slice() else { panic!("{runs:#}") };
    assert_eq!((&listed["label"], &listed["status"]), (&json!("each"), &json!("SUCCEEDED")));
    let base = format!("{base}/{}", listed["name"].as_str().unwrap());
    let counts = server.get(&base)["items"].clone();
    assert_eq!((&counts["total"], &counts["succeeded"], &counts["failed"]), (&json!(230), &json!(220), &json!(10)));

    let (mut names, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = server.get(&format!("{base}/executions?limit=100{cursor}"));
        names.extend(page["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names.len(), 230);

    let failed = server.get(&format!("{base}/executions?status=FAILED&limit=100"))["items"].clone();
    assert_eq!(failed.as_array().unwrap().len(), 10);
    assert_eq!(failed[0]["error"], "TooLarge");
    let one = format!("{base}/executions/{}", failed[0]["name"].as_str().unwrap());
    let child = server.get(&one);
    assert!(child["input"].as_u64().unwrap() > 219, "{child:#}");
    assert_eq!((&child["status"], &child["output"], &child["items"]), (&json!("FAILED"), &Value::Null, &json!(1)));
    let history = server.get(&format!("{one}/history?reverse=true&limit=1"));
    assert_eq!(history["items"][0]["type"], "ExecutionFailed");
    assert!(history["next_cursor"].is_string());

    let status = |path: &str| server.call("GET", path, &[], None).0;
    let other = "6f1c2f0e-3f0a-4d52-9b1e-2f6f4a9f0c11";
    for path in [
        format!("{base}x"),
        base.replace(listed["name"].as_str().unwrap(), other),
        format!("{base}/executions/{other}"),
        format!("{base}/executions/x/history"),
        base.replace(execution["id"].as_str().unwrap(), "exe_01k8zq3v5x9m2n4p6r8t0w1y3z"),
    ] {
        assert_eq!(status(&path), 404, "{path}");
    }
    for query in ["status=DONE", "limit=0", "cursor=x", "what=1"] {
        assert_eq!(status(&format!("{base}/executions?{query}")), 400, "{query}");
    }
}

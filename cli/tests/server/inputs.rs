//! Schemas for the input of workflows, on the command line of the real program.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Person;

const PASS: &str = "StartAt: A\nStates:\n  A: {Type: Pass, End: true}\n";
const SCHEMA: &str = "type: object\nrequired: [customer]\nproperties:\n  customer: {type: string}\n";

#[test]
fn a_schema_is_given_shown_compared_and_kept_to() {
    let person = Person::new();
    for (name, text) in [("order.yaml", PASS), ("schema.yaml", SCHEMA), ("bad.json", "{\"type\": \"whole\"}")] {
        person.write(name, text);
    }
    person
        .run(&["workflow", "create", "orders", "order.yaml", "--input-schema", "bad.json"])
        .failed(9, "/input_schema/type");
    person
        .run(&["workflow", "validate", "order.yaml", "--input-schema", "bad.json"])
        .failed(9, "order.yaml is not valid");
    person.run(&["workflow", "validate", "order.yaml", "--input-schema", "schema.yaml"]).ok();
    person.run(&["workflow", "create", "orders", "order.yaml", "--input-schema", "schema.yaml"]).ok();
    assert_eq!(person.json(&["workflow", "show", "orders"])["input_schema"]["required"], json!(["customer"]));
    assert!(person.run(&["workflow", "show", "orders"]).ok().out.contains("\"customer\""));
    person.run(&["run", "orders", "--input", "{}"]).failed(9, "/input/customer is missing; give a string");
    person.run(&["run", "orders", "--input", "{\"customer\": \"Ada\"}"]).ok();
    person.run(&["workflow", "update", "orders", "--no-input-schema"]).ok();
    assert_eq!(person.json(&["workflow", "show", "orders"])["input_schema"], Value::Null);
    let diff = person.run(&["workflow", "diff", "orders"]).ok().out;
    assert!(diff.contains("--- orders version 1, input") && diff.contains("-  \"required\""), "{diff}");
    person.run(&["run", "orders", "--input", "[]"]).ok();
    assert_eq!(person.json(&["execution", "list"])["items"].as_array().map(Vec::len), Some(2));
}

#[test]
fn reports_are_listed_shown_and_downloaded() {
    let person = Person::new();
    person.run(&["report", "show"]).failed(8, "millrace run daily-report");
    person.run(&["run", "daily-report", "--input", "{\"date\": \"2026-01-31\"}"]).ok();
    let listed = person.json(&["report", "list"]);
    let id = listed["items"][0]["id"].as_str().unwrap();
    assert!(person.run(&["report", "list"]).ok().out.contains("2026-01-31"));
    for named in [&["report", "show"][..], &["report", "show", "2026-01-31"], &["report", "show", id]] {
        assert!(person.run(named).ok().out.starts_with("# "), "{named:?}");
        assert_eq!(person.json(named)["report_id"], id);
    }
    person.run(&["report", "show", "2026-01-30"]).failed(8, "millrace report list --all");
    person.run(&["report", "show", "rep_00000000000000000000000000"]).failed(8, "not-found");
    assert_eq!(person.run(&["report", "download"]).ok().out, "daily-report-2026-01-31.md\n");
    person.run(&["report", "download"]).failed(2, "--overwrite");
    let json = person.run(&["report", "download", id, "--format", "json", "-o", "-"]).ok().json();
    assert_eq!(json["report_id"], id);
}

#[test]
fn a_watch_hears_of_the_end_at_once() {
    let person = Person::new();
    person.write("wait.yaml", "StartAt: W\nStates:\n  W: {Type: Wait, Seconds: 4, End: true}\n");
    let began = Instant::now();
    let done = person.run(&["run", "wait.yaml", "--watch"]).ok();
    assert!(done.err.contains("execution succeeded"), "{}", done.err);
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn subscriptions_are_found_by_name() {
    let person = Person::new();
    let create = ["subscription", "create", "mine", "https://example.com/hook", "--disabled"];
    person.run(&create).ok();
    let id = person.json(&["subscription", "show", "mine"])["id"].as_str().unwrap().to_owned();
    assert!(person.run(&["subscription", "deliveries", "mine"]).ok().err.contains("There are none"));
    person.run(&["subscription", "deliveries", "nobody"]).failed(8, "millrace subscription list");
    person.run(&create).ok();
    let several = person.run(&["subscription", "show", "mine"]).failed(2, "2 subscriptions have the name");
    assert!(several.err.contains(&id), "{}", several.err);
    person.run(&["subscription", "delete", &id, "--yes"]).ok();
    person.run(&["subscription", "show", "mine"]).ok();
}

//! Replays plain API calls that were recorded from the real service, in process, where the corpus lies beside the project.
//!
//! A recording is one call of a test whose other calls may be missing: what it needs (state machines, versions) is made
//! before. Compared are error names and texts, and that the members of an answer are there; names, times and ids are
//! placeholders in the recordings. Of a recording that depends on calls that it does not hold only the others are
//! counted, so the share is asserted, not each.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr, reason = "these are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use flate2::read::GzDecoder;
use http_body_util::BodyExt as _;
use millrace_simulation::MemoryPorts;
use millrace_stepfunctions::{StepFunctionsConfig, router};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const ROLE: &str = "arn:aws:iam::111111111111:role/snf_role_arn";
const PASS: &str = r#"{"StartAt":"State_1","States":{"State_1":{"Type":"Pass","End":true}}}"#;
const PREFIX: &str = "arn:aws:states:us-east-1:111111111111";

/// Of the recorded answers and errors, so many must come out.
const LEAST_SHARE: f64 = 0.95;

async fn call(api: &Router, operation: &str, body: &Value) -> (bool, Value) {
    let request = Request::post("/")
        .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
        .header("authorization", "AWS4-HMAC-SHA256 Credential=111111111111/20260101/us-east-1/states/aws4_request")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = api.clone().oneshot(request).await.unwrap();
    let good = response.status().is_success();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (good, serde_json::from_slice(&bytes).unwrap())
}

fn cases() -> Option<Vec<Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/asl/cases.json.gz");
    let Ok(packed) = std::fs::read(path) else {
        eprintln!("there is no corpus beside the project: nothing is replayed");
        return None;
    };
    let mut text = String::new();
    GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    let mut all: Value = serde_json::from_str(&text).unwrap();
    Some(std::mem::take(all["cases"].as_array_mut().unwrap()))
}

/// `create_state_machine` → `CreateStateMachine`
fn operation_of(snake: &str) -> String {
    snake.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// The state machines that a text names, with the highest version of each.
fn named(text: &str, found: &mut BTreeMap<String, u64>) {
    for part in text.split(":stateMachine:").skip(1) {
        let arn: &str = part.split(['"', ',', ']', ' ', '\'']).next().unwrap_or_default();
        let (name, qualifier) = arn.split_once(':').unwrap_or((arn, ""));
        let version = qualifier.parse::<u64>().unwrap_or_default();
        let highest = found.entry(name.to_owned()).or_default();
        *highest = version.max(*highest);
    }
}

/// Is the recorded text ours, but for `<placeholders>` and names?
fn same_text(recorded: &str, ours: &str) -> bool {
    let mut rest = ours;
    let mut pieces = recorded.split('<');
    let Some(first) = pieces.next() else { return true };
    let Some(after) = rest.strip_prefix(first) else { return false };
    rest = after;
    for piece in pieces {
        let literal = piece.split_once('>').map_or(piece, |(_, literal)| literal);
        match rest.find(literal) {
            Some(at) => rest = &rest[at + literal.len()..],
            None => return false,
        }
    }
    true
}

/// Does our answer have every member that the recorded one has? Some have more: the service has grown.
fn covers(recorded: &Value, ours: &Value) -> bool {
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            recorded.iter().all(|(name, value)| ours.get(name).is_some_and(|own| covers(value, own)))
        }
        (Value::Array(recorded), Value::Array(ours)) => {
            recorded.len() == ours.len() && recorded.iter().zip(ours).all(|(one, other)| covers(one, other))
        }
        (Value::Object(_) | Value::Array(_), Value::String(text)) => serde_json::from_str::<Value>(text).is_ok(),
        (Value::String(recorded), Value::String(ours)) => {
            let is_word = recorded.len() < 30 && recorded.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
            !is_word || recorded == ours
        }
        (Value::Bool(_) | Value::Null, _) => recorded == ours,
        _ => true,
    }
}

#[derive(Default)]
struct Score {
    passed: usize,
    failed: Vec<String>,
}

/// Replays the calls of one recorded test.
async fn replay(calls: &[&Value], score: &mut Score) {
    let api = router(MemoryPorts::new(7), StepFunctionsConfig::default());
    let mut machines = BTreeMap::new();
    for one in calls {
        named(&one["request"].to_string(), &mut machines);
    }
    let created: BTreeSet<&str> = calls
        .iter()
        .filter(|one| one["operation"] == "create_state_machine")
        .filter_map(|one| one["request"]["name"].as_str())
        .collect();
    for (name, versions) in &machines {
        if created.contains(name.as_str()) || name == "x" || name.contains("invalid") {
            continue;
        }
        for version in 0..=*versions {
            let definition = PASS.replace("\"End\"", &format!("\"Comment\":\"{version}\",\"End\""));
            let arn = format!("{PREFIX}:stateMachine:{name}");
            let body = json!({ "name": name, "definition": definition, "roleArn": ROLE });
            match version {
                0 => call(&api, "CreateStateMachine", &body).await,
                _ => {
                    let body = json!({ "stateMachineArn": arn, "definition": definition, "publish": true });
                    call(&api, "UpdateStateMachine", &body).await
                }
            };
        }
    }
    let mut executions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in calls.iter().rev() {
        let arn = one["request"]["executionArn"].as_str().unwrap_or_default();
        if let Some((machine, name)) = arn.split_once(":execution:").and_then(|(_, rest)| rest.split_once(':')) {
            let names = executions.entry(machine).or_default();
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    for one in calls {
        let operation = operation_of(one["operation"].as_str().unwrap());
        let mut request = one["request"].clone();
        let text = request.to_string();
        let error = &one["expected"]["error_response"];
        let expected = &one["expected"]["response"];
        // What boto3 refuses itself, answers that were not kept, and calls that name what another call gave.
        let unusable = error["code"] == "ParamValidationError"
            || !error.is_object() && !expected.is_object()
            || text.contains("@@CALL")
            || request["nextToken"].is_null() && request.get("nextToken").is_some()
            || text.contains(":stateMachine:x:")
            || text.contains(":execution:x:");
        if unusable {
            continue;
        }
        if let Some(object) = request.as_object_mut() {
            // Placeholders: `snf_role_arn_t1`, `activity_arn`.
            if let Some(role) = object.get("roleArn").and_then(Value::as_str) {
                let role = format!("arn:aws:iam::111111111111:role/{role}");
                object.insert("roleArn".to_owned(), json!(role));
            }
            if object.get("activityArn").and_then(Value::as_str).is_some_and(|arn| !arn.starts_with("no_")) {
                object.insert("activityArn".to_owned(), json!(format!("{PREFIX}:activity:activity_name")));
            }
            if operation == "CreateStateMachine" {
                let definition = one["definition_text"].as_str().map(str::to_owned);
                let definition = definition.unwrap_or_else(|| one["definition"].to_string());
                object.insert("definition".to_owned(), json!(definition));
                object.entry("roleArn").or_insert(json!(ROLE));
            } else if operation == "UpdateStateMachine" && !one["definition"].is_null() {
                object.insert("definition".to_owned(), json!(one["definition"].to_string()));
            }
        }
        // The recordings of starts leave out names that the test did not choose.
        if operation == "StartExecution" && request["name"].is_null() {
            let arn = request["stateMachineArn"].as_str().unwrap_or_default();
            let machine = arn.split(':').nth(6).unwrap_or_default();
            if let Some(name) = executions.get_mut(machine).and_then(Vec::pop) {
                request["name"] = json!(name);
            }
        } else if let Some(arn) = request["executionArn"].as_str() {
            let machine = arn.split(':').nth(6).unwrap_or_default();
            let name = arn.split(':').nth(7).unwrap_or_default();
            if let Some(names) = executions.get_mut(machine)
                && names.contains(&name)
            {
                names.retain(|other| *other != name);
                let start = json!({ "stateMachineArn": format!("{PREFIX}:stateMachine:{machine}"), "name": name });
                call(&api, "StartExecution", &start).await;
            }
        }
        let (good, ours) = call(&api, &operation, &request).await;
        let passes = match error["code"].as_str() {
            Some(code) => {
                let name = ours["__type"].as_str().unwrap_or_default();
                let text = error["message"].as_str().unwrap_or_default();
                !good
                    && name.ends_with(&format!("#{code}"))
                    && same_text(text, ours["message"].as_str().unwrap_or_default())
            }
            None => good && covers(expected, &ours),
        };
        if passes {
            score.passed += 1;
        } else {
            score
                .failed
                .push(format!("{}\n    {request}\n    recorded {}\n    ours     {ours}", one["id"], one["expected"]));
        }
    }
}

#[tokio::test]
async fn recorded_calls_are_answered_as_the_service_did() {
    let Some(cases) = cases() else { return };
    let mut tests: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for case in &cases {
        if case["kind"] == "api" && case["aws_validated"] == true && case["area"] == "base" {
            tests.entry(case["source"].as_str().unwrap()).or_default().push(case);
        }
    }
    let mut score = Score::default();
    for calls in tests.values() {
        replay(calls, &mut score).await;
    }
    let total = score.passed + score.failed.len();
    eprintln!("{} of {total} recorded calls", score.passed);
    for failed in &score.failed {
        eprintln!("{failed}");
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let share = score.passed as f64 / total as f64;
    assert!(share >= LEAST_SHARE, "{share}");
}

//! `TestState` against recordings from the real service, where the corpus lies beside the repository. They are read where
//! they are and never copied.
//!
//! Levels, each including the one before: L1 status, L2 output, error and next state, L3 cause, L4 the whole response. The
//! recordings have the word `date` where a time was: counted once as the scorer does, which takes it literally, and once
//! with any time in its place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::print_stdout, reason = "the table is the result")]
#![allow(dead_code, reason = "shared with other tests")]

#[path = "corpus/compare.rs"]
mod compare;

use std::io::Read as _;
use std::path::Path;

use compare::same;
use millrace_asl::test_state::{TestStateEnvironment, TestStateRequest, TestedState, test_state};
use millrace_asl::{Moment, Timestamp};
use serde_json::{Value, json};

/// What is reached, with any time for `date`; a change that lowers a count fails.
const REACHED: [usize; 4] = [117, 115, 115, 115];

#[test]
fn recorded_tests() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/asl/cases.json.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        println!("no corpus at {}: nothing compared", path.display());
        return;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let corpus: Value = serde_json::from_str(&text).unwrap();
    let (mut literal, mut timed, mut count) = ([0; 4], [0; 4], 0);
    for case in corpus["cases"].as_array().unwrap() {
        if case["kind"] != "test_state" || case["aws_validated"] != true {
            continue;
        }
        count += 1;
        let got = answer(case);
        for (reached, expected) in
            [(&mut literal, case["expected"].clone()), (&mut timed, with_times(&case["expected"]))]
        {
            let levels = levels(&expected, &got);
            for (count, level) in reached.iter_mut().zip(levels) {
                *count += usize::from(level);
            }
        }
        let level = levels(&with_times(&case["expected"]), &got).iter().take_while(|reached| **reached).count();
        if level < 4 {
            let text = format!("{}\n    got {got}", case["expected"]);
            println!("L{} {}\n    {text:.2000}", level + 1, case["id"].as_str().unwrap());
        }
    }
    println!("{:16}{:>6}{:>6}{:>6}{:>6}{:>6}", "test_state", "n", "L1", "L2", "L3", "L4");
    for (name, [l1, l2, l3, l4]) in [("literal", literal), ("any time", timed)] {
        println!("{name:16}{count:6}{l1:6}{l2:6}{l3:6}{l4:6}");
    }
    for (reached, wanted) in timed.iter().zip(REACHED) {
        assert!(*reached >= wanted, "{timed:?} where {REACHED:?} was reached");
    }
}

/// The response, or the error as `{"code": …, "message": …}`.
fn answer(case: &Value) -> Value {
    let mut request = case["request"].clone();
    let definition = case["definition_text"].as_str().map_or_else(|| case["definition"].to_string(), ToOwned::to_owned);
    request["definition"] = json!(definition);
    request["roleArn"] = json!("arn:aws:iam::111111111111:role/tester");
    let environment = TestStateEnvironment {
        account: "111111111111".to_owned(),
        region: "us-east-1".to_owned(),
        moment: Moment { now: Timestamp::parse("2030-01-31T12:00:00Z").unwrap(), seed: 1 },
    };
    match TestStateRequest::from_json(&request).and_then(|request| test_state(&request, &environment)) {
        Ok(TestedState::Done(response)) => response.to_json(),
        Ok(TestedState::Task(task)) => panic!("{}: calls {}", case["id"], task.resource()),
        Err(error) => json!({ "code": error.code(), "message": error.to_string() }),
    }
}

fn levels(expected: &Value, got: &Value) -> [bool; 4] {
    if let Some(error) = expected.get("error_response") {
        let code = error["code"] == got["code"];
        let text = code && same(&error["message"], &got["message"]);
        return [got.get("code").is_some(), code, text, text];
    }
    let want = &expected["response"];
    let part = |name: &str| same(&want[name], &got[name]);
    let l1 = want["status"] == got["status"];
    let l2 = l1 && part("output") && part("error") && part("nextState");
    let l3 = l2 && part("cause");
    [l1, l2, l3, l3 && same(want, got)]
}

/// `date` becomes a wildcard.
fn with_times(value: &Value) -> Value {
    match value {
        Value::String(text) if text == "date" => json!("<date>"),
        Value::Array(items) => items.iter().map(with_times).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), with_times(value))).collect(),
        other => other.clone(),
    }
}

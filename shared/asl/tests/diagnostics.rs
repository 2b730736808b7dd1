//! Every problem that a definition can have, with its code, message and JSON pointer: `diagnostics.snap`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fmt::Write as _;

use millrace_asl::StateMachine;
use serde_json::{Value, json};

/// A definition of one state.
fn one(state: Value) -> Value {
    json!({ "StartAt": "A", "States": { "A": state } })
}

/// A Task state with more fields.
fn task(more: Value) -> Value {
    let mut state = json!({ "Type": "Task", "Resource": "millrace:function:shop/pack", "End": true });
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    one(state)
}

fn choice(rule: Value) -> Value {
    json!({ "StartAt": "A", "States": {
        "A": { "Type": "Choice", "Choices": [rule], "Default": "B" }, "B": { "Type": "Succeed" },
    }})
}

fn map(more: Value) -> Value {
    let mut state = json!({
        "Type": "Map", "End": true,
        "ItemProcessor": { "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } } },
    });
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    one(state)
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!({ "StartAt": "Z", "States": { "Z": { "Type": "Succeed" } } }), |inner, level| {
        let name = format!("P{level}");
        json!({ "StartAt": name, "States": { name: { "Type": "Parallel", "Branches": [inner], "End": true } } })
    })
}

fn definitions() -> Vec<(&'static str, Value)> {
    let pass = json!({ "Type": "Pass", "End": true });
    vec![
        ("no object", json!([])),
        ("nothing", json!({})),
        ("no states", json!({ "StartAt": "A", "States": {} })),
        ("states are no object", json!({ "StartAt": "A", "States": [] })),
        ("no start", json!({ "States": { "A": pass } })),
        ("start is no text", json!({ "StartAt": 1, "States": { "A": pass } })),
        ("start is not there", json!({ "StartAt": "B", "States": { "A": pass } })),
        ("a field that is none", json!({ "StartAt": "A", "States": { "A": pass }, "Start": "A" })),
        ("a comment that is no text", json!({ "Comment": 1, "StartAt": "A", "States": { "A": pass } })),
        ("a language that is none", json!({ "QueryLanguage": "SQL", "StartAt": "A", "States": { "A": pass } })),
        (
            "back to JSONPath",
            json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": { "Type": "Pass", "QueryLanguage": "JSONPath", "End": true } } }),
        ),
        (
            "JSONPath fields in JSONata",
            one(json!({ "Type": "Pass", "QueryLanguage": "JSONata", "InputPath": "$", "Parameters": {}, "End": true })),
        ),
        ("JSONata fields in JSONPath", one(json!({ "Type": "Pass", "Output": {}, "End": true }))),
        (
            "expressions that are none",
            one(json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": { "a": ["{% 1 + %}"] }, "Assign": [],
            "End": true })),
        ),
        ("a timeout of nothing", json!({ "TimeoutSeconds": 0, "StartAt": "A", "States": { "A": pass } })),
        ("a timeout with a fraction", json!({ "TimeoutSeconds": 1.5, "StartAt": "A", "States": { "A": pass } })),
        ("too deep", nested(33)),
        ("a state that is no object", one(json!("Pass"))),
        ("no type", one(json!({ "End": true }))),
        ("a type that is none", one(json!({ "Type": "Sleep", "End": true }))),
        ("a long name", json!({ "StartAt": "A".repeat(81), "States": { "A".repeat(81): pass } })),
        (
            "the same name twice",
            json!({ "StartAt": "A", "States": { "A": {
            "Type": "Parallel", "End": true, "Branches": [{ "StartAt": "A", "States": { "A": pass } }] } } }),
        ),
        ("neither next nor end", one(json!({ "Type": "Pass" }))),
        ("both next and end", one(json!({ "Type": "Pass", "Next": "A", "End": true }))),
        ("next is no text", one(json!({ "Type": "Pass", "Next": 7 }))),
        ("end is no boolean", one(json!({ "Type": "Pass", "End": "yes" }))),
        ("next is not there", one(json!({ "Type": "Pass", "Next": "B" }))),
        ("nothing ends", one(json!({ "Type": "Pass", "Next": "A" }))),
        (
            "a state that nothing leads to",
            json!({ "StartAt": "A", "States": {
            "A": { "Type": "Pass", "Next": "C" }, "B": pass } }),
        ),
        ("a field of another type of state", one(json!({ "Type": "Succeed", "Result": 1 }))),
        ("an input path that is none", one(json!({ "Type": "Pass", "InputPath": "a.b", "End": true }))),
        ("an output path that is no text", one(json!({ "Type": "Pass", "OutputPath": 1, "End": true }))),
        ("a result path with a wildcard", one(json!({ "Type": "Pass", "ResultPath": "$.a[*]", "End": true }))),
        (
            "parameters that are no path",
            one(json!({ "Type": "Pass", "Parameters": { "o": { "a.$": "text" } }, "End": true })),
        ),
        (
            "an intrinsic that is none",
            one(json!({ "Type": "Pass", "Parameters": { "a.$": "States.Nope()" }, "End": true })),
        ),
        ("a task without a resource", one(json!({ "Type": "Task", "End": true }))),
        ("an empty resource", one(json!({ "Type": "Task", "Resource": "", "End": true }))),
        ("two timeouts", task(json!({ "TimeoutSeconds": 1, "TimeoutSecondsPath": "$.t" }))),
        ("a heartbeat as long as the timeout", task(json!({ "TimeoutSeconds": 5, "HeartbeatSeconds": 5 }))),
        ("no choices", one(json!({ "Type": "Choice", "Choices": [] }))),
        ("a choice without next", choice(json!({ "Variable": "$.a", "IsNull": true }))),
        ("a choice that leads nowhere", choice(json!({ "Variable": "$.a", "IsNull": true, "Next": "C" }))),
        ("a choice without an operator", choice(json!({ "Variable": "$.a", "Next": "B" }))),
        (
            "a choice with two operators",
            choice(json!({ "Variable": "$.a", "IsNull": true, "IsString": true, "Next": "B" })),
        ),
        ("a choice without a variable", choice(json!({ "IsNull": true, "Next": "B" }))),
        (
            "a choice with an operand of another type",
            choice(json!({ "Variable": "$.a", "NumericEquals": "1", "Next": "B" })),
        ),
        (
            "next inside a rule",
            choice(json!({ "Not": { "Variable": "$.a", "IsNull": true, "Next": "B" }, "Next": "B" })),
        ),
        (
            "a default that is not there",
            json!({ "StartAt": "A", "States": {
            "A": { "Type": "Choice", "Choices": [{ "Variable": "$.a", "IsNull": true, "Next": "B" }], "Default": "C" }, "B": pass } }),
        ),
        ("a wait for nothing", one(json!({ "Type": "Wait", "End": true }))),
        ("a wait for two things", one(json!({ "Type": "Wait", "Seconds": 1, "SecondsPath": "$.s", "End": true }))),
        ("a wait with a fraction", one(json!({ "Type": "Wait", "Seconds": 0.5, "End": true }))),
        ("a wait for no timestamp", one(json!({ "Type": "Wait", "Timestamp": "2026-13-01T00:00:00Z", "End": true }))),
        ("a fail with both", one(json!({ "Type": "Fail", "Error": "E", "ErrorPath": "$.e", "CausePath": "text" }))),
        ("no branches", one(json!({ "Type": "Parallel", "Branches": [], "End": true }))),
        ("a branch that is no object", one(json!({ "Type": "Parallel", "Branches": [1], "End": true }))),
        (
            "a target outside of the branch",
            json!({ "StartAt": "A", "States": { "B": pass, "A": { "Type": "Parallel", "Next": "B",
            "Branches": [{ "StartAt": "C", "States": { "C": { "Type": "Pass", "Next": "B" }, "D": pass } }] } } }),
        ),
        ("no item processor", one(json!({ "Type": "Map", "End": true }))),
        ("a field of a distributed map", map(json!({ "Label": "L", "ItemReader": {}, "ToleratedFailureCount": 1 }))),
        (
            "a distributed map",
            map(json!({
                "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "SLOW", "x": 1 },
                                   "StartAt": "I", "States": { "I": pass } },
                "ItemReader": { "Resource": "arn:aws:states:::s3:putObject",
                                "ReaderConfig": { "InputType": "PARQUET", "CSVDelimiter": "DOT", "MaxItems": -1 } },
                "ItemBatcher": { "MaxItemsPerBatch": 0, "MaxInputBytesPerBatch": 300_000 },
                "ResultWriter": { "WriterConfig": { "Transformation": "TWIST" } },
                "ToleratedFailurePercentage": 101, "ToleratedFailureCount": 1, "ToleratedFailureCountPath": "$.c",
            })),
        ),
        (
            "a result writer of nothing",
            map(json!({
                "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED" }, "StartAt": "I", "States": { "I": pass } },
                "ResultWriter": {},
            })),
        ),
        ("two concurrencies", map(json!({ "MaxConcurrency": 1, "MaxConcurrencyPath": "$.c" }))),
        ("a negative concurrency", map(json!({ "MaxConcurrency": -1 }))),
        ("retry that is no array", task(json!({ "Retry": { "ErrorEquals": ["A"] } }))),
        ("a retrier without errors", task(json!({ "Retry": [{ "ErrorEquals": [] }, {}, "x"] }))),
        (
            "a retrier out of bounds",
            task(json!({ "Retry": [{ "ErrorEquals": ["A"], "IntervalSeconds": 0,
            "MaxAttempts": -1, "BackoffRate": 0.5, "MaxDelaySeconds": 31_622_401, "JitterStrategy": "HALF", "Delay": 1 }] })),
        ),
        ("all errors among others", task(json!({ "Retry": [{ "ErrorEquals": ["States.ALL", "A"] }] }))),
        (
            "all errors before others",
            task(json!({ "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "A" },
            { "ErrorEquals": ["A"], "Next": "A" }] })),
        ),
        ("a catcher without next", task(json!({ "Catch": [{ "ErrorEquals": ["A"] }] }))),
        ("a catcher that leads nowhere", task(json!({ "Catch": [{ "ErrorEquals": ["A"], "Next": "B" }] }))),
        ("a name to escape", json!({ "StartAt": "a/b~c", "States": { "a/b~c": { "Type": "Pass", "Next": "B" } } })),
    ]
}

#[test]
fn every_problem() {
    let mut text = String::new();
    for (name, definition) in definitions() {
        let problem = StateMachine::from_value(&definition).map(|_| name).expect_err(name);
        writeln!(text, "{name}").unwrap();
        for found in &problem.diagnostics {
            let severity = serde_json::to_value(found.severity).unwrap();
            let severity = severity.as_str().unwrap();
            let message: String = found.message.chars().take(300).collect();
            writeln!(text, "  {severity} {} at {:?}: {message}", found.code, found.location).unwrap();
        }
    }
    insta::with_settings!({
        snapshot_path => "diagnostics", prepend_module_to_snapshot => false, omit_expression => true,
    }, { insta::assert_snapshot!("every_problem", text) });
}

#[test]
fn text_that_is_neither_json_nor_yaml() {
    for (text, said) in [
        ("{\"StartAt\": }", "not JSON"),
        ("a: [1", "not YAML"),
        ("", "must be an object"),
        ("just words", "must be an object"),
    ] {
        let problem = StateMachine::parse(text).unwrap_err();
        let first = &problem.diagnostics[0];
        assert!(first.message.contains(said), "{text:?}: {}", first.message);
        assert!(problem.to_string().contains(&first.message));
    }
    let large = format!("{{\"Comment\": \"{}\"}}", "x".repeat(1024 * 1024));
    let problem = StateMachine::parse(&large).unwrap_err();
    assert_eq!(problem.diagnostics[0].code, "INVALID_JSON_DESCRIPTION");
    assert!(problem.diagnostics[0].message.contains("the limit is 1048576"));
}

#[test]
fn warnings_come_with_a_definition_that_is_valid() {
    let definition = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Succeed" }, "Lost": { "Type": "Succeed" } } });
    let machine = StateMachine::from_value(&definition).unwrap();
    let warnings: Vec<_> = machine.warnings.iter().map(|one| (one.code, one.location.as_str())).collect();
    assert_eq!(warnings, [("UNREACHABLE_STATE", "/States/Lost")]);
}

#[test]
fn no_more_than_a_hundred_problems() {
    let states: serde_json::Map<String, Value> =
        (0..300).map(|n| (format!("S{n}"), json!({ "Type": "Pass" }))).collect();
    let problem = StateMachine::from_value(&json!({ "StartAt": "S0", "States": states })).unwrap_err();
    assert_eq!(problem.diagnostics.len(), 100);
}

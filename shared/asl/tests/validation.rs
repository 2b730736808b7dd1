//! Every rule of validation, with its code, text and place: `validation.snap`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fmt::Write as _;

use millrace_asl::validation::{
    Options, Validation, WorkflowType, parse_json, validate, validate_state, validate_value,
};
use millrace_asl::{StateMachine, definition::Severity};
use proptest::prelude::*;
use serde_json::{Value, json};

fn all() -> Options {
    Options { severity: Severity::Warning, ..Options::default() }
}

fn lines(found: &Validation) -> String {
    let mut text = String::new();
    for one in &found.diagnostics {
        let severity = serde_json::to_value(one.severity).unwrap();
        let place = one.location.as_deref().unwrap_or("-");
        writeln!(text, "  {} {} {place}: {}", severity.as_str().unwrap(), one.code, one.message).unwrap();
    }
    text
}

/// A definition of one state.
fn one(state: Value) -> Value {
    json!({ "StartAt": "A", "States": { "A": state } })
}

fn with(mut state: Value, more: &Value) -> Value {
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    state
}

fn task(more: Value) -> Value {
    one(with(json!({ "Type": "Task", "Resource": "millrace:function:shop/pack", "End": true }), &more))
}

fn pass(more: Value) -> Value {
    one(with(json!({ "Type": "Pass", "End": true }), &more))
}

fn choice(rule: Value) -> Value {
    json!({ "StartAt": "A", "States": {
        "A": { "Type": "Choice", "Choices": [rule], "Default": "B" }, "B": { "Type": "Succeed" },
    }})
}

fn map(more: Value) -> Value {
    let processor = json!({ "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } } });
    one(with(json!({ "Type": "Map", "End": true, "ItemProcessor": processor }), &more))
}

fn distributed(more: Value) -> Value {
    map(with(
        json!({ "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } } } }),
        &more,
    ))
}

fn jsonata(mut definition: Value) -> Value {
    definition["QueryLanguage"] = json!("JSONata");
    definition
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!({ "StartAt": "Z", "States": { "Z": { "Type": "Succeed" } } }), |inner, level| {
        let name = format!("P{level}");
        json!({ "StartAt": name, "States": { name: { "Type": "Parallel", "Branches": [inner], "End": true } } })
    })
}

fn definitions() -> Vec<(&'static str, Value)> {
    let end = json!({ "Type": "Pass", "End": true });
    vec![
        ("no object", json!([])),
        ("nothing", json!({})),
        ("no start", json!({ "States": { "A": end } })),
        ("no states", json!({ "StartAt": "A", "States": {} })),
        ("states are no object", json!({ "StartAt": "A", "States": [] })),
        ("start is no text", json!({ "StartAt": 1, "States": { "A": end } })),
        ("an unknown field", json!({ "StartAt": "A", "States": { "A": end }, "Start": "A" })),
        ("a comment that is no text", json!({ "Comment": 1, "StartAt": "A", "States": { "A": end } })),
        ("a timeout of nothing", json!({ "TimeoutSeconds": 0, "StartAt": "A", "States": { "A": end } })),
        ("a timeout with a fraction", json!({ "TimeoutSeconds": 1.5, "StartAt": "A", "States": { "A": end } })),
        ("a payload limit that is none", json!({ "payload_limit": "big", "StartAt": "A", "States": { "A": end } })),
        ("another language", json!({ "QueryLanguage": "XPath", "StartAt": "A", "States": { "A": end } })),
        ("too deep", nested(33)),
        ("a state that is no object", one(json!("Pass"))),
        ("no type", one(json!({ "End": true }))),
        ("a type that is none", one(json!({ "Type": "Sleep", "End": true }))),
        ("a long name", json!({ "StartAt": "A".repeat(81), "States": { "A".repeat(81): end } })),
        ("an empty name", json!({ "StartAt": "", "States": { "": end } })),
        (
            "the same name twice",
            one(json!({ "Type": "Parallel", "End": true, "Branches": [{ "StartAt": "A", "States": { "A": end } }] })),
        ),
        ("neither next nor end", one(json!({ "Type": "Pass" }))),
        ("both next and end", one(json!({ "Type": "Pass", "Next": "A", "End": true }))),
        ("next is no text", one(json!({ "Type": "Pass", "Next": 7 }))),
        ("end is no boolean", one(json!({ "Type": "Pass", "End": "yes" }))),
        (
            "start and next that are not there",
            json!({ "StartAt": "X", "States": {
            "A": { "Type": "Pass", "Next": "B" }, "B": { "Type": "Succeed" } } }),
        ),
        ("next is not there and nothing ends", one(json!({ "Type": "Pass", "Next": "NOPE" }))),
        (
            "nothing ends",
            json!({ "StartAt": "A", "States": {
            "A": { "Type": "Pass", "Next": "B" }, "B": { "Type": "Pass", "Next": "A" }, "C": { "Type": "Pass", "Next": "A" } } }),
        ),
        ("a state that nothing leads to", json!({ "StartAt": "A", "States": { "A": end, "C": end } })),
        (
            "targets of choices and catchers",
            json!({ "StartAt": "C", "States": {
            "C": { "Type": "Choice", "Choices": [{ "Variable": "$.a", "IsNull": true, "Next": "X" }], "Default": "Y" },
            "T": { "Type": "Task", "Resource": "millrace:model", "End": true, "Catch": [{ "ErrorEquals": ["E"], "Next": "Z" }] } } }),
        ),
        (
            "a target outside of the branch",
            json!({ "StartAt": "A", "States": { "B": end, "A": { "Type": "Parallel", "Next": "B",
            "Branches": [{ "StartAt": "C", "States": { "C": { "Type": "Pass", "Next": "B" }, "D": end } }] } } }),
        ),
        (
            "fields of other types",
            json!({ "StartAt": "A", "States": {
            "A": { "Type": "Pass", "Next": "B", "TimeoutSeconds": 1, "Catch": [], "Retry": [] },
            "B": { "Type": "Succeed", "Result": 1, "End": true } } }),
        ),
        ("fields of JSONata in JSONPath", pass(json!({ "Output": 1 }))),
        ("fields of JSONPath in JSONata", jsonata(pass(json!({ "InputPath": "$", "Result": 1 })))),
        ("JSONPath below JSONata", jsonata(pass(json!({ "QueryLanguage": "JSONPath" })))),
        (
            "a language of an item processor",
            map(json!({ "ItemProcessor": { "QueryLanguage": "JSONata",
            "StartAt": "I", "States": { "I": end } } })),
        ),
        (
            "the language of a map is not that of its states",
            map(json!({ "QueryLanguage": "JSONata", "ItemProcessor": {
            "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true, "Output": 1 } } } })),
        ),
        ("an input path that is none", pass(json!({ "InputPath": "a.b" }))),
        ("an output path that is no text", pass(json!({ "OutputPath": 1 }))),
        ("a result path with a wildcard", pass(json!({ "ResultPath": "$.a[*]" }))),
        ("a result path into the context", pass(json!({ "ResultPath": "$$.a" }))),
        ("a result path that is no path", pass(json!({ "ResultPath": "a" }))),
        ("parameters that are no path", pass(json!({ "Parameters": { "o": [{ "a.$": "text", "b.$": 1 }] } }))),
        ("an intrinsic that is none", pass(json!({ "Parameters": { "a.$": "States.Nope()" } }))),
        ("a path without its suffix", pass(json!({ "Parameters": { "a": "$.b", "c": "States.UUID()", "d": "$5" } }))),
        ("a static result with paths", pass(json!({ "Result": { "a.$": "$.b" } }))),
        (
            "variables with bad names",
            pass(json!({ "Assign": { "1a": 1, "a-b": 2, "states": 3, "ok.$": "$.x", "é_1": 1 } })),
        ),
        ("variables that are no object", pass(json!({ "Assign": 1 }))),
        ("no expression", jsonata(pass(json!({ "Output": { "a": ["{%  %}"] } })))),
        (
            "expressions that are none",
            jsonata(pass(
                json!({ "Output": { "a": "{% a[1,2) %}", "b": "{% 1 + %}", "c": "{% \"open %}", "d": "{% $x := %}" } }),
            )),
        ),
        ("a name that stands alone", jsonata(pass(json!({ "Output": { "v": "{% phone & $states.input.x %}" } })))),
        ("a task without a resource", one(json!({ "Type": "Task", "End": true }))),
        ("a resource that is none", task(json!({ "Resource": "pack" }))),
        ("two timeouts", task(json!({ "TimeoutSeconds": 1, "TimeoutSecondsPath": "$.t" }))),
        ("a heartbeat as long as the timeout", task(json!({ "TimeoutSeconds": 5, "HeartbeatSeconds": 5 }))),
        ("a timeout by expression", jsonata(task(json!({ "TimeoutSeconds": "{% 5 %}", "HeartbeatSeconds": "5" })))),
        ("credentials without a role", task(json!({ "Credentials": {} }))),
        ("credentials with more", task(json!({ "Credentials": { "RoleArn.$": "$.role", "Other": 1 } }))),
        ("no choices", one(json!({ "Type": "Choice", "Choices": [] }))),
        ("a choice without next", choice(json!({ "Variable": "$.a", "IsNull": true }))),
        ("a choice without an operator", choice(json!({ "Variable": "$.a", "Next": "B" }))),
        (
            "a choice with two operators",
            choice(json!({ "Variable": "$.a", "IsNull": true, "IsString": true, "Next": "B" })),
        ),
        ("a choice without a variable", choice(json!({ "IsNull": true, "Next": "B" }))),
        ("a choice of a word", choice(json!({ "Variable": "Test", "StringMatches": "Test", "Next": "B" }))),
        (
            "operands of another type",
            choice(json!({ "Next": "B", "And": [
            { "Variable": "$.a", "NumericEquals": "1" }, { "Variable": "$.a", "StringEquals": 1 },
            { "Variable": "$.a", "BooleanEquals": 1 }, { "Variable": "$.a", "TimestampEquals": "noon" },
            { "Variable": "$.a", "StringEqualsPath": "b" }, { "Variable": "$.a", "StringMatches": "\\a" } ] })),
        ),
        (
            "next inside a rule",
            choice(json!({ "Not": { "Variable": "$.a", "IsNull": true, "Next": "B" }, "Next": "B" })),
        ),
        ("a condition in JSONPath", choice(json!({ "Condition": "{% true %}", "Next": "B" }))),
        ("an operator in JSONata", jsonata(choice(json!({ "Variable": "$.a", "IsNull": true, "Next": "B" })))),
        ("a condition that is a word", jsonata(choice(json!({ "Condition": "true", "Next": "B" })))),
        ("a path as a text", choice(json!({ "Variable": "$.a", "StringEquals": "$.b", "Next": "B" }))),
        ("a wait for nothing", one(json!({ "Type": "Wait", "End": true }))),
        ("a wait for two things", one(json!({ "Type": "Wait", "Seconds": 1, "SecondsPath": "$.s", "End": true }))),
        ("a wait too long", one(json!({ "Type": "Wait", "Seconds": 100_000_000, "End": true }))),
        ("a wait for no timestamp", one(json!({ "Type": "Wait", "Timestamp": "2026-13-01T00:00:00Z", "End": true }))),
        ("a fail with both", one(json!({ "Type": "Fail", "Error": "$.e", "ErrorPath": "$.e", "CausePath": "text" }))),
        ("no branches", one(json!({ "Type": "Parallel", "Branches": [], "End": true }))),
        ("a branch that is no object", one(json!({ "Type": "Parallel", "Branches": [1], "End": true }))),
        ("no item processor", one(json!({ "Type": "Map", "End": true }))),
        ("two item processors", map(json!({ "Iterator": { "StartAt": "J", "States": { "J": end } } }))),
        ("two concurrencies", map(json!({ "MaxConcurrency": -1, "MaxConcurrencyPath": "c" }))),
        (
            "distributed fields in an inline map",
            map(json!({ "Label": "a", "ItemReader": {}, "ItemBatcher": {}, "ResultWriter": {} })),
        ),
        (
            "no execution type",
            map(json!({ "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED" },
            "StartAt": "I", "States": { "I": end } } })),
        ),
        ("bad labels", distributed(json!({ "Label": "a b*" }))),
        ("a long label", distributed(json!({ "Label": "a".repeat(41) }))),
        ("an empty label", distributed(json!({ "Label": "" }))),
        (
            "a reader of nothing",
            distributed(json!({ "ItemReader": { "ReaderConfig": {
            "InputType": "XML", "CSVHeaderLocation": "GIVEN", "MaxItems": -1, "MaxItemsPath": "x" }, "Arguments": {} } })),
        ),
        (
            "a reader of elsewhere",
            distributed(json!({ "ItemReader": { "Resource": "arn:aws:states:::sqs:sendMessage" } })),
        ),
        ("a batcher of nothing", distributed(json!({ "ItemBatcher": { "BatchInput": { "a.$": "b" } } }))),
        (
            "a batch too large",
            distributed(json!({ "ItemBatcher": { "MaxInputBytesPerBatch": 300_000, "MaxItemsPerBatch": 0 } })),
        ),
        ("a writer of nothing", distributed(json!({ "ResultWriter": { "Parameters": 1 } }))),
        (
            "a tolerance of too much",
            distributed(json!({ "ToleratedFailurePercentage": 101, "ToleratedFailureCount": "1" })),
        ),
        ("items that are none", jsonata(map(json!({ "Items": "$.a" })))),
        ("retry that is no array", task(json!({ "Retry": { "ErrorEquals": ["A"] } }))),
        ("a retrier without errors", task(json!({ "Retry": [{ "ErrorEquals": [] }, {}, "x"] }))),
        (
            "a retrier out of bounds",
            task(json!({ "Retry": [{ "ErrorEquals": ["A"], "IntervalSeconds": 0, "MaxAttempts": -1,
            "BackoffRate": 0.5, "MaxDelaySeconds": 31_622_400, "JitterStrategy": "HALF", "Delay": 1 }] })),
        ),
        (
            "a delay below the interval",
            task(json!({ "Retry": [{ "ErrorEquals": ["A"], "IntervalSeconds": 5, "MaxDelaySeconds": 5 }] })),
        ),
        ("all errors among others", task(json!({ "Retry": [{ "ErrorEquals": ["States.ALL", "A"] }] }))),
        (
            "all errors before others",
            task(json!({ "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "A" },
            { "ErrorEquals": ["A"], "Next": "A" }] })),
        ),
        ("a catcher without next", task(json!({ "Catch": [{ "ErrorEquals": ["A"] }] }))),
        (
            "a catcher in another language",
            task(json!({ "Catch": [{ "ErrorEquals": ["A"], "Next": "A", "Output": 1 }] })),
        ),
    ]
}

#[test]
fn every_rule() {
    let mut text = String::new();
    for (name, definition) in definitions() {
        let found = validate_value(&definition, &all());
        assert!(!found.diagnostics.is_empty(), "{name}");
        assert_eq!(validate(&definition.to_string(), &all()).is_valid(), found.is_valid(), "{name}");
        write!(text, "{name}\n{}", lines(&found)).unwrap();
    }
    insta::with_settings!({
        snapshot_path => "diagnostics", prepend_module_to_snapshot => false, omit_expression => true,
    }, { insta::assert_snapshot!("validation", text) });
}

#[test]
fn express_workflows_take_less() {
    let express = Options::for_type(WorkflowType::Express);
    for (resource, said) in [
        ("arn:aws:states:us-east-1:123456789012:activity:pack", "Express state machine does not support Activity ARN"),
        (
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Express state machine does not support '.waitForTaskToken' service integration ",
        ),
        (
            "arn:aws:states:::states:startExecution.sync:2",
            "Express state machine does not support '.sync:2' service integration ",
        ),
    ] {
        let definition = task(json!({ "Resource": resource }));
        assert!(validate_value(&definition, &Options::default()).is_valid(), "{resource}");
        let found = validate_value(&definition, &express);
        let wanted =
            format!("Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: {said} at /States/A/Resource'");
        assert_eq!(found.message(), wanted);
        let inside = distributed(json!({ "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS" }, "StartAt": "I",
            "States": { "I": { "Type": "Task", "Resource": resource, "End": true } } } }));
        assert!(!validate_value(&inside, &Options::default()).is_valid());
    }
    assert!(!validate_value(&distributed(json!({})), &express).is_valid());
    assert!(validate_value(&distributed(json!({})), &Options::default()).is_valid());
}

#[test]
fn text_that_is_no_definition() {
    let word = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    for (text, code, message, location) in [
        ("", "SCHEMA_VALIDATION_FAILED", "Definition must be a valid JSON object".to_owned(), None),
        ("[]", "SCHEMA_VALIDATION_FAILED", "Definition must be a valid JSON object".to_owned(), None),
        (
            "{\"a\" 1}",
            "INVALID_JSON_DESCRIPTION",
            "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value".to_owned(),
            Some("line: 1, column: 7]"),
        ),
        (
            "{a: 1}",
            "INVALID_JSON_DESCRIPTION",
            "Unexpected character ('a' (code 97)): was expecting double-quote to start field name".to_owned(),
            Some("line: 1, column: 3]"),
        ),
        (
            "{\"a\": 1\n\"b\": 2}",
            "INVALID_JSON_DESCRIPTION",
            "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries".to_owned(),
            Some("line: 2, column: 2]"),
        ),
        (
            "{\"a\": nope}",
            "INVALID_JSON_DESCRIPTION",
            format!("Unrecognized token 'nope': was expecting {word}"),
            Some("line: 1, column: 11]"),
        ),
        (
            "{\"a\": [1, ",
            "INVALID_JSON_DESCRIPTION",
            "Unexpected end-of-input: expected close marker for Array".to_owned(),
            Some("line: 1, column: 11]"),
        ),
        ("States:\n  a: [", "INVALID_JSON_DESCRIPTION", "The definition is not YAML".to_owned(), None),
    ] {
        let found = validate(text, &Options::default());
        let first = &found.diagnostics[0];
        assert_eq!(first.code, code, "{text}");
        assert!(first.message.starts_with(&message), "{text}: {}", first.message);
        match (&first.location, location) {
            (None, None) => {}
            (Some(got), Some(wanted)) => assert!(got.ends_with(wanted), "{text}: {got}"),
            (got, wanted) => panic!("{text}: {got:?}, not {wanted:?}"),
        }
    }
    let large = format!("{{\"Comment\": \"{}\"}}", "x".repeat(1024 * 1024));
    assert_eq!(validate(&large, &Options::default()).diagnostics[0].code, "INVALID_JSON_DESCRIPTION");
    assert_eq!(parse_json("{} trailing"), Ok(json!({})));
    assert_eq!(parse_json("'a'").unwrap_err().message.find("Unexpected character ('''"), Some(0));
}

#[test]
fn yaml_is_a_definition_too() {
    let text = "StartAt: A\nStates:\n  A:\n    Type: Pass\n    Next: B\n  B: {Type: Wait, Seconds: -1, End: true}\n";
    let found = validate(text, &Options::default());
    assert_eq!(
        lines(&found),
        "  ERROR SCHEMA_VALIDATION_FAILED /States/B/Seconds: Value must be greater than or equal to 0\n"
    );
    assert!(validate(&text.replace("-1", "1"), &Options::default()).is_valid());
}

#[test]
fn a_state_that_is_written_twice() {
    let text = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true},"A":{"Type":"Pass","End":true}}}"#;
    let found = validate(text, &Options::default());
    assert_eq!(lines(&found), "  ERROR DUPLICATE_STATE_NAME /States/A: Duplicate State name: A\n");
    let text = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Result":{"States":{"x":1,"x":2}},"End":true}}}"#;
    assert!(validate(text, &Options::default()).is_valid());
}

#[test]
fn one_state_alone() {
    let state = json!({ "Type": "Parallel", "Branches": [], "Next": "Elsewhere" });
    let found = validate_state("StateName", &state, &Options::default());
    assert_eq!(
        found.message(),
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/StateName/Branches'"
    );
}

#[test]
fn no_more_than_was_asked_for() {
    let states: serde_json::Map<String, Value> =
        (0..300).map(|n| (format!("S{n}"), json!({ "Type": "Pass" }))).collect();
    let definition = json!({ "StartAt": "S0", "States": states });
    let found = validate_value(&definition, &Options::default());
    assert_eq!((found.diagnostics.len(), found.truncated, found.is_valid()), (100, true, false));
    let found = validate_value(&definition, &Options { max_results: 3, ..Options::default() });
    assert_eq!((found.diagnostics.len(), found.truncated), (3, true));
    let warned = pass(json!({ "Parameters": { "a": "$.b" } }));
    assert!(validate_value(&warned, &Options::default()).diagnostics.is_empty());
    let found = validate_value(&warned, &all());
    assert_eq!((found.diagnostics.len(), found.is_valid()), (1, true));
}

/// Any JSON, more often than by chance with names and texts of the language.
fn json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        prop::sample::select(vec![
            "A",
            "B",
            "Pass",
            "Task",
            "Choice",
            "Wait",
            "Map",
            "Parallel",
            "Fail",
            "Succeed",
            "JSONata",
            "JSONPath",
            "$.a",
            "$$.b",
            "$v",
            "{% $states.input %}",
            "{%",
            "{%%}",
            "States.Array($.a)",
            "States.ALL",
            "DISTRIBUTED",
            "EXPRESS",
            "arn:aws:states:::lambda:invoke",
            "millrace:model",
            "2030-01-31T12:00:00Z",
            "",
        ])
        .prop_map(ToOwned::to_owned),
        ".{0,8}",
    ];
    let name = prop::sample::select(vec![
        "StartAt",
        "States",
        "Type",
        "Next",
        "End",
        "Choices",
        "Default",
        "Variable",
        "And",
        "Not",
        "IsNull",
        "StringEquals",
        "Branches",
        "ItemProcessor",
        "Iterator",
        "ProcessorConfig",
        "Mode",
        "ExecutionType",
        "Retry",
        "Catch",
        "ErrorEquals",
        "Parameters",
        "Assign",
        "Output",
        "Arguments",
        "QueryLanguage",
        "Resource",
        "Credentials",
        "Seconds",
        "Timestamp",
        "InputPath",
        "ResultPath",
        "ItemReader",
        "ReaderConfig",
        "Label",
        "A",
        "B",
        "x.$",
        "Condition",
        "Items",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_answered(value in json()) {
        let found = validate_value(&value, &all());
        prop_assert!(found.diagnostics.len() <= 100);
        prop_assert_eq!(found.is_valid(), validate(&value.to_string(), &Options::default()).diagnostics.is_empty());
        let state = validate_value(&one(value.clone()), &all());
        prop_assert!(state.diagnostics.len() <= 100);
        let _ = millrace_asl::validation::variable_references(&one(value));
    }

    #[test]
    fn any_text_is_answered(text in ".{0,60}") {
        let _ = validate(&text, &all());
        let _ = validate(&format!("{{\"StartAt\":{text}"), &all());
        let _ = parse_json(&text);
    }
}

/// What validation accepts must parse; a definition that it refuses isn't asked for.
#[test]
fn what_is_accepted_parses() {
    for definition in [
        pass(json!({ "Parameters": { "a.$": "$.b" }, "ResultPath": "$.x" })),
        task(json!({ "Retry": [{ "ErrorEquals": ["States.ALL"] }], "TimeoutSeconds": 5, "HeartbeatSeconds": 2 })),
        choice(json!({ "Variable": "$.a", "StringMatches": "a*", "Next": "B" })),
        map(json!({ "MaxConcurrency": 2, "ItemsPath": "$.a" })),
        nested(31),
    ] {
        assert!(validate_value(&definition, &Options::default()).is_valid(), "{definition}");
        assert!(StateMachine::from_value(&definition).is_ok(), "{definition}");
    }
}

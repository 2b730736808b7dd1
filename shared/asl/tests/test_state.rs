//! `TestState`: what it answers and what it refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use millrace_asl::test_state::{
    PendingTask, TaskCall, TestStateEnvironment, TestStateError, TestStateRequest, TestedState, test_state,
};
use millrace_asl::{Failure, Moment, Timestamp};
use serde_json::{Value, json};

const TASK: &str = "millrace:function:shop/pack";

fn environment() -> TestStateEnvironment {
    TestStateEnvironment {
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        moment: Moment { now: Timestamp::parse("2030-01-31T12:00:00Z").unwrap(), seed: 7 },
    }
}

fn begin(definition: &Value, mut request: Value) -> Result<TestedState, TestStateError> {
    request["definition"] = json!(definition.to_string());
    test_state(&TestStateRequest::from_json(&request)?, &environment())
}

fn done(definition: &Value, request: Value) -> Value {
    match begin(definition, request).unwrap() {
        TestedState::Done(response) => response.to_json(),
        TestedState::Task(task) => panic!("calls {}", task.resource()),
    }
}

fn pending(definition: &Value, request: Value) -> Box<PendingTask> {
    match begin(definition, request).unwrap() {
        TestedState::Task(task) => task,
        TestedState::Done(response) => panic!("is done: {response:?}"),
    }
}

fn refused(definition: &Value, request: Value) -> (String, String) {
    let error = begin(definition, request).unwrap_err();
    (error.code().to_owned(), error.to_string())
}

fn call(result: Result<Value, Failure>) -> TaskCall {
    TaskCall { result, request: None, response: None }
}

#[test]
fn values_are_shown_on_their_way() {
    let state = json!({ "Type": "Pass", "InputPath": "$.a", "Parameters": { "b.$": "$.b" }, "ResultPath": "$.r",
        "OutputPath": "$.r", "Assign": { "seen.$": "$.b" }, "Next": "There" });
    let request = json!({ "input": "{\"a\":{\"b\":1}}", "inspectionLevel": "DEBUG", "variables": "{\"old\":0}" });
    assert_eq!(
        done(&state, request),
        json!({ "status": "SUCCEEDED", "nextState": "There", "output": "{\"b\":1}", "inspectionData": {
            "input": "{\"a\":{\"b\":1}}", "afterInputPath": "{\"b\":1}", "afterParameters": "{\"b\":1}",
            "afterResultSelector": "{\"b\":1}", "afterResultPath": "{\"a\":{\"b\":1},\"r\":{\"b\":1}}",
            "variables": "{\"old\":0,\"seen\":1}" } })
    );
    assert_eq!(done(&json!({ "Type": "Succeed" }), json!({})), json!({ "status": "SUCCEEDED", "output": "{}" }));
}

#[test]
fn every_type_that_calls_nothing() {
    let choice = json!({ "Type": "Choice", "Default": "Other", "Choices": [
        { "Variable": "$.n", "NumericGreaterThan": 1, "Next": "Big", "Assign": { "n.$": "$.n" } }] });
    assert_eq!(done(&choice, json!({ "input": "{\"n\":2}" }))["nextState"], "Big");
    assert_eq!(done(&choice, json!({ "input": "{\"n\":0}" }))["nextState"], "Other");
    let wait = json!({ "Type": "Wait", "Seconds": 3600, "Next": "Later" });
    assert_eq!(done(&wait, json!({})), json!({ "status": "SUCCEEDED", "output": "{}", "nextState": "Later" }));
    let fail = json!({ "Type": "Fail", "ErrorPath": "$.e", "Cause": "why" });
    assert_eq!(
        done(&fail, json!({ "input": "{\"e\":\"E\"}" })),
        json!({ "status": "FAILED", "error": "E", "cause": "why" })
    );
    let lost = json!({ "Type": "Pass", "InputPath": "$.none", "End": true });
    let got = done(&lost, json!({ "inspectionLevel": "TRACE" }));
    assert_eq!((&got["status"], &got["error"]), (&json!("FAILED"), &json!("States.Runtime")));
    assert!(got["cause"].as_str().unwrap().contains("'$.none'"), "{got}");
    assert_eq!(got["inspectionData"], json!({ "input": "{}" }));
}

#[test]
fn a_task_is_done_between_two_halves() {
    let state = json!({ "Type": "Task", "Resource": TASK, "Parameters": { "x.$": "$.x" }, "TimeoutSeconds": 30,
        "Credentials": { "RoleArn": "arn:aws:iam::123456789012:role/r" }, "ResultSelector": { "y.$": "$.z" }, "End": true });
    let task = pending(&state, json!({ "input": "{\"x\":1}", "inspectionLevel": "DEBUG" }));
    assert_eq!((task.resource(), task.input(), task.timeout_seconds()), (TASK, &json!({ "x": 1 }), Some(30)));
    assert_eq!(task.credentials(), Some(&json!({ "RoleArn": "arn:aws:iam::123456789012:role/r" })));
    let got = task.finish(call(Ok(json!({ "z": 2 })))).to_json();
    assert_eq!((&got["status"], &got["output"]), (&json!("SUCCEEDED"), &json!("{\"y\":2}")));
    assert_eq!(got["inspectionData"]["afterParameters"], "{\"x\":1}");
    assert_eq!(got["inspectionData"]["result"], "{\"z\":2}");
    assert_eq!(got["inspectionData"]["afterResultSelector"], "{\"y\":2}");
}

#[test]
fn what_an_http_task_sends_is_shown_at_the_last_level() {
    let state = json!({ "Type": "Task", "Resource": "arn:aws:states:::http:invoke", "End": true });
    for (level, shown) in [("DEBUG", false), ("TRACE", true)] {
        let task = pending(&state, json!({ "inspectionLevel": level }));
        let call = TaskCall { request: Some(json!({ "method": "GET" })), ..call(Ok(json!(1))) };
        let got = task.finish(call).to_json();
        assert_eq!(got["inspectionData"].get("request").is_some(), shown);
    }
}

#[test]
fn retriers_and_catchers() {
    let state = json!({ "Type": "Task", "Resource": TASK, "End": true,
        "Retry": [{ "ErrorEquals": ["Never"] }, { "ErrorEquals": ["Busy"], "IntervalSeconds": 2, "MaxAttempts": 2 }],
        "Catch": [{ "ErrorEquals": ["Busy"], "Next": "Rest", "ResultPath": "$.e" }] });
    let failure = || call(Err(Failure::new("Busy", "later")));
    let request =
        |used: u64| json!({ "inspectionLevel": "DEBUG", "stateConfiguration": { "retrierRetryCount": used } });
    let got = pending(&state, request(1)).finish(failure()).to_json();
    assert_eq!((&got["status"], &got["error"], &got["cause"]), (&json!("RETRIABLE"), &json!("Busy"), &json!("later")));
    let details = json!({ "retryIndex": 1, "retryBackoffIntervalSeconds": 4 });
    assert_eq!(got["inspectionData"]["errorDetails"], details);
    let got = pending(&state, request(2)).finish(failure()).to_json();
    assert_eq!((&got["status"], &got["nextState"]), (&json!("CAUGHT_ERROR"), &json!("Rest")));
    assert_eq!(got["output"], "{\"e\":{\"Error\":\"Busy\",\"Cause\":\"later\"}}");
    assert_eq!(got["inspectionData"]["errorDetails"], json!({ "catchIndex": 0 }));
    let got = pending(&state, request(0)).finish(call(Err(Failure::new("Other", "odd")))).to_json();
    assert_eq!((&got["status"], got["inspectionData"].get("errorDetails")), (&json!("FAILED"), None));
}

#[test]
fn a_state_of_a_machine_by_name() {
    let machine = json!({ "QueryLanguage": "JSONata", "StartAt": "M", "States": { "M": { "Type": "Map", "End": true,
        "ItemProcessor": { "StartAt": "I", "States": { "I": { "Type": "Pass", "Output": "{% $states.input.n + $k %}",
            "End": true } } } } } });
    let got = done(&machine, json!({ "stateName": "I", "input": "{\"n\":1}", "variables": "{\"k\":2}" }));
    assert_eq!(got, json!({ "status": "SUCCEEDED", "output": "3" }));
}

#[test]
fn an_inline_map_with_a_mock() {
    let state = json!({ "Type": "Map", "ItemsPath": "$.list", "MaxConcurrency": 2, "ResultPath": "$.made", "End": true,
        "ItemSelector": { "i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "k.$": "$.k" },
        "ItemProcessor": { "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } } } });
    let request =
        json!({ "input": "{\"list\":[5,6],\"k\":0}", "inspectionLevel": "DEBUG", "mock": { "result": "[7,8]" } });
    let got = done(&state, request);
    assert_eq!(got["output"], "{\"list\":[5,6],\"k\":0,\"made\":[7,8]}");
    let data = &got["inspectionData"];
    assert_eq!((&data["afterItemsPath"], &data["maxConcurrency"]), (&json!("[5,6]"), &json!(2)));
    assert_eq!(data["afterItemSelector"], "[{\"i\":0,\"v\":5,\"k\":0},{\"i\":1,\"v\":6,\"k\":0}]");
}

#[test]
fn the_context_object_is_given_or_made() {
    let state = json!({ "Type": "Pass", "Parameters": { "c.$": "$$" }, "End": true });
    let got = done(&state, json!({ "context": "{\"State\":{\"Name\":\"Mine\"}}" }));
    assert_eq!(got["output"], "{\"c\":{\"State\":{\"Name\":\"Mine\"}}}");
    let got = done(&state, json!({ "input": "1", "roleArn": "arn:aws:iam::123456789012:role/r" }));
    let made: Value = serde_json::from_str(got["output"].as_str().unwrap()).unwrap();
    assert_eq!(made["c"]["State"], json!({ "EnteredTime": "2030-01-31T12:00:00.000Z", "Name": "StateName" }));
    assert_eq!(made["c"]["Execution"]["Input"], 1);
    let id = made["c"]["Execution"]["Id"].as_str().unwrap();
    assert!(id.starts_with("arn:aws:states:eu-west-1:123456789012:express:"), "{id}");
    let waits = json!({ "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true,
        "Parameters": { "MessageBody": { "t.$": "$$.Task.Token" } } });
    let got = done(&waits, json!({ "mock": { "result": "1" }, "inspectionLevel": "DEBUG" }));
    assert!(got["inspectionData"]["afterParameters"].as_str().unwrap().contains("\"t\":\""), "{got}");
}

#[test]
fn what_is_refused() {
    let pass = json!({ "Type": "Pass", "End": true });
    let task = |resource: &str| json!({ "Type": "Task", "Resource": resource, "End": true });
    let put = "arn:aws:states:::aws-sdk:lambda:getFunction";
    let mock = |result: &str| json!({ "mock": { "result": result } });
    let parallel = json!({ "Type": "Parallel", "End": true, "Branches": [
        { "StartAt": "B", "States": { "B": { "Type": "Succeed" } } }] });
    let validation = "ValidationException";
    for (definition, request, code, message) in [
        (json!({ "Type": "Pass" }), json!({}), "InvalidDefinition", "[Next, End] at /States/StateName'"),
        (json!([]), json!({}), "InvalidDefinition", "Value must be an object at /States/StateName'"),
        (pass.clone(), json!({ "input": "{" }), "InvalidExecutionInput", "Input: 'Unexpected end-of-input"),
        (pass.clone(), json!({ "input": "" }), "InvalidExecutionInput", "Invalid execution input."),
        (pass.clone(), json!({ "variables": "[]" }), validation, "variables must be a JSON object"),
        (pass.clone(), json!({ "context": "[]" }), validation, "Context object must be a JSON object"),
        (pass.clone(), json!({ "inspectionLevel": "ALL" }), validation, "enum value set: [INFO, DEBUG, TRACE]"),
        (pass.clone(), json!({ "stateName": "" }), validation, "greater than or equal to 1"),
        (pass.clone(), json!({ "input": 1 }), validation, "'input' must be a string"),
        (pass.clone(), json!({ "stateConfiguration": { "retrierRetryCount": -1 } }), validation, "equal to 0"),
        (pass.clone(), mock("1"), validation, "State type 'Pass' is not supported when a mock is specified"),
        (pass, json!({ "mock": {} }), validation, "must have a result or an errorOutput"),
        (task(TASK), mock("{"), validation, "Mocked result must be valid JSON"),
        (task(put), mock("{\"Configuration\":{\"Timeout\":\"1\"}}"), validation, "Field 'Timeout' must be a number"),
        (task(put), mock("{\"Tags\":[]}"), validation, "Field 'Tags' must be an object"),
        (task(put), mock("{\"Configuration\":{\"Layers\":[{\"Arn\":\"\"}]}}"), validation, "'Arn' is smaller than"),
        (task("arn:aws:states:::ecs:runTask.sync"), json!({}), "InvalidDefinition", "when a mock is not specified"),
        (parallel.clone(), json!({}), "InvalidDefinition", "does not support Map or Parallel states"),
        (parallel.clone(), mock("{}"), validation, "Mocked result must be an array."),
        (parallel.clone(), mock("[1,2]"), validation, "as number of Parallel branches."),
        (
            parallel,
            json!({ "mock": { "result": "[1]" }, "stateConfiguration": { "errorCausedByState": "X" } }),
            validation,
            "'X' in errorCausedByState",
        ),
    ] {
        let (got, text) = refused(&definition, request.clone());
        assert_eq!(got, code, "{definition} {request}: {text}");
        assert!(text.contains(message), "{definition} {request}: {text}");
    }
    let request = json!({ "mock": { "result": "{\"Tags\":[]}", "fieldValidationMode": "NONE" } });
    assert_eq!(done(&task(put), request)["status"], "SUCCEEDED");
}

#[test]
fn a_distributed_map_with_a_mock() {
    let state = json!({ "Type": "Map", "Next": "Then", "ToleratedFailurePercentage": 40, "MaxConcurrency": 5,
        "ItemReader": { "Resource": "arn:aws:states:::s3:getObject", "Parameters": { "Bucket": "b", "Key": "k" },
            "ReaderConfig": { "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" } },
        "ItemSelector": { "n.$": "$$.Map.Item.Value.n", "k.$": "$.k" }, "ItemBatcher": { "MaxItemsPerBatch": 2 },
        "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } } } });
    let request = |failed: u64| {
        json!({ "input": "{\"k\":0}", "inspectionLevel": "DEBUG", "mock": { "result": "[1,2,3]" }, "stateConfiguration": {
            "mapItemReaderData": "n\n1\n2\n3\n", "mapIterationFailureCount": failed } })
    };
    let got = done(&state, request(1));
    assert_eq!(
        (&got["status"], &got["nextState"], &got["output"]),
        (&json!("SUCCEEDED"), &json!("Then"), &json!("[1,2,3]"))
    );
    let data = &got["inspectionData"];
    assert_eq!((&data["maxConcurrency"], &data["toleratedFailurePercentage"]), (&json!(5), &json!(40.0)));
    assert_eq!(data["afterItemSelector"], r#"[{"n":"1","k":0},{"n":"2","k":0},{"n":"3","k":0}]"#);
    assert_eq!(
        data["afterItemBatcher"],
        r#"[{"Items":[{"n":"1","k":0},{"n":"2","k":0}]},{"Items":[{"n":"3","k":0}]}]"#
    );
    let got = done(&state, request(2));
    assert_eq!((&got["status"], &got["error"]), (&json!("FAILED"), &json!("States.ExceedToleratedFailureThreshold")));
    let (code, text) = refused(&state, request(4));
    assert_eq!(code, "ValidationException");
    assert!(text.starts_with("Map iteration failure count must be"), "{text}");
}

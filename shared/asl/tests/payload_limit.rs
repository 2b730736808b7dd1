//! The service's limits, where an execution has them, and that there are none where it has not.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod driver;

use driver::{Answer, World, context};
use millrace_asl::{ExecutionContext, Outcome, PayloadLimit, StateMachine};
use serde_json::{Value, json};

/// Runs a definition whose tasks answer `result`; its end, and the types of its events.
fn run(definition: &Value, result: &Value, limit: PayloadLimit) -> (Outcome, Vec<&'static str>) {
    let machine = StateMachine::from_value(definition).unwrap();
    let context = ExecutionContext { payload_limit: limit, ..context() };
    let answer = result.clone();
    let worker = Box::new(move |_: &str, _: usize, _: &Value| Answer { after: 0, result: Some(Ok(answer.clone())) });
    let mut world = World::start_as(&machine, context, json!({}), worker);
    assert!(world.run(100_000));
    let kinds = world.history().iter().map(|event| event.kind.name()).collect();
    (world.outcome().unwrap().clone(), kinds)
}

fn failed(error: &str, cause: &str) -> Outcome {
    Outcome::Failed { failure: millrace_asl::Failure::new(error, cause) }
}

fn large() -> Value {
    json!("a".repeat(262_143))
}

#[test]
fn a_state_s_output_has_its_limit() {
    let pass = |limit: Option<&str>| {
        let mut definition =
            json!({ "StartAt": "It", "States": { "It": { "Type": "Pass", "Result": large(), "End": true } } });
        if let Some(limit) = limit {
            definition.as_object_mut().unwrap().insert("payload_limit".to_owned(), json!(limit));
        }
        definition
    };
    let cause =
        "The state/task 'It' returned a result with a size exceeding the maximum number of bytes service limit.";
    let refused = failed("States.DataLimitExceeded", cause);
    for (definition, limit, end) in [
        (pass(None), PayloadLimit::Aws, &refused),
        (pass(Some("aws")), PayloadLimit::None, &refused),
        (pass(None), PayloadLimit::None, &Outcome::Succeeded { output: large() }),
        (pass(Some("none")), PayloadLimit::Aws, &Outcome::Succeeded { output: large() }),
    ] {
        let (outcome, kinds) = run(&definition, &Value::Null, limit);
        assert!(outcome == *end, "{limit:?}");
        if outcome == refused {
            assert_eq!(kinds, ["ExecutionStarted", "PassStateEntered", "ExecutionFailed"]);
        }
    }
}

#[test]
fn a_task_s_result_has_its_limit_and_can_be_caught() {
    let task = |resource: &str| {
        json!({ "StartAt": "It", "States": {
            "It": { "Type": "Task", "Resource": resource, "End": true,
                    "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }] },
            "Caught": { "Type": "Pass", "OutputPath": "$.Cause", "End": true },
        } })
    };
    for (resource, name) in [
        ("arn:aws:lambda:us-east-1:111111111111:function:f", "arn:aws:lambda:us-east-1:111111111111:function:f"),
        ("arn:aws:states:::aws-sdk:s3:getObject", "aws-sdk:s3"),
        ("millrace:agent:pm", "millrace:agent:pm"),
    ] {
        let cause = format!(
            "The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit."
        );
        let (outcome, kinds) = run(&task(resource), &large(), PayloadLimit::Aws);
        assert!(outcome == Outcome::Succeeded { output: json!(cause) }, "{resource}");
        assert!(kinds.iter().any(|kind| *kind == "TaskFailed" || *kind == "LambdaFunctionFailed"), "{kinds:?}");
        let (outcome, _) = run(&task(resource), &large(), PayloadLimit::None);
        assert!(outcome == Outcome::Succeeded { output: large() }, "{resource}");
    }
}

#[test]
fn a_history_has_its_limit() {
    let definition = json!({ "StartAt": "Loop", "States": { "Loop": { "Type": "Pass", "Next": "Again" }, "Again": {
        "Type": "Choice", "Choices": [{ "Variable": "$.x", "IsPresent": true, "Next": "End" }], "Default": "Loop",
    }, "End": { "Type": "Succeed" } } });
    let (outcome, kinds) = run(&definition, &Value::Null, PayloadLimit::Aws);
    let cause = "The execution reached the maximum number of history events (25000).";
    assert_eq!(outcome, failed("States.Runtime", cause));
    assert!((24_998..=25_000).contains(&kinds.len()), "{}", kinds.len());
}

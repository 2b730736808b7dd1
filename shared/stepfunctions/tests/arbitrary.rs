//! Arbitrary bodies for every operation: an answer or a refusal, never a fault of the server.

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use millrace_simulation::MemoryPorts;
use millrace_stepfunctions::{OPERATIONS, StepFunctionsConfig, router};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

const MEMBERS: &[&str] = &[
    "stateMachineArn",
    "executionArn",
    "activityArn",
    "mapRunArn",
    "resourceArn",
    "stateMachineAliasArn",
    "stateMachineVersionArn",
    "name",
    "definition",
    "roleArn",
    "type",
    "input",
    "output",
    "error",
    "cause",
    "taskToken",
    "tags",
    "tagKeys",
    "routingConfiguration",
    "loggingConfiguration",
    "tracingConfiguration",
    "encryptionConfiguration",
    "publish",
    "versionDescription",
    "description",
    "revisionId",
    "maxResults",
    "nextToken",
    "reverseOrder",
    "includeExecutionData",
    "statusFilter",
    "redriveFilter",
    "clientToken",
    "maxConcurrency",
    "toleratedFailureCount",
    "toleratedFailurePercentage",
    "inspectionLevel",
    "mock",
    "context",
    "variables",
    "stateName",
    "stateConfiguration",
    "includedData",
    "traceHeader",
    "severity",
    "workerName",
];

const TEXTS: &[&str] = &[
    "",
    "a",
    "A-b_c.1",
    "\u{0}",
    "ü∑",
    "STANDARD",
    "EXPRESS",
    "ALL",
    "RUNNING",
    "PENDING_REDRIVE",
    "{}",
    "[1,2]",
    "{\"a\"",
    "arn:",
    "arn:aws:states:us-east-1:111111111111:stateMachine:shop",
    "arn:aws:states:us-east-1:111111111111:stateMachine:shop:1",
    "arn:aws:states:us-east-1:111111111111:stateMachine:shop:live",
    "arn:aws:states:us-east-1:111111111111:stateMachine:shop/Label",
    "arn:aws:states:us-east-1:111111111111:execution:shop:one",
    "arn:aws:states:us-east-1:111111111111:execution:shop/L:one",
    "arn:aws:states:us-east-1:111111111111:express:shop:one:two",
    "arn:aws:states:us-east-1:111111111111:activity:paint",
    "arn:aws:states:us-east-1:111111111111:mapRun:shop/L:123e4567-e89b-42d3-a456-426614174000",
    "arn:aws:states:us-east-1:111111111111:stateMachine:99999999999999999999999",
    "arn:aws:iam::111111111111:role/x",
    r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#,
    r#"{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":9,"End":true}}}"#,
    r#"{"Type":"Pass","End":true}"#,
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => prop::sample::select(TEXTS).prop_map(|text| json!(text)),
        1 => any::<String>().prop_map(Value::String),
        1 => any::<i64>().prop_map(|number| json!(number)),
        1 => prop::num::f64::NORMAL.prop_map(|number| json!(number)),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let names = prop::sample::select(
            &[
                "key",
                "value",
                "weight",
                "stateMachineVersionArn",
                "level",
                "destinations",
                "cloudWatchLogsLogGroup",
                "logGroupArn",
                "enabled",
                "type",
                "kmsKeyId",
                "result",
                "errorOutput",
                "error",
            ][..],
        );
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((names, inner), 0..4).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

fn body() -> impl Strategy<Value = Map<String, Value>> {
    let members = prop::collection::vec((prop::sample::select(MEMBERS), value()), 0..8);
    members.prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_answered_or_refused(calls in prop::collection::vec(
        (prop::sample::select(OPERATIONS), body()), 1..12,
    )) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let config = StepFunctionsConfig { longest_poll: std::time::Duration::ZERO, ..StepFunctionsConfig::default() };
        let api = router(MemoryPorts::new(1), config);
        let create = json!({ "name": "shop", "roleArn": "arn:aws:iam::111111111111:role/x", "publish": true,
            "definition": r#"{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":9,"End":true}}}"# });
        let first = ("CreateStateMachine", create.as_object().cloned().unwrap());
        for (operation, body) in std::iter::once(first).chain(calls) {
            let body = Value::Object(body).to_string();
            let request = Request::post("/")
                .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
                .header("authorization", "AWS4-HMAC-SHA256 Credential=111111111111/20260101/us-east-1/states/aws4_request")
                .body(Body::from(body.clone()))
                .unwrap();
            let (status, answer) = runtime.block_on(async {
                let response = api.clone().oneshot(request).await.unwrap();
                let status = response.status().as_u16();
                (status, response.into_body().collect().await.unwrap().to_bytes())
            });
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            prop_assert!(matches!(status, 200 | 400), "{operation} {body}: {status} {answer}");
            prop_assert_eq!(status == 400, answer.get("__type").is_some());
        }
    }
}

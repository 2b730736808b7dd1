//! The Lambda functions that recorded executions call, as the corpus names what they do.

use millrace_asl::Failure;
use millrace_asl::definition::{Kind, Resource, StateMachine};
use serde_json::{Value, json};

use crate::driver::{Answer, Worker};

/// Answers for the functions of a case, called by their ARNs or through `lambda:invoke`.
pub(crate) fn worker(case: &Value, machine: &StateMachine) -> Worker {
    let functions = case["lambdas"].clone();
    let states = (0..).map_while(|id| machine.states(id)).flat_map(|states| &states.states);
    let resources: Vec<(String, String)> = states
        .filter_map(|state| match &state.kind {
            Kind::Task(task) => Some((state.name.clone(), task.resource.clone())),
            _ => None,
        })
        .collect();
    Box::new(move |state, _, input| {
        let resource = resources.iter().find(|(name, _)| name == state).map_or("", |(_, resource)| resource.as_str());
        let (name, payload, wrapped) = match Resource::of(resource) {
            Resource::Lambda => (resource.to_owned(), input.clone(), false),
            Resource::Service { service: "lambda", resource: "invoke", .. } => {
                let payload =
                    input.get("Payload").filter(|payload| !payload.is_null()).cloned().unwrap_or_else(|| json!({}));
                (input["FunctionName"].as_str().unwrap_or_default().to_owned(), payload, true)
            }
            _ => return Answer { after: 0, result: None },
        };
        let name = name.rsplit(":function:").next().unwrap_or_default().split(':').next().unwrap_or_default();
        let (after, result) = call(functions[name].as_str(), name, payload);
        let result = result.map(|output| if wrapped { invoked(output) } else { output });
        Answer { after, result: Some(result) }
    })
}

/// What `lambda:invoke` answers.
fn invoked(output: Value) -> Value {
    json!({
        "ExecutedVersion": "$LATEST", "Payload": output, "SdkHttpMetadata": {}, "SdkResponseMetadata": {},
        "StatusCode": 200,
    })
}

fn missing(name: &str) -> String {
    format!(
        "Function not found: arn:aws:lambda:us-east-1:111111111111:function:{name}:$LATEST (Service: AWSLambda; Status \
         Code: 404; Error Code: ResourceNotFoundException; Request ID: 0; Proxy: null)"
    )
}

fn call(behaviour: Option<&str>, name: &str, payload: Value) -> (i64, Result<Value, Failure>) {
    let raised = |kind: &str, message: &str, line: u32, source: &str| {
        let trace = format!("  File \"/var/task/handler.py\", line {line}, in handler\n    {source}\n");
        let cause = json!({
            "errorMessage": message, "errorType": kind, "requestId": "00000000-0000-0000-0000-000000000000",
            "stackTrace": [trace],
        });
        Err(Failure::new(kind, cause.to_string()))
    };
    match behaviour {
        Some("echo_input") => (0, Ok(payload)),
        Some("return_greeting") => (0, Ok(json!({ "Return": "HelloWorld" }))),
        Some("return_string") => (0, Ok(json!("HelloWorld!"))),
        Some("large_output") => (0, Ok(json!("a".repeat(257 * 1024)))),
        Some("wait_60_seconds") => (60_000, Ok(Value::Null)),
        Some("raise_exception") => {
            (0, raised("Exception", "Some exception was raised.", 2, "raise Exception(\"Some exception was raised.\")"))
        }
        Some("raise_custom_exception") => (0, raised("CustomException", "", 9, "raise CustomException()")),
        _ => (0, Err(Failure::new("Lambda.ResourceNotFoundException", missing(name)))),
    }
}

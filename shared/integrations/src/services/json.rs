//! Services that speak awsJson: SQS, EventBridge, DynamoDB, Step Functions, and whatever else does.

use bytes::Bytes;
use millrace_asl::Failure;
use millrace_client::{Answer, Call, json_fault};
use serde_json::{Map, Value, json};

use crate::StepFunctions;
use crate::aws::Aws;
use crate::fault::Fault;
use crate::service::{DYNAMODB, EVENTS, SFN, SQS, Service};
use crate::shape::{Moments, from_wire, make_text, text_of, to_wire, with_metadata};

/// Calls an operation with arguments in PascalCase; the answer is of a 2xx status, with its result in PascalCase.
async fn call(
    aws: &Aws,
    role: Option<&str>,
    service: &'static Service,
    operation: &str,
    arguments: Value,
    moments: Moments,
    region: Option<String>,
) -> Result<(Value, Answer), Fault> {
    let Some(json) = service.json else {
        return Err(Fault::Client(format!("{} does not speak JSON", service.wire.host)));
    };
    let arguments = if arguments.is_null() { json!({}) } else { arguments };
    let body = Bytes::from(to_wire(arguments, json).to_string());
    let call = Call { region, ..Call::json(&service.wire, json.version, json.target, operation, body) };
    let answer = aws.call(role, &call).await?;
    if !answer.succeeded() {
        return Err(json_fault(&answer).into());
    }
    let result = if answer.response.body.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(&answer.response.body)
            .map_err(|_| Fault::Client(format!("{} answered what is no JSON", service.wire.host)))?
    };
    Ok((from_wire(result, json, moments), answer))
}

fn members(result: Value) -> Map<String, Value> {
    match result {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The region in a queue's URL: a message goes where its queue is.
fn region_of(queue_url: &str) -> Option<String> {
    let host = queue_url.strip_prefix("https://")?.split('/').next()?;
    let region = host.strip_prefix("sqs.")?.split_once(".amazonaws.com")?.0;
    region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-').then(|| region.to_owned())
}

/// `sqs:sendMessage`
pub(crate) async fn send_message(aws: &Aws, role: Option<&str>, mut arguments: Value) -> Result<Value, Fault> {
    make_text(&mut arguments, "MessageBody");
    let region = arguments.get("QueueUrl").and_then(Value::as_str).and_then(region_of);
    let called = call(aws, role, &SQS, "SendMessage", arguments, Moments::Millis, region).await;
    let (result, answer) = called?;
    Ok(with_metadata(members(result), &answer, "connection"))
}

/// `dynamodb:getItem` and its like.
pub(crate) async fn item(aws: &Aws, role: Option<&str>, operation: &str, arguments: Value) -> Result<Value, Fault> {
    let (result, answer) = call(aws, role, &DYNAMODB, operation, arguments, Moments::Millis, None).await?;
    Ok(with_metadata(members(result), &answer, "Connection"))
}

fn entries_with_text(arguments: &mut Value) -> Option<()> {
    for entry in arguments.get_mut("Entries")?.as_array_mut()? {
        make_text(entry, "Detail");
    }
    Some(())
}

/// `events:putEvents`. Each entry also names `resources`, the execution and its state machine, as Step Functions adds them.
pub(crate) async fn put_events(
    aws: &Aws,
    role: Option<&str>,
    mut arguments: Value,
    resources: &[String],
) -> Result<Value, Fault> {
    let _entries = entries_with_text(&mut arguments);
    for entry in arguments.get_mut("Entries").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(entry) = entry.as_object_mut() else { continue };
        let all = entry.entry("Resources").or_insert_with(|| json!([]));
        if let Some(all) = all.as_array_mut() {
            all.extend(resources.iter().map(|arn| json!(arn)));
        }
    }
    let (result, answer) = call(aws, role, &EVENTS, "PutEvents", arguments, Moments::Millis, None).await?;
    let failed = result.get("FailedEntryCount").and_then(Value::as_u64).unwrap_or_default() > 0;
    let result = with_metadata(members(result), &answer, "connection");
    if failed {
        return Err(Fault::Named(Failure::new("EventBridge.FailedEntry", result.to_string())));
    }
    Ok(result)
}

/// The members of Step Functions' requests that are JSON as text.
fn with_json_text(arguments: &mut Value) {
    for name in ["Input", "Output", "Definition", "Cause"] {
        make_text(arguments, name);
    }
}

/// `states:startExecution` at Step Functions itself. `name` is the execution's unless the arguments have one: the same for
/// every delivery of the task, so that it starts once.
pub(crate) async fn start_execution(
    aws: &Aws,
    role: Option<&str>,
    arguments: Value,
    name: &str,
) -> Result<Value, Fault> {
    let again = started_before(&arguments, name);
    let arguments = execution_arguments(arguments, name);
    let started = call(aws, role, &SFN, "StartExecution", arguments, Moments::Millis, None).await;
    let (result, answer) = match (started, again) {
        (Err(fault), Some(described)) if exists(&fault) => {
            call(aws, role, &SFN, "DescribeExecution", described, Moments::Millis, None).await?
        }
        (started, _) => started?,
    };
    Ok(with_metadata(begun(members(result)), &answer, "connection"))
}

/// Another delivery of the task started the execution, which has ended since: a name of our own is nobody else's. The
/// arguments that ask for it; `None` where the name is the definition's.
fn started_before(arguments: &Value, name: &str) -> Option<Value> {
    let named = arguments.get("Name").is_some_and(|name| !name.is_null());
    let machine = arguments.get("StateMachineArn").and_then(Value::as_str).filter(|_| !named)?;
    // Without version or alias.
    let parts: Vec<&str> = machine.split(':').take(7).collect();
    let arn = format!("{}:{name}", parts.join(":").replacen(":stateMachine:", ":execution:", 1));
    Some(json!({ "ExecutionArn": arn }))
}

fn exists(fault: &Fault) -> bool {
    matches!(fault, Fault::Service(fault) if fault.code == "ExecutionAlreadyExists")
}

/// What `StartExecution` answers, also of what `DescribeExecution` does.
fn begun(mut members: Map<String, Value>) -> Map<String, Value> {
    members.retain(|name, _| matches!(name.as_str(), "ExecutionArn" | "StartDate"));
    members
}

/// `states:startExecution` in this engine. There is no exchange over HTTP to tell of, so the metadata say only that it
/// succeeded. `waiting` is the token of a task that ends with the execution.
pub(crate) async fn start_here(
    own: &dyn StepFunctions,
    arguments: Value,
    name: &str,
    waiting: Option<&str>,
) -> Result<Value, Fault> {
    let again = started_before(&arguments, name);
    let arguments = execution_arguments(arguments, name);
    let started = here(own, "StartExecution", arguments, waiting, Moments::Millis).await;
    let result = match (started, again) {
        (Err(fault), Some(described)) if exists(&fault) => {
            here(own, "DescribeExecution", described, None, Moments::Millis).await?
        }
        (started, _) => started?,
    };
    let mut result = begun(members(result));
    let none = json!({});
    result.insert(
        "SdkHttpMetadata".to_owned(),
        json!({ "AllHttpHeaders": none, "HttpHeaders": none, "HttpStatusCode": 200 }),
    );
    result.insert("SdkResponseMetadata".to_owned(), json!({ "RequestId": name }));
    result.sort_keys();
    Ok(Value::Object(result))
}

/// The arguments of `states:startExecution` as the API takes them, in PascalCase.
fn execution_arguments(mut arguments: Value, name: &str) -> Value {
    with_json_text(&mut arguments);
    if let Some(members) = arguments.as_object_mut()
        && members.get("Name").is_none_or(Value::is_null)
    {
        members.insert("Name".to_owned(), json!(name));
    }
    arguments
}

/// `aws-sdk:<service>:<operation>`
pub(crate) async fn sdk(
    aws: &Aws,
    role: Option<&str>,
    service: &'static Service,
    operation: &str,
    mut arguments: Value,
) -> Result<Value, Fault> {
    let mut region = None;
    match service.sdk {
        "sfn" => with_json_text(&mut arguments),
        "sqs" => {
            make_text(&mut arguments, "MessageBody");
            region = arguments.get("QueueUrl").and_then(Value::as_str).and_then(region_of);
        }
        "eventbridge" => {
            let _entries = entries_with_text(&mut arguments);
        }
        "secretsmanager" => make_text(&mut arguments, "SecretString"),
        _ => {}
    }
    Ok(call(aws, role, service, operation, arguments, Moments::Text, region).await?.0)
}

/// An operation of Step Functions in this engine.
async fn here(
    own: &dyn StepFunctions,
    operation: &str,
    arguments: Value,
    waiting: Option<&str>,
    moments: Moments,
) -> Result<Value, Fault> {
    let Some(json) = SFN.json else { return Ok(Value::Null) };
    let result = own.call(operation, to_wire(arguments, json), waiting).await.map_err(Fault::from)?;
    Ok(from_wire(result, json, moments))
}

/// `aws-sdk:sfn:<operation>` in this engine.
pub(crate) async fn sdk_here(own: &dyn StepFunctions, operation: &str, mut arguments: Value) -> Result<Value, Fault> {
    with_json_text(&mut arguments);
    here(own, operation, arguments, None, Moments::Text).await
}

/// An operation of EventBridge or Secrets Manager for `http:invoke`, as the text of one member.
pub(crate) async fn look_up(
    aws: &Aws,
    role: Option<&str>,
    service: &'static Service,
    operation: &str,
    arguments: Value,
    member: &str,
) -> Result<(Value, String), Fault> {
    let (result, _) = call(aws, role, service, operation, arguments, Moments::Text, None).await?;
    let text = result.get(member).map(text_of).unwrap_or_default();
    Ok((result, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queues_url_tells_its_region() {
        assert_eq!(region_of("https://sqs.eu-west-1.amazonaws.com/1/q").as_deref(), Some("eu-west-1"));
        for url in ["http://127.0.0.1:4566/1/q", "https://queue.amazonaws.com/1/q", "no url"] {
            assert_eq!(region_of(url), None, "{url}");
        }
    }

    #[test]
    fn an_execution_has_a_name_that_repeats() {
        let given = execution_arguments(json!({ "Input": { "a": 1 }, "Name": "mine" }), "ours");
        assert_eq!(given, json!({ "Input": "{\"a\":1}", "Name": "mine" }));
        assert_eq!(execution_arguments(json!({ "Input": null }), "ours"), json!({ "Name": "ours" }));
    }
}

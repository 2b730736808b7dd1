//! Lambda: by a function's ARN, `lambda:invoke` and `aws-sdk:lambda:invoke`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, Method};
use millrace_asl::Failure;
use millrace_client::{Answer, Call, Repeat, encode, encode_query, json_fault};
use serde_json::{Map, Value, json};

use crate::aws::Aws;
use crate::config::LONGEST_CALL;
use crate::fault::Fault;
use crate::service::LAMBDA;
use crate::shape::{text_of, with_metadata};

/// The arguments of an invocation.
#[derive(Debug, Default)]
struct Invocation<'a> {
    function: &'a str,
    payload: Bytes,
    qualifier: Option<&'a str>,
    headers: Vec<(HeaderName, String)>,
}

async fn invoke(aws: &Aws, role: Option<&str>, invocation: Invocation<'_>) -> Result<Answer, Fault> {
    let mut call = Call {
        method: Method::POST,
        path: format!("/2015-03-31/functions/{}/invocations", encode(invocation.function)),
        timeout: LONGEST_CALL,
        // It may have run although nobody heard of its end.
        repeat: Repeat::Refused,
        headers: invocation.headers,
        region: region_of(invocation.function),
        ..Call::post(&LAMBDA.wire, invocation.payload)
    };
    if let Some(qualifier) = invocation.qualifier {
        call.query = encode_query([("Qualifier", qualifier)]);
    }
    let answer = aws.call(role, &call).await?;
    if answer.succeeded() { Ok(answer) } else { Err(json_fault(&answer).into()) }
}

/// The region in a function's ARN, where it is one.
fn region_of(function: &str) -> Option<String> {
    let mut parts = function.split(':');
    let region = parts.nth(3).filter(|_| function.starts_with("arn:"))?;
    let plausible = !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    plausible.then(|| region.to_owned())
}

/// The function ran and failed: `error` is what it says, `cause` its whole answer.
fn failed(answer: &Answer) -> Failure {
    let cause = String::from_utf8_lossy(&answer.response.body).into_owned();
    let told: Value = serde_json::from_slice(&answer.response.body).unwrap_or_default();
    match told.get("errorType").and_then(Value::as_str) {
        Some(kind) => Failure::new(kind, cause),
        None => Failure::new(
            "Lambda.Unknown",
            format!(
                "The cause could not be determined because Lambda did not return an error type. Returned payload: {cause}"
            ),
        ),
    }
}

fn is_failed(answer: &Answer) -> bool {
    answer.response.header("x-amz-function-error").is_some()
}

/// JSON where it is some, else the text; an empty answer is an empty text.
fn payload(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.response.body)
        .unwrap_or_else(|_| json!(String::from_utf8_lossy(&answer.response.body)))
}

/// A Task state whose resource is the function itself: its input is the event, the function's answer its result.
pub(crate) async fn by_arn(aws: &Aws, role: Option<&str>, arn: &str, input: &Value) -> Result<Value, Fault> {
    let invocation = Invocation { function: arn, payload: input.to_string().into(), ..Invocation::default() };
    let answer = invoke(aws, role, invocation).await?;
    if is_failed(&answer) {
        return Err(Fault::Named(failed(&answer)));
    }
    Ok(payload(&answer))
}

fn invocation(arguments: &Value) -> Result<Invocation<'_>, Fault> {
    let text = |name: &str| arguments.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let function = text("FunctionName").ok_or_else(|| super::missing("FunctionName"))?;
    let mut headers = Vec::new();
    for (name, header) in [("InvocationType", "x-amz-invocation-type"), ("LogType", "x-amz-log-type")] {
        headers.extend(text(name).map(|value| (HeaderName::from_static(header), value.to_owned())));
    }
    let context = match arguments.get("ClientContext") {
        Some(Value::String(encoded)) => Some(encoded.clone()),
        None | Some(Value::Null) => None,
        Some(context) => Some(STANDARD.encode(context.to_string())),
    };
    headers.extend(context.map(|context| (HeaderName::from_static("x-amz-client-context"), context)));
    let payload = match arguments.get("Payload") {
        None | Some(Value::Null) => Bytes::new(),
        Some(payload) => payload.to_string().into(),
    };
    Ok(Invocation { function, payload, qualifier: text("Qualifier"), headers })
}

fn result(answer: &Answer) -> Map<String, Value> {
    let mut result = Map::new();
    for (name, header) in [("ExecutedVersion", "x-amz-executed-version"), ("LogResult", "x-amz-log-result")] {
        if let Some(value) = answer.response.header(header) {
            result.insert(name.to_owned(), json!(value));
        }
    }
    result.insert("StatusCode".to_owned(), json!(answer.response.status));
    result
}

/// `lambda:invoke`
pub(crate) async fn optimized(aws: &Aws, role: Option<&str>, arguments: &Value) -> Result<Value, Fault> {
    let answer = invoke(aws, role, invocation(arguments)?).await?;
    if is_failed(&answer) {
        return Err(Fault::Named(failed(&answer)));
    }
    let mut result = result(&answer);
    result.insert("Payload".to_owned(), payload(&answer));
    Ok(with_metadata(result, &answer, "Connection"))
}

/// `aws-sdk:lambda:invoke`: payloads are text both ways, and a function that fails is a result.
pub(crate) async fn sdk(aws: &Aws, role: Option<&str>, arguments: &Value) -> Result<Value, Fault> {
    let mut invocation = invocation(arguments)?;
    invocation.payload = match arguments.get("Payload") {
        None | Some(Value::Null) => Bytes::new(),
        Some(payload) => text_of(payload).into(),
    };
    let answer = invoke(aws, role, invocation).await?;
    let mut result = result(&answer);
    if let Some(error) = answer.response.header("x-amz-function-error") {
        result.insert("FunctionError".to_owned(), json!(error));
    }
    if !answer.response.body.is_empty() {
        result.insert("Payload".to_owned(), json!(String::from_utf8_lossy(&answer.response.body)));
    }
    result.sort_keys();
    Ok(Value::Object(result))
}

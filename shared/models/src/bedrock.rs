//! Amazon Bedrock's Converse (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>), signed
//! as the function's role.
//!
//! A schema goes as `outputConfig.textFormat`; a model that does not take it gets a tool that it must call, then words.

use millrace_app::models::{ChatAnswer, Finish, ModelError, Role, TokenUsage};
use millrace_client::{Client, Request, Response, Scope, Service, encode, now, sign};
use serde_json::{Value, json};

use crate::form::{self, Shape};
use crate::{Call, json, set};

const BEDROCK: Service = Service::new("BEDROCK_RUNTIME", "bedrock-runtime");
/// Its name in signatures is another than that of its host.
const SIGNED_AS: &str = "bedrock";

/// The signed request.
pub(crate) async fn request(call: &Call<'_>, client: &Client) -> Result<Request, ModelError> {
    let region = client.endpoints().region();
    let endpoint = client.endpoints().of(&BEDROCK, region);
    let url = format!("{}/model/{}/converse", endpoint.base, encode(&call.asked.model.model));
    let mut request = call.post(&url, None, &body(call))?;
    let refused = |error: String| ModelError::Unauthorized(error);
    let credentials = client.credentials(&endpoint).await.map_err(|error| refused(error.to_string()))?;
    let scope = Scope { service: SIGNED_AS, region, at: now() };
    sign(&mut request, scope, &credentials).map_err(|error| refused(error.to_string()))?;
    Ok(request)
}

fn body(call: &Call<'_>) -> Value {
    let asked = call.asked.request;
    let messages: Vec<Value> = asked
        .messages
        .iter()
        .map(|message| {
            let role = match message.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            json!({ "role": role, "content": [{ "text": message.text }] })
        })
        .collect();
    let mut inference = json!({ "maxTokens": asked.max_output_tokens });
    if let Some(temperature) = form::temperature(asked, call.form) {
        set(&mut inference, "temperature", temperature);
    }
    let mut body = json!({ "messages": messages, "inferenceConfig": inference });
    if let Some(system) = form::system(asked, call.form, false) {
        set(&mut body, "system", json!([{ "text": system }]));
    }
    match (&asked.schema, call.form.shape) {
        (Some(schema), Shape::Native) => {
            // The schema itself goes as text.
            let definition = json!({ "name": schema.name, "schema": schema.schema.to_string() });
            set(
                &mut body,
                "outputConfig",
                json!({ "textFormat": { "type": "json_schema", "structure": { "jsonSchema": definition } } }),
            );
        }
        (Some(schema), Shape::Second) => {
            let tool = json!({ "toolSpec": {
                "name": schema.name, "description": "Takes the answer.", "inputSchema": { "json": schema.schema },
            } });
            set(&mut body, "toolConfig", json!({ "tools": [tool], "toolChoice": { "tool": { "name": schema.name } } }));
        }
        (Some(_), Shape::Words) | (None, _) => {}
    }
    body
}

/// What the model says.
pub(crate) fn answer(call: &Call<'_>, response: &Response) -> Result<ChatAnswer, ModelError> {
    let body = json(call, response)?;
    let blocks = body.pointer("/output/message/content").and_then(Value::as_array);
    let blocks = blocks.ok_or_else(|| ModelError::InvalidAnswer("it has no content".into()))?;
    let tool = blocks.iter().find_map(|block| block.pointer("/toolUse/input"));
    let text = match tool {
        Some(input) => input.to_string(),
        None => blocks.iter().filter_map(|block| block.get("text")?.as_str()).collect(),
    };
    let finish = match body.get("stopReason").and_then(Value::as_str) {
        Some("end_turn" | "stop_sequence" | "tool_use") => Finish::Stop,
        Some("max_tokens" | "model_context_window_exceeded") => Finish::Length,
        Some("guardrail_intervened" | "content_filtered" | "refusal") => Finish::Refused,
        other => return Err(ModelError::InvalidAnswer(format!("its stopReason is {other:?}"))),
    };
    let count = |name: &str| body.pointer(&format!("/usage/{name}")).and_then(Value::as_u64).unwrap_or_default();
    let cached = count("cacheReadInputTokens");
    let usage = TokenUsage {
        input: count("inputTokens") + count("cacheWriteInputTokens") + cached,
        output: count("outputTokens"),
        cached_input: cached,
        estimated: false,
    };
    Ok(call.told(text, finish, usage, None))
}

//! Anthropic's Messages API (<https://platform.claude.com/docs/en/api/messages>).
//!
//! A schema goes as `output_config.format`, which wants every object closed; else as the input of a tool that the model
//! must call; else, where a model that thinks takes neither, in words.

use millrace_app::models::{ChatAnswer, Finish, ModelError, Role, TokenUsage};
use millrace_client::{Request, Response};
use serde_json::{Value, json};

use crate::form::{self, Shape};
use crate::{Call, json, set};

const URL: &str = "https://api.anthropic.com";
const VERSION: &str = "2023-06-01";

/// The request.
pub(crate) fn request(call: &Call<'_>) -> Result<Request, ModelError> {
    let asked = call.asked.request;
    let messages: Vec<Value> = asked
        .messages
        .iter()
        .map(|message| {
            let role = match message.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            json!({ "role": role, "content": message.text })
        })
        .collect();
    let mut body =
        json!({ "model": call.asked.model.model, "max_tokens": asked.max_output_tokens, "messages": messages });
    if let Some(system) = form::system(asked, call.form, false) {
        set(&mut body, "system", system);
    }
    if let Some(temperature) = form::temperature(asked, call.form) {
        set(&mut body, "temperature", temperature);
    }
    match (&asked.schema, call.form.shape) {
        (Some(schema), Shape::Native) => {
            set(&mut body, "output_config", json!({ "format": { "type": "json_schema", "schema": schema.schema } }));
        }
        (Some(schema), Shape::Second) => {
            set(
                &mut body,
                "tools",
                json!([{ "name": schema.name, "description": "Takes the answer.", "input_schema": schema.schema }]),
            );
            set(&mut body, "tool_choice", json!({ "type": "tool", "name": schema.name }));
        }
        (Some(_), Shape::Words) | (None, _) => {}
    }
    if call.form.stream {
        set(&mut body, "stream", true);
    }
    let key = call.key.as_ref().map(|key| ("x-api-key", key.expose().to_owned()));
    let mut request = call.post(&format!("{}/v1/messages", call.base(URL)), key, &body)?;
    request.headers_mut().insert("anthropic-version", http::HeaderValue::from_static(VERSION));
    Ok(request)
}

/// What the model says.
pub(crate) fn answer(call: &Call<'_>, response: &Response) -> Result<ChatAnswer, ModelError> {
    let body = json(call, response)?;
    let blocks = body.get("content").and_then(Value::as_array);
    let blocks = blocks.ok_or_else(|| ModelError::InvalidAnswer("it has no content".into()))?;
    let mut text = String::new();
    for block in blocks {
        match block.get("type").and_then(Value::as_str) {
            Some("text") => text.push_str(block.get("text").and_then(Value::as_str).unwrap_or_default()),
            Some("tool_use") => text = block.get("input").unwrap_or(&Value::Null).to_string(),
            _ => {}
        }
    }
    let finish = match body.get("stop_reason").and_then(Value::as_str) {
        Some("end_turn" | "stop_sequence" | "tool_use" | "pause_turn") => Finish::Stop,
        Some("max_tokens" | "model_context_window_exceeded") => Finish::Length,
        Some("refusal") => Finish::Refused,
        other => return Err(ModelError::InvalidAnswer(format!("its stop_reason is {other:?}"))),
    };
    let count = |name: &str| body.pointer(&format!("/usage/{name}")).and_then(Value::as_u64).unwrap_or_default();
    let cached = count("cache_read_input_tokens");
    let usage = TokenUsage {
        input: count("input_tokens") + count("cache_creation_input_tokens") + cached,
        output: count("output_tokens"),
        cached_input: cached,
        estimated: false,
    };
    Ok(call.told(text, finish, usage, body.get("model")))
}

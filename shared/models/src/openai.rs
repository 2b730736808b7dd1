//! OpenAI's chat completions (<https://platform.openai.com/docs/api-reference/chat>), and every server that speaks them.
//!
//! A schema goes as `response_format`; servers that don't take `json_schema` get `json_object` with the schema in words,
//! then words alone.

use millrace_app::models::{ChatAnswer, Finish, ModelError, Role, TokenUsage};
use millrace_client::{Request, Response};
use serde_json::{Value, json};

use crate::form::{self, Shape};
use crate::schema::is_strict;
use crate::{Call, json, set};

const URL: &str = "https://api.openai.com/v1";

/// The request.
pub(crate) fn request(call: &Call<'_>) -> Result<Request, ModelError> {
    let asked = call.asked.request;
    let system = form::system(asked, call.form, call.form.shape == Shape::Second);
    let system = system.map(|text| json!({ "role": "system", "content": text }));
    let messages = asked.messages.iter().map(|message| {
        let role = match message.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        json!({ "role": role, "content": message.text })
    });
    let messages: Vec<Value> = system.into_iter().chain(messages).collect();
    let mut body = json!({ "model": call.asked.model.model, "messages": messages });
    // Others than OpenAI know the old name only; its newer models only the new one.
    let most = if call.elsewhere() { "max_tokens" } else { "max_completion_tokens" };
    set(&mut body, most, asked.max_output_tokens);
    if let Some(temperature) = form::temperature(asked, call.form) {
        set(&mut body, "temperature", temperature);
    }
    match (&asked.schema, call.form.shape) {
        (Some(schema), Shape::Native) => {
            let form = json!({ "name": schema.name, "schema": schema.schema, "strict": is_strict(&schema.schema) });
            set(&mut body, "response_format", json!({ "type": "json_schema", "json_schema": form }));
        }
        (Some(_), Shape::Second) => set(&mut body, "response_format", json!({ "type": "json_object" })),
        (Some(_), Shape::Words) | (None, _) => {}
    }
    if call.form.stream {
        set(&mut body, "stream", true);
        set(&mut body, "stream_options", json!({ "include_usage": true }));
    }
    let key = call.key.as_ref().map(|key| ("authorization", format!("Bearer {}", key.expose())));
    call.post(&format!("{}/chat/completions", call.base(URL)), key, &body)
}

/// What the model says.
pub(crate) fn answer(call: &Call<'_>, response: &Response) -> Result<ChatAnswer, ModelError> {
    let body = json(call, response)?;
    // Some gateways answer errors with 200.
    if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
        let message = error.get("message").and_then(Value::as_str).unwrap_or("an error without words");
        let message = message.chars().take(500).collect();
        return Err(ModelError::Overloaded { retry_after: None, message });
    }
    let choice = body.pointer("/choices/0").ok_or_else(|| ModelError::InvalidAnswer("it has no choices".into()))?;
    let message = choice.get("message").ok_or_else(|| ModelError::InvalidAnswer("its choice has no message".into()))?;
    let refusal = message.get("refusal").and_then(Value::as_str).filter(|text| !text.is_empty());
    let text = match (refusal, message.get("content")) {
        (Some(refusal), _) => refusal.to_owned(),
        (None, Some(Value::Array(parts))) => {
            parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<String>()
        }
        (None, content) => content.and_then(Value::as_str).unwrap_or_default().to_owned(),
    };
    let finish = match choice.get("finish_reason").and_then(Value::as_str) {
        _ if refusal.is_some() => Finish::Refused,
        Some("content_filter") => Finish::Refused,
        Some("length") => Finish::Length,
        // Some servers leave it out.
        Some("stop" | "eos" | "tool_calls") | None => Finish::Stop,
        Some(other) => return Err(ModelError::InvalidAnswer(format!("its finish_reason is {other:?}"))),
    };
    let count = |path: &str| body.pointer(path).and_then(Value::as_u64);
    let usage = match (count("/usage/prompt_tokens"), count("/usage/completion_tokens")) {
        (Some(input), Some(output)) => TokenUsage {
            input,
            output,
            cached_input: count("/usage/prompt_tokens_details/cached_tokens").unwrap_or_default(),
            estimated: false,
        },
        _ => call.estimate(&text),
    };
    Ok(call.told(text, finish, usage, body.get("model")))
}

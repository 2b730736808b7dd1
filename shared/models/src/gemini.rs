//! Google's Gemini API, `generateContent` (<https://ai.google.dev/api/generate-content>).
//!
//! A schema goes as `responseJsonSchema`; a model that does not take it gets JSON mode with the schema in words, then words
//! alone.

use millrace_app::models::{ChatAnswer, Finish, ModelError, Role, TokenUsage};
use millrace_client::{Request, Response, encode};
use serde_json::{Value, json};

use crate::form::{self, Shape};
use crate::{Call, json, set};

const URL: &str = "https://generativelanguage.googleapis.com";

/// The request.
pub(crate) fn request(call: &Call<'_>) -> Result<Request, ModelError> {
    let asked = call.asked.request;
    let contents: Vec<Value> = asked
        .messages
        .iter()
        .map(|message| {
            let role = match message.role {
                Role::User => "user",
                Role::Assistant => "model",
            };
            json!({ "role": role, "parts": [{ "text": message.text }] })
        })
        .collect();
    let mut generation = json!({ "maxOutputTokens": asked.max_output_tokens });
    if let Some(temperature) = form::temperature(asked, call.form) {
        set(&mut generation, "temperature", temperature);
    }
    if let Some(schema) = asked.schema.as_ref().filter(|_| call.form.shape != Shape::Words) {
        set(&mut generation, "responseMimeType", "application/json");
        if call.form.shape == Shape::Native {
            set(&mut generation, "responseJsonSchema", schema.schema.clone());
        }
    }
    let mut body = json!({ "contents": contents, "generationConfig": generation });
    if let Some(system) = form::system(asked, call.form, call.form.shape == Shape::Second) {
        set(&mut body, "systemInstruction", json!({ "parts": [{ "text": system }] }));
    }
    let key = call.key.as_ref().map(|key| ("x-goog-api-key", key.expose().to_owned()));
    let method = if call.form.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    let url = format!("{}/v1beta/models/{}:{method}", call.base(URL), encode(&call.asked.model.model));
    call.post(&url, key, &body)
}

/// What the model says.
pub(crate) fn answer(call: &Call<'_>, response: &Response) -> Result<ChatAnswer, ModelError> {
    let body = json(call, response)?;
    let count =
        |name: &str| body.pointer(&format!("/usageMetadata/{name}")).and_then(Value::as_u64).unwrap_or_default();
    let usage = TokenUsage {
        input: count("promptTokenCount"),
        output: count("candidatesTokenCount") + count("thoughtsTokenCount"),
        cached_input: count("cachedContentTokenCount"),
        estimated: false,
    };
    let model = body.get("modelVersion");
    if let Some(reason) = body.pointer("/promptFeedback/blockReason").and_then(Value::as_str) {
        return Ok(call.told(format!("The request was blocked: {reason}."), Finish::Refused, usage, model));
    }
    let candidate =
        body.pointer("/candidates/0").ok_or_else(|| ModelError::InvalidAnswer("it has no candidates".into()))?;
    let parts = candidate.pointer("/content/parts").and_then(Value::as_array);
    let said = parts.into_iter().flatten().filter(|part| part.get("thought") != Some(&Value::Bool(true)));
    let text: String = said.filter_map(|part| part.get("text")?.as_str()).collect();
    let finish = match candidate.get("finishReason").and_then(Value::as_str) {
        Some("STOP") => Finish::Stop,
        Some("MAX_TOKENS") => Finish::Length,
        Some(reason @ ("SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE")) => {
            let words = candidate.get("finishMessage").and_then(Value::as_str).unwrap_or(reason);
            return Ok(call.told(format!("The answer was blocked: {words}."), Finish::Refused, usage, model));
        }
        other => return Err(ModelError::InvalidAnswer(format!("its finishReason is {other:?}"))),
    };
    Ok(call.told(text, finish, usage, model))
}

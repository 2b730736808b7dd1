//! Answers that come piece by piece: put together to what the provider answers as a whole.
//!
//! A long answer is asked for as a stream of server-sent events, so that no connection stays silent for minutes. The stream is
//! read to its end before anything of it is used: half an answer is no answer.

use millrace_app::models::{ModelError, Provider};
use millrace_client::Response;
use serde_json::{Value, json};

use crate::set;

/// Is a body a stream?
pub(crate) fn is_stream(response: &Response) -> bool {
    response.header("content-type").is_some_and(|kind| kind.trim_start().starts_with("text/event-stream"))
}

/// The data of each event.
fn events(response: &Response) -> Result<Vec<String>, ModelError> {
    let text = std::str::from_utf8(&response.body).map_err(|_| invalid("it is not UTF-8"))?;
    let mut events = Vec::new();
    let mut data: Option<String> = None;
    for line in text.lines().chain([""]) {
        match line.strip_prefix("data:") {
            Some(more) => {
                let more = more.strip_prefix(' ').unwrap_or(more);
                match &mut data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(more);
                    }
                    None => data = Some(more.to_owned()),
                }
            }
            None if line.is_empty() => events.extend(data.take()),
            None => {}
        }
    }
    Ok(events)
}

fn invalid(problem: &str) -> ModelError {
    ModelError::InvalidAnswer(problem.to_owned())
}

/// What a stream says as a whole, in the form of an answer that did not come as one.
///
/// # Errors
/// [`ModelError::Connection`] where it broke off; what an event tells that is an error.
pub(crate) fn whole(provider: Provider, response: &Response) -> Result<Value, ModelError> {
    let mut events = events(response)?;
    let done = events.last().is_some_and(|last| last == "[DONE]");
    if done {
        events.pop();
    }
    let mut parts = Vec::with_capacity(events.len());
    for event in events {
        let part: Value = serde_json::from_str(&event)
            .map_err(|error| ModelError::InvalidAnswer(format!("an event is no JSON: {error}")))?;
        if let Some(error) = part.get("error").filter(|error| !error.is_null()) {
            let message = error.get("message").and_then(Value::as_str).unwrap_or("the stream ended with an error");
            let message = message.chars().take(500).collect();
            return Err(ModelError::Overloaded { retry_after: None, message });
        }
        parts.push(part);
    }
    let whole = match provider {
        Provider::Anthropic => anthropic(&parts)?,
        Provider::Gemini => gemini(parts),
        Provider::OpenAi | Provider::Bedrock | Provider::Ollama => openai(parts, done),
    };
    whole.ok_or_else(|| ModelError::Connection("the answer broke off".into()))
}

/// Puts text at the end of a member of an object.
fn append(object: &mut Value, name: &str, more: Option<&Value>) {
    let Some(more) = more.and_then(Value::as_str) else { return };
    match object.get_mut(name) {
        Some(Value::String(text)) => text.push_str(more),
        _ => set(object, name, more),
    }
}

/// Takes the members of an object over into another.
fn merge(target: &mut Value, more: Option<&Value>) {
    if let (Some(target), Some(more)) = (target.as_object_mut(), more.and_then(Value::as_object)) {
        target.extend(
            more.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), value.clone())),
        );
    }
}

/// `message_start`, blocks with their deltas, `message_delta`, `message_stop`.
fn anthropic(events: &[Value]) -> Result<Option<Value>, ModelError> {
    let mut message = Value::Null;
    let mut blocks: Vec<Value> = Vec::new();
    let mut stopped = false;
    for event in events {
        let index = || usize::try_from(event.get("index")?.as_u64()?).ok();
        match event.get("type").and_then(Value::as_str) {
            Some("message_start") => message = event.get("message").cloned().unwrap_or_default(),
            Some("content_block_start") => blocks.push(event.get("content_block").cloned().unwrap_or_default()),
            Some("content_block_delta") => {
                let delta = event.get("delta").unwrap_or(&Value::Null);
                let Some(block) = index().and_then(|index| blocks.get_mut(index)).filter(|block| block.is_object())
                else {
                    return Err(invalid("an event belongs to no block"));
                };
                match delta.get("type").and_then(Value::as_str) {
                    Some("text_delta") => append(block, "text", delta.get("text")),
                    Some("input_json_delta") => append(block, "json", delta.get("partial_json")),
                    _ => {}
                }
            }
            Some("message_delta") => {
                merge(&mut message, event.get("delta"));
                if let Some(usage) = message.get_mut("usage") {
                    merge(usage, event.get("usage"));
                }
            }
            Some("message_stop") => stopped = true,
            _ => {}
        }
    }
    for block in &mut blocks {
        if let Some(text) = block.get("json").and_then(Value::as_str) {
            // What is no JSON stays a text; whoever asked sees that it has not the form.
            let input = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
            set(block, "input", input);
        }
    }
    if !stopped || !message.is_object() {
        return Ok(None);
    }
    set(&mut message, "content", blocks);
    Ok(Some(message))
}

/// Chunks with deltas of the choice, then `[DONE]`; some servers leave that out, but none the reason of the end.
fn openai(chunks: Vec<Value>, done: bool) -> Option<Value> {
    let (mut message, mut finish, mut usage, mut model) =
        (json!({ "content": null }), Value::Null, Value::Null, Value::Null);
    for chunk in chunks {
        if let Some(choice) = chunk.pointer("/choices/0") {
            for name in ["content", "refusal"] {
                append(&mut message, name, choice.pointer(&format!("/delta/{name}")));
            }
            if let Some(reason) = choice.get("finish_reason").filter(|reason| !reason.is_null()) {
                finish = reason.clone();
            }
        }
        for (name, target) in [("usage", &mut usage), ("model", &mut model)] {
            if let Some(value) = chunk.get(name).filter(|value| !value.is_null()) {
                *target = value.clone();
            }
        }
    }
    (done || !finish.is_null()).then(
        || json!({ "model": model, "usage": usage, "choices": [{ "message": message, "finish_reason": finish }] }),
    )
}

/// Whole responses, each with more parts; the last one says why it ended and what was used.
fn gemini(chunks: Vec<Value>) -> Option<Value> {
    let mut whole = json!({});
    let mut candidate = json!({});
    let mut parts: Vec<Value> = Vec::new();
    for mut chunk in chunks {
        if let Some(given) = chunk.pointer_mut("/candidates/0/content/parts").and_then(Value::as_array_mut) {
            parts.append(given);
        }
        merge(&mut candidate, chunk.pointer("/candidates/0"));
        merge(&mut whole, Some(&chunk));
    }
    let ended = candidate.get("finishReason").is_some();
    if !ended {
        return whole.get("promptFeedback").is_some().then_some(whole);
    }
    set(&mut candidate, "content", json!({ "parts": parts }));
    set(&mut whole, "candidates", json!([candidate]));
    Some(whole)
}

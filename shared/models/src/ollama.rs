//! Ollama's chat (<https://docs.ollama.com/api/chat>).

use millrace_app::models::{ChatAnswer, Finish, ModelError, Role, TokenUsage};
use millrace_client::{Request, Response};
use serde_json::{Value, json};

use crate::form::{self, Shape};
use crate::{Call, json, set};

const URL: &str = "http://127.0.0.1:11434";

/// Ollama cuts what is longer than its window without a word, so the window is made to fit; in steps, since another size
/// loads the model anew.
const WINDOW_STEP: u64 = 8_192;

/// The request.
pub(crate) fn request(call: &Call<'_>) -> Result<Request, ModelError> {
    let asked = call.asked.request;
    let system = form::system(asked, call.form, false).map(|text| json!({ "role": "system", "content": text }));
    let messages = asked.messages.iter().map(|message| {
        let role = match message.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        json!({ "role": role, "content": message.text })
    });
    let messages: Vec<Value> = system.into_iter().chain(messages).collect();
    let window = (asked.input_tokens() + u64::from(asked.max_output_tokens)).div_ceil(WINDOW_STEP) * WINDOW_STEP;
    let mut options = json!({ "num_predict": asked.max_output_tokens, "num_ctx": window });
    if let Some(temperature) = form::temperature(asked, call.form) {
        set(&mut options, "temperature", temperature);
    }
    let mut body =
        json!({ "model": call.asked.model.model, "messages": messages, "stream": false, "options": options });
    if let Some(schema) = asked.schema.as_ref().filter(|_| call.form.shape == Shape::Native) {
        set(&mut body, "format", schema.schema.clone());
    }
    let key = call.key.as_ref().map(|key| ("authorization", format!("Bearer {}", key.expose())));
    call.post(&format!("{}/api/chat", call.base(URL)), key, &body)
}

/// What the model says.
pub(crate) fn answer(call: &Call<'_>, response: &Response) -> Result<ChatAnswer, ModelError> {
    let body = json(call, response)?;
    let text = body.pointer("/message/content").and_then(Value::as_str);
    let text = text.ok_or_else(|| ModelError::InvalidAnswer("it has no message".into()))?.to_owned();
    if body.get("done") == Some(&Value::Bool(false)) {
        return Err(ModelError::InvalidAnswer("it is not the whole answer".into()));
    }
    let finish = match body.get("done_reason").and_then(Value::as_str) {
        Some("length") => Finish::Length,
        _ => Finish::Stop,
    };
    let count = |name: &str| body.get(name).and_then(Value::as_u64);
    let usage = match count("eval_count") {
        Some(output) => TokenUsage {
            // Left out where the prompt was still in memory.
            input: count("prompt_eval_count").unwrap_or_default(),
            output,
            cached_input: 0,
            estimated: false,
        },
        None => call.estimate(&text),
    };
    Ok(call.told(text, finish, usage, body.get("model")))
}

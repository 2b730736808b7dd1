//! Each provider's protocol against a server in the process that answers as the provider does.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "these are tests")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use millrace_app::Timestamp;
use millrace_app::models::{
    Asked, ChatAnswer, ChatMessage, ChatRequest, Finish, ModelCaller, ModelError, ModelRef, Schema, TokenUsage,
};
use millrace_app::ports::{Secret, SecretStore};
use millrace_client::{Credentials, Scope, sign};
use millrace_models::{Config, Models};
use millrace_simulation::MemoryPorts;
use millrace_simulation::http::{Answer, Fake, Seen};
use serde_json::{Value, json};

const KEY: &str = "key-hunter2";
const MODELS: [&str; 5] =
    ["anthropic/claude-x", "openai/gpt-x", "gemini/gemini-x", "bedrock/eu.vendor.model-v1:0", "ollama/small:1b"];

/// A provider that gives its answers one after the other, and keeps what was asked.
struct Provider {
    _fake: Fake,
    seen: Arc<Mutex<Vec<Seen>>>,
    models: Models,
    ports: MemoryPorts,
}

async fn provider(answers: impl IntoIterator<Item = Answer>) -> Provider {
    let answers: Mutex<VecDeque<Answer>> = Mutex::new(answers.into_iter().collect());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let fake = Fake::start(move |request| {
        noted.lock().unwrap().push(request.clone());
        answers.lock().unwrap().pop_front().unwrap_or_else(|| Answer::status(500, "no more answers"))
    })
    .await;
    let names = ["ANTHROPIC", "OPENAI", "GEMINI", "BEDROCK", "OLLAMA"];
    let variables = names.map(|name| (format!("MILLRACE_{name}_URL"), fake.url.clone()));
    let region = [("AWS_REGION".to_owned(), "eu-west-1".to_owned())];
    let models = Models::new(Config::from_variables(variables.into_iter().chain(region)).unwrap());
    let ports = MemoryPorts::new(1);
    for name in ["anthropic", "openai", "gemini"] {
        ports.put(&format!("models/{name}/api-key"), &Secret::new(KEY)).await.unwrap();
    }
    Provider { _fake: fake, seen, models, ports }
}

impl Provider {
    async fn ask(&self, model: &str, request: &ChatRequest) -> Result<ChatAnswer, ModelError> {
        let model: ModelRef = model.parse().unwrap();
        let asked = Asked { model: &model, request, timeout: Duration::from_secs(5) };
        self.models.call(&self.ports, asked).await
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn conversation() -> ChatRequest {
    ChatRequest {
        system: Some("Be brief.".into()),
        messages: vec![ChatMessage::user("Hi"), ChatMessage::assistant("Yes?"), ChatMessage::user("What is 2+2?")],
        schema: None,
        max_output_tokens: 64,
        temperature: Some(0.2),
    }
}

fn with_schema() -> ChatRequest {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["sum"],
        "properties": { "sum": { "type": "integer" } },
    });
    ChatRequest { schema: Some(Schema { name: "answer".into(), schema }), ..conversation() }
}

/// What each provider answers to a text, in its own words.
fn says(model: &str, text: &str) -> Answer {
    finishes(model, text, "stop")
}

fn finishes(model: &str, text: &str, how: &str) -> Answer {
    let word = |stop: &'static str, length: &'static str, refused: &'static str| match how {
        "stop" => stop,
        "length" => length,
        _ => refused,
    };
    Answer::json(
        200,
        &match model.split('/').next().unwrap() {
            "anthropic" => json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x-20260101",
                "content": [{ "type": "thinking", "thinking": "hm", "signature": "s" }, { "type": "text", "text": text }],
                "stop_reason": word("end_turn", "max_tokens", "refusal"), "stop_sequence": null,
                "usage": { "input_tokens": 20, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 7, "output_tokens": 5 },
            }),
            "openai" => json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-x-2026-01-01",
                "choices": [{ "index": 0, "message": { "role": "assistant", "content": text, "refusal": null },
                    "logprobs": null, "finish_reason": word("stop", "length", "content_filter") }],
                "usage": { "prompt_tokens": 30, "completion_tokens": 5, "total_tokens": 35,
                    "prompt_tokens_details": { "cached_tokens": 7 } },
            }),
            "gemini" => json!({
                "candidates": [{ "content": { "role": "model", "parts": [{ "text": "hm", "thought": true }, { "text": text }] },
                    "finishReason": word("STOP", "MAX_TOKENS", "SAFETY"), "index": 0 }],
                "usageMetadata": { "promptTokenCount": 30, "candidatesTokenCount": 2, "thoughtsTokenCount": 3,
                    "cachedContentTokenCount": 7, "totalTokenCount": 35 },
                "modelVersion": "gemini-x-001", "responseId": "r",
            }),
            "bedrock" => json!({
                "output": { "message": { "role": "assistant", "content": [{ "text": text }] } },
                "stopReason": word("end_turn", "max_tokens", "content_filtered"),
                "usage": { "inputTokens": 23, "cacheReadInputTokens": 7, "outputTokens": 5, "totalTokens": 35 },
                "metrics": { "latencyMs": 100 },
            }),
            _ => json!({
                "model": "small:1b", "created_at": "2026-01-01T00:00:00Z",
                "message": { "role": "assistant", "content": text }, "done": true, "done_reason": word("stop", "length", "stop"),
                "total_duration": 1, "prompt_eval_count": 30, "eval_count": 5,
            }),
        },
    )
}

#[tokio::test]
async fn a_conversation_is_asked_and_answered_in_each_provider_s_words() {
    for model in MODELS {
        let provider = provider([says(model, "4")]).await;
        let answer = provider.ask(model, &conversation()).await.unwrap();
        let cached_input = if model.starts_with("ollama") { 0 } else { 7 };
        let usage = TokenUsage { input: 30, output: 5, cached_input, estimated: false };
        assert_eq!((answer.text.as_str(), answer.finish, answer.usage), ("4", Finish::Stop, usage), "{model}");
        let seen = provider.seen();
        let (request, body) = (&seen[0], seen[0].json());
        let texts = |pointer: &str| body.pointer(pointer).unwrap_or(&Value::Null).clone();
        match model.split('/').next().unwrap() {
            "anthropic" => {
                assert_eq!(request.path, "/v1/messages");
                assert_eq!(request.header("x-api-key"), Some(KEY));
                assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
                assert_eq!(body["system"], "Be brief.");
                assert_eq!((&body["max_tokens"], &body["temperature"]), (&json!(64), &json!(0.2)));
                assert_eq!(body["messages"][1], json!({ "role": "assistant", "content": "Yes?" }));
                assert_eq!(answer.model, "claude-x-20260101");
            }
            "openai" => {
                assert_eq!(request.path, "/chat/completions");
                assert_eq!(request.header("authorization"), Some("Bearer key-hunter2"));
                assert_eq!(body["messages"][0], json!({ "role": "system", "content": "Be brief." }));
                assert_eq!((body["messages"].as_array().unwrap().len(), &body["max_tokens"]), (4, &json!(64)));
            }
            "gemini" => {
                assert_eq!(request.path, "/v1beta/models/gemini-x:generateContent");
                assert_eq!(request.header("x-goog-api-key"), Some(KEY));
                assert_eq!(texts("/systemInstruction/parts/0/text"), "Be brief.");
                assert_eq!(texts("/contents/1"), json!({ "role": "model", "parts": [{ "text": "Yes?" }] }));
                assert_eq!(texts("/generationConfig"), json!({ "maxOutputTokens": 64, "temperature": 0.2 }));
            }
            "bedrock" => {
                assert_eq!(request.path, "/model/eu.vendor.model-v1%3A0/converse");
                assert_eq!(body["system"], json!([{ "text": "Be brief." }]));
                assert_eq!(texts("/messages/1"), json!({ "role": "assistant", "content": [{ "text": "Yes?" }] }));
                assert_eq!(body["inferenceConfig"], json!({ "maxTokens": 64, "temperature": 0.2 }));
                assert_eq!(answer.model, "eu.vendor.model-v1:0");
            }
            _ => {
                assert_eq!(request.path, "/api/chat");
                assert_eq!((&body["stream"], texts("/options/num_predict")), (&json!(false), json!(64)));
                assert_eq!(texts("/options/num_ctx"), 8_192);
            }
        }
        assert!(!format!("{:?} {answer:?}", provider.models).contains("hunter2"));
    }
}

#[tokio::test]
async fn bedrock_is_asked_with_a_signature() {
    let provider = provider([says(MODELS[3], "4")]).await;
    provider.ask(MODELS[3], &conversation()).await.unwrap();
    let seen = &provider.seen()[0];
    let header = |name: &str| seen.header(name).unwrap();
    let (date, authorization) = (header("x-amz-date"), header("authorization"));
    // Signed once more, as the service does it, with what came.
    let url = format!("http://{}{}", header("host"), seen.path);
    let mut request = http::Request::post(url);
    for name in ["content-type", "accept"] {
        request = request.header(name, header(name));
    }
    let mut request = request.body(bytes::Bytes::from(seen.body.clone())).unwrap();
    let at = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[0..4],
        &date[4..6],
        &date[6..8],
        &date[9..11],
        &date[11..13],
        &date[13..15]
    );
    let own = |name: &str, other: &str| std::env::var(name).unwrap_or_else(|_| other.to_owned());
    let credentials = Credentials {
        access_key_id: own("AWS_ACCESS_KEY_ID", "test"),
        secret_access_key: Secret::new(own("AWS_SECRET_ACCESS_KEY", "test")),
        session_token: std::env::var("AWS_SESSION_TOKEN").ok().map(Secret::new),
    };
    let scope = Scope { service: "bedrock", region: "eu-west-1", at: Timestamp::parse(&at).unwrap() };
    sign(&mut request, scope, &credentials).unwrap();
    assert_eq!(request.headers()["authorization"].to_str().unwrap(), authorization);
    assert!(authorization.contains("/eu-west-1/bedrock/aws4_request"), "{authorization}");
}

#[tokio::test]
async fn a_schema_goes_as_the_provider_s_own_structured_output() {
    let request = with_schema();
    let schema = request.schema.clone().unwrap().schema;
    for (model, pointer, expected) in [
        (MODELS[0], "/output_config/format", json!({ "type": "json_schema", "schema": schema })),
        (
            MODELS[1],
            "/response_format",
            json!({ "type": "json_schema", "json_schema": { "name": "answer", "schema": schema, "strict": true } }),
        ),
        (MODELS[2], "/generationConfig/responseJsonSchema", schema.clone()),
        (
            MODELS[3],
            "/outputConfig/textFormat",
            json!({ "type": "json_schema", "structure": { "jsonSchema": { "name": "answer", "schema": schema.to_string() } } }),
        ),
        (MODELS[4], "/format", schema.clone()),
    ] {
        // Some models put a fence around what they say.
        let provider = provider([says(model, "```json\n{\"sum\": 4}\n```")]).await;
        let answer = provider.ask(model, &request).await.unwrap();
        assert_eq!(answer.text, "{\"sum\": 4}", "{model}");
        assert_eq!(provider.seen()[0].json().pointer(pointer), Some(&expected), "{model}");
    }
}

#[tokio::test]
async fn who_does_not_take_the_form_is_asked_in_a_plainer_one_and_that_is_remembered() {
    let refused =
        |message: &str| Answer::json(400, &json!({ "error": { "message": message, "type": "invalid_request_error" } }));
    let model = "openai/local";
    let provider1 = provider([
        refused("'response_format.type' must be 'json_object' or 'text'"),
        refused("Unsupported value: 'temperature' does not support 0.2 with this model."),
        says(model, "{\"sum\": 4}"),
        says(model, "{\"sum\": 5}"),
    ])
    .await;
    provider1.ask(model, &with_schema()).await.unwrap();
    provider1.ask(model, &with_schema()).await.unwrap();
    let seen = provider1.seen();
    assert_eq!(seen.len(), 4);
    for request in &seen[2..] {
        let body = request.json();
        assert_eq!(body["response_format"], json!({ "type": "json_object" }));
        assert!(body["messages"][0]["content"].as_str().unwrap().contains("JSON Schema"), "{body}");
        assert!(body.get("temperature").is_none());
    }
    // Tools for Anthropic and Bedrock.
    let anthropic = Answer::json(
        200,
        &json!({
            "model": "claude-x", "stop_reason": "tool_use", "usage": { "input_tokens": 1, "output_tokens": 1 },
            "content": [{ "type": "text", "text": "Here:" }, { "type": "tool_use", "id": "t", "name": "answer", "input": { "sum": 4 } }],
        }),
    );
    let provider2 = provider([refused("output_config: Extra inputs are not permitted"), anthropic]).await;
    assert_eq!(provider2.ask(MODELS[0], &with_schema()).await.unwrap().text, r#"{"sum":4}"#);
    assert_eq!(provider2.seen()[1].json()["tool_choice"], json!({ "type": "tool", "name": "answer" }));
    let bedrock = Answer::json(
        200,
        &json!({
            "output": { "message": { "role": "assistant", "content": [{ "toolUse": { "toolUseId": "t", "name": "answer", "input": { "sum": 4 } } }] } },
            "stopReason": "tool_use", "usage": { "inputTokens": 1, "outputTokens": 1 },
        }),
    );
    let refused = Answer::json(400, &json!({ "message": "This model doesn't support the outputConfig field." }))
        .header("x-amzn-errortype", "ValidationException");
    let provider3 = provider([refused, bedrock]).await;
    assert_eq!(provider3.ask(MODELS[3], &with_schema()).await.unwrap().text, r#"{"sum":4}"#);
    assert!(provider3.seen()[1].json().pointer("/toolConfig/toolChoice/tool/name").is_some());
    // An open schema is no structured output of theirs.
    let mut open = with_schema();
    open.schema.as_mut().unwrap().schema = json!({ "type": "object" });
    let provider4 = provider([says(MODELS[0], "{}")]).await;
    provider4.ask(MODELS[0], &open).await.unwrap();
    assert!(provider4.seen()[0].json().get("tools").is_some());
}

#[tokio::test]
async fn ends_and_refusals_are_told_with_their_usage() {
    for model in MODELS {
        let provider = provider([finishes(model, "4 is", "length"), finishes(model, "I can't.", "refused")]).await;
        assert_eq!(provider.ask(model, &conversation()).await.unwrap().finish, Finish::Length, "{model}");
        if !model.starts_with("ollama") {
            let answer = provider.ask(model, &conversation()).await.unwrap();
            assert_eq!((answer.finish, answer.usage.input), (Finish::Refused, 30), "{model}");
            assert!(!answer.text.is_empty(), "{model}");
        }
    }
    let refusal = json!({ "model": "gpt-x", "usage": { "prompt_tokens": 3, "completion_tokens": 4 }, "choices": [
        { "message": { "content": null, "refusal": "I won't." }, "finish_reason": "stop" }] });
    let blocked = json!({ "promptFeedback": { "blockReason": "PROHIBITED_CONTENT" }, "usageMetadata": { "promptTokenCount": 3 } });
    for (model, body, text) in
        [(MODELS[1], refusal, "I won't."), (MODELS[2], blocked, "The request was blocked: PROHIBITED_CONTENT.")]
    {
        let provider = provider([Answer::json(200, &body)]).await;
        let answer = provider.ask(model, &conversation()).await.unwrap();
        assert_eq!((answer.finish, answer.text.as_str(), answer.usage.input), (Finish::Refused, text, 3));
    }
    // A server that counts nothing.
    let plain = json!({ "choices": [{ "message": { "role": "assistant", "content": "4" } }] });
    let provider = provider([Answer::json(200, &plain)]).await;
    let answer = provider.ask(MODELS[1], &conversation()).await.unwrap();
    assert!(answer.usage.estimated && answer.usage.input > 10 && answer.usage.output >= 1, "{answer:?}");
}

#[tokio::test]
async fn errors_are_what_the_providers_mean_by_them() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let anthropic =
        |kind: &str, message: &str| json!({ "type": "error", "error": { "type": kind, "message": message } });
    let gemini = |status: &str, message: &str, details: Value| json!({ "error": { "code": 0, "message": message, "status": status, "details": details } });
    let retry = json!([{ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s" }]);
    type Is = fn(&ModelError) -> bool;
    let cases: Vec<(&str, Answer, Is, Option<Duration>)> = vec![
        (MODELS[0], Answer::json(429, &anthropic("rate_limit_error", "slow")).header("retry-after", "17"), |e| matches!(e, ModelError::RateLimited { .. }), seconds(17)),
        (MODELS[0], Answer::json(529, &anthropic("overloaded_error", "Overloaded")), |e| matches!(e, ModelError::Overloaded { .. }), None),
        (MODELS[0], Answer::json(500, &anthropic("api_error", "Internal server error")), |e| matches!(e, ModelError::Overloaded { .. }), None),
        (MODELS[0], Answer::json(401, &anthropic("authentication_error", "invalid x-api-key")), |e| matches!(e, ModelError::Unauthorized(_)), None),
        (MODELS[0], Answer::json(400, &anthropic("invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum")), |e| matches!(e, ModelError::ContextTooLong(_)), None),
        (MODELS[0], Answer::json(400, &anthropic("invalid_request_error", "Your credit balance is too low to access the API.")), |e| matches!(e, ModelError::QuotaExceeded(_)), None),
        (MODELS[0], Answer::json(404, &anthropic("not_found_error", "model: claude-x")), |e| matches!(e, ModelError::UnknownModel(_)), None),
        (MODELS[0], Answer::json(400, &anthropic("invalid_request_error", "messages: at least one message is required")), |e| matches!(e, ModelError::InvalidRequest(_)), None),
        (MODELS[1], Answer::json(429, &json!({ "error": { "message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded" } })).header("retry-after-ms", "1500"), |e| matches!(e, ModelError::RateLimited { .. }), Some(Duration::from_millis(1_500))),
        (MODELS[1], Answer::json(429, &json!({ "error": { "message": "You exceeded your current quota", "code": "insufficient_quota" } })), |e| matches!(e, ModelError::QuotaExceeded(_)), None),
        (MODELS[1], Answer::json(400, &json!({ "error": { "message": "This model's maximum context length is 8192 tokens.", "code": "context_length_exceeded" } })), |e| matches!(e, ModelError::ContextTooLong(_)), None),
        (MODELS[1], Answer::status(503, "<html>upstream</html>").header("retry-after", "2"), |e| matches!(e, ModelError::Overloaded { .. }), seconds(2)),
        (MODELS[2], Answer::json(429, &gemini("RESOURCE_EXHAUSTED", "Quota exceeded", retry)), |e| matches!(e, ModelError::RateLimited { .. }), Some(Duration::from_millis(34_500))),
        (MODELS[2], Answer::json(400, &gemini("INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", json!([]))), |e| matches!(e, ModelError::Unauthorized(_)), None),
        (MODELS[2], Answer::json(400, &gemini("INVALID_ARGUMENT", "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).", json!([]))), |e| matches!(e, ModelError::ContextTooLong(_)), None),
        (MODELS[2], Answer::json(503, &gemini("UNAVAILABLE", "The model is overloaded.", json!([]))), |e| matches!(e, ModelError::Overloaded { .. }), None),
        (MODELS[3], Answer::json(429, &json!({ "message": "Too many requests" })).header("x-amzn-errortype", "ThrottlingException:http://internal"), |e| matches!(e, ModelError::RateLimited { .. }), None),
        (MODELS[3], Answer::json(403, &json!({ "message": "You don't have access to the model." })).header("x-amzn-errortype", "AccessDeniedException"), |e| matches!(e, ModelError::Unauthorized(_)), None),
        (MODELS[3], Answer::json(400, &json!({ "message": "Input is too long for requested model." })).header("x-amzn-errortype", "ValidationException"), |e| matches!(e, ModelError::ContextTooLong(_)), None),
        (MODELS[3], Answer::json(424, &json!({ "message": "The model failed." })).header("x-amzn-errortype", "ModelErrorException"), |e| matches!(e, ModelError::Overloaded { .. }), None),
        (MODELS[4], Answer::json(404, &json!({ "error": "model 'small:1b' not found" })), |e| matches!(e, ModelError::UnknownModel(_)), None),
    ];
    for (model, answer, is, retry_after) in cases {
        let at = format!("{model}: {answer:?}");
        let provider = provider([answer]).await;
        let error = provider.ask(model, &conversation()).await.unwrap_err();
        assert!(is(&error), "{at}: {error:?}");
        assert_eq!(error.retry_after(), retry_after, "{at}");
        assert_eq!(provider.seen().len(), 1, "{at}");
        let text = format!("{error} {error:?}");
        assert!(!text.contains("hunter2") && !text.contains("Be brief"), "{text}");
    }
}

#[tokio::test]
async fn what_breaks_off_or_is_no_answer_is_told_as_that() {
    for model in MODELS {
        let whole = says(model, "4");
        let provider = provider([
            Answer::broken(),
            whole.clone().cut(40),
            Answer::ok("{\"id\": \"x\", \"content\": [{\"ty"),
            Answer::ok("{}"),
            whole.after(Duration::from_secs(30)),
        ])
        .await;
        // hyper asks again on a new connection where an old one was closed; these are new.
        for _ in 0..2 {
            let error = provider.ask(model, &conversation()).await.unwrap_err();
            assert!(matches!(error, ModelError::Connection(_)) && error.is_retryable(), "{model}: {error:?}");
        }
        for _ in 0..2 {
            let error = provider.ask(model, &conversation()).await.unwrap_err();
            assert!(matches!(error, ModelError::InvalidAnswer(_)) && error.is_retryable(), "{model}: {error:?}");
        }
        let model: ModelRef = model.parse().unwrap();
        let asked = Asked { model: &model, request: &conversation(), timeout: Duration::from_millis(100) };
        let error = provider.models.call(&provider.ports, asked).await.unwrap_err();
        assert!(matches!(error, ModelError::Timeout(_)), "{error:?}");
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_sent_and_the_error_names_the_secret() {
    let models =
        Models::new(Config::from_variables([("MILLRACE_MODEL".to_owned(), "gemini/gemini-x".to_owned())]).unwrap());
    let model: ModelRef = "gemini/gemini-x".parse().unwrap();
    let asked = Asked { model: &model, request: &conversation(), timeout: Duration::from_secs(1) };
    let error = models.call(&MemoryPorts::new(1), asked).await.unwrap_err();
    assert!(matches!(&error, ModelError::Unauthorized(text) if text.contains("models/gemini/api-key")), "{error:?}");
}

/// A long answer as each provider streams it, without its last event where it breaks off.
fn streams(model: &str, whole: bool) -> Answer {
    let events: Vec<Value> = match model.split('/').next().unwrap() {
        "anthropic" => vec![
            json!({ "type": "message_start", "message": { "id": "m", "model": "claude-x-1", "content": [], "stop_reason": null,
                "usage": { "input_tokens": 23, "cache_read_input_tokens": 7, "output_tokens": 1 } } }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "thinking", "thinking": "" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "thinking_delta", "thinking": "hm" } }),
            json!({ "type": "content_block_stop", "index": 0 }),
            json!({ "type": "ping" }),
            json!({ "type": "content_block_start", "index": 1, "content_block": { "type": "text", "text": "" } }),
            json!({ "type": "content_block_delta", "index": 1, "delta": { "type": "text_delta", "text": "four is " } }),
            json!({ "type": "content_block_delta", "index": 1, "delta": { "type": "text_delta", "text": "4" } }),
            json!({ "type": "content_block_stop", "index": 1 }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": { "output_tokens": 5 } }),
            json!({ "type": "message_stop" }),
        ],
        "openai" => vec![
            json!({ "model": "gpt-x-1", "choices": [{ "index": 0, "delta": { "role": "assistant", "content": "" }, "finish_reason": null }], "usage": null }),
            json!({ "model": "gpt-x-1", "choices": [{ "index": 0, "delta": { "content": "four is " }, "finish_reason": null }] }),
            json!({ "model": "gpt-x-1", "choices": [{ "index": 0, "delta": { "content": "4" }, "finish_reason": null }] }),
            json!({ "model": "gpt-x-1", "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }),
            json!({ "model": "gpt-x-1", "choices": [], "usage": { "prompt_tokens": 30, "completion_tokens": 5,
                "prompt_tokens_details": { "cached_tokens": 7 } } }),
        ],
        _ => vec![
            json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": "four is " }] }, "index": 0 }],
                "usageMetadata": { "promptTokenCount": 30 }, "modelVersion": "gemini-x-1" }),
            json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": "4" }] }, "finishReason": "STOP", "index": 0 }],
                "usageMetadata": { "promptTokenCount": 30, "candidatesTokenCount": 5, "cachedContentTokenCount": 7 }, "modelVersion": "gemini-x-1" }),
        ],
    };
    let until = if whole {
        events.len()
    } else if model.starts_with("openai") {
        3
    } else {
        events.len() - 1
    };
    let mut text: String = events[..until]
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("message")))
        .collect();
    if whole && model.starts_with("openai") {
        text.push_str("data: [DONE]\n\n");
    }
    Answer::ok(text).header("content-type", "text/event-stream; charset=utf-8")
}

#[tokio::test]
async fn a_long_answer_is_streamed_and_half_of_one_is_none() {
    let long = ChatRequest { max_output_tokens: 16_000, ..conversation() };
    for model in &MODELS[..3] {
        let whole = streams(model, true);
        let provider = provider([whole.clone(), streams(model, false), whole.cut(200)]).await;
        let answer = provider.ask(model, &long).await.unwrap();
        let usage = TokenUsage { input: 30, output: 5, cached_input: 7, estimated: false };
        assert_eq!((answer.text.as_str(), answer.finish, answer.usage), ("four is 4", Finish::Stop, usage), "{model}");
        assert!(answer.model.ends_with("-x-1"), "{answer:?}");
        for _ in 0..2 {
            let error = provider.ask(model, &long).await.unwrap_err();
            assert!(matches!(error, ModelError::Connection(_)), "{model}: {error:?}");
        }
        let request = &provider.seen()[0];
        if model.starts_with("gemini") {
            assert_eq!(request.path, "/v1beta/models/gemini-x:streamGenerateContent?alt=sse");
        } else {
            assert_eq!(request.json()["stream"], true);
        }
    }
    // An error in the middle, and a server that streams nothing.
    let failed = "event: error\ndata: {\"type\": \"error\", \"error\": {\"type\": \"overloaded_error\", \"message\": \"Overloaded\"}}\n\n";
    let failed = Answer::ok(failed).header("content-type", "text/event-stream");
    let refused = Answer::json(400, &json!({ "error": { "message": "stream_options is not supported" } }));
    let provider = provider([failed, refused, says(MODELS[1], "4")]).await;
    let error = provider.ask(MODELS[0], &long).await.unwrap_err();
    assert!(matches!(&error, ModelError::Overloaded { message, .. } if message == "Overloaded"), "{error:?}");
    assert_eq!(provider.ask(MODELS[1], &long).await.unwrap().text, "4");
    assert!(provider.seen()[2].json().get("stream").is_none());
}

#[tokio::test]
async fn a_streamed_tool_is_put_together() {
    let mut open = with_schema();
    open.schema.as_mut().unwrap().schema = json!({ "type": "object" });
    open.max_output_tokens = 16_000;
    let events = [
        json!({ "type": "message_start", "message": { "model": "claude-x", "usage": { "input_tokens": 3, "output_tokens": 1 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "tool_use", "id": "t", "name": "answer", "input": {} } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "input_json_delta", "partial_json": "{\"sum\"" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "input_json_delta", "partial_json": ": 4}" } }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use" }, "usage": { "output_tokens": 9 } }),
        json!({ "type": "message_stop" }),
    ];
    let text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let provider = provider([Answer::ok(text).header("content-type", "text/event-stream")]).await;
    let answer = provider.ask(MODELS[0], &open).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.usage.output), (r#"{"sum":4}"#, 9));
}

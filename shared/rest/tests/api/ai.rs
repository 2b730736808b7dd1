//! Single calls of models, by a model that says what it is asked to.

use std::time::Duration;

use millrace_app::models::{
    AgentRole, Asked, Callback, CallbackSender, ChatAnswer, Finish, ModelCaller, ModelError, ModelRef, Price,
    TokenUsage,
};
use millrace_app::ports::Ports;
use millrace_rest::{AuthMode, RestConfig};
use serde_json::{Value, json};

use crate::support::Server;

/// Answers with the prompt; `fail:` and what follows it is an error.
struct Echo;

impl ModelCaller for Echo {
    fn model_for(&self, _: AgentRole) -> Option<ModelRef> {
        "openai/echo".parse().ok()
    }

    fn can_call(&self, model: &ModelRef) -> bool {
        model.model == "echo"
    }

    fn price(&self, _: &ModelRef) -> Option<Price> {
        Some(Price { input: 1.0, output: 1.0, cached_input: None, long: None })
    }

    async fn call<P: Ports>(&self, _: &P, asked: Asked<'_>) -> Result<ChatAnswer, ModelError> {
        let text = asked.request.messages.last().unwrap().text.clone();
        match text.strip_prefix("fail:") {
            Some("key") => return Err(ModelError::Unauthorized("401".into())),
            Some("later") => {
                let retry_after = Some(Duration::from_secs(3_600));
                return Err(ModelError::RateLimited { retry_after, message: "429".into() });
            }
            _ => {}
        }
        let usage = TokenUsage { input: 10, output: 5, ..TokenUsage::default() };
        Ok(ChatAnswer { text, finish: Finish::Stop, usage, model: "echo".into() })
    }

    fn check_schema(&self, _: &Value) -> Option<String> {
        None
    }

    fn problems(&self, _: &Value, _: &Value) -> Vec<String> {
        Vec::new()
    }
}

impl CallbackSender for Echo {
    fn check(&self, url: &str) -> Option<String> {
        (!url.starts_with("https://")).then(|| "must begin with https://".into())
    }

    async fn send(&self, _: Callback<'_>) -> Result<(), String> {
        Ok(())
    }
}

fn server() -> Server {
    Server::with_models(RestConfig { auth_mode: AuthMode::Off, ..RestConfig::default() }, Echo)
}

#[tokio::test]
async fn a_question_is_answered_at_once() {
    let server = server();
    let answer = server.post("/api/ai/invoke", &json!({ "prompt": "Hi {{x}}", "values": { "x": 1 } })).await.ok(200);
    assert_eq!(
        (&answer["result"], &answer["model"], &answer["finish"]),
        (&json!("Hi 1"), &json!("openai/echo"), &json!("stop"))
    );
    let usage = &answer["usage"];
    assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(10), &json!(5)));
    assert!((usage["usd"].as_f64().unwrap() - 15e-6).abs() < 1e-12);
    let schema = json!({ "type": "object" });
    let answer = server.post("/api/ai/invoke", &json!({ "prompt": "{\"a\": 1}", "schema": schema })).await.ok(200);
    assert_eq!(answer["result"], json!({ "a": 1 }));
}

#[tokio::test]
async fn what_can_t_be_asked_is_told() {
    let server = server();
    assert_eq!(server.post("/api/ai/invoke", &json!({})).await.problems(), ["/prompt: is missing"]);
    let told = server.post("/api/ai/invoke", &json!({ "prompt": " ", "model": "openai/other" })).await.problems();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        server.post("/api/ai/invoke", &json!({ "prompt": "x", "promt": "x" })).await.problems()[0].contains("prompt")
    );
    let told =
        server.post("/api/ai/tasks", &json!({ "prompt": "x", "callback": { "url": "http://x" } })).await.problems();
    assert_eq!(told, ["/callback/url: must begin with https://"]);
    let little = json!({ "prompt": "x", "budget": { "usd": 0.000001 } });
    assert_eq!(server.post("/api/ai/invoke", &little).await.problem(422), "budget-exceeded");
    assert_eq!(server.post("/api/ai/invoke", &json!({ "prompt": "fail:key" })).await.problem(502), "model-failed");
    let later = server.post("/api/ai/invoke", &json!({ "prompt": "fail:later" })).await;
    assert_eq!((later.problem(503), later.header("retry-after")), ("model-failed".to_owned(), "10"));
    // Without a model nobody pretends to be one.
    let offline = Server::new();
    for path in ["/api/ai/invoke", "/api/ai/tasks"] {
        assert_eq!(offline.post(path, &json!({ "prompt": "x" })).await.problem(422), "not-configured", "{path}");
    }
}

#[tokio::test]
async fn a_question_is_queued() {
    let server = server();
    let answer = server.post("/api/ai/tasks", &json!({ "prompt": "x" })).await;
    let location = answer.header("location").to_owned();
    let task = answer.ok(202);
    assert_eq!((task["status"].as_str(), &task["answer"]), (Some("running"), &Value::Null));
    assert_eq!(location, format!("/api/ai/tasks/{}", task["id"].as_str().unwrap()));
    assert_eq!(server.get(&location).await.ok(200), task);
    assert_eq!(server.get("/api/ai/tasks/ait_x").await.problem(404), "not-found");
    // Callbacks are signed, and there is nothing to sign them with.
    let hooked = json!({ "prompt": "x", "callback": { "url": "https://example.com/" } });
    assert_eq!(server.post("/api/ai/tasks", &hooked).await.problem(422), "not-configured");
}

//! Questions as tasks of workflows and as queued calls, with a model's server and a callback's receiver in the process.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use millrace_app::Error;
use millrace_app::PayloadLimit;
use millrace_app::executions::{
    Attributes, ExecutionStatus, ExecutionView, StartExecution, describe_execution, start_execution,
};
use millrace_app::ids::{AiTaskId, ExecutionId};
use millrace_app::models::{
    AiTask, AiTaskStatus, CALLBACK_SECRET, Scope, SingleCall, ask, create_ai_task, get_ai_task,
};
use millrace_app::ports::{Clock, MessageQueues, Queue, Secret, SecretStore};
use millrace_app::workers::{NoTasks, handle};
use millrace_models::{Config, Models};
use millrace_simulation::MemoryPorts;
use millrace_simulation::http::{Answer, Fake, Seen};
use serde_json::{Value, json};

const OWNER: &str = "local";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

struct World {
    ports: MemoryPorts,
    models: Models,
    seen: Arc<Mutex<Vec<Seen>>>,
    fake: Fake,
}

fn completion(text: &str) -> Answer {
    Answer::json(
        200,
        &json!({
            "model": "local-1", "choices": [{ "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 10, "completion_tokens": 5 },
        }),
    )
}

/// `answer` is asked for each question (`/chat/completions`) and for each callback (`/hook`).
async fn world(answer: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static) -> World {
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let fake = Fake::start(move |request| {
        let mut all = noted.lock().unwrap();
        all.push(request.clone());
        let number = all.iter().filter(|one| one.path == request.path).count();
        answer(request, number)
    })
    .await;
    let variables = [
        ("MILLRACE_MODEL", "openai/local"),
        ("MILLRACE_OPENAI_URL", fake.url.as_str()),
        ("MILLRACE_PRIVATE_CALLBACKS", "true"),
        ("MILLRACE_PRICES", r#"{"openai/local": {"input": 1, "output": 2}}"#),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let models = Models::new(Config::from_variables(variables).unwrap());
    let ports = MemoryPorts::new(11);
    ports.put(CALLBACK_SECRET, &Secret::new(SECRET)).await.unwrap();
    World { ports, models, seen, fake }
}

impl World {
    fn asked(&self, path: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|request| request.path == path).cloned().collect()
    }

    /// Does all messages until nothing is left to do.
    async fn run(&self) {
        loop {
            let mut idle = true;
            for queue in [Queue::Models, Queue::Engine] {
                let visibility = Duration::from_secs(60);
                for delivery in self.ports.receive(queue, 10, visibility, Duration::ZERO).await.unwrap() {
                    idle = false;
                    match queue {
                        Queue::Models => handle(&self.ports, &self.models, queue, &delivery).await.unwrap(),
                        _ => handle(&self.ports, &NoTasks, queue, &delivery).await.unwrap(),
                    }
                    MessageQueues::delete(&self.ports, queue, &delivery.receipt).await.unwrap();
                }
            }
            if idle {
                let Some(next) = self.ports.next_visible() else { return };
                let left = next.millis() - self.ports.now().millis();
                self.ports.pass(Duration::from_millis(u64::try_from(left).unwrap()));
            }
        }
    }

    async fn queue(&self, call: Value, callback: bool, key: Option<&str>) -> Result<(AiTask, bool), Error> {
        let call: SingleCall = serde_json::from_value(call).unwrap();
        let url = callback.then(|| format!("{}/hook", self.fake.url));
        create_ai_task(&self.ports, &self.models, &self.models, OWNER, call, url, key).await
    }

    async fn execute(&self, definition: Value, input: Value) -> ExecutionView {
        let id = ExecutionId::derived(&definition.to_string());
        let start = StartExecution {
            id: id.clone(),
            owner: OWNER.into(),
            name: "x".into(),
            definition: definition.to_string().into(),
            input,
            project: None,
            payload_limit: PayloadLimit::None,
            workflow: None,
            waiting: None,
            attributes: Attributes::new(),
            priority: None,
        };
        start_execution(&self.ports, start).await.unwrap();
        self.run().await;
        describe_execution(&self.ports, &id).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_queued_question_is_answered_and_told_with_a_signature() {
    let world = world(|request, number| match (request.path.as_str(), number) {
        // The receiver is down twice.
        ("/hook", 1 | 2) => Answer::status(503, ""),
        ("/hook", _) => Answer::status(204, ""),
        _ => completion("Paris"),
    })
    .await;
    let call = json!({ "prompt": "Capital of {{country}}?", "values": { "country": "France" } });
    let (task, before) = world.queue(call.clone(), true, Some("k")).await.unwrap();
    assert_eq!((task.status, before), (AiTaskStatus::Running, false));
    let (again, before) = world.queue(call.clone(), true, Some("k")).await.unwrap();
    assert_eq!((&again.id, before), (&task.id, true));
    let other = world.queue(json!({ "prompt": "Something else" }), true, Some("k")).await.unwrap_err();
    assert!(matches!(other, Error::IdempotencyMismatch), "{other:?}");
    world.run().await;
    let task = get_ai_task(&world.ports, OWNER, &task.id).await.unwrap();
    let answer = task.answer.clone().unwrap();
    assert_eq!(
        (task.status, &answer.result, answer.model.as_str()),
        (AiTaskStatus::Succeeded, &json!("Paris"), "openai/local")
    );
    assert!((answer.usage.usd.unwrap() - 20e-6).abs() < 1e-12);
    let callback = task.callback.unwrap();
    assert!(callback.delivered && callback.attempts == 3 && callback.error.is_none(), "{callback:?}");
    assert_eq!(world.asked("/chat/completions").len(), 1, "a question is asked once");
    let hooks = world.asked("/hook");
    assert_eq!(hooks.len(), 3);
    for hook in &hooks {
        let header = |name: &str| hook.header(name).unwrap();
        assert_eq!(header("webhook-id"), task.id.as_str());
        let key = base64::engine::general_purpose::STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), hook.text()).as_bytes());
        let expected = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
        assert_eq!(header("webhook-signature"), format!("v1,{expected}"));
        let body = hook.json();
        assert_eq!((&body["type"], &body["data"]["result"]), (&json!("ai.task.succeeded"), &json!("Paris")));
    }
    // Nobody else's.
    let error = get_ai_task(&world.ports, "somebody", &task.id).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }));
}

#[tokio::test]
async fn a_question_that_fails_is_told_too_and_one_that_nobody_hears_ends() {
    let world = world(|request, _| match request.path.as_str() {
        "/hook" => Answer::status(500, ""),
        _ => Answer::json(401, &json!({ "error": { "message": "Incorrect API key provided" } })),
    })
    .await;
    let (task, _) = world.queue(json!({ "prompt": "Hello?" }), true, None).await.unwrap();
    world.run().await;
    let task = get_ai_task(&world.ports, OWNER, &task.id).await.unwrap();
    assert_eq!(task.status, AiTaskStatus::Failed);
    assert_eq!(task.failure.unwrap().error, "Millrace.ModelUnauthorized");
    let callback = task.callback.unwrap();
    assert!(!callback.delivered && callback.attempts == 10, "{callback:?}");
    assert_eq!(world.asked("/hook")[0].json()["data"]["status"], "failed");
    let unknown = get_ai_task(&world.ports, OWNER, &AiTaskId::derived("x")).await.unwrap_err();
    assert!(matches!(unknown, Error::NotFound { .. }));
}

#[tokio::test]
async fn what_can_t_be_queued_is_refused_and_nothing_is_stored() {
    let world = world(|_, _| completion("x")).await;
    let fields = |error: Error| match error {
        Error::Invalid(problems) => problems.into_iter().map(|problem| problem.field).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let error =
        world.queue(json!({ "model": "gemini/x", "schema": { "type": "object", "properties": 3 } }), false, None).await;
    assert_eq!(fields(error.unwrap_err()), ["/prompt", "/schema", "/model"]);
    let call: SingleCall = serde_json::from_value(json!({ "prompt": "x" })).unwrap();
    let ftp = Some("ftp://example.com/".to_owned());
    let error = create_ai_task(&world.ports, &world.models, &world.models, OWNER, call.clone(), ftp, None).await;
    assert_eq!(fields(error.unwrap_err()), ["/callback/url"]);
    SecretStore::delete(&world.ports, CALLBACK_SECRET).await.unwrap();
    let error = world.queue(json!({ "prompt": "x" }), true, None).await.unwrap_err();
    assert!(matches!(error, Error::NotConfigured(text) if text.contains(CALLBACK_SECRET)));
    let offline = Models::new(Config::default());
    let error = create_ai_task(&world.ports, &offline, &offline, OWNER, call, None, None).await.unwrap_err();
    assert!(matches!(error, Error::NotConfigured(text) if text.contains("MILLRACE_MODEL")));
    assert!(world.ports.bodies(Queue::Models).is_empty());
}

#[tokio::test]
async fn a_workflow_asks_with_a_template_a_schema_and_a_budget() {
    let world = world(|request, number| match request.json()["messages"][0]["content"].as_str() {
        Some("Sort: apple") if number == 1 => completion("It is a fruit."),
        Some("Sort: apple") => completion(r#"{"kind": "fruit"}"#),
        _ => completion(r#"{"kind": 3}"#),
    })
    .await;
    let schema = json!({ "type": "object", "properties": { "kind": { "type": "string" } }, "required": ["kind"], "additionalProperties": false });
    let asks = |prompt: &str, usd: f64| {
        json!({ "QueryLanguage": "JSONata", "StartAt": "Ask", "States": { "Ask": {
            "Type": "Task", "Resource": "millrace:model", "End": true,
            "Arguments": {
                "prompt": prompt, "values": { "thing": "{% $states.input.thing %}" }, "schema": schema,
                "budget": { "usd": usd }, "max_output_tokens": 100,
            },
            "Output": "{% $states.result.result.kind %}",
        } } })
    };
    let ended = world.execute(asks("Sort: {{thing}}", 1.0), json!({ "thing": "apple" })).await;
    assert_eq!((ended.execution.status, ended.output), (ExecutionStatus::Succeeded, Some(json!("fruit"))));
    let second = world.asked("/chat/completions")[1].json();
    assert!(second["messages"][2]["content"].as_str().unwrap().contains("it is not JSON"), "{second}");
    let failure = async |definition| {
        let ended = world.execute(definition, json!({ "thing": "stone" })).await;
        ended.execution.failure.unwrap().error.unwrap()
    };
    assert_eq!(failure(asks("Name {{thing}}", 1.0)).await, "Millrace.ModelWrongForm");
    assert_eq!(failure(asks("Weigh {{thing}}", 0.00001)).await, "Millrace.BudgetExceeded");
    assert_eq!(failure(asks("Weigh {{nothing}}", 1.0)).await, "Millrace.InvalidInput");
    assert_eq!(world.asked("/chat/completions").len(), 4);
    // The task that ends queued questions is not for others.
    let stolen =
        json!({ "StartAt": "A", "States": { "A": { "Type": "Task", "Resource": "millrace:ai-task", "End": true } } });
    let ended = world.execute(stolen, json!({ "ai_task_id": AiTaskId::derived("x") })).await;
    assert_eq!(ended.execution.failure.unwrap().error.unwrap(), "Millrace.InvalidInput");
}

#[tokio::test]
async fn a_question_of_one_s_own_is_paid_once() {
    let world = world(|_, _| completion("4")).await;
    let call: SingleCall = serde_json::from_value(json!({ "prompt": "2+2?" })).unwrap();
    let question = call.check(&world.models).unwrap();
    for _ in 0..2 {
        let scope = Scope::Single { id: AiTaskId::derived("key"), owner: "local".to_owned() };
        let time = Duration::from_secs(20);
        let answer = ask(&world.ports, &world.models, scope, "invoke", time, &question).await.unwrap();
        assert_eq!(answer.result, "4");
    }
    assert_eq!(world.asked("/chat/completions").len(), 1);
}

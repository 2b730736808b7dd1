//! Calls of models: saved before they are used, counted once, stopped by budgets, whatever fails.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use millrace_app::Error;
use millrace_app::ids::{AiTaskId, ProjectId};
use millrace_app::models::{
    AgentRole, Asked, Caller, ChatAnswer, ChatRequest, CompleteError, Finish, ModelCaller, ModelError, ModelRef,
    NoModel, Price, Scope, TokenUsage, complete,
};
use millrace_app::ports::Ports;
use millrace_app::projects::{
    Budget, NewProject, ProjectChanges, Usage, cancel_project, create_project, get_cost, update_project,
};
use millrace_app::workers::TaskError;
use millrace_simulation::{Call, Fate, MemoryPorts, Watched, Watcher};
use serde_json::{Value, json};

const OWNER: &str = "local";

/// A model that says what it was told to, then `yes`.
#[derive(Default)]
struct Scripted {
    script: Mutex<VecDeque<Result<ChatAnswer, ModelError>>>,
    calls: AtomicU32,
    unpriced: bool,
    text: Option<String>,
}

impl Scripted {
    fn with(script: impl IntoIterator<Item = Result<ChatAnswer, ModelError>>) -> Self {
        Self { script: Mutex::new(script.into_iter().collect()), ..Self::default() }
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

fn answer(text: &str, finish: Finish) -> ChatAnswer {
    let usage = TokenUsage { input: 50, output: 100, cached_input: 10, estimated: false };
    ChatAnswer { text: text.into(), finish, usage, model: "m-1".into() }
}

impl ModelCaller for Scripted {
    fn model_for(&self, _: AgentRole) -> Option<ModelRef> {
        "openai/m".parse().ok()
    }

    fn can_call(&self, _: &ModelRef) -> bool {
        true
    }

    fn price(&self, _: &ModelRef) -> Option<Price> {
        (!self.unpriced).then_some(Price { input: 1_000.0, output: 10_000.0, cached_input: Some(100.0), long: None })
    }

    async fn call<P: Ports>(&self, ports: &P, _: Asked<'_>) -> Result<ChatAnswer, ModelError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        // Others have their turns meanwhile.
        for _ in 0..3 {
            millrace_app::ports::Clock::sleep(ports.clock(), Duration::from_millis(1)).await;
        }
        let scripted = self.script.lock().unwrap().pop_front();
        scripted.unwrap_or_else(|| Ok(answer(self.text.as_deref().unwrap_or("yes"), Finish::Stop)))
    }

    fn check_schema(&self, _: &Value) -> Option<String> {
        None
    }

    fn problems(&self, _: &Value, _: &Value) -> Vec<String> {
        Vec::new()
    }
}

fn caller(scope: Scope) -> Caller {
    Caller {
        scope,
        task: "t".into(),
        role: AgentRole::Dev,
        model: None,
        variant: 0,
        budget: Budget::default(),
        time: Duration::from_secs(600),
    }
}

async fn project<P: Ports>(ports: &P, budget: Budget) -> ProjectId {
    let parameters = json!({ "name": "site" }).as_object().cloned();
    let template_id = Some("static-site".to_owned());
    let new = NewProject { template_id, parameters, budget, ..NewProject::default() };
    create_project(ports, OWNER, new, None).await.unwrap().project.value.id
}

async fn used<P: Ports>(ports: &P, id: &ProjectId) -> Usage {
    get_cost(ports, OWNER, id).await.unwrap().1
}

/// 50 sent of which 10 cached, 100 received, at the scripted model's prices.
const ONE_CALL_USD: f64 = 0.04 + 0.001 + 1.0;

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

#[tokio::test]
async fn a_finished_call_is_never_made_or_counted_again() {
    let ports = MemoryPorts::new(1);
    let id = project(&ports, Budget::default()).await;
    let model = Scripted::default();
    let asks = caller(Scope::Project(id.clone()));
    let request = ChatRequest::new("Is it?", 100);
    let first = complete(&ports, &model, &asks, &request).await.unwrap();
    assert!(!first.replayed && first.answer.text == "yes" && close(first.usd.unwrap(), ONE_CALL_USD), "{first:?}");
    // Another execution of the same project, after a crash of whoever asked.
    let other = Caller { task: "another attempt".into(), role: AgentRole::Pm, ..asks.clone() };
    let again = complete(&ports, &model, &other, &request).await.unwrap();
    assert_eq!((again.replayed, &again.answer), (true, &first.answer));
    assert_eq!(model.calls(), 1);
    let usage = used(&ports, &id).await;
    assert_eq!((usage.calls, usage.input_tokens, usage.output_tokens, usage.cached_tokens), (1, 50, 100, 10));
    assert!(close(usage.usd, ONE_CALL_USD));
    // Another variant, other words and another model are other calls.
    complete(&ports, &model, &asks.clone().variant(1), &request).await.unwrap();
    complete(&ports, &model, &asks, &ChatRequest::new("Is it not?", 100)).await.unwrap();
    complete(&ports, &model, &asks.clone().with_model("openai/n".parse().unwrap()), &request).await.unwrap();
    assert_eq!((model.calls(), used(&ports, &id).await.calls), (4, 4));
    // A cancelled project pays for nothing more, and finds what it has.
    cancel_project(&ports, OWNER, &id).await.unwrap();
    assert!(complete(&ports, &model, &asks, &request).await.unwrap().replayed);
    let refused = complete(&ports, &model, &asks, &ChatRequest::new("More?", 100)).await.unwrap_err();
    assert!(matches!(&refused, CompleteError::Store(Error::WrongState(_))), "{refused:?}");
    assert!(
        matches!(refused.into(), TaskError::Failed(failure) if failure.error.as_deref() == Some("Millrace.RunOver"))
    );
}

/// Fails one call of a port, on either side.
struct One {
    at: u32,
    fate: Fate,
    seen: AtomicU32,
}

impl Watcher for One {
    fn fate(&self, _: Call) -> Fate {
        if self.seen.fetch_add(1, Ordering::SeqCst) == self.at { self.fate } else { Fate::Done }
    }
}

#[tokio::test]
async fn wherever_a_store_fails_a_call_is_paid_once_and_counted_once() {
    for text in ["yes".to_owned(), "long ".repeat(40_000)] {
        for fate in [Fate::FailBefore, Fate::FailAfter] {
            for at in 0.. {
                let memory = MemoryPorts::new(7);
                let id = project(&memory, Budget { usd: Some(100.0), ..Budget::default() }).await;
                let watcher = Arc::new(One { at, fate, seen: AtomicU32::new(0) });
                let ports = Watched::new(memory.clone(), Arc::clone(&watcher));
                let model = Scripted { text: Some(text.clone()), ..Scripted::default() };
                let asks = caller(Scope::Project(id.clone()));
                let request = ChatRequest::new("Is it?", 100);
                let first = complete(&ports, &model, &asks, &request).await;
                let failed = watcher.seen.load(Ordering::SeqCst) > at;
                // The task is done again, wherever it broke off.
                let again = complete(&memory, &model, &asks, &request).await.unwrap();
                assert_eq!((&again.answer.text, model.calls()), (&text, 1), "call {at} {fate:?}: {first:?}");
                let usage = used(&memory, &id).await;
                assert_eq!((usage.calls, usage.output_tokens), (1, 100), "call {at} {fate:?}");
                if !failed {
                    assert!(at > 5, "{at}");
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn calls_at_the_same_time_lose_no_count_and_break_no_budget_together() {
    let ports = MemoryPorts::new(3);
    let id = project(&ports, Budget::default()).await;
    let model = Scripted::default();
    let asks = caller(Scope::Project(id.clone()));
    let requests: Vec<ChatRequest> = (0..20).map(|n| ChatRequest::new(format!("Is it {n:>40}?"), 100)).collect();
    let done = join_all(requests.iter().map(|request| complete(&ports, &model, &asks, request))).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    let usage = used(&ports, &id).await;
    assert_eq!((usage.calls, usage.output_tokens), (20, 2_000));

    // A call uses 150 tokens, and is bounded by some more.
    for budget in [
        Budget { tokens: Some(2_500), ..Budget::default() },
        Budget { calls: Some(9), ..Budget::default() },
        Budget { usd: Some(12.5), ..Budget::default() },
    ] {
        let id = project(&ports, budget).await;
        let model = Scripted::default();
        let asks = caller(Scope::Project(id.clone()));
        let done = join_all(requests.iter().map(|request| complete(&ports, &model, &asks, request))).await;
        let usage = used(&ports, &id).await;
        let (fine, stopped): (Vec<_>, Vec<_>) = done.into_iter().partition(Result::is_ok);
        assert!(stopped.iter().all(|done| matches!(done, Err(CompleteError::BudgetExceeded(_)))), "{stopped:?}");
        assert_eq!(u64::try_from(fine.len()).unwrap(), usage.calls);
        assert!(budget.calls.is_none_or(|most| usage.calls == most), "{usage:?}");
        assert!(budget.tokens.is_none_or(|most| usage.input_tokens + usage.output_tokens <= most && usage.calls > 10));
        assert!(budget.usd.is_none_or(|most| usage.usd <= most && usage.calls > 8), "{usage:?}");
    }
}

#[tokio::test]
async fn a_budget_stops_the_call_that_could_break_it_and_raising_it_goes_on() {
    let ports = MemoryPorts::new(5);
    let id = project(&ports, Budget { usd: Some(2.3), ..Budget::default() }).await;
    let model = Scripted::default();
    let asks = caller(Scope::Project(id.clone()));
    let (one, two) = (ChatRequest::new("One?", 100), ChatRequest::new("Two?", 150));
    complete(&ports, &model, &asks, &one).await.unwrap();
    let error = complete(&ports, &model, &asks, &two).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("of 2.3 USD are used") && text.contains("PUT /api/projects/prj_"), "{text}");
    assert!(matches!(error.into(), TaskError::Failed(f) if f.error.as_deref() == Some("Millrace.BudgetExceeded")));
    assert_eq!(model.calls(), 1);
    let changes =
        ProjectChanges { budget: Some(Budget { usd: Some(4.0), ..Budget::default() }), ..ProjectChanges::default() };
    update_project(&ports, OWNER, &id, None, changes).await.unwrap();
    // What is done again costs nothing, and the rest goes on.
    assert!(complete(&ports, &model, &asks, &one).await.unwrap().replayed);
    complete(&ports, &model, &asks, &two).await.unwrap();
    assert_eq!((model.calls(), used(&ports, &id).await.calls), (2, 2));

    let broken = async |budget: Budget, model: Scripted, before: u64| {
        let id = project(&ports, budget).await;
        let asks = caller(Scope::Project(id));
        for n in 0..before {
            complete(&ports, &model, &asks, &ChatRequest::new(format!("Before {n}?"), 100)).await.unwrap();
        }
        let error = complete(&ports, &model, &asks, &ChatRequest::new("Last?", 100)).await.unwrap_err();
        assert!(matches!(error, CompleteError::BudgetExceeded(_)), "{error:?}");
        assert_eq!(u64::from(model.calls()), before);
        error.to_string()
    };
    let unknown = Scripted { unpriced: true, ..Scripted::default() };
    let text = broken(Budget { usd: Some(1_000.0), ..Budget::default() }, unknown, 0).await;
    assert!(text.contains("openai/m") && text.contains("MILLRACE_PRICES"), "{text}");
    broken(Budget { tokens: Some(90), ..Budget::default() }, Scripted::default(), 0).await;
    broken(Budget { tokens: Some(280), ..Budget::default() }, Scripted::default(), 1).await;
    broken(Budget { calls: Some(2), ..Budget::default() }, Scripted::default(), 2).await;
    broken(Budget { seconds: Some(0), ..Budget::default() }, Scripted::default(), 0).await;
    // A call's own budget, where no project is.
    let own = Caller {
        budget: Budget { usd: Some(0.5), ..Budget::default() },
        ..caller(Scope::Single { id: AiTaskId::derived("x"), owner: "local".to_owned() })
    };
    let error = complete(&ports, &Scripted::default(), &own, &one).await.unwrap_err();
    assert!(error.to_string().contains("own budget"), "{error}");
}

#[tokio::test]
async fn failures_that_pass_are_waited_for_as_the_provider_asks() {
    let ports = MemoryPorts::new(5);
    let id = project(&ports, Budget { usd: Some(100.0), ..Budget::default() }).await;
    let asks = caller(Scope::Project(id.clone()));
    let limited =
        |seconds| ModelError::RateLimited { retry_after: Some(Duration::from_secs(seconds)), message: "slow".into() };
    let request = |n: u32| ChatRequest::new(format!("{n}?"), 100);
    let model = Scripted::with([Err(limited(3)), Err(ModelError::Connection("broke off".into()))]);
    complete(&ports, &model, &asks, &request(1)).await.unwrap();
    assert_eq!(model.calls(), 3);
    // Longer than there is time: it is told at once.
    let model = Scripted::with([Err(limited(3_600))]);
    let error = complete(&ports, &model, &asks, &request(2)).await.unwrap_err();
    assert!(matches!(&error, CompleteError::Model(ModelError::RateLimited { .. })) && error.is_retryable());
    assert!(matches!(error.into(), TaskError::Failed(f) if f.error.as_deref() == Some("Millrace.Transient")));
    assert_eq!(model.calls(), 1);
    // What won't pass is not repeated.
    let model = Scripted::with([Err(ModelError::ContextTooLong("200000 tokens".into()))]);
    let error = complete(&ports, &model, &asks, &request(3)).await.unwrap_err();
    assert!(matches!(error.into(), TaskError::Failed(f) if f.error.as_deref() == Some("Millrace.ModelContextTooLong")));
    // Nor endlessly what may.
    let model = Scripted::with((0..50).map(|_| Err(ModelError::Connection("no".into()))));
    complete(&ports, &model, &asks, &request(4)).await.unwrap_err();
    assert_eq!(model.calls(), 6);
    // Nothing stays held, and only the success counts.
    assert_eq!(used(&ports, &id).await.calls, 1);
    let all = Budget { usd: Some(ONE_CALL_USD + 1.1), ..Budget::default() };
    update_project(&ports, OWNER, &id, None, ProjectChanges { budget: Some(all), ..ProjectChanges::default() })
        .await
        .unwrap();
    complete(&ports, &Scripted::default(), &asks, &request(5)).await.unwrap();
}

#[tokio::test]
async fn a_refusal_is_paid_for_and_told_and_nobody_pretends_to_be_a_model() {
    let ports = MemoryPorts::new(5);
    let id = project(&ports, Budget::default()).await;
    let asks = caller(Scope::Project(id.clone()));
    let model = Scripted::with([Ok(answer("I can't help with that.", Finish::Refused))]);
    let request = ChatRequest::new("Do it", 100);
    for _ in 0..2 {
        let error = complete(&ports, &model, &asks, &request).await.unwrap_err();
        assert!(matches!(&error, CompleteError::Refused(why) if why == "I can't help with that."), "{error:?}");
    }
    assert_eq!((model.calls(), used(&ports, &id).await.calls), (1, 1));
    let error = complete(&ports, &NoModel, &asks, &request).await.unwrap_err();
    assert!(matches!(error, CompleteError::NoModel));
}

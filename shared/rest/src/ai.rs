//! The routes of single calls of models.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use millrace_app::Error;
use millrace_app::ids::AiTaskId;
use millrace_app::keys;
use millrace_app::models::{
    self, AiTask, CallbackSender, CompleteError, ModelCaller, NoModel, Scope, SingleAnswer, SingleCall,
};
use millrace_app::ports::Ports;
use millrace_app::projects::Budget;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::App;
use crate::body::{Fields, JsonObject};
use crate::caller::Caller;
use crate::frame::IDEMPOTENCY_REPLAYED;
use crate::params::{PathParams, QueryParams, idempotency_key};
use crate::problem::Problem;
use crate::projects::BudgetBody;
use crate::views::{self, AiAnswerView, AiTaskView};

/// What is answered later, of a trait that is used as an object.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the routes ask of models, whoever calls those.
trait Calls<P>: Send + Sync {
    fn invoke<'a>(
        &'a self,
        ports: &'a P,
        scope: Scope,
        call: &'a SingleCall,
    ) -> Answer<'a, Result<SingleAnswer, Problem>>;

    fn queue<'a>(&'a self, ports: &'a P, owner: &'a str, queued: Queued) -> Answer<'a, Result<(AiTask, bool), Error>>;
}

struct Queued {
    call: SingleCall,
    callback: Option<String>,
    key: Option<String>,
}

/// The models of a router.
struct Service<M> {
    models: M,
    patience: Duration,
}

impl<P: Ports, M: ModelCaller + CallbackSender> Calls<P> for Service<M> {
    fn invoke<'a>(
        &'a self,
        ports: &'a P,
        scope: Scope,
        call: &'a SingleCall,
    ) -> Answer<'a, Result<SingleAnswer, Problem>> {
        Box::pin(async move {
            let question = call.check(&self.models).map_err(Problem::invalid)?;
            models::ask(ports, &self.models, scope, "invoke", self.patience, &question).await.map_err(Problem::from)
        })
    }

    fn queue<'a>(&'a self, ports: &'a P, owner: &'a str, queued: Queued) -> Answer<'a, Result<(AiTask, bool), Error>> {
        Box::pin(async move {
            let Queued { call, callback, key } = queued;
            models::create_ai_task(ports, &self.models, &self.models, owner, call, callback, key.as_deref()).await
        })
    }
}

/// The models that a router asks; none where the router has no [`ai`] layer.
pub struct Ai<P>(Arc<dyn Calls<P>>);

impl<P> Clone for Ai<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A layer that gives a router its models. A caller of `POST /api/ai/invoke` is kept waiting for `patience` at most.
pub fn ai<P: Ports, M: ModelCaller + CallbackSender + 'static>(models: M, patience: Duration) -> Extension<Ai<P>> {
    Extension(Ai(Arc::new(Service { models, patience })))
}

impl<P: Ports> FromRequestParts<App<P>> for Ai<P> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App<P>) -> Result<Self, Infallible> {
        let given = parts.extensions.get::<Self>().cloned();
        Ok(given.unwrap_or_else(|| Self(Arc::new(Service { models: NoModel, patience: Duration::ZERO }))))
    }
}

impl From<CompleteError> for Problem {
    fn from(error: CompleteError) -> Self {
        let text = error.to_string();
        match error {
            CompleteError::Store(error) => error.into(),
            CompleteError::NoModel => Error::NotConfigured(text).into(),
            CompleteError::BudgetExceeded(_) => Self::budget_exceeded(text),
            error if error.is_retryable() => Self::model_unavailable(text),
            _ => Self::model_failed(text),
        }
    }
}

/// What is asked of a model.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = AskModel, example = json!({
    "prompt": "Which language is this? {{text}}", "values": { "text": "Guten Tag" },
    "schema": { "type": "object", "properties": { "language": { "type": "string" } }, "required": ["language"],
        "additionalProperties": false }
}))]
pub(crate) struct AskBody {
    /// What is asked. With `values`, `{{name}}` stands for the member `name` of them.
    prompt: String,
    /// What the places of `prompt` and `system` are filled with.
    #[schema(value_type = Option<Object>)]
    values: Option<Map<String, Value>>,
    /// What holds for the whole conversation.
    system: Option<String>,
    /// A JSON Schema whose root is an object: the result is JSON of this form.
    #[schema(value_type = Option<Object>)]
    schema: Option<Value>,
    /// `provider/model`; without one the configured model is asked.
    model: Option<String>,
    /// What the call may use.
    budget: Option<BudgetBody>,
    /// The longest answer in tokens, thinking included.
    #[schema(minimum = 1, maximum = 200_000, default = 4096)]
    max_output_tokens: Option<u32>,
    /// From 0 for the most likely words.
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f32>,
}

/// The same, to be answered later.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = QueueModelCall, example = json!({
    "prompt": "Summarise: …", "callback": { "url": "https://example.com/hooks/answers" }
}))]
pub(crate) struct QueueBody {
    #[serde(flatten)]
    call: AskBody,
    /// To whom the outcome is told.
    callback: Option<CallbackBody>,
}

/// An address that is told an outcome: a `POST` signed as Standard Webhooks say, tried for about a day.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body that is read member by member")]
#[schema(as = AiCallback)]
pub(crate) struct CallbackBody {
    /// An address of the public internet that begins with `https://`.
    url: String,
}

fn call(fields: &mut Fields) -> SingleCall {
    let prompt = fields.required_text("prompt");
    let values = fields.object("values").unwrap_or_default();
    let (system, model) = (fields.text("system"), fields.text("model"));
    let schema = fields.object("schema").map(Value::Object);
    let budget = fields.nested("budget", |budget: &mut Fields| Budget {
        usd: budget.number("usd"),
        tokens: budget.count("tokens"),
        calls: budget.count("calls"),
        seconds: budget.count("seconds"),
    });
    let max_output_tokens = fields.count("max_output_tokens").map(|most| u32::try_from(most).unwrap_or(u32::MAX));
    #[expect(clippy::cast_possible_truncation, reason = "a temperature has a digit or two")]
    let temperature = fields.number("temperature").map(|temperature| temperature as f32);
    SingleCall { prompt, values, system, schema, model, budget: budget.flatten(), max_output_tokens, temperature }
}

/// Ask a model
///
/// Answers when the model has answered. With an `Idempotency-Key` the same question is asked and paid for once. A result
/// that does not match `schema` is shown to the model once more before the call fails.
#[utoipa::path(
    post, path = "/api/ai/invoke", tag = "ai", request_body = AskBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters")),
    responses((status = 200, description = "The answer", body = AiAnswerView)),
)]
pub(crate) async fn invoke_model<P: Ports>(
    State(app): State<App<P>>,
    ai: Ai<P>,
    caller: Caller,
    query: QueryParams,
    headers: HeaderMap,
    JsonObject(mut fields): JsonObject<{ 4 * 1024 * 1024 }>,
) -> Result<Response, Problem> {
    query.finish()?;
    let key = idempotency_key(&headers)?;
    let call = call(&mut fields);
    fields.finish()?;
    let id = match key {
        Some(key) => AiTaskId::derived(&format!("invoke#{}#{key}", keys::escaped(&caller.owner))),
        None => AiTaskId::new(&app.ports),
    };
    let scope = Scope::Single { id, owner: caller.workflow_owner() };
    let answer = ai.0.invoke(&app.ports, scope, &call).await?;
    Ok(views::json(StatusCode::OK, AiAnswerView::from(answer)))
}

/// Queue a question to a model
///
/// Answers at once; the result is stored for 90 days, and told to the callback's address where there is one. With an
/// `Idempotency-Key` the same question is queued once.
#[utoipa::path(
    post, path = "/api/ai/tasks", tag = "ai", request_body = QueueBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters")),
    responses((status = 202, description = "It is queued", body = AiTaskView, headers(
        ("Location" = String, description = "Where the outcome will be"),
        ("Idempotency-Replayed" = String, description = "`true` when an earlier request queued it"),
    ))),
)]
pub(crate) async fn create_ai_task<P: Ports>(
    State(app): State<App<P>>,
    ai: Ai<P>,
    caller: Caller,
    query: QueryParams,
    headers: HeaderMap,
    JsonObject(mut fields): JsonObject<{ 4 * 1024 * 1024 }>,
) -> Result<Response, Problem> {
    query.finish()?;
    let key = idempotency_key(&headers)?;
    let call = call(&mut fields);
    let callback = fields.nested("callback", |callback: &mut Fields| callback.required_text("url")).flatten();
    fields.finish()?;
    let queued = Queued { call, callback, key };
    let (task, before) = ai.0.queue(&app.ports, &caller.owner, queued).await?;
    let location = app.config.link(&format!("/api/ai/tasks/{}", task.id));
    let mut response = views::with_location(views::json(StatusCode::ACCEPTED, AiTaskView::from(task)), &location);
    if before {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Read a queued question with its outcome
#[utoipa::path(
    get, path = "/api/ai/tasks/{id}", tag = "ai",
    params(("id" = String, Path, description = "The task's id")),
    responses((status = 200, description = "The task", body = AiTaskView)),
)]
pub(crate) async fn get_ai_task<P: Ports>(
    State(app): State<App<P>>,
    caller: Caller,
    path: PathParams,
    query: QueryParams,
) -> Result<Response, Problem> {
    query.finish()?;
    let id: AiTaskId = path.parsed("id", "AI task")?;
    let task = models::get_ai_task(&app.ports, &caller.owner, &id).await?;
    Ok(views::json(StatusCode::OK, AiTaskView::from(task)))
}

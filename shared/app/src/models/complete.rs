//! The one way through to a model.

use std::time::Duration;

use millrace_asl::Timestamp;

use super::caller::{AgentRole, Asked, ModelCaller};
use super::chat::{ChatAnswer, ChatRequest, Finish, ModelRef, Provider};
use super::error::{CompleteError, ModelError};
use super::saved::{self, SavedCall};
use super::usage::{self, Bound, Held};
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::ids::{AiTaskId, ExecutionId, ProjectId};
use crate::metrics::{self, Metric};
use crate::origin::Origin;
use crate::ports::{Clock, IdSource, Ports, Queue};
use crate::projects::Budget;
use crate::traces::{self, Attribute, Kind, Ongoing};
use crate::workers::Task;

/// To what a call belongs: where it is saved, and where its usage is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// A project, whose budget holds. A resumed or redriven delivery finds the calls of earlier ones.
    Project(ProjectId),
    /// An execution that delivers no project.
    Execution(ExecutionId),
    /// A single call.
    Single {
        /// Its id.
        id: AiTaskId,
        /// Who asks, and pays for it.
        owner: String,
    },
}

/// Who asks, and within which bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// To what the call belongs.
    pub scope: Scope,
    /// The task, for whoever reads the saved calls; takes no part in finding them again.
    pub task: String,
    /// For whom the model works.
    pub role: AgentRole,
    /// The model; `None` takes the configured one of the role.
    pub model: Option<ModelRef>,
    /// Another number asks the same words again: what was answered under an earlier one is not used.
    pub variant: u32,
    /// What this call alone may use, beside the project's budget.
    pub budget: Budget,
    /// How long it may take in all, repetition and pauses included: less than the function may run.
    pub time: Duration,
}

impl Caller {
    /// What a task that came through `queue` asks. A quarter of the function's time, at least a minute, is left for the rest
    /// of the task.
    #[must_use]
    pub fn of_task(task: &Task, role: AgentRole, queue: Queue) -> Self {
        let whole = queue.function_timeout();
        Self {
            scope: match &task.project {
                Some(project) => Scope::Project(project.clone()),
                None => Scope::Execution(task.execution.clone()),
            },
            task: task.attempt.clone(),
            role,
            model: None,
            variant: 0,
            budget: Budget::default(),
            time: whole.saturating_sub((whole / 4).max(Duration::from_secs(60))),
        }
    }

    /// The same with another number: the same words are asked again.
    #[must_use]
    pub fn variant(self, variant: u32) -> Self {
        Self { variant, ..self }
    }

    /// The same for one model.
    #[must_use]
    pub fn with_model(self, model: ModelRef) -> Self {
        Self { model: Some(model), ..self }
    }
}

/// A finished and saved call.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// What the model answered; never [`Finish::Refused`].
    pub answer: ChatAnswer,
    /// The model that was asked.
    pub model: ModelRef,
    /// US dollars; `None` where the price is unknown.
    pub usd: Option<f64>,
    /// It had been saved before: nothing was called, nothing counted.
    pub replayed: bool,
    /// Names the saved call within its scope.
    pub key: String,
}

/// The longest that one call waits for its answer.
const LONGEST_CALL: Duration = Duration::from_secs(600);
/// Repetitions after a failure that may pass.
const TRIES: u32 = 6;
/// What pauses grow from where the provider asks for none.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest pause that is not asked for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A call that has less time than this is not begun.
const SHORTEST_CALL: Duration = Duration::from_secs(1);

/// Asks a model, once for the same words in the same scope: a finished call is saved before it is used, and later ones
/// answer from it, without a call and without a charge.
///
/// 1. A saved call of the same model, request and [`Caller::variant`] is answered.
/// 2. What the call can use at the most (an estimate of what is sent, and `max_output_tokens`, at the model's price) must be
///    left in the project's budget and in the caller's. It is held until the call ends, so that calls at the same time don't
///    break a budget together. An unknown price breaks every budget in money.
/// 3. The call is made, and made again after failures that may pass: after the pause that the provider asks for, else after
///    a random one that grows; all within [`Caller::time`].
/// 4. The answer and what it used are stored in one transaction. Only then it is answered, or told as refused.
///
/// # Errors
/// [`CompleteError`]. A call that failed is neither saved nor counted.
pub async fn complete<P: Ports, M: ModelCaller>(
    ports: &P,
    models: &M,
    caller: &Caller,
    request: &ChatRequest,
) -> Result<Completion, CompleteError> {
    let model = caller.model.clone().or_else(|| models.model_for(caller.role)).ok_or(CompleteError::NoModel)?;
    let key = key_of(&model, request, caller.variant)?;
    if let Some(saved) = saved::load(ports, &caller.scope, &key).await? {
        return told(saved, model, key, true);
    }
    let started = ports.clock().now();
    let deadline = plus(started, caller.time);
    models.prepare(ports).await?;
    let price = models.price(&model);
    let bound = Bound::of(request, price, deadline);
    let held = usage::hold(ports, caller, &model, &key, bound, deadline).await?;
    let asked = ports.clock().now();
    let answer = match call(ports, models, &model, request, earlier(deadline, held.until)).await {
        Ok(answer) => answer,
        Err(error) => {
            if held.stored {
                usage::release(ports, &caller.scope, &key).await;
            }
            return Err(error.into());
        }
    };
    let now = ports.clock().now();
    let call = SavedCall {
        usd: price.map(|price| price.of(answer.usage)),
        answer,
        model: model.clone(),
        role: caller.role.name().to_owned(),
        task: caller.task.clone(),
        variant: caller.variant,
        millis: u64::try_from(now.millis().saturating_sub(asked.millis())).unwrap_or_default(),
        at: now,
    };
    let (saved, first) = saved::save(ports, &caller.scope, &key, call).await?;
    if first {
        let used = saved.answer.usage;
        let usd = saved.usd.unwrap_or_default();
        metrics::record(Metric::ModelCalled { input: used.input, output: used.output, usd });
    }
    told(saved, model, key, !first)
}

/// What a saved call says.
fn told(saved: SavedCall, model: ModelRef, key: String, replayed: bool) -> Result<Completion, CompleteError> {
    if saved.answer.finish == Finish::Refused {
        let reason = saved.answer.text.trim();
        let reason: String = if reason.is_empty() { "it gave no reason" } else { reason }.chars().take(500).collect();
        return Err(CompleteError::Refused(reason));
    }
    Ok(Completion { usd: saved.usd, answer: saved.answer, model, replayed, key })
}

/// Names a call: the SHA-256 of all that its answer follows from.
fn key_of(model: &ModelRef, request: &ChatRequest, variant: u32) -> Result<String, Error> {
    let all = serde_json::to_vec(&(model, request, variant)).map_err(Error::internal)?;
    Ok(sha256_hex(&all))
}

fn plus(at: Timestamp, duration: Duration) -> Timestamp {
    at.plus_millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4))
}

fn earlier(one: Timestamp, other: Option<Timestamp>) -> Timestamp {
    other.filter(|other| other.millis() < one.millis()).unwrap_or(one)
}

/// What is left until a moment.
pub(super) fn left(now: Timestamp, until: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(until.millis().saturating_sub(now.millis())).unwrap_or_default())
}

/// Calls until there is an answer, a failure that won't pass, or no time left.
async fn call<P: Ports, M: ModelCaller>(
    ports: &P,
    models: &M,
    model: &ModelRef,
    request: &ChatRequest,
    deadline: Timestamp,
) -> Result<ChatAnswer, ModelError> {
    let mut tries = 0;
    loop {
        let timeout = left(ports.clock().now(), deadline).min(LONGEST_CALL);
        if timeout < SHORTEST_CALL {
            return Err(ModelError::Timeout("there was no time left for a call".into()));
        }
        tries += 1;
        let mut span = span_of(model, request);
        let answered = span.scope(models.call(ports, Asked { model, request, timeout })).await;
        note_answer(&mut span, &answered);
        drop(span);
        let error = match answered {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let pause = error.retry_after().unwrap_or_else(|| pause(ports, tries));
        let again = error.is_retryable() && tries < TRIES;
        if !again || left(ports.clock().now(), deadline) < pause + SHORTEST_CALL {
            return Err(error);
        }
        tracing::info!(%model, tries, ?pause, error = %error, "a model is called again");
        ports.clock().sleep(pause).await;
    }
}

/// A call in the words of OpenTelemetry's conventions for generative AI, without what is asked
/// (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/>).
fn span_of(model: &ModelRef, request: &ChatRequest) -> Ongoing {
    let mut span = traces::within(Origin::span(), Kind::Client, || format!("chat {}", model.model));
    span.note("gen_ai.operation.name", || "chat");
    span.note("gen_ai.provider.name", || match model.provider {
        Provider::Gemini => "gcp.gemini",
        Provider::Anthropic => "anthropic",
        Provider::OpenAi => "openai",
        Provider::Bedrock => "aws.bedrock",
        Provider::Ollama => "ollama",
    });
    span.note("gen_ai.request.model", || model.model.as_str());
    span.note("gen_ai.request.max_tokens", || u64::from(request.max_output_tokens));
    if let Some(temperature) = request.temperature {
        span.note("gen_ai.request.temperature", || temperature);
    }
    span
}

fn note_answer(span: &mut Ongoing, answered: &Result<ChatAnswer, ModelError>) {
    match answered {
        Ok(answer) => {
            span.note("gen_ai.response.model", || answer.model.as_str());
            span.note("gen_ai.response.finish_reasons", || {
                Attribute::Texts(vec![
                    match answer.finish {
                        Finish::Stop => "stop",
                        Finish::Length => "length",
                        Finish::Refused => "content_filter",
                    }
                    .to_owned(),
                ])
            });
            span.note("gen_ai.usage.input_tokens", || answer.usage.input);
            span.note("gen_ai.usage.output_tokens", || answer.usage.output);
        }
        Err(error) => span.fail(error.name()),
    }
}

/// Half of what doubles with each try, and a random part of the other half.
fn pause<P: Ports>(ports: &P, tries: u32) -> Duration {
    let whole = PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
    let random = ports.ids().random().first().copied().unwrap_or(u8::MAX);
    whole / 2 + (whole / 2).mul_f64(f64::from(random) / f64::from(u8::MAX))
}

impl Held {
    /// Nothing is held: nothing limits the call.
    pub(super) const FREE: Self = Self { stored: false, until: None };
}

//! Calls of models as tasks of workflows, and queued single calls, which are workflows of one question.
//!
//! A queued call is an execution of [`AI_TASK_WORKFLOW`]: the queue, repetition, dead letters and repair are the engine's.
//! Its last task stores the outcome under the call's own key and tells it to the callback's address.

use std::future::Future;
use std::time::Duration;

use millrace_asl::{PayloadLimit, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::caller::{ModelCaller, NoModel};
use super::complete::Caller;
use super::error::CompleteError;
use super::single::{SingleAnswer, SingleCall, ask};
use crate::error::Error;
use crate::executions::{Attributes, ExecutionStatus, StartExecution, Started, describe_execution, start_or_find};
use crate::ids::{AiTaskId, ExecutionId};
use crate::keys;
use crate::models::AgentRole;
use crate::ports::{Clock, Condition, Ports, Queue, Record, RecordStore, Secret, SecretStore, StoreError, Write};
use crate::projects::rfc3339;
use crate::workers::{Task, TaskError};

/// The resource of tasks that ask a model.
pub const MODEL_TASK: &str = "millrace:model";
/// The resource of the task that ends a queued single call.
pub const OUTCOME_TASK: &str = "millrace:ai-task";
/// The secret that signs callbacks.
pub const CALLBACK_SECRET: &str = "callbacks/signing-secret";
/// The workflow of a queued single call.
pub const AI_TASK_WORKFLOW: &str = include_str!("../../../../workflows/ai-task.asl.yaml");

/// How long an outcome is kept, in milliseconds: 90 days.
const KEPT_MILLIS: i64 = 90 * 24 * 60 * 60 * 1_000;
/// How long a callback's receiver may take.
const CALLBACK_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest address of a callback.
const URL_BYTES: usize = 2_048;

/// Something to tell an address.
#[derive(Debug, Clone, Copy)]
pub struct Callback<'a> {
    /// Where to.
    pub url: &'a str,
    /// Names the message; the same each time it is sent.
    pub id: &'a str,
    /// When it is sent.
    pub at: Timestamp,
    /// JSON.
    pub body: &'a str,
    /// Signs it.
    pub secret: &'a Secret,
    /// How long the receiver may take.
    pub timeout: Duration,
}

/// Sends callbacks.
pub trait CallbackSender: Send + Sync {
    /// What is wrong with an address; `None` where it may be called. Names are looked up when it is.
    fn check(&self, url: &str) -> Option<String>;

    /// Sends a message as a `POST`, signed as Standard Webhooks say, once. Only a status 2xx is a success.
    fn send(&self, callback: Callback<'_>) -> impl Future<Output = Result<(), String>> + Send;
}

impl CallbackSender for NoModel {
    fn check(&self, _: &str) -> Option<String> {
        Some("can't be called: callbacks need a model that is configured".into())
    }

    async fn send(&self, _: Callback<'_>) -> Result<(), String> {
        Err("callbacks need a model that is configured".into())
    }
}

/// Does a task of [`MODEL_TASK`]: its input is a [`SingleCall`], its result a [`SingleAnswer`]. It belongs to the project that
/// the execution delivers, else to the execution.
///
/// # Errors
/// `Millrace.InvalidInput`; those of [`CompleteError::name`]. What may succeed later is `Millrace.Transient`.
pub async fn do_model_task<P: Ports, M: ModelCaller>(ports: &P, models: &M, task: &Task) -> Result<Value, TaskError> {
    let call = SingleCall::deserialize(&task.input).map_err(|error| invalid(task, &error.to_string()))?;
    let question = call.check(models).map_err(|problems| {
        let problems: Vec<String> = problems.into_iter().map(|one| format!("{}: {}", one.field, one.message)).collect();
        invalid(task, &problems.join("; "))
    })?;
    let Caller { scope, task: name, time, .. } = Caller::of_task(task, AgentRole::Single, Queue::Models);
    let answer = ask(ports, models, scope, &name, time, &question).await?;
    Ok(serde_json::to_value(answer).map_err(Error::internal)?)
}

fn invalid(task: &Task, problem: &str) -> TaskError {
    TaskError::failed("Millrace.InvalidInput", format!("The input of '{}' can't be asked: {problem}", task.state))
}

/// A queued single call.
#[derive(Debug, Clone, PartialEq)]
pub struct AiTask {
    /// Its id.
    pub id: AiTaskId,
    /// Where it stands.
    pub status: AiTaskStatus,
    /// What the model answered.
    pub answer: Option<SingleAnswer>,
    /// Why there is no answer.
    pub failure: Option<AiFailure>,
    /// To whom the outcome is told.
    pub callback: Option<CallbackState>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When its outcome was stored.
    pub ended_at: Option<Timestamp>,
}

/// Where a queued call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AiTaskStatus {
    /// It waits for its turn, or for its answer.
    Running,
    /// There is an answer.
    Succeeded,
    /// There is none, and none will come.
    Failed,
}

impl AiTaskStatus {
    /// The word in the API and in callbacks.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// Why a queued call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiFailure {
    /// The error's name.
    pub error: String,
    /// What happened.
    pub cause: String,
}

/// To whom an outcome is told, and whether it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackState {
    /// The address.
    pub url: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Did the receiver take it?
    pub delivered: bool,
    /// Why it did not, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Outcome {
    owner: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<SingleAnswer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<AiFailure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    callback: Option<CallbackState>,
    #[serde(with = "rfc3339")]
    at: Timestamp,
}

fn execution_of(id: &AiTaskId) -> ExecutionId {
    ExecutionId::derived(id.as_str())
}

/// Queues a single call. With an idempotency key the same call of the same owner is queued once; true: it was before.
///
/// # Errors
/// [`Error::Invalid`] with all problems; [`Error::NotConfigured`] without a model, or for a callback without a secret to sign
/// it; [`Error::IdempotencyMismatch`]; [`Error::Store`].
pub async fn create_ai_task<P: Ports, M: ModelCaller, S: CallbackSender>(
    ports: &P,
    models: &M,
    sender: &S,
    owner: &str,
    call: SingleCall,
    callback: Option<String>,
    idempotency_key: Option<&str>,
) -> Result<(AiTask, bool), Error> {
    let mut problems = call.check(models).err().unwrap_or_default();
    if let Some(url) = &callback {
        let long = (url.len() > URL_BYTES).then(|| format!("must have at most {URL_BYTES} bytes"));
        if let Some(problem) = long.or_else(|| sender.check(url)) {
            problems.push(crate::FieldProblem::new("/callback/url", problem));
        }
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    if models.model_for(AgentRole::Single).is_none() && call.model.is_none() {
        return Err(Error::NotConfigured(CompleteError::NoModel.to_string()));
    }
    if callback.is_some() && ports.secrets().get(CALLBACK_SECRET).await?.is_none() {
        return Err(Error::NotConfigured(format!(
            "callbacks are signed, and there is no secret to sign them: store one of the form whsec_… as {CALLBACK_SECRET}"
        )));
    }
    let id = match idempotency_key {
        Some(key) => AiTaskId::derived(&format!("{}#{key}", keys::escaped(owner))),
        None => AiTaskId::new(ports),
    };
    let input = json!({ "ai_task_id": id, "call": call, "callback_url": callback });
    let start = StartExecution {
        id: execution_of(&id),
        owner: owner.to_owned(),
        name: format!("ai-task-{}", id.as_str().trim_start_matches("ait_")),
        definition: AI_TASK_WORKFLOW.to_owned().into(),
        input: input.clone(),
        project: None,
        payload_limit: PayloadLimit::None,
        workflow: None,
        waiting: None,
        attributes: Attributes::new(),
        priority: None,
    };
    let before = match Box::pin(start_or_find(ports, start)).await? {
        Started::Now(_) => false,
        Started::Before { input: known, .. } if known == input => true,
        Started::Before { .. } => return Err(Error::IdempotencyMismatch),
    };
    Ok((get_ai_task(ports, owner, &id).await?, before))
}

/// A queued single call of this owner.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Store`].
pub async fn get_ai_task<P: Ports>(ports: &P, owner: &str, id: &AiTaskId) -> Result<AiTask, Error> {
    let not_found = || Error::NotFound { kind: "AI task", id: id.to_string() };
    let view = describe_execution(ports, &execution_of(id)).await?.ok_or_else(not_found)?;
    if view.execution.owner != owner {
        return Err(not_found());
    }
    let created_at = view.execution.started_at;
    if let Some((outcome, _)) = outcome_of(ports, id).await? {
        let status = if outcome.answer.is_some() { AiTaskStatus::Succeeded } else { AiTaskStatus::Failed };
        return Ok(AiTask {
            id: id.clone(),
            status,
            answer: outcome.answer,
            failure: outcome.failure,
            callback: outcome.callback,
            created_at,
            ended_at: Some(outcome.at),
        });
    }
    let url = view.input.get("callback_url").and_then(Value::as_str);
    let ended = view.execution.status != ExecutionStatus::Running;
    // Stopped by somebody, or given up: nothing stored an outcome.
    let failure = ended.then(|| match view.execution.failure {
        Some(failure) => AiFailure {
            error: failure.error.unwrap_or_else(|| "Millrace.Failed".into()),
            cause: failure.cause.unwrap_or_default(),
        },
        None => AiFailure { error: "Millrace.Stopped".into(), cause: "the task was stopped".into() },
    });
    Ok(AiTask {
        id: id.clone(),
        status: if ended { AiTaskStatus::Failed } else { AiTaskStatus::Running },
        answer: None,
        failure,
        callback: url.map(|url| CallbackState { url: url.to_owned(), attempts: 0, delivered: false, error: None }),
        created_at,
        ended_at: view.execution.stopped_at,
    })
}

async fn outcome_of<P: Ports>(ports: &P, id: &AiTaskId) -> Result<Option<(Outcome, u64)>, Error> {
    let key = keys::ai_task(id);
    let Some(record) = ports.records().get(&key).await? else { return Ok(None) };
    let outcome =
        Outcome::deserialize(&record.body).map_err(|error| StoreError::corrupt(format!("AI task {id}"), error))?;
    Ok(Some((outcome, record.version)))
}

async fn put_outcome<P: Ports>(ports: &P, id: &AiTaskId, outcome: &Outcome, version: u64) -> Result<(), Error> {
    let record = Record {
        key: keys::ai_task(id),
        version,
        body: serde_json::to_value(outcome).map_err(Error::internal)?,
        listings: Vec::new(),
        expires_at: Some(ports.clock().now().plus_millis(KEPT_MILLIS)),
    };
    let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
    Ok(ports.records().write(vec![Write::Put(record, condition)]).await?)
}

#[derive(Deserialize)]
struct OutcomeInput {
    ai_task_id: AiTaskId,
    #[serde(default)]
    callback_url: Option<String>,
    #[serde(default)]
    answer: Option<SingleAnswer>,
    #[serde(default)]
    failure: Option<Caught>,
}

/// What `Catch` puts into a state's input.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Caught {
    #[serde(default)]
    error: String,
    #[serde(default)]
    cause: String,
}

/// Does a task of [`OUTCOME_TASK`]: stores the outcome once, and tells it to the callback's address.
///
/// # Errors
/// `Millrace.InvalidInput` for an execution that is no queued single call; `Millrace.CallbackFailed`, which the workflow
/// retries.
pub async fn do_outcome_task<P: Ports, S: CallbackSender>(
    ports: &P,
    sender: &S,
    task: &Task,
) -> Result<Value, TaskError> {
    let input = OutcomeInput::deserialize(&task.input).map_err(|error| invalid(task, &error.to_string()))?;
    let id = input.ai_task_id;
    if execution_of(&id) != task.execution {
        return Err(invalid(task, "it names an AI task of another execution"));
    }
    let (mut outcome, version) = match outcome_of(ports, &id).await? {
        Some(known) => known,
        None => {
            let callback = input.callback_url;
            let outcome = Outcome {
                owner: task.owner.clone(),
                failure: input.failure.map(|failure| AiFailure { error: failure.error, cause: failure.cause }),
                answer: input.answer,
                callback: callback.map(|url| CallbackState { url, attempts: 0, delivered: false, error: None }),
                at: ports.clock().now(),
            };
            put_outcome(ports, &id, &outcome, 0).await?;
            (outcome, 1)
        }
    };
    let done = json!({ "ai_task_id": id });
    let Some(callback) = outcome.callback.clone().filter(|callback| !callback.delivered) else { return Ok(done) };
    let sent = send(ports, sender, &id, &outcome, &callback).await?;
    let state = CallbackState {
        attempts: callback.attempts + 1,
        delivered: sent.is_ok(),
        error: sent.as_ref().err().cloned(),
        ..callback
    };
    outcome.callback = Some(state);
    if let Err(error) = put_outcome(ports, &id, &outcome, version).await {
        // Somebody else does the same task; what that one writes counts.
        tracing::warn!(%id, error = &error as &dyn std::error::Error, "a callback's state was not stored");
    }
    match sent {
        Ok(()) => Ok(done),
        Err(problem) => Err(TaskError::failed("Millrace.CallbackFailed", problem)),
    }
}

async fn send<P: Ports, S: CallbackSender>(
    ports: &P,
    sender: &S,
    id: &AiTaskId,
    outcome: &Outcome,
    callback: &CallbackState,
) -> Result<Result<(), String>, Error> {
    let Some(secret) = ports.secrets().get(CALLBACK_SECRET).await? else {
        return Ok(Err(format!("there is no secret {CALLBACK_SECRET} to sign it")));
    };
    let status = if outcome.answer.is_some() { AiTaskStatus::Succeeded } else { AiTaskStatus::Failed };
    let data = match (&outcome.answer, &outcome.failure) {
        (Some(SingleAnswer { result, model, usage, .. }), _) => {
            json!({ "id": id, "status": status.as_str(), "result": result, "model": model, "usage": usage })
        }
        (None, failure) => json!({ "id": id, "status": status.as_str(), "error": failure }),
    };
    let kind = format!("ai.task.{}", status.as_str());
    let body = json!({ "type": kind, "timestamp": outcome.at.to_string(), "data": data }).to_string();
    let at = ports.clock().now();
    let callback =
        Callback { url: &callback.url, id: id.as_str(), at, body: &body, secret: &secret, timeout: CALLBACK_TIMEOUT };
    Ok(sender.send(callback).await)
}

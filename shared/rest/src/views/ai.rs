//! Single calls of models.

use millrace_app::models::{AiTask, Finish, SingleAnswer};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What a model answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AiAnswer)]
pub(crate) struct AiAnswerView {
    /// A text; with a schema an object of its form.
    result: Value,
    /// The model, as `provider/model`.
    model: String,
    /// Why the answer ended: `length` where it breaks off.
    finish: FinishView,
    /// What was used.
    usage: AiUsageView,
}

/// Why an answer ended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Finish)]
enum FinishView {
    Stop,
    Length,
}

/// What a call used, with the one that put its form right.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AiUsage)]
struct AiUsageView {
    /// Tokens sent.
    input_tokens: u64,
    /// Tokens received.
    output_tokens: u64,
    /// US dollars; null where the price is not known.
    #[schema(required = true)]
    usd: Option<f64>,
}

impl From<SingleAnswer> for AiAnswerView {
    fn from(answer: SingleAnswer) -> Self {
        let usage = answer.usage;
        Self {
            result: answer.result,
            model: answer.model,
            finish: if answer.finish == Finish::Length { FinishView::Length } else { FinishView::Stop },
            usage: AiUsageView { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens, usd: usage.usd },
        }
    }
}

/// A queued question.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AiTask)]
pub(crate) struct AiTaskView {
    /// Its id.
    id: String,
    /// `running`, `succeeded` or `failed`.
    status: &'static str,
    /// What the model answered.
    #[schema(required = true)]
    answer: Option<AiAnswerView>,
    /// Why there is no answer.
    #[schema(required = true)]
    error: Option<AiErrorView>,
    /// To whom the outcome is told.
    #[schema(required = true)]
    callback: Option<AiCallbackView>,
    /// When it was queued.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its outcome was stored.
    #[schema(required = true, format = DateTime)]
    ended_at: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AiError)]
struct AiErrorView {
    /// The error's name.
    error: String,
    /// What happened.
    cause: String,
}

/// To whom an outcome is told, and whether it was.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AiCallbackState)]
struct AiCallbackView {
    /// The address.
    url: String,
    /// How often it was tried.
    attempts: u32,
    /// Did the receiver take it?
    delivered: bool,
    /// Why it did not, the last time.
    #[schema(required = true)]
    error: Option<String>,
}

impl From<AiTask> for AiTaskView {
    fn from(task: AiTask) -> Self {
        Self {
            id: task.id.into(),
            status: task.status.as_str(),
            answer: task.answer.map(Into::into),
            error: task.failure.map(|failure| AiErrorView { error: failure.error, cause: failure.cause }),
            callback: task.callback.map(|state| AiCallbackView {
                url: state.url,
                attempts: state.attempts,
                delivered: state.delivered,
                error: state.error,
            }),
            created_at: task.created_at.to_string(),
            ended_at: task.ended_at.map(|at| at.to_string()),
        }
    }
}

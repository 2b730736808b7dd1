//! Calls of language models: what is asked, what it may cost, and what is kept of it.
//!
//! It owns the one way to a model, [`complete`]: a finished call is saved before it is used and never made again, a
//! budget stops the call that would break it, and usage is counted once for each saved call. It knows no provider's
//! protocol and no HTTP: whoever calls implements [`ModelCaller`]. Start reading at [`complete`].

mod caller;
mod chat;
mod complete;
mod error;
mod prices;
mod saved;
mod single;
mod tasks;
mod usage;

pub use caller::{AgentRole, Asked, LongPrice, ModelCaller, NoModel, Price};
pub use chat::{
    ChatAnswer, ChatMessage, ChatRequest, Finish, ModelRef, ModelRefError, Provider, Role, Schema, TokenUsage,
};
pub use complete::{Caller, Completion, Scope, complete};
pub use error::{CompleteError, ModelError};
pub use prices::{PriceTable, synced_prices};
pub use single::{Question, SingleAnswer, SingleCall, SingleUsage, ask};
pub use tasks::{
    AI_TASK_WORKFLOW, AiFailure, AiTask, AiTaskStatus, CALLBACK_SECRET, Callback, CallbackSender, CallbackState,
    MODEL_TASK, OUTCOME_TASK, create_ai_task, do_model_task, do_outcome_task, get_ai_task,
};

pub(crate) use saved::{saved_calls, single_calls};
pub(crate) use usage::used;

//! Calls of language models: what is asked, what it may cost, and what is kept of it.
//!
//! It owns the one way to a model, [`complete`]: a finished call is saved before it is used and never made again, a
//! budget stops the call that would break it, and usage is counted once for each saved call. It knows no provider's
//! protocol and no HTTP: whoever calls implements [`ModelCaller`]. Start reading at [`complete`].

mod caller;
mod chat;
mod complete;
mod error;
mod saved;
mod usage;

pub use caller::{AgentRole, Asked, LongPrice, ModelCaller, NoModel, Price};
pub use chat::{
    ChatAnswer, ChatMessage, ChatRequest, Finish, ModelRef, ModelRefError, Provider, Role, Schema, TokenUsage,
};
pub use complete::{Caller, Completion, Scope, complete};
pub use error::{CompleteError, ModelError};

pub(crate) use usage::used;

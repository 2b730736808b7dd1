//! Why there is no answer of a model. No text holds a key or what was asked.

use std::time::Duration;

use crate::error::Error;
use crate::projects::BUDGET_EXCEEDED;
use crate::workers::TaskError;

/// Why a call of a model gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Too many calls or tokens in too short a time.
    #[error("the model's provider limits the rate of calls: {message}")]
    RateLimited {
        /// How long the provider wants to be left alone.
        retry_after: Option<Duration>,
        /// The provider's words.
        message: String,
    },
    /// A failure of the provider's side.
    #[error("the model's provider is overloaded or failed: {message}")]
    Overloaded {
        /// How long the provider wants to be left alone.
        retry_after: Option<Duration>,
        /// The provider's words, or the status.
        message: String,
    },
    /// No whole answer came in time.
    #[error("the model gave no answer in time: {0}")]
    Timeout(String),
    /// There is no connection, or it broke off.
    #[error("the connection to the model failed: {0}")]
    Connection(String),
    /// The key is missing, wrong or may not do this.
    #[error("the model's provider refuses the credentials: {0}")]
    Unauthorized(String),
    /// The provider's account has no money left, or reached a limit that waiting won't lift soon.
    #[error("the account with the model's provider is used up: {0}")]
    QuotaExceeded(String),
    /// There is no such model, or this account may not use it.
    #[error("the provider does not know the model: {0}")]
    UnknownModel(String),
    /// The conversation is longer than the model reads.
    #[error("the request is longer than the model's context: {0}")]
    ContextTooLong(String),
    /// The provider does not take the request.
    #[error("the model's provider does not take the request: {0}")]
    InvalidRequest(String),
    /// The provider answered something that is no answer of its protocol.
    #[error("the provider's answer can't be read: {0}")]
    InvalidAnswer(String),
}

impl ModelError {
    /// Can the same call succeed later without a change?
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Overloaded { .. }
                | Self::Timeout(_)
                | Self::Connection(_)
                | Self::InvalidAnswer(_)
        )
    }

    /// How long the provider wants to be left alone.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Overloaded { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The error's name for workflows.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "Millrace.ModelRateLimited",
            Self::Overloaded { .. } => "Millrace.ModelOverloaded",
            Self::Timeout(_) => "Millrace.ModelTimeout",
            Self::Connection(_) => "Millrace.ModelConnection",
            Self::Unauthorized(_) => "Millrace.ModelUnauthorized",
            Self::QuotaExceeded(_) => "Millrace.ModelQuotaExceeded",
            Self::UnknownModel(_) => "Millrace.ModelUnknown",
            Self::ContextTooLong(_) => "Millrace.ModelContextTooLong",
            Self::InvalidRequest(_) => "Millrace.ModelInvalidRequest",
            Self::InvalidAnswer(_) => "Millrace.ModelInvalidAnswer",
        }
    }
}

/// Why [`complete`](super::complete) has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompleteError {
    /// No model is configured for whoever asks.
    #[error("no model is configured: set MILLRACE_MODEL to provider/model and give the provider's key")]
    NoModel,
    /// The call could break a budget; it was not made. The text names the limit, what was used, what the call may use, and
    /// what to do.
    #[error("{0}")]
    BudgetExceeded(String),
    /// The model refused; the call was made and counted.
    #[error("the model refused to answer: {0}")]
    Refused(String),
    /// The answer is not of the form that was asked for; the calls were made and counted.
    #[error("the model's answer has not the form that was asked for: {0}")]
    WrongForm(String),
    /// The call gave no answer, also after repetition.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl CompleteError {
    /// The error's name for workflows.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoModel => "Millrace.ModelNotConfigured",
            Self::BudgetExceeded(_) => BUDGET_EXCEEDED,
            Self::Refused(_) => "Millrace.ModelRefused",
            Self::WrongForm(_) => "Millrace.ModelWrongForm",
            Self::Model(error) => error.name(),
            Self::Store(_) => "Millrace.Unavailable",
        }
    }

    /// Can the same call succeed later without a change?
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Model(error) => error.is_retryable(),
            Self::Store(error) => error.is_retryable(),
            Self::NoModel | Self::BudgetExceeded(_) | Self::Refused(_) | Self::WrongForm(_) => false,
        }
    }
}

impl From<CompleteError> for TaskError {
    /// For an agent's task: what can succeed later is a `Millrace.Transient`, which the delivery's `Retry` catches.
    fn from(error: CompleteError) -> Self {
        match error {
            CompleteError::Store(error @ Error::NotFound { .. }) => {
                Self::failed("Millrace.ProjectGone", error.to_string())
            }
            CompleteError::Store(error @ Error::WrongState(_)) => Self::failed("Millrace.RunOver", error.to_string()),
            CompleteError::Store(error) => Self::Unable(error),
            error if error.is_retryable() => Self::failed("Millrace.Transient", error.to_string()),
            error => Self::failed(error.name(), error.to_string()),
        }
    }
}

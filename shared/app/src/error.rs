//! What a use case answers when it does not do what it was asked.

use serde::Serialize;

use crate::ports::StoreError;

/// One problem of a request, at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// A JSON pointer into the request's body, or the name of the parameter or header.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl FieldProblem {
    /// A problem at a place.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// A use case's error. The texts are for the caller: no internals, no secrets. Each variant has a page under
/// `docs/errors/` named by its [`Error::code`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request says something that can't be done. All problems are listed.
    #[error("the request is not valid")]
    Invalid(Vec<FieldProblem>),
    /// There is no such thing, or the caller may not know of it.
    #[error("there is no {kind} {id:?}")]
    NotFound {
        /// The kind of thing: `project`, `template`…
        kind: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// The thing is in a state in which this can't be done.
    #[error("{0}")]
    WrongState(String),
    /// A limit leaves no room now for what can't wait.
    #[error("the limit {key:?} leaves no room now: repeat the request when an execution has ended, or raise the limit")]
    LimitReached {
        /// The limit's key.
        key: String,
    },
    /// `If-Match` names another version than the stored one, or somebody else wrote at the same time.
    #[error("{what} was changed by somebody else: read it again and repeat the request")]
    VersionMismatch {
        /// What was changed.
        what: &'static str,
    },
    /// The same idempotency key came with another request.
    #[error("this Idempotency-Key was used with another request")]
    IdempotencyMismatch,
    /// What was sent is larger or more than allowed; the text says what and how much would be right.
    #[error("{0}")]
    TooLarge(String),
    /// Something is needed that is not configured; the text names it and what to do.
    #[error("{0}")]
    NotConfigured(String),
    /// A store failed. The caller learns only that.
    #[error("a part of Millrace is not available now; try again")]
    Store(#[from] StoreError),
    /// What is stored contradicts itself: a bug.
    #[error("an internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// The stable name of the error: the last part of a problem's `type`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) | Self::Store(StoreError::InvalidCursor | StoreError::TooLarge { .. }) => {
                "invalid-request"
            }
            Self::NotFound { .. } => "not-found",
            Self::WrongState(_) => "wrong-state",
            Self::LimitReached { .. } => "limit-reached",
            Self::VersionMismatch { .. } | Self::Store(StoreError::Conflict) => "version-mismatch",
            Self::IdempotencyMismatch => "idempotency-mismatch",
            Self::NotConfigured(_) => "not-configured",
            Self::TooLarge(_) => "payload-too-large",
            Self::Store(StoreError::Unavailable { .. }) => "unavailable",
            Self::Store(StoreError::Corrupt { .. }) | Self::Internal(_) => "internal",
        }
    }

    /// Can the same call succeed later without a change?
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Unavailable { .. } | StoreError::Conflict)
                | Self::VersionMismatch { .. }
                | Self::LimitReached { .. }
        )
    }

    /// An invalid request with one problem.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem::new(field, message)])
    }

    /// A bug or corrupt data, with its cause.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }
}

//! What the use cases of activities answer when they do not do what they were asked.

use crate::error::Error;
use crate::ports::StoreError;

/// Why a use case refused. The texts are for the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActivityError {
    /// A text is no ARN of an activity.
    #[error("Invalid Arn: '{0}'")]
    InvalidArn(String),
    /// A name with characters that names don't have.
    #[error("Invalid Name: '{0}'")]
    InvalidName(String),
    /// There is one of that name which differs.
    #[error("Activity Already Exists: '{0}'")]
    AlreadyExists(String),
    /// There is none.
    #[error("Activity Does Not Exist: '{0}'")]
    DoesNotExist(String),
    /// A token that this listing did not give.
    #[error("Invalid Token: 'Invalid token'")]
    InvalidToken,
    /// More tags than an activity may have.
    #[error("Too many tags: a resource has at most 50; this would make {count}")]
    TooManyTags {
        /// How many it would be.
        count: usize,
        /// Whose.
        arn: String,
    },
    /// What all use cases may answer.
    #[error(transparent)]
    App(#[from] Error),
}

impl From<StoreError> for ActivityError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::InvalidCursor => Self::InvalidToken,
            other => Self::App(other.into()),
        }
    }
}

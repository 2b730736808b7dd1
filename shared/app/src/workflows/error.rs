//! What the use cases of workflows answer when they do not do what they were asked.

use millrace_asl::validation::{Diagnostic, invalid_definition};

use crate::error::{Error, FieldProblem};
use crate::ports::StoreError;

/// Why a use case refused. The texts are for the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkflowError {
    /// A text is no ARN, or one of another kind.
    #[error("Invalid Arn: '{0}'")]
    InvalidArn(String),
    /// A name with characters that names don't have.
    #[error("Invalid Name: '{0}'")]
    InvalidName(String),
    /// The definition can't be executed.
    #[error("{}", invalid_definition(.0))]
    InvalidDefinition(Vec<Diagnostic>),
    /// Logging is asked for without saying where to.
    #[error("Invalid Logging Configuration: {0}")]
    InvalidLogging(String),
    /// The encryption can't be as asked for.
    #[error("Invalid Encryption Configuration: {0}")]
    InvalidEncryption(String),
    /// Fields that contradict each other, or an operation that such a thing does not have.
    #[error("{0}")]
    Invalid(String),
    /// There is one of that name which differs.
    #[error("State Machine Already Exists: '{0}'")]
    AlreadyExists(String),
    /// There is none.
    #[error("State Machine Does Not Exist: '{0}'")]
    DoesNotExist(String),
    /// It is being deleted.
    #[error("State Machine Deleting: '{0}'")]
    Deleting(String),
    /// The other type of workflow has this operation.
    #[error("This operation is not supported by this type of state machine")]
    TypeNotSupported,
    /// An update that changes nothing.
    #[error(
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified"
    )]
    NothingToChange,
    /// Somebody else was first, or the thing is still in use.
    #[error("{0}")]
    Conflict(String),
    /// There is no such version, alias or tagged thing.
    #[error("{told}")]
    NotFound {
        /// What kind of thing.
        kind: &'static str,
        /// Its number, name or ARN.
        id: String,
        /// The service's words.
        told: String,
    },
    /// More tags than a thing may have.
    #[error("Too many tags: a resource has at most 50; this would make {count}")]
    TooManyTags {
        /// How many it would be.
        count: usize,
        /// Whose.
        arn: String,
    },
    /// A token that this listing did not give, or that is too old.
    #[error("Invalid Token: '{0}'")]
    InvalidToken(String),
    /// The input is no JSON.
    #[error("Invalid State Machine Execution Input: '{0}'")]
    InvalidInput(String),
    /// The input does not fit the workflow's schema: JSON pointers into it, and what would be right.
    #[error("Invalid State Machine Execution Input: '{}'", in_one_line(.0))]
    InputMismatch(Vec<FieldProblem>),
    /// There is another execution of that name.
    #[error("Execution Already Exists: '{0}'")]
    ExecutionAlreadyExists(String),
    /// There is no such execution.
    #[error("Execution Does Not Exist: '{0}'")]
    ExecutionDoesNotExist(String),
    /// The execution can't be redriven.
    #[error("{0}")]
    NotRedrivable(String),
    /// What all use cases may answer.
    #[error(transparent)]
    App(#[from] Error),
}

impl From<StoreError> for WorkflowError {
    fn from(error: StoreError) -> Self {
        Self::App(error.into())
    }
}

/// Problems of an input, the whole of it as `$`.
fn in_one_line(problems: &[FieldProblem]) -> String {
    let place = |field: &str| if field.is_empty() { "$".to_owned() } else { field.to_owned() };
    let told: Vec<String> = problems.iter().map(|one| format!("{} {}", place(&one.field), one.message)).collect();
    told.join("; ")
}

//! Errors as the protocol tells them.

use axum::http::StatusCode;
use millrace_app::Error;
use millrace_app::ports::StoreError;
use millrace_app::workflows::WorkflowError;
use serde_json::{Value, json};

/// The model that the service's own errors belong to.
const MODEL: &str = "com.amazonaws.swf.service.v2.model#";

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct ApiError {
    /// The error's name, without its namespace.
    pub(crate) name: &'static str,
    /// For the caller.
    pub(crate) message: String,
    /// Members besides the message.
    pub(crate) more: Option<(&'static str, String)>,
    /// What the logs are told where it is the server's fault.
    pub(crate) cause: Option<Box<Error>>,
}

impl ApiError {
    pub(crate) fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into(), more: None, cause: None }
    }

    /// Members that break their constraints, or contradict each other.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// A body, or a member of it, of the wrong type.
    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    fn internal(error: Error) -> Self {
        let name = match error.is_retryable() {
            true => "ServiceUnavailableException",
            false => "InternalFailure",
        };
        Self { cause: Some(Box::new(error)), ..Self::new(name, "a part of Millrace did not answer; try again") }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self.name {
            "InternalFailure" => StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceUnavailableException" => StatusCode::SERVICE_UNAVAILABLE,
            "MissingAuthenticationTokenException" => StatusCode::FORBIDDEN,
            "RequestEntityTooLargeException" => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// `__type` and `message`.
    pub(crate) fn body(&self) -> Value {
        let namespace = match self.name {
            "ValidationException" => "com.amazon.coral.validate#",
            "SerializationException"
            | "UnknownOperationException"
            | "AccessDeniedException"
            | "IncompleteSignatureException"
            | "InvalidSignatureException"
            | "MissingAuthenticationTokenException"
            | "RequestEntityTooLargeException"
            | "ThrottlingException"
            | "UnrecognizedClientException"
            | "InternalFailure"
            | "ServiceUnavailableException" => "com.amazon.coral.service#",
            _ => MODEL,
        };
        let mut body = json!({ "__type": format!("{namespace}{}", self.name), "message": self.message });
        if let (Some((member, value)), Some(object)) = (&self.more, body.as_object_mut()) {
            object.insert((*member).to_owned(), Value::String(value.clone()));
        }
        body
    }
}

impl From<WorkflowError> for ApiError {
    fn from(error: WorkflowError) -> Self {
        let message = error.to_string();
        let name = match error {
            WorkflowError::App(error) => return error.into(),
            WorkflowError::TooManyTags { arn, .. } => {
                return Self { more: Some(("resourceName", arn)), ..Self::new("TooManyTags", message) };
            }
            WorkflowError::InvalidArn(_) => "InvalidArn",
            WorkflowError::InvalidName(_) => "InvalidName",
            WorkflowError::InvalidDefinition(_) => "InvalidDefinition",
            WorkflowError::InvalidLogging(_) => "InvalidLoggingConfiguration",
            WorkflowError::InvalidEncryption(_) => "InvalidEncryptionConfiguration",
            WorkflowError::Invalid(_) => "ValidationException",
            WorkflowError::AlreadyExists(_) => "StateMachineAlreadyExists",
            WorkflowError::DoesNotExist(_) => "StateMachineDoesNotExist",
            WorkflowError::Deleting(_) => "StateMachineDeleting",
            WorkflowError::TypeNotSupported => "StateMachineTypeNotSupported",
            WorkflowError::NothingToChange => "MissingRequiredParameter",
            WorkflowError::Conflict(_) => "ConflictException",
            WorkflowError::NotFound { .. } => "ResourceNotFound",
            WorkflowError::InvalidToken(_) => "InvalidToken",
            WorkflowError::InvalidInput(_) | WorkflowError::InputMismatch(_) => "InvalidExecutionInput",
            WorkflowError::ExecutionAlreadyExists(_) => "ExecutionAlreadyExists",
            WorkflowError::ExecutionDoesNotExist(_) => "ExecutionDoesNotExist",
            WorkflowError::NotRedrivable(_) => "ExecutionNotRedrivable",
            _ => "InternalFailure",
        };
        Self::new(name, message)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match &error {
            Error::Invalid(problems) => {
                let told: Vec<String> =
                    problems.iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect();
                Self::validation(told.join("; "))
            }
            Error::Store(StoreError::TooLarge { .. }) => Self::validation(error.to_string()),
            Error::LimitReached { .. } => Self::new("ExecutionLimitExceeded", error.to_string()),
            _ => Self::internal(error),
        }
    }
}

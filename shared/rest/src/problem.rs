//! RFC 9457 problem details. The one place that maps errors to HTTP.
//!
//! A handler answers with a [`Problem`]; the frame (`frame.rs`) writes its body, because only that knows the request's
//! id and path, and logs its cause, which the caller never sees.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use millrace_app::identity::Role;
use millrace_app::ports::StoreError;
use millrace_app::workflows::WorkflowError;
use millrace_app::{Error, FieldProblem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Refusal;

/// The codes that HTTP adds to those of [`Error::code`].
pub const HTTP_CODES: [&str; 14] = [
    "bad-json",
    "budget-exceeded",
    "forbidden",
    "function-failed",
    "headers-too-large",
    "method-not-allowed",
    "model-failed",
    "payload-too-large",
    "precondition-required",
    "signature-invalid",
    "too-many-requests",
    "unauthorized",
    "unsupported-media-type",
    "uri-too-long",
];

/// A request's failure, as its caller sees it.
#[derive(Debug, Clone)]
pub struct Problem(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldProblem>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Arc<Error>>,
}

/// A problem, as RFC 9457 describes it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "/errors/invalid-request",
    "title": "The request is not valid",
    "status": 400,
    "detail": "the request is not valid",
    "instance": "/api/projects",
    "code": "invalid-request",
    "errors": [{ "field": "/template_id", "message": "there is no such template" }],
    "request_id": "5f2c1d0e-9b8a-7f6e-5d4c-3b2a19080706"
}))]
pub(crate) struct ProblemBody {
    /// Names the kind of problem. A URI reference that this server answers with the problem's documentation.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words; the same for each problem of that kind.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What went wrong this time.
    detail: String,
    /// The path of the request.
    instance: String,
    /// The last part of `type`.
    code: &'static str,
    /// Every problem of the request's contents, each at its place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<ProblemAt>,
    /// Names the request in the logs.
    request_id: String,
}

/// One problem of a request's contents.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProblemAt)]
struct ProblemAt {
    /// A JSON pointer into the body, or the name of a parameter or header.
    field: String,
    /// What is wrong and what would be right.
    message: String,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Details {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            cause: None,
        }))
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    pub(crate) fn bad_json(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-json", detail)
    }

    pub(crate) fn invalid(errors: Vec<FieldProblem>) -> Self {
        Error::Invalid(errors).into()
    }

    /// An input that does not fit its workflow's schema, which is the member `base` of the body.
    pub(crate) fn input_mismatch(base: &str, problems: Vec<FieldProblem>) -> Self {
        let told = problems.into_iter().map(|one| FieldProblem { field: format!("{base}{}", one.field), ..one });
        Self::invalid(told.collect())
    }

    pub(crate) fn no_route(path: &str) -> Self {
        let path: String = path.chars().take(200).collect();
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            format!("there is nothing at {path}; /openapi.json lists all routes"),
        )
    }

    pub(crate) fn method_not_allowed(method: &str) -> Self {
        let detail = format!("{method} is not possible here; the header Allow says what is");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
    }

    pub(crate) fn payload_too_large(limit: usize) -> Self {
        let detail = format!("the body has more than {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload-too-large", detail)
    }

    pub(crate) fn unsupported_media_type() -> Self {
        Self::unsupported_media_type_for("the body must be JSON with the header Content-Type: application/json")
    }

    /// The body is neither JSON nor what else the route takes.
    pub(crate) fn unsupported_media_type_for(detail: &str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
    }

    pub(crate) fn precondition_required() -> Self {
        let detail = "the header If-Match is missing: send the ETag of the version that you have read";
        Self::new(StatusCode::PRECONDITION_REQUIRED, "precondition-required", detail)
    }

    pub(crate) fn unauthorized(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// What a request showed of its caller was not good.
    pub(crate) fn refused(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::NotValid(why) => Self::unauthorized(why),
            Refusal::TooMany(seconds) => {
                let detail = format!("there were too many requests: repeat it in {seconds} seconds");
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail)
                    .with_header(RETRY_AFTER, HeaderValue::from(*seconds))
            }
            Refusal::Unavailable => {
                let detail = "who calls can't be found out now; try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
                    .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
            }
        }
    }

    /// The caller's role is too small.
    pub(crate) fn forbidden(has: Role, needed: Role) -> Self {
        let detail = format!("this needs the role {needed}, and the caller has {has}");
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// The caller is no operator.
    pub(crate) fn operators_only() -> Self {
        let detail = "this needs an operator's key: it shows or changes what may be any owner's";
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    pub(crate) fn uri_too_long(limit: usize) -> Self {
        let detail = format!("the address has more than {limit} bytes");
        Self::new(StatusCode::URI_TOO_LONG, "uri-too-long", detail)
    }

    pub(crate) fn headers_too_large(limit: usize) -> Self {
        let detail = format!("the headers have more than {limit} bytes");
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large", detail)
    }

    /// A webhook is not proven to be its source's.
    pub(crate) fn signature_invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "signature-invalid", detail)
    }

    /// A function that was to answer an HTTP request did not.
    pub(crate) fn function_failed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "function-failed", detail)
    }

    /// A model's call could break its budget.
    pub(crate) fn budget_exceeded(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "budget-exceeded", detail)
    }

    /// A model gave no answer that can be used; asking again would change nothing.
    pub(crate) fn model_failed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "model-failed", detail)
    }

    /// A model gave no answer now.
    pub(crate) fn model_unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "model-failed", detail)
            .with_header(RETRY_AFTER, HeaderValue::from_static("10"))
    }

    /// The issuer with whom people sign in gave no answer now.
    pub(crate) fn issuer_unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .with_header(RETRY_AFTER, HeaderValue::from_static("10"))
    }

    pub(crate) fn panicked() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "an internal error")
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// What the caller is told.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What went wrong inside, for the log.
    pub(crate) fn cause(&self) -> Option<&Error> {
        self.0.cause.as_deref()
    }

    /// The answer's body and headers.
    pub(crate) fn render(&self, instance: &str, request_id: &str) -> Response {
        let details = &self.0;
        let body = ProblemBody {
            kind: format!("/errors/{}", details.code),
            title: title(details.code),
            status: details.status.as_u16(),
            detail: details.detail.clone(),
            instance: instance.to_owned(),
            code: details.code,
            errors: details
                .errors
                .iter()
                .map(|at| ProblemAt { field: at.field.clone(), message: at.message.clone() })
                .collect(),
            request_id: request_id.to_owned(),
        };
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (details.status, Body::from(text)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in &details.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Invalid(_) | Error::Store(StoreError::InvalidCursor | StoreError::TooLarge { .. }) => {
                StatusCode::BAD_REQUEST
            }
            Error::NotFound { .. } => StatusCode::NOT_FOUND,
            Error::WrongState(_) => StatusCode::CONFLICT,
            Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Error::LimitReached { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::VersionMismatch { .. } | Error::Store(StoreError::Conflict) => StatusCode::PRECONDITION_FAILED,
            Error::IdempotencyMismatch | Error::NotConfigured(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::Store(StoreError::Unavailable { .. }) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let detail = match &error {
            // The store's words for these are for the caller; all others stay inside.
            Error::Store(inside @ (StoreError::InvalidCursor | StoreError::TooLarge { .. })) => inside.to_string(),
            Error::Store(StoreError::Conflict) => "somebody else wrote at the same time: repeat the request".to_owned(),
            Error::Store(StoreError::Corrupt { .. }) => "an internal error".to_owned(),
            other => other.to_string(),
        };
        let mut problem = Self::new(status, error.code(), detail);
        if let Error::Invalid(errors) = &error {
            problem.0.errors.clone_from(errors);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            problem = problem.with_header(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if status.is_server_error() {
            problem.0.cause = Some(Arc::new(error));
        }
        problem
    }
}

impl From<WorkflowError> for Problem {
    fn from(error: WorkflowError) -> Self {
        use WorkflowError as Refused;
        let text = error.to_string();
        let id = |text: String| text.chars().take(256).collect();
        match error {
            Refused::App(error) => error.into(),
            Refused::InvalidDefinition(diagnostics) => {
                let told = diagnostics.into_iter().map(|one| {
                    let field = format!("/definition{}", one.location.as_deref().unwrap_or_default());
                    FieldProblem::new(field.trim_end_matches('/'), format!("{}: {}", one.code, one.message))
                });
                Self::invalid(told.collect())
            }
            Refused::InvalidName(_) => {
                let wanted = "must be 1 to 80 characters, no white space and none of <>{}[]?*\"#%\\^|~`$&,;:/";
                Self::invalid(vec![FieldProblem::new("/name", wanted)])
            }
            Refused::InputMismatch(problems) => Self::input_mismatch("/input", problems),
            Refused::InvalidInput(_) => Self::invalid(vec![FieldProblem::new("/input", text)]),
            Refused::TooManyTags { .. } => Self::invalid(vec![FieldProblem::new("/tags", text)]),
            Refused::NothingToChange => Self::invalid(vec![FieldProblem::new(
                "",
                "name what is to change: definition, input_schema, role_arn or publish",
            )]),
            Refused::InvalidToken(_) => Error::from(StoreError::InvalidCursor).into(),
            Refused::DoesNotExist(arn) => Error::NotFound { kind: "workflow", id: id(arn) }.into(),
            Refused::ExecutionDoesNotExist(arn) => Error::NotFound { kind: "execution", id: id(arn) }.into(),
            Refused::NotFound { kind, id: named, .. } => Error::NotFound { kind, id: id(named) }.into(),
            Refused::AlreadyExists(_)
            | Refused::Deleting(_)
            | Refused::TypeNotSupported
            | Refused::Conflict(_)
            | Refused::ExecutionAlreadyExists(_)
            | Refused::NotRedrivable(_) => Error::WrongState(text).into(),
            _ => Self::invalid(vec![FieldProblem::new("", text)]),
        }
    }
}

/// The kind of a problem in words.
fn title(code: &str) -> &'static str {
    match code {
        "bad-json" => "The body is not JSON",
        "budget-exceeded" => "The budget does not allow the call",
        "forbidden" => "The caller may not do this",
        "function-failed" => "The function failed",
        "headers-too-large" => "The headers are too large",
        "idempotency-mismatch" => "The Idempotency-Key was used before",
        "internal" => "An internal error",
        "limit-reached" => "A limit leaves no room",
        "invalid-request" => "The request is not valid",
        "model-failed" => "The model gave no answer",
        "method-not-allowed" => "The method is not allowed",
        "not-configured" => "Something is not configured",
        "not-found" => "There is no such thing",
        "payload-too-large" => "The body is too large",
        "precondition-required" => "A precondition is required",
        "too-many-requests" => "There were too many requests",
        "signature-invalid" => "The webhook is not proven to be its source's",
        "unauthorized" => "The caller is not known",
        "unavailable" => "Not available now",
        "unsupported-media-type" => "The body's media type is not supported",
        "uri-too-long" => "The address is too long",
        "version-mismatch" => "Changed by somebody else",
        "wrong-state" => "Not possible in this state",
        _ => "A problem",
    }
}

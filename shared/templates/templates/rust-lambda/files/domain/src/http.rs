//! HTTP as the service sees it: requests, responses and problem+json errors.

use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A request after the transport has been taken off.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The method, in upper case.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The parameters of the query.
    pub query: BTreeMap<String, String>,
    /// The body as it was sent.
    pub body: Vec<u8>,
}

impl Request {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value, HttpError> {
        if self.body.trim_ascii().is_empty() {
            return Err(HttpError::new(400, "The request needs a JSON body."));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| HttpError::new(400, format!("The body is not valid JSON: {error}.")))
    }
}

/// A response whose body is JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers besides the content type.
    pub headers: Vec<(&'static str, String)>,
    /// The content type of the body.
    pub content_type: &'static str,
    /// The body, if there is one.
    pub body: Option<Value>,
}

impl Response {
    /// A response with a JSON body.
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), content_type: "application/json", body: Some(body) }
    }

    /// A response without a body.
    pub fn no_content() -> Self {
        Self { body: None, ..Self::json(204, Value::Null) }
    }

    /// The response with one more header.
    pub fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// What is wrong with one member of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// JSON pointer to the member.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// Ends a request with an error that the caller may read.
#[derive(Debug, Clone)]
pub struct HttpError {
    status: u16,
    detail: String,
    problems: Vec<Problem>,
    allow: Option<String>,
}

impl HttpError {
    /// An error with a status and an explanation.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), problems: Vec::new(), allow: None }
    }

    /// 422: a body that does not fit, with every problem.
    pub fn invalid(problems: Vec<Problem>) -> Self {
        Self { problems, ..Self::new(422, "The body does not fit the entity.") }
    }

    /// 405: a method that the path does not take.
    pub fn method_not_allowed(allowed: &str) -> Self {
        Self {
            allow: Some(allowed.to_owned()),
            ..Self::new(405, format!("This path takes {allowed}."))
        }
    }

    /// The error as RFC 9457 problem details.
    pub fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": title(self.status),
            "status": self.status,
            "detail": self.detail,
        });
        if !self.problems.is_empty() {
            body["errors"] = json!(self.problems);
        }
        Response {
            headers: self.allow.map(|it| ("allow", it)).into_iter().collect(),
            content_type: "application/problem+json",
            ..Response::json(self.status, body)
        }
    }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        422 => "Unprocessable Content",
        _ => "Internal Server Error",
    }
}

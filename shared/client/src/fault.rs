//! The errors that services answer.

use serde::Deserialize;

use crate::call::Answer;
use crate::http::Response;
use crate::xml;

/// An error that a service answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServiceFault {
    /// HTTP status.
    pub status: u16,
    /// The error's name as the service has it: `ResourceNotFoundException`, `NoSuchBucket`.
    pub code: String,
    /// The code by which it is told, where that is another one: SQS's old names.
    pub legacy_code: Option<String>,
    /// For people.
    pub message: String,
    /// The service's id of the request; empty where it gave none.
    pub request_id: String,
    /// S3's second one.
    pub extended_request_id: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
}

/// The members of an error in JSON, in every spelling that services use.
#[derive(Debug, Default, Deserialize)]
struct Told {
    #[serde(rename = "__type")]
    kind: Option<String>,
    code: Option<String>,
    message: Option<String>,
    #[serde(rename = "Message")]
    text: Option<String>,
}

/// `com.amazonaws.sqs#QueueDoesNotExist:http://…` names `QueueDoesNotExist`.
fn short(name: &str) -> &str {
    name.split(':').next().and_then(|name| name.rsplit('#').next()).unwrap_or_default()
}

/// The name of the error in an answer, whatever its form; `None` where it tells none.
#[must_use]
pub fn error_code(response: &Response) -> Option<String> {
    let named = response.header("x-amzn-errortype").map(|name| short(name).to_owned());
    let code = named.or_else(|| {
        if response.body.first() == Some(&b'<') {
            return xml::read(response, |root| xml::text(xml::child(root, "Error").unwrap_or(root), &["Code"]));
        }
        let told: Told = serde_json::from_slice(&response.body).ok()?;
        told.kind.or(told.code).map(|name| short(&name).to_owned())
    });
    code.filter(|code| !code.is_empty())
}

/// The service's id of the request; empty where it gave none.
#[must_use]
pub fn request_id(response: &Response) -> &str {
    let id = response.header("x-amzn-requestid").or_else(|| response.header("x-amz-request-id"));
    id.unwrap_or_default()
}

/// The error that an answer in JSON tells; its status is not 2xx.
#[must_use]
pub fn json_fault(answer: &Answer) -> ServiceFault {
    let response = &answer.response;
    let code = error_code(response).unwrap_or_else(|| response.status.to_string());
    let told: Told = serde_json::from_slice(&response.body).unwrap_or_default();
    let legacy = response.header("x-amzn-query-error").and_then(|told| told.split(';').next());
    ServiceFault {
        status: response.status,
        code,
        legacy_code: legacy.map(ToOwned::to_owned),
        message: told
            .message
            .or(told.text)
            .unwrap_or_else(|| format!("The service answered with status {}", response.status)),
        request_id: request_id(response).to_owned(),
        extended_request_id: None,
        attempts: answer.attempts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(header: Option<&str>, body: &str) -> Response {
        let mut headers = ::http::HeaderMap::new();
        if let Some(kind) = header {
            headers.insert("x-amzn-errortype", kind.parse().unwrap());
        }
        Response { status: 400, headers, body: bytes::Bytes::copy_from_slice(body.as_bytes()) }
    }

    #[test]
    fn an_error_has_its_name_in_every_form() {
        for (header, body, expected) in [
            (
                None,
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}"#,
                "ResourceNotFoundException",
            ),
            (Some("ConflictException:http://internal.amazon.com/"), "{}", "ConflictException"),
            (None, r#"{"code":"Denied","message":3}"#, ""),
            (None, "<Error><Code>SlowDown</Code></Error>", "SlowDown"),
            (None, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>", "Throttling"),
            (None, "", ""),
        ] {
            assert_eq!(error_code(&response(header, body)).unwrap_or_default(), expected, "{body}");
        }
    }

    #[test]
    fn what_tells_nothing_is_told_by_its_status() {
        let answer = Answer { response: response(None, "oops"), attempts: 2 };
        let fault = json_fault(&answer);
        assert_eq!((fault.code.as_str(), fault.attempts), ("400", 2));
        assert_eq!(fault.message, "The service answered with status 400");
    }
}

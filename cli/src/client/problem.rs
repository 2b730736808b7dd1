//! Why a call did not succeed, with what to do next.

use std::fmt::Write as _;
use std::time::Duration;

use http::Method;
use millrace_client::Response;
use serde_json::{Value, json};

use super::target::{Auth, Target};

/// What kind of failure it is; the exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nobody answered.
    Unreachable,
    /// The caller is not known, or may not do that.
    NotAllowed,
    /// There is no such thing.
    NotFound,
    /// What was sent is not valid.
    Invalid,
    /// It can't be done now, as things are.
    Failed,
}

/// A call that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", self.text())]
pub(crate) struct ApiError(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    kind: Kind,
    /// The HTTP status, where there was an answer.
    status: Option<u16>,
    /// The problem as the server told it, or one in the same form.
    problem: Value,
    next: Option<String>,
    link: Option<String>,
    retry_after: Option<Duration>,
}

fn member<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl ApiError {
    fn own(kind: Kind, code: &str, detail: String, next: Option<String>) -> Self {
        let problem = json!({ "code": code, "detail": detail });
        Self(Box::new(Details { kind, status: None, problem, next, link: None, retry_after: None }))
    }

    pub(super) fn unreachable(target: &Target, reason: String) -> Self {
        let next = target.when_unreachable();
        let detail = format!("no server answers at {}: {reason}", target.base);
        Self::own(Kind::Unreachable, "unreachable", detail, Some(next))
    }

    pub(super) fn broken(target: &Target, reason: String) -> Self {
        let next =
            format!("look whether it did it before you repeat the command; is {} the right server?", target.base);
        Self::own(Kind::Unreachable, "broken-off", format!("the call broke off: {reason}"), Some(next))
    }

    pub(super) fn strange(target: &Target, detail: String) -> Self {
        let next = format!("`millrace doctor --endpoint {}` looks at it", target.base);
        Self::own(Kind::Failed, "strange-answer", detail, Some(next))
    }

    pub(super) fn unsendable(_: &Target, detail: String) -> Self {
        Self::own(Kind::Invalid, "unsendable", detail, None)
    }

    pub(super) fn no_credentials(target: &Target, reason: String) -> Self {
        let next = format!(
            "{} is called with AWS credentials: run `aws sso login` or `aws configure`, or set AWS_PROFILE or \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            target.base
        );
        Self::own(Kind::NotAllowed, "no-credentials", reason, Some(next))
    }

    /// What an answer that is not 2xx says.
    pub(super) fn refused(target: &Target, method: &Method, path: &str, answer: &Response) -> Self {
        let status = answer.status;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let told = body.get("detail").is_some_and(Value::is_string);
        let kind = match status {
            401 | 403 => Kind::NotAllowed,
            404 if told => Kind::NotFound,
            400 | 405 | 411..=415 | 422 | 428 if status != 412 => Kind::Invalid,
            502..=504 if !told => Kind::Unreachable,
            _ => Kind::Failed,
        };
        let problem = if told {
            body
        } else {
            // API Gateway and proxies say it in their own form, if at all.
            let said = [member(&body, "message"), member(&body, "Message")].concat();
            let said = if said.is_empty() { "it gave no reason".to_owned() } else { said };
            json!({ "code": "", "status": status, "detail": format!("{method} {path}: {} answered {status}: {said}", target.base) })
        };
        let code = member(&problem, "code").to_owned();
        let next = next_step(
            status,
            &code,
            told.then(|| member(&problem, "detail")),
            path,
            target,
            member(&problem, "request_id"),
        );
        let link = (told && member(&problem, "type").starts_with("/errors/"))
            .then(|| format!("{}{}", target.base, member(&problem, "type")));
        let retry_after = answer.header("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
        Self(Box::new(Details { kind, status: Some(status), problem, next, link, retry_after }))
    }

    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The stable code of the problem; empty where there is none.
    pub(crate) fn code(&self) -> &str {
        member(&self.0.problem, "code")
    }

    /// The fields that are not valid.
    pub(crate) fn fields(&self) -> Vec<(&str, &str)> {
        let errors = self.0.problem.get("errors").and_then(Value::as_array).into_iter().flatten();
        errors.map(|error| (member(error, "field"), member(error, "message"))).collect()
    }

    /// The problem for programs: the server's own, with the next step.
    pub(crate) fn json(&self) -> Value {
        let mut problem = self.0.problem.clone();
        if let (Some(object), Some(next)) = (problem.as_object_mut(), &self.0.next) {
            object.insert("next".to_owned(), json!(next));
        }
        problem
    }

    /// How long to wait before the call is made again; `None` where that would not help.
    pub(super) fn pause(&self, tries: u32) -> Option<Duration> {
        let again = match self.0.status {
            None => matches!(self.code(), "broken-off"),
            Some(status) => matches!(status, 429 | 502 | 503 | 504),
        };
        again.then(|| self.0.retry_after.unwrap_or_else(|| Duration::from_millis(200 << tries.min(5))))
    }

    fn text(&self) -> String {
        let mut text = member(&self.0.problem, "detail").to_owned();
        if let Some(status) = self.0.status.filter(|_| !self.code().is_empty()) {
            // Writing to a String can't fail.
            let _ = write!(text, " ({status} {})", self.code());
        }
        for (field, message) in self.fields() {
            let _ = write!(text, "\n  {field} {message}");
        }
        if let Some(next) = &self.0.next {
            let _ = write!(text, "\nnext: {next}");
        }
        if let Some(link) = &self.0.link {
            let _ = write!(text, "\nmore: {link}");
        }
        text
    }
}

/// What its caller can do about it. `detail`: what the server told.
fn next_step(
    status: u16,
    code: &str,
    detail: Option<&str>,
    path: &str,
    target: &Target,
    request: &str,
) -> Option<String> {
    let text = match (status, code) {
        (401 | 403, _) => match &target.auth {
            Auth::None => "say who calls: MILLRACE_API_KEY, or `millrace config key`, or AWS credentials with \
                           `millrace config set PROFILE --auth iam`"
                .to_owned(),
            Auth::Key(_) if code == "forbidden" => {
                "this key may not do that: use one with a larger role (`millrace key list` shows them)".to_owned()
            }
            Auth::Key(_) => {
                "the API key is not taken: check it, or store another one with `millrace config key`".to_owned()
            }
            Auth::Iam { region, .. } => format!(
                "the AWS identity needs execute-api:Invoke in {region}; `aws sts get-caller-identity` shows which one it is"
            ),
        },
        (404, _) => match detail {
            None => format!("is {} a Millrace server? `millrace doctor` looks at it", target.base),
            Some(detail) => list_of(path, detail)?.to_owned(),
        },
        (409, "version-mismatch") | (412, _) => "somebody changed it meanwhile: read it again, then repeat".to_owned(),
        (_, "idempotency-mismatch") => "take another --idempotency-key for another request".to_owned(),
        (429 | 503 | 504, _) => "try again in a moment".to_owned(),
        (500..=599, _) if !request.is_empty() => format!("the server's log tells more under the request id {request}"),
        _ => return None,
    };
    Some(text)
}

/// The command that lists what is missing: what the problem names, else what the path is about.
fn list_of(path: &str, detail: &str) -> Option<&'static str> {
    let missing = detail.strip_prefix("there is no ").and_then(|rest| rest.split(' ').next());
    let about = match missing {
        Some("file") => "files",
        Some("version") => "versions",
        Some("workflow") => "workflows",
        Some("execution") => "executions",
        Some("project") => "projects",
        _ => path.trim_start_matches('/').split('/').nth(1)?,
    };
    Some(match about {
        "projects" => "`millrace project list` shows what there is",
        "files" => "`millrace project files PROJECT` shows what there is",
        "templates" => "`millrace template list` shows what there is",
        "workflows" => "`millrace workflow list` shows what there is",
        "versions" => {
            "`millrace workflow versions WORKFLOW` and `millrace workflow alias list WORKFLOW` show what there is"
        }
        "executions" => "`millrace execution list` shows what there is",
        "functions" | "v1" => "`millrace function list PROJECT` shows what there is",
        "keys" => "`millrace key list` shows what there is",
        "webhooks" => "`millrace webhook list` and `millrace webhook rule list` show what there is",
        "schedules" => "`millrace schedule list` shows what there is",
        "subscriptions" => "`millrace subscription list` shows what there is",
        "limits" => "`millrace limit list` shows what there is",
        "queues" => "`millrace queue list` shows what there is",
        "reports" => "`millrace report list` shows what there is",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::target::Found;
    use http::HeaderMap;

    fn target() -> Target {
        Target { base: "http://127.0.0.1:1".to_owned(), found: Found::Endpoint, auth: Auth::None }
    }

    fn refused(status: u16, path: &str, body: &Value) -> ApiError {
        let answer = Response { status, headers: HeaderMap::new(), body: body.to_string().into() };
        ApiError::refused(&target(), &Method::GET, path, &answer)
    }

    #[test]
    fn a_problem_names_its_fields_and_its_page() {
        let error = refused(
            400,
            "/api/projects",
            &json!({ "type": "/errors/invalid-request", "code": "invalid-request", "detail": "the request is not valid",
                     "errors": [{ "field": "/name", "message": "is missing" }] }),
        );
        assert_eq!(
            error.to_string(),
            "the request is not valid (400 invalid-request)\n  /name is missing\nmore: http://127.0.0.1:1/errors/invalid-request"
        );
        assert_eq!(error.kind(), Kind::Invalid);
    }

    #[test]
    fn what_is_missing_leads_to_its_list() {
        let error = refused(404, "/api/workflows/x", &json!({ "code": "not-found", "detail": "no workflow x" }));
        assert!(error.to_string().contains("millrace workflow list"), "{error}");
        assert_eq!(error.kind(), Kind::NotFound);
        let elsewhere = json!({ "code": "not-found", "detail": "there is no workflow \"x\"" });
        let error = refused(404, "/api/schedules", &elsewhere);
        assert!(error.to_string().contains("millrace workflow list"), "{error}");
        let other = refused(404, "/api/workflows/x", &Value::Null);
        assert!(other.to_string().contains("is http://127.0.0.1:1 a Millrace server?"), "{other}");
    }

    #[test]
    fn gateways_speak_another_form() {
        let error = refused(403, "/api/projects", &json!({ "message": "Forbidden" }));
        assert_eq!(error.kind(), Kind::NotAllowed);
        assert!(error.to_string().contains("Forbidden") && error.to_string().contains("MILLRACE_API_KEY"), "{error}");
        assert!(refused(503, "", &Value::Null).pause(1).is_some());
        assert!(refused(400, "", &Value::Null).pause(1).is_none());
    }
}

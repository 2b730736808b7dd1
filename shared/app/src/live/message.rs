//! The protocol's messages: JSON objects, one a message.

use serde::Serialize;
use serde_json::{Map, Value};

use super::topic::Topic;
use super::{MESSAGE_BYTES, MOST_TOPICS};
use crate::error::{Error, FieldProblem};
use crate::ports::Secret;

/// A topic, and the version of it that the client knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What is to be watched.
    pub topic: Topic,
    /// What the client knows; `None`: nothing.
    pub after: Option<u64>,
}

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `{"action": "authenticate", "token": …}`
    Authenticate(Secret),
    /// `{"action": "subscribe", "topics": [{"topic": …, "after": …}]}`
    Subscribe(Vec<Asked>),
    /// `{"action": "unsubscribe", "topics": […]}`
    Unsubscribe(Vec<Topic>),
    /// `{"action": "ping"}`
    Ping,
}

/// Why a request is not done, as the REST API's problems say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveProblem {
    /// The problem's name, as under `docs/errors`.
    pub code: &'static str,
    /// The status that HTTP has for it.
    pub status: u16,
    /// What is wrong, and what would be right.
    pub detail: String,
    /// Every problem of the message's contents, each at its place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// The topic that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

impl LiveProblem {
    /// A problem of the whole request.
    pub fn new(code: &'static str, status: u16, detail: impl Into<String>) -> Self {
        Self { code, status, detail: detail.into(), errors: Vec::new(), topic: None }
    }

    /// A foreign topic, or none that there is.
    #[must_use]
    pub fn not_found(topic: &Topic) -> Self {
        let topic = topic.to_string();
        Self { topic: Some(topic.clone()), ..Self::new("not-found", 404, format!("there is no {topic}")) }
    }

    /// What a use case answers.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        let status = match error.code() {
            "invalid-request" => 400,
            "not-found" => 404,
            "unavailable" => 503,
            "version-mismatch" => 412,
            "limit-reached" => 409,
            _ => 500,
        };
        Self::new(error.code(), status, error.to_string())
    }
}

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ServerMessage {
    /// It is known who asks.
    Ready,
    /// These topics are watched from now on.
    Subscribed {
        /// As the client spelt them.
        topics: Vec<String>,
    },
    /// These no longer are.
    Unsubscribed {
        /// As the client spelt them.
        topics: Vec<String>,
    },
    /// A topic is not as it was: read it.
    Changed {
        /// Which.
        topic: String,
        /// How it is stored now, where that has a number.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
    },
    /// The answer to a ping.
    Pong,
    /// The request was not done.
    Error(LiveProblem),
}

impl ServerMessage {
    /// As it is sent.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Texts, numbers and lists only: that can't fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn problem(field: impl Into<String>, message: impl Into<String>) -> FieldProblem {
    FieldProblem::new(field, message)
}

fn invalid(errors: Vec<FieldProblem>) -> LiveProblem {
    LiveProblem { errors, ..LiveProblem::new("invalid-request", 400, "the message is not valid") }
}

impl Request {
    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong with it, every problem at its place.
    pub fn read(text: &str) -> Result<Self, LiveProblem> {
        if text.len() > MESSAGE_BYTES {
            let detail = format!("the message has more than {MESSAGE_BYTES} bytes");
            return Err(LiveProblem::new("payload-too-large", 413, detail));
        }
        let value: Value = serde_json::from_str(text)
            .map_err(|error| LiveProblem::new("bad-json", 400, format!("the message is no JSON: {error}")))?;
        let Value::Object(mut fields) = value else {
            return Err(LiveProblem::new("invalid-request", 400, "the message must be a JSON object"));
        };
        let mut problems = Vec::new();
        let action = fields.remove("action");
        let request = match action.as_ref().and_then(Value::as_str) {
            Some("authenticate") => match fields.remove("token") {
                Some(Value::String(token)) if !token.trim().is_empty() => {
                    Some(Self::Authenticate(Secret::new(token.trim())))
                }
                _ => {
                    problems.push(problem("/token", "must be an API key or a token of the configured issuer"));
                    None
                }
            },
            Some("subscribe") => topics(&mut fields, &mut problems, asked).map(Self::Subscribe),
            Some("unsubscribe") => topics(&mut fields, &mut problems, named).map(Self::Unsubscribe),
            Some("ping") => Some(Self::Ping),
            _ => {
                let known = "must be authenticate, subscribe, unsubscribe or ping";
                return Err(invalid(vec![problem("/action", known)]));
            }
        };
        problems.extend(fields.keys().map(|name| {
            let name: String = name.chars().take(80).collect();
            problem(format!("/{name}"), "is not known here: leave it out")
        }));
        match request {
            Some(request) if problems.is_empty() => Ok(request),
            _ => Err(invalid(problems)),
        }
    }
}

/// The list `topics`.
fn topics<T>(
    fields: &mut Map<String, Value>,
    problems: &mut Vec<FieldProblem>,
    read: impl Fn(&Value, &str) -> Result<T, FieldProblem>,
) -> Option<Vec<T>> {
    let list = match fields.remove("topics") {
        Some(Value::Array(list)) if (1..=MOST_TOPICS).contains(&list.len()) => list,
        _ => {
            problems.push(problem("/topics", format!("must be a list of 1 to {MOST_TOPICS} topics")));
            return None;
        }
    };
    let mut all = Vec::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        match read(value, &format!("/topics/{index}")) {
            Ok(one) => all.push(one),
            Err(wrong) => problems.push(wrong),
        }
    }
    Some(all)
}

fn named(value: &Value, at: &str) -> Result<Topic, FieldProblem> {
    let text = value.as_str().unwrap_or_default();
    text.parse().map_err(|error: super::topic::TopicError| problem(at, error.to_string()))
}

fn asked(value: &Value, at: &str) -> Result<Asked, FieldProblem> {
    let Value::Object(fields) = value else {
        return Err(problem(at, "must be an object with topic, and after where a version is known"));
    };
    if let Some(name) = fields.keys().find(|name| !matches!(name.as_str(), "topic" | "after")) {
        let name: String = name.chars().take(80).collect();
        return Err(problem(format!("{at}/{name}"), "is not known here: leave it out"));
    }
    let topic = named(fields.get("topic").unwrap_or(&Value::Null), &format!("{at}/topic"))?;
    let after = match fields.get("after") {
        None | Some(Value::Null) => None,
        Some(version) => Some(
            version.as_u64().ok_or_else(|| problem(format!("{at}/after"), "must be a version that the server told"))?,
        ),
    };
    Ok(Asked { topic, after })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ExecutionId;

    #[test]
    fn messages_are_read() {
        let id = ExecutionId::derived("x");
        let subscribe = format!(
            r#"{{"action":"subscribe","topics":[{{"topic":"execution/{id}","after":7}},{{"topic":"projects"}}]}}"#
        );
        let asked =
            vec![Asked { topic: Topic::Execution(id), after: Some(7) }, Asked { topic: Topic::Projects, after: None }];
        assert_eq!(Request::read(&subscribe), Ok(Request::Subscribe(asked)));
        let unsubscribe = r#"{"action":"unsubscribe","topics":["webhooks"]}"#;
        assert_eq!(Request::read(unsubscribe), Ok(Request::Unsubscribe(vec![Topic::Webhooks])));
        assert_eq!(Request::read(r#"{"action":"ping"}"#), Ok(Request::Ping));
        let read = Request::read(r#"{"action":"authenticate","token":" secret "}"#).unwrap();
        assert!(!format!("{read:?}").contains("secret"));
        assert_eq!(read, Request::Authenticate(Secret::new("secret")));
    }

    #[test]
    fn every_problem_is_named_at_its_place() {
        let fields = |text: &str| {
            let problem = Request::read(text).unwrap_err();
            assert_eq!(problem.code, "invalid-request", "{text}");
            problem.errors.into_iter().map(|one| one.field).collect::<Vec<_>>()
        };
        assert_eq!(fields("{}"), ["/action"]);
        assert_eq!(fields(r#"{"action":"shout"}"#), ["/action"]);
        assert_eq!(fields(r#"{"action":"authenticate","token":7,"x":1}"#), ["/token", "/x"]);
        assert_eq!(fields(r#"{"action":"subscribe"}"#), ["/topics"]);
        assert_eq!(fields(r#"{"action":"subscribe","topics":[]}"#), ["/topics"]);
        let bad =
            r#"{"action":"subscribe","topics":["projects",{"topic":"x"},{"topic":"projects","after":-1},{"to":1}]}"#;
        assert_eq!(fields(bad), ["/topics/0", "/topics/1/topic", "/topics/2/after", "/topics/3/to"]);
        let many = vec![r#"{"topic":"projects"}"#; MOST_TOPICS + 1].join(",");
        assert_eq!(fields(&format!(r#"{{"action":"subscribe","topics":[{many}]}}"#)), ["/topics"]);
        assert!(fields("[]").is_empty());
        assert_eq!(Request::read("{").unwrap_err().code, "bad-json");
        assert_eq!(Request::read(&" ".repeat(MESSAGE_BYTES + 1)).unwrap_err().code, "payload-too-large");
    }

    #[test]
    fn what_is_said_is_json() {
        let id = ExecutionId::derived("x");
        let topic = Topic::Execution(id);
        let changed = |version| ServerMessage::Changed { topic: "projects".into(), version }.to_text();
        assert_eq!(changed(None), r#"{"type":"changed","topic":"projects"}"#);
        assert_eq!(changed(Some(3)), r#"{"type":"changed","topic":"projects","version":3}"#);
        assert_eq!(ServerMessage::Pong.to_text(), r#"{"type":"pong"}"#);
        let error = ServerMessage::Error(LiveProblem::not_found(&topic)).to_text();
        let expected = format!(
            r#"{{"type":"error","code":"not-found","status":404,"detail":"there is no {topic}","topic":"{topic}"}}"#
        );
        assert_eq!(error, expected);
    }
}

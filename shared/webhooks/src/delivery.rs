//! What a request delivers: one event, or several, each with an id that is the same when it is sent again.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::request::{Request, cut};
use crate::soap;
use crate::source::Scheme;

/// The longest id and the longest kind that are kept, in bytes.
const NAME_BYTES: usize = 256;

/// An event that a source sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The source's id of it; the body's digest where the source gives none.
    pub id: String,
    /// The source's word for what happened, such as `pull_request`; `event` where it has none.
    pub kind: String,
    /// What it says: the body as JSON; a text where it is none, null where it is no text.
    pub detail: Value,
}

/// A body that is not what its source sends. The texts are for the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No JSON.
    #[error("the body is not JSON: {0}")]
    Json(String),
    /// No outbound message.
    #[error("the body is not an outbound message: {0}")]
    Message(String),
    /// A form without what the source puts in it.
    #[error("the form has no field payload")]
    Payload,
}

fn json(bytes: &[u8]) -> Result<Value, ReadError> {
    serde_json::from_slice(bytes).map_err(|error| ReadError::Json(error.to_string()))
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.starts_with("application/") && media_type.ends_with("+json")
}

fn form(scheme: Scheme, body: &[u8]) -> Result<Value, ReadError> {
    let mut fields: Map<String, Value> = Map::new();
    for (name, text) in form_urlencoded::parse(body) {
        if name == "payload" && matches!(scheme, Scheme::GitHub | Scheme::Slack) {
            return json(text.as_bytes());
        }
        let text = Value::String(text.into_owned());
        match fields.get_mut(&*name) {
            None => drop(fields.insert(name.into_owned(), text)),
            Some(Value::Array(all)) => all.push(text),
            Some(other) => *other = Value::Array(vec![other.take(), text]),
        }
    }
    if scheme == Scheme::GitHub { Err(ReadError::Payload) } else { Ok(Value::Object(fields)) }
}

fn is_message(scheme: Scheme, media_type: &str) -> bool {
    scheme == Scheme::Salesforce && matches!(media_type, "text/xml" | "application/xml" | "application/soap+xml")
}

/// What a stored body says in one of its parts.
///
/// # Errors
/// [`ReadError`]
pub fn detail_of(scheme: Scheme, media_type: &str, body: &[u8], part: usize) -> Result<Value, ReadError> {
    if is_message(scheme, media_type) {
        let mut all = soap::read(body).map_err(ReadError::Message)?.into_iter();
        let found = all.nth(part).ok_or_else(|| ReadError::Message(format!("it has no notification {part}")))?;
        return Ok(found.detail);
    }
    if media_type == "application/x-www-form-urlencoded" {
        return form(scheme, body);
    }
    match json(body) {
        Ok(value) => Ok(value),
        Err(error) if is_json(media_type) => Err(error),
        Err(_) => Ok(std::str::from_utf8(body).map_or(Value::Null, Value::from)),
    }
}

/// The deliveries of a request.
///
/// # Errors
/// [`ReadError`]
pub fn read(scheme: Scheme, request: &Request) -> Result<Vec<Delivery>, ReadError> {
    let media_type = request.media_type();
    if is_message(scheme, &media_type) {
        let all = soap::read(&request.body).map_err(ReadError::Message)?;
        let delivery = |one: soap::Notification| {
            let kind = if one.kind.is_empty() { "Notification".to_owned() } else { name(&one.kind) };
            Delivery { id: name(&one.id), kind, detail: one.detail }
        };
        return Ok(all.into_iter().map(delivery).collect());
    }
    let detail = detail_of(scheme, &media_type, &request.body, 0)?;
    let id = id_of(scheme, request, &detail).unwrap_or_else(|| digest(&request.body));
    let kind = kind_of(scheme, request, &detail).unwrap_or_else(|| "event".to_owned());
    Ok(vec![Delivery { id, kind, detail }])
}

/// A name of bounded length; two that differ stay different.
fn name(text: &str) -> String {
    let text = text.trim();
    if text.len() <= NAME_BYTES {
        return text.to_owned();
    }
    let digest = digest(text.as_bytes());
    format!("{}-{digest}", cut(text, NAME_BYTES - 1 - digest.len()))
}

/// For senders that give no id: whoever sends the same bytes again sends the same again.
fn digest(body: &[u8]) -> String {
    format!("sha256-{}", BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(body)))
}

fn first_header(request: &Request, names: &[&str]) -> Option<String> {
    let mut found = names.iter().filter_map(|name| request.headers.get(name)).map(name).filter(|text| !text.is_empty());
    found.next()
}

fn member(detail: &Value, path: &[&str]) -> Option<String> {
    let found = path.iter().try_fold(detail, |value, step| value.get(step))?;
    found.as_str().map(name).filter(|text| !text.is_empty())
}

/// The header in which any sender may name a delivery, and another that many use.
const ANY_ID: [&str; 3] = ["x-webhook-id", "x-webhook-delivery", "idempotency-key"];

fn id_of(scheme: Scheme, request: &Request, detail: &Value) -> Option<String> {
    let own = match scheme {
        Scheme::GitHub => first_header(request, &["x-github-delivery"]),
        // The other two tell events and hooks, not deliveries; one event may come to several hooks.
        Scheme::GitLab => first_header(request, &["idempotency-key", "webhook-id"]).or_else(|| {
            let event = first_header(request, &["x-gitlab-event-uuid"])?;
            let hook = first_header(request, &["x-gitlab-webhook-uuid"]).unwrap_or_default();
            Some(name(&format!("{event} {hook}")))
        }),
        Scheme::Bitbucket => first_header(request, &["x-request-uuid", "x-request-id"]),
        Scheme::Stripe => member(detail, &["id"]),
        Scheme::Slack => member(detail, &["event_id"]).or_else(|| member(detail, &["trigger_id"])),
        Scheme::Shopify => first_header(request, &["x-shopify-webhook-id", "shopify-webhook-id", "x-shopify-event-id"]),
        Scheme::Linear => first_header(request, &["linear-delivery"]),
        Scheme::Standard => first_header(request, &["webhook-id", "svix-id"]),
        Scheme::Salesforce | Scheme::Generic => None,
    };
    own.or_else(|| first_header(request, &ANY_ID))
}

fn kind_of(scheme: Scheme, request: &Request, detail: &Value) -> Option<String> {
    let own = match scheme {
        Scheme::GitHub => first_header(request, &["x-github-event"]),
        Scheme::GitLab => first_header(request, &["x-gitlab-event"]),
        Scheme::Bitbucket => first_header(request, &["x-event-key"]),
        Scheme::Slack => member(detail, &["event", "type"]).or_else(|| {
            member(detail, &["type"]).or_else(|| member(detail, &["command"]).map(|_| "slash_command".to_owned()))
        }),
        Scheme::Shopify => first_header(request, &["x-shopify-topic", "shopify-topic"]),
        Scheme::Linear => first_header(request, &["linear-event"]).or_else(|| member(detail, &["type"])),
        Scheme::Stripe | Scheme::Salesforce | Scheme::Standard | Scheme::Generic => None,
    };
    own.or_else(|| first_header(request, &["x-webhook-event"])).or_else(|| member(detail, &["type"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(headers: &[(&str, &str)], body: &str) -> Request {
        Request { headers: headers.iter().copied().collect(), query: String::new(), body: body.into() }
    }

    fn one(scheme: Scheme, headers: &[(&str, &str)], body: &str) -> (String, String, Value) {
        let mut all = read(scheme, &request(headers, body)).unwrap();
        assert_eq!(all.len(), 1);
        let Delivery { id, kind, detail } = all.remove(0);
        (id, kind, detail)
    }

    const JSON: (&str, &str) = ("content-type", "application/json");
    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

    #[test]
    fn long_ids_that_begin_alike_stay_different() {
        let id = |end: &str| one(Scheme::GitHub, &[JSON, ("X-GitHub-Delivery", &("x".repeat(300) + end))], "{}").0;
        assert_ne!(id("1"), id("2"));
        assert_eq!((id("1"), id("1").len()), (id("1"), NAME_BYTES));
    }

    #[test]
    fn ids_and_kinds_stand_where_each_source_puts_them() {
        for (scheme, headers, body, id, kind) in [
            (
                Scheme::GitHub,
                vec![JSON, ("X-GitHub-Delivery", "72d3162e"), ("X-GitHub-Event", "push")],
                "{}",
                "72d3162e",
                "push",
            ),
            (
                Scheme::GitLab,
                vec![JSON, ("Idempotency-Key", "f5e5"), ("X-Gitlab-Event-UUID", "13"), ("X-Gitlab-Event", "Push Hook")],
                "{}",
                "f5e5",
                "Push Hook",
            ),
            (
                Scheme::GitLab,
                vec![JSON, ("X-Gitlab-Event-UUID", "13"), ("X-Gitlab-Webhook-UUID", "4")],
                "{}",
                "13 4",
                "event",
            ),
            (
                Scheme::Bitbucket,
                vec![JSON, ("X-Request-UUID", "a1"), ("X-Event-Key", "repo:push")],
                "{}",
                "a1",
                "repo:push",
            ),
            (Scheme::Stripe, vec![JSON], r#"{"id":"evt_1","type":"charge.succeeded"}"#, "evt_1", "charge.succeeded"),
            (
                Scheme::Slack,
                vec![JSON],
                r#"{"type":"event_callback","event_id":"Ev1","event":{"type":"app_mention"}}"#,
                "Ev1",
                "app_mention",
            ),
            (
                Scheme::Shopify,
                vec![JSON, ("X-Shopify-Webhook-Id", "b5"), ("X-Shopify-Topic", "orders/create")],
                "{}",
                "b5",
                "orders/create",
            ),
            (Scheme::Linear, vec![JSON, ("Linear-Delivery", "23"), ("Linear-Event", "Issue")], "{}", "23", "Issue"),
            (
                Scheme::Standard,
                vec![JSON, ("webhook-id", "msg_1")],
                r#"{"type":"user.created"}"#,
                "msg_1",
                "user.created",
            ),
            (Scheme::Generic, vec![JSON, ("X-Webhook-Id", "7"), ("X-Webhook-Event", "paid")], "{}", "7", "paid"),
        ] {
            let (found, what, _) = one(scheme, &headers, body);
            assert_eq!((found.as_str(), what.as_str()), (id, kind), "{scheme:?}");
        }
    }

    #[test]
    fn forms_are_read() {
        let (_, _, detail) = one(Scheme::GitHub, &[FORM], "payload=%7B%22ref%22%3A%22a%2Bb%22%7D");
        assert_eq!(detail, json!({ "ref": "a+b" }));
        assert_eq!(read(Scheme::GitHub, &request(&[FORM], "other=1")), Err(ReadError::Payload));
        let (id, kind, detail) = one(Scheme::Slack, &[FORM], "command=%2Fdeploy&text=now&trigger_id=13345.1&x=1&x=2");
        assert_eq!((id.as_str(), kind.as_str()), ("13345.1", "slash_command"));
        assert_eq!((&detail["command"], &detail["x"]), (&json!("/deploy"), &json!(["1", "2"])));
        let (_, kind, _) = one(Scheme::Slack, &[FORM], "payload=%7B%22type%22%3A%22block_actions%22%7D");
        assert_eq!(kind, "block_actions");
        let (_, _, detail) = one(Scheme::Generic, &[FORM], "payload=x");
        assert_eq!(detail, json!({ "payload": "x" }));
    }

    #[test]
    fn what_names_nothing_is_named_by_its_bytes() {
        let (first, kind, _) = one(Scheme::Generic, &[JSON], "{\"a\":1}");
        assert!(first.starts_with("sha256-") && kind == "event");
        assert_eq!(one(Scheme::Generic, &[JSON], "{\"a\":1}").0, first);
        assert_ne!(one(Scheme::Generic, &[JSON], "{\"a\": 1}").0, first);
    }

    #[test]
    fn bodies_that_are_no_json() {
        assert!(matches!(read(Scheme::Stripe, &request(&[JSON], "{")), Err(ReadError::Json(_))));
        assert_eq!(one(Scheme::Generic, &[("content-type", "text/plain")], "hello").2, json!("hello"));
        assert_eq!(one(Scheme::Generic, &[], "{\"a\":1}").2, json!({ "a": 1 }));
        let bytes = Request { body: vec![0xff], ..Request::default() };
        assert_eq!(read(Scheme::Generic, &bytes).unwrap()[0].detail, Value::Null);
        let soap = request(&[("content-type", "text/xml")], "{}");
        assert!(matches!(read(Scheme::Salesforce, &soap), Err(ReadError::Message(_))));
    }
}

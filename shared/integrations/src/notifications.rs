//! The sender of notifications: endpoints over signed posts, topics of SNS and buses of EventBridge over signed HTTP.

use std::sync::Arc;

use jiff::fmt::rfc2822;
use millrace_app::Timestamp;
use millrace_app::notifications::{NotTaken, NotificationSender, Outgoing, TIMEOUT, Target, problem_of_url};
use millrace_asl::Failure;
use millrace_client::{HttpClient, Response, SignedPost};
use serde_json::{Value, json};

use crate::services::{json as awsjson, sns};
use crate::{Integrations, fault, service};

/// The longest subject of a message of SNS, in characters.
const SUBJECT: usize = 100;

/// Sends notifications. Clones share connections and credentials.
#[derive(Debug, Clone)]
pub struct Notifier {
    integrations: Integrations,
    http: Arc<HttpClient>,
    private: bool,
}

impl Notifier {
    /// With `private`, endpoints may be on this machine and its network, and without TLS: for trying things out. Otherwise
    /// what a name stands for is checked when it is connected to, and nothing but the public internet is.
    #[must_use]
    pub fn new(integrations: Integrations, private: bool) -> Self {
        let http = if private { HttpClient::default() } else { HttpClient::guarded() };
        Self { integrations, http: Arc::new(http), private }
    }

    async fn post(&self, url: &str, outgoing: Outgoing<'_>) -> Result<Option<u16>, NotTaken> {
        // A rule of today holds for what was stored before it.
        if let Some(problem) = problem_of_url(url, self.private) {
            return Err(NotTaken::because(format!("the address {problem}")));
        }
        let Outgoing { id, body, now, secrets, .. } = outgoing;
        let post = SignedPost { url, id, now, body, secrets, timeout: TIMEOUT };
        let answer = self.http.post_signed(post).await.map_err(|error| NotTaken::because(error.to_string()))?;
        match answer.status {
            200..300 => Ok(Some(answer.status)),
            status => {
                let reason = match status {
                    300..400 => format!("the endpoint answered {status}: redirections are not followed"),
                    _ => format!("the endpoint answered {status}"),
                };
                let retry_after = retry_after(&answer, now);
                Err(NotTaken { reason, status: Some(status), retry_after, gone: status == 410 })
            }
        }
    }

    async fn publish(&self, topic: &str, outgoing: Outgoing<'_>) -> Result<Option<u16>, NotTaken> {
        let text = |value: &str| json!({ "DataType": "String", "StringValue": value });
        let mut arguments = json!({
            "TopicArn": topic,
            "Message": outgoing.body,
            "Subject": outgoing.kind.chars().take(SUBJECT).collect::<String>(),
            "MessageAttributes": { "event_type": text(outgoing.kind), "event_id": text(outgoing.id) },
        });
        if topic.ends_with(".fifo")
            && let Some(members) = arguments.as_object_mut()
        {
            let group = outgoing.resources.first().map_or("millrace", String::as_str);
            let group: String = group.chars().filter(char::is_ascii_graphic).take(128).collect();
            members.insert("MessageGroupId".to_owned(), json!(group));
            members.insert("MessageDeduplicationId".to_owned(), json!(outgoing.id));
        }
        let called = sns::publish(self.integrations.aws(), None, &arguments).await;
        called.map(|_| None).map_err(|fault| not_taken(&fault.optimized(fault::SNS, &service::SNS)))
    }

    async fn put_event(&self, bus: &str, outgoing: Outgoing<'_>) -> Result<Option<u16>, NotTaken> {
        let envelope: Value = serde_json::from_str(outgoing.body).unwrap_or_default();
        let mut detail = envelope.get("detail").cloned().unwrap_or_else(|| json!({}));
        if let Some(members) = detail.as_object_mut() {
            // EventBridge gives each entry an id of its own.
            members.insert("event_id".to_owned(), json!(outgoing.id));
        }
        let arguments = json!({ "Entries": [{
            "Source": millrace_app::notifications::SOURCE,
            "DetailType": outgoing.kind,
            "Detail": detail,
            "EventBusName": bus,
            "Time": outgoing.at.millis().div_euclid(1_000),
        }] });
        let called = awsjson::put_events(self.integrations.aws(), None, arguments, outgoing.resources).await;
        called.map(|_| None).map_err(|fault| not_taken(&fault.optimized(fault::EVENTS, &service::EVENTS)))
    }
}

impl NotificationSender for Notifier {
    async fn send(&self, outgoing: Outgoing<'_>) -> Result<Option<u16>, NotTaken> {
        let late = |_elapsed| Err(NotTaken::because(format!("no answer within {} seconds", TIMEOUT.as_secs())));
        match outgoing.target {
            // Its time ends with the answer's head.
            Target::Https { url } => Box::pin(self.post(url, outgoing)).await,
            Target::Sns { topic_arn } => {
                let publish = Box::pin(self.publish(topic_arn, outgoing));
                tokio::time::timeout(TIMEOUT, publish).await.unwrap_or_else(late)
            }
            Target::Eventbridge { event_bus_arn } => {
                let put = Box::pin(self.put_event(event_bus_arn, outgoing));
                tokio::time::timeout(TIMEOUT, put).await.unwrap_or_else(late)
            }
        }
    }
}

fn not_taken(failure: &Failure) -> NotTaken {
    let texts = [&failure.error, &failure.cause].into_iter().flatten();
    let texts: Vec<&str> = texts.map(String::as_str).filter(|text| !text.is_empty()).collect();
    NotTaken::because(texts.join(": ").chars().take(500).collect::<String>())
}

/// `Retry-After`: seconds, or a date.
fn retry_after(answer: &Response, now: Timestamp) -> Option<i64> {
    let text = answer.header("retry-after")?.trim();
    let seconds = text.parse().ok().or_else(|| {
        let date = rfc2822::parse(text).ok()?.timestamp();
        Some(date.as_millisecond().saturating_sub(now.millis()).div_euclid(1_000) + 1)
    });
    seconds.filter(|seconds| *seconds > 0)
}

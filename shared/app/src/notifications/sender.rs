//! What sends: the outside's part of a delivery.

use std::future::Future;
use std::time::Duration;

use millrace_asl::Timestamp;

use super::model::Target;
use crate::addresses::problem_of_host;
use crate::ports::Secret;

/// How long a target has to answer.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// An event that is to be sent once.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Where to.
    pub target: &'a Target,
    /// Names the event; the same however often it is sent. `webhook-id`
    pub id: &'a str,
    /// What happened.
    pub kind: &'a str,
    /// The event as JSON text.
    pub body: &'a str,
    /// What it is about: ids and ARNs.
    pub resources: &'a [String],
    /// When the event happened.
    pub at: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// What signs it, the newest first: each signs. Empty where the target takes no signatures.
    pub secrets: &'a [Secret],
}

/// Why a target did not take an event. The text is for the subscription's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotTaken {
    /// What went wrong.
    pub reason: String,
    /// The HTTP status that was answered.
    pub status: Option<u16>,
    /// How many seconds the target asked to be left alone for.
    pub retry_after: Option<i64>,
    /// The target says that it wants nothing more, ever (410).
    pub gone: bool,
}

impl NotTaken {
    /// A failure without an answer.
    pub fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), status: None, retry_after: None, gone: false }
    }
}

/// Sends events to targets: once for each call, following no redirects, within [`TIMEOUT`].
pub trait NotificationSender: Send + Sync {
    /// Sends an event; the answer is the HTTP status of a target that took it.
    fn send(&self, outgoing: Outgoing<'_>) -> impl Future<Output = Result<Option<u16>, NotTaken>> + Send;
}

/// What is wrong with a target as its owner writes it, and with which of its members. With `private`, endpoints may be
/// on this machine and its network, and without TLS.
#[must_use]
pub fn problem_of_target(target: &Target, private: bool) -> Option<(&'static str, String)> {
    match target {
        Target::Https { url } => problem_of_url(url, private).map(|problem| ("url", problem.to_owned())),
        Target::Sns { topic_arn } => {
            let fits = arn_fits(topic_arn, "sns", |name| !name.is_empty() && !name.contains('/'));
            (!fits).then(|| {
                ("topic_arn", "must be the ARN of a topic, like arn:aws:sns:eu-west-1:123456789012:orders".into())
            })
        }
        Target::Eventbridge { event_bus_arn } => {
            let fits = arn_fits(event_bus_arn, "events", |name| name.len() > 10 && name.starts_with("event-bus/"));
            let wanted = "must be the ARN of a bus, like arn:aws:events:eu-west-1:123456789012:event-bus/default";
            (!fits).then(|| ("event_bus_arn", wanted.into()))
        }
    }
}

fn arn_fits(arn: &str, service: &str, name: impl Fn(&str) -> bool) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [scheme, partition, of, region, account, rest] = parts.as_slice() else { return false };
    *scheme == "arn"
        && partition.starts_with("aws")
        && *of == service
        && !region.is_empty()
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && arn.len() <= 1_600
        && !arn.contains(char::is_whitespace)
        && !rest.contains(':')
        && name(rest)
}

/// What is wrong with the address of an endpoint, as far as its text tells.
#[must_use]
pub fn problem_of_url(url: &str, private: bool) -> Option<&'static str> {
    const WANTED: &str = "must be an address that begins with https://";
    let (scheme, rest) = match url.split_once("://") {
        Some(parts) if url.len() <= 2_048 && url.bytes().all(|byte| byte.is_ascii_graphic()) => parts,
        _ => return Some(WANTED),
    };
    if !(scheme.eq_ignore_ascii_case("https") || private && scheme.eq_ignore_ascii_case("http")) {
        return Some(WANTED);
    }
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some("must not have a user or a password in it");
    }
    if rest.contains('#') {
        return Some("must not have a fragment");
    }
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => authority.split(':').next().unwrap_or_default(),
    };
    if host.is_empty() {
        return Some(WANTED);
    }
    problem_of_host(host).filter(|_| !private)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_network_are_refused() {
        for (url, public, private) in [
            ("https://example.com/hook", true, true),
            ("HTTPS://example.com", true, true),
            ("https://example.com:8443/hook?a=b", true, true),
            ("https://8.8.8.8/", true, true),
            ("https://[2606:4700::1111]/", true, true),
            ("http://example.com/hook", false, true),
            ("https://127.0.0.1/hook", false, true),
            ("https://127.0.0.1:8443/hook", false, true),
            ("https://10.0.0.1", false, true),
            ("https://100.64.0.1/", false, true),
            ("https://169.254.169.254/latest", false, true),
            ("https://[::1]/x", false, true),
            ("https://[::ffff:127.0.0.1]/x", false, true),
            ("https://[64:ff9b::a00:1]:443/x", false, true),
            ("https://[2002:7f00:1::]/x", false, true),
            ("https://[fe80::1]/x", false, true),
            ("https://localhost/x", false, true),
            ("https://localhost./x", false, true),
            ("https://a.localhost:1/x", false, true),
            ("https://metadata/x", false, true),
            ("https://2130706433/", false, true),
            ("https://user@example.com/x", false, false),
            ("https://example.com\\@127.0.0.1/", true, true),
            ("https://example.com/#x", false, false),
            ("https:///x", false, false),
            ("https://exa mple.com", false, false),
            ("ftp://example.com", false, false),
            ("/hook", false, false),
            ("", false, false),
        ] {
            assert_eq!(problem_of_url(url, false).is_none(), public, "{url}");
            assert_eq!(problem_of_url(url, true).is_none(), private, "{url}");
        }
    }

    #[test]
    fn topics_and_buses_are_named_by_arns() {
        let topic = |arn: &str| problem_of_target(&Target::Sns { topic_arn: arn.into() }, false).is_none();
        assert!(topic("arn:aws:sns:eu-west-1:123456789012:orders"));
        assert!(topic("arn:aws-cn:sns:cn-north-1:123456789012:orders.fifo"));
        for wrong in [
            "orders",
            "arn:aws:sqs:eu-west-1:123456789012:orders",
            "arn:aws:sns::123456789012:orders",
            "arn:aws:sns:eu-west-1:1234:orders",
            "arn:aws:sns:eu-west-1:123456789012:orders:0f7c2b1e-subscription",
            "arn:aws:sns:eu-west-1:123456789012:",
        ] {
            assert!(!topic(wrong), "{wrong}");
        }
        let bus = |arn: &str| problem_of_target(&Target::Eventbridge { event_bus_arn: arn.into() }, false).is_none();
        assert!(bus("arn:aws:events:eu-west-1:123456789012:event-bus/default"));
        assert!(!bus("default") && !bus("arn:aws:events:eu-west-1:123456789012:rule/x"));
    }
}

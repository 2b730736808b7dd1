//! What sources want to hear.

use serde_json::Value;

use crate::delivery::Delivery;
use crate::request::Request;
use crate::source::Scheme;

/// A request that delivers nothing and only asks whether somebody is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Slack checks an address: it wants this text back.
    Challenge(String),
    /// The source tries its address: any success will do.
    Ping,
}

/// The question that a delivery is, if it is one.
#[must_use]
pub fn question(scheme: Scheme, delivery: &Delivery) -> Option<Question> {
    let text = |name: &str| delivery.detail.get(name).and_then(Value::as_str);
    match scheme {
        Scheme::Slack if text("type") == Some("url_verification") => {
            Some(Question::Challenge(text("challenge").unwrap_or_default().to_owned()))
        }
        Scheme::Slack if text("ssl_check") == Some("1") => Some(Question::Ping),
        Scheme::GitHub if delivery.kind == "ping" => Some(Question::Ping),
        Scheme::Bitbucket if delivery.kind == "diagnostics:ping" => Some(Question::Ping),
        _ => None,
    }
}

/// An answer that is not for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A plain success without a body: Slack shows people what it is answered.
    Empty,
    /// SOAP, as Salesforce wants it; without it the message comes again.
    Soap(&'static str),
    /// JSON that says what was done.
    Json,
}

/// Salesforce's acknowledgement.
const ACKNOWLEDGEMENT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
    <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
    <notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>true</Ack></notificationsResponse>\
    </soapenv:Body></soapenv:Envelope>";

/// How a source is told that its delivery was taken.
#[must_use]
pub fn acknowledgement(scheme: Scheme, request: &Request) -> Answer {
    match scheme {
        Scheme::Slack => Answer::Empty,
        Scheme::Salesforce if request.media_type().ends_with("xml") => Answer::Soap(ACKNOWLEDGEMENT),
        _ => Answer::Json,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asks(scheme: Scheme, kind: &str, detail: Value) -> Option<Question> {
        question(scheme, &Delivery { id: "1".to_owned(), kind: kind.to_owned(), detail })
    }

    #[test]
    fn questions_are_told_from_events() {
        let challenge = json!({ "type": "url_verification", "challenge": "3eZb", "token": "x" });
        assert_eq!(
            asks(Scheme::Slack, "url_verification", challenge.clone()),
            Some(Question::Challenge("3eZb".to_owned()))
        );
        assert_eq!(asks(Scheme::Generic, "url_verification", challenge), None);
        assert_eq!(asks(Scheme::GitHub, "ping", json!({ "zen": "Keep it simple" })), Some(Question::Ping));
        assert_eq!(asks(Scheme::Bitbucket, "diagnostics:ping", json!({ "test": true })), Some(Question::Ping));
        assert_eq!(asks(Scheme::GitHub, "push", json!({})), None);
    }

    #[test]
    fn salesforce_is_acknowledged_in_soap() {
        let xml = Request { headers: [("content-type", "text/xml")].into_iter().collect(), ..Request::default() };
        let Answer::Soap(text) = acknowledgement(Scheme::Salesforce, &xml) else { panic!() };
        let document = roxmltree::Document::parse(text).unwrap();
        let ack = document.descendants().find(|node| node.tag_name().name() == "Ack").unwrap();
        assert_eq!(ack.text(), Some("true"));
        assert_eq!(acknowledgement(Scheme::Salesforce, &Request::default()), Answer::Json);
        assert_eq!(acknowledgement(Scheme::Slack, &Request::default()), Answer::Empty);
    }
}

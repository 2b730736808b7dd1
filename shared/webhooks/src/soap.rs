//! Outbound messages of Salesforce: SOAP, as its "Outbound Messaging" guide describes them.
//!
//! Documents with a DTD are refused, so that no entity is ever read.

use std::borrow::Cow;

use roxmltree::{Document, Node};
use serde_json::{Map, Value};

/// The namespace of `xsi:nil` and `xsi:type`.
const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

fn document(body: &[u8]) -> Result<Document<'_>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
    Document::parse(text).map_err(|error| error.to_string())
}

fn notifications<'a>(document: &'a Document<'_>) -> Option<Node<'a, 'a>> {
    let body = document.root_element().children().find(|node| node.tag_name().name() == "Body")?;
    body.children().find(|node| node.tag_name().name() == "notifications")
}

fn child<'a>(node: Node<'a, 'a>, name: &str) -> Option<Node<'a, 'a>> {
    node.children().find(|child| child.is_element() && child.tag_name().name() == name)
}

/// The id of the organization that a message says it is of.
pub(crate) fn organization(body: &[u8]) -> Option<String> {
    let document = document(body).ok()?;
    let id = child(notifications(&document)?, "OrganizationId")?.text()?.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

/// A notification of a message.
pub(crate) struct Notification {
    /// Its id; the same when it is sent again.
    pub(crate) id: String,
    /// The object's type, such as `Account`.
    pub(crate) kind: String,
    /// What it says.
    pub(crate) detail: Value,
}

/// The notifications of a message.
pub(crate) fn read(body: &[u8]) -> Result<Vec<Notification>, String> {
    let document = document(body)?;
    let message = notifications(&document).ok_or("it has no Body with notifications")?;
    let mut head = Map::new();
    for name in ["OrganizationId", "ActionId", "EnterpriseUrl", "PartnerUrl"] {
        if let Some(text) = child(message, name).and_then(|node| node.text()) {
            head.insert(name.to_owned(), Value::String(text.trim().to_owned()));
        }
    }
    let all = message.children().filter(|node| node.is_element() && node.tag_name().name() == "Notification");
    let mut read = Vec::new();
    for (number, node) in all.enumerate() {
        let id = child(node, "Id").and_then(|id| id.text()).map(str::trim).filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| format!("notification {number} has no Id"))?;
        let mut detail = head.clone();
        detail.insert("Notification".to_owned(), value(node, 0));
        let object = child(node, "sObject");
        let kind = object.and_then(|object| object.attribute((SCHEMA_INSTANCE, "type"))).unwrap_or_default();
        let kind = kind.rsplit(':').next().unwrap_or_default();
        read.push(Notification { id: id.to_owned(), kind: kind.to_owned(), detail: Value::Object(detail) });
    }
    if read.is_empty() { Err("it has no Notification".to_owned()) } else { Ok(read) }
}

/// An element as JSON: a text, null, or an object in which repeated members are arrays.
fn value(node: Node<'_, '_>, depth: usize) -> Value {
    /// Messages are flat.
    const DEEPEST: usize = 32;
    if node.attribute((SCHEMA_INSTANCE, "nil")) == Some("true") {
        return Value::Null;
    }
    let mut members: Map<String, Value> = Map::new();
    if let Some(kind) = node.attribute((SCHEMA_INSTANCE, "type")) {
        members.insert("type".to_owned(), Value::String(kind.rsplit(':').next().unwrap_or_default().to_owned()));
    }
    let mut has_elements = false;
    for child in node.children().filter(Node::is_element).take_while(|_| depth < DEEPEST) {
        has_elements = true;
        let found = value(child, depth + 1);
        match members.get_mut(child.tag_name().name()) {
            None => drop(members.insert(child.tag_name().name().to_owned(), found)),
            Some(Value::Array(all)) => all.push(found),
            Some(other) => *other = Value::Array(vec![other.take(), found]),
        }
    }
    if has_elements { Value::Object(members) } else { Value::String(node.text().unwrap_or_default().trim().to_owned()) }
}

/// A message without the session that it may carry, which lets its holder act in the organization. Anything else as it is.
#[must_use]
pub fn redacted(body: &[u8]) -> Cow<'_, [u8]> {
    let Ok(document) = document(body) else { return Cow::Borrowed(body) };
    let session = notifications(&document).and_then(|message| child(message, "SessionId"));
    let Some(range) = session.filter(|session| session.text().is_some()).map(|session| session.range()) else {
        return Cow::Borrowed(body);
    };
    let (before, after) = (body.get(..range.start).unwrap_or_default(), body.get(range.end..).unwrap_or_default());
    Cow::Owned([before, b"<SessionId/>".as_slice(), after].concat())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MESSAGE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>00D000000000001EAA</OrganizationId>
   <ActionId>04k000000000001AAA</ActionId>
   <SessionId>00D!secret</SessionId>
   <EnterpriseUrl>https://example.my.salesforce.com/services/Soap/c/60.0</EnterpriseUrl>
   <Notification>
    <Id>04l000000000001AAA</Id>
    <sObject xsi:type="sf:Account" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
     <sf:Id>001000000000001AAA</sf:Id><sf:Name>Ada &amp; Co</sf:Name><sf:Phone xsi:nil="true"/>
    </sObject>
   </Notification>
   <Notification>
    <Id>04l000000000002AAA</Id>
    <sObject xsi:type="sf:Account" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>001000000000002AAA</sf:Id></sObject>
   </Notification>
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>"#;

    #[test]
    fn each_notification_is_read() {
        let all = read(MESSAGE.as_bytes()).unwrap();
        assert_eq!((all.len(), all[0].id.as_str(), all[0].kind.as_str()), (2, "04l000000000001AAA", "Account"));
        assert_eq!(
            all[0].detail,
            json!({
                "OrganizationId": "00D000000000001EAA",
                "ActionId": "04k000000000001AAA",
                "EnterpriseUrl": "https://example.my.salesforce.com/services/Soap/c/60.0",
                "Notification": {
                    "Id": "04l000000000001AAA",
                    "sObject": { "type": "Account", "Id": "001000000000001AAA", "Name": "Ada & Co", "Phone": null }
                }
            })
        );
        assert_eq!(organization(MESSAGE.as_bytes()).as_deref(), Some("00D000000000001EAA"));
    }

    #[test]
    fn the_session_is_not_kept() {
        let kept = redacted(MESSAGE.as_bytes());
        assert!(!String::from_utf8_lossy(&kept).contains("secret"));
        assert_eq!(read(&kept).unwrap().len(), 2);
        assert_eq!(&*redacted(b"{\"SessionId\": 1}"), b"{\"SessionId\": 1}");
    }

    #[test]
    fn entities_are_not_read() {
        let evil = r#"<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"#;
        assert!(read(evil.as_bytes()).err().unwrap().contains("DTD"));
        assert_eq!(organization(evil.as_bytes()), None);
        for wrong in ["", "<a/>", "<Envelope><Body/></Envelope>", "<Envelope><Body><notifications/></Body></Envelope>"]
        {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(read(b"\xff").is_err());
    }
}

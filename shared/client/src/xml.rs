//! What S3, SNS and STS answer: XML. Documents with a DTD are refused, so no entity grows.

use roxmltree::{Document, Node};

use crate::call::Answer;
use crate::fault::ServiceFault;
use crate::http::Response;

/// A child element of that name, whatever its namespace.
#[must_use]
pub fn child<'a, 'd>(node: Node<'a, 'd>, name: &str) -> Option<Node<'a, 'd>> {
    node.children().find(|child| child.is_element() && child.tag_name().name() == name)
}

/// All child elements of that name.
pub fn children<'a, 'd>(node: Node<'a, 'd>, name: &str) -> impl Iterator<Item = Node<'a, 'd>> {
    node.children().filter(move |child| child.is_element() && child.tag_name().name() == name)
}

/// The text of the element at a path below `node`.
#[must_use]
pub fn text(node: Node<'_, '_>, path: &[&str]) -> Option<String> {
    let found = path.iter().try_fold(node, |node, name| child(node, name))?;
    Some(found.text().unwrap_or_default().to_owned())
}

/// Reads the answer's body with `read`, which sees the root element.
pub fn read<T>(response: &Response, read: impl FnOnce(Node<'_, '_>) -> Option<T>) -> Option<T> {
    let body = std::str::from_utf8(&response.body).ok()?;
    let document = Document::parse(body).ok()?;
    read(document.root_element())
}

/// The error that an answer of another status than 2xx tells.
#[must_use]
pub fn fault(answer: &Answer) -> ServiceFault {
    let (response, attempts) = (&answer.response, answer.attempts);
    let told = read(response, |root| {
        let error = child(root, "Error").unwrap_or(root);
        let request_id = text(error, &["RequestId"]).or_else(|| text(root, &["RequestId"]));
        Some((text(error, &["Code"])?, text(error, &["Message"]), request_id, text(error, &["HostId"])))
    });
    let header = |name: &str| response.header(name).map(ToOwned::to_owned);
    let (code, message, request_id, host_id) = told.unwrap_or_default();
    ServiceFault {
        status: response.status,
        legacy_code: None,
        message: message.unwrap_or_else(|| format!("The service answered with status {}", response.status)),
        request_id: header("x-amz-request-id")
            .or_else(|| header("x-amzn-requestid"))
            .or(request_id)
            .unwrap_or_default(),
        extended_request_id: header("x-amz-id-2").or(host_id).filter(|id| !id.is_empty()),
        code: if code.is_empty() { response.status.to_string() } else { code },
        attempts,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer(body: &str, attempts: u32) -> Answer {
        let response =
            Response { status: 404, headers: http::HeaderMap::new(), body: Bytes::copy_from_slice(body.as_bytes()) };
        Answer { response, attempts }
    }

    #[test]
    fn errors_come_in_two_forms() {
        let s3 = "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist\
                  </Message><RequestId>r</RequestId><HostId>h</HostId></Error>";
        let s3 = fault(&answer(s3, 1));
        assert_eq!((s3.code.as_str(), s3.request_id.as_str()), ("NoSuchBucket", "r"));
        assert_eq!(s3.extended_request_id.as_deref(), Some("h"));
        let query = "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
                     <Code>NotFound</Code><Message>Topic</Message></Error><RequestId>q</RequestId></ErrorResponse>";
        let query = fault(&answer(query, 2));
        assert_eq!(
            (query.code.as_str(), query.message.as_str(), query.request_id.as_str()),
            ("NotFound", "Topic", "q")
        );
    }

    #[test]
    fn what_is_no_xml_is_told_by_its_status() {
        for body in ["", "oops", "<!DOCTYPE a [<!ENTITY b \"c\">]><Error><Code>&b;</Code></Error>"] {
            let fault = fault(&answer(body, 1));
            assert_eq!(fault.code, "404");
            assert_eq!(fault.message, "The service answered with status 404");
        }
    }
}

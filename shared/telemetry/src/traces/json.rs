//! Spans in OTLP's JSON (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>): ids in hexadecimal, 64-bit
//! numbers as text, kinds and codes as numbers.

use millrace_app::traces::{Attribute, Kind, Span, hex};
use serde_json::{Value, json};

/// `SpanStatusCode.STATUS_CODE_ERROR`
const ERROR: u8 = 2;

/// The body of a request with spans of one process.
pub(super) fn request(resource: &[(String, String)], spans: &[Span]) -> Value {
    let resource: Vec<Value> =
        resource.iter().map(|(name, value)| pair(name, &Attribute::from(value.as_str()))).collect();
    let scope = json!({ "name": "millrace", "version": env!("CARGO_PKG_VERSION") });
    let spans: Vec<Value> = spans.iter().map(span).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": resource }, "scopeSpans": [{ "scope": scope, "spans": spans }] }] })
}

fn span(span: &Span) -> Value {
    let kind = match span.kind {
        Kind::Internal => 1,
        Kind::Server => 2,
        Kind::Client => 3,
        Kind::Consumer => 5,
    };
    let mut attributes: Vec<Value> = span.attributes.iter().map(|(name, value)| pair(name, value)).collect();
    attributes.extend(span.error.as_deref().map(|error| pair("error.type", &error.into())));
    let mut value = json!({
        "traceId": hex(&span.context.trace), "spanId": hex(&span.context.span), "name": span.name, "kind": kind,
        "startTimeUnixNano": span.began.to_string(), "endTimeUnixNano": span.ended.to_string(),
        "attributes": attributes, "flags": 1,
    });
    if let Some(members) = value.as_object_mut() {
        members.extend(span.parent.map(|parent| ("parentSpanId".to_owned(), hex(&parent).into())));
        members
            .extend(span.error.as_ref().map(|error| ("status".to_owned(), json!({ "code": ERROR, "message": error }))));
    }
    value
}

fn pair(name: &str, value: &Attribute) -> Value {
    let text = |text: &str| json!({ "stringValue": text });
    let value = match value {
        Attribute::Text(value) => text(value),
        Attribute::Texts(values) => {
            json!({ "arrayValue": { "values": values.iter().map(|value| text(value)).collect::<Vec<_>>() } })
        }
        Attribute::Int(number) => json!({ "intValue": number.to_string() }),
        Attribute::Float(number) => json!({ "doubleValue": number }),
    };
    json!({ "key": name, "value": value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_as_the_protocol_has_it() {
        let span = Span {
            context: "5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174".parse().unwrap(),
            parent: Some([0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x73]),
            name: "chat gpt".to_owned(),
            kind: Kind::Client,
            began: 1_544_712_660_000_000_000,
            ended: 1_544_712_661_000_000_000,
            attributes: vec![
                ("a", "x".into()),
                ("b", 7_u64.into()),
                ("c", 0.5_f32.into()),
                ("d", Attribute::Texts(vec!["stop".to_owned()])),
            ],
            error: Some("Timeout".to_owned()),
        };
        let body = request(&[("service.name".to_owned(), "millrace".to_owned())], &[span]);
        let expected = json!({ "resourceSpans": [{
            "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "millrace" } }] },
            "scopeSpans": [{ "scope": { "name": "millrace", "version": env!("CARGO_PKG_VERSION") }, "spans": [{
                "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
                "parentSpanId": "eee19b7ec3c1b173", "name": "chat gpt", "kind": 3,
                "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": "1544712661000000000",
                "attributes": [
                    { "key": "a", "value": { "stringValue": "x" } },
                    { "key": "b", "value": { "intValue": "7" } },
                    { "key": "c", "value": { "doubleValue": 0.5 } },
                    { "key": "d", "value": { "arrayValue": { "values": [{ "stringValue": "stop" }] } } },
                    { "key": "error.type", "value": { "stringValue": "Timeout" } },
                ],
                "flags": 1, "status": { "code": 2, "message": "Timeout" },
            }] }] }] });
        assert_eq!(body, expected);
    }
}

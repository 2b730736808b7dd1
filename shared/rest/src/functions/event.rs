//! HTTP requests as events in API Gateway's payload format 2.0.
//!
//! Source: "Create AWS Lambda proxy integrations for HTTP APIs" in the API Gateway developer guide. Headers and parameters
//! that come more than once are joined with commas; cookies have a member of their own; a body that is no text is Base64.

use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use axum::http::{HeaderMap, Method, Uri, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use millrace_app::Timestamp;
use serde_json::{Map, Value, json};

/// A request to a function.
pub(super) struct HttpCall<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) version: Version,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Vec<u8>,
    /// The function's name, as the path has it.
    pub(super) name: &'a str,
    /// What stands behind the name in the path.
    pub(super) rest: &'a str,
    pub(super) source_ip: &'a str,
    pub(super) account: &'a str,
    pub(super) request_id: &'a str,
    pub(super) now: Timestamp,
}

/// Joins what comes more than once.
fn joined(pairs: impl Iterator<Item = (String, String)>) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, value) in pairs {
        match all.get_mut(&name) {
            Some(Value::String(text)) => {
                text.push(',');
                text.push_str(&value);
            }
            _ => drop(all.insert(name, Value::String(value))),
        }
    }
    all
}

/// Is the body a text for the gateway? Forms are not: it encodes them.
fn is_text(headers: &HeaderMap) -> bool {
    if headers.contains_key(CONTENT_ENCODING) {
        return false;
    }
    let Some(kind) = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else { return false };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let application = ["application/json", "application/javascript", "application/xml"].contains(&kind.as_str());
    kind.starts_with("text/") || application || kind.ends_with("+json") || kind.ends_with("+xml")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn header(headers: &HeaderMap, name: axum::http::HeaderName) -> String {
    headers.get(name).map(|value| text(value.as_bytes())).unwrap_or_default()
}

/// `12/Mar/2026:19:03:58 +0000`
fn clock_text(now: Timestamp) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let iso = now.to_string();
    let part = |from: usize, to: usize| iso.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse::<usize>().ok().and_then(|number| MONTHS.get(number.wrapping_sub(1)));
    format!("{}/{}/{}:{} +0000", part(8, 10), month.copied().unwrap_or_default(), part(0, 4), part(11, 19))
}

/// The event, as JSON.
pub(super) fn event(call: HttpCall<'_>) -> String {
    let path = call.uri.path();
    let query = call.uri.query().unwrap_or_default();
    let route = if call.rest.is_empty() { "ANY /_functions/{name}" } else { "ANY /_functions/{name}/{proxy+}" };
    let host = header(call.headers, HOST);
    let domain = host.split(':').next().unwrap_or_default();
    let headers = call
        .headers
        .iter()
        .filter(|(name, _)| **name != COOKIE)
        .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())));
    let mut event = Map::new();
    let mut put = |name: &str, value: Value| drop(event.insert(name.to_owned(), value));
    put("version", json!("2.0"));
    put("routeKey", json!(route));
    put("rawPath", json!(path));
    put("rawQueryString", json!(query));
    let cookies: Vec<String> = call
        .headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| text(value.as_bytes()).split(';').map(|one| one.trim().to_owned()).collect::<Vec<_>>())
        .filter(|one| !one.is_empty())
        .collect();
    if !cookies.is_empty() {
        put("cookies", json!(cookies));
    }
    put("headers", Value::Object(joined(headers)));
    let parameters = joined(form_urlencoded::parse(query.as_bytes()).into_owned());
    if !parameters.is_empty() {
        put("queryStringParameters", Value::Object(parameters));
    }
    put(
        "requestContext",
        json!({
            "accountId": call.account,
            "apiId": "millrace",
            "domainName": domain,
            "domainPrefix": domain.split('.').next().unwrap_or_default(),
            "http": {
                "method": call.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", call.version),
                "sourceIp": call.source_ip,
                "userAgent": header(call.headers, USER_AGENT),
            },
            "requestId": call.request_id,
            "routeKey": route,
            "stage": "$default",
            "time": clock_text(call.now),
            "timeEpoch": call.now.millis(),
        }),
    );
    let mut path_parameters = json!({ "name": call.name });
    if let (Some(all), false) = (path_parameters.as_object_mut(), call.rest.is_empty()) {
        all.insert("proxy".to_owned(), json!(call.rest));
    }
    put("pathParameters", path_parameters);
    let mut encoded = false;
    if !call.body.is_empty() {
        let body = match String::from_utf8(call.body) {
            Ok(body) if is_text(call.headers) => body,
            Ok(body) => {
                encoded = true;
                BASE64_STANDARD.encode(body)
            }
            Err(bytes) => {
                encoded = true;
                BASE64_STANDARD.encode(bytes.as_bytes())
            }
        };
        put("body", Value::String(body));
    }
    put("isBase64Encoded", json!(encoded));
    Value::Object(event).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn of(method: &str, uri: &str, headers: &[(&'static str, &'static str)], body: &[u8]) -> Value {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(*name, HeaderValue::from_static(value));
        }
        let (method, uri) = (method.parse().unwrap(), uri.parse().unwrap());
        let call = HttpCall {
            method: &method,
            uri: &uri,
            version: Version::HTTP_11,
            headers: &all,
            body: body.to_vec(),
            name: "greet",
            rest: "a b/c",
            source_ip: "127.0.0.1",
            account: "000000000000",
            request_id: "r1",
            now: Timestamp::from_millis(1_583_348_638_390),
        };
        serde_json::from_str(&event(call)).unwrap()
    }

    #[test]
    fn it_is_what_the_gateway_sends() {
        let headers = [
            ("host", "shop.example:8080"),
            ("cookie", "a=1; b=2"),
            ("cookie", "c=3"),
            ("x-many", "1"),
            ("x-many", "2"),
            ("user-agent", "test"),
            ("content-type", "application/json; charset=utf-8"),
        ];
        let event = of("POST", "/_functions/greet/a%20b/c?x=1&x=2&y=%C3%A4+%2B", &headers, br#"{"a":1}"#);
        assert_eq!(
            event,
            json!({
                "version": "2.0",
                "routeKey": "ANY /_functions/{name}/{proxy+}",
                "rawPath": "/_functions/greet/a%20b/c",
                "rawQueryString": "x=1&x=2&y=%C3%A4+%2B",
                "cookies": ["a=1", "b=2", "c=3"],
                "headers": {
                    "host": "shop.example:8080", "x-many": "1,2", "user-agent": "test",
                    "content-type": "application/json; charset=utf-8"
                },
                "queryStringParameters": { "x": "1,2", "y": "ä +" },
                "requestContext": {
                    "accountId": "000000000000", "apiId": "millrace", "domainName": "shop.example", "domainPrefix": "shop",
                    "http": {
                        "method": "POST", "path": "/_functions/greet/a%20b/c", "protocol": "HTTP/1.1",
                        "sourceIp": "127.0.0.1", "userAgent": "test"
                    },
                    "requestId": "r1", "routeKey": "ANY /_functions/{name}/{proxy+}", "stage": "$default",
                    "time": "04/Mar/2020:19:03:58 +0000", "timeEpoch": 1_583_348_638_390_i64
                },
                "pathParameters": { "name": "greet", "proxy": "a b/c" },
                "body": "{\"a\":1}",
                "isBase64Encoded": false
            })
        );
    }

    #[test]
    fn what_is_no_text_is_encoded() {
        for (kind, body, encoded) in [
            ("text/plain", &b"abc"[..], false),
            ("application/problem+json", b"{}", false),
            ("application/x-www-form-urlencoded", b"a=1", true),
            ("image/png", b"abc", true),
            ("text/plain", b"\xff", true),
        ] {
            let event = of("PUT", "/_functions/greet", &[("content-type", kind)], body);
            assert_eq!(event["isBase64Encoded"], encoded, "{kind}");
            if encoded {
                assert_eq!(BASE64_STANDARD.decode(event["body"].as_str().unwrap()).unwrap(), body);
            }
        }
        let event = of("GET", "/_functions/greet", &[], b"");
        assert!(event.get("body").is_none() && event.get("cookies").is_none());
        assert!(event.get("queryStringParameters").is_none());
    }
}

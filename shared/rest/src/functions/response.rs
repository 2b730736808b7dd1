//! A function's result as an HTTP response, as API Gateway reads payload format 2.0.
//!
//! An object with `statusCode` says all of it. Everything else is the body of a response 200 of JSON; a string is the body
//! as it is.

use axum::body::Body;
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

/// Headers that belong to a connection, which is the server's.
const NOT_THE_FUNCTIONS: [HeaderName; 6] = [CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// The response, or what is wrong with the result.
pub(super) fn response(result: &str) -> Result<Response, String> {
    let value: Value = serde_json::from_str(result).map_err(|error| format!("the result is not JSON: {error}"))?;
    match value {
        Value::Object(members) if members.contains_key("statusCode") => said(&members),
        Value::String(text) => Ok(inferred(text)),
        _ => Ok(inferred(result.to_owned())),
    }
}

fn inferred(body: String) -> Response {
    let mut response = Body::from(body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn said(members: &Map<String, Value>) -> Result<Response, String> {
    let wrong = |what: &str| Err(format!("the function's response has {what}"));
    let status = match members.get("statusCode") {
        Some(Value::Number(number)) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    // A 1xx says that the response is yet to come.
    let Some(status) = status.filter(|status| *status >= 200).and_then(|status| StatusCode::from_u16(status).ok())
    else {
        return wrong("no statusCode from 200 to 999");
    };
    let encoded = members.get("isBase64Encoded").and_then(Value::as_bool).unwrap_or_default();
    let body = match members.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if encoded => match BASE64_STANDARD.decode(text) {
            Ok(bytes) => bytes,
            Err(_) => return wrong("isBase64Encoded, and a body that is not Base64"),
        },
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(_) => return wrong("a body that is not a string: use JSON.stringify"),
    };
    let mut response = (status, Body::from(body)).into_response();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    for (name, value) in members.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            _ => return wrong(&format!("a header {name:?} whose value is not a string")),
        };
        let Ok(header) = HeaderName::try_from(name.as_str()) else {
            return wrong(&format!("a header {name:?}, which is no header's name"));
        };
        let Ok(value) = HeaderValue::try_from(text) else {
            return wrong(&format!("a header {name:?} whose value has characters that no header may have"));
        };
        if !NOT_THE_FUNCTIONS.contains(&header) {
            headers.insert(header, value);
        }
    }
    for cookie in members.get("cookies").and_then(Value::as_array).into_iter().flatten() {
        match cookie.as_str().map(HeaderValue::try_from) {
            Some(Ok(value)) => drop(headers.append(SET_COOKIE, value)),
            _ => return wrong("a cookie that is not a string, or has characters that no header may have"),
        }
    }
    if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    async fn read(result: &Value) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let (parts, body) = response(&result.to_string()).unwrap().into_parts();
        let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        (parts.status.as_u16(), headers.collect(), body)
    }

    #[tokio::test]
    async fn what_has_no_status_is_a_body_of_json() {
        for (result, body) in [
            (json!("Hello"), "Hello"),
            (json!({ "message": "Hello" }), r#"{"message":"Hello"}"#),
            (json!([1, 2]), "[1,2]"),
            (json!(null), "null"),
            (json!({ "body": "x" }), r#"{"body":"x"}"#),
        ] {
            let json = vec![("content-type".to_owned(), "application/json".to_owned())];
            assert_eq!(read(&result).await, (200, json, body.into()));
        }
    }

    #[tokio::test]
    async fn what_has_one_says_all() {
        let result = json!({
            "statusCode": 201,
            "headers": { "Content-Type": "image/gif", "X-Count": 3, "Connection": "close", "content-length": "1" },
            "cookies": ["a=1; HttpOnly", "b=2"],
            "body": "R0lG",
            "isBase64Encoded": true,
        });
        let (status, headers, body) = read(&result).await;
        assert_eq!((status, body.as_slice()), (201, &b"GIF"[..]));
        let mut names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "set-cookie", "set-cookie", "x-count"]);
        let (status, headers, body) = read(&json!({ "statusCode": "404" })).await;
        assert_eq!((status, body.len(), headers[0].1.as_str()), (404, 0, "text/plain;charset=UTF-8"));
    }

    #[test]
    fn what_is_no_response_is_told() {
        for (result, told) in [
            (json!({ "statusCode": "ok" }), "statusCode"),
            (json!({ "statusCode": 100 }), "statusCode"),
            (json!({ "statusCode": 200, "body": {} }), "JSON.stringify"),
            (json!({ "statusCode": 200, "body": "%", "isBase64Encoded": true }), "Base64"),
            (json!({ "statusCode": 200, "headers": { "a b": "x" } }), "a b"),
            (json!({ "statusCode": 200, "headers": { "a": "x\ny" } }), "characters"),
            (json!({ "statusCode": 200, "headers": { "a": [] } }), "not a string"),
            (json!({ "statusCode": 200, "cookies": [1] }), "cookie"),
        ] {
            let problem = response(&result.to_string()).unwrap_err();
            assert!(problem.contains(told), "{result}: {problem}");
        }
    }
}

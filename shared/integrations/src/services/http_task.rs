//! `http:invoke`: any HTTPS endpoint, as a connection says.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use millrace_app::ports::SecretStore;
use millrace_asl::Failure;
use millrace_client::{HttpError, LARGEST_ANSWER, Limits, Response, encode, is_loopback};
use serde_json::{Map, Value, json};

use super::connection::{Connection, Tokens};
use crate::aws::Aws;
use crate::fault::Fault;
use crate::shape::text_of;

/// As long as Step Functions waits for an endpoint.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Headers that a definition can't set, beside `X-Amz-`, `X-Amzn-` and `X-Forwarded-`.
const RESERVED: [&str; 16] = [
    "connection",
    "content-length",
    "content-md5",
    "date",
    "expect",
    "host",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "www-authenticate",
];

fn invalid(reason: impl Into<String>) -> Fault {
    Fault::Named(Failure::new("States.Runtime", reason))
}

/// How lists are written in a query or form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lists {
    Brackets,
    Commas,
    Indices,
    Repeat,
}

/// Flattens a value into fields: `a[b]=c` for members, lists as asked for.
fn flatten(name: &str, value: &Value, lists: Lists, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let name = if name.is_empty() { member.clone() } else { format!("{name}[{member}]") };
                flatten(&name, value, lists, fields);
            }
        }
        Value::Array(items) if lists == Lists::Commas => {
            fields.push((name.to_owned(), items.iter().map(text_of).collect::<Vec<_>>().join(",")));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = match lists {
                    Lists::Indices => format!("{name}[{index}]"),
                    Lists::Brackets => format!("{name}[]"),
                    Lists::Repeat | Lists::Commas => name.to_owned(),
                };
                flatten(&name, item, lists, fields);
            }
        }
        Value::Null => {}
        other => fields.push((name.to_owned(), text_of(other))),
    }
}

fn form(value: &Value, lists: Lists) -> String {
    let mut fields = Vec::new();
    flatten("", value, lists, &mut fields);
    let fields = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    fields.collect::<Vec<_>>().join("&")
}

/// How the body is to be written as a form; `None` where it is JSON.
fn encoding(arguments: &Value) -> Result<Option<Lists>, Fault> {
    let transform = arguments.get("Transform").filter(|transform| !transform.is_null());
    let Some(transform) = transform else { return Ok(None) };
    match transform.get("RequestBodyEncoding").and_then(Value::as_str) {
        None | Some("NONE") => return Ok(None),
        Some("URL_ENCODED") => {}
        Some(other) => {
            return Err(invalid(format!("Transform.RequestBodyEncoding is '{other}': it must be NONE or URL_ENCODED")));
        }
    }
    let format = transform.get("RequestEncodingOptions").and_then(|options| options.get("ArrayFormat"));
    Ok(Some(match format.and_then(Value::as_str) {
        None | Some("DEFAULT" | "INDICES") => Lists::Indices,
        Some("BRACKETS") => Lists::Brackets,
        Some("COMMAS") => Lists::Commas,
        Some("REPEAT" | "NONE") => Lists::Repeat,
        Some(other) => {
            return Err(invalid(format!(
                "Transform.RequestEncodingOptions.ArrayFormat is '{other}': \
                 it must be BRACKETS, COMMAS, DEFAULT, INDICES, NONE or REPEAT"
            )));
        }
    }))
}

/// The endpoint's address without a query; only HTTPS, or this machine.
fn endpoint(arguments: &Value) -> Result<&str, Fault> {
    let address = arguments.get("ApiEndpoint").and_then(Value::as_str).ok_or_else(|| super::missing("ApiEndpoint"))?;
    let host = address.parse::<Uri>().ok().and_then(|uri| Some(uri.host()?.to_owned()));
    if host.is_none() || !(address.starts_with("https://") || address.starts_with("http://") && is_loopback(address)) {
        return Err(invalid("ApiEndpoint must be a URL that begins with https://"));
    }
    if address.contains('#') || address.split_once("://").is_some_and(|(_, rest)| rest.contains('@')) {
        return Err(invalid("ApiEndpoint must have no fragment and no user: a connection says who calls"));
    }
    Ok(address)
}

/// The headers that the definition asks for. A list is one header with several values.
fn headers(arguments: &Value) -> Result<Vec<(HeaderName, HeaderValue)>, Fault> {
    let mut headers = Vec::new();
    for (name, value) in arguments.get("Headers").and_then(Value::as_object).into_iter().flatten() {
        let small = name.to_ascii_lowercase();
        let reserved = RESERVED.contains(&small.as_str())
            || ["x-amz-", "x-amzn-", "x-forwarded-"].iter().any(|prefix| small.starts_with(prefix));
        if reserved {
            return Err(invalid(format!("Headers can't set '{name}'")));
        }
        let value = match value {
            Value::Array(values) => values.iter().map(text_of).collect::<Vec<_>>().join(","),
            other => text_of(other),
        };
        let header = HeaderName::try_from(&small).ok().zip(HeaderValue::from_str(&value).ok());
        headers.push(header.ok_or_else(|| invalid(format!("'{name}' of Headers can't be a header")))?);
    }
    Ok(headers)
}

fn body(arguments: &Value, connection: &Connection) -> Result<Option<Bytes>, Fault> {
    let own = &connection.parameters.body;
    let mut body = arguments.get("RequestBody").cloned().unwrap_or_default();
    if !own.is_empty() {
        if body.is_null() {
            body = json!({});
        }
        let members = body.as_object_mut();
        let members =
            members.ok_or_else(|| invalid("RequestBody must be an object, since the connection adds to it"))?;
        members.extend(own.iter().map(|(name, value)| (name.clone(), json!(value.expose()))));
    }
    Ok(match (body, encoding(arguments)?) {
        (Value::Null, _) => None,
        (body, Some(lists)) => Some(form(&body, lists).into()),
        (Value::String(text), None) => Some(text.into()),
        (body, None) => Some(body.to_string().into()),
    })
}

fn result(response: &Response) -> Value {
    let mut headers: Map<String, Value> = Map::new();
    for (name, value) in &response.headers {
        let values = headers.entry(name.as_str()).or_insert_with(|| json!([]));
        if let Some(values) = values.as_array_mut() {
            values.push(json!(String::from_utf8_lossy(value.as_bytes())));
        }
    }
    headers.sort_keys();
    let text = String::from_utf8_lossy(&response.body);
    let status = StatusCode::from_u16(response.status).ok().and_then(|status| status.canonical_reason());
    json!({
        "Headers": headers,
        "ResponseBody": serde_json::from_str(&text).unwrap_or_else(|_| json!(text)),
        "StatusCode": response.status,
        "StatusText": status.unwrap_or_default(),
    })
}

/// What an answer of another status than 2xx is to the workflow.
fn refused(response: &Response) -> Fault {
    let text = String::from_utf8_lossy(&response.body);
    Fault::Named(Failure::new(format!("States.Http.StatusCode.{}", response.status), text))
}

/// `http:invoke`
pub(crate) async fn invoke<S: SecretStore>(
    aws: &Aws,
    tokens: &Tokens,
    secrets: &S,
    role: Option<&str>,
    arguments: &Value,
) -> Result<Value, Fault> {
    let address = endpoint(arguments)?;
    let method = arguments.get("Method").and_then(Value::as_str).ok_or_else(|| super::missing("Method"))?;
    let method = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]
        .contains(&method)
        .then(|| method.parse::<Method>().ok())
        .flatten();
    let method =
        method.ok_or_else(|| invalid("Method must be one of GET, POST, PUT, DELETE, PATCH, OPTIONS and HEAD"))?;
    let connection = [("Authentication", "ConnectionArn"), ("InvocationConfig", "ConnectionArn")]
        .iter()
        .find_map(|(outer, inner)| arguments.get(*outer)?.get(*inner)?.as_str())
        .ok_or_else(|| super::missing("Authentication.ConnectionArn"))?;
    let (name, connection) = Connection::find(aws, secrets, role, connection).await?;
    let mut url = address.to_owned();
    let mut query = form(arguments.get("QueryParameters").unwrap_or(&Value::Null), Lists::Repeat);
    for (name, value) in &connection.parameters.query {
        let separator = if query.is_empty() { "" } else { "&" };
        query = format!("{query}{separator}{}={}", encode(name), encode(value.expose()));
    }
    if !query.is_empty() {
        url = format!("{url}{}{query}", if url.contains('?') { '&' } else { '?' });
    }
    let body = body(arguments, &connection)?;
    let mut request = http::Request::new(body.clone().unwrap_or_default());
    *request.method_mut() = method;
    *request.uri_mut() = url.parse().map_err(|_| invalid("ApiEndpoint and QueryParameters make no URL"))?;
    let all = request.headers_mut();
    all.insert("user-agent", HeaderValue::from_static("Millrace|HttpInvoke"));
    if body.is_some() {
        all.insert("content-type", HeaderValue::from_static("application/json"));
    }
    for (name, value) in headers(arguments)? {
        all.insert(name, value);
    }
    let (header, value) = connection.authorize(aws, tokens, &name).await?;
    // What the connection says goes over what the definition says.
    for (header, value) in connection.parameters.headers.iter().chain([&(header, value)]) {
        let value = HeaderValue::from_str(value.expose()).ok();
        let pair = HeaderName::try_from(header).ok().zip(value);
        let (header, mut value) =
            pair.ok_or_else(|| invalid(format!("'{header}' of the connection '{name}' can't be a header")))?;
        value.set_sensitive(true);
        all.insert(header, value);
    }
    let limits = Limits { timeout: TIMEOUT, body: LARGEST_ANSWER };
    let response = match aws.http().send(request, limits).await {
        Ok(response) => response,
        Err(HttpError::TooLarge { limit, .. }) => {
            let cause = format!("The response of the endpoint is longer than {limit} bytes");
            return Err(Fault::Named(Failure::new("States.DataLimitExceeded", cause)));
        }
        Err(error) => {
            return Err(Fault::Named(Failure::new("States.Http.Socket", error.to_string())));
        }
    };
    if (200..300).contains(&response.status) { Ok(result(&response)) } else { Err(refused(&response)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_written_as_asked() {
        let value = json!({ "a": 1, "b": ["x y", "z"], "c": { "d": true }, "e": null });
        for (lists, expected) in [
            (Lists::Indices, "a=1&b%5B0%5D=x%20y&b%5B1%5D=z&c%5Bd%5D=true"),
            (Lists::Brackets, "a=1&b%5B%5D=x%20y&b%5B%5D=z&c%5Bd%5D=true"),
            (Lists::Commas, "a=1&b=x%20y%2Cz&c%5Bd%5D=true"),
            (Lists::Repeat, "a=1&b=x%20y&b=z&c%5Bd%5D=true"),
        ] {
            assert_eq!(form(&value, lists), expected, "{lists:?}");
        }
    }

    #[test]
    fn an_endpoint_is_secret_or_here() {
        for (address, fine) in [
            ("https://api.example.com/v1", true),
            ("http://127.0.0.1:80/v1", true),
            ("http://api.example.com", false),
            ("https://user@example.com", false),
            ("https://example.com/#a", false),
            ("file:///etc/passwd", false),
            ("", false),
        ] {
            assert_eq!(endpoint(&json!({ "ApiEndpoint": address })).is_ok(), fine, "{address}");
        }
    }

    #[test]
    fn some_headers_are_not_the_definitions() {
        for name in ["Host", "X-Amz-Date", "X-Forwarded-For", "Transfer-Encoding", "a b"] {
            assert!(headers(&json!({ "Headers": { name: "v" } })).is_err(), "{name}");
        }
        let two = headers(&json!({ "Headers": { "Accept": ["a", "b"], "X-Mine": 1 } })).unwrap();
        assert_eq!(two.len(), 2);
        assert_eq!(two[0].1, "a,b");
    }
}

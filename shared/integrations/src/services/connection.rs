//! The connections of `http:invoke`: who is told at the endpoint, and what else goes along.
//!
//! A connection is the secret `connections/<name>` of Millrace's own store, as JSON in the form of EventBridge's
//! `CreateConnection`; else it is looked up at EventBridge, and its secret at Secrets Manager. No text here ever tells
//! what a connection holds.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use millrace_app::Timestamp;
use millrace_app::ports::{Secret, SecretStore};
use millrace_asl::Failure;
use millrace_client::{Limits, encode_query, is_loopback, now};
use serde_json::{Value, json};

use super::json::look_up;
use crate::aws::Aws;
use crate::fault::Fault;
use crate::service::{EVENTS, SECRETS_MANAGER};

const TOKEN_LIMITS: Limits = Limits { timeout: std::time::Duration::from_secs(20), body: 64 * 1024 };
/// A token without a stated end is used so long, in milliseconds.
const TOKEN_LIFE: i64 = 5 * 60 * 1000;

/// How the endpoint learns who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Authorization {
    Header { name: String, value: Secret },
    OAuth { endpoint: String, method: String, client_id: String, client_secret: Secret, extra: Parameters },
}

/// What goes along with each call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) headers: Vec<(String, Secret)>,
    pub(crate) query: Vec<(String, Secret)>,
    pub(crate) body: Vec<(String, Secret)>,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connection {
    authorization: Authorization,
    pub(crate) parameters: Parameters,
}

/// Tokens of OAuth by connection, with their ends.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    known: Mutex<HashMap<String, (Secret, Timestamp)>>,
}

fn unusable(name: &str, reason: &str) -> Fault {
    Fault::Named(Failure::new(
        "Events.ConnectionResource.InvalidConnectionState",
        format!("The connection '{name}' can't be used: {reason}"),
    ))
}

/// A member by its name in the form of the API, or in that of the secret that EventBridge keeps.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let small = name.chars().enumerate().fold(String::new(), |mut small, (index, letter)| {
        if letter.is_ascii_uppercase() && index > 0 && !small.ends_with('_') {
            let joined = name.chars().nth(index - 1).is_some_and(|before| before.is_ascii_uppercase());
            if !joined {
                small.push('_');
            }
        }
        small.push(letter.to_ascii_lowercase());
        small
    });
    value.get(name).or_else(|| value.get(&small))
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    member(value, name)?.as_str()
}

fn pairs(value: Option<&Value>) -> Vec<(String, Secret)> {
    let entries = value.and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(|entry| Some((text(entry, "Key")?.to_owned(), Secret::new(text(entry, "Value")?)))).collect()
}

fn parameters(value: Option<&Value>) -> Parameters {
    let of = |name| pairs(value.and_then(|value| member(value, name)));
    Parameters { headers: of("HeaderParameters"), query: of("QueryStringParameters"), body: of("BodyParameters") }
}

impl Connection {
    /// Reads the parameters of `CreateConnection`, or what EventBridge keeps as a secret. `described` is what
    /// `DescribeConnection` tells.
    fn read(name: &str, secret: &Value, described: &Value) -> Result<Self, Fault> {
        let own = member(secret, "AuthParameters").unwrap_or(secret);
        let part = |part: &str| member(own, part).unwrap_or(own);
        let told = member(described, "AuthParameters").unwrap_or(&Value::Null);
        let key = part("ApiKeyAuthParameters");
        let basic = part("BasicAuthParameters");
        let oauth = part("OAuthParameters");
        let told_oauth = member(told, "OAuthParameters").unwrap_or(&Value::Null);
        let client = member(oauth, "ClientParameters").unwrap_or(oauth);
        let authorization = if let (Some(header), Some(value)) = (text(key, "ApiKeyName"), text(key, "ApiKeyValue")) {
            Authorization::Header { name: header.to_owned(), value: Secret::new(value) }
        } else if let (Some(user), Some(password)) = (text(basic, "Username"), text(basic, "Password")) {
            let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            Authorization::Header { name: "Authorization".to_owned(), value: Secret::new(value) }
        } else if let (Some(id), Some(secret)) = (text(client, "ClientID"), text(client, "ClientSecret")) {
            let either = |name| text(oauth, name).or_else(|| text(told_oauth, name));
            let extra = member(oauth, "OAuthHttpParameters").or_else(|| member(own, "OAuthHttpParameters"));
            Authorization::OAuth {
                endpoint: either("AuthorizationEndpoint")
                    .ok_or_else(|| unusable(name, "it has no AuthorizationEndpoint"))?
                    .to_owned(),
                method: either("HttpMethod").unwrap_or("POST").to_owned(),
                client_id: id.to_owned(),
                client_secret: Secret::new(secret),
                extra: parameters(extra),
            }
        } else {
            return Err(unusable(
                name,
                "it must have ApiKeyAuthParameters, BasicAuthParameters or OAuthParameters with their values",
            ));
        };
        Ok(Self { authorization, parameters: parameters(member(own, "InvocationHttpParameters")) })
    }

    /// Finds a connection by its ARN, or by its name in Millrace's own store.
    pub(crate) async fn find<S: SecretStore>(
        aws: &Aws,
        secrets: &S,
        role: Option<&str>,
        arn: &str,
    ) -> Result<(String, Self), Fault> {
        let name = arn.split_once(":connection/").map_or(arn, |(_, rest)| rest);
        let name = name.split('/').next().unwrap_or_default().to_owned();
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !plain {
            return Err(unusable(&name, "its name must be of letters, digits, '.', '_' and '-'"));
        }
        let own = secrets.get(&format!("connections/{name}")).await;
        let own = own.map_err(|_| unusable(&name, "the store of secrets is not available"))?;
        if let Some(own) = own {
            let own = serde_json::from_str(own.expose()).map_err(|_| unusable(&name, "its secret is no JSON"))?;
            let connection = Self::read(&name, &own, &Value::Null)?;
            return Ok((name, connection));
        }
        if !arn.starts_with("arn:") {
            return Err(unusable(&name, &format!("there is no secret 'connections/{name}'")));
        }
        let described = look_up(aws, role, &EVENTS, "DescribeConnection", json!({ "Name": name }), "SecretArn").await;
        let (described, secret_arn) = described.map_err(|fault| lookup_failed(&name, "EventBridge", fault))?;
        if secret_arn.is_empty() {
            return Err(unusable(&name, "it has no secret"));
        }
        let secret = json!({ "SecretId": secret_arn });
        let secret = look_up(aws, role, &SECRETS_MANAGER, "GetSecretValue", secret, "SecretString").await;
        let (_, secret) = secret.map_err(|fault| lookup_failed(&name, "Secrets Manager", fault))?;
        let secret = serde_json::from_str(&secret).map_err(|_| unusable(&name, "its secret is no JSON"))?;
        let connection = Self::read(&name, &secret, &described)?;
        Ok((name, connection))
    }

    /// The header that says who calls. A token is asked for where there is none that still holds.
    pub(crate) async fn authorize(&self, aws: &Aws, tokens: &Tokens, name: &str) -> Result<(String, Secret), Fault> {
        let Authorization::OAuth { endpoint, method, client_id, client_secret, extra } = &self.authorization else {
            let Authorization::Header { name, value } = &self.authorization else { return Err(unusable(name, "")) };
            return Ok((name.clone(), value.clone()));
        };
        let key = format!("{name} {endpoint} {client_id}");
        let known = tokens.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let token = match known {
            Some((token, end)) if end > now() => token,
            _ => {
                let (token, life) = ask(aws, name, endpoint, method, client_id, client_secret, extra).await?;
                let end = now().plus_millis(life);
                let mut known = tokens.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.retain(|_, (_, end)| *end > now());
                known.insert(key, (token.clone(), end));
                token
            }
        };
        Ok(("Authorization".to_owned(), Secret::new(format!("Bearer {}", token.expose()))))
    }
}

/// What a lookup says of its failure: its name, not its text, which could tell of the secret.
fn lookup_failed(name: &str, who: &str, fault: Fault) -> Fault {
    match fault {
        Fault::Service(fault) => unusable(name, &format!("{who} answered {}", fault.code)),
        Fault::Client(reason) => unusable(name, &reason),
        Fault::Named(failure) => Fault::Named(failure),
    }
}

/// Asks for a token of the client credentials' grant; answers with how long it holds, in milliseconds.
async fn ask(
    aws: &Aws,
    name: &str,
    endpoint: &str,
    method: &str,
    client_id: &str,
    client_secret: &Secret,
    extra: &Parameters,
) -> Result<(Secret, i64), Fault> {
    if !endpoint.starts_with("https://") && !is_loopback(endpoint) {
        return Err(unusable(name, "its AuthorizationEndpoint must begin with https://"));
    }
    let mut fields = vec![("grant_type", "client_credentials"), ("client_id", client_id)];
    fields.push(("client_secret", client_secret.expose()));
    fields.extend(extra.body.iter().map(|(name, value)| (name.as_str(), value.expose())));
    let query = encode_query(extra.query.iter().map(|(name, value)| (name.as_str(), value.expose())));
    let separator = if query.is_empty() { "" } else { "?" };
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("{endpoint}{separator}{query}"))
        .header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in &extra.headers {
        request = request.header(name, value.expose());
    }
    let request = request
        .body(Bytes::from(encode_query(fields)))
        .map_err(|_| unusable(name, "its AuthorizationEndpoint or OAuthHttpParameters can't be sent"))?;
    let answer = aws.http().send(request, TOKEN_LIMITS).await;
    let answer = answer.map_err(|error| unusable(name, &format!("its AuthorizationEndpoint: {error}")))?;
    if !(200..300).contains(&answer.status) {
        return Err(unusable(name, &format!("its AuthorizationEndpoint answered {}", answer.status)));
    }
    let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(token) = told.get("access_token").and_then(Value::as_str) else {
        return Err(unusable(name, "its AuthorizationEndpoint answered no access_token"));
    };
    let seconds = told.get("expires_in").and_then(|life| life.as_i64().or_else(|| life.as_str()?.parse().ok()));
    // A minute early, so that it holds while it is used.
    let life = seconds.map_or(TOKEN_LIFE, |seconds| seconds.saturating_sub(60).max(0).saturating_mul(1_000));
    Ok((Secret::new(token), life))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(secret: &Value) -> Option<(String, String)> {
        match Connection::read("c", secret, &Value::Null).ok()?.authorization {
            Authorization::Header { name, value } => Some((name, value.expose().to_owned())),
            Authorization::OAuth { .. } => None,
        }
    }

    #[test]
    fn a_connection_is_read_from_its_request_and_from_its_secret() {
        let expected = Some(("x-key".to_owned(), "k".to_owned()));
        let request = json!({
            "AuthorizationType": "API_KEY",
            "AuthParameters": { "ApiKeyAuthParameters": { "ApiKeyName": "x-key", "ApiKeyValue": "k" } },
        });
        assert_eq!(header(&request), expected);
        assert_eq!(header(&json!({ "api_key_name": "x-key", "api_key_value": "k" })), expected);
        let basic = json!({ "username": "u", "password": "p" });
        assert_eq!(header(&basic), Some(("Authorization".into(), "Basic dTpw".into())));
        assert_eq!(header(&json!({ "username": "u" })), None);
        let oauth = json!({ "client_id": "i", "client_secret": "s", "invocation_http_parameters": {
            "header_parameters": [{ "key": "x-a", "value": "b", "is_value_secret": false }] } });
        let told = json!({ "AuthParameters": { "OAuthParameters": { "AuthorizationEndpoint": "https://a/t" } } });
        let connection = Connection::read("c", &oauth, &told).unwrap();
        assert_eq!(connection.parameters.headers, [("x-a".to_owned(), Secret::new("b"))]);
        assert!(matches!(connection.authorization, Authorization::OAuth { endpoint, .. } if endpoint == "https://a/t"));
    }
}

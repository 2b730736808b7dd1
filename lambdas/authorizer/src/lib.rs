//! The authorizer function: says to API Gateway who calls.
//!
//! The gateway asks with an event of payload format 2.0 and remembers the answer by the header `Authorization`, so nothing else
//! of the request may count. What it answers goes to the api function as the context of the request, where nobody can put
//! anything but the gateway. Who may invoke this function directly makes the first key, which needs no key.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use millrace_app::identity::{Manager, NewKey, Role, create_key};
use millrace_app::ports::Ports;
use millrace_app::{Error, Timestamp};
use millrace_identity::{Authenticator, Identity, IdentityConfig, NotIdentified};
use serde::Deserialize;
use serde_json::{Value, json};

/// What the function is asked.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// By API Gateway: may this request pass?
    Request(AuthorizerRequest),
    /// By somebody who may invoke the function: make a key.
    Operator(Operator),
}

/// A question of API Gateway, payload format 2.0
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>).
#[derive(Deserialize)]
pub struct AuthorizerRequest {
    /// `REQUEST`
    #[serde(rename = "type")]
    kind: RequestKind,
    /// The values of the identity sources: the header `Authorization`.
    #[serde(rename = "identitySource", default)]
    identity_source: Option<Vec<String>>,
}

#[derive(Deserialize)]
enum RequestKind {
    #[serde(rename = "REQUEST")]
    Request,
}

/// What an operator asks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// A key to be made, of an operator where nothing else is said.
    create_key: KeyOfOperator,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyOfOperator {
    name: String,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    expires_at: Option<String>,
}

/// No answer: the gateway says 500 to its caller, and remembers nothing.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizerError {
    /// Who is right can't be found out now.
    #[error("who calls can't be found out now")]
    Unavailable(#[source] NotIdentified),
    /// The key can't be made.
    #[error("the key can't be made: {0}")]
    Key(String),
}

/// Answers an event.
///
/// # Errors
/// [`AuthorizerError`]
pub async fn handle<P: Ports>(
    ports: &P,
    authenticator: &Authenticator<P>,
    account: &str,
    event: Event,
) -> Result<Value, AuthorizerError> {
    match event {
        Event::Request(request) => authorize(authenticator, request).await,
        Event::Operator(operator) => make_key(ports, account, operator.create_key).await,
    }
}

async fn authorize<P: Ports>(
    authenticator: &Authenticator<P>,
    request: AuthorizerRequest,
) -> Result<Value, AuthorizerError> {
    let RequestKind::Request = request.kind;
    let mut headers = HeaderMap::new();
    for text in request.identity_source.unwrap_or_default() {
        match HeaderValue::from_str(&text) {
            Ok(value) => drop(headers.append(AUTHORIZATION, value)),
            Err(_) => return Ok(denied()),
        }
    }
    match authenticator.identify(&headers).await {
        Ok(Some(identity)) => Ok(allowed(&identity)),
        Ok(None) => Ok(denied()),
        Err(NotIdentified::NotValid(why)) => {
            tracing::info!(why, "refused");
            Ok(denied())
        }
        Err(error) => Err(AuthorizerError::Unavailable(error)),
    }
}

fn denied() -> Value {
    json!({ "isAuthorized": false })
}

fn allowed(identity: &Identity) -> Value {
    let Identity { owner, account, role, key, operator, .. } = identity;
    json!({ "isAuthorized": true, "context": {
        "owner": owner, "account": account, "role": role.name(), "key": key.as_deref().unwrap_or_default(),
        "operator": operator,
    } })
}

async fn make_key<P: Ports>(ports: &P, account: &str, wanted: KeyOfOperator) -> Result<Value, AuthorizerError> {
    let refused = |error: Error| match error {
        Error::Invalid(problems) => {
            let told: Vec<String> =
                problems.iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect();
            AuthorizerError::Key(told.join("; "))
        }
        other => AuthorizerError::Key(other.to_string()),
    };
    // Who says nothing gets a key of the account, as signed requests are, so that both see the same workflows.
    let manager = Manager { owner: format!("aws:{account}"), operator: true };
    let role = wanted.role.unwrap_or(Role::Admin);
    let operator = wanted.owner.is_none() && role == Role::Admin;
    let expires_at = match wanted.expires_at.as_deref() {
        None => None,
        Some(text) => match Timestamp::parse(text) {
            Some(at) => Some(at),
            None => return Err(AuthorizerError::Key("expires_at must be a time as in RFC 3339".to_owned())),
        },
    };
    let new = NewKey { owner: wanted.owner, name: wanted.name, role, operator, expires_at, access_key: false };
    let made = create_key(ports, &manager, new).await.map_err(refused)?;
    Ok(json!({
        "id": made.key.id, "key": made.text.expose(), "owner": made.key.owner, "role": role.name(), "operator": operator,
    }))
}

/// The configuration of an authorizer, and the stack's account.
///
/// # Errors
/// [`millrace_identity::ConfigError`]
pub fn config_from_env() -> Result<(IdentityConfig, String), millrace_identity::ConfigError> {
    let account = std::env::var("MILLRACE_ACCOUNT_ID").unwrap_or_default();
    Ok((IdentityConfig::from_env(&account)?, account))
}

#[cfg(test)]
mod tests {
    use millrace_simulation::MemoryPorts;

    use super::*;

    const ACCOUNT: &str = "123456789012";

    macro_rules! event {
        ($name:literal) => {
            include_str!(concat!("../../../events/authorizer/", $name, ".json"))
        };
    }

    async fn answer(ports: &MemoryPorts, event: &str) -> Result<Value, AuthorizerError> {
        let config = IdentityConfig { account: ACCOUNT.to_owned(), ..IdentityConfig::default() };
        let authenticator = Authenticator::new(ports.clone(), config);
        handle(ports, &authenticator, ACCOUNT, serde_json::from_str(event).unwrap()).await
    }

    #[tokio::test]
    async fn the_key_that_an_operator_makes_opens_the_gateway() {
        let ports = MemoryPorts::new(1);
        let made = answer(&ports, event!("create-key")).await.unwrap();
        assert_eq!((&made["owner"], &made["operator"]), (&json!("aws:123456789012"), &json!(true)));
        let key = made["key"].as_str().unwrap();
        let asked = event!("request").replace("KEY", key);
        let told = answer(&ports, &asked).await.unwrap();
        let context = json!({
            "owner": "aws:123456789012", "account": ACCOUNT, "role": "admin", "key": made["id"], "operator": true,
        });
        assert_eq!(told, json!({ "isAuthorized": true, "context": context }));
        // Only the header by which the answer is remembered counts.
        let other = event!("request").replace("Bearer KEY", "Bearer nonsense").replace("\"x-other\"", "\"x-api-key\"");
        assert_eq!(answer(&ports, &other.replace("OTHER", key)).await.unwrap(), denied());
    }

    #[tokio::test]
    async fn who_shows_nothing_good_does_not_pass() {
        let ports = MemoryPorts::new(1);
        for event in [event!("request"), event!("request-without-key")] {
            assert_eq!(answer(&ports, event).await.unwrap(), denied());
        }
        let owner = r#"{"create_key":{"name":"x","owner":"ann","role":"run"}}"#;
        let made = answer(&ports, owner).await.unwrap();
        assert_eq!((&made["owner"], &made["role"], &made["operator"]), (&json!("ann"), &json!("run"), &json!(false)));
        assert!(answer(&ports, r#"{"create_key":{"name":""}}"#).await.unwrap_err().to_string().contains("/name"));
        assert!(serde_json::from_str::<Event>(event!("malformed")).is_err());
    }
}

//! As whom a call is made: the environment's credentials, those of the container, and roles.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use millrace_app::Timestamp;
use millrace_app::ports::Secret;
use serde_json::Value;

use crate::endpoints::{Endpoint, is_loopback};
use crate::http::{HttpClient, Limits};

/// Credentials are renewed so long before they end.
const EARLY: i64 = 5 * 60 * 1000;
const LIMITS: Limits = Limits { timeout: Duration::from_secs(5), body: 64 * 1024 };

/// A key with its secret. `Debug` shows neither secret nor token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Names the key.
    pub access_key_id: String,
    /// Signs.
    pub secret_access_key: Secret,
    /// Goes along where the key holds for a time only.
    pub session_token: Option<Secret>,
}

/// There are no credentials. The text says where they are looked for, and nothing that was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// None are configured.
    #[error(
        "Unable to load credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or an endpoint on this machine \
         with AWS_ENDPOINT_URL"
    )]
    Missing,
    /// The container's endpoint did not answer with credentials.
    #[error("Unable to load credentials from the container's endpoint: {0}")]
    Container(String),
}

impl Credentials {
    /// For endpoints on this machine, which check nothing.
    fn dummy() -> Self {
        Self { access_key_id: "test".into(), secret_access_key: Secret::new("test"), session_token: None }
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        Some(Self {
            access_key_id: variable("AWS_ACCESS_KEY_ID")?,
            secret_access_key: Secret::new(variable("AWS_SECRET_ACCESS_KEY")?),
            session_token: variable("AWS_SESSION_TOKEN").map(Secret::new),
        })
    }

    /// Reads what a container's endpoint and STS answer, each in its own spelling, with the moment of their end.
    #[must_use]
    pub fn from_json(answer: &Value) -> Option<(Self, Timestamp)> {
        let text = |names: [&str; 2]| names.iter().find_map(|name| answer.get(*name)?.as_str());
        let credentials = Self {
            access_key_id: text(["AccessKeyId", ""])?.to_owned(),
            secret_access_key: Secret::new(text(["SecretAccessKey", ""])?),
            session_token: text(["Token", "SessionToken"]).map(Secret::new),
        };
        Some((credentials, Timestamp::parse(text(["Expiration", ""])?)?))
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Credentials with an end, by what they are for: the container's under the empty name, a role's under its ARN. The map
/// grows with the roles that definitions name, so it is emptied when it gets large.
#[derive(Debug, Default)]
pub struct Cache {
    known: Mutex<HashMap<String, (Credentials, Timestamp)>>,
}

impl Cache {
    const LARGEST: usize = 1_000;

    /// What is known under a name and holds for some minutes more.
    #[must_use]
    pub fn get(&self, name: &str, now: Timestamp) -> Option<Credentials> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (credentials, end) = known.get(name)?;
        (end.millis() - EARLY > now.millis()).then(|| credentials.clone())
    }

    /// Keeps credentials until shortly before their end.
    pub fn put(&self, name: &str, credentials: Credentials, end: Timestamp) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::LARGEST {
            known.clear();
        }
        known.insert(name.to_owned(), (credentials, end));
    }
}

/// The process's own credentials: from the environment, else the container's, else, for an endpoint on this machine, ones
/// that mean nothing.
pub(crate) async fn own(
    http: &HttpClient,
    cache: &Cache,
    endpoint: &Endpoint,
    now: Timestamp,
) -> Result<Credentials, CredentialsError> {
    if let Some(credentials) = Credentials::from_variables(environment) {
        return Ok(credentials);
    }
    match container_endpoint(environment) {
        Some((url, token)) => match cache.get("", now) {
            Some(credentials) => Ok(credentials),
            None => {
                let (credentials, end) = from_container(http, &url, token).await?;
                cache.put("", credentials.clone(), end);
                Ok(credentials)
            }
        },
        None if endpoint.is_local() => Ok(Credentials::dummy()),
        None => Err(CredentialsError::Missing),
    }
}

/// Where a task of ECS, or a pod of EKS, asks for credentials, and with which token.
fn container_endpoint(variable: impl Fn(&str) -> Option<String>) -> Option<(String, Option<String>)> {
    let token = || {
        let file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        let from_file = file.and_then(|path| std::fs::read_to_string(path).ok()).map(|text| text.trim().to_owned());
        from_file.or_else(|| variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
    };
    if let Some(path) = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        return Some((format!("http://169.254.170.2{path}"), token()));
    }
    let url = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")?;
    // A token leaves this machine only to the addresses that containers are given.
    let trusted = url.starts_with("https://")
        || is_loopback(&url)
        || ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"].iter().any(|host| {
            let rest = url.strip_prefix("http://").and_then(|rest| rest.strip_prefix(host));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        });
    trusted.then(|| (url, token()))
}

async fn from_container(
    http: &HttpClient,
    url: &str,
    token: Option<String>,
) -> Result<(Credentials, Timestamp), CredentialsError> {
    let failed = |reason: String| CredentialsError::Container(reason);
    let mut request = ::http::Request::get(url);
    if let Some(token) = token {
        request = request.header(::http::header::AUTHORIZATION, token);
    }
    let request = request.body(Bytes::new()).map_err(|_| failed("its address is not valid".into()))?;
    let answer = http.send(request, LIMITS).await.map_err(|error| failed(error.to_string()))?;
    if answer.status != 200 {
        return Err(failed(format!("it answered {}", answer.status)));
    }
    let answer: Value = serde_json::from_slice(&answer.body).map_err(|_| failed("it answered no JSON".into()))?;
    Credentials::from_json(&answer).ok_or_else(|| failed("it answered no credentials".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_simulation::http::{Answer, Fake};

    fn credentials(id: &str) -> Credentials {
        Credentials { access_key_id: id.into(), secret_access_key: Secret::new("s"), session_token: None }
    }

    #[test]
    fn what_ends_soon_is_not_used() {
        let cache = Cache::default();
        let end = Timestamp::from_millis(10 * EARLY);
        cache.put("arn", credentials("a"), end);
        assert_eq!(cache.get("arn", Timestamp::from_millis(0)), Some(credentials("a")));
        assert_eq!(cache.get("arn", Timestamp::from_millis(9 * EARLY)), None);
        assert_eq!(cache.get("other", Timestamp::from_millis(0)), None);
    }

    #[test]
    fn the_environment_has_a_key_with_its_secret() {
        let variables = |all: &'static [(&str, &str)]| {
            move |name: &str| all.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(Credentials::from_variables(variables(&[("AWS_ACCESS_KEY_ID", "a")])), None);
        let all = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_SESSION_TOKEN", "t")].as_slice();
        let found = Credentials::from_variables(|name| {
            all.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        assert_eq!(found.unwrap().session_token, Some(Secret::new("t")));
        let url = |url: &'static str| {
            container_endpoint(|name| (name == "AWS_CONTAINER_CREDENTIALS_FULL_URI").then(|| url.to_owned()))
        };
        assert!(url("http://169.254.170.2/v2").is_some());
        assert!(url("http://169.254.170.2.example.com/v2").is_none());
        assert!(url("http://example.com/v2").is_none());
    }

    #[tokio::test]
    async fn a_container_is_asked_with_its_token() {
        let fake = Fake::start(|request| {
            assert_eq!(request.header("authorization"), Some("the-token"));
            Answer::ok(r#"{"AccessKeyId":"a","SecretAccessKey":"s","Token":"t","Expiration":"2026-01-01T00:00:00Z"}"#)
        })
        .await;
        let http = HttpClient::default();
        let (found, end) = from_container(&http, &fake.url, Some("the-token".into())).await.unwrap();
        assert_eq!((found.access_key_id.as_str(), found.session_token), ("a", Some(Secret::new("t"))));
        assert_eq!(end.to_string(), "2026-01-01T00:00:00.000Z");
        let denied = Fake::start(|_| Answer::status(403, "secret text")).await;
        let error = from_container(&http, &denied.url, None).await.unwrap_err().to_string();
        assert!(error.contains("403") && !error.contains("secret text"), "{error}");
    }
}

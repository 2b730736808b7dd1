//! What is asked of the issuer itself, over HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use millrace_client::{HttpClient, Limits, Response};
use serde_json::Value;

use crate::config::is_safe;

const LIMITS: Limits = Limits { timeout: Duration::from_secs(5), body: 256 * 1024 };

/// Why the issuer did not help. The text is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the issuer does not help: {0}")]
pub(crate) struct IssuerError(pub(crate) String);

/// Asks an issuer.
#[derive(Debug)]
pub(crate) struct IssuerClient {
    issuer: String,
    client: HttpClient,
}

/// An issuer's discovery document (OpenID Connect Discovery 1.0, 3).
#[derive(Debug, Clone)]
pub(crate) struct Discovered {
    url: String,
    document: Value,
}

impl Discovered {
    /// The address under this name.
    pub(crate) fn address(&self, name: &str) -> Result<String, IssuerError> {
        match self.document.get(name).and_then(Value::as_str) {
            Some(found) if is_safe(found) => Ok(found.to_owned()),
            _ => Err(IssuerError(format!("{} has no `{name}` that begins with https://", self.url))),
        }
    }
}

impl IssuerClient {
    pub(crate) fn new(issuer: &str) -> Self {
        Self { issuer: issuer.to_owned(), client: HttpClient::default() }
    }

    /// Its `iss`.
    pub(crate) fn name(&self) -> &str {
        &self.issuer
    }

    /// OpenID Connect Discovery 1.0, 4.
    pub(crate) async fn discover(&self) -> Result<Discovered, IssuerError> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let document = self.get(&url).await?;
        if document.get("issuer").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(IssuerError(format!("{url} is of another issuer")));
        }
        Ok(Discovered { url, document })
    }

    /// The document at an address.
    pub(crate) async fn get(&self, url: &str) -> Result<Value, IssuerError> {
        let answer = self.send(url, Request::get(url).body(Bytes::new())).await?;
        match answer.status {
            200 => json(url, &answer),
            status => Err(IssuerError(format!("{url} answered {status}"))),
        }
    }

    /// The answer to a form, and its status.
    pub(crate) async fn post(&self, url: &str, form: String) -> Result<(u16, Value), IssuerError> {
        let request = Request::post(url).header("content-type", "application/x-www-form-urlencoded");
        let answer = self.send(url, request.body(Bytes::from(form))).await?;
        Ok((answer.status, json(url, &answer)?))
    }

    async fn send(&self, url: &str, request: http::Result<Request<Bytes>>) -> Result<Response, IssuerError> {
        let mut request = request.map_err(|_| IssuerError(format!("{url} is no address")))?;
        request.headers_mut().insert("accept", http::HeaderValue::from_static("application/json"));
        self.client.send(request, LIMITS).await.map_err(|error| IssuerError(format!("{url}: {error}")))
    }
}

fn json(url: &str, answer: &Response) -> Result<Value, IssuerError> {
    serde_json::from_slice(&answer.body).map_err(|error| IssuerError(format!("{url}: {error}")))
}

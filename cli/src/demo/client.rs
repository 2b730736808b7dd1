//! A small client of the API.

use std::io::Read as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

/// A package is not larger than this.
const MAX_DOWNLOAD: u64 = 512 * 1024 * 1024;

/// Calls one server.
pub(crate) struct Client {
    base: String,
    agent: Agent,
}

impl Client {
    /// A client of the server at `base`. Proxies of the environment are not asked.
    pub(crate) fn new(base: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        Self { base: base.to_owned(), agent: config.into() }
    }

    /// Reads JSON.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.agent.get(self.url(path)).call();
        read_json(answer.with_context(|| format!("GET {path}"))?).with_context(|| format!("GET {path}"))
    }

    /// Sends and reads JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.agent.post(self.url(path)).header("content-type", "application/json");
        let answer = request.send(body.to_string());
        read_json(answer.with_context(|| format!("POST {path}"))?).with_context(|| format!("POST {path}"))
    }

    /// Reads bytes from a URL or a path of the server.
    pub(crate) fn download(&self, url: &str) -> anyhow::Result<Vec<u8>> {
        let answer = self.agent.get(self.url(url)).call().context("the package can't be downloaded")?;
        if !answer.status().is_success() {
            bail!("the package can't be downloaded: {}", problem(answer));
        }
        let mut bytes = Vec::new();
        answer
            .into_body()
            .into_reader()
            .take(MAX_DOWNLOAD)
            .read_to_end(&mut bytes)
            .context("the download broke off")?;
        Ok(bytes)
    }

    fn url(&self, target: &str) -> String {
        if target.starts_with('/') { format!("{}{target}", self.base) } else { target.to_owned() }
    }
}

fn read_json(answer: Response<ureq::Body>) -> anyhow::Result<Value> {
    if !answer.status().is_success() {
        bail!("{}", problem(answer));
    }
    let text = answer.into_body().read_to_string().context("the answer broke off")?;
    serde_json::from_str(&text).context("the answer is not JSON")
}

/// What a problem answer says, for people.
fn problem(answer: Response<ureq::Body>) -> String {
    let status = answer.status();
    let body: Value =
        answer.into_body().read_to_string().ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    describe(status.as_u16(), &body)
}

fn describe(status: u16, body: &Value) -> String {
    let part = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut text = format!("the server answered {status}: {}", part(body, "detail"));
    for error in body.get("errors").and_then(Value::as_array).into_iter().flatten() {
        text.push_str(&format!("; {} {}", part(error, "field"), part(error, "message")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_problem_names_its_fields() {
        let body =
            json!({ "detail": "the request is not valid", "errors": [{ "field": "/name", "message": "is missing" }] });
        assert_eq!(describe(400, &body), "the server answered 400: the request is not valid; /name is missing");
        assert_eq!(describe(502, &Value::Null), "the server answered 502: ");
    }
}

//! The API of a Millrace server, as the commands call it.
//!
//! It owns which server that is, who calls, how often a call is repeated and what a refusal tells people. It knows no
//! route: the commands name them. Start reading at [`Api::send`].

mod aws;
mod live;
mod problem;
mod target;

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{HeaderName, Method};
use millrace_client::{HttpClient, HttpError, Limits, Request, Scope, encode, encode_query, now, sign};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

pub(crate) use live::{Changes, Heard};
pub(crate) use millrace_client::Response;
pub(crate) use problem::{ApiError, Kind};
pub(crate) use target::{Auth, Found, Target, address, is_local, resolve};

/// How long an ordinary call may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// An answer is not larger than this, in bytes.
const LARGEST: usize = 512 * 1024 * 1024;
/// How often a call that may be repeated is made.
const TRIES: u32 = 4;
/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The path of `segments`, each encoded.
pub(crate) fn path(segments: &[&str]) -> String {
    segments.iter().fold(String::new(), |path, segment| format!("{path}/{}", encode(segment)))
}

/// A call of the API.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    headers: Vec<(HeaderName, String)>,
    body: Option<Value>,
    timeout: Duration,
    repeat: bool,
}

impl Call {
    /// A call of a method at an encoded path.
    pub(crate) const fn new(method: Method, path: String) -> Self {
        // What only reads may be done twice.
        let repeat = matches!(method, Method::GET);
        Self { method, path, query: Vec::new(), headers: Vec::new(), body: None, timeout: PATIENCE, repeat }
    }

    pub(crate) const fn get(path: String) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: String, body: Value) -> Self {
        Self::new(Method::POST, path).body(body)
    }

    pub(crate) fn put(path: String, body: Value) -> Self {
        Self::new(Method::PUT, path).body(body)
    }

    pub(crate) fn patch(path: String, body: Value) -> Self {
        Self::new(Method::PATCH, path).body(body)
    }

    pub(crate) const fn delete(path: String) -> Self {
        Self::new(Method::DELETE, path)
    }

    fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// The same with a parameter of the query.
    pub(crate) fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// The same with a parameter of the query where there is one.
    pub(crate) fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// The same with a header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((HeaderName::from_static(name), value.into()));
        self
    }

    /// The same for a call that takes long.
    pub(crate) const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same for a call that names itself by a key: it may be made again.
    pub(crate) fn keyed(self, key: Option<String>) -> anyhow::Result<Self> {
        let key = key.map_or_else(fresh_name, Ok)?;
        Ok(self.repeatable().header("idempotency-key", key))
    }

    /// The same for a call that changes nothing more when it is made again.
    pub(crate) const fn repeatable(mut self) -> Self {
        self.repeat = true;
        self
    }
}

/// A name that nobody else has.
pub(crate) fn fresh_name() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 10];
    getrandom::fill(&mut bytes).context("this machine gives no randomness")?;
    Ok(bytes.iter().fold("cli-".to_owned(), |text, byte| format!("{text}{byte:02x}")))
}

/// A server that can be called.
#[derive(Debug)]
pub(crate) struct Api {
    target: Target,
    http: HttpClient,
    runtime: Runtime,
}

impl Api {
    /// Connects to nothing yet.
    pub(crate) fn new(target: Target) -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.context("the runtime can't be started")?;
        Ok(Self { target, http: HttpClient::default(), runtime })
    }

    /// The server.
    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }

    /// Runs something beside the command.
    pub(crate) const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Calls and reads JSON.
    pub(crate) fn json(&self, call: Call) -> anyhow::Result<Value> {
        Ok(self.json_with_headers(call)?.0)
    }

    /// Calls and reads JSON, with the whole answer.
    pub(crate) fn json_with_headers(&self, call: Call) -> anyhow::Result<(Value, Response)> {
        let what = format!("{} {}", call.method, call.path);
        let answer = self.send(call)?;
        if answer.body.is_empty() {
            return Ok((Value::Null, answer));
        }
        let value = serde_json::from_slice(&answer.body).map_err(|_| {
            let at = &self.target.base;
            ApiError::strange(&self.target, format!("{what}: the answer is not JSON: is {at} a Millrace server?"))
        })?;
        Ok((value, answer))
    }

    /// Reads JSON from an encoded path.
    pub(crate) fn get(&self, path: String) -> anyhow::Result<Value> {
        self.json(Call::get(path))
    }

    /// Calls; an answer that is not 2xx is an error. What may be repeated is, where the server was busy or not there.
    pub(crate) fn send(&self, call: Call) -> Result<Response, ApiError> {
        let mut tries = 1;
        loop {
            let answer = self.once(&call);
            let pause = match &answer {
                Ok(_) => None,
                Err(error) if call.repeat && tries < TRIES => error.pause(tries),
                Err(_) => None,
            };
            let Some(pause) = pause else { return answer };
            std::thread::sleep(pause.min(LONGEST_PAUSE));
            tries += 1;
        }
    }

    fn once(&self, call: &Call) -> Result<Response, ApiError> {
        let mut url = format!("{}{}", self.target.base, call.path);
        if !call.query.is_empty() {
            url.push('?');
            url.push_str(&encode_query(call.query.iter().map(|(name, value)| (*name, value.as_str()))));
        }
        let body = call.body.as_ref().map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let mut request = self.request(&call.method, &url, body)?;
        if call.body.is_some() {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in &call.headers {
            let value = HeaderValue::from_str(value).map_err(|_| {
                ApiError::unsendable(
                    &self.target,
                    format!("the value for {name} holds characters that no header takes"),
                )
            })?;
            request.headers_mut().insert(name.clone(), value);
        }
        self.authorize(&mut request)?;
        let answer = self.exchange(request, call.timeout)?;
        if (200..300).contains(&answer.status) {
            Ok(answer)
        } else {
            Err(ApiError::refused(&self.target, &call.method, &call.path, &answer))
        }
    }

    /// Reads bytes from an address that carries its own permission. Nobody is told who calls.
    pub(crate) fn download(&self, address: &str) -> anyhow::Result<Vec<u8>> {
        let url = if address.starts_with('/') { format!("{}{address}", self.target.base) } else { address.to_owned() };
        let request = self.request(&Method::GET, &url, Bytes::new())?;
        let answer = self.exchange(request, PATIENCE * 10).context("the file can't be downloaded")?;
        if !(200..300).contains(&answer.status) {
            let refused = ApiError::refused(&self.target, &Method::GET, "", &answer);
            return Err(anyhow::Error::from(refused).context("the file can't be downloaded"));
        }
        Ok(answer.body.to_vec())
    }

    fn request(&self, method: &Method, url: &str, body: Bytes) -> Result<Request, ApiError> {
        let mut request = Request::new(body);
        *request.method_mut() = method.clone();
        *request.uri_mut() =
            url.parse().map_err(|_| ApiError::unsendable(&self.target, format!("{url} is no address")))?;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("millrace-cli/", env!("CARGO_PKG_VERSION"))));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*"));
        Ok(request)
    }

    fn exchange(&self, request: Request, timeout: Duration) -> Result<Response, ApiError> {
        let limits = Limits { timeout, body: LARGEST };
        let answer = self.runtime.block_on(self.http.send(request, limits));
        answer.map_err(|error| match error {
            HttpError::Unreachable { reason, .. } => ApiError::unreachable(&self.target, reason),
            error => ApiError::broken(&self.target, error.to_string()),
        })
    }

    /// Says who calls.
    fn authorize(&self, request: &mut Request) -> Result<(), ApiError> {
        match &self.target.auth {
            Auth::None => Ok(()),
            Auth::Key(key) => {
                let value = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
                let mut value = value.map_err(|_| {
                    ApiError::unsendable(&self.target, "the API key holds characters that no header takes".to_owned())
                })?;
                value.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, value);
                Ok(())
            }
            Auth::Iam { region, aws_profile } => {
                let credentials = self
                    .runtime
                    .block_on(aws::credentials(aws_profile.as_deref()))
                    .map_err(|reason| ApiError::no_credentials(&self.target, reason))?;
                let scope = Scope { service: "execute-api", region, at: now() };
                sign(request, scope, &credentials)
                    .map_err(|error| ApiError::unsendable(&self.target, error.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_encoded() {
        assert_eq!(
            path(&["api", "executions", "arn:aws:states:x/y", "history"]),
            "/api/executions/arn%3Aaws%3Astates%3Ax%2Fy/history"
        );
    }

    #[test]
    fn names_are_fresh() {
        assert_ne!(fresh_name().unwrap(), fresh_name().unwrap());
    }
}

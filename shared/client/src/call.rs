//! Signed calls of services, repeated where that helps.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use millrace_app::Timestamp;

use crate::credentials::{Cache, Credentials, CredentialsError, own};
use crate::endpoints::{Endpoint, Endpoints};
use crate::fault::error_code;
use crate::http::{HttpClient, HttpError, Limits, Request, Response};
use crate::retry::{Backoff, Failure, Quota};
use crate::service::Service;
use crate::sigv4::{Scope, SignError, presign, sign};

/// How long a try may take, unless the call says otherwise.
pub const CALL: Duration = Duration::from_secs(60);
/// The largest answer that is read, in bytes, unless the call says otherwise.
pub const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// A clock that is off by more, in milliseconds, is corrected; services refuse it by five minutes.
const SKEW: i64 = 4 * 60 * 1000;

/// When a call may be made again although it may have been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// After any failure, also where no answer came in time: doing it twice changes nothing.
    Always,
    /// After any failure of the server's side or of the connection.
    Failed,
    /// Only where it was certainly not done: no connection, or throttled.
    Refused,
}

/// A call of a service.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// Who is called.
    pub service: &'a Service,
    /// The method.
    pub method: Method,
    /// Encoded, beginning with a slash.
    pub path: String,
    /// Encoded, without the question mark.
    pub query: String,
    /// Headers beside those of the signature.
    pub headers: Vec<(HeaderName, String)>,
    /// The body.
    pub body: Bytes,
    /// How long each try may take.
    pub timeout: Duration,
    /// The largest body of an answer, in bytes.
    pub largest: usize,
    /// When it may be made again.
    pub repeat: Repeat,
    /// How often, and after which pauses.
    pub backoff: Backoff,
    /// Another region than the configured one.
    pub region: Option<String>,
    /// Stands before the host's name, for buckets.
    pub subdomain: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// A `POST` to the service's root.
    #[must_use]
    pub const fn post(service: &'a Service, body: Bytes) -> Self {
        Self {
            service,
            method: Method::POST,
            path: String::new(),
            query: String::new(),
            headers: Vec::new(),
            body,
            timeout: CALL,
            largest: LARGEST_ANSWER,
            repeat: Repeat::Failed,
            backoff: Backoff::STANDARD,
            region: None,
            subdomain: None,
        }
    }

    /// A `POST` of an awsJson operation: `target` is what stands before its name in `X-Amz-Target`, `version` that of
    /// JSON, `1.0` or `1.1`.
    #[must_use]
    pub fn json(service: &'a Service, version: &str, target: &str, operation: &str, body: Bytes) -> Self {
        Self::post(service, body)
            .header("content-type", format!("application/x-amz-json-{version}"))
            .header("x-amz-target", format!("{target}.{operation}"))
    }

    /// The same with one more header.
    ///
    /// # Panics
    /// Where the name is no header's in small letters.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((HeaderName::from_static(name), value.into()));
        self
    }

    fn url(&self, endpoint: &Endpoint) -> String {
        let mut url = match (self.subdomain, endpoint.base.split_once("://")) {
            (Some(subdomain), Some((scheme, host))) => format!("{scheme}://{subdomain}.{host}"),
            _ => endpoint.base.clone(),
        };
        url.push_str(if self.path.is_empty() { "/" } else { &self.path });
        if !self.query.is_empty() {
            url.push('?');
            url.push_str(&self.query);
        }
        url
    }

    fn request(&self, endpoint: &Endpoint) -> Result<Request, CallError> {
        let invalid = |what: &str| CallError::Invalid { what: what.to_owned(), service: self.service.host };
        let mut request = http::Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url(endpoint).parse().map_err(|_| invalid("the address"))?;
        for (name, value) in &self.headers {
            let value = HeaderValue::from_str(value).map_err(|_| invalid(name.as_str()))?;
            request.headers_mut().append(name.clone(), value);
        }
        Ok(request)
    }
}

/// An answer with the number of tries that it took.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The last one.
    pub response: Response,
    /// How often the call was made.
    pub attempts: u32,
}

impl Answer {
    /// Is its status 2xx?
    #[must_use]
    pub const fn succeeded(&self) -> bool {
        self.response.status >= 200 && self.response.status < 300
    }
}

/// Why there is no answer. No text holds credentials or what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nobody answered.
    #[error("Unable to execute HTTP request: {0}")]
    Http(HttpError),
    /// Nobody to sign as.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The request can't be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// What the caller gave is no address, or no header.
    #[error("{what} can't be sent in a request to {service}")]
    Invalid {
        /// A header's name, or the address.
        what: String,
        /// The service.
        service: &'static str,
    },
}

/// Services as configured. Connections and credentials are shared by all calls.
#[derive(Debug)]
pub struct Client {
    endpoints: Endpoints,
    http: HttpClient,
    cache: Cache,
    quota: Quota,
    /// What this machine's clock lacks, in milliseconds.
    skew: AtomicI64,
}

/// This machine's time.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Does an answer say that the signature's time is not the service's?
fn is_skewed(response: &Response) -> bool {
    matches!(response.status, 400 | 401 | 403)
        && matches!(
            error_code(response).as_deref(),
            Some(
                "AuthFailure"
                    | "InvalidSignatureException"
                    | "RequestExpired"
                    | "RequestInTheFuture"
                    | "RequestTimeTooSkewed"
                    | "SignatureDoesNotMatch"
            )
        )
}

impl Client {
    /// Connects to nothing yet, and reads no certificates.
    #[must_use]
    pub fn new(endpoints: Endpoints) -> Self {
        Self {
            endpoints,
            http: HttpClient::default(),
            cache: Cache::default(),
            quota: Quota::default(),
            skew: AtomicI64::new(0),
        }
    }

    /// Where services are.
    #[must_use]
    pub const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The connections, for requests that are not signed.
    #[must_use]
    pub const fn http(&self) -> &HttpClient {
        &self.http
    }

    /// Credentials with an end, by what they are for.
    #[must_use]
    pub const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The services' time, as far as it is known.
    fn now(&self) -> Timestamp {
        now().plus_millis(self.skew.load(Ordering::Relaxed))
    }

    /// The process's own credentials: of the environment, else of the container, else, for an endpoint on this machine,
    /// ones that mean nothing.
    ///
    /// # Errors
    /// [`CredentialsError`] where there are none.
    pub async fn credentials(&self, endpoint: &Endpoint) -> Result<Credentials, CredentialsError> {
        own(&self.http, &self.cache, endpoint, now()).await
    }

    /// Calls a service as the process itself. An answer of any status is an answer.
    ///
    /// # Errors
    /// [`CallError`] where there are no credentials or no answer.
    pub async fn call(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let endpoint = self.endpoint(call);
        let credentials = self.credentials(&endpoint).await?;
        self.call_as(call, &endpoint, &credentials).await
    }

    /// Where a call goes.
    #[must_use]
    pub fn endpoint(&self, call: &Call<'_>) -> Endpoint {
        self.endpoints.of(call.service, self.region(call))
    }

    fn region<'a>(&'a self, call: &'a Call<'_>) -> &'a str {
        call.region.as_deref().unwrap_or_else(|| self.endpoints.region())
    }

    /// Calls a service with other credentials than the process's own. An answer of any status is an answer.
    ///
    /// # Errors
    /// [`CallError`] where there is no answer.
    pub async fn call_as(
        &self,
        call: &Call<'_>,
        endpoint: &Endpoint,
        credentials: &Credentials,
    ) -> Result<Answer, CallError> {
        let limits = Limits { timeout: call.timeout, body: call.largest };
        let (service, region) = (call.service.host, self.region(call));
        let (mut attempts, mut taken) = (0, 0);
        loop {
            attempts += 1;
            let mut request = call.request(endpoint)?;
            sign(&mut request, Scope { service, region, at: self.now() }, credentials)?;
            let answer = self.http.send(request, limits).await;
            let asked = match &answer {
                Ok(response) => response.header("x-amz-retry-after").and_then(|millis| millis.parse().ok()),
                Err(_) => None,
            };
            let again = match &answer {
                Ok(response) => match Failure::of(response) {
                    Some(Failure::Transient) if call.repeat == Repeat::Refused => None,
                    Some(failure) => Some(failure),
                    None if self.corrects_clock(response) => Some(Failure::Transient),
                    None => {
                        self.quota.give(service, taken);
                        None
                    }
                },
                Err(HttpError::Unreachable { .. }) => Some(Failure::Transient),
                Err(HttpError::Broken { .. }) => (call.repeat != Repeat::Refused).then_some(Failure::Transient),
                Err(HttpError::TimedOut { .. }) => (call.repeat == Repeat::Always).then_some(Failure::Transient),
                Err(HttpError::TooLarge { .. } | HttpError::NoRoots) => None,
            };
            let again = again.filter(|_| attempts < call.backoff.tries);
            let Some((failure, cost)) = again.and_then(|failure| Some((failure, self.quota.take(service, failure)?)))
            else {
                return Ok(Answer { response: answer.map_err(CallError::Http)?, attempts });
            };
            taken = cost;
            let pause = call.backoff.pause(failure, attempts, asked.map(Duration::from_millis));
            tracing::debug!(service, attempts, ?failure, ?pause, "a call is made again");
            tokio::time::sleep(pause).await;
        }
    }

    /// Learns from an answer that this machine's clock is wrong; the next try is signed with the service's time.
    fn corrects_clock(&self, response: &Response) -> bool {
        let told = || {
            let date = jiff::fmt::rfc2822::parse(response.header("date")?).ok()?;
            let lacks = date.timestamp().as_millisecond() - now().millis();
            ((lacks - self.skew.load(Ordering::Relaxed)).abs() > SKEW).then_some(lacks)
        };
        let Some(lacks) = is_skewed(response).then(told).flatten() else { return false };
        tracing::warn!(milliseconds = lacks, "the clock of this machine is wrong by so much; signatures are corrected");
        self.skew.store(lacks, Ordering::Relaxed);
        true
    }

    /// An address that does the call for whoever has it, for so long: seven days at most.
    ///
    /// # Errors
    /// [`CallError`] where there are no credentials, or what the caller gave is no address.
    pub async fn presigned(&self, call: &Call<'_>, valid_for: Duration) -> Result<String, CallError> {
        let endpoint = self.endpoint(call);
        let credentials = self.credentials(&endpoint).await?;
        let scope = Scope { service: call.service.host, region: self.region(call), at: self.now() };
        Ok(presign(&call.method, &call.url(&endpoint), scope, &credentials, valid_for)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use millrace_simulation::http::{Answer as Told, Fake};

    use super::*;

    fn client(fake: &Fake) -> Client {
        Client::new(Endpoints::read([("AWS_ENDPOINT_URL".to_owned(), fake.url.clone())]).0)
    }

    const QUICK: Backoff = Backoff { tries: 3, base: Duration::from_millis(1) };

    #[tokio::test]
    async fn a_refused_call_is_made_again_and_a_broken_one_only_where_that_is_safe() {
        let seen = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&seen);
        let fake = Fake::start(move |request| {
            let count = counted.fetch_add(1, Ordering::Relaxed);
            match (request.text(), count) {
                ("throttled", 0) => Told::status(400, r#"{"__type":"ThrottlingException"}"#),
                ("condition", _) => Told::status(400, r#"{"__type":"x#ConditionalCheckFailedException"}"#),
                ("failed", _) => Told::status(500, ""),
                ("broken", 0) => Told::broken(),
                ("slow", 0) => Told::ok("late").after(Duration::from_secs(30)),
                _ => Told::ok("fine"),
            }
        })
        .await;
        let client = client(&fake);
        for (body, repeat, expected) in [
            ("throttled", Repeat::Refused, Some((200, 2))),
            ("condition", Repeat::Always, Some((400, 1))),
            ("failed", Repeat::Refused, Some((500, 1))),
            ("failed", Repeat::Failed, Some((500, 3))),
            ("broken", Repeat::Failed, Some((200, 2))),
            ("broken", Repeat::Refused, None),
            ("slow", Repeat::Always, Some((200, 2))),
            ("slow", Repeat::Failed, None),
        ] {
            seen.store(0, Ordering::Relaxed);
            let timeout = Duration::from_millis(if body == "slow" { 100 } else { 20_000 });
            let call = Call { repeat, timeout, backoff: QUICK, ..Call::post(&Service::SQS, body.into()) };
            let answer = client.call(&call).await.ok().map(|answer| (answer.response.status, answer.attempts));
            assert_eq!(answer, expected, "{body} {repeat:?}");
        }
    }

    #[tokio::test]
    async fn where_everything_fails_repetition_ends() {
        let fake = Fake::start(|_| Told::status(500, "")).await;
        let client = client(&fake);
        let call = Call { backoff: QUICK, ..Call::post(&Service::SQS, Bytes::new()) };
        let mut attempts = 0;
        for _ in 0..30 {
            attempts += client.call(&call).await.unwrap().attempts;
        }
        assert_eq!(attempts, 30 + 35, "500 tokens are 35 repetitions");
    }

    #[tokio::test]
    async fn a_wrong_clock_is_corrected() {
        let seen = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&seen);
        let fake = Fake::start(move |request| {
            counted.fetch_add(1, Ordering::Relaxed);
            if request.header("x-amz-date").unwrap().starts_with("2001") {
                Told::ok("fine")
            } else {
                Told::status(403, "<Error><Code>RequestTimeTooSkewed</Code></Error>")
                    .header("date", "Mon, 01 Jan 2001 00:00:00 GMT")
            }
        })
        .await;
        let client = client(&fake);
        let call = Call { backoff: QUICK, ..Call::post(&Service::S3, Bytes::new()) };
        for tries in [2, 1] {
            assert_eq!(client.call(&call).await.unwrap().attempts, tries);
        }
        assert_eq!(seen.load(Ordering::Relaxed), 3);
    }
}

//! Signed calls of AWS services, repeated where a service asks for that.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use millrace_app::Timestamp;
use millrace_asl::Failure;

use crate::config::{CALL, Config, Endpoint, LARGEST_ANSWER};
use crate::credentials::{Cache, Credentials, own};
use crate::fault::Fault;
use crate::http::{HttpClient, HttpError, Limits, Request, Response};
use crate::service::{STS, Service};
use crate::sigv4::{Scope, encode_query, sign};
use crate::xml;

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often a call is tried.
const TRIES: u32 = 3;

/// When a call may be made again although it may have been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// After any failure of the server's side.
    Failed,
    /// Only where it was certainly not done: no connection, or throttled.
    Refused,
}

/// A call of a service.
#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    pub(crate) service: &'a Service,
    pub(crate) method: Method,
    /// Encoded, beginning with a slash.
    pub(crate) path: String,
    /// Encoded, without the question mark.
    pub(crate) query: String,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Bytes,
    pub(crate) timeout: Duration,
    pub(crate) repeat: Repeat,
    /// Another region than the configured one.
    pub(crate) region: Option<String>,
    /// Stands before the host's name, for buckets.
    pub(crate) subdomain: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// A `POST` to the service's root.
    pub(crate) const fn post(service: &'a Service, body: Bytes) -> Self {
        Self {
            service,
            method: Method::POST,
            path: String::new(),
            query: String::new(),
            headers: Vec::new(),
            body,
            timeout: CALL,
            repeat: Repeat::Failed,
            region: None,
            subdomain: None,
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((HeaderName::from_static(name), value.into()));
        self
    }
}

/// An answer with the number of tries that it took.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response,
    pub(crate) attempts: u32,
}

impl Answer {
    pub(crate) const fn succeeded(&self) -> bool {
        self.response.status >= 200 && self.response.status < 300
    }
}

/// Services as configured. Connections and credentials are shared by all calls.
#[derive(Debug)]
pub(crate) struct Aws {
    pub(crate) config: Config,
    pub(crate) http: HttpClient,
    cache: Cache,
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A pause that doubles with each try, and differs between callers that were refused together.
fn pause(attempt: u32) -> Duration {
    let base = Duration::from_millis(100 * (1 << attempt.min(6)));
    let spread = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos() % 1_000;
    (base / 2 + base * spread / 2_000).min(LONGEST_PAUSE)
}

/// Did the service say that it has too much to do?
fn is_throttled(response: &Response) -> bool {
    let body = response.body.get(..response.body.len().min(1_024)).unwrap_or_default();
    let told = String::from_utf8_lossy(body);
    let kind = response.header("x-amzn-errortype").unwrap_or_default();
    matches!(response.status, 429 | 503)
        || response.status == 400
            && ["Throttling", "ThrottledException", "ProvisionedThroughputExceeded", "RequestLimitExceeded"]
                .iter()
                .any(|name| kind.contains(name) || told.contains(name))
}

impl Aws {
    pub(crate) fn new(config: Config) -> Self {
        Self { config, http: HttpClient::default(), cache: Cache::default() }
    }

    /// Calls a service as `role`, or as the process itself. An answer of any status is an answer.
    ///
    /// # Errors
    /// [`Fault::Client`] where there are no credentials or no answer; [`Fault::Named`] where the role can't be assumed.
    pub(crate) async fn call(&self, role: Option<&str>, call: &Call<'_>) -> Result<Answer, Fault> {
        let region = call.region.as_deref().unwrap_or(&self.config.region);
        let endpoint = self.config.endpoint(call.service, region);
        let credentials = self.credentials(role, &endpoint).await?;
        self.send(call, &endpoint, region, &credentials).await
    }

    async fn send(
        &self,
        call: &Call<'_>,
        endpoint: &Endpoint,
        region: &str,
        credentials: &Credentials,
    ) -> Result<Answer, Fault> {
        let limits = Limits { timeout: call.timeout, body: LARGEST_ANSWER };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut request = request(call, endpoint)?;
            sign(&mut request, Scope { service: call.service.signing, region, at: now() }, credentials)?;
            let answer = self.http.send(request, limits).await;
            let again = match &answer {
                Ok(response) if is_throttled(response) => true,
                Ok(response) => response.status >= 500 && call.repeat == Repeat::Failed,
                Err(HttpError::Unreachable { .. }) => true,
                Err(HttpError::Broken { .. }) => call.repeat == Repeat::Failed,
                Err(HttpError::TimedOut { .. } | HttpError::TooLarge { .. } | HttpError::NoRoots) => false,
            };
            if !again || attempts >= TRIES {
                return Ok(Answer { response: answer?, attempts });
            }
            tokio::time::sleep(pause(attempts)).await;
        }
    }

    /// As whom a call is made: the process itself, then the role of all calls, then the task's own.
    async fn credentials(&self, role: Option<&str>, endpoint: &Endpoint) -> Result<Credentials, Fault> {
        let mut credentials = own(&self.http, &self.cache, endpoint, now()).await?;
        let sts = self.config.endpoint(&STS, &self.config.region);
        // A service on this machine without an STS beside it knows no roles.
        if endpoint.is_local() && !sts.overridden {
            return Ok(credentials);
        }
        let mut chain = String::new();
        for role in self.config.role_arn.as_deref().into_iter().chain(role) {
            chain.push_str(role);
            chain.push(' ');
            credentials = match self.cache.get(&chain, now()) {
                Some(known) => known,
                None => {
                    let (assumed, end) = self.assume(role, &sts, &credentials).await?;
                    self.cache.put(&chain, assumed.clone(), end);
                    assumed
                }
            };
        }
        Ok(credentials)
    }

    async fn assume(
        &self,
        role: &str,
        sts: &Endpoint,
        credentials: &Credentials,
    ) -> Result<(Credentials, Timestamp), Fault> {
        let body = encode_query([
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", "millrace"),
        ]);
        let call = Call::post(&STS, body.into()).header("content-type", "application/x-www-form-urlencoded");
        let answer = self.send(&call, sts, &self.config.region, credentials).await?;
        let refused = |reason: String| {
            let cause = format!("The role {role} is not authorized to be assumed by the workflow: {reason}");
            Fault::Named(Failure::new("States.Permissions", cause))
        };
        if !answer.succeeded() {
            return Err(refused(xml::fault(&answer.response, answer.attempts).to_string()));
        }
        let read = xml::read(&answer.response, |root| {
            let found = xml::child(xml::child(root, "AssumeRoleResult")?, "Credentials")?;
            let fields = ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"];
            let fields = fields.map(|name| (name, xml::text(found, &[name]).unwrap_or_default()));
            Credentials::from_json(&fields.into_iter().collect())
        });
        read.ok_or_else(|| refused("STS answered no credentials".to_owned()))
    }
}

fn request(call: &Call<'_>, endpoint: &Endpoint) -> Result<Request, Fault> {
    let mut url = match (call.subdomain, endpoint.base.split_once("://")) {
        (Some(subdomain), Some((scheme, host))) => format!("{scheme}://{subdomain}.{host}"),
        _ => endpoint.base.clone(),
    };
    url.push_str(if call.path.is_empty() { "/" } else { &call.path });
    if !call.query.is_empty() {
        url.push('?');
        url.push_str(&call.query);
    }
    let invalid = |what: &str| Fault::Client(format!("{what} can't be sent in a request to {}", call.service.host));
    let mut request = http::Request::new(call.body.clone());
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = url.parse().map_err(|_| invalid("the address"))?;
    for (name, value) in &call.headers {
        let value = HeaderValue::from_str(value).map_err(|_| invalid(name.as_str()))?;
        request.headers_mut().append(name.clone(), value);
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::fake::{Answer as Told, Fake};
    use crate::service::{LAMBDA, SQS};

    pub(crate) fn aws(variables: &[(&str, &str)]) -> Aws {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Aws::new(Config::from_variables(variables).unwrap())
    }

    #[tokio::test]
    async fn a_throttled_call_is_made_again_and_a_broken_one_only_where_that_is_safe() {
        let seen = std::sync::Arc::new(AtomicU32::new(0));
        let counted = std::sync::Arc::clone(&seen);
        let fake = Fake::start(move |request| {
            let count = counted.fetch_add(1, Ordering::Relaxed);
            match (request.text(), count) {
                ("throttled", 0) => Told::status(400, r#"{"__type":"ThrottlingException"}"#),
                ("failed", _) => Told::status(500, ""),
                _ => Told::ok("fine"),
            }
        })
        .await;
        let aws = aws(&[("AWS_ENDPOINT_URL", &fake.url)]);
        for (body, repeat, expected) in [
            ("throttled", Repeat::Refused, (200, 2)),
            ("failed", Repeat::Refused, (500, 1)),
            ("failed", Repeat::Failed, (500, 3)),
        ] {
            seen.store(0, Ordering::Relaxed);
            let call = Call { repeat, ..Call::post(&SQS, body.into()) };
            let answer = aws.call(None, &call).await.unwrap();
            assert_eq!((answer.response.status, answer.attempts), expected, "{body} {repeat:?}");
        }
    }

    #[tokio::test]
    async fn a_role_is_assumed_once_and_then_signs() {
        let sts = Fake::start(|request| {
            let role = if request.text().contains("role%2Fbase") { "BASE" } else { "TASK" };
            assert!(request.text().starts_with("Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam"));
            Told::ok(format!(
                "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
                 <AccessKeyId>{role}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>token-{role}\
                 </SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>\
                 </AssumeRoleResponse>"
            ))
        })
        .await;
        let lambda = Fake::start(|request| {
            let told = [request.header("authorization"), request.header("x-amz-security-token")];
            Told::ok(told.map(Option::unwrap_or_default).join(" "))
        })
        .await;
        let aws = aws(&[
            ("AWS_ENDPOINT_URL_STS", &sts.url),
            ("AWS_ENDPOINT_URL_LAMBDA", &lambda.url),
            ("INTEGRATIONS_ROLE_ARN", "arn:aws:iam::1:role/base"),
        ]);
        let call = Call::post(&LAMBDA, Bytes::new());
        for (role, id) in [(None, "BASE"), (Some("arn:aws:iam::2:role/task"), "TASK"), (None, "BASE")] {
            let answer = aws.call(role, &call).await.unwrap();
            let text = String::from_utf8(answer.response.body.to_vec()).unwrap();
            assert!(text.starts_with(&format!("AWS4-HMAC-SHA256 Credential={id}/")), "{text}");
            assert!(
                text.contains("/us-east-1/lambda/aws4_request") && text.ends_with(&format!("token-{id}")),
                "{text}"
            );
        }
        assert_eq!(sts.connections(), 1);
    }

    #[tokio::test]
    async fn a_role_that_refuses_is_told_and_a_machine_without_sts_knows_no_roles() {
        let sts = Fake::start(|_| {
            Told::status(
                403,
                "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
            )
        })
        .await;
        let lambda = Fake::start(|_| Told::ok("fine")).await;
        let call = Call::post(&LAMBDA, Bytes::new());
        let role = Some("arn:aws:iam::2:role/task");
        let both = aws(&[("AWS_ENDPOINT_URL_STS", &sts.url), ("AWS_ENDPOINT_URL_LAMBDA", &lambda.url)]);
        let Err(Fault::Named(failure)) = both.call(role, &call).await else { panic!("the role refuses") };
        assert_eq!(failure.error.as_deref(), Some("States.Permissions"));
        assert!(failure.cause.unwrap().ends_with("AccessDenied: no"));
        let alone = aws(&[("AWS_ENDPOINT_URL_LAMBDA", &lambda.url)]);
        assert!(alone.call(role, &call).await.unwrap().succeeded());
    }
}

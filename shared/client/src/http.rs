//! A pooled HTTP client: HTTP/1.1, over TLS where the address says https.
//!
//! It owns connections, deadlines and the bound of a body. It knows no service, signs nothing and repeats nothing.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use millrace_app::addresses::is_public;

use crate::addresses::Resolver;

/// How long connecting may take, name and handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an unused connection is kept: less than servers and gateways keep theirs.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// A call that waits long for its answer keeps its connection alive through gateways that forget silent ones.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// A request with its whole body.
pub type Request = http::Request<Bytes>;

/// How long is waited for a body that nobody wants.
const DRAIN: Duration = Duration::from_secs(1);

/// What a request may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the start to the last byte of the answer.
    pub timeout: Duration,
    /// Bytes of the answer's body.
    pub body: usize,
}

/// An answer with its whole body.
#[derive(Debug, Clone)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Response {
    /// A header's text; `None` when it is absent or no text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Why there is no answer. The texts name the host and nothing of the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nothing was sent.
    #[error("{host}: {reason}")]
    Unreachable {
        /// Who did not answer.
        host: String,
        /// What the connection says.
        reason: String,
    },
    /// The request may have arrived.
    #[error("{host}: {reason}")]
    Broken {
        /// Who was called.
        host: String,
        /// What the connection says.
        reason: String,
    },
    /// The request may have arrived.
    #[error("{host}: no answer within {} seconds", .after.as_secs())]
    TimedOut {
        /// Who did not answer.
        host: String,
        /// How long was waited.
        after: Duration,
    },
    /// The answer's body is longer than allowed.
    #[error("{host}: the answer is longer than {limit} bytes")]
    TooLarge {
        /// Who answered.
        host: String,
        /// Bytes.
        limit: usize,
    },
    /// This machine has no certificates of authorities, so nobody can be trusted.
    #[error("no certificates of authorities were found on this machine")]
    NoRoots,
}

type Plain = Client<HttpConnector<Resolver>, Full<Bytes>>;
type Tls = Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// The client. Connects to nothing until it is used.
#[derive(Debug, Default)]
pub struct HttpClient {
    guarded: bool,
    plain: OnceLock<Plain>,
    tls: OnceLock<Option<Tls>>,
}

fn connector(guarded: bool) -> HttpConnector<Resolver> {
    let mut connector = HttpConnector::new_with_resolver(Resolver::new(guarded));
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_nodelay(true);
    connector.enforce_http(false);
    connector
}

fn builder() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_idle_timeout(IDLE_TIMEOUT).pool_timer(TokioTimer::new());
    builder
}

fn host_of(uri: &Uri) -> String {
    uri.authority().map(|authority| authority.host().to_owned()).unwrap_or_default()
}

/// The innermost cause says what went wrong; the outer ones only that something did.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

impl HttpClient {
    /// A client that reaches addresses of the public internet only ([`is_public`]): for addresses that users give. What a
    /// name stands for is checked when it is connected to.
    #[must_use]
    pub fn guarded() -> Self {
        Self { guarded: true, ..Self::default() }
    }

    fn plain(&self) -> &Plain {
        self.plain.get_or_init(|| builder().build(connector(self.guarded)))
    }

    /// Reading the machine's certificates takes a few milliseconds: not before somebody needs them.
    fn tls(&self) -> Option<&Tls> {
        let client = self.tls.get_or_init(|| {
            let provider = rustls::crypto::ring::default_provider();
            let roots = hyper_rustls::HttpsConnectorBuilder::new().with_provider_and_native_roots(provider);
            match roots {
                Ok(roots) => {
                    Some(builder().build(roots.https_only().enable_http1().wrap_connector(connector(self.guarded))))
                }
                Err(error) => {
                    tracing::error!(%error, "certificates of authorities can't be read");
                    None
                }
            }
        });
        client.as_ref()
    }

    /// Sends a request and reads the whole answer. An answer of any status is an answer.
    ///
    /// # Errors
    /// [`HttpError`]
    pub async fn send(&self, request: Request, limits: Limits) -> Result<Response, HttpError> {
        let host = host_of(request.uri());
        match tokio::time::timeout(limits.timeout, self.exchange(request, &host, limits.body)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(HttpError::TimedOut { host, after: limits.timeout }),
        }
    }

    /// Sends a request for the status and the headers of its answer. The body is read only so far that the connection can be used
    /// again: what is longer than the limit, late or cut does not matter any more.
    ///
    /// # Errors
    /// [`HttpError`], but [`HttpError::TooLarge`]
    pub async fn send_for_status(&self, request: Request, limits: Limits) -> Result<Response, HttpError> {
        let host = host_of(request.uri());
        let (parts, body) = match tokio::time::timeout(limits.timeout, self.head(request, &host)).await {
            Ok(answer) => answer?.into_parts(),
            Err(_elapsed) => return Err(HttpError::TimedOut { host, after: limits.timeout }),
        };
        let _left = tokio::time::timeout(DRAIN, Limited::new(body, limits.body).collect()).await;
        Ok(Response { status: parts.status.as_u16(), headers: parts.headers, body: Bytes::new() })
    }

    async fn exchange(&self, request: Request, host: &str, limit: usize) -> Result<Response, HttpError> {
        let (parts, body) = self.head(request, host).await?.into_parts();
        let body = Limited::new(body, limit).collect().await.map_err(|error| {
            let host = host.to_owned();
            if error.is::<LengthLimitError>() {
                HttpError::TooLarge { host, limit }
            } else {
                HttpError::Broken { host, reason: reason(&*error) }
            }
        })?;
        Ok(Response { status: parts.status.as_u16(), headers: parts.headers, body: body.to_bytes() })
    }

    /// Sends a request; the answer's body is still to come.
    async fn head(&self, request: Request, host: &str) -> Result<http::Response<Incoming>, HttpError> {
        let secure = request.uri().scheme_str() == Some("https");
        // Numbers are never looked up.
        let numbers = host.trim_start_matches('[').trim_end_matches(']').parse();
        if self.guarded && numbers.is_ok_and(|ip| !is_public(ip)) {
            let reason = "it is not an address of the public internet".to_owned();
            return Err(HttpError::Unreachable { host: host.to_owned(), reason });
        }
        let request = request.map(Full::new);
        let answer = if secure {
            self.tls().ok_or(HttpError::NoRoots)?.request(request).await
        } else {
            self.plain().request(request).await
        };
        answer.map_err(|error| {
            let (host, reason) = (host.to_owned(), reason(&error));
            if error.is_connect() {
                HttpError::Unreachable { host, reason }
            } else {
                HttpError::Broken { host, reason }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_simulation::http::{Answer, Fake};

    const LIMITS: Limits = Limits { timeout: Duration::from_secs(5), body: 100 };

    fn get(url: &str) -> Request {
        http::Request::get(url).body(Bytes::new()).unwrap()
    }

    #[tokio::test]
    async fn a_connection_is_used_again() {
        let fake = Fake::start(|_| Answer::ok("fine")).await;
        let client = HttpClient::default();
        for _ in 0..3 {
            let answer = client.send(get(&fake.url), LIMITS).await.unwrap();
            assert_eq!((answer.status, answer.body.as_ref()), (200, b"fine".as_ref()));
        }
        assert_eq!(fake.connections(), 1);
    }

    #[tokio::test]
    async fn an_answer_has_its_time_and_its_length() {
        let fake = Fake::start(|request| match request.path.as_str() {
            "/slow" => Answer::ok("late").after(Duration::from_secs(30)),
            _ => Answer::ok("x".repeat(101)),
        })
        .await;
        let client = HttpClient::default();
        let host = "127.0.0.1".to_owned();
        let long = client.send(get(&format!("{}/long", fake.url)), LIMITS).await.unwrap_err();
        assert_eq!(long, HttpError::TooLarge { host: host.clone(), limit: 100 });
        let after = Duration::from_millis(50);
        let slow = client.send(get(&format!("{}/slow", fake.url)), Limits { timeout: after, ..LIMITS }).await;
        assert_eq!(slow.unwrap_err(), HttpError::TimedOut { host, after });
    }

    #[tokio::test]
    async fn a_guarded_client_reaches_no_address_of_its_own_network() {
        let fake = Fake::start(|_| Answer::ok("secret")).await;
        let port = fake.url.rsplit(':').next().unwrap().to_owned();
        let client = HttpClient::guarded();
        for host in ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433"]
        {
            let error = client.send(get(&format!("http://{host}:{port}/")), LIMITS).await.unwrap_err();
            assert!(matches!(error, HttpError::Unreachable { .. }), "{host}: {error:?}");
        }
        assert_eq!(fake.connections(), 0);
    }

    #[tokio::test]
    async fn nobody_there_is_told_from_an_answer_that_breaks_off() {
        let client = HttpClient::default();
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = closed.local_addr().unwrap();
        drop(closed);
        let error = client.send(get(&format!("http://{address}/")), LIMITS).await.unwrap_err();
        assert!(matches!(&error, HttpError::Unreachable { reason, .. } if reason.contains("refused")), "{error:?}");
        let fake = Fake::start(|_| Answer::broken()).await;
        let error = client.send(get(&fake.url), LIMITS).await.unwrap_err();
        assert!(matches!(error, HttpError::Broken { .. }), "{error:?}");
    }
}

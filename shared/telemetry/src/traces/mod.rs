//! Spans, sent to a collector as OTLP over HTTP in JSON.
//!
//! Spans wait in memory and are sent together, from time to time or when a function's invocation ends. What can't be sent
//! is tried once more with the next ones, and is lost where too many wait: nothing that is traced ever waits for it.

mod config;
mod json;
mod sampler;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use millrace_app::traces::{self, Recorder, Remote, Span, SpanId, TraceId};
use millrace_client::{Client, Endpoints, Limits, Request, Scope, Service, now, sign};

use crate::chain;
pub use config::{ConfigError, TracesConfig};

/// X-Ray, whose endpoint for OTLP takes signed requests
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html>).
const XRAY: Service = Service::new("XRAY", "xray");
/// The largest answer that is read.
const ANSWER: usize = 64 * 1024;

/// Sends spans. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Traces(Arc<Inner>);

struct Inner {
    config: TracesConfig,
    client: Client,
    /// The region of X-Ray, where that is who gets them.
    xray: Option<String>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    spans: VecDeque<Span>,
    lost: u64,
    /// Was it said that they can't be sent?
    is_told: bool,
}

impl fmt::Debug for Traces {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Traces").field("config", &self.0.config).finish_non_exhaustive()
    }
}

/// The one of this process.
static TRACES: OnceLock<Traces> = OnceLock::new();

/// Starts tracing in this process, once: a second call answers the first one's.
pub fn start(config: TracesConfig) -> Traces {
    let traces = TRACES.get_or_init(|| Traces::new(config));
    traces::install(Box::new(traces.clone()));
    traces.clone()
}

/// Sends all spans that wait, where this process is traced.
pub async fn flush() {
    if let Some(traces) = TRACES.get() {
        traces.flush().await;
    }
}

/// Why spans were not sent, and whether that may pass.
struct Unsent {
    reason: String,
    is_passing: bool,
}

impl Traces {
    fn new(config: TracesConfig) -> Self {
        let xray = config.endpoint.host().and_then(|host| {
            let region = host.strip_prefix("xray.")?.split_once(".amazonaws.com")?.0;
            Some(region.to_owned())
        });
        let variables = std::env::vars_os();
        let variables =
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let client = Client::new(Endpoints::read(variables).0);
        Self(Arc::new(Inner { config, client, xray, waiting: Mutex::default() }))
    }

    /// Sends spans from time to time, for ever.
    pub async fn run(self) {
        loop {
            tokio::time::sleep(self.0.config.delay).await;
            self.flush().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends all spans that wait; one failure ends it.
    pub async fn flush(&self) {
        loop {
            let (batch, lost): (Vec<Span>, u64) = {
                let mut waiting = self.waiting();
                let number = waiting.spans.len().min(self.0.config.batch);
                (waiting.spans.drain(..number).collect(), std::mem::take(&mut waiting.lost))
            };
            if lost > 0 {
                tracing::warn!(lost, "spans were lost: more waited than OTEL_BSP_MAX_QUEUE_SIZE");
            }
            if batch.is_empty() {
                return;
            }
            let Err(Unsent { reason, is_passing }) = self.send(&batch).await else {
                self.waiting().is_told = false;
                continue;
            };
            let mut waiting = self.waiting();
            if !std::mem::replace(&mut waiting.is_told, true) {
                tracing::warn!(reason, spans = batch.len(), is_passing, "spans can't be sent");
            }
            if is_passing {
                let room = self.0.config.queue.saturating_sub(waiting.spans.len());
                waiting.lost += u64::try_from(batch.len().saturating_sub(room)).unwrap_or_default();
                batch.into_iter().rev().take(room).for_each(|span| waiting.spans.push_front(span));
            }
            return;
        }
    }

    async fn send(&self, spans: &[Span]) -> Result<(), Unsent> {
        let lasting = |reason: String| Unsent { reason, is_passing: false };
        let Inner { config, client, xray, .. } = &*self.0;
        let body = Bytes::from(json::request(&config.resource, spans).to_string());
        let mut request: Request = http::Request::new(body);
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = config.endpoint.clone();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &config.headers {
            let (name, value) = (name.parse::<HeaderName>(), HeaderValue::from_str(value.expose()));
            let (Ok(name), Ok(mut value)) = (name, value) else {
                return Err(lasting(
                    "OTEL_EXPORTER_OTLP_HEADERS has a name or a value that no header takes".to_owned(),
                ));
            };
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        if let Some(region) = xray {
            let endpoint = Endpoints::default().of(&XRAY, region);
            let credentials = client.credentials(&endpoint).await.map_err(|error| lasting(error.to_string()))?;
            let scope = Scope { service: XRAY.host, region, at: now() };
            sign(&mut request, scope, &credentials).map_err(|error| lasting(error.to_string()))?;
        }
        let limits = Limits { timeout: config.timeout, body: ANSWER };
        match client.http().send(request, limits).await {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(Unsent {
                reason: format!("the collector answers with status {}", answer.status),
                // <https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes>
                is_passing: matches!(answer.status, 429 | 502 | 503 | 504),
            }),
            Err(error) => Err(Unsent { reason: chain(&error), is_passing: true }),
        }
    }
}

/// Random bytes that are not all zeros.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Where there is no randomness, the ids of spans are the least problem; a zero would make the span none.
    if getrandom::fill(&mut bytes).is_err() || bytes == [0; N] {
        bytes = [1; N];
    }
    bytes
}

impl Recorder for Traces {
    fn now(&self) -> u64 {
        let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)
    }

    fn fresh(&self) -> SpanId {
        random()
    }

    /// A new trace's id begins with the time in seconds, as X-Ray's do.
    fn sample(&self, remote: Option<Remote>) -> Option<TraceId> {
        let trace = remote.map_or_else(
            || {
                let mut trace: TraceId = random();
                let seconds = u32::try_from(self.now() / 1_000_000_000).unwrap_or(u32::MAX);
                trace.iter_mut().zip(seconds.to_be_bytes()).for_each(|(place, byte)| *place = byte);
                trace
            },
            |remote| remote.context.trace,
        );
        self.0.config.sampler.takes(remote, &trace).then_some(trace)
    }

    fn record(&self, span: Span) {
        let mut waiting = self.waiting();
        if waiting.spans.len() < self.0.config.queue {
            waiting.spans.push_back(span);
        } else {
            waiting.lost += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use millrace_app::traces::{Kind, SpanContext};
    use millrace_simulation::http::{Answer, Fake, Seen};
    use serde_json::Value;

    use super::*;

    fn traces(endpoint: &str, more: &[(&str, &str)]) -> Traces {
        let find = |name: &str| match name {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" => Some(endpoint.to_owned()),
            name => more.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
        };
        Traces::new(TracesConfig::from_variables("test", find).unwrap().unwrap())
    }

    fn span(traces: &Traces) -> Span {
        let context = SpanContext { trace: traces.sample(None).unwrap(), span: traces.fresh() };
        let (name, kind, now) = ("a".to_owned(), Kind::Server, traces.now());
        Span { context, parent: None, name, kind, began: now, ended: now, attributes: Vec::new(), error: None }
    }

    #[tokio::test]
    async fn spans_are_sent_in_batches_with_the_headers() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        let fake = Fake::start(move |request: &Seen| {
            told.lock().unwrap().push(request.clone());
            Answer::ok("{}")
        });
        let fake = fake.await;
        let more = [("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")];
        let traces = traces(&format!("{}/v1/traces", fake.url), &more);
        for _ in 0..3 {
            traces.record(span(&traces));
        }
        traces.flush().await;
        traces.flush().await;
        let seen = seen.lock().unwrap();
        let spans = |seen: &Seen| seen.json()["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().len();
        assert_eq!(seen.iter().map(spans).collect::<Vec<_>>(), [2, 1]);
        let first = seen.first().unwrap();
        assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", "/v1/traces"));
        assert_eq!((first.header("x-key"), first.header("content-type")), (Some("hunter2"), Some("application/json")));
        assert_eq!(first.header("authorization"), None);
    }

    #[tokio::test]
    async fn what_fails_for_now_is_sent_again_and_too_many_are_lost() {
        let calls = Arc::new(AtomicUsize::new(0));
        let (number, sent) = (Arc::clone(&calls), Arc::new(Mutex::new(Vec::<Value>::new())));
        let told = Arc::clone(&sent);
        let fake = Fake::start(move |request: &Seen| match number.fetch_add(1, Ordering::SeqCst) {
            0 => Answer::status(503, ""),
            1 => {
                told.lock().unwrap().push(request.json());
                Answer::ok("{}")
            }
            _ => Answer::status(400, ""),
        });
        let fake = fake.await;
        let traces = traces(&fake.url, &[("OTEL_BSP_MAX_QUEUE_SIZE", "2")]);
        for _ in 0..5 {
            traces.record(span(&traces));
        }
        let number = |traces: &Traces| traces.waiting().spans.len();
        assert_eq!(number(&traces), 2);
        assert_eq!(traces.waiting().lost, 3);
        traces.flush().await;
        assert_eq!(number(&traces), 2, "it may pass");
        traces.flush().await;
        assert_eq!(sent.lock().unwrap().len(), 1);
        traces.record(span(&traces));
        traces.flush().await;
        assert_eq!((number(&traces), calls.load(Ordering::SeqCst)), (0, 3), "400 will not pass");
    }

    #[test]
    fn only_x_rays_own_address_gets_signed_requests() {
        let region = |endpoint: &str| traces(endpoint, &[]).0.xray.clone();
        assert_eq!(region("https://xray.eu-west-1.amazonaws.com/v1/traces").as_deref(), Some("eu-west-1"));
        assert_eq!(region("https://collector.example/v1/traces"), None);
    }
}

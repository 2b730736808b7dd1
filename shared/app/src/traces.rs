//! Spans: what took how long, and within what, from a request to the last worker.
//!
//! There are few of them: requests, executions, messages, tasks and calls of models. Where nobody has installed a
//! [`Recorder`] there are none, and nothing is asked of clocks or of chance. Contexts exist for spans that are recorded
//! only: what is not sampled has none.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use crate::origin::Origin;

/// Names a trace: not only zeros.
pub type TraceId = [u8; 16];
/// Names a span within its trace: not only zeros.
pub type SpanId = [u8; 8];

/// A span that is recorded, as others refer to it. As text `{trace}-{span}` in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpanContext {
    /// Its trace.
    pub trace: TraceId,
    /// It.
    pub span: SpanId,
}

/// A text that names no span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it names no span")]
pub struct NoSpan;

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], NoSpan> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(NoSpan);
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(2 * at..2 * at + 2).ok_or(NoSpan)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| NoSpan)?;
    }
    if bytes.iter().all(|byte| *byte == 0) { Err(NoSpan) } else { Ok(bytes) }
}

/// Bytes as lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for SpanContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", hex(&self.trace), hex(&self.span))
    }
}

impl FromStr for SpanContext {
    type Err = NoSpan;

    fn from_str(text: &str) -> Result<Self, NoSpan> {
        let (trace, span) = text.split_once('-').ok_or(NoSpan)?;
        Ok(Self { trace: bytes(trace)?, span: bytes(span)? })
    }
}

impl TryFrom<String> for SpanContext {
    type Error = NoSpan;

    fn try_from(text: String) -> Result<Self, NoSpan> {
        text.parse()
    }
}

impl From<SpanContext> for String {
    fn from(context: SpanContext) -> Self {
        context.to_string()
    }
}

impl SpanContext {
    /// AWS's form of it: `Root=1-…;Parent=…;Sampled=1`
    /// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>).
    #[must_use]
    pub fn amazon(&self) -> String {
        let trace = hex(&self.trace);
        let (time, rest) = trace.split_at(8);
        format!("Root=1-{time}-{rest};Parent={};Sampled=1", hex(&self.span))
    }
}

/// A span of somebody else, as a request names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote {
    /// It.
    pub context: SpanContext,
    /// Is it recorded there?
    pub sampled: bool,
}

impl Remote {
    /// Reads a header `traceparent` (<https://www.w3.org/TR/trace-context/#traceparent-header>). `None` where it is none: who
    /// gets such a one begins a trace.
    #[must_use]
    pub fn from_traceparent(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str| text.len() == 2 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        // Later versions may add parts; this one has four.
        if !hex(version) || version == "ff" || !hex(flags) || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let context = SpanContext { trace: bytes(trace).ok()?, span: bytes(span).ok()? };
        Some(Self { context, sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1 })
    }

    /// The span that a request's headers name: W3C's header goes before AWS's.
    #[must_use]
    pub fn from_headers<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let w3c = header("traceparent").and_then(Self::from_traceparent);
        w3c.or_else(|| header("x-amzn-trace-id").and_then(Self::from_amazon))
    }

    /// Reads AWS's trace header: `Root=1-…;Parent=…;Sampled=0`. `None` where it lacks one of them.
    #[must_use]
    pub fn from_amazon(text: &str) -> Option<Self> {
        let member = |name: &str| text.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let root = member("Root")?.strip_prefix("1-")?.replace('-', "");
        let context = SpanContext { trace: bytes(&root).ok()?, span: bytes(member("Parent")?).ok()? };
        Some(Self { context, sampled: member("Sampled")? == "1" })
    }
}

/// What a span is, as OpenTelemetry calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Work within the process.
    Internal,
    /// A request that was answered.
    Server,
    /// A call of somebody else.
    Client,
    /// A message that was handled.
    Consumer,
}

/// What is known of a span. Never what users, models or services sent: names, ids and numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// Several.
    Texts(Vec<String>),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Attribute {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<f32> for Attribute {
    fn from(number: f32) -> Self {
        Self::Float(f64::from(number))
    }
}

/// A span that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// It.
    pub context: SpanContext,
    /// The span within which it was, in the same trace.
    pub parent: Option<SpanId>,
    /// Few different ones: no ids.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Nanoseconds since 1970.
    pub began: u64,
    /// Nanoseconds since 1970.
    pub ended: u64,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Attribute)>,
    /// The kind of error that it ended with.
    pub error: Option<String>,
}

/// Takes spans, and knows time and chance for them.
pub trait Recorder: Send + Sync {
    /// Nanoseconds since 1970.
    fn now(&self) -> u64;

    /// A span's id that no other has.
    fn fresh(&self) -> SpanId;

    /// The trace of a request's span, if it is to be recorded: another's that it names, or one of its own.
    fn sample(&self, remote: Option<Remote>) -> Option<TraceId>;

    /// Takes a span. Must not wait.
    fn record(&self, span: Span);
}

static RECORDER: OnceLock<Box<dyn Recorder>> = OnceLock::new();

/// Has spans recorded from now on, for the life of the process. False where there is a recorder already.
pub fn install(recorder: Box<dyn Recorder>) -> bool {
    RECORDER.set(recorder).is_ok()
}

fn recorder() -> Option<&'static dyn Recorder> {
    RECORDER.get().map(AsRef::as_ref)
}

/// A span that is under way. It ends when it is dropped. Where nothing is recorded it is nothing.
#[derive(Debug, Default)]
pub struct Ongoing(Option<Box<Span>>);

/// Begins the span of a request, which may name a span of its caller's.
pub fn request(remote: impl FnOnce() -> Option<Remote>, kind: Kind, name: impl FnOnce() -> String) -> Ongoing {
    let Some(recorder) = recorder() else { return Ongoing::default() };
    let remote = remote();
    let Some(trace) = recorder.sample(remote) else { return Ongoing::default() };
    let parent = remote.map(|remote| remote.context.span);
    Ongoing::begin(recorder, trace, parent, kind, name())
}

/// Begins a span within another, where that is recorded.
pub fn within(parent: Option<SpanContext>, kind: Kind, name: impl FnOnce() -> String) -> Ongoing {
    match (recorder(), parent) {
        (Some(recorder), Some(parent)) => Ongoing::begin(recorder, parent.trace, Some(parent.span), kind, name()),
        _ => Ongoing::default(),
    }
}

impl Ongoing {
    fn begin(recorder: &dyn Recorder, trace: TraceId, parent: Option<SpanId>, kind: Kind, name: String) -> Self {
        let (context, began) = (SpanContext { trace, span: recorder.fresh() }, recorder.now());
        Self(Some(Box::new(Span { context, parent, name, kind, began, ended: 0, attributes: Vec::new(), error: None })))
    }

    /// It, where it is recorded.
    #[must_use]
    pub fn context(&self) -> Option<SpanContext> {
        self.0.as_ref().map(|span| span.context)
    }

    /// Notes something of it. The value is made only where it is recorded.
    pub fn note<A: Into<Attribute>>(&mut self, name: &'static str, value: impl FnOnce() -> A) {
        if let Some(span) = &mut self.0 {
            span.attributes.push((name, value().into()));
        }
    }

    /// It ends with an error of this kind.
    pub fn fail(&mut self, error: &str) {
        if let Some(span) = &mut self.0 {
            span.error = Some(error.to_owned());
        }
    }

    /// Runs a future as a part of it: what begins there is within it.
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        match self.context() {
            None => future.await,
            span => Origin { span, ..Origin::current() }.scope(future).await,
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        if let (Some(mut span), Some(recorder)) = (self.0.take(), recorder()) {
            span.ended = recorder.now().max(span.began);
            recorder.record(*span);
        }
    }
}

/// The span of an execution, which many processes work at: it is named when it starts, and told when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExecutionSpan {
    /// It.
    pub context: SpanContext,
    /// What it was started within.
    pub parent: SpanId,
}

impl ExecutionSpan {
    /// That of an execution which is started now; none where whoever starts it is not traced.
    #[must_use]
    pub fn begin() -> Option<Self> {
        let (recorder, within) = (recorder()?, Origin::span()?);
        let context = SpanContext { trace: within.trace, span: recorder.fresh() };
        Some(Self { context, parent: within.span })
    }

    /// Records it as ended.
    pub fn end(
        &self,
        (began, ended): (Timestamp, Timestamp),
        attributes: Vec<(&'static str, Attribute)>,
        error: Option<String>,
    ) {
        let Some(recorder) = recorder() else { return };
        let nanos = |at: Timestamp| u64::try_from(at.millis()).unwrap_or_default().saturating_mul(1_000_000);
        recorder.record(Span {
            context: self.context,
            parent: Some(self.parent),
            name: "execution".to_owned(),
            kind: Kind::Internal,
            began: nanos(began),
            ended: nanos(ended),
            attributes,
            error,
        });
    }
}

impl TryFrom<String> for ExecutionSpan {
    type Error = NoSpan;

    fn try_from(text: String) -> Result<Self, NoSpan> {
        let (context, parent) = text.rsplit_once('-').ok_or(NoSpan)?;
        Ok(Self { context: context.parse()?, parent: bytes(parent)? })
    }
}

impl From<ExecutionSpan> for String {
    fn from(span: ExecutionSpan) -> Self {
        format!("{}-{}", span.context, hex(&span.parent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn traceparents_are_read_as_the_recommendation_says() {
        let read = Remote::from_traceparent(&format!("00-{TRACE}-{SPAN}-01")).unwrap();
        assert_eq!((read.context.to_string(), read.sampled), (format!("{TRACE}-{SPAN}"), true));
        assert!(!Remote::from_traceparent(&format!("00-{TRACE}-{SPAN}-00")).unwrap().sampled);
        // A later version with more parts.
        assert!(Remote::from_traceparent(&format!("cc-{TRACE}-{SPAN}-03-what")).unwrap().sampled);
        let zeros = ("0".repeat(32), "0".repeat(16));
        for wrong in [
            String::new(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{}-{SPAN}-01", zeros.0),
            format!("00-{TRACE}-{}-01", zeros.1),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("0é-{TRACE}-{SPAN}-01"),
        ] {
            assert_eq!(Remote::from_traceparent(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn amazons_form_is_the_same_span() {
        let text = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        let read = Remote::from_amazon(text).unwrap();
        assert_eq!(read.context.to_string(), "5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8");
        assert_eq!((read.context.amazon().as_str(), read.sampled), (text, true));
        let more = "Self=1-2-3;Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a:0";
        assert!(!Remote::from_amazon(more).unwrap().sampled);
        for wrong in
            ["", "Root=1-5759e988-bd862e3fe1be46a994272793", "Root=1-5759e988;Parent=53995c3f42cd8ad8;Sampled=1"]
        {
            assert_eq!(Remote::from_amazon(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_executions_span_is_a_text_and_back() {
        let span = ExecutionSpan { context: format!("{TRACE}-{SPAN}").parse().unwrap(), parent: [1; 8] };
        let text = serde_json::to_string(&span).unwrap();
        assert_eq!(text, format!("\"{TRACE}-{SPAN}-0101010101010101\""));
        assert_eq!(serde_json::from_str::<ExecutionSpan>(&text).unwrap(), span);
        assert!(serde_json::from_str::<ExecutionSpan>("\"x\"").is_err());
    }

    #[test]
    fn without_a_recorder_nothing_is_asked() {
        let mut span = request(|| unreachable!(), Kind::Server, || unreachable!());
        span.note("name", || -> String { unreachable!() });
        assert_eq!(span.context(), None);
        assert_eq!(ExecutionSpan::begin(), None);
    }
}

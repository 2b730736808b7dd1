//! A log line as a JSON object with Powertools' field names.
//!
//! Fields of the spans around an event stand beside its own, so that every line of a piece of work can be found by its
//! `execution_id`, `project_id` or `request_id`; what is nearer to the event wins.

use std::fmt;
use std::sync::OnceLock;

use millrace_app::origin::Origin;
use millrace_app::traces::{SpanContext, hex};
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, format};
use tracing_subscriber::registry::LookupSpan;

/// How the fields of spans are kept until a line needs them: as JSON.
pub type JsonFields = format::JsonFields;

/// What every line of a process says.
#[derive(Debug, Clone, Default)]
pub struct Source {
    fields: Map<String, Value>,
    /// Lambda starts functions cold; nobody else does.
    is_function: bool,
}

impl Source {
    /// A process that is no function.
    #[must_use]
    pub fn process() -> Self {
        Self { fields: Map::from_iter([("service".to_owned(), json!("millrace"))]), is_function: false }
    }

    /// A function on AWS, as Lambda's environment describes it.
    #[must_use]
    pub fn function() -> Self {
        let mut source = Self { is_function: true, ..Self::process() };
        let names = [
            ("service", "POWERTOOLS_SERVICE_NAME"),
            ("function_name", "AWS_LAMBDA_FUNCTION_NAME"),
            ("function_memory_size", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
        ];
        for (field, variable) in names {
            if let Ok(value) = std::env::var(variable) {
                source.fields.insert(field.to_owned(), value.into());
            }
        }
        source
    }
}

/// Writes events as lines of JSON.
#[derive(Debug, Clone, Default)]
pub struct JsonLines {
    source: Source,
}

impl JsonLines {
    /// Lines of a process.
    #[must_use]
    pub const fn new(source: Source) -> Self {
        Self { source }
    }
}

/// The names of the Lambda runtime's own span, in Powertools' words.
const RENAMED: [(&str, &str); 2] = [("requestId", "function_request_id"), ("xrayTraceId", "xray_trace_id")];

/// Is this the first request that the process serves?
fn is_cold(request: &Value) -> bool {
    static FIRST: OnceLock<String> = OnceLock::new();
    let request = request.as_str().unwrap_or_default();
    FIRST.get_or_init(|| request.to_owned()) == request
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: format::Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Map::new();
        let mut time = String::new();
        SystemTime.format_time(&mut format::Writer::new(&mut time))?;
        let metadata = event.metadata();
        line.insert("timestamp".to_owned(), time.into());
        line.insert("level".to_owned(), metadata.level().as_str().into());
        line.insert("message".to_owned(), Value::Null);
        line.insert("location".to_owned(), metadata.target().into());
        line.extend(self.source.fields.clone());
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let Some(fields) = extensions.get::<FormattedFields<N>>() else { continue };
            let Ok(fields) = serde_json::from_str::<Map<String, Value>>(&fields.fields) else { continue };
            line.extend(fields);
        }
        for (theirs, ours) in RENAMED {
            if let Some(value) = line.shift_remove(theirs) {
                line.insert(ours.to_owned(), value);
            }
        }
        if self.source.is_function
            && let Some(cold) = line.get("function_request_id").map(is_cold)
        {
            line.insert("cold_start".to_owned(), cold.into());
        }
        if let Some(SpanContext { trace, span }) = Origin::span() {
            line.insert("trace_id".to_owned(), hex(&trace).into());
            line.insert("span_id".to_owned(), hex(&span).into());
        }
        event.record(&mut Fields(&mut line));
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// Puts an event's fields into its line.
struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().trim_start_matches("r#").to_owned(), value);
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines(source: Source, log: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let target = written.clone();
        let layer = fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines::new(source))
            .with_writer(move || target.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_has_powertools_names_and_the_fields_of_its_spans() {
        let source = Source { is_function: true, ..Source::process() };
        let lines = lines(source, || {
            for request in ["first", "first", "second"] {
                let _invoke = tracing::info_span!("invoke", requestId = request, xrayTraceId = "Root=1-2-3").entered();
                let _task = tracing::info_span!("task", execution_id = %"exe_1", state = "Outer").entered();
                tracing::warn!(state = "Inner", tries = 2, "a task failed");
            }
        });
        let line = &lines[0];
        for (name, value) in [
            ("level", json!("WARN")),
            ("message", json!("a task failed")),
            ("service", json!("millrace")),
            ("function_request_id", json!("first")),
            ("xray_trace_id", json!("Root=1-2-3")),
            ("execution_id", json!("exe_1")),
            ("state", json!("Inner")),
            ("tries", json!(2)),
        ] {
            assert_eq!(line[name], value, "{name}: {line}");
        }
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
        let cold: Vec<&Value> = lines.iter().map(|line| &line["cold_start"]).collect();
        assert_eq!(cold, [true, true, false]);
    }

    #[test]
    fn a_process_is_never_cold() {
        let lines = lines(Source::process(), || tracing::info!("hello"));
        assert_eq!((lines.len(), lines[0].get("cold_start")), (1, None));
    }
}

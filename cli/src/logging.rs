//! Logs: text for people on a terminal, else one JSON object a line; always on standard error.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use anyhow::anyhow;
use clap::ValueEnum;
pub(crate) use millrace_telemetry::chain;
use millrace_telemetry::{JsonFields, JsonLines, Measures, Registry, Source, logs, only_metrics};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `MILLRACE_LOG` holds the filter; without one it is `info`, or `error` when `quiet`.
pub(crate) fn init(format: LogFormat, quiet: bool) -> anyhow::Result<()> {
    let named = std::env::var("MILLRACE_LOG").ok().filter(|text| !text.is_empty());
    let filter = logs(named.as_deref().unwrap_or(if quiet { "error" } else { "info" })).map_err(|error| {
        let text = named.unwrap_or_default();
        anyhow!("MILLRACE_LOG holds {text:?}, which is no filter such as `warn,millrace_app=debug`: {error}")
    })?;
    let terminal = std::io::stderr().is_terminal();
    let metrics = Measures::new(|measure| metrics().record(measure)).with_filter(only_metrics());
    let registry = tracing_subscriber::registry().with(metrics);
    let lines = fmt::layer().with_writer(std::io::stderr);
    if format == LogFormat::Json || (format == LogFormat::Auto && !terminal) {
        let lines = lines.fmt_fields(JsonFields::new()).event_format(JsonLines::new(Source::process()));
        registry.with(lines.with_filter(filter)).init();
    } else {
        registry.with(lines.with_target(false).with_filter(filter)).init();
    }
    Ok(())
}

/// The metrics of this process, once logging has been started.
pub(crate) fn metrics() -> &'static Registry {
    static METRICS: OnceLock<Registry> = OnceLock::new();
    METRICS.get_or_init(Registry::default)
}

//! Logs: text for people on a terminal, else one JSON object a line; always on standard error. Those of a server also go to what
//! keeps them (`server/logs`), with a filter of their own.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use anyhow::anyhow;
use clap::ValueEnum;
use millrace_app::functions::FUNCTION_OUTPUT;
pub(crate) use millrace_telemetry::chain;
use millrace_telemetry::{JsonFields, JsonLines, Measures, Registry, Source, logs, only_metrics};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::server::logs::Sink;

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

/// Starts logging. `MILLRACE_LOG` holds the filter; without one it is `info`, or `error` when `quiet`. With `keep`, what a server
/// logs goes to [`kept`] too, as `MILLRACE_KEPT_LOG` filters it.
pub(crate) fn init(format: LogFormat, quiet: bool, keep: bool) -> anyhow::Result<()> {
    let filter = filter("MILLRACE_LOG", if quiet { "error" } else { "info" })?;
    let kept = match keep {
        true => {
            let what = format!("info,millrace_app::executions=debug,{FUNCTION_OUTPUT}=debug");
            let lines = fmt::layer().fmt_fields(JsonFields::new()).event_format(JsonLines::new(Source::process()));
            Some(lines.with_writer(|| kept().clone()).with_filter(self::filter("MILLRACE_KEPT_LOG", &what)?))
        }
        false => None,
    };
    let terminal = std::io::stderr().is_terminal();
    let metrics = Measures::new(|measure| metrics().record(measure)).with_filter(only_metrics());
    let registry = tracing_subscriber::registry().with(kept).with(metrics);
    let lines = fmt::layer().with_writer(std::io::stderr);
    if format == LogFormat::Json || (format == LogFormat::Auto && !terminal) {
        let lines = lines.fmt_fields(JsonFields::new()).event_format(JsonLines::new(Source::process()));
        registry.with(lines.with_filter(filter)).init();
    } else {
        registry.with(lines.with_target(false).with_filter(filter)).init();
    }
    Ok(())
}

/// The filter that a variable holds.
fn filter(variable: &str, otherwise: &str) -> anyhow::Result<EnvFilter> {
    let named = std::env::var(variable).ok().filter(|text| !text.is_empty());
    logs(named.as_deref().unwrap_or(otherwise)).map_err(|error| {
        let text = named.unwrap_or_default();
        anyhow!("{variable} holds {text:?}, which is no filter such as `warn,millrace_app=debug`: {error}")
    })
}

/// Where lines go that a server of this process keeps.
pub(crate) fn kept() -> &'static Sink {
    static KEPT: OnceLock<Sink> = OnceLock::new();
    KEPT.get_or_init(Sink::default)
}

/// The metrics of this process, once logging has been started.
pub(crate) fn metrics() -> &'static Registry {
    static METRICS: OnceLock<Registry> = OnceLock::new();
    METRICS.get_or_init(Registry::default)
}

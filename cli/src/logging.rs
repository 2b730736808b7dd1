//! Logs: text for people on a terminal, else one JSON object a line; always on standard error.

use std::error::Error;
use std::io::IsTerminal as _;

use anyhow::Context as _;
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

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
    let filter = match std::env::var("MILLRACE_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(&text).with_context(|| {
            format!("MILLRACE_LOG holds {text:?}, which is no filter such as `warn,millrace_app=debug`")
        })?,
        _ => EnvFilter::new(if quiet { "error" } else { "info" }),
    };
    let terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if format == LogFormat::Json || (format == LogFormat::Auto && !terminal) {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(true).init();
    } else {
        builder.with_ansi(terminal).with_target(false).init();
    }
    Ok(())
}

/// An error with all its causes, on one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

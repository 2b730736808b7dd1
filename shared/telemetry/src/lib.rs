//! Logs, metrics and traces of every process: the functions on AWS, and the local server.
//!
//! Logs are JSON objects with the field names of Powertools for AWS Lambda
//! (<https://docs.aws.amazon.com/powertools/python/latest/core/logger/>) (`json`); metrics come from `millrace_app::metrics` as
//! events of their own target and are written in CloudWatch's embedded metric format (`emf`) or kept for Prometheus
//! (`prometheus`); spans of `millrace_app::traces` go to a collector ([`traces`]). Nothing here knows a rule of the product.

mod emf;
mod json;
mod measure;
mod prometheus;
pub mod traces;

use std::io::Write as _;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

pub use emf::emf;
pub use json::{JsonFields, JsonLines, Source};
pub use measure::{Measure, Measures};
use millrace_app::functions::FUNCTION_OUTPUT;
use millrace_app::metrics::Metric;
pub use prometheus::Registry;
use traces::TracesConfig;

/// Lets a metrics layer hear of metrics and of nothing else, whatever the logs' filter says.
#[must_use]
pub fn only_metrics() -> Targets {
    Targets::new().with_target(millrace_app::metrics::TARGET, tracing::Level::INFO)
}

/// A logs' filter that leaves metrics to their own layer, and what users' functions print to whoever names
/// `millrace_function` in the filter.
///
/// # Errors
/// What is wrong with the filter, like `warn,millrace_app=debug`.
pub fn logs(filter: &str) -> Result<EnvFilter, String> {
    let names_output = filter.contains(FUNCTION_OUTPUT);
    let mut filter = EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
    for (target, is_silent) in [(millrace_app::metrics::TARGET, true), (FUNCTION_OUTPUT, !names_output)] {
        if is_silent {
            filter = filter.add_directive(format!("{target}=off").parse().map_err(|error| format!("{error}"))?);
        }
    }
    Ok(filter)
}

/// Starts logs, metrics and traces of a function of a stack on AWS, and counts its cold start: lines on standard output, where Lambda collects them. `LOG_LEVEL`
/// holds a filter (`info`, `warn,millrace_app=debug`); without one or with a wrong one it is `info`. A second call does nothing.
pub fn init_function(stack: &str, function: &str) {
    let filter = std::env::var("LOG_LEVEL").ok().and_then(|text| logs(&text).ok());
    let Ok(filter) = filter.map_or_else(|| logs("info"), Ok) else { return };
    let stack = stack.to_owned();
    let lines = fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(JsonLines::new(Source::function()))
        .with_writer(std::io::stdout);
    let metrics = Measures::new(move |measure| {
        let line = emf(&stack, measure, std::time::SystemTime::now());
        // Where nobody collects lines there is nobody to tell.
        let _ = writeln!(std::io::stdout(), "{line}");
    });
    let all = tracing_subscriber::registry().with(lines.with_filter(filter)).with(metrics.with_filter(only_metrics()));
    if all.try_init().is_err() {
        tracing::debug!("logging was started before");
        return;
    }
    millrace_app::metrics::record(Metric::ColdStart);
    match TracesConfig::from_env(function) {
        Ok(None) => {}
        Ok(Some(config)) => drop(traces::start(config)),
        // A function that works and is not seen is better than one that does not work.
        Err(error) => tracing::error!(error = chain(&error), "nothing is traced"),
    }
}

/// An error with all its causes, on one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = millrace_app::ports::StoreError::unavailable("BlobStore::get", "connection reset");
        assert_eq!(super::chain(&error), "BlobStore::get is unavailable: connection reset");
    }
}

//! Logs: one JSON object a line on standard output, where Lambda collects it.
//!
//! Fields of the spans around an event stand under `spans`: the request, the execution and the project that it belongs
//! to.

use tracing_subscriber::EnvFilter;

/// Starts logging. `LOG_LEVEL` holds a filter (`info`, `warn,millrace_app=debug`); without one or with a wrong one it
/// is `info`. A second call does nothing.
pub fn init() {
    let filter = std::env::var("LOG_LEVEL").ok().and_then(|text| EnvFilter::try_new(text).ok());
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new("info")))
        .try_init();
    if started.is_err() {
        tracing::debug!("logging was started before");
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
    use millrace_app::ports::StoreError;

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = StoreError::unavailable("BlobStore::get", "connection reset");
        assert_eq!(super::chain(&error), "BlobStore::get is unavailable: connection reset");
    }
}

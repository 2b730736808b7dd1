//! What is counted and timed for operators.
//!
//! A recording is an event of the target [`TARGET`]: who runs the use cases writes it where their metrics go (CloudWatch,
//! Prometheus), or drops it. Names and units are CloudWatch's; dimensions have few values, and never ids.

/// The target of the events that are recordings.
pub const TARGET: &str = "millrace::metrics";

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric<'a> {
    /// An execution was started.
    ExecutionStarted,
    /// An execution ended: its status, and how long it ran, in milliseconds.
    ExecutionEnded {
        /// The status's name.
        result: &'a str,
        /// From start to end.
        millis: i64,
    },
    /// A workflow was started by a trigger: HTTP, an event, an upload.
    WorkflowTriggered,
    /// A webhook came, from this source.
    WebhookReceived {
        /// The source's name.
        source: &'a str,
    },
    /// A schedule's turn came to this.
    ScheduleRun {
        /// `started`, `skipped`, `missed`, `failed`
        outcome: &'a str,
    },
    /// A function on AWS began in a fresh process.
    ColdStart,
    /// An attempt to send a notification came to this.
    NotificationSent {
        /// `delivered`, `failed`
        outcome: &'a str,
    },
    /// A caller's requests could not be counted, and passed.
    RequestsNotCounted,
    /// A model answered.
    ModelCalled {
        /// Tokens that it was sent.
        input: u64,
        /// Tokens that it sent.
        output: u64,
        /// What that cost, in US dollars.
        usd: f64,
    },
}

/// Records what happened.
pub fn record(metric: Metric<'_>) {
    match metric {
        Metric::ExecutionStarted => count("ExecutionsStarted", 1, None),
        Metric::ExecutionEnded { result, millis } => {
            count("ExecutionsEnded", 1, Some(("Result", result)));
            #[expect(clippy::cast_precision_loss, reason = "a year in milliseconds fits")]
            emit("ExecutionDuration", millis.max(0) as f64, "Milliseconds", None);
        }
        Metric::WorkflowTriggered => count("WorkflowTriggers", 1, None),
        Metric::WebhookReceived { source } => count("WebhookReceipts", 1, Some(("Source", source))),
        Metric::ScheduleRun { outcome } => count("ScheduleRuns", 1, Some(("Outcome", outcome))),
        Metric::ColdStart => count("ColdStarts", 1, None),
        Metric::NotificationSent { outcome } => count("NotificationsSent", 1, Some(("Outcome", outcome))),
        Metric::RequestsNotCounted => count("RequestCounterFailures", 1, None),
        Metric::ModelCalled { input, output, usd } => {
            count("ModelTokens", input, Some(("Direction", "input")));
            count("ModelTokens", output, Some(("Direction", "output")));
            emit("ModelCostUsd", usd, "None", None);
        }
    }
}

fn count(metric: &str, number: u64, dimension: Option<(&str, &str)>) {
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    emit(metric, number as f64, "Count", dimension);
}

fn emit(metric: &str, value: f64, unit: &str, dimension: Option<(&str, &str)>) {
    let (dimension, of) = dimension.unwrap_or_default();
    tracing::info!(target: TARGET, metric, value, unit, dimension, of);
}

//! Metrics for Prometheus, in its text format
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use crate::measure::Measure;

/// Upper bounds of durations, in seconds.
const BOUNDS: [f64; 12] = [0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 3_600.0, 86_400.0];

/// What was recorded in this process. Cheap to clone; clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<String, Family>>>);

#[derive(Debug, Clone)]
enum Family {
    /// Sums, by labels.
    Counter(BTreeMap<String, f64>),
    /// Durations in seconds.
    Histogram { buckets: [u64; BOUNDS.len()], sum: f64, count: u64 },
}

impl Registry {
    /// Takes a recording along. Milliseconds become a histogram of seconds, all else a counter.
    pub fn record(&self, measure: &Measure) {
        let mut families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = snake(&measure.name);
        if measure.unit == "Milliseconds" {
            let family = families.entry(format!("millrace_{name}_seconds")).or_insert(Family::Histogram {
                buckets: [0; BOUNDS.len()],
                sum: 0.0,
                count: 0,
            });
            if let Family::Histogram { buckets, sum, count } = family {
                let seconds = measure.value / 1000.0;
                for (bucket, bound) in buckets.iter_mut().zip(BOUNDS) {
                    *bucket += u64::from(seconds <= bound);
                }
                *sum += seconds;
                *count += 1;
            }
            return;
        }
        let labels = measure.dimension.as_ref().map(|(name, value)| label(&snake(name), value)).unwrap_or_default();
        let family =
            families.entry(format!("millrace_{name}_total")).or_insert_with(|| Family::Counter(BTreeMap::new()));
        if let Family::Counter(sums) = family {
            *sums.entry(labels).or_default() += measure.value;
        }
    }

    /// All recordings as text.
    #[must_use]
    pub fn text(&self) -> String {
        let families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, family) in families.iter() {
            // Writing to a text does not fail.
            let _ = match family {
                Family::Counter(sums) => {
                    let _ = writeln!(text, "# TYPE {name} counter");
                    sums.iter().try_for_each(|(labels, sum)| writeln!(text, "{name}{labels} {sum}"))
                }
                Family::Histogram { buckets, sum, count } => {
                    let _ = writeln!(text, "# TYPE {name} histogram");
                    for (bucket, bound) in buckets.iter().zip(BOUNDS) {
                        let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {bucket}");
                    }
                    writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}")
                }
            };
        }
        text
    }

    /// A gauge, as text: a value of now, by one label.
    #[must_use]
    pub fn gauge(name: &str, values: &[(&str, &str, f64)]) -> String {
        let mut text = format!("# TYPE millrace_{name} gauge\n");
        for (key, value, number) in values {
            let _ = writeln!(text, "millrace_{name}{} {number}", label(key, value));
        }
        text
    }
}

/// A label set of one.
fn label(name: &str, value: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{{{name}=\"{value}\"}}")
}

/// `ExecutionsEnded` as `executions_ended`.
fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(character.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_become_counters_and_histograms() {
        let registry = Registry::default();
        for result in ["SUCCEEDED", "SUCCEEDED", "FAILED"] {
            registry.record(&Measure {
                name: "ExecutionsEnded".into(),
                value: 1.0,
                unit: "Count".into(),
                dimension: Some(("Result".into(), result.into())),
            });
        }
        registry.record(&Measure {
            name: "ExecutionDuration".into(),
            value: 250.0,
            unit: "Milliseconds".into(),
            dimension: None,
        });
        let text = registry.text();
        for line in [
            "# TYPE millrace_executions_ended_total counter",
            "millrace_executions_ended_total{result=\"SUCCEEDED\"} 2",
            "millrace_executions_ended_total{result=\"FAILED\"} 1",
            "# TYPE millrace_execution_duration_seconds histogram",
            "millrace_execution_duration_seconds_bucket{le=\"0.1\"} 0",
            "millrace_execution_duration_seconds_bucket{le=\"0.5\"} 1",
            "millrace_execution_duration_seconds_bucket{le=\"+Inf\"} 1",
            "millrace_execution_duration_seconds_sum 0.25",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(
            Registry::gauge("queue_ready", &[("queue", "dev", 2.0)]),
            "# TYPE millrace_queue_ready gauge\nmillrace_queue_ready{queue=\"dev\"} 2\n"
        );
    }
}

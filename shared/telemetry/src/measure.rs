//! Hearing metrics: `millrace_app::metrics` records them as events.

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// One recording of a metric.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measure {
    /// The metric's name.
    pub name: String,
    /// What was measured.
    pub value: f64,
    /// CloudWatch's name of the unit.
    pub unit: String,
    /// The dimension that tells recordings apart, and its value.
    pub dimension: Option<(String, String)>,
}

/// A layer that hands each metric to a function. To be filtered by [`crate::only_metrics`].
pub struct Measures<F>(F);

impl<F: Fn(&Measure)> Measures<F> {
    /// Hands metrics to `hear`.
    pub const fn new(hear: F) -> Self {
        Self(hear)
    }
}

impl<S: Subscriber, F: Fn(&Measure) + 'static> Layer<S> for Measures<F> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut reading = Reading::default();
        event.record(&mut reading);
        let Reading { mut measure, dimension, of } = reading;
        measure.dimension = Some((dimension, of)).filter(|(dimension, _)| !dimension.is_empty());
        (self.0)(&measure);
    }
}

#[derive(Default)]
struct Reading {
    measure: Measure,
    dimension: String,
    of: String,
}

impl Visit for Reading {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "value" {
            self.measure.value = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let place = match field.name() {
            "metric" => &mut self.measure.name,
            "unit" => &mut self.measure.unit,
            "dimension" => &mut self.dimension,
            "of" => &mut self.of,
            _ => return,
        };
        value.clone_into(place);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

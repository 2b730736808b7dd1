//! What a state shows of itself while it is run by itself, for `TestState`. In an execution there is no probe, and
//! showing costs nothing.

use serde_json::{Map, Value, json};

use crate::run::Run;
use crate::snapshot::Failure;

/// Watches a state that is run by itself, without an execution.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    /// The Context Object.
    pub(crate) context: Value,
    /// The values on their way through the state, by the field of `inspectionData` that tells of them.
    pub(crate) seen: Map<String, Value>,
    /// `errorDetails`
    pub(crate) error_details: Map<String, Value>,
    /// The failure that is tried again or caught.
    pub(crate) failure: Option<Failure>,
}

impl Run<'_> {
    /// Shows a value on its way through a state to whoever watches. Of several for a field the last counts.
    pub(crate) fn seen(&mut self, field: &str, value: &Value) {
        if let Some(probe) = &mut self.probe {
            probe.seen.insert(field.to_owned(), value.clone());
        }
    }

    /// Puts `$$.Map` into the Context Object of a state that is run by itself, or takes it out.
    pub(crate) fn show_item(&mut self, map: Option<Value>) {
        let Some(Value::Object(context)) = self.probe.as_mut().map(|probe| &mut probe.context) else { return };
        match map {
            Some(map) => context.insert("Map".to_owned(), map),
            None => context.remove("Map"),
        };
    }

    pub(crate) fn seen_error(&mut self, field: &str, value: Value) {
        if let Some(probe) = &mut self.probe {
            probe.error_details.insert(field.to_owned(), value);
        }
    }

    /// Shows a failure that a retrier or catcher covers.
    pub(crate) fn seen_failure(&mut self, failure: &Failure) {
        if let Some(probe) = &mut self.probe {
            probe.failure = Some(failure.clone());
        }
    }

    /// Shows which retrier tries again, after how many seconds.
    pub(crate) fn seen_back_off(&mut self, retrier: usize, seconds: f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
        let whole = seconds.round() as u64;
        self.seen_error("retryIndex", json!(retrier));
        self.seen_error("retryBackoffIntervalSeconds", json!(whole));
    }
}

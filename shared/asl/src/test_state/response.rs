//! The answer of a test.

use serde_json::{Map, Value, json};

use crate::definition::Kind;
use crate::query::QueryLanguage;
use crate::run::Step;
use crate::snapshot::{Outcome, Position};

use super::Bench;
use super::request::InspectionLevel;
use super::single::{self, NAME};

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestStatus {
    /// `SUCCEEDED`
    Succeeded,
    /// `FAILED`
    Failed,
    /// `RETRIABLE`: it failed, and a retrier would try again.
    Retriable,
    /// `CAUGHT_ERROR`: it failed, and a catcher goes on.
    CaughtError,
}

impl TestStatus {
    /// The API's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Retriable => "RETRIABLE",
            Self::CaughtError => "CAUGHT_ERROR",
        }
    }
}

/// The answer of a test.
#[derive(Debug, Clone, PartialEq)]
pub struct TestStateResponse {
    /// `status`
    pub status: TestStatus,
    /// `output`
    pub output: Option<Value>,
    /// `error`
    pub error: Option<String>,
    /// `cause`
    pub cause: Option<String>,
    /// `nextState`
    pub next_state: Option<String>,
    /// `inspectionData`, with values that are not yet texts; none at level INFO.
    pub inspection_data: Option<Map<String, Value>>,
}

/// Fields of `inspectionData` that are no texts of JSON.
const PLAIN: [&str; 6] =
    ["maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage", "errorDetails", "request", "response"];

impl TestStateResponse {
    /// The body of the API's response: JSON values are texts in it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = Map::new();
        let mut text = |name: &str, value: Option<&String>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), json!(value));
            }
        };
        text("output", self.output.as_ref().map(Value::to_string).as_ref());
        text("error", self.error.as_ref());
        text("cause", self.cause.as_ref());
        text("nextState", self.next_state.as_ref());
        body.insert("status".to_owned(), json!(self.status.name()));
        if let Some(data) = &self.inspection_data {
            let data: Map<String, Value> = data
                .iter()
                .map(|(name, value)| {
                    let value = if PLAIN.contains(&name.as_str()) { value.clone() } else { json!(value.to_string()) };
                    (name.clone(), value)
                })
                .collect();
            body.insert("inspectionData".to_owned(), Value::Object(data));
        }
        Value::Object(body)
    }
}

/// What a step means for a state that is tested.
pub(super) fn of(mut bench: Bench, step: Step) -> TestStateResponse {
    let mut response = TestStateResponse {
        status: TestStatus::Succeeded,
        output: None,
        error: None,
        cause: None,
        next_state: None,
        inspection_data: None,
    };
    let failure = bench.probe.failure.take();
    match step {
        Step::Enter { state, input } => {
            if let Some(failure) = failure {
                response.status = TestStatus::CaughtError;
                (response.error, response.cause) = (failure.error, failure.cause);
            }
            response.output = Some(input);
            response.next_state = single::target_of(&state, &bench.targets);
        }
        Step::End(Outcome::Succeeded { output }) => response.output = Some(output),
        Step::End(Outcome::Failed { failure } | Outcome::Aborted { failure }) => {
            response.status = TestStatus::Failed;
            bench.probe.error_details = Map::new();
            (response.error, response.cause) = (failure.error, failure.cause);
        }
        Step::End(Outcome::TimedOut) => {
            response.status = TestStatus::Failed;
            response.error = Some("States.Timeout".to_owned());
        }
        Step::Stand(Position::Backoff { .. }) => {
            response.status = TestStatus::Retriable;
            if let Some(failure) = failure {
                (response.error, response.cause) = (failure.error, failure.cause);
            }
        }
        // Nothing else waits: waits are passed over, children are mocked, tasks are ended.
        Step::Stand(_) => response.status = TestStatus::Failed,
    }
    response.inspection_data = inspection(bench);
    response
}

fn inspection(bench: Bench) -> Option<Map<String, Value>> {
    if bench.level == InspectionLevel::Info {
        return None;
    }
    let mut data = Map::new();
    data.insert("input".to_owned(), bench.input);
    let state = bench.machine.states(0).and_then(|states| states.get(NAME));
    let is_jsonata = state.is_some_and(|state| state.language == QueryLanguage::Jsonata);
    let makes_result = matches!(
        state.map(|state| &state.kind),
        Some(Kind::Pass { .. } | Kind::Task(_) | Kind::Parallel(_) | Kind::Map(_))
    );
    for (field, value) in bench.probe.seen {
        let of_results = matches!(field.as_str(), "afterResultSelector" | "afterResultPath");
        let of_http = matches!(field.as_str(), "request" | "response");
        let in_jsonata = is_jsonata && (of_results || field == "afterParameters");
        if in_jsonata || of_results && !makes_result || of_http && bench.level != InspectionLevel::Trace {
            continue;
        }
        data.insert(field, value);
    }
    if !bench.thread.variables.is_empty() {
        data.insert("variables".to_owned(), Value::Object((*bench.thread.variables).clone()));
    }
    if !bench.probe.error_details.is_empty() {
        data.insert("errorDetails".to_owned(), Value::Object(bench.probe.error_details));
    }
    Some(data)
}

use std::fmt;

use crate::query::limits::LimitExceeded;

/// The error name of every JSONata expression that fails.
pub(crate) const QUERY_EVALUATION_ERROR: &str = "States.QueryEvaluationError";

/// A state's failure while a path, template, intrinsic function or Choice rule was applied.
///
/// This is data, not a Rust error of the engine: it becomes the error and cause in the execution's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryFailure {
    /// The error name, such as `States.Runtime`.
    pub error: String,
    /// The cause as the service words it, without the sentence that names the state.
    pub cause: String,
    /// Set where a JSONata expression failed: the history then says so in an event of its own.
    pub evaluation: Option<Evaluation>,
}

/// Where a JSONata expression failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The field, such as `Output/total`; `None` where no field is at fault.
    pub location: Option<String>,
}

impl QueryFailure {
    /// A `States.QueryEvaluationError`.
    #[must_use]
    pub fn evaluation(cause: impl Into<String>, location: Option<&str>) -> Self {
        Self {
            error: QUERY_EVALUATION_ERROR.to_owned(),
            cause: cause.into(),
            evaluation: Some(Evaluation { location: location.map(ToOwned::to_owned) }),
        }
    }

    /// A `States.Runtime` failure, which the service reports for every path and intrinsic function that fails.
    #[must_use]
    pub fn runtime(cause: impl Into<String>) -> Self {
        Self { error: "States.Runtime".to_owned(), cause: cause.into(), evaluation: None }
    }

    /// A failure to apply a `ResultPath`.
    #[must_use]
    pub fn result_path_match(cause: impl Into<String>) -> Self {
        Self { error: "States.ResultPathMatchFailure".to_owned(), cause: cause.into(), evaluation: None }
    }

    /// The same failure with the sentence in front that names the state and the event that entered it.
    #[must_use]
    pub fn in_state(self, state: &str, entered_event_id: u64) -> Self {
        let cause = format!(
            "An error occurred while executing the state '{state}' (entered at the event id #{entered_event_id}). {}",
            self.cause
        );
        Self { cause, ..self }
    }
}

impl From<LimitExceeded> for QueryFailure {
    fn from(limit: LimitExceeded) -> Self {
        Self { error: limit.error_name().to_owned(), cause: limit.to_string(), evaluation: None }
    }
}

impl fmt::Display for QueryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error, self.cause)
    }
}

impl std::error::Error for QueryFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_state() {
        let failure = QueryFailure::runtime("It broke.").in_state("Load", 7);
        assert_eq!(
            failure.cause,
            "An error occurred while executing the state 'Load' (entered at the event id #7). It broke."
        );
        assert_eq!(failure.error, "States.Runtime");
    }
}

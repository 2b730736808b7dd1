use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::Timestamp;

static NO_VARIABLES: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// Gives the Context Object when something reads it.
pub trait ContextObject: std::fmt::Debug {
    /// The Context Object.
    fn value(&self) -> &Value;
}

impl ContextObject for Value {
    fn value(&self) -> &Value {
        self
    }
}

/// What paths and expressions are read from.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The state's (effective) input: `$`; in JSONata the raw input, `$states.input`.
    pub input: &'a Value,
    /// The Context Object: `$$`, `$states.context`.
    pub context: &'a dyn ContextObject,
    /// The variables that are visible here, by name: `$name`.
    pub variables: &'a Map<String, Value>,
    /// `$states.result`, where there is one.
    pub result: Option<&'a Value>,
    /// `$states.errorOutput`, in a catcher.
    pub error_output: Option<&'a Value>,
    /// What `$now()` and `$millis()` give.
    pub now: Timestamp,
}

impl<'a> Scope<'a> {
    /// A scope without variables.
    #[must_use]
    pub fn new(input: &'a Value, context: &'a dyn ContextObject) -> Self {
        Self { input, context, variables: &NO_VARIABLES, result: None, error_output: None, now: Timestamp::default() }
    }

    /// The same scope with these variables.
    #[must_use]
    pub fn with_variables(self, variables: &'a Map<String, Value>) -> Self {
        Self { variables, ..self }
    }

    /// The same scope over another input, as after `InputPath` or for a `ResultSelector`.
    #[must_use]
    pub fn with_input(self, input: &'a Value) -> Self {
        Self { input, ..self }
    }

    /// The same scope with the result of the state.
    #[must_use]
    pub fn with_result(self, result: &'a Value) -> Self {
        Self { result: Some(result), ..self }
    }

    /// The same scope with what a catcher has caught.
    #[must_use]
    pub fn with_error_output(self, error_output: &'a Value) -> Self {
        Self { error_output: Some(error_output), ..self }
    }

    /// The same scope at a point in time.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }
}

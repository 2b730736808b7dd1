use std::sync::LazyLock;

use serde_json::{Map, Value};

static NO_VARIABLES: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// What paths and expressions are read from.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The state's (effective) input: `$`.
    pub input: &'a Value,
    /// The Context Object: `$$`.
    pub context: &'a Value,
    /// The variables that are visible here, by name: `$name`.
    pub variables: &'a Map<String, Value>,
}

impl<'a> Scope<'a> {
    /// A scope without variables.
    #[must_use]
    pub fn new(input: &'a Value, context: &'a Value) -> Self {
        Self { input, context, variables: &NO_VARIABLES }
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
}

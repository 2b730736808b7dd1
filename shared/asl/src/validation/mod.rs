//! Validation of a definition as Step Functions validates it, for `CreateStateMachine`, `UpdateStateMachine`, `TestState`
//! and `ValidateStateMachineDefinition`.
//!
//! It owns which definitions the service refuses and the codes, texts and places that it gives. It reads the JSON value
//! on its own; [`crate::StateMachine`] reads what is accepted here. Codes, texts and places are those of the service
//! where they are known from recordings or public reports; the rest is worded after them. What Millrace adds to the
//! language (`millrace:` resources, `payload_limit`, `limits`, `attributes`) is accepted. Start reading at [`validate`].

mod assign;
mod choice;
mod fields;
mod graph;
mod handlers;
mod machine;
mod map;
mod report;
mod resource;
mod scalars;
mod states;
mod task;
mod template;
mod text;
mod variables;

use serde_json::Value;

use crate::definition::Severity;

pub use report::Diagnostic;
pub use resource::recognised;
pub use text::{JsonTextError, parse_json};
pub use variables::{VariableReferences, variable_references};

/// What kind of workflow a definition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WorkflowType {
    /// `STANDARD`
    #[default]
    Standard,
    /// `EXPRESS`: no activities, no `.sync`, no `.waitForTaskToken`, no distributed maps.
    Express,
}

/// How to validate.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The kind of workflow.
    pub workflow_type: WorkflowType,
    /// The least severity that is reported.
    pub severity: Severity,
    /// The most diagnostics that are reported; 0 stands for 100, the service's default.
    pub max_results: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { workflow_type: WorkflowType::Standard, severity: Severity::Error, max_results: 0 }
    }
}

impl Options {
    /// The defaults for a kind of workflow: errors only, at most 100.
    #[must_use]
    pub fn for_type(workflow_type: WorkflowType) -> Self {
        Self { workflow_type, ..Self::default() }
    }
}

/// The result of a validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    /// What was found, in the order of the service: the schema first, then transitions.
    pub diagnostics: Vec<Diagnostic>,
    /// There were more than `max_results`.
    pub truncated: bool,
    valid: bool,
}

impl Validation {
    /// Whether a state machine may be created from the definition: it has no errors, reported or not.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.valid
    }

    /// The text of the error `InvalidDefinition` for what was found.
    #[must_use]
    pub fn message(&self) -> String {
        invalid_definition(&self.diagnostics)
    }
}

/// `Invalid State Machine Definition: '<CODE>: <message> at <location>, …'`, of the errors among `diagnostics`.
#[must_use]
pub fn invalid_definition(diagnostics: &[Diagnostic]) -> String {
    let parts: Vec<String> = diagnostics
        .iter()
        .filter(|one| one.severity == Severity::Error)
        .map(|one| format!("{}: {} at {}", one.code, one.message, one.location.as_deref().unwrap_or("null")))
        .collect();
    format!("Invalid State Machine Definition: '{}'", parts.join(", "))
}

/// Validates a definition in JSON or YAML text.
#[must_use]
pub fn validate(text: &str, options: &Options) -> Validation {
    let mut checker = machine::Checker::new(options.workflow_type);
    if let Some(value) = text::definition(text, &mut checker.report) {
        checker.definition(&value);
    }
    checker.report.finish(options)
}

/// Reads a definition, or a state, in JSON or YAML text without validating it.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_definition(text: &str) -> Result<Value, Vec<Diagnostic>> {
    let mut report = report::Report::default();
    match text::definition(text, &mut report) {
        Some(value) if !report.has_errors() => Ok(value),
        _ => Err(report.finish(&Options::default()).diagnostics),
    }
}

/// Validates a definition that is JSON already.
#[must_use]
pub fn validate_value(value: &Value, options: &Options) -> Validation {
    let mut checker = machine::Checker::new(options.workflow_type);
    checker.definition(value);
    checker.report.finish(options)
}

/// Validates one state as `TestState` takes it, in a definition of its own where it is named `name`. Targets of
/// transitions are not looked for.
#[must_use]
pub fn validate_state(name: &str, state: &Value, options: &Options) -> Validation {
    let mut checker = machine::Checker::new(options.workflow_type);
    checker.single_state(name, state);
    checker.report.finish(options)
}

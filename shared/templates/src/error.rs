//! What can go wrong, in the caller's words.

use serde::{Deserialize, Serialize};

/// One thing that is wrong with the parameters of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterProblem {
    /// JSON pointer (RFC 6901) to the value at fault; empty for the parameters as a whole.
    pub pointer: String,
    /// What is wrong and how to put it right.
    pub message: String,
}

impl ParameterProblem {
    pub(crate) fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

impl std::fmt::Display for ParameterProblem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = if self.pointer.is_empty() { "parameters" } else { self.pointer.as_str() };
        write!(formatter, "{place}: {}", self.message)
    }
}

/// Why a project could not be planned or rendered.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The parameters do not fit the template's schema.
    #[error("the parameters do not fit template {template}: {}", list(problems))]
    Parameters {
        /// Id of the template.
        template: String,
        /// Every problem found, in the order of the schema.
        problems: Vec<ParameterProblem>,
    },
    /// The template has no task with this id.
    #[error("template {template} has no task {task}; its tasks are {known}")]
    UnknownTask {
        /// Id of the template.
        template: String,
        /// The id that was asked for.
        task: String,
        /// The ids that exist, separated by commas.
        known: String,
    },
    /// A file, path or text of the template could not be rendered: a fault of the template.
    #[error("template {template} could not render {place}")]
    Render {
        /// Id of the template.
        template: String,
        /// The file or the part of `template.yaml`.
        place: String,
        /// What the template engine reports.
        #[source]
        source: Box<minijinja::Error>,
    },
    /// A rendered path is empty, absolute, leaves the project or is made twice: a fault of the template.
    #[error("template {template} makes a path that cannot be used: {path}: {reason}")]
    Path {
        /// Id of the template.
        template: String,
        /// The rendered path.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file belongs to no task or to several: a fault of the template.
    #[error("template {template}: {path} must belong to exactly one task, but belongs to {owners}")]
    Ownership {
        /// Id of the template.
        template: String,
        /// The rendered path.
        path: String,
        /// The tasks that claim the file, separated by commas, or "none".
        owners: String,
    },
}

fn list(problems: &[ParameterProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

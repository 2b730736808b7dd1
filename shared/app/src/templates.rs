//! Project templates, as the API shows them.

use millrace_templates::{Parameters, Template, catalogue};
use serde_json::{Map, Value};

use crate::error::{Error, FieldProblem};

/// Every template, in the order of their ids.
#[must_use]
pub fn list_templates() -> &'static [Template] {
    catalogue().list()
}

/// One template.
///
/// # Errors
/// [`Error::NotFound`].
pub fn get_template(id: &str) -> Result<&'static Template, Error> {
    catalogue().get(id).ok_or_else(|| Error::NotFound { kind: "template", id: id.chars().take(100).collect() })
}

/// The ids of all templates, for people: `a, b, c`.
#[must_use]
pub fn template_names() -> String {
    list_templates().iter().map(|template| template.id.as_str()).collect::<Vec<_>>().join(", ")
}

/// Checks parameters and fills in defaults. Problems carry JSON pointers below `/parameters`.
///
/// # Errors
/// All problems.
pub fn check_parameters(template: &Template, parameters: &Map<String, Value>) -> Result<Parameters, Vec<FieldProblem>> {
    template.validate(&Value::Object(parameters.clone())).map_err(|problems| {
        problems
            .into_iter()
            .map(|problem| FieldProblem::new(format!("/parameters{}", problem.pointer), problem.message))
            .collect()
    })
}

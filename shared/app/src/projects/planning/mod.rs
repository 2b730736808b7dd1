//! Plans that a model makes: their form, what must hold of them, and how they become a [`PlanContents`].
//!
//! A model's plan is untrusted. [`read`] gets the JSON out of an answer, [`check`] turns it into a plan or names every
//! problem with its place, so that a model, or a person who edited the plan, can put it right. It knows no model and no store.

mod check;
mod graph;
mod schema;

use super::PlanContents;
use serde_json::Value;

pub use check::{Bounds, check};
pub use schema::{SCHEMA_NAME, schema};

/// Something that is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct PlanProblem {
    /// Where, as a JSON pointer into the plan; empty for the whole.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl PlanProblem {
    pub(crate) fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

/// Gets the JSON object out of an answer, which may have a fence or words around it.
///
/// # Errors
/// What is wrong, for the model.
pub fn read(answer: &str) -> Result<Value, PlanProblem> {
    let whole = serde_json::from_str(answer.trim());
    let inner = answer.find('{').zip(answer.rfind('}')).and_then(|(from, to)| answer.get(from..=to));
    let value: Value = match (whole, inner) {
        (Ok(value), _) => value,
        (Err(_), Some(inner)) => serde_json::from_str(inner)
            .map_err(|problem| PlanProblem::new("", format!("the answer is not JSON: {problem}")))?,
        (Err(problem), None) => return Err(PlanProblem::new("", format!("the answer is not JSON: {problem}"))),
    };
    if value.is_object() { Ok(value) } else { Err(PlanProblem::new("", "the answer must be one JSON object")) }
}

/// A plan as the JSON that [`check`] takes: what a person is shown to edit.
#[must_use]
pub fn draft_of(plan: &PlanContents) -> Value {
    let files: Vec<Value> = plan
        .files
        .iter()
        .map(|file| serde_json::json!({ "path": file.path, "purpose": file.purpose, "change": "write" }))
        .chain(
            plan.tasks
                .iter()
                .flat_map(|task| &task.deletes)
                .map(|path| serde_json::json!({ "path": path, "purpose": "", "change": "delete" })),
        )
        .collect();
    let tasks: Vec<Value> = plan
        .tasks
        .iter()
        .map(|task| {
            let files: Vec<&String> = task.files.iter().chain(&task.deletes).collect();
            serde_json::json!({
                "id": task.id, "title": task.title, "description": task.description, "depends_on": task.depends_on,
                "acceptance": task.acceptance, "files": files,
            })
        })
        .collect();
    serde_json::json!({
        "name": plan.name, "description": plan.description, "project_type": plan.project_type,
        "languages": plan.stack.languages, "tools": plan.stack.tools, "files": files, "tasks": tasks,
        "commands": plan.commands,
    })
}

//! What a project's own fields may be.

use serde_json::{Map, Value};

use super::model::Budget;
use crate::error::FieldProblem;

/// The longest name, in characters.
const NAME_CHARS: usize = 100;
/// The longest description, in characters.
const DESCRIPTION_CHARS: usize = 2_000;
/// The longest requirements, in bytes: a project's record stays well below DynamoDB's 400 KB.
const REQUIREMENTS_BYTES: usize = 64 * 1024;
/// The longest workflow, in bytes.
const WORKFLOW_BYTES: usize = 128 * 1024;
/// The largest parameters as JSON, in bytes.
const PARAMETERS_BYTES: usize = 64 * 1024;

pub(super) fn name(name: &str, problems: &mut Vec<FieldProblem>) {
    if name.trim().is_empty() {
        problems.push(FieldProblem::new("/name", "must not be empty"));
    } else if name.chars().count() > NAME_CHARS {
        problems.push(FieldProblem::new("/name", format!("must have at most {NAME_CHARS} characters")));
    } else if name.chars().any(char::is_control) {
        problems.push(FieldProblem::new("/name", "must not contain control characters such as line breaks"));
    }
}

pub(super) fn description(text: &str, problems: &mut Vec<FieldProblem>) {
    if text.chars().count() > DESCRIPTION_CHARS {
        problems.push(FieldProblem::new("/description", format!("must have at most {DESCRIPTION_CHARS} characters")));
    }
    no_controls("/description", text, problems);
}

pub(super) fn requirements(text: &str, problems: &mut Vec<FieldProblem>) {
    words("/requirements", text, problems);
}

pub(super) fn request(text: &str, problems: &mut Vec<FieldProblem>) {
    words("/request", text, problems);
}

fn words(field: &str, text: &str, problems: &mut Vec<FieldProblem>) {
    if text.trim().is_empty() {
        problems.push(FieldProblem::new(field, "must not be empty"));
    } else if text.len() > REQUIREMENTS_BYTES {
        let message = format!("must have at most {REQUIREMENTS_BYTES} bytes; it has {}", text.len());
        problems.push(FieldProblem::new(field, message));
    }
    no_controls(field, text, problems);
}

pub(super) fn workflow(text: &str, problems: &mut Vec<FieldProblem>) {
    if text.trim().is_empty() {
        problems
            .push(FieldProblem::new("/workflow", "must be a workflow in the Amazon States Language, or be left out"));
    } else if text.len() > WORKFLOW_BYTES {
        let message = format!("must have at most {WORKFLOW_BYTES} bytes; it has {}", text.len());
        problems.push(FieldProblem::new("/workflow", message));
    }
}

pub(super) fn parameters(parameters: &Map<String, Value>, problems: &mut Vec<FieldProblem>) {
    let size = serde_json::to_string(parameters).map_or(usize::MAX, |text| text.len());
    if size > PARAMETERS_BYTES {
        let message = format!("must have at most {PARAMETERS_BYTES} bytes as JSON; they have {size}");
        problems.push(FieldProblem::new("/parameters", message));
    }
}

pub(super) fn budget(budget: Budget, problems: &mut Vec<FieldProblem>) {
    if budget.usd.is_some_and(|usd| !usd.is_finite() || usd < 0.0) {
        problems.push(FieldProblem::new("/budget/usd", "must be 0 or more US dollars"));
    }
}

/// Text may have line breaks and tabs, and no other control characters.
fn no_controls(field: &str, text: &str, problems: &mut Vec<FieldProblem>) {
    if text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t')) {
        problems.push(FieldProblem::new(field, "must not contain control characters other than line breaks and tabs"));
    }
}

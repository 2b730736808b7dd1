//! Changing what a project says of itself.

use serde_json::json;

use super::create::words_need_a_model;
use super::limits;
use super::model::{Budget, Project, Stored};
use super::store::{self, Happening};
use crate::error::Error;
use crate::ids::ProjectId;
use crate::ports::Ports;

/// What to change. The outer `None` leaves a field as it is; an inner `None` clears it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProjectChanges {
    /// Its name.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<Option<String>>,
    /// Its requirements in words; they need a model.
    pub requirements: Option<Option<String>>,
    /// Its budget, as a whole.
    pub budget: Option<Budget>,
    /// Is there a model that plans and writes? Requirements are refused otherwise. Not a part of the request.
    pub with_model: bool,
}

/// Changes a project if it still has the version that the caller has seen.
///
/// # Errors
/// [`Error::Invalid`] with all problems; [`Error::VersionMismatch`]; [`Error::NotFound`]; [`Error::NotConfigured`] for
/// requirements in words; [`Error::WrongState`] for new requirements while a delivery runs.
pub async fn update_project<P: Ports>(
    ports: &P,
    owner: &str,
    id: &ProjectId,
    expected: Option<u64>,
    changes: ProjectChanges,
) -> Result<Stored<Project>, Error> {
    let mut problems = Vec::new();
    if let Some(name) = &changes.name {
        limits::name(name, &mut problems);
    }
    if let Some(Some(text)) = &changes.description {
        limits::description(text, &mut problems);
    }
    if let Some(Some(text)) = &changes.requirements {
        limits::requirements(text, &mut problems);
    }
    if let Some(budget) = changes.budget {
        limits::budget(budget, &mut problems);
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    store::change(ports, Some(owner), id, expected, |project, _| {
        let mut changed = Vec::new();
        if let Some(name) = changes.name.as_ref().filter(|name| **name != project.name) {
            project.name.clone_from(name);
            changed.push("name");
        }
        if let Some(text) = &changes.description {
            let text = text.clone().unwrap_or_default();
            if text != project.description {
                project.description = text;
                changed.push("description");
            }
        }
        if let Some(text) = changes.requirements.as_ref().filter(|text| **text != project.requirements) {
            if project.is_running() {
                return Err(Error::WrongState(
                    "the requirements can't be changed while a delivery runs: cancel it or wait for its end".into(),
                ));
            }
            if text.is_some() && !changes.with_model {
                return Err(words_need_a_model());
            }
            if text.is_some() && project.template_id.is_some() {
                return Err(Error::invalid(
                    "/requirements",
                    "this project is made from a template: request a modification (POST /api/projects/{id}/modify)",
                ));
            }
            if text.is_none() && project.template_id.is_none() {
                return Err(Error::invalid("/requirements", "this project is made from them: they can't be removed"));
            }
            project.requirements.clone_from(text);
            changed.push("requirements");
        }
        if let Some(budget) = changes.budget.filter(|budget| *budget != project.budget) {
            project.budget = budget;
            changed.push("budget");
        }
        if changed.is_empty() {
            return Ok(None);
        }
        let message = format!("Changed: {}.", changed.join(", "));
        let event = Happening { data: json!({ "changed": changed }), ..Happening::new("project.updated", message) };
        Ok(Some(event.into()))
    })
    .await
}

//! Requesting a modification of what was made: a new run over the existing files.

use millrace_templates::Catalogue;
use serde_json::{Map, Value, json};

use super::create::words_need_a_model;
use super::delivery;
use super::limits;
use super::model::{Modification, Pending, Project, ProjectStatus, RunKind, Stored};
use super::store::{self, Change, Happening};
use crate::error::{Error, FieldProblem};
use crate::ids::{ModificationId, ProjectId};
use crate::keys;
use crate::ports::{Condition, Ports, Write};
use crate::templates;

/// What is to be modified.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModifyProject {
    /// In words; needs a model.
    pub request: Option<String>,
    /// Is there a model that plans and writes? A request in words is refused otherwise. Not a part of the request.
    pub with_model: bool,
    /// Parameters of the template that replace the project's; `null` takes a default back.
    pub parameters: Option<Map<String, Value>>,
}

/// An accepted modification.
#[derive(Debug, Clone, PartialEq)]
pub struct Modified {
    /// What was asked for.
    pub modification: Modification,
    /// The project, whose new run carries it out.
    pub project: Stored<Project>,
}

/// Starts a new run of a project over its existing files: with other parameters, or as asked for in words. A project made
/// from a template that is changed in words has no template any more.
///
/// # Errors
/// [`Error::Invalid`] with all problems; [`Error::NotConfigured`] for words without a model; [`Error::NotFound`];
/// [`Error::WrongState`] while a delivery runs, and before the first one.
pub async fn modify_project<P: Ports>(
    ports: &P,
    owner: &str,
    id: &ProjectId,
    wanted: ModifyProject,
) -> Result<Modified, Error> {
    let stored = store::load_owned(ports, owner, id).await?;
    check_state(&stored.value)?;
    if stored.value.pending == Some(Pending::Stop) {
        delivery::settle(ports, stored).await?;
    }
    check_request(&wanted)?;
    let templates_sha256 = templates::current_content(ports).await?;
    let catalogue = templates::of_content(ports, templates_sha256.as_deref()).await?;
    let modification_id = ModificationId::new(ports);
    let mut made = None;
    let stored = store::change(ports, Some(owner), id, None, |project, now| {
        check_state(project)?;
        if let Some(given) = &wanted.parameters {
            project.parameters = Some(merged(&catalogue, project, given)?);
            project.templates_sha256.clone_from(&templates_sha256);
        }
        if wanted.request.is_some() {
            // From now on the files are what a model makes of them: rendering the template again would undo that.
            project.template_id = None;
            project.templates_sha256 = None;
            project.parameters = None;
        }
        project.request.clone_from(&wanted.request);
        project.feedback = None;
        project.run += 1;
        project.attempt = 0;
        project.run_kind = RunKind::Modify;
        delivery::begin_attempt(project, ProjectStatus::Planning);
        let modification = Modification {
            id: modification_id.clone(),
            run: project.run,
            request: wanted.request.clone(),
            parameters: wanted.parameters.clone(),
            created_at: now,
        };
        let names: Vec<&String> = modification.parameters.iter().flat_map(Map::keys).collect();
        let event = Happening {
            data: json!({ "modification_id": modification.id, "parameters": names }),
            ..Happening::new("project.modified", format!("Modification requested; run {} begins.", project.run))
        };
        let record = store::fresh(keys::modification(&project.id, &modification.id), &modification, Vec::new())?;
        made = Some(modification);
        Ok(Some(Change { event: Some(event), writes: vec![Write::Put(record, Condition::Absent)] }))
    })
    .await?;
    let modification = made.ok_or_else(|| Error::internal("a modification was stored and not made"))?;
    let project = delivery::settle_or_leave(ports, stored).await?;
    Ok(Modified { modification, project })
}

fn check_state(project: &Project) -> Result<(), Error> {
    if project.is_running() {
        return Err(Error::WrongState(format!(
            "the project is {}: it can be modified when its delivery has ended; cancel it or wait",
            project.status
        )));
    }
    if project.status == ProjectStatus::Created {
        return Err(Error::WrongState(
            "the project was never delivered: start it with POST /api/projects/{id}/resume".into(),
        ));
    }
    Ok(())
}

fn check_request(wanted: &ModifyProject) -> Result<(), Error> {
    if wanted.request.is_some() && !wanted.with_model {
        return Err(words_need_a_model());
    }
    let mut problems = Vec::new();
    if let Some(words) = &wanted.request {
        limits::request(words, &mut problems);
    }
    match &wanted.parameters {
        None if wanted.request.is_some() => {}
        None => problems.push(FieldProblem::new("", "give request or parameters")),
        Some(_) if wanted.request.is_some() => {
            problems.push(FieldProblem::new("/parameters", "can't be combined with request: ask for one of them"));
        }
        Some(given) if given.is_empty() => problems.push(FieldProblem::new("/parameters", "must name a parameter")),
        Some(given) => limits::parameters(given, &mut problems),
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

/// The project's parameters with the given ones in their place, complete and valid.
fn merged(catalogue: &Catalogue, project: &Project, given: &Map<String, Value>) -> Result<Map<String, Value>, Error> {
    let Some(template) = &project.template_id else {
        return Err(Error::invalid("/parameters", "this project is not made from a template and has no parameters"));
    };
    let template = templates::get_template(catalogue, template)?;
    let mut parameters = project.parameters.clone().unwrap_or_default();
    for (name, value) in given {
        if value.is_null() {
            parameters.shift_remove(name);
        } else {
            parameters.insert(name.clone(), value.clone());
        }
    }
    let complete = templates::check_parameters(template, &parameters).map_err(Error::Invalid)?;
    complete.to_value().as_object().cloned().ok_or_else(|| Error::internal("parameters are not an object"))
}

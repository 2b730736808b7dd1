//! Creating a project.
//!
//! The project, its first event and the answer to its idempotency key are stored in one transaction; its execution is
//! started after it. A crash between the two is repaired by the same request sent again, or by the sweeper.

use millrace_asl::Timestamp;
use millrace_templates::Catalogue;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::delivery;
use super::import::{self, Import, NewArchive};
use super::limits;
use super::model::{Budget, Project, ProjectStatus, RunKind, Stored, rfc3339};
use super::store::{self, Happening};
use crate::archives::Unpacked;
use crate::digest::sha256_hex;
use crate::error::{Error, FieldProblem};
use crate::executions::check_definition;
use crate::ids::ProjectId;
use crate::keys;
use crate::ports::{Clock, Condition, Ports, Record, RecordStore, StoreError, Write};
use crate::templates;

/// How long an idempotency key is remembered, in milliseconds: 24 hours.
const REMEMBERED_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// The longest idempotency key.
const KEY_CHARS: usize = 255;

/// What a project is created from: a template with parameters, requirements in words, or an archive, which requirements may say
/// how to change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewProject {
    /// What people call it; without one the template's parameter `name` is taken.
    pub name: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// What it is to do, in words. Needs a model.
    pub requirements: Option<String>,
    /// The template to make it from.
    pub template_id: Option<String>,
    /// The template's parameters.
    pub parameters: Option<Map<String, Value>>,
    /// The archive to take its files from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<NewArchive>,
    /// Its own delivery workflow as ASL text.
    pub workflow: Option<String>,
    /// What it may use.
    pub budget: Budget,
    /// Is its delivery to be started at once?
    pub start: bool,
    /// Does each delivery wait for its owner after the plan?
    pub approve_plan: bool,
    /// Is there a model that plans and writes? Requirements are refused otherwise. Not a part of the request.
    #[serde(skip)]
    pub with_model: bool,
}

impl Default for NewProject {
    fn default() -> Self {
        Self {
            name: None,
            description: None,
            requirements: None,
            template_id: None,
            parameters: None,
            archive: None,
            workflow: None,
            budget: Budget::default(),
            start: true,
            approve_plan: false,
            with_model: false,
        }
    }
}

/// A created project.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// The project as it is now.
    pub project: Stored<Project>,
    /// Was it created by an earlier request with the same idempotency key?
    pub replayed: bool,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    request_sha256: String,
    project_id: ProjectId,
    #[serde(with = "rfc3339")]
    created_at: Timestamp,
}

/// Creates a project and starts its delivery.
///
/// # Errors
/// [`Error::Invalid`] with all problems; [`Error::NotConfigured`] for requirements in words without a model;
/// [`Error::IdempotencyMismatch`]; [`Error::WrongState`] when the key's project was deleted; [`Error::Store`].
pub async fn create_project<P: Ports>(
    ports: &P,
    owner: &str,
    new: NewProject,
    idempotency_key: Option<&str>,
) -> Result<Created, Error> {
    idempotency_key.map_or(Ok(()), check_key)?;
    let digest = request_digest(&new)?;
    let mut condition = Condition::Absent;
    if let Some(key) = idempotency_key {
        match recall(ports, owner, key, &digest).await? {
            Known::Project(project) => return replay(ports, project).await,
            Known::Nothing(free) => condition = free,
        }
    }
    let templates_sha256 = templates::current_content(ports).await?;
    let catalogue = templates::of_content(ports, templates_sha256.as_deref()).await?;
    let (checked, unpacked) = check(&new, &catalogue)?;
    let mut project = draft(ports, owner, new, checked);
    project.templates_sha256 = templates_sha256.filter(|_| project.template_id.is_some());
    let event = Happening {
        data: json!({ "template_id": project.template_id, "import": project.import }),
        ..Happening::new("project.created", format!("The project was created from {}.", origin(&project)))
    };
    let mut writes = vec![store::event_write(ports, &project, 1, event)?];
    if let Some(unpacked) = unpacked {
        writes.push(import::store_files(ports, &project, unpacked.files).await?);
    }
    writes.push(Write::Put(store::project_record(&project)?, Condition::Absent));
    if let Some(key) = idempotency_key {
        writes.push(remember(ports, owner, key, digest.clone(), &project, condition)?);
    }
    match ports.records().write(writes).await {
        Ok(()) => {}
        // Another request with the same key was first.
        Err(StoreError::Conflict) => {
            let Some(key) = idempotency_key else { return Err(StoreError::Conflict.into()) };
            return match recall(ports, owner, key, &digest).await? {
                Known::Project(other) => replay(ports, other).await,
                Known::Nothing(_) => Err(StoreError::Conflict.into()),
            };
        }
        Err(error) => return Err(error.into()),
    }
    let project = delivery::settle_or_leave(ports, Stored { value: project, version: 1 }).await?;
    Ok(Created { project, replayed: false })
}

fn draft<P: Ports>(ports: &P, owner: &str, new: NewProject, checked: Checked) -> Project {
    let now = ports.clock().now();
    let mut project = Project {
        id: ProjectId::new(ports),
        owner: owner.to_owned(),
        name: checked.name,
        description: new.description.unwrap_or_default(),
        requirements: new.requirements,
        request: None,
        template_id: new.template_id,
        templates_sha256: None,
        parameters: checked.parameters,
        import: checked.import,
        workflow: new.workflow,
        status: ProjectStatus::Created,
        stage: None,
        round: 0,
        budget: new.budget,
        run: 1,
        attempt: 0,
        run_kind: RunKind::Create,
        approve_plan: new.approve_plan,
        waiting: None,
        feedback: None,
        execution_id: None,
        plan_id: None,
        failure: None,
        pending: None,
        created_at: now,
        updated_at: now,
    };
    if new.start {
        delivery::begin_attempt(&mut project, ProjectStatus::Created);
    }
    project
}

/// What the project is made from, in words.
fn origin(project: &Project) -> String {
    match (&project.template_id, &project.import) {
        (Some(template), _) => format!("the template {template}"),
        (None, Some(import)) => {
            let skipped = match import.skipped_entries {
                0 => String::new(),
                skipped => format!(" ({skipped} entries skipped)"),
            };
            format!("{} files of an archive{skipped}", import.files)
        }
        (None, None) => "requirements".to_owned(),
    }
}

/// What a checked request says beyond its own fields.
struct Checked {
    name: String,
    /// The template's, complete.
    parameters: Option<Map<String, Value>>,
    import: Option<Import>,
}

fn check(new: &NewProject, catalogue: &Catalogue) -> Result<(Checked, Option<Unpacked>), Error> {
    let mut problems = Vec::new();
    let mut parameters = None;
    match (&new.template_id, &new.requirements) {
        _ if new.archive.is_some() => {
            if new.template_id.is_some() {
                problems.push(FieldProblem::new("/template_id", "can't be combined with an archive: give one of them"));
            }
            if new.parameters.is_some() {
                problems.push(FieldProblem::new("/parameters", "belong to a template, and this is an archive"));
            }
        }
        (Some(_), Some(_)) => problems.push(FieldProblem::new(
            "/requirements",
            "can't be combined with template_id: give a template with parameters, or requirements",
        )),
        (None, None) => problems.push(FieldProblem::new(
            "/template_id",
            format!(
                "is missing: name a template ({}), or give requirements or an archive",
                templates::template_names(catalogue)
            ),
        )),
        (Some(template), None) => {
            parameters = check_template(catalogue, template, new.parameters.as_ref(), &mut problems)
        }
        (None, Some(_)) if new.parameters.is_some() => {
            problems.push(FieldProblem::new("/parameters", "belong to a template: give template_id too"));
        }
        (None, Some(_)) => {}
    }
    let name = new.name.clone().or_else(|| {
        let given = parameters.as_ref().or(new.parameters.as_ref())?;
        given.get("name")?.as_str().map(str::to_owned)
    });
    let name = name.or_else(|| new.requirements.as_deref().map(name_of));
    match &name {
        // The archive may say it.
        None if new.archive.is_some() => {}
        Some(name) => limits::name(name, &mut problems),
        // A missing parameter `name` has its own problem.
        None if new.template_id.is_some() && parameters.is_none() => {}
        None => problems.push(FieldProblem::new("/name", "is missing: give the project a name")),
    }
    if let Some(text) = &new.description {
        limits::description(text, &mut problems);
    }
    if let Some(text) = &new.requirements {
        limits::requirements(text, &mut problems);
    }
    if let Some(text) = &new.workflow {
        limits::workflow(text, &mut problems);
        check_workflow(text, &mut problems);
    }
    limits::budget(new.budget, &mut problems);
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    if new.requirements.is_some() && !new.with_model {
        return Err(words_need_a_model());
    }
    // At last, since it is the most work.
    let (import, unpacked) = new.archive.as_ref().map(import::read).transpose()?.unzip();
    let name = name.or_else(|| import.as_ref().map(import::name_of)).unwrap_or_default();
    Ok((Checked { name, parameters, import }, unpacked))
}

/// A name for what was asked for in words: the beginning of its first line.
fn name_of(words: &str) -> String {
    /// Characters.
    const MOST: usize = 60;
    let line = words.lines().map(|line| line.trim_matches(['#', ' ', '\t'])).find(|line| !line.is_empty());
    let clean: String = line.unwrap_or_default().chars().filter(|char| !char.is_control()).collect();
    if clean.chars().count() <= MOST { clean } else { clean.chars().take(MOST).chain(['…']).collect() }
}

/// Only what the engine can run is stored.
fn check_workflow(text: &str, problems: &mut Vec<FieldProblem>) {
    if problems.iter().any(|problem| problem.field == "/workflow") {
        return;
    }
    if let Err(Error::Invalid(found)) = check_definition(text) {
        let told = found.into_iter().map(|at| match at.field.as_str() {
            "" => FieldProblem::new("/workflow", at.message),
            place => FieldProblem::new("/workflow", format!("at {place}: {}", at.message)),
        });
        problems.extend(told);
    }
}

fn check_template(
    catalogue: &Catalogue,
    id: &str,
    given: Option<&Map<String, Value>>,
    problems: &mut Vec<FieldProblem>,
) -> Option<Map<String, Value>> {
    let Ok(template) = templates::get_template(catalogue, id) else {
        let message = format!("there is no such template; there are: {}", templates::template_names(catalogue));
        problems.push(FieldProblem::new("/template_id", message));
        return None;
    };
    let given = given.cloned().unwrap_or_default();
    limits::parameters(&given, problems);
    match templates::check_parameters(template, &given) {
        Ok(complete) => complete.to_value().as_object().cloned(),
        Err(found) => {
            problems.extend(found);
            None
        }
    }
}

/// The answer to words where no model is configured.
pub(super) fn words_need_a_model() -> Error {
    Error::NotConfigured(format!(
        "Words need a model, and none is configured. Set MILLRACE_MODEL to provider/model and store the provider's key as \
         the secret models/<provider>/api-key (on AWS the SSM parameter of that name under the stack's prefix), or make the \
         project from a template, with template_id and parameters: {}.",
        templates::template_names(millrace_templates::catalogue())
    ))
}

fn check_key(key: &str) -> Result<(), Error> {
    if key.is_empty() || key.len() > KEY_CHARS || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!("must be 1 to {KEY_CHARS} visible ASCII characters");
        return Err(Error::invalid("Idempotency-Key", message));
    }
    Ok(())
}

/// SHA-256 of the request as JSON with its members sorted, so that only what it says counts.
fn request_digest(new: &NewProject) -> Result<String, Error> {
    let mut request = serde_json::to_value(new).map_err(Error::internal)?;
    request.sort_all_objects();
    Ok(sha256_hex(request.to_string().as_bytes()))
}

/// What is known of an idempotency key.
enum Known {
    /// Nothing that still counts; a new answer is stored under this condition.
    Nothing(Condition),
    /// The same request made this project.
    Project(ProjectId),
}

async fn recall<P: Ports>(ports: &P, owner: &str, key: &str, digest: &str) -> Result<Known, Error> {
    let Some(record) = ports.records().get(&keys::idempotency(owner, "create_project", key)).await? else {
        return Ok(Known::Nothing(Condition::Absent));
    };
    // The store removes what has expired at its leisure.
    if record.expires_at.is_some_and(|at| at <= ports.clock().now()) {
        return Ok(Known::Nothing(Condition::Version(record.version)));
    }
    let remembered: Remembered = store::decode(&record)?;
    if remembered.request_sha256 == digest {
        Ok(Known::Project(remembered.project_id))
    } else {
        Err(Error::IdempotencyMismatch)
    }
}

fn remember<P: Ports>(
    ports: &P,
    owner: &str,
    key: &str,
    request_sha256: String,
    project: &Project,
    condition: Condition,
) -> Result<Write, Error> {
    let created_at = ports.clock().now();
    let body = Remembered { request_sha256, project_id: project.id.clone(), created_at };
    let record = store::fresh(keys::idempotency(owner, "create_project", key), &body, Vec::new())?;
    let expires_at = Some(created_at.plus_millis(REMEMBERED_MILLIS));
    Ok(Write::Put(Record { expires_at, ..record }, condition))
}

async fn replay<P: Ports>(ports: &P, id: ProjectId) -> Result<Created, Error> {
    let Some(stored) = store::load(ports, &id).await? else {
        return Err(Error::WrongState(format!(
            "the project {id}, which this Idempotency-Key made, was deleted: use another key"
        )));
    };
    let project = delivery::settle_or_leave(ports, stored).await?;
    Ok(Created { project, replayed: true })
}

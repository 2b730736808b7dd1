//! Making a workflow.

use std::sync::Arc;

use millrace_asl::{StateMachine, validation};

use super::arn::Place;
use super::error::WorkflowError;
use super::limits::{MOST_TAGS, check_logging, check_name};
use super::model::{Configuration, Revision, Tag, Version, Workflow, WorkflowStatus, WorkflowType};
use super::{store, versions};
use crate::executions::definitions;
use crate::ids::WorkflowId;
use crate::ports::{Clock, Condition, Ports, RecordStore, StoreError};

/// What a workflow is made of.
#[derive(Debug, Clone)]
pub struct CreateWorkflow {
    /// Where.
    pub place: Place,
    /// Who will own it.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// The definition's text; kept as it is.
    pub definition: String,
    /// How its executions run.
    pub kind: WorkflowType,
    /// What is set beside the definition.
    pub configuration: Configuration,
    /// Publish the first version at once?
    pub publish: bool,
    /// What that version is described as.
    pub version_description: Option<String>,
    /// Its tags.
    pub tags: Vec<Tag>,
}

/// A workflow that was made, now or before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// It.
    pub workflow: Workflow,
    /// The version that was published with it.
    pub version: Option<u64>,
}

/// Makes a workflow, its first revision and, if asked for, its first version. Idempotent: the same name with the same
/// definition, type, configuration and version answers what is there; a different role or other tags are ignored then.
///
/// # Errors
/// [`WorkflowError::InvalidName`], [`WorkflowError::InvalidDefinition`], [`WorkflowError::InvalidLogging`],
/// [`WorkflowError::Invalid`], [`WorkflowError::TooManyTags`], [`WorkflowError::AlreadyExists`],
/// [`WorkflowError::Deleting`]
pub async fn create_workflow<P: Ports>(ports: &P, create: CreateWorkflow) -> Result<Created, WorkflowError> {
    check_name(&create.name)?;
    if create.version_description.is_some() && !create.publish {
        return Err(WorkflowError::Invalid("Version description can only be set when publish is true".to_owned()));
    }
    check_logging(&create.configuration.logging)?;
    let arn = create.place.state_machine(&create.name);
    let tags = super::tags::merged(&[], &create.tags);
    if tags.len() > MOST_TAGS {
        return Err(WorkflowError::TooManyTags { count: tags.len(), arn });
    }
    let definition = check_definition(ports, &create.definition, create.kind).await?;
    if let Some(stored) = store::find(ports, &arn).await? {
        return existing(stored.value, &create, &definition);
    }
    let now = ports.clock().now();
    let id = WorkflowId::derived(&arn);
    let revision = Revision {
        key: store::revision_key(ports, now),
        number: 1,
        revision_id: None,
        definition: definition.clone(),
        configuration: create.configuration.clone(),
        created_at: now,
    };
    let workflow = Workflow {
        id: id.clone(),
        arn: arn.clone(),
        name: create.name.clone(),
        owner: create.owner.clone(),
        kind: create.kind,
        status: WorkflowStatus::Active,
        created_at: now,
        updated_at: now,
        revision: revision.clone(),
        last_version: u64::from(create.publish),
        published: create.publish,
        version_description: create.version_description.clone(),
        tags,
    };
    let mut writes = vec![store::put_workflow(&workflow, Condition::Absent, 0)?, store::put_revision(&id, &revision)?];
    if create.publish {
        let version = Version { number: 1, description: create.version_description.clone(), revision, created_at: now };
        writes.push(versions::fresh(&id, &version)?);
    }
    match ports.records().write(writes).await {
        Ok(()) => {}
        Err(StoreError::Conflict) => {
            let stored = store::load(ports, &arn).await?;
            return existing(stored.value, &create, &definition);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Created { version: create.publish.then_some(1), workflow })
}

/// Answers for a name that is taken.
fn existing(workflow: Workflow, create: &CreateWorkflow, definition: &str) -> Result<Created, WorkflowError> {
    if workflow.status == WorkflowStatus::Deleting {
        return Err(WorkflowError::Deleting(workflow.arn));
    }
    let (had, wants) = (&workflow.revision.configuration, &create.configuration);
    let same = workflow.revision.definition == definition
        && workflow.kind == create.kind
        && had.logging == wants.logging
        && had.tracing == wants.tracing
        && had.encryption == wants.encryption
        && had.input_schema == wants.input_schema
        && workflow.published == create.publish
        && workflow.version_description == create.version_description;
    if !same {
        return Err(WorkflowError::AlreadyExists(workflow.arn));
    }
    Ok(Created { version: workflow.published.then_some(1), workflow })
}

/// Checks and stores a definition; answers its digest.
pub(super) async fn check_definition<P: Ports>(
    ports: &P,
    text: &str,
    kind: WorkflowType,
) -> Result<String, WorkflowError> {
    let kind = match kind {
        WorkflowType::Standard => validation::WorkflowType::Standard,
        WorkflowType::Express => validation::WorkflowType::Express,
    };
    let found = validation::validate(text, &validation::Options::for_type(kind));
    if !found.is_valid() {
        return Err(WorkflowError::InvalidDefinition(found.diagnostics));
    }
    // What the service takes and this engine can't execute is refused now, not when it is started.
    let machine = StateMachine::parse(text).map_err(|problem| {
        let told = problem.diagnostics.into_iter().map(|one| validation::Diagnostic {
            severity: one.severity,
            code: one.code,
            message: one.message,
            location: Some(one.location),
        });
        WorkflowError::InvalidDefinition(told.collect())
    })?;
    Ok(definitions::store_checked(ports, text, Arc::new(machine)).await?)
}

//! From an ARN to what it names.

use millrace_asl::validation::{self, VariableReferences};
use millrace_asl::{StateMachine, Timestamp};

use super::arn::StateMachineArn;
use super::error::WorkflowError;
use super::model::{Qualifier, Revision, Version, Workflow};
use super::{aliases, store, versions};
use crate::executions::{WorkflowRun, definitions};
use crate::ids::WorkflowId;
use crate::keys;
use crate::ports::{IdSource, Ports};

/// What the ARN of a state machine or a version names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The workflow.
    pub workflow: Workflow,
    /// The version, where the ARN names one.
    pub version: Option<Version>,
}

impl Resolved {
    /// The version's revision, or the newest.
    #[must_use]
    pub fn revision(&self) -> &Revision {
        self.version.as_ref().map_or(&self.workflow.revision, |version| &version.revision)
    }

    /// When the version was published, or the workflow made.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.version.as_ref().map_or(self.workflow.created_at, |version| version.created_at)
    }
}

/// The workflow or the version of an ARN.
///
/// # Errors
/// [`WorkflowError::DoesNotExist`]
pub async fn describe_workflow<P: Ports>(ports: &P, arn: &StateMachineArn) -> Result<Resolved, WorkflowError> {
    let does_not_exist = || WorkflowError::DoesNotExist(qualified(arn));
    let stored = store::find(ports, &arn.base()).await?.ok_or_else(does_not_exist)?;
    let version = match (arn.version(), arn.alias()) {
        (Some(number), _) => Some(versions::load(ports, &stored.value.id, number).await?.ok_or_else(does_not_exist)?),
        (None, Some(_)) => return Err(does_not_exist()),
        (None, None) => None,
    };
    Ok(Resolved { workflow: stored.value, version })
}

/// What an execution through an ARN runs: the workflow, a version of it, or the version that an alias picks.
pub(super) async fn resolve<P: Ports>(
    ports: &P,
    arn: &StateMachineArn,
) -> Result<(Workflow, Revision, Qualifier), WorkflowError> {
    let does_not_exist = || WorkflowError::DoesNotExist(qualified(arn));
    if arn.label.is_some() {
        return Err(does_not_exist());
    }
    let base = arn.base();
    let workflow = store::find(ports, &base).await?.ok_or_else(does_not_exist)?.value;
    if workflow.status == super::WorkflowStatus::Deleting {
        return Err(WorkflowError::Deleting(base));
    }
    let (number, through) = match (arn.version(), arn.alias()) {
        (Some(number), _) => (number, Qualifier::Version(number)),
        (None, Some(name)) => {
            let alias = aliases::load(ports, &workflow.id, name).await?.ok_or_else(does_not_exist)?;
            let version = aliases::pick(&alias.routes, ports.ids().random()).ok_or_else(does_not_exist)?;
            (version, Qualifier::Alias { name: name.to_owned(), version })
        }
        (None, None) => {
            let revision = workflow.revision.clone();
            return Ok((workflow, revision, Qualifier::None));
        }
    };
    let version = versions::load(ports, &workflow.id, number).await?.ok_or_else(does_not_exist)?;
    Ok((workflow, version.revision, through))
}

/// The ARN as it was given, from its parts.
fn qualified(arn: &StateMachineArn) -> String {
    let base = arn.base();
    let labelled = arn.label.as_ref().map_or_else(|| base.clone(), |label| format!("{base}/{label}"));
    arn.qualifier.as_ref().map_or_else(|| labelled.clone(), |qualifier| format!("{labelled}:{qualifier}"))
}

/// The text of a revision's definition, as it was given.
///
/// # Errors
/// [`WorkflowError::App`]
pub async fn definition_text<P: Ports>(ports: &P, revision: &Revision) -> Result<String, WorkflowError> {
    Ok(definitions::text(ports, &revision.definition).await?)
}

/// The variables that each state of a definition reads.
#[must_use]
pub fn variable_references(definition: &str) -> VariableReferences {
    StateMachine::read(definition).map(|value| validation::variable_references(&value)).unwrap_or_default()
}

/// The revision that an execution was started with; it outlives its workflow.
///
/// # Errors
/// [`WorkflowError::DoesNotExist`]
pub async fn revision_of<P: Ports>(ports: &P, run: &WorkflowRun) -> Result<Revision, WorkflowError> {
    let id = WorkflowId::derived(&run.state_machine_arn);
    let stored = store::get(ports, &keys::revision(&id, &run.revision)).await?;
    Ok(stored.ok_or_else(|| WorkflowError::DoesNotExist(run.state_machine_arn.clone()))?.value)
}

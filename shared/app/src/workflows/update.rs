//! Changing a workflow: the next revision.

use millrace_asl::Timestamp;
use serde_json::Value;

use super::create::check_definition;
use super::error::WorkflowError;
use super::input_schema::InputSchema;
use super::limits::check_logging;
use super::model::{Encryption, Logging, Revision, Version};
use super::{store, versions};
use crate::executions::definitions;
use crate::ports::{Clock, Ports};

/// What changes; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct UpdateWorkflow {
    /// The definition's text.
    pub definition: Option<String>,
    /// The role.
    pub role_arn: Option<String>,
    /// What is logged.
    pub logging: Option<Logging>,
    /// Are traces asked for?
    pub tracing: Option<bool>,
    /// Which key encrypts.
    pub encryption: Option<Encryption>,
    /// What the input of executions must fit; `Some(None)`: anything.
    pub input_schema: Option<Option<InputSchema>>,
    /// Publish what comes out as a version?
    pub publish: bool,
    /// What that version is described as.
    pub version_description: Option<String>,
}

/// What an update made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// When.
    pub at: Timestamp,
    /// The revision's id, if there is a new one.
    pub revision_id: Option<String>,
    /// The version of the newest revision, if it was to be published.
    pub version: Option<u64>,
}

/// Makes a workflow's next revision, unless nothing would be different. Executions that run stay with theirs.
///
/// # Errors
/// [`WorkflowError::NothingToChange`], [`WorkflowError::InvalidDefinition`], [`WorkflowError::InvalidLogging`],
/// [`WorkflowError::DoesNotExist`], [`WorkflowError::Deleting`], [`WorkflowError::Invalid`]
pub async fn update_workflow<P: Ports>(ports: &P, arn: &str, update: UpdateWorkflow) -> Result<Updated, WorkflowError> {
    update_workflow_at(ports, arn, None, update).await
}

/// The same for a workflow whose record still has this version, if one is given.
///
/// # Errors
/// Those of [`update_workflow`]; [`Error::VersionMismatch`](crate::Error::VersionMismatch)
pub async fn update_workflow_at<P: Ports>(
    ports: &P,
    arn: &str,
    expected: Option<u64>,
    update: UpdateWorkflow,
) -> Result<Updated, WorkflowError> {
    let stored = store::load_active(ports, arn).await?;
    store::check_version(stored.version, expected)?;
    let UpdateWorkflow {
        definition,
        role_arn,
        logging,
        tracing,
        encryption,
        input_schema,
        publish,
        version_description,
    } = update;
    let changes_nothing = definition.is_none()
        && role_arn.is_none()
        && logging.is_none()
        && tracing.is_none()
        && encryption.is_none()
        && input_schema.is_none()
        && !publish;
    if changes_nothing {
        return Err(WorkflowError::NothingToChange);
    }
    if version_description.is_some() && !publish {
        return Err(WorkflowError::Invalid("Version description can only be set when publish is true".to_owned()));
    }
    if let Some(logging) = &logging {
        check_logging(logging)?;
    }
    let digest = match &definition {
        Some(text) => Some(check_definition(ports, text, stored.value.kind).await?),
        None => None,
    };
    let had = match &definition {
        Some(_) => definitions::text(ports, &stored.value.revision.definition).await?,
        None => String::new(),
    };
    let rewritten = definition.is_some_and(|text| !means_the_same(&text, &had));
    let last = versions::last_published(ports, &stored.value).await?;
    let now = ports.clock().now();
    let (key, revision_id) = (store::revision_key(ports, now), store::uuid(ports));
    store::change_at(ports, arn, expected, |workflow| {
        let mut revision = workflow.revision.clone();
        if let Some(digest) = digest.clone().filter(|_| rewritten) {
            revision.definition = digest;
        }
        let set = &mut revision.configuration;
        set.role_arn = role_arn.clone().unwrap_or_else(|| set.role_arn.clone());
        set.logging = logging.clone().unwrap_or_else(|| set.logging.clone());
        set.tracing = tracing.unwrap_or(set.tracing);
        set.encryption = encryption.clone().unwrap_or_else(|| set.encryption.clone());
        set.input_schema = input_schema.clone().unwrap_or_else(|| set.input_schema.clone());
        let is_new = revision != workflow.revision;
        let mut writes = Vec::new();
        if is_new {
            let number = workflow.revision.number + 1;
            revision = Revision {
                key: key.clone(),
                number,
                revision_id: Some(revision_id.clone()),
                created_at: now,
                ..revision
            };
            writes.push(store::put_revision(&workflow.id, &revision)?);
            workflow.revision = revision;
            workflow.updated_at = now;
        }
        let mut version: Option<Version> = None;
        if publish {
            let before = last.clone().filter(|last| last.revision.key == workflow.revision.key);
            version = Some(match before {
                Some(before) => before,
                None => {
                    let next = versions::next(workflow, version_description.clone(), now);
                    writes.push(versions::fresh(&workflow.id, &next)?);
                    next
                }
            });
        }
        let updated = Updated {
            at: now,
            revision_id: is_new.then(|| revision_id.clone()),
            version: version.map(|version| version.number),
        };
        // A new revision is named only where the workflow has one to name: the one it was made with has none.
        Ok((updated, (!writes.is_empty()).then_some(writes)))
    })
    .await
    .map(|updated| name_current(updated, &stored.value.revision))
}

/// An update that changed nothing names the revision that is there.
fn name_current(updated: Updated, current: &Revision) -> Updated {
    let revision_id = updated.revision_id.or_else(|| current.revision_id.clone());
    Updated { revision_id, ..updated }
}

/// Two texts of the same definition.
fn means_the_same(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    parse(one).is_some_and(|one| Some(one) == parse(other))
}

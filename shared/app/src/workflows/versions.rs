//! Published versions.

use super::arn::StateMachineArn;
use super::error::WorkflowError;
use super::model::{Alias, Version, Workflow};
use super::store;
use crate::ids::WorkflowId;
use crate::keys;
use crate::ports::{Clock, Condition, Order, Page, Ports, Query, RecordStore, Write};

/// The write of a version that nobody has published before.
pub(super) fn fresh(id: &WorkflowId, version: &Version) -> Result<Write, WorkflowError> {
    store::put_version(id, version)
}

/// Publishes the newest revision as the next version. Idempotent: where the last version is of that revision already,
/// it is answered.
///
/// # Errors
/// [`WorkflowError::Conflict`] where `revision_id` is not the newest; [`WorkflowError::DoesNotExist`],
/// [`WorkflowError::Deleting`]
pub async fn publish_version<P: Ports>(
    ports: &P,
    arn: &str,
    revision_id: Option<&str>,
    description: Option<&str>,
) -> Result<Version, WorkflowError> {
    let last = match store::find(ports, arn).await? {
        Some(stored) => last_published(ports, &stored.value).await?,
        None => None,
    };
    let now = ports.clock().now();
    store::change(ports, arn, |workflow| {
        let current = workflow.revision.revision_id.as_deref();
        if let Some(asked) = revision_id
            && current.unwrap_or("INITIAL") != asked
        {
            return Err(WorkflowError::Conflict(format!(
                "Failed to publish the State Machine version for revision {asked}. The current State Machine revision \
                 is {}.",
                current.unwrap_or("INITIAL"),
            )));
        }
        if let Some(last) = last.clone().filter(|last| last.revision.key == workflow.revision.key) {
            return Ok((last, None));
        }
        let version = next(workflow, description.map(str::to_owned), now);
        let write = fresh(&workflow.id, &version)?;
        Ok((version, Some(vec![write])))
    })
    .await
}

/// The next version of a workflow, which counts it.
pub(super) fn next(workflow: &mut Workflow, description: Option<String>, now: millrace_asl::Timestamp) -> Version {
    workflow.last_version += 1;
    Version { number: workflow.last_version, description, revision: workflow.revision.clone(), created_at: now }
}

/// The version that was published last, unless it was deleted.
pub(super) async fn last_published<P: Ports>(ports: &P, workflow: &Workflow) -> Result<Option<Version>, WorkflowError> {
    if workflow.last_version == 0 {
        return Ok(None);
    }
    load(ports, &workflow.id, workflow.last_version).await
}

/// A version by its number.
pub(super) async fn load<P: Ports>(ports: &P, id: &WorkflowId, number: u64) -> Result<Option<Version>, WorkflowError> {
    Ok(store::get(ports, &keys::version(id, number)).await?.map(|stored| stored.value))
}

/// A page of a workflow's versions, the last published first. A workflow that does not exist has none.
///
/// # Errors
/// [`WorkflowError::InvalidToken`]; [`WorkflowError::App`]
pub async fn list_versions<P: Ports>(
    ports: &P,
    arn: &str,
    limit: usize,
    cursor: Option<String>,
) -> Result<Page<Version>, WorkflowError> {
    let query = Query {
        index: None,
        partition: keys::workflow_partition(&WorkflowId::derived(arn)),
        sort_prefix: keys::VERSION.to_owned(),
        sort_to: None,
        order: Order::Descending,
        limit,
        cursor,
    };
    super::list::page(ports, &query).await
}

/// Deletes a version; it need not exist.
///
/// # Errors
/// [`WorkflowError::Conflict`] while an alias points to it; [`WorkflowError::Invalid`] where the ARN names none.
pub async fn delete_version<P: Ports>(ports: &P, arn: &StateMachineArn) -> Result<(), WorkflowError> {
    let Some(number) = arn.version() else {
        return Err(WorkflowError::Invalid("The ARN of a state machine version must be specified".to_owned()));
    };
    let id = WorkflowId::derived(&arn.base());
    let pointing: Vec<String> = super::aliases::all(ports, &id)
        .await?
        .into_iter()
        .filter(|alias: &Alias| alias.routes.iter().any(|route| route.version == number))
        .map(|alias| alias.name)
        .collect();
    if !pointing.is_empty() {
        return Err(WorkflowError::Conflict(format!(
            "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this \
             version: [{}]",
            pointing.join(", ")
        )));
    }
    Ok(ports.records().write(vec![Write::Delete(keys::version(&id, number), Condition::Any)]).await?)
}

//! Tags of workflows.

use super::error::WorkflowError;
use super::limits::MOST_TAGS;
use super::model::Tag;
use super::store;
use crate::ports::Ports;

/// Tags with others put over them.
#[must_use]
pub(crate) fn merged(had: &[Tag], put: &[Tag]) -> Vec<Tag> {
    let mut tags = had.to_vec();
    for tag in put {
        match tags.iter_mut().find(|had| had.key == tag.key) {
            Some(had) => had.value.clone_from(&tag.value),
            None => tags.push(tag.clone()),
        }
    }
    tags
}

/// The tags of a workflow.
///
/// # Errors
/// [`WorkflowError::NotFound`]
pub async fn list_tags<P: Ports>(ports: &P, arn: &str) -> Result<Vec<Tag>, WorkflowError> {
    let stored = store::find(ports, arn).await?;
    Ok(stored.ok_or_else(|| not_found(arn))?.value.tags)
}

/// Puts tags on a workflow.
///
/// # Errors
/// [`WorkflowError::NotFound`]; [`WorkflowError::TooManyTags`]
pub async fn tag_workflow<P: Ports>(ports: &P, arn: &str, tags: &[Tag]) -> Result<(), WorkflowError> {
    change(ports, arn, |had| {
        let tags = merged(had, tags);
        match tags.len() {
            count if count > MOST_TAGS => Err(WorkflowError::TooManyTags { count, arn: arn.to_owned() }),
            _ => Ok(tags),
        }
    })
    .await
}

/// Takes tags from a workflow; those that it does not have are ignored.
///
/// # Errors
/// [`WorkflowError::NotFound`]
pub async fn untag_workflow<P: Ports>(ports: &P, arn: &str, keys: &[String]) -> Result<(), WorkflowError> {
    change(ports, arn, |had| Ok(had.iter().filter(|tag| !keys.contains(&tag.key)).cloned().collect())).await
}

async fn change<P: Ports>(
    ports: &P,
    arn: &str,
    mut tags: impl FnMut(&[Tag]) -> Result<Vec<Tag>, WorkflowError>,
) -> Result<(), WorkflowError> {
    let changed = store::change(ports, arn, |workflow| {
        let tags = tags(&workflow.tags)?;
        let is_new = tags != workflow.tags;
        workflow.tags = tags;
        Ok(((), is_new.then(Vec::new)))
    });
    match changed.await {
        Err(WorkflowError::DoesNotExist(_) | WorkflowError::Deleting(_)) => Err(not_found(arn)),
        changed => changed,
    }
}

/// The refusal for a resource that is not there.
#[must_use]
pub fn not_found(arn: &str) -> WorkflowError {
    WorkflowError::NotFound { kind: "resource", id: arn.to_owned(), told: format!("Resource not found: '{arn}'") }
}

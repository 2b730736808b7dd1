//! A built-in workflow as one of its owner's.

use super::{Builtin, BuiltinIds};
use crate::digest::sha256_hex;
use crate::ports::Ports;
use crate::workflows::{
    Configuration, CreateWorkflow, Place, Tag, UpdateWorkflow, Workflow, WorkflowError, WorkflowType, create_workflow,
    find_workflow, update_workflow,
};

/// The tag of a workflow that Millrace made and keeps up to date. Without it a workflow of a built-in's name is its owner's own
/// and is left as it is.
pub const TAG: &str = "millrace:builtin";

/// An owner's workflow by its id, its ARN or, at `place`, its name; with the version of its record. A name of a [`Builtin`] stands
/// for the workflow that `ids` has in its place, else for the built-in one, which is made or brought up to date.
///
/// # Errors
/// [`WorkflowError::DoesNotExist`], also for somebody else's; those of [`create_workflow`] and [`update_workflow`]
pub async fn find<P: Ports>(
    ports: &P,
    owner: &str,
    place: &Place,
    text: &str,
    ids: &BuiltinIds,
) -> Result<(Workflow, u64), WorkflowError> {
    let Some(builtin) = Builtin::named(text) else { return find_workflow(ports, owner, place, text).await };
    if let Some(other) = ids.of(builtin) {
        return find_workflow(ports, owner, place, other).await;
    }
    let found = match find_workflow(ports, owner, place, text).await {
        Err(WorkflowError::DoesNotExist(_)) => {
            match Box::pin(create_workflow(ports, fresh(builtin, owner, place))).await {
                // Somebody else made it at the same time.
                Ok(_) | Err(WorkflowError::AlreadyExists(_)) => {}
                Err(error) => return Err(error),
            }
            return find_workflow(ports, owner, place, text).await;
        }
        found => found?,
    };
    let is_ours = found.0.tags.iter().any(|tag| tag.key == TAG);
    if !is_ours || found.0.revision.definition == sha256_hex(builtin.definition().as_bytes()) {
        return Ok(found);
    }
    let update = UpdateWorkflow { definition: Some(builtin.definition().to_owned()), ..UpdateWorkflow::default() };
    Box::pin(update_workflow(ports, &found.0.arn, update)).await?;
    find_workflow(ports, owner, place, text).await
}

fn fresh(builtin: Builtin, owner: &str, place: &Place) -> CreateWorkflow {
    CreateWorkflow {
        place: place.clone(),
        owner: owner.to_owned(),
        name: builtin.name().to_owned(),
        definition: builtin.definition().to_owned(),
        kind: WorkflowType::Standard,
        configuration: Configuration::default(),
        publish: false,
        version_description: None,
        tags: vec![Tag { key: TAG.to_owned(), value: builtin.name().to_owned() }],
    }
}

//! Finding a workflow by what callers know of it.

use super::arn::{Place, StateMachineArn};
use super::error::WorkflowError;
use super::model::Workflow;
use super::store;
use crate::ids::WorkflowId;
use crate::keys;
use crate::ports::Ports;

/// An owner's workflow by its id, its ARN or, at `place`, its name; with the version of its record.
///
/// # Errors
/// [`WorkflowError::DoesNotExist`], also for somebody else's
pub async fn find_workflow<P: Ports>(
    ports: &P,
    owner: &str,
    place: &Place,
    text: &str,
) -> Result<(Workflow, u64), WorkflowError> {
    let id = match text.parse::<WorkflowId>() {
        Ok(id) => id,
        Err(_) => WorkflowId::derived(&name_workflow(place, text)),
    };
    let stored = store::get::<P, Workflow>(ports, &keys::workflow(&id)).await?;
    let stored = stored.filter(|stored| stored.value.owner == owner);
    let stored = stored.ok_or_else(|| WorkflowError::DoesNotExist(text.chars().take(256).collect()))?;
    Ok((stored.value, stored.version))
}

/// The ARN, without a qualifier, that an ARN or a name stands for.
#[must_use]
pub fn name_workflow(place: &Place, text: &str) -> String {
    match StateMachineArn::parse(text) {
        Ok(arn) => arn.base(),
        Err(_) => place.state_machine(text),
    }
}

//! What a project's model calls have used, and what they may.

use super::model::{Budget, Project, ProjectStatus, Stored, Usage};
use super::store;
use crate::error::Error;
use crate::ids::ProjectId;
use crate::models::{self, Scope};
use crate::ports::Ports;

/// A project of this owner with what its model calls have used.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Store`].
pub async fn get_cost<P: Ports>(ports: &P, owner: &str, id: &ProjectId) -> Result<(Stored<Project>, Usage), Error> {
    let project = store::load_owned(ports, owner, id).await?;
    let usage = models::used(ports, &Scope::Project(id.clone())).await?;
    Ok((project, usage))
}

/// What the model calls of a project may use.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::WrongState`] where its delivery was stopped, so that no call is paid for nothing;
/// [`Error::Store`].
pub(crate) async fn delivering_budget<P: Ports>(ports: &P, id: &ProjectId) -> Result<Budget, Error> {
    let project = store::load(ports, id).await?.ok_or_else(|| store::not_found(id))?.value;
    match project.status {
        ProjectStatus::Cancelled | ProjectStatus::Failed | ProjectStatus::Paused | ProjectStatus::Completed => {
            Err(Error::WrongState(format!("the project is {}: its delivery makes no calls", project.status)))
        }
        ProjectStatus::Created
        | ProjectStatus::Planning
        | ProjectStatus::Developing
        | ProjectStatus::Testing
        | ProjectStatus::Packaging
        | ProjectStatus::AwaitingApproval => Ok(project.budget),
    }
}

//! Cancelling and resuming.

use super::delivery;
use super::model::{Pending, Project, ProjectStatus, RunKind, Stored};
use super::store::{self, Happening};
use crate::error::Error;
use crate::ids::ProjectId;
use crate::ports::Ports;

/// Stops a project's delivery; what exists is kept. A cancelled project stays as it is. The execution is stopped before
/// the answer, or by the sweeper where that fails now.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::WrongState`] when nothing runs and nothing waits.
pub async fn cancel_project<P: Ports>(ports: &P, owner: &str, id: &ProjectId) -> Result<Stored<Project>, Error> {
    let stored = store::change(ports, Some(owner), id, None, |project, _| {
        match project.status {
            ProjectStatus::Cancelled => return Ok(None),
            ProjectStatus::Completed | ProjectStatus::Failed => {
                return Err(Error::WrongState(format!(
                    "the project is {}: there is nothing to cancel",
                    project.status
                )));
            }
            ProjectStatus::Created
            | ProjectStatus::Planning
            | ProjectStatus::Developing
            | ProjectStatus::Testing
            | ProjectStatus::Packaging
            | ProjectStatus::AwaitingApproval
            | ProjectStatus::Paused => {}
        }
        project.status = ProjectStatus::Cancelled;
        project.waiting = None;
        project.pending = project.execution_id.as_ref().map(|_| Pending::Stop);
        let event =
            Happening { stage: project.stage, ..Happening::new("project.cancelled", "The project was cancelled.") };
        Ok(Some(event.into()))
    })
    .await?;
    delivery::settle_or_leave(ports, stored).await
}

/// Goes on with a project that failed, was paused or cancelled, or was created without being started: a new execution
/// of the same run over what exists.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::WrongState`] when a delivery runs or the project is complete.
pub async fn resume_project<P: Ports>(ports: &P, owner: &str, id: &ProjectId) -> Result<Stored<Project>, Error> {
    // A cancellation that is not yet carried out comes first.
    let stored = store::load_owned(ports, owner, id).await?;
    if stored.value.pending == Some(Pending::Stop) {
        delivery::settle(ports, stored).await?;
    }
    let stored = store::change(ports, Some(owner), id, None, |project, _| {
        if project.is_running() {
            return Err(Error::WrongState(format!("the project is {}: its delivery runs", project.status)));
        }
        if project.status == ProjectStatus::Completed {
            return Err(Error::WrongState(
                "the project is completed: request a modification (POST /api/projects/{id}/modify) to change it".into(),
            ));
        }
        let first = project.attempt == 0 && project.run_kind == RunKind::Create;
        let (kind, message) = if first {
            ("project.started", "The delivery was started.")
        } else {
            ("project.resumed", "The delivery was resumed over what exists.")
        };
        delivery::begin_attempt(project, if first { ProjectStatus::Created } else { ProjectStatus::Planning });
        Ok(Some(Happening::new(kind, message).into()))
    })
    .await?;
    delivery::settle_or_leave(ports, stored).await
}

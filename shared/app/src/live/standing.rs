//! How a topic is stored now.

use super::message::{Asked, ServerMessage};
use super::session::LiveCaller;
use super::topic::Topic;
use crate::error::Error;
use crate::executions::{ExecutionStatus, LogId, load_record_version};
use crate::ids::{ExecutionId, ProjectId};
use crate::ports::{ExecutionLog, Ports};
use crate::projects::{ProjectStatus, get_project};

/// How a thing is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// A number that grows with each change of it.
    pub(super) version: u64,
    /// Is the number all that there is to know? While something runs its parts change without it.
    pub(super) is_exact: bool,
}

/// Is the topic the caller's to watch?
///
/// # Errors
/// [`Error::Store`]
pub(super) async fn is_theirs<P: Ports>(ports: &P, caller: &LiveCaller, topic: &Topic) -> Result<bool, Error> {
    match topic {
        Topic::Execution(id) => Ok(owner_of_execution(ports, id).await?.is_some_and(|owner| caller.sees(&owner))),
        Topic::Project(id) => match get_project(ports, &caller.owner, id).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        },
        Topic::Executions | Topic::Projects | Topic::Webhooks | Topic::Schedules | Topic::Functions => Ok(true),
    }
}

/// Whose an execution is.
pub(super) async fn owner_of_execution<P: Ports>(ports: &P, id: &ExecutionId) -> Result<Option<String>, Error> {
    Ok(load_record_version(ports, id).await?.map(|(execution, _)| execution.owner))
}

/// Whose a project is.
pub(super) async fn owner_of_project<P: Ports>(ports: &P, id: &ProjectId) -> Result<Option<String>, Error> {
    Ok(crate::projects::find_project(ports, id).await?.map(|stored| stored.value.owner))
}

/// How a thing is stored; `None` for a listing, and for what is gone.
async fn standing<P: Ports>(ports: &P, topic: &Topic) -> Result<Option<Standing>, Error> {
    match topic {
        Topic::Execution(id) => {
            let Some((execution, version)) = load_record_version(ports, id).await? else { return Ok(None) };
            let latest = ports.log().latest(&LogId::root(id.clone())).await?;
            let version = version.saturating_add(latest.map_or(0, |entry| entry.seq));
            // Its children write logs of their own.
            Ok(Some(Standing { version, is_exact: execution.status != ExecutionStatus::Running }))
        }
        Topic::Project(id) => {
            let found = crate::projects::find_project(ports, id).await?;
            Ok(found.map(|stored| {
                use ProjectStatus as S;
                let is_exact = matches!(stored.value.status, S::Completed | S::Failed | S::Cancelled);
                Standing { version: stored.version, is_exact }
            }))
        }
        Topic::Executions | Topic::Projects | Topic::Webhooks | Topic::Schedules | Topic::Functions => Ok(None),
    }
}

/// What there is to tell of a topic that has changed.
///
/// # Errors
/// [`Error::Store`]
pub(super) async fn news<P: Ports>(ports: &P, topic: &Topic) -> Result<ServerMessage, Error> {
    let version = standing(ports, topic).await?.map(|standing| standing.version);
    Ok(ServerMessage::Changed { topic: topic.to_string(), version })
}

/// What there is to tell of a topic that is watched from now on: nothing, where the client knows for sure how it is.
///
/// # Errors
/// [`Error::Store`]
pub(super) async fn catch_up<P: Ports>(ports: &P, asked: &Asked) -> Result<Option<ServerMessage>, Error> {
    let standing = standing(ports, &asked.topic).await?;
    let knows = standing.is_some_and(|standing| standing.is_exact && asked.after == Some(standing.version));
    let version = standing.map(|standing| standing.version);
    Ok((!knows).then(|| ServerMessage::Changed { topic: asked.topic.to_string(), version }))
}

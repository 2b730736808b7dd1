//! Starting and stopping a project's execution, and repairing what a crash left half done.
//!
//! A project's record says what is still to be done outside of it ([`Pending`]) and is listed as due until that is
//! done. [`settle`] does it; every step may be repeated.

use millrace_asl::{PayloadLimit, Timestamp};
use serde_json::json;

use super::model::{Failure, Pending, Project, ProjectStatus, Stored};
use super::store::{self, Change, Happening};
use crate::error::Error;
use crate::executions::{Attributes, StartExecution, start_execution, stop_execution};
use crate::ids::ExecutionId;
use crate::keys;
use crate::ports::{Index, Order, Page, Ports, Query};

/// The built-in delivery workflow.
pub const DELIVERY_WORKFLOW: &str = include_str!("../../../../workflows/delivery.asl.yaml");

/// The error name with which a delivery is stopped that its owner cancelled.
pub const CANCELLED: &str = "Millrace.ProjectCancelled";

/// How many due projects one call repairs at the most.
const REPAIR_PAGE: usize = 100;

/// The id of an execution of a project: the same for the same attempt.
pub(super) fn execution_id(project: &Project) -> ExecutionId {
    ExecutionId::derived(&format!("{}#{}#{}", project.id, project.run, project.attempt))
}

/// Sets a project to be delivered once more in its current run. The caller stores it and calls [`settle`].
pub(super) fn begin_attempt(project: &mut Project, status: ProjectStatus) {
    project.attempt += 1;
    project.execution_id = Some(execution_id(project));
    project.status = status;
    project.stage = None;
    project.round = 0;
    project.failure = None;
    project.waiting = None;
    project.pending = Some(Pending::Start);
}

fn start_of(project: &Project, execution: &ExecutionId) -> StartExecution {
    StartExecution {
        id: execution.clone(),
        owner: project.owner.clone(),
        name: format!("{}-{}-{}", project.id, project.run, project.attempt),
        definition: project.workflow.clone().unwrap_or_else(|| DELIVERY_WORKFLOW.to_owned()).into(),
        input: json!({ "project_id": project.id, "run": project.run, "kind": project.run_kind.as_str() }),
        payload_limit: PayloadLimit::None,
        project: Some(project.id.clone()),
        workflow: None,
        waiting: None,
        attributes: Attributes::new(),
        priority: None,
    }
}

/// Does what is pending for a project. Idempotent. An execution that can't be started ends the delivery as failed.
pub(super) async fn settle<P: Ports>(ports: &P, stored: Stored<Project>) -> Result<Stored<Project>, Error> {
    let Some(pending) = stored.value.pending else { return Ok(stored) };
    let Some(execution) = stored.value.execution_id.clone() else { return Ok(stored) };
    let refused = match pending {
        Pending::Start => match Box::pin(start_execution(ports, start_of(&stored.value, &execution))).await {
            Ok(_) => None,
            Err(error) if error.is_retryable() => return Err(error),
            Err(error) => Some(refusal(&error)),
        },
        Pending::Stop => {
            stop(ports, &execution, "the project was cancelled").await?;
            None
        }
    };
    let settled = store::change(ports, None, &stored.value.id, None, |project, _| {
        if project.execution_id.as_ref() != Some(&execution) || project.pending != Some(pending) {
            return Ok(None);
        }
        project.pending = None;
        let Some(failure) = refused.clone() else { return Ok(Some(Change::default())) };
        let event = Happening {
            data: json!({ "error": failure.error }),
            ..Happening::new("project.failed", failure.cause.clone())
        };
        project.status = ProjectStatus::Failed;
        project.failure = Some(failure);
        Ok(Some(event.into()))
    })
    .await;
    // A cancellation or a deletion may have come between the record and the start.
    let wanted = settled.as_ref().is_ok_and(|now| {
        now.value.execution_id.as_ref() == Some(&execution) && now.value.status != ProjectStatus::Cancelled
    });
    let gone = matches!(settled, Err(Error::NotFound { .. }));
    if pending == Pending::Start && (gone || settled.is_ok() && !wanted) {
        stop(ports, &execution, "the project was cancelled or deleted").await?;
    }
    settled
}

/// As [`settle`], but what can't be done now is left to [`repair_due`].
pub(super) async fn settle_or_leave<P: Ports>(ports: &P, stored: Stored<Project>) -> Result<Stored<Project>, Error> {
    match settle(ports, stored.clone()).await {
        Err(error) if error.is_retryable() => {
            tracing::warn!(project = %stored.value.id, error = &error as &dyn std::error::Error, "left to the sweeper");
            Ok(stored)
        }
        settled => settled,
    }
}

/// Stops an execution; one that never started or has ended is no error.
pub(super) async fn stop<P: Ports>(ports: &P, execution: &ExecutionId, cause: &str) -> Result<(), Error> {
    match Box::pin(stop_execution(ports, execution, Some(CANCELLED), Some(cause))).await {
        Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn refusal(error: &Error) -> Failure {
    let cause = match error {
        Error::Invalid(problems) => {
            let list: Vec<String> = problems.iter().map(|at| format!("{}: {}", at.field, at.message)).collect();
            format!("The workflow is not valid: {}", list.join("; "))
        }
        other => format!("The delivery could not be started: {other}"),
    };
    Failure {
        error: "Millrace.NotStarted".into(),
        cause,
        what_to_do: "Put right what the cause names, then resume the project.".into(),
    }
}

/// Does what is still to be done for projects that have been waiting for it since before `now`. The sweeper calls it.
/// Answers how many were settled; one that can't be settled now stays due and doesn't hold up the others.
///
/// # Errors
/// [`Error::Store`] where the listing can't be read.
pub async fn repair_due<P: Ports>(ports: &P, now: Timestamp) -> Result<usize, Error> {
    let mut query = Query {
        index: Some(Index::Due),
        partition: keys::DUE_PROJECTS.into(),
        sort_prefix: String::new(),
        sort_to: Some(keys::due_to(now)),
        order: Order::Ascending,
        limit: REPAIR_PAGE,
        cursor: None,
    };
    let mut settled = 0;
    loop {
        let due: Page<Project> = store::page(ports, &query).await?;
        for project in due.items {
            // The index may be behind; the table decides.
            let outcome = match store::load(ports, &project.id).await {
                Ok(None) => continue,
                Ok(Some(stored)) => settle(ports, stored).await.map(|_| ()),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => settled += 1,
                Err(error) => {
                    tracing::warn!(project = %project.id, error = &error as &dyn std::error::Error, "still due");
                }
            }
        }
        query.cursor = due.next;
        if query.cursor.is_none() {
            return Ok(settled);
        }
    }
}

//! Waiting for a person: the plan of a project that asks for an approval.

use serde_json::{Value, json};

use super::model::{Plan, Project, ProjectStatus, Stage, Stored, Waiting};
use super::planning::{self, Bounds};
use super::store::{self, Happening};
use super::{tree, work};
use crate::error::{Error, FieldProblem};
use crate::executions::{TaskTokenError, send_task_failure, send_task_success};
use crate::ids::{PlanId, ProjectId};
use crate::ports::Ports;

/// The error name with which a delivery ends whose plan was rejected.
pub const PLAN_REJECTED: &str = "Millrace.PlanRejected";

/// The longest reason, in characters.
const REASON_CHARS: usize = 2_000;

/// What a person says to what waits.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Go on.
    Approve,
    /// Stop, and say why.
    Reject {
        /// What the next plan is to take into account.
        reason: String,
    },
    /// Go on with this plan, in the form that [`planning::schema`] describes.
    Edit {
        /// The plan.
        plan: Value,
    },
}

/// Makes a project wait for its owner: the work of the task `millrace:approval`. Whoever has the task's token ends the task;
/// [`approve_project`] does.
///
/// # Errors
/// As for all work.
pub async fn wait_for_approval<P: Ports>(ports: &P, id: &ProjectId, run: u32, token: &str) -> Result<(), Error> {
    store::change(ports, None, id, None, |project, now| {
        work::check_running(project, run)?;
        if project.waiting.as_ref().is_some_and(|waiting| waiting.token == token) {
            return Ok(None);
        }
        project.waiting = Some(Waiting { token: token.to_owned(), plan_id: project.plan_id.clone(), since: now });
        project.status = ProjectStatus::AwaitingApproval;
        let message = "The plan waits for an approval (POST /api/projects/{id}/approve).";
        Ok(Some(Happening { stage: Some(Stage::Planning), ..Happening::new("approval.requested", message) }.into()))
    })
    .await?;
    Ok(())
}

/// What a workflow is told of a plan: its id, the tasks in waves, and how many there are.
#[must_use]
pub fn told_of_plan(plan: &Plan) -> Value {
    let tasks = &plan.contents.tasks;
    let last = tasks.iter().map(|task| task.wave).max().unwrap_or_default();
    let waves: Vec<Vec<Value>> = (0..=last)
        .map(|wave| tasks.iter().filter(move |task| task.wave == wave))
        .map(|tasks| tasks.map(|task| json!({ "id": task.id, "title": task.title })).collect())
        .filter(|tasks: &Vec<Value>| !tasks.is_empty())
        .collect();
    json!({ "plan_id": plan.id, "waves": waves, "tasks": tasks.len(), "files": plan.contents.files.len() })
}

/// Decides about what waits for an approval. An edited plan is checked as a model's is.
///
/// # Errors
/// [`Error::Invalid`] for an edited plan, with every problem, and for a rejection without a reason; [`Error::NotFound`];
/// [`Error::WrongState`] when nothing waits any more.
pub async fn approve_project<P: Ports>(
    ports: &P,
    owner: &str,
    id: &ProjectId,
    decision: Decision,
) -> Result<Stored<Project>, Error> {
    let stored = store::load_owned(ports, owner, id).await?;
    let project = &stored.value;
    let waits = project.status == ProjectStatus::AwaitingApproval;
    let Some(waiting) = project.waiting.clone().filter(|_| waits) else {
        return Err(Error::WrongState(format!("the project is {}: nothing waits for an approval", project.status)));
    };
    let (sent, kind, message) = match &decision {
        Decision::Reject { reason } => {
            check_reason(reason)?;
            let cause = Some(reason.trim().to_owned());
            // Before the end of the delivery: whoever resumes it then plans with the reason.
            remember(ports, owner, id, cause.clone()).await?;
            let sent = send_task_failure(ports, &waiting.token, Some(PLAN_REJECTED.to_owned()), cause).await;
            (sent, "approval.rejected", format!("The plan was rejected: {}", reason.trim()))
        }
        Decision::Approve => {
            let plan = work::load_plan(ports, id).await?;
            let output = plan.as_ref().map_or_else(|| json!({}), told_of_plan);
            let sent = send_task_success(ports, &waiting.token, &output.to_string()).await;
            (sent, "approval.given", "The plan was approved.".to_owned())
        }
        Decision::Edit { plan } => {
            let plan = edited(ports, project, &waiting, plan).await?;
            let sent = send_task_success(ports, &waiting.token, &told_of_plan(&plan).to_string()).await;
            (sent, "approval.given", "The plan was edited and approved.".to_owned())
        }
    };
    match sent {
        Ok(()) => {}
        Err(TaskTokenError::App(error)) => return Err(error),
        Err(_) => return Err(Error::WrongState("the approval is over: somebody decided, or its time is up".into())),
    }
    store::change(ports, Some(owner), id, None, |project, _| {
        // The delivery may have gone on, or ended, meanwhile.
        if project.waiting.as_ref().is_some_and(|now| now.token == waiting.token) {
            project.waiting = None;
            if project.status == ProjectStatus::AwaitingApproval {
                project.status = ProjectStatus::Planning;
            }
        }
        Ok(Some(Happening { stage: Some(Stage::Planning), ..Happening::new(kind, message.clone()) }.into()))
    })
    .await
}

/// Keeps why a plan was rejected, or forgets it.
async fn remember<P: Ports>(ports: &P, owner: &str, id: &ProjectId, feedback: Option<String>) -> Result<(), Error> {
    store::change(ports, Some(owner), id, None, |project, _| {
        if project.feedback == feedback {
            return Ok(None);
        }
        project.feedback.clone_from(&feedback);
        Ok(Some(store::Change::default()))
    })
    .await?;
    Ok(())
}

fn check_reason(reason: &str) -> Result<(), Error> {
    if reason.trim().is_empty() {
        return Err(Error::invalid("/reason", "must say what is wrong with the plan"));
    }
    if reason.chars().count() > REASON_CHARS {
        return Err(Error::invalid("/reason", format!("must have at most {REASON_CHARS} characters")));
    }
    Ok(())
}

/// Checks and stores a plan that a person changed.
async fn edited<P: Ports>(ports: &P, project: &Project, waiting: &Waiting, draft: &Value) -> Result<Plan, Error> {
    let id = &project.id;
    let current = work::load_plan(ports, id).await?;
    let Some(current) = current.filter(|plan| plan.contents.template.is_none()) else {
        return Err(Error::invalid(
            "/plan",
            "only a plan that a model made can be edited: change the template's parameters",
        ));
    };
    let base = tree::pin(ports, id, project.run, &run_key(project.run)).await?;
    let existing = base.into_iter().map(|file| file.path).collect();
    let language = |path: &str| {
        let known = current.contents.files.iter().find(|file| file.path == path);
        known.map_or_else(|| "text".to_owned(), |file| file.language.clone())
    };
    let contents = planning::check(draft, &existing, &Bounds::default(), language).map_err(|problems| {
        let told = problems.into_iter().map(|at| FieldProblem::new(format!("/plan{}", at.pointer), at.message));
        Error::Invalid(told.collect())
    })?;
    let digest = crate::digest::sha256_hex(draft.to_string().as_bytes());
    let plan_id = PlanId::derived(&format!("{} edited {digest}", waiting.token));
    work::save_plan(ports, id, project.run, &plan_id, contents).await
}

/// The key under which the files before a run are pinned.
#[must_use]
pub fn run_key(run: u32) -> String {
    format!("run {run}")
}

//! What the end of its execution means for a project.

use serde_json::{Value, json};

use super::model::{Failure, Project, ProjectStatus, Stage};
use super::store::{self, Happening};
use crate::error::Error;
use crate::ids::{ExecutionId, ProjectId};
use crate::ports::Ports;

/// The error name with which a delivery ends that has used up its budget.
pub const BUDGET_EXCEEDED: &str = "Millrace.BudgetExceeded";

/// The longest cause that is kept, in characters.
const CAUSE_CHARS: usize = 2_000;

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionOutcome {
    /// `SUCCEEDED`
    Succeeded,
    /// `FAILED`
    Failed,
    /// `TIMED_OUT`
    TimedOut,
    /// `ABORTED`
    Aborted,
}

/// Tells a project that its execution has ended. Idempotent; an execution that is not the project's current one, and a
/// project that was deleted or has ended already, change nothing.
///
/// # Errors
/// [`Error::Store`]; [`Error::VersionMismatch`] after many conflicts: call it again.
pub async fn execution_ended<P: Ports>(
    ports: &P,
    project_id: &ProjectId,
    execution: &ExecutionId,
    outcome: ExecutionOutcome,
    error: Option<&str>,
    cause: Option<&str>,
) -> Result<(), Error> {
    let changed = store::change(ports, None, project_id, None, |project, _| {
        if project.execution_id.as_ref() != Some(execution) || !project.is_running() {
            return Ok(None);
        }
        project.pending = None;
        project.waiting = None;
        Ok(Some(end(project, outcome, error, cause).into()))
    })
    .await;
    match changed {
        Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn end(project: &mut Project, outcome: ExecutionOutcome, error: Option<&str>, cause: Option<&str>) -> Happening {
    let (status, kind) = match outcome {
        ExecutionOutcome::Succeeded => (ProjectStatus::Completed, "project.completed"),
        ExecutionOutcome::Aborted => (ProjectStatus::Cancelled, "project.cancelled"),
        ExecutionOutcome::Failed if error == Some(BUDGET_EXCEEDED) => (ProjectStatus::Paused, "project.paused"),
        ExecutionOutcome::Failed | ExecutionOutcome::TimedOut => (ProjectStatus::Failed, "project.failed"),
    };
    project.status = status;
    if outcome == ExecutionOutcome::Succeeded {
        project.failure = None;
        let message = if project.stage == Some(Stage::Packaging) {
            "The delivery is complete: the package can be downloaded.".to_owned()
        } else {
            // A workflow of the project's own need not end with Ops.
            let last = project.stage.map_or("no stage was begun", |stage| match stage {
                Stage::Planning => "its last stage was planning",
                Stage::Developing => "its last stage was developing",
                Stage::Testing => "its last stage was testing",
                Stage::Packaging => "its last stage was packaging",
            });
            format!("The workflow has ended; {last}. The project's deployments list what was packaged, if anything.")
        };
        return Happening::new(kind, message);
    }
    let failure = explain(project, outcome, error, cause);
    let happening = Happening {
        stage: project.stage,
        data: json!({ "error": failure.error, "what_to_do": failure.what_to_do }),
        ..Happening::new(kind, failure.cause.clone())
    };
    project.failure = Some(failure);
    happening
}

fn explain(project: &Project, outcome: ExecutionOutcome, error: Option<&str>, cause: Option<&str>) -> Failure {
    let name = error.unwrap_or(match outcome {
        ExecutionOutcome::TimedOut => "States.Timeout",
        ExecutionOutcome::Aborted => "Millrace.Aborted",
        ExecutionOutcome::Failed | ExecutionOutcome::Succeeded => "Millrace.Failed",
    });
    let place = project.stage.map_or("before the first stage", |stage| match stage {
        Stage::Planning => "while planning",
        Stage::Developing => "while developing",
        Stage::Testing => "while testing",
        Stage::Packaging => "while packaging",
    });
    let given = cause.map(readable).filter(|cause| !cause.is_empty());
    let cause = given.unwrap_or_else(|| match outcome {
        ExecutionOutcome::TimedOut => format!("The delivery took longer than it may, {place}."),
        ExecutionOutcome::Aborted => format!("The delivery was stopped {place}."),
        ExecutionOutcome::Failed | ExecutionOutcome::Succeeded => format!("The delivery failed {place}: {name}."),
    });
    let what_to_do = match name {
        BUDGET_EXCEEDED => "Raise the project's budget (PUT /api/projects/{id}), then resume it.",
        "States.Timeout" | "States.HeartbeatTimeout" => {
            "Resume the project: what exists is kept. If it times out again, look at the workers' logs and queues."
        }
        "States.Runtime" | "States.QueryEvaluationError" | "States.NoChoiceMatched" => {
            "The workflow itself failed. If the project has its own workflow, put it right and make a new project \
             with it; otherwise report the error."
        }
        super::PLAN_REJECTED => {
            "Resume the project for another plan, which takes the reason into account, or first say more in its requirements \
             (PUT /api/projects/{id})."
        }
        "Millrace.ModelNotConfigured" => {
            "Set MILLRACE_MODEL to provider/model, store the provider's key as the secret models/<provider>/api-key, then resume \
             the project. Without a model, make a project from a template."
        }
        "Millrace.ModelUnauthorized" | "Millrace.ModelUnknown" | "Millrace.ModelQuotaExceeded" => {
            "Put right what the provider says about its key, model or account, then resume the project: what exists is kept."
        }
        "Millrace.Transient"
        | "Millrace.ModelRateLimited"
        | "Millrace.ModelOverloaded"
        | "Millrace.ModelTimeout"
        | "Millrace.ModelConnection" => "Wait a while, then resume the project: finished calls are not paid again.",
        "Millrace.InvalidPlan" | "Millrace.ModelRefused" | "Millrace.ModelWrongForm" => {
            "Say more clearly what is to be made (PUT /api/projects/{id}, requirements) or take another model, then resume the \
             project: the model is asked anew."
        }
        "Millrace.Stuck" | "Millrace.MergeConflict" | "Millrace.ModelContextTooLong" => {
            "Resume the project: finished tasks are kept and the failed one is asked anew. If it fails again, take another \
             model, or simpler requirements with smaller tasks."
        }
        _ if outcome == ExecutionOutcome::Aborted => "Resume the project to go on with what exists.",
        _ => match project.stage {
            Some(Stage::Planning) | None => {
                "Look at the cause, change the parameters (POST /api/projects/{id}/modify) where they are at fault, or \
                 resume the project."
            }
            Some(Stage::Developing | Stage::Testing) => {
                "Look at the findings in the project's test reports, then request a modification \
                 (POST /api/projects/{id}/modify) or resume the project."
            }
            Some(Stage::Packaging) => "Look at the project's events, then resume it: plan and files are kept.",
        },
    };
    Failure { error: name.to_owned(), cause, what_to_do: what_to_do.to_owned() }
}

/// A cause in plain words: what a nested JSON error says, and no more than a person reads.
fn readable(cause: &str) -> String {
    let inner = serde_json::from_str::<Value>(cause).ok().and_then(|value| {
        ["cause", "Cause", "errorMessage", "message"]
            .iter()
            .find_map(|name| value.get(*name)?.as_str().map(str::to_owned))
    });
    inner.as_deref().unwrap_or(cause).trim().chars().take(CAUSE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_cause_is_read() {
        assert_eq!(readable(r#"{"errorType":"X","errorMessage":"no space"}"#), "no space");
        assert_eq!(readable(" plain "), "plain");
        assert_eq!(readable("{}"), "{}");
        assert_eq!(readable(&"é".repeat(5_000)).chars().count(), CAUSE_CHARS);
    }
}

//! What the four agents share: their input, and how a refusal becomes a failure of the workflow.

use std::sync::Arc;
use std::time::Duration;

use millrace_app::Error;
use millrace_app::Timestamp;
use millrace_app::ids::{PlanId, ProjectId, TestId};
use millrace_app::models::Caller;
use millrace_app::ports::{Clock as _, Ports, Queue, StoreError};
use millrace_app::projects::tree::{self, PinnedFile};
use millrace_app::projects::{Plan, PlanContents, Project, work};
use millrace_app::templates;
use millrace_app::workers::{Task, TaskError};
use millrace_templates::{Parameters, Template};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::edit::Tree;

/// What a delivery workflow hands to an agent. `workflows/delivery.asl.yaml` is the example.
#[derive(Debug, Deserialize)]
pub(crate) struct WorkInput {
    pub(crate) project_id: ProjectId,
    pub(crate) run: u32,
    #[serde(default)]
    pub(crate) plan_id: Option<PlanId>,
    #[serde(default)]
    pub(crate) round: u32,
    #[serde(default)]
    pub(crate) task: Option<TaskInput>,
    #[serde(default)]
    pub(crate) test_id: Option<TestId>,
}

/// One task of a wave.
#[derive(Debug, Deserialize)]
pub(crate) struct TaskInput {
    pub(crate) id: String,
    /// What QA found in what the task made.
    #[serde(default)]
    pub(crate) findings: Value,
}

/// So many of a thing, in words.
pub(crate) fn count(number: impl TryInto<u64>, thing: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Reads a task's input; it must name the project that the execution delivers.
pub(crate) fn input(task: &Task) -> Result<WorkInput, TaskError> {
    let input: WorkInput = serde_json::from_value(task.input.clone()).map_err(|problem| {
        TaskError::failed(
            "Millrace.InvalidInput",
            format!("The input of '{}' is not an agent's: {problem}.", task.state),
        )
    })?;
    if task.project.as_ref() == Some(&input.project_id) {
        return Ok(input);
    }
    let cause = format!("The state '{}' names a project that this execution doesn't deliver.", task.state);
    Err(TaskError::failed("Millrace.InvalidInput", cause))
}

/// A refusal by the project is the workflow's business; a store that fails is not.
pub(crate) fn refused(error: Error) -> TaskError {
    let name = match &error {
        Error::NotFound { .. } => "Millrace.ProjectGone",
        Error::WrongState(_) => "Millrace.RunOver",
        Error::Invalid(problems) => {
            let problems: Vec<String> =
                problems.iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect();
            return TaskError::failed("Millrace.InvalidWork", problems.join("; "));
        }
        Error::Store(StoreError::TooLarge { .. }) => "Millrace.TooLarge",
        _ => return TaskError::Unable(error),
    };
    TaskError::failed(name, error.to_string())
}

/// The template that a project is made from, with its parameters: of the templates that its run began with.
pub(crate) async fn template_of<P: Ports>(
    ports: &P,
    project: &Project,
) -> Result<(Arc<Template>, Parameters), TaskError> {
    let catalogue = templates::of_content(ports, project.templates_sha256.as_deref()).await.map_err(refused)?;
    let Some(id) = &project.template_id else {
        let cause = format!(
            "This project has neither a template nor words to plan from. Make it from a template: {}.",
            templates::template_names(&catalogue)
        );
        return Err(TaskError::failed("Millrace.InvalidWork", cause));
    };
    let template = catalogue
        .get(id)
        .ok_or_else(|| TaskError::failed("Millrace.TemplateGone", format!("There is no template '{id}' any more.")))?;
    let given = project.parameters.clone().map_or_else(|| json!({}), Value::Object);
    let parameters = template.validate(&given).map_err(|problems| {
        let problems: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect();
        TaskError::failed("Millrace.InvalidParameters", problems.join("; "))
    })?;
    Ok((Arc::clone(template), parameters))
}

/// The plan that the workflow works from.
pub(crate) async fn plan_of<P: Ports>(ports: &P, input: &WorkInput) -> Result<Plan, TaskError> {
    let plan = work::load_plan(ports, &input.project_id).await.map_err(refused)?;
    match plan {
        Some(plan) if input.plan_id.as_ref().is_none_or(|id| *id == plan.id) => Ok(plan),
        _ => Err(TaskError::failed("Millrace.RunOver", "the project has another plan by now")),
    }
}

/// The files that a task reads, with their contents.
pub(crate) async fn load_tree<P: Ports>(ports: &P, id: &ProjectId, files: &[PinnedFile]) -> Result<Tree, TaskError> {
    let mut loaded = Tree::new();
    for file in files {
        loaded.insert(file.path.clone(), tree::contents(ports, id, &file.sha256).await.map_err(refused)?);
    }
    Ok(loaded)
}

/// SHA-256 of what something says.
pub(crate) fn digest_of<T: Serialize>(thing: &T) -> Result<String, TaskError> {
    let json = serde_json::to_vec(thing).map_err(|problem| TaskError::Unable(Error::internal(problem)))?;
    Ok(Sha256::digest(&json).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// How long an agent has been at a task. A function ends at its timeout, so its last call must end before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Timestamp,
    whole: Duration,
}

/// A call that would have less time is left to the next attempt, which finds the finished ones.
const SHORTEST: Duration = Duration::from_secs(60);

impl Clock {
    pub(crate) fn start<P: Ports>(ports: &P, queue: Queue) -> Self {
        let whole = queue.function_timeout();
        Self { started: ports.clock().now(), whole: whole.saturating_sub(Duration::from_secs(60)) }
    }

    /// The caller with no more time than is left.
    pub(crate) fn within<P: Ports>(&self, caller: Caller, ports: &P) -> Result<Caller, TaskError> {
        let passed = ports.clock().now().millis().saturating_sub(self.started.millis());
        let left = self.whole.saturating_sub(Duration::from_millis(u64::try_from(passed).unwrap_or_default()));
        if left < SHORTEST {
            let cause = "The function's time is used up; the next attempt goes on from the calls that are finished.";
            return Err(TaskError::failed("Millrace.Transient", cause));
        }
        Ok(Caller { time: caller.time.min(left), ..caller })
    }
}

/// Tasks in waves, each an array of objects: the form that the workflow maps over.
pub(crate) fn waves<'a, T>(
    plan: &'a PlanContents,
    of: impl Fn(&'a millrace_app::projects::PlanTask) -> Option<T>,
) -> Value
where
    T: Into<Value>,
{
    let last = plan.tasks.iter().map(|task| task.wave).max().unwrap_or_default();
    let waves = (0..=last).map(|wave| {
        let tasks = plan.tasks.iter().filter(|task| task.wave == wave);
        Value::Array(tasks.filter_map(&of).map(Into::into).collect())
    });
    Value::Array(waves.filter(|wave| wave.as_array().is_some_and(|tasks| !tasks.is_empty())).collect())
}

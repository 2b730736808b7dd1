//! What the four agents share: their input, and how a refusal becomes a failure of the workflow.

use millrace_app::Error;
use millrace_app::ids::{PlanId, ProjectId, TestId};
use millrace_app::ports::{Ports, StoreError};
use millrace_app::projects::{Plan, PlanContents, Project, work};
use millrace_app::workers::{Task, TaskError};
use millrace_templates::{Parameters, Template, catalogue};
use serde::Deserialize;
use serde_json::{Value, json};

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

/// The template that a project is made from, with its parameters.
pub(crate) fn template_of(project: &Project) -> Result<(&'static Template, Parameters), TaskError> {
    let Some(id) = &project.template_id else {
        let templates: Vec<&str> = catalogue().list().iter().map(|template| template.id.as_str()).collect();
        let cause = format!(
            "Words need a model, and this version has no model providers yet. Make the project from a template: {}.",
            templates.join(", ")
        );
        return Err(TaskError::failed("Millrace.ModelNotConfigured", cause));
    };
    let template = catalogue().get(id).ok_or_else(|| {
        TaskError::failed("Millrace.TemplateGone", format!("This version of Millrace has no template '{id}'."))
    })?;
    let given = project.parameters.clone().map_or_else(|| json!({}), Value::Object);
    let parameters = template.validate(&given).map_err(|problems| {
        let problems: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect();
        TaskError::failed("Millrace.InvalidParameters", problems.join("; "))
    })?;
    Ok((template, parameters))
}

/// The plan that the workflow works from.
pub(crate) async fn plan_of<P: Ports>(ports: &P, input: &WorkInput) -> Result<Plan, TaskError> {
    let plan = work::load_plan(ports, &input.project_id).await.map_err(refused)?;
    match plan {
        Some(plan) if input.plan_id.as_ref().is_none_or(|id| *id == plan.id) => Ok(plan),
        _ => Err(TaskError::failed("Millrace.RunOver", "the project has another plan by now")),
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

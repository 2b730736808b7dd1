//! The PM agent: from a request to a plan.

use millrace_app::ids::PlanId;
use millrace_app::ports::Ports;
use millrace_app::projects::{PlanContents, Stage, work};
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};
use serde_json::json;

use crate::work::{input, refused, template_of, waves};

/// Plans projects.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pm;

impl Executor for Pm {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        let input = input(task)?;
        let (id, run) = (&input.project_id, input.run);
        let project = work::begin_stage(ports, id, run, input.round, Stage::Planning).await.map_err(refused)?;
        let (template, parameters) = template_of(&project)?;
        let planned = template
            .plan(&parameters)
            .map_err(|problem| TaskError::failed("Millrace.TemplateFault", problem.to_string()))?;
        let plan_id = PlanId::derived(&format!("{} plan", task.execution));
        let plan =
            work::save_plan(ports, id, run, &plan_id, PlanContents::from(planned)).await.map_err(refused)?.contents;
        let waves = waves(&plan, |task| Some(json!({ "id": task.id, "title": task.title })));
        Ok(json!({
            "plan_id": plan_id,
            "waves": waves,
            "tasks": plan.tasks.len(),
            "files": plan.files.len(),
        })
        .into())
    }
}

//! The Dev agent: writes the files of one task.

use millrace_app::ports::Ports;
use millrace_app::projects::{Stage, work};
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};
use serde_json::json;

use crate::analysis::language;
use crate::work::{count, input, plan_of, refused, template_of};

/// Writes code.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dev;

impl Executor for Dev {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        let input = input(task)?;
        let (id, run) = (&input.project_id, input.run);
        let Some(wanted) = &input.task else {
            return Err(TaskError::failed("Millrace.InvalidInput", "The Dev agent needs `task`, with an `id`."));
        };
        let project = work::begin_stage(ports, id, run, input.round, Stage::Developing).await.map_err(refused)?;
        let plan = plan_of(ports, &input).await?;
        let Some(planned) = plan.contents.tasks.iter().find(|planned| planned.id == wanted.id) else {
            let cause = format!("The plan {} has no task '{}'.", plan.id, wanted.id);
            return Err(TaskError::failed("Millrace.InvalidInput", cause));
        };
        let (template, parameters) = template_of(&project)?;
        let rendered = template
            .render_task(&parameters, &planned.id)
            .map_err(|problem| TaskError::failed("Millrace.TemplateFault", problem.to_string()))?;
        let files = rendered
            .into_iter()
            .map(|file| work::NewFile {
                language: language::detect(&file.path, file.contents.as_bytes()).name().to_lowercase(),
                path: file.path,
                contents: file.contents.into_bytes(),
                executable: file.executable,
            })
            .collect();
        let saved = work::save_files(ports, id, run, &planned.id, files).await.map_err(refused)?;
        let event = work::NewEvent {
            name: format!("{} written {} {}", task.execution, planned.id, input.round),
            kind: "task.finished".to_owned(),
            stage: Some(Stage::Developing),
            message: format!("{}: {}.", planned.title, count(saved.len(), "file")),
            data: json!({ "task_id": planned.id, "wave": planned.wave, "files": saved.len(), "round": input.round }),
        };
        work::record_event(ports, id, run, event).await.map_err(refused)?;
        Ok(json!({ "task_id": planned.id, "files": saved.len() }).into())
    }
}

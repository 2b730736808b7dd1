//! The Dev agent: writes the files of one task.
//!
//! A task of a template is rendered. A task that a model planned is done in a conversation ([`crate::session`]) over the
//! files as they are when the task begins; its changes are stored over what they were made from. Where somebody else has
//! changed a file meanwhile, both changes are merged, or the task is done again over the merged files.

mod store;

use std::sync::Arc;

use millrace_app::models::{AgentRole, Caller, CompleteError, ModelCaller, ModelError, NoModel, complete};
use millrace_app::ports::{Ports, Queue};
use millrace_app::projects::{Plan, PlanTask, Project, Stage, tree, work};
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};
use serde_json::{Value, json};

use crate::analysis::language;
use crate::session::{Job, Next, Patience, Session, complaints};
use crate::work::{Clock, WorkInput, count, digest_of, input, load_tree, plan_of, refused, template_of};

/// Writes code.
#[derive(Debug, Clone, Default)]
pub struct Dev<M = NoModel> {
    models: Arc<M>,
}

/// How often a task is done anew because its changes could not be merged.
const RERUNS: u32 = 3;

impl<M: ModelCaller> Dev<M> {
    /// An agent that writes what models planned with these models.
    pub const fn new(models: Arc<M>) -> Self {
        Self { models }
    }
}

impl<M: ModelCaller> Executor for Dev<M> {
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
        let result = if plan.contents.template.is_some() {
            render(ports, &input, &project, planned).await?
        } else {
            self.develop(ports, task, &input, &project, &plan, planned).await?
        };
        let files = result.get("files").and_then(Value::as_u64).unwrap_or_default();
        let mut data = json!({ "task_id": planned.id, "wave": planned.wave, "round": input.round });
        if let (Some(data), Some(result)) = (data.as_object_mut(), result.as_object()) {
            data.extend(result.clone());
        }
        let event = work::NewEvent {
            name: format!("{} written {} {}", task.execution, planned.id, input.round),
            kind: "task.finished".to_owned(),
            stage: Some(Stage::Developing),
            message: format!("{}: {}.", planned.title, count(files, "file")),
            data,
        };
        work::record_event(ports, id, run, event).await.map_err(refused)?;
        Ok(json!({ "task_id": planned.id, "files": files }).into())
    }
}

/// Writes the files of a template's task.
async fn render<P: Ports>(
    ports: &P,
    input: &WorkInput,
    project: &Project,
    planned: &PlanTask,
) -> Result<Value, TaskError> {
    let (template, parameters) = template_of(ports, project).await?;
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
    let saved = work::save_files(ports, &input.project_id, input.run, &planned.id, files).await.map_err(refused)?;
    Ok(json!({ "files": saved.len() }))
}

impl<M: ModelCaller> Dev<M> {
    /// Has a model do a task, once for the same task of the same plan.
    async fn develop<P: Ports>(
        &self,
        ports: &P,
        task: &Task,
        input: &WorkInput,
        project: &Project,
        plan: &Plan,
        planned: &PlanTask,
    ) -> Result<Value, TaskError> {
        let (id, run) = (&input.project_id, input.run);
        let key = key_of(task, input, plan, &planned.id, input.round)?;
        if let Some(result) = tree::finished(ports, id, &key).await.map_err(refused)? {
            return Ok(result);
        }
        let given_up = tree::given_up(ports, id, &key, &task.attempt).await.map_err(refused)?;
        let job = self.job(ports, task, input, project, plan, planned).await?;
        let complained = digest_of(&job.complaints)?;
        let clock = Clock::start(ports, Queue::Dev);
        let caller = Caller::of_task(task, AgentRole::Dev, Queue::Dev).variant(given_up);
        for rerun in 0..=RERUNS {
            let base = tree::pin(ports, id, run, &format!("{key} {given_up} {rerun}")).await.map_err(refused)?;
            let files = load_tree(ports, id, &base).await?;
            let mut session = Session::new(files, job.clone(), Patience::default());
            self.converse(ports, &clock, &caller, &mut session, (id, run, &key, &task.attempt)).await?;
            let trail = session.trail();
            let result = json!({
                "files": session.changes().count(), "answers": trail.len(), "recovered": session.is_recovering(),
                "refused": trail.iter().map(|turn| turn.refused).sum::<usize>(), "reruns": rerun,
                "complaints": complained,
            });
            if let Some(result) = store::store(ports, input, &planned.id, &key, &session, &base, &result).await? {
                return Ok(result);
            }
        }
        let cause = format!(
            "The task '{}' and others of its wave changed the same lines, {RERUNS} times in a row.",
            planned.id
        );
        Err(TaskError::failed("Millrace.MergeConflict", cause))
    }

    async fn job<P: Ports>(
        &self,
        ports: &P,
        task: &Task,
        input: &WorkInput,
        project: &Project,
        plan: &Plan,
        planned: &PlanTask,
    ) -> Result<Job, TaskError> {
        let found = input.task.as_ref().map(|task| complaints(&task.findings)).unwrap_or_default();
        let contents = &plan.contents;
        let purpose_of = |path: &String| {
            let file = contents.files.iter().find(|file| file.path == *path);
            (path.clone(), file.map(|file| file.purpose.clone()).unwrap_or_default())
        };
        // The same complaints as a round ago: edits led nowhere.
        let mut whole_files = false;
        if !found.is_empty() && input.round > 1 {
            let before = key_of(task, input, plan, &planned.id, input.round - 1)?;
            let before = tree::finished(ports, &input.project_id, &before).await.map_err(refused)?;
            let digest = json!(digest_of(&found)?);
            whole_files = before.is_some_and(|result| result.get("complaints") == Some(&digest));
        }
        let words = crate::pm::words_of(project).unwrap_or_default();
        Ok(Job {
            project: contents.name.clone(),
            purpose: format!("{}\n\nWhat was asked for:\n\n{}", contents.description, shortened(words)),
            stack: [contents.stack.languages.join(", "), contents.stack.tools.join(", ")].join("; tools: "),
            files: planned.files.iter().map(purpose_of).collect(),
            task: planned.clone(),
            complaints: found,
            whole_files,
        })
    }

    /// Asks and takes answers until the task is done.
    async fn converse<P: Ports>(
        &self,
        ports: &P,
        clock: &Clock,
        caller: &Caller,
        session: &mut Session,
        (id, run, key, attempt): (&millrace_app::ids::ProjectId, u32, &str, &str),
    ) -> Result<(), TaskError> {
        if !session.needs_model() {
            return Ok(());
        }
        loop {
            let (caller, request) = (clock.within(caller.clone(), ports)?, session.request());
            let answer = match complete(ports, self.models.as_ref(), &caller, &request).await {
                Ok(completion) => completion.answer,
                Err(CompleteError::Model(ModelError::ContextTooLong(_))) if session.shrink() => continue,
                Err(error) => return Err(error.into()),
            };
            match session.take(&answer.text, answer.finish) {
                Next::Ask => {}
                Next::Done => return Ok(()),
                Next::GaveUp(end) => {
                    tree::give_up(ports, id, run, key, attempt).await.map_err(refused)?;
                    return Err(TaskError::failed(end.error, end.cause));
                }
            }
        }
    }
}

/// What names a piece of work. The first round of a task is the same in every execution of a run with the same plan, so a
/// resumed delivery finds what is done; rework belongs to its execution.
fn key_of(task: &Task, input: &WorkInput, plan: &Plan, id: &str, round: u32) -> Result<String, TaskError> {
    if round > 1 {
        return Ok(format!("task {id} {} {round}", task.execution));
    }
    Ok(format!("task {id} {} {}", input.run, digest_of(&plan.contents)?))
}

/// Enough of the words for a task to be understood.
fn shortened(words: &str) -> String {
    /// Characters.
    const MOST: usize = 6_000;
    if words.chars().count() <= MOST {
        words.to_owned()
    } else {
        words.chars().take(MOST).chain("…".chars()).collect()
    }
}

//! What is stored of a plan.

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use super::model::rfc3339;
use crate::ids::PlanId;

/// A plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// The run that it plans.
    pub run: u32,
    /// When it was made.
    #[serde(with = "rfc3339")]
    pub created_at: Timestamp,
    /// What is planned.
    #[serde(flatten)]
    pub contents: PlanContents,
}

/// What a plan says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanContents {
    /// The project's name as a slug.
    pub name: String,
    /// What will be made.
    pub description: String,
    /// The template and its version, where one is used: `python-api@1.0.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// `sam`, `static-site`, `cli`…
    pub project_type: String,
    /// Languages and tools.
    pub stack: PlanStack,
    /// Every file, by path.
    pub files: Vec<PlanFile>,
    /// Every task, after all that it depends on.
    pub tasks: Vec<PlanTask>,
    /// How to test, build, run and deploy.
    pub commands: PlanCommands,
}

/// Languages and tools of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStack {
    /// Languages of the code, in lower case.
    pub languages: Vec<String>,
    /// Programs that the test commands need.
    pub tools: Vec<String>,
}

/// A file of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanFile {
    /// Its path below the project's root.
    pub path: String,
    /// The task that makes it.
    pub task_id: String,
    /// Its language in lower case; `text` when it has none.
    pub language: String,
    /// What it is for, or what changes in it; empty for templates.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub purpose: String,
}

/// A task of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanTask {
    /// Unique in the plan.
    pub id: String,
    /// What is made, in a few words.
    pub title: String,
    /// What is made and how.
    pub description: String,
    /// Tasks that must be finished before.
    pub depends_on: Vec<String>,
    /// 1 for tasks that depend on nothing; tasks of one wave can run at the same time.
    pub wave: u32,
    /// Statements that hold when the task is done.
    pub acceptance: Vec<String>,
    /// Paths of the files that it makes.
    pub files: Vec<String>,
    /// Paths of existing files that it removes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deletes: Vec<String>,
}

/// Shell commands of a plan, each for the project's root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCommands {
    /// Runs the tests.
    #[serde(default)]
    pub test: Vec<String>,
    /// Builds.
    #[serde(default)]
    pub build: Vec<String>,
    /// Runs the project locally.
    #[serde(default)]
    pub run: Vec<String>,
    /// Deploys.
    #[serde(default)]
    pub deploy: Vec<String>,
}

impl From<millrace_templates::PlannedProject> for PlanContents {
    fn from(planned: millrace_templates::PlannedProject) -> Self {
        Self {
            template: Some(format!("{}@{}", planned.template_id, planned.template_version)),
            name: planned.name,
            description: planned.description,
            project_type: planned.project_type,
            stack: PlanStack { languages: planned.stack.languages, tools: planned.stack.tools },
            files: planned
                .files
                .into_iter()
                .map(|file| PlanFile {
                    path: file.path,
                    task_id: file.task_id,
                    language: file.language,
                    purpose: String::new(),
                })
                .collect(),
            tasks: planned
                .tasks
                .into_iter()
                .map(|task| PlanTask {
                    id: task.id,
                    title: task.title,
                    description: task.description,
                    depends_on: task.depends_on,
                    wave: u32::try_from(task.wave).unwrap_or(u32::MAX),
                    acceptance: task.acceptance,
                    files: task.files,
                    deletes: Vec::new(),
                })
                .collect(),
            commands: PlanCommands {
                test: planned.commands.test,
                build: planned.commands.build,
                run: planned.commands.run,
                deploy: planned.commands.deploy,
            },
        }
    }
}

//! The plan of a project: stack, files, and tasks in dependency waves.

use crate::catalogue::{Parameters, Template};
use crate::definition::Commands;
use crate::{TemplateError, render};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a template makes of its parameters, before anything is rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedProject {
    /// Id of the template.
    pub template_id: String,
    /// Version of the template.
    pub template_version: String,
    /// The `name` parameter: a slug.
    pub name: String,
    /// The `description` parameter.
    pub description: String,
    /// `sam`, `static-site` or `cli`.
    pub project_type: String,
    /// Languages and tools.
    pub stack: Stack,
    /// Every file, in the order of the paths.
    pub files: Vec<PlannedFile>,
    /// Every task; a task comes after all that it depends on.
    pub tasks: Vec<PlannedTask>,
    /// How to test, build, run and deploy the project.
    pub commands: Commands,
}

/// Languages and tools of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// Languages of the code, in lower case.
    pub languages: Vec<String>,
    /// Programs that the test commands need.
    pub tools: Vec<String>,
}

/// A file that a task will make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFile {
    /// Path below the project's root.
    pub path: String,
    /// The task that makes it.
    pub task_id: String,
    /// Language of the file, in lower case; `text` when it has none.
    pub language: String,
}

/// A step of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTask {
    /// Id, unique in the plan.
    pub id: String,
    /// What is made, in a few words.
    pub title: String,
    /// What is made and how.
    pub description: String,
    /// Tasks that must be finished before.
    pub depends_on: Vec<String>,
    /// 1 for tasks that depend on nothing; tasks of one wave can run at the same time.
    pub wave: usize,
    /// Statements that hold when the task is done.
    pub acceptance: Vec<String>,
    /// Paths of the files that the task makes, in order.
    pub files: Vec<String>,
}

/// Plans a project; the parameters have been validated.
pub(crate) fn plan(template: &Template, parameters: &Parameters) -> Result<PlannedProject, TemplateError> {
    let context = render::context(template, parameters)?;
    let outputs = render::outputs(template, parameters)?;
    let text = |name: &str| parameters.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    // The graph was checked when the catalogue was loaded.
    let waves = template.definition.waves().unwrap_or_default();
    let mut tasks = Vec::new();
    for (task, wave) in template.definition.tasks.iter().zip(waves) {
        let render = |part: &str| render::render_text(template, &format!("task {}", task.id), part, &context);
        let acceptance: Result<Vec<String>, TemplateError> =
            task.acceptance.iter().map(|check| render(check)).collect();
        tasks.push(PlannedTask {
            id: task.id.clone(),
            title: render(&task.title)?,
            description: render(task.description.trim())?,
            depends_on: task.depends_on.clone(),
            wave,
            acceptance: acceptance?,
            files: outputs.iter().filter(|output| output.task == task.id).map(|output| output.path.clone()).collect(),
        });
    }
    tasks.sort_by_key(|task| task.wave);
    let files = outputs
        .iter()
        .map(|output| PlannedFile {
            path: output.path.clone(),
            task_id: output.task.clone(),
            language: language(&output.path).to_owned(),
        })
        .collect();
    Ok(PlannedProject {
        template_id: template.id.clone(),
        template_version: template.version.clone(),
        name: text("name"),
        description: text("description"),
        project_type: template.project_type.clone(),
        stack: Stack { languages: template.languages.clone(), tools: template.tools.clone() },
        files,
        tasks,
        commands: rendered_commands(template, &context)?,
    })
}

fn rendered_commands(template: &Template, context: &Map<String, Value>) -> Result<Commands, TemplateError> {
    let render = |commands: &[String]| -> Result<Vec<String>, TemplateError> {
        commands.iter().map(|command| render::render_text(template, "commands", command, context)).collect()
    };
    Ok(Commands {
        test: render(&template.commands.test)?,
        build: render(&template.commands.build)?,
        run: render(&template.commands.run)?,
        deploy: render(&template.commands.deploy)?,
    })
}

/// The language of a file, by the ending of its name.
fn language(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("py") => "python",
        Some("js" | "mjs") => "javascript",
        Some("rs") => "rust",
        Some("html") => "html",
        Some("css") => "css",
        Some("svg") => "xml",
        Some("json") => "json",
        Some("yaml" | "yml") => "yaml",
        Some("toml" | "lock") => "toml",
        Some("md") => "markdown",
        Some("sh") => "bash",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::language;

    #[test]
    fn languages_follow_the_ending() {
        assert_eq!(language("src/a.py"), "python");
        assert_eq!(language("Cargo.lock"), "toml");
        assert_eq!(language(".gitignore"), "text");
        assert_eq!(language("LICENSE"), "text");
    }
}

//! `template.yaml` as it is written, and its checks that need no parameters.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The commands of a made project, each to be run by a shell in the project's root.
///
/// A template's commands may hold expressions such as `{{ package }}`; those of a plan are rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commands {
    /// Runs the tests. The README of the made project names the same commands.
    pub test: Vec<String>,
    /// Builds or packages; may need tools beyond the template's `tools`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub build: Vec<String>,
    /// Runs the project on the developer's machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
    /// Deploys; needs an AWS account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deploy: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Definition {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) version: String,
    pub(crate) project_type: String,
    pub(crate) languages: Vec<String>,
    pub(crate) tools: Vec<String>,
    pub(crate) commands: Commands,
    pub(crate) parameters: Value,
    /// Expressions computed from the parameters, in order, for paths and files.
    #[serde(default)]
    pub(crate) variables: Map<String, Value>,
    /// Files made once for each item of a parameter.
    #[serde(default)]
    pub(crate) each: Vec<Each>,
    /// Globs over rendered paths of files that are to be executable.
    #[serde(default)]
    pub(crate) executable: Vec<String>,
    pub(crate) tasks: Vec<Task>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Each {
    /// Globs over source paths below `files/`.
    pub(crate) files: Vec<String>,
    /// Name of an array parameter.
    pub(crate) over: String,
    /// Name of the item in paths and files.
    #[serde(rename = "as")]
    pub(crate) item: String,
    /// More expressions, computed for each item.
    #[serde(default)]
    pub(crate) variables: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) depends_on: Vec<String>,
    pub(crate) acceptance: Vec<String>,
    /// Globs over rendered paths.
    pub(crate) files: Vec<String>,
}

impl Definition {
    /// The wave of each task, in the order of the tasks: 1 for those that depend on nothing, otherwise one more than
    /// the greatest wave that a task depends on. Fails on unknown tasks and circles.
    pub(crate) fn waves(&self) -> Result<Vec<usize>, String> {
        let mut waves: Vec<Option<usize>> = vec![None; self.tasks.len()];
        for _ in 0..self.tasks.len() {
            for (index, task) in self.tasks.iter().enumerate() {
                let mut wave = Some(1);
                for dependency in &task.depends_on {
                    let Some(position) = self.tasks.iter().position(|other| other.id == *dependency) else {
                        return Err(format!("task {} depends on the unknown task {dependency}", task.id));
                    };
                    let before = waves.get(position).copied().flatten();
                    wave = wave.zip(before).map(|(wave, before): (usize, usize)| wave.max(before + 1));
                }
                if let Some(slot) = waves.get_mut(index) {
                    *slot = wave;
                }
            }
        }
        waves
            .into_iter()
            .collect::<Option<Vec<usize>>>()
            .ok_or_else(|| "the tasks depend on each other in a circle".to_owned())
    }

    /// Finds faults that show without parameters.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.waves()?;
        for (index, task) in self.tasks.iter().enumerate() {
            if self.tasks.iter().take(index).any(|other| other.id == task.id) {
                return Err(format!("two tasks are called {}", task.id));
            }
            if task.acceptance.is_empty() {
                return Err(format!("task {} has no acceptance checks", task.id));
            }
        }
        if self.commands.test.is_empty() {
            return Err("commands.test is empty".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition(tasks: Value) -> Definition {
        serde_json::from_value(json!({
            "id": "x", "name": "x", "description": "x", "version": "1.0.0", "project_type": "cli", "languages": [],
            "tools": [], "commands": {"test": ["true"]}, "parameters": {}, "tasks": tasks,
        }))
        .unwrap()
    }

    fn task(id: &str, depends_on: &[&str]) -> Value {
        json!({"id": id, "title": id, "description": id, "depends_on": depends_on, "acceptance": ["a"], "files": []})
    }

    #[test]
    fn tasks_come_in_waves() {
        let definition =
            definition(json!([task("d", &["b", "c"]), task("a", &[]), task("b", &["a"]), task("c", &["a"])]));
        assert_eq!(definition.waves().unwrap(), [3, 1, 2, 2]);
    }

    #[test]
    fn faults_in_the_graph_are_found() {
        assert!(definition(json!([task("a", &["b"]), task("b", &["a"])])).check().is_err());
        assert!(definition(json!([task("a", &["z"])])).check().is_err());
        assert!(definition(json!([task("a", &[]), task("a", &[])])).check().is_err());
    }
}

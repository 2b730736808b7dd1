//! What must hold of a plan.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::PlanProblem;
use super::graph::waves;
use crate::projects::paths::check_beside;
use crate::projects::{PlanCommands, PlanContents, PlanFile, PlanStack, PlanTask};

/// How large a plan may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Tasks.
    pub tasks: usize,
    /// Files of all tasks.
    pub files: usize,
    /// Files of one task.
    pub task_files: usize,
    /// Characters of a task's description.
    pub description: usize,
}

impl Default for Bounds {
    /// 40 tasks, 200 files, 20 files a task, 4,000 characters a description.
    fn default() -> Self {
        Self { tasks: 40, files: 200, task_files: 20, description: 4_000 }
    }
}

/// No more problems are told at once.
const TOLD: usize = 30;
/// The longest of what is said in a few words: titles, purposes, statements, commands. Characters.
const WORDS: usize = 500;

#[derive(Deserialize)]
struct Draft {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    project_type: Option<String>,
    #[serde(default)]
    languages: Vec<String>,
    #[serde(default)]
    tools: Vec<String>,
    files: Vec<DraftFile>,
    tasks: Vec<DraftTask>,
    #[serde(default)]
    commands: PlanCommands,
}

#[derive(Deserialize)]
struct DraftFile {
    path: String,
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    change: FileChange,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FileChange {
    #[default]
    Write,
    Delete,
}

#[derive(Deserialize)]
struct DraftTask {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    depends_on: Vec<String>,
    #[serde(default)]
    acceptance: Vec<String>,
    #[serde(default)]
    files: Vec<String>,
}

/// Turns a plan as JSON into one that can be carried out over the files of the paths `existing`. `language` tells a file's
/// language by its path.
///
/// # Errors
/// Every problem with its place, at most 30.
pub fn check(
    draft: &Value,
    existing: &BTreeSet<String>,
    bounds: &Bounds,
    language: impl Fn(&str) -> String,
) -> Result<PlanContents, Vec<PlanProblem>> {
    let draft: Draft = serde_json::from_value(draft.clone()).map_err(|problem| {
        vec![PlanProblem::new("", format!("the plan has not the form that it must have: {problem}"))]
    })?;
    let mut problems = Vec::new();
    check_words(&draft, bounds, &mut problems);
    check_files(&draft, existing, bounds, &mut problems);
    let owners = check_owners(&draft, bounds, &mut problems);
    let waves = check_order(&draft, bounds, &mut problems);
    problems.truncate(TOLD);
    match waves {
        Some(waves) if problems.is_empty() => Ok(contents(draft, &owners, &waves, language)),
        _ => Err(problems),
    }
}

fn is_slug(text: &str, longest: usize) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=longest).contains(&text.len()) && text.bytes().all(plain)
}

fn check_words(draft: &Draft, bounds: &Bounds, problems: &mut Vec<PlanProblem>) {
    if !is_slug(&draft.name, 64) {
        problems.push(PlanProblem::new("/name", "must be 1 to 64 lower-case letters, digits and hyphens"));
    }
    let mut longest = |pointer: String, text: &str, limit: usize, needed: bool| {
        if needed && text.trim().is_empty() {
            problems.push(PlanProblem::new(pointer, "must not be empty"));
        } else if text.chars().count() > limit {
            problems.push(PlanProblem::new(pointer, format!("must have at most {limit} characters")));
        } else if text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\t' | '\r')) {
            problems.push(PlanProblem::new(pointer, "must not contain control characters"));
        }
    };
    longest("/description".into(), &draft.description, bounds.description, false);
    for (at, file) in draft.files.iter().enumerate() {
        longest(format!("/files/{at}/purpose"), &file.purpose, WORDS, false);
    }
    for (at, task) in draft.tasks.iter().enumerate() {
        longest(format!("/tasks/{at}/title"), &task.title, WORDS, true);
        longest(format!("/tasks/{at}/description"), &task.description, bounds.description, true);
        for (line, text) in task.acceptance.iter().enumerate() {
            longest(format!("/tasks/{at}/acceptance/{line}"), text, WORDS, true);
        }
    }
    let commands = &draft.commands;
    let lists = [
        ("languages", &draft.languages),
        ("tools", &draft.tools),
        ("commands/test", &commands.test),
        ("commands/build", &commands.build),
        ("commands/run", &commands.run),
        ("commands/deploy", &commands.deploy),
    ];
    for (name, list) in lists {
        for (at, text) in list.iter().enumerate() {
            longest(format!("/{name}/{at}"), text, WORDS, true);
        }
    }
    for (name, _) in lists.iter().filter(|(_, list)| list.len() > 20) {
        problems.push(PlanProblem::new(format!("/{name}"), "must have at most 20 entries"));
    }
    for (at, task) in draft.tasks.iter().enumerate() {
        if task.acceptance.is_empty() {
            problems.push(PlanProblem::new(format!("/tasks/{at}/acceptance"), "must say when the task is done"));
        } else if task.acceptance.len() > 20 {
            problems.push(PlanProblem::new(format!("/tasks/{at}/acceptance"), "must have at most 20 statements"));
        }
    }
}

fn check_files(draft: &Draft, existing: &BTreeSet<String>, bounds: &Bounds, problems: &mut Vec<PlanProblem>) {
    if draft.files.is_empty() {
        problems.push(PlanProblem::new("/files", "must name at least one file"));
    }
    if draft.files.len() > bounds.files {
        let message = format!("must have at most {} files; it has {}", bounds.files, draft.files.len());
        problems.push(PlanProblem::new("/files", message));
        return;
    }
    let deleted: BTreeSet<&str> =
        draft.files.iter().filter(|file| file.change == FileChange::Delete).map(|file| file.path.as_str()).collect();
    let mut there: BTreeSet<String> =
        existing.iter().filter(|path| !deleted.contains(path.as_str())).cloned().collect();
    let mut seen = BTreeSet::new();
    for (at, file) in draft.files.iter().enumerate() {
        let pointer = format!("/files/{at}/path");
        if !seen.insert(file.path.as_str()) {
            problems.push(PlanProblem::new(pointer, format!("{:?} comes twice", file.path)));
            continue;
        }
        if file.change == FileChange::Delete {
            if !existing.contains(&file.path) {
                let message = format!("{:?} can't be deleted: there is no such file", file.path);
                problems.push(PlanProblem::new(pointer, message));
            }
            continue;
        }
        match check_beside(there.iter(), &file.path) {
            Ok(()) => {
                there.insert(file.path.clone());
            }
            Err(problem) => problems.push(PlanProblem::new(pointer, format!("{:?} {problem}", file.path))),
        }
    }
}

/// Path → position of its task.
fn check_owners(draft: &Draft, bounds: &Bounds, problems: &mut Vec<PlanProblem>) -> BTreeMap<String, usize> {
    let mut owners: BTreeMap<String, usize> = BTreeMap::new();
    let known: BTreeSet<&str> = draft.files.iter().map(|file| file.path.as_str()).collect();
    for (at, task) in draft.tasks.iter().enumerate() {
        if task.files.is_empty() {
            problems.push(PlanProblem::new(format!("/tasks/{at}/files"), "must name at least one file"));
        } else if task.files.len() > bounds.task_files {
            let message = format!("must have at most {} files: split the task", bounds.task_files);
            problems.push(PlanProblem::new(format!("/tasks/{at}/files"), message));
        }
        for (line, path) in task.files.iter().enumerate() {
            let pointer = format!("/tasks/{at}/files/{line}");
            if !known.contains(path.as_str()) {
                problems.push(PlanProblem::new(pointer, format!("{path:?} is not in /files")));
            } else if let Some(other) = owners.insert(path.clone(), at) {
                let other = draft.tasks.get(other).map_or("", |task| task.id.as_str());
                let message = format!("{path:?} belongs to the task {other:?} already: each file is made by one task");
                problems.push(PlanProblem::new(pointer, message));
            }
        }
    }
    for (at, file) in draft.files.iter().enumerate() {
        if !owners.contains_key(&file.path) {
            let message = format!("{:?} belongs to no task: name it in one task's files", file.path);
            problems.push(PlanProblem::new(format!("/files/{at}/path"), message));
        }
    }
    owners
}

/// The waves of the tasks; `None` where something is wrong with their ids or dependencies.
fn check_order(draft: &Draft, bounds: &Bounds, problems: &mut Vec<PlanProblem>) -> Option<Vec<u32>> {
    let before = problems.len();
    if draft.tasks.is_empty() {
        problems.push(PlanProblem::new("/tasks", "must have at least one task"));
    }
    let most = bounds.tasks;
    if draft.tasks.len() > most {
        let message = format!("must have at most {most} tasks; it has {}", draft.tasks.len());
        problems.push(PlanProblem::new("/tasks", message));
        return None;
    }
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, task) in draft.tasks.iter().enumerate() {
        if !is_slug(&task.id, 40) {
            let message = "must be 1 to 40 lower-case letters, digits and hyphens";
            problems.push(PlanProblem::new(format!("/tasks/{at}/id"), message));
        } else if places.insert(&task.id, at).is_some() {
            problems.push(PlanProblem::new(format!("/tasks/{at}/id"), format!("{:?} comes twice", task.id)));
        }
    }
    let mut needs = Vec::new();
    for (at, task) in draft.tasks.iter().enumerate() {
        let mut of_task = Vec::new();
        for (line, id) in task.depends_on.iter().enumerate() {
            match places.get(id.as_str()) {
                Some(place) => of_task.push(*place),
                None => {
                    let message = format!("there is no task {id:?}");
                    problems.push(PlanProblem::new(format!("/tasks/{at}/depends_on/{line}"), message));
                }
            }
        }
        needs.push(of_task);
    }
    if problems.len() > before {
        return None;
    }
    match waves(&needs) {
        Ok(waves) => Some(waves),
        Err(cycle) => {
            let id = |at: &usize| draft.tasks.get(*at).map(|task| task.id.as_str());
            let mut names: Vec<&str> = cycle.iter().filter_map(id).collect();
            names.extend(cycle.first().and_then(id));
            let at = cycle.first().copied().unwrap_or_default();
            let message = format!("the dependencies go round: {}", names.join(" needs "));
            problems.push(PlanProblem::new(format!("/tasks/{at}/depends_on"), message));
            None
        }
    }
}

fn contents(
    draft: Draft,
    owners: &BTreeMap<String, usize>,
    waves: &[u32],
    language: impl Fn(&str) -> String,
) -> PlanContents {
    let deleted: BTreeSet<String> =
        draft.files.iter().filter(|file| file.change == FileChange::Delete).map(|file| file.path.clone()).collect();
    let ids: Vec<String> = draft.tasks.iter().map(|task| task.id.clone()).collect();
    let owner = |path: &str| owners.get(path).and_then(|at| ids.get(*at)).cloned().unwrap_or_default();
    let mut files: Vec<PlanFile> = draft
        .files
        .into_iter()
        .filter(|file| file.change == FileChange::Write)
        .map(|file| PlanFile {
            task_id: owner(&file.path),
            language: language(&file.path),
            path: file.path,
            purpose: file.purpose,
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut tasks: Vec<PlanTask> = draft
        .tasks
        .into_iter()
        .zip(waves)
        .map(|(task, wave)| {
            let (deletes, files) = task.files.into_iter().partition(|path| deleted.contains(path));
            PlanTask {
                id: task.id,
                title: task.title,
                description: task.description,
                depends_on: task.depends_on,
                wave: *wave,
                acceptance: task.acceptance,
                files,
                deletes,
            }
        })
        .collect();
    tasks.sort_by_key(|task| task.wave);
    PlanContents {
        name: draft.name,
        description: draft.description,
        template: None,
        project_type: draft.project_type.unwrap_or_else(|| "other".to_owned()),
        stack: PlanStack { languages: draft.languages, tools: draft.tools },
        files,
        tasks,
        commands: draft.commands,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{draft_of, read};
    use super::*;

    fn good() -> Value {
        json!({
            "name": "todo", "description": "A list.", "project_type": "cli", "languages": ["python"], "tools": ["python3"],
            "files": [
                { "path": "todo/store.py", "purpose": "keeps items", "change": "write" },
                { "path": "todo/main.py", "purpose": "the command", "change": "write" },
                { "path": "old.py", "purpose": "", "change": "delete" },
            ],
            "tasks": [
                { "id": "main", "title": "Command", "description": "Reads arguments.", "depends_on": ["store"],
                  "acceptance": ["it lists"], "files": ["todo/main.py", "old.py"] },
                { "id": "store", "title": "Store", "description": "Keeps items.", "depends_on": [],
                  "acceptance": ["it keeps"], "files": ["todo/store.py"] },
            ],
            "commands": { "test": ["python3 -m unittest"], "build": [], "run": [], "deploy": [] },
        })
    }

    fn existing() -> BTreeSet<String> {
        ["old.py", "README.md"].map(str::to_owned).into()
    }

    fn problems(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut plan = good();
        change(&mut plan);
        let problems = check(&plan, &existing(), &Bounds::default(), |_| "python".into()).unwrap_err();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_plan_becomes_waves() {
        let plan = check(&good(), &existing(), &Bounds::default(), |_| "python".into()).unwrap();
        let waves: Vec<(&str, u32)> = plan.tasks.iter().map(|task| (task.id.as_str(), task.wave)).collect();
        assert_eq!(waves, [("store", 1), ("main", 2)]);
        assert_eq!(plan.tasks[1].deletes, ["old.py"]);
        assert_eq!(plan.files.len(), 2);
        assert_eq!((plan.files[0].path.as_str(), plan.files[0].task_id.as_str()), ("todo/main.py", "main"));
        // What a person is shown is a plan again.
        assert_eq!(check(&draft_of(&plan), &existing(), &Bounds::default(), |_| "python".into()).unwrap(), plan);
    }

    #[test]
    fn every_problem_names_its_place() {
        type Case = (fn(&mut Value), &'static str);
        let cases: [Case; 16] = [
            (|plan| plan["name"] = json!("My App"), "/name: must be"),
            (|plan| plan["files"] = json!([]), "/files: must name at least one"),
            (|plan| plan["files"][0]["path"] = json!("../x"), "/files/0/path: \"../x\" has a segment"),
            (
                |plan| plan["files"][0]["path"] = json!("TODO/main.py"),
                "/files/1/path: \"todo/main.py\" can't stand beside",
            ),
            (|plan| plan["files"][0]["path"] = json!("nul.py"), "which is a device"),
            (|plan| plan["files"][1]["path"] = json!("todo/store.py"), "/files/1/path: \"todo/store.py\" comes twice"),
            (|plan| plan["files"][0]["change"] = json!("delete"), "there is no such file"),
            (
                |plan| plan["tasks"][0]["files"] = json!(["old.py"]),
                "/files/1/path: \"todo/main.py\" belongs to no task",
            ),
            (|plan| plan["tasks"][0]["files"] = json!(["x.py"]), "/tasks/0/files/0: \"x.py\" is not in /files"),
            (
                |plan| plan["tasks"][1]["files"] = json!(["todo/store.py", "todo/main.py"]),
                "/tasks/1/files/1: \"todo/main.py\" belongs to the task \"main\" already",
            ),
            (|plan| plan["tasks"][0]["depends_on"] = json!(["nobody"]), "/tasks/0/depends_on/0: there is no task"),
            (
                |plan| plan["tasks"][1]["depends_on"] = json!(["main"]),
                "/tasks/0/depends_on: the dependencies go round: main needs store needs main",
            ),
            (|plan| plan["tasks"][1]["id"] = json!("main"), "/tasks/1/id: \"main\" comes twice"),
            (|plan| plan["tasks"][0]["acceptance"] = json!([]), "/tasks/0/acceptance: must say when"),
            (
                |plan| plan["tasks"][0]["description"] = json!("x".repeat(4_001)),
                "/tasks/0/description: must have at most",
            ),
            (|plan| plan["tasks"] = json!("none"), ": the plan has not the form"),
        ];
        for (change, expected) in cases {
            let problems = problems(change);
            assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
        }
    }

    #[test]
    fn json_is_found_in_what_models_write_around_it() {
        assert_eq!(read("```json\n{\"a\": {\"b\": 1}}\n```\n").unwrap(), json!({ "a": { "b": 1 } }));
        assert_eq!(read("Here: {\"a\": 1}. Done.").unwrap(), json!({ "a": 1 }));
        for bad in ["", "no", "[1]", "{\"a\": ", "} {"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}

//! To whom a failing test goes.

use millrace_app::projects::PlanContents;

use super::{TestFile, discover};
use crate::analysis::SourceFile;
use crate::report::TestResult;

/// The tasks of the plan that a failing test goes back to, by id.
///
/// The code is at fault before its test is: first comes who wrote the innermost file of the failure that is no test; then
/// who wrote last of what the test file imports; then who wrote the test. `again` says that an earlier round did not
/// help, so that the author of the test hears of it too.
pub(crate) fn owners<'a>(
    plan: &'a PlanContents,
    files: &[SourceFile],
    failed: &TestResult,
    again: bool,
) -> Vec<&'a str> {
    let tests = discover(files);
    let is_test = |path: &str| tests.iter().any(|test: &TestFile| test.path == path);
    let task_of = |path: &str| plan.files.iter().find(|file| file.path == path).map(|file| file.task_id.as_str());
    let places = failed.places.iter().map(|place| place.rsplit_once(':').map_or(place.as_str(), |(path, _)| path));
    let of_trace = places.filter(|path| !is_test(path)).find_map(task_of);
    let author = task_of(&failed.path);
    let imported = || {
        let test = files.iter().find(|file| file.path == failed.path)?;
        let text = String::from_utf8_lossy(&test.contents);
        let imported = plan.files.iter().filter(|file| !is_test(&file.path) && imports(&text, &file.path));
        let wave_of = |id: &str| plan.tasks.iter().find(|task| task.id == id).map_or(0, |task| task.wave);
        imported.map(|file| file.task_id.as_str()).max_by_key(|id| wave_of(id))
    };
    let first = of_trace.or_else(imported).or(author).or_else(|| plan.tasks.first().map(|task| task.id.as_str()));
    let mut owners: Vec<&str> = first.into_iter().collect();
    if let Some(author) = author.filter(|author| again && !owners.contains(author)) {
        owners.push(author);
    }
    owners
}

/// Whether a line that imports something names the file, by its stem or, for a package, its folder.
fn imports(text: &str, path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.split('.').next().unwrap_or(name);
    let stem = match stem {
        "__init__" | "index" | "mod" | "lib" | "main" => folder.rsplit('/').next().unwrap_or(folder),
        stem => stem,
    };
    !stem.is_empty() && text.lines().filter(|line| is_import(line)).any(|line| has_word(line, stem))
}

fn is_import(line: &str) -> bool {
    let line = line.trim_start();
    ["import ", "import{", "from ", "use ", "mod ", "const ", "let ", "var ", "} from"]
        .iter()
        .any(|start| line.starts_with(start))
        && ["import", "require", "from", "use ", "mod "].iter().any(|word| line.contains(word))
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part = |sign: char| sign.is_alphanumeric() || sign == '_' || sign == '-';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::TestOutcome;
    use millrace_app::projects::{PlanFile, PlanTask};

    fn plan() -> PlanContents {
        let mut plan: PlanContents = serde_json::from_value(serde_json::json!({
            "name": "p", "description": "", "project_type": "library", "template": null,
            "stack": { "languages": [], "tools": [] }, "files": [], "tasks": [],
            "commands": { "test": [], "build": [], "run": [], "deploy": [] },
        }))
        .unwrap();
        for (id, wave, files) in
            [("base", 0, vec!["src/store.py"]), ("api", 1, vec!["src/api.py"]), ("tests", 2, vec!["tests/test_api.py"])]
        {
            plan.tasks.push(PlanTask {
                id: id.into(),
                title: id.into(),
                description: String::new(),
                depends_on: Vec::new(),
                wave,
                acceptance: Vec::new(),
                files: files.iter().map(|path| (*path).to_owned()).collect(),
                deletes: Vec::new(),
            });
            for path in files {
                let file = serde_json::json!({ "path": path, "purpose": "", "language": "python", "task_id": id });
                plan.files.push(serde_json::from_value::<PlanFile>(file).unwrap());
            }
        }
        plan
    }

    fn owners_of(text: &str, places: &[&str], again: bool) -> Vec<String> {
        let files = [
            SourceFile::new("src/store.py", "x = 1\n"),
            SourceFile::new("src/api.py", "x = 1\n"),
            SourceFile::new("tests/test_api.py", text),
        ];
        let failed = TestResult {
            outcome: TestOutcome::Failed,
            places: places.iter().map(|place| (*place).to_owned()).collect(),
            ..TestResult::not_run("tests/test_api.py", "no")
        };
        owners(&plan(), &files, &failed, again).into_iter().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn the_code_is_at_fault_before_its_test() {
        let test = "from src.api import get\nfrom src import store\n\n\ndef test_get():\n    assert get()\n";
        assert_eq!(owners_of(test, &["src/store.py:1", "tests/test_api.py:5"], false), ["base"]);
        assert_eq!(owners_of(test, &["tests/test_api.py:5"], false), ["api"], "who wrote last of what it imports");
        assert_eq!(owners_of(test, &["tests/test_api.py:5"], true), ["api", "tests"]);
        assert_eq!(owners_of("def test_get():\n    pass\n", &[], false), ["tests"]);
    }

    #[test]
    fn words_of_imports() {
        assert!(imports("import { a } from '../src/sum.js';", "src/sum.js"));
        assert!(imports("const sum = require('../sum');", "sum.js"));
        assert!(imports("from pkg import x", "pkg/__init__.py"));
        assert!(!imports("// sum\nimport { a } from './summary.js'", "sum.js"));
    }
}

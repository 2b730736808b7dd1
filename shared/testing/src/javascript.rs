//! JavaScript and TypeScript tests in the sandbox, a file at a time.

use std::time::{Duration, Instant};

use millrace_agents::analysis::SourceFile;
use millrace_agents::report::{TestOutcome, TestResult};
use millrace_agents::testing::{TestFile, TestProject};
use millrace_sandbox::{Limits, Pool, ProjectFile, TestCase, TestReport, TestRun};
use serde_json::Value;

/// What runs these tests.
pub(crate) const RUNNER: &str = "sandbox";
/// How long one test file may take.
const TIME: Duration = Duration::from_secs(30);
/// Of the sandbox's heap, for each file.
const MEMORY: usize = 128 << 20;
/// Larger files are no modules of a test, and no more than so many bytes are handed over.
const FILE_BYTES: usize = 1 << 20;
const ALL_BYTES: usize = 16 << 20;

/// Runs test files until the moment `end`; what is left then is not run.
pub(crate) fn run(sandbox: &Pool, project: &TestProject, tests: &[&TestFile], end: Instant) -> Vec<TestResult> {
    if tests.is_empty() {
        return Vec::new();
    }
    let files = modules(&project.files);
    let globals = has_globals(&project.files);
    let mut results = Vec::new();
    for test in tests {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            results.push(TestResult::not_run(&test.path, "the time for the project's tests was used up"));
            continue;
        }
        if !files.iter().any(|file| file.path == test.path) {
            results.push(TestResult::not_run(
                &test.path,
                "the sandbox takes only UTF-8 files of up to 1 MiB, without JSX",
            ));
            continue;
        }
        let run = TestRun { files: files.clone(), entry: test.path.clone(), globals };
        let limits = Limits { time: TIME.min(left), memory_bytes: MEMORY, ..Limits::default() };
        let report = sandbox.run_tests(&project.tenant, run, &limits);
        results.extend(told(&test.path, report));
    }
    results
}

/// The files that tests can import.
fn modules(files: &[SourceFile]) -> Vec<ProjectFile> {
    let mut left = ALL_BYTES;
    let mut modules = Vec::new();
    for file in files {
        let extension = file.path.rsplit_once('.').map_or("", |(_, extension)| extension);
        let is_module = matches!(extension, "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "json");
        if !is_module || file.contents.len() > FILE_BYTES.min(left) {
            continue;
        }
        if let Ok(text) = std::str::from_utf8(&file.contents) {
            left -= text.len();
            modules.push(ProjectFile { path: file.path.clone(), text: text.to_owned() });
        }
    }
    modules
}

/// Are `describe` and `expect` globals? They are where a package brings them, or where no package says how tests run.
fn has_globals(files: &[SourceFile]) -> bool {
    let read = |file: &SourceFile| serde_json::from_slice::<Value>(&file.contents).ok();
    let package = files.iter().find(|file| file.path == "package.json").and_then(read);
    let Some(package) = package else { return true };
    let script = package.pointer("/scripts/test").and_then(Value::as_str).unwrap_or_default();
    let brings = |name: &str| {
        script.split([' ', '/']).any(|word| word == name)
            || ["dependencies", "devDependencies"]
                .iter()
                .any(|kind| package.get(kind).and_then(|it| it.get(name)).is_some())
    };
    ["jest", "vitest", "mocha", "jasmine", "bun"].iter().any(|name| brings(name)) || script.is_empty()
}

/// A file's report as results.
fn told(path: &str, report: TestReport) -> Vec<TestResult> {
    let mut results: Vec<TestResult> = report.cases.into_iter().map(|case| of_case(path, case)).collect();
    // Where a test was running, the failure is among the cases already.
    let is_told = results.iter().any(|result| result.outcome == TestOutcome::Failed);
    if let Some(why) = report.ended.filter(|_| !is_told) {
        let outcome = TestOutcome::Failed;
        results.push(TestResult { outcome, runner: RUNNER.to_owned(), ..TestResult::not_run(path, why) });
    }
    results
}

fn of_case(path: &str, case: TestCase) -> TestResult {
    let outcome = match case.outcome {
        // A file without tests passes by ending.
        millrace_sandbox::TestOutcome::Passed | millrace_sandbox::TestOutcome::Empty => TestOutcome::Passed,
        millrace_sandbox::TestOutcome::Failed => TestOutcome::Failed,
        millrace_sandbox::TestOutcome::Skipped => TestOutcome::Skipped,
        millrace_sandbox::TestOutcome::NotRun => TestOutcome::NotRun,
    };
    let in_test = case.places.iter().filter_map(|place| place.rsplit_once(':')).find(|(file, _)| *file == path);
    TestResult {
        name: case.name,
        path: path.to_owned(),
        line: in_test.and_then(|(_, line)| line.parse().ok()).unwrap_or_default(),
        outcome,
        duration_ms: u64::try_from(case.duration.as_millis()).unwrap_or(u64::MAX),
        message: case.message,
        places: case.places,
        runner: if outcome == TestOutcome::NotRun { String::new() } else { RUNNER.to_owned() },
    }
}

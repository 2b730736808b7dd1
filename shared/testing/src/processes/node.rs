//! `node --test`, for JavaScript that the sandbox cannot run.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use millrace_agents::analysis::SourceFile;
use millrace_agents::report::{TestOutcome, TestResult};

use super::{Limits, Place, Processes, Tool, not_run, read_lines, time_left};

const REPORTER: &str = include_str!("reporter.mjs");
const TIME: Duration = Duration::from_secs(60);
/// V8 reserves far more addresses than it uses, so its own limit stands for the address space's.
const LIMITS: Limits = Limits { cpu_seconds: 60, address_space: None, file_bytes: 64 << 20, processes: 0 };

/// Whether Node's own runner takes the file: JavaScript without types, for `node:test` or for no runner.
pub(super) fn can_run(file: &SourceFile) -> bool {
    let text = String::from_utf8_lossy(&file.contents);
    let is_plain = [".js", ".mjs", ".cjs"].iter().any(|end| file.path.ends_with(end));
    is_plain && !["vitest", "@jest/globals", "jest."].iter().any(|other| text.contains(other)) && {
        text.contains("node:test") || !text.contains("describe(") && !text.contains("expect(")
    }
}

pub(super) fn run(processes: &Processes, place: &Place, paths: &[&str], end: Instant) -> Vec<TestResult> {
    let Some(node) = processes.node() else { return not_run(paths, "Node is not installed") };
    let reporter = place.folder("work").join("reporter.mjs");
    if let Err(error) = fs::write(&reporter, REPORTER) {
        return not_run(paths, &format!("the reporter can't be written: {error}"));
    }
    // An installation outside of the system's folders: its `bin` lies beside its `lib`.
    let root = node.parent().and_then(|folder| folder.parent()).map(PathBuf::from);
    let root = root.filter(|root| root.components().count() > 2);
    let mut results = Vec::new();
    for (number, path) in paths.iter().enumerate() {
        let Some(time) = time_left(TIME, end) else {
            results.push(TestResult::not_run(*path, "the time for the project's tests was used up"));
            continue;
        };
        let written = place.folder("work").join(format!("{number}.jsonl"));
        let tool = Tool {
            program: node,
            readable: root.iter().cloned().collect(),
            environment: vec![
                ("MILLRACE_TEST_ROOT", place.project().to_string_lossy().into_owned()),
                ("MILLRACE_TEST_RESULTS", written.to_string_lossy().into_owned()),
                ("NODE_OPTIONS", "--max-old-space-size=1024".into()),
            ],
            limits: LIMITS,
        };
        let reporter = format!("--test-reporter={}", reporter.display());
        match processes.command(place, &tool, &["--test", &reporter, path], time) {
            Ok(ended) => results.extend(read_lines(path, "node --test", &written, &ended).into_iter().map(judged)),
            Err(error) => results.push(TestResult::not_run(*path, format!("the process can't be started: {error}"))),
        }
    }
    results
}

/// A package that is not there, or what is denied, is no failure of the code.
fn judged(result: TestResult) -> TestResult {
    let lacks = [
        "Cannot find package",
        "ENETUNREACH",
        "EAI_AGAIN",
        "EPERM: operation not permitted",
        "EACCES: permission denied",
    ];
    if result.outcome == TestOutcome::Failed && lacks.iter().any(|words| result.message.contains(words)) {
        return TestResult { outcome: TestOutcome::NotRun, runner: String::new(), ..result };
    }
    result
}

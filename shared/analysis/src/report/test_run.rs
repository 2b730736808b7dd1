//! What the project's own tests came to.

use serde::{Deserialize, Serialize};

use super::markdown::{cell, table};
use super::{Check, Outcome, Report};

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// As it should.
    Passed,
    /// The message says why.
    Failed,
    /// Its author says so.
    Skipped,
    /// It could not be run here; the message says why.
    NotRun,
}

impl TestOutcome {
    /// The word used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::NotRun => "not run",
        }
    }
}

/// One test, or one test file where that is all that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestResult {
    /// Its suites and its name, joined by ` > `.
    pub name: String,
    /// The test file.
    pub path: String,
    /// The line where it failed, from 1; 0 where that is not known.
    #[serde(default)]
    pub line: u32,
    /// How it ended.
    pub outcome: TestOutcome,
    /// How long it took.
    pub duration_ms: u64,
    /// What went wrong, or why it was not run; may be empty.
    pub message: String,
    /// Places in the project's files that a failure names, `path:line`, the innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
    /// What ran it: `sandbox`, `unittest`, `pytest`, `node --test`, `cargo test`, `go test`; empty where nothing did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub runner: String,
}

impl TestResult {
    /// A test file of which no test was run.
    #[must_use]
    pub fn not_run(path: impl Into<String>, why: impl Into<String>) -> Self {
        let path = path.into();
        Self {
            name: path.clone(),
            path,
            line: 0,
            outcome: TestOutcome::NotRun,
            duration_ms: 0,
            message: why.into(),
            places: Vec::new(),
            runner: String::new(),
        }
    }
}

/// Tests by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCounts {
    /// Passed.
    pub passed: u32,
    /// Failed.
    pub failed: u32,
    /// Skipped by their authors.
    pub skipped: u32,
    /// Could not be run.
    pub not_run: u32,
}

impl TestCounts {
    /// Counts results.
    #[must_use]
    pub fn of(results: &[TestResult]) -> Self {
        let count = |outcome| {
            let found = results.iter().filter(|result| result.outcome == outcome).count();
            u32::try_from(found).unwrap_or(u32::MAX)
        };
        Self {
            passed: count(TestOutcome::Passed),
            failed: count(TestOutcome::Failed),
            skipped: count(TestOutcome::Skipped),
            not_run: count(TestOutcome::NotRun),
        }
    }
}

impl std::fmt::Display for TestCounts {
    /// Such as `3 passed, 1 not run`; `none` where there is no test.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts =
            [(self.passed, "passed"), (self.failed, "failed"), (self.skipped, "skipped"), (self.not_run, "not run")];
        let parts: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        formatter.write_str(if parts.is_empty() { "none" } else { "" })?;
        formatter.write_str(&parts.join(", "))
    }
}

/// What stands before `: ` in the name of a test file's check.
pub(super) const GROUP: &str = "tests";

/// One check for each test file: failed where one of its tests failed, skipped where none was run.
pub(super) fn checks(results: &[TestResult]) -> Vec<Check> {
    let mut paths: Vec<&str> = Vec::new();
    for result in results {
        if !paths.contains(&result.path.as_str()) {
            paths.push(&result.path);
        }
    }
    let of_file = |path: &str| {
        let results: Vec<TestResult> = results.iter().filter(|result| result.path == path).cloned().collect();
        let counts = TestCounts::of(&results);
        let outcome = match counts {
            TestCounts { failed: 1.., .. } => Outcome::Failed,
            TestCounts { passed: 0, .. } => Outcome::Skipped,
            _ => Outcome::Passed,
        };
        let telling = results.iter().find(|result| match outcome {
            Outcome::Failed => result.outcome == TestOutcome::Failed,
            Outcome::Passed | Outcome::Skipped => result.outcome == TestOutcome::NotRun,
        });
        let mut message = counts.to_string();
        if let Some(result) = telling {
            message = format!("{message}\n{}", told(result));
        }
        let time = results.iter().map(|result| result.duration_ms).sum();
        Check { name: format!("{GROUP}: {path}"), outcome, duration_ms: Some(time), message }
    };
    paths.into_iter().map(of_file).collect()
}

fn told(result: &TestResult) -> String {
    let first = result.message.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if result.name == result.path { first.to_owned() } else { format!("{}: {first}", result.name) }
}

/// The tests as JUnit's cases, with the file as suite.
pub(super) fn cases(report: &Report) -> Vec<(&str, Check)> {
    let case = |result: &TestResult| {
        let (outcome, message) = match result.outcome {
            TestOutcome::Passed => (Outcome::Passed, String::new()),
            TestOutcome::Failed => (Outcome::Failed, result.message.clone()),
            TestOutcome::Skipped => (Outcome::Skipped, result.message.clone()),
            TestOutcome::NotRun => (Outcome::Skipped, format!("not run: {}", result.message)),
        };
        Check { name: result.name.clone(), outcome, duration_ms: Some(result.duration_ms), message }
    };
    report.tests.iter().map(|result| (result.path.as_str(), case(result))).collect()
}

/// The Markdown section of tests: those that failed or were not run, and how many there are.
pub(super) fn markdown(out: &mut String, report: &Report) {
    if report.tests.is_empty() {
        return;
    }
    out.push_str(&format!("\n## Tests\n\n{}.\n", report.summary.tests));
    let mut rows = Vec::new();
    for wanted in [TestOutcome::Failed, TestOutcome::NotRun, TestOutcome::Skipped] {
        for result in report.tests.iter().filter(|result| result.outcome == wanted) {
            let place = if result.line > 0 { format!("{}:{}", result.path, result.line) } else { result.path.clone() };
            rows.push(vec![cell(&result.name), wanted.as_str().to_owned(), cell(&place), cell(&result.message)]);
        }
    }
    if !rows.is_empty() {
        out.push('\n');
        table(out, &["Test", "Outcome", "Place", "Message"], &[], &rows);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::super::{to_json, to_junit, to_markdown};
    use super::*;

    fn result(name: &str, outcome: TestOutcome, message: &str) -> TestResult {
        let duration_ms = 5;
        TestResult { name: name.into(), outcome, duration_ms, line: 3, ..TestResult::not_run("test_a.py", message) }
    }

    #[test]
    fn tests_count_and_are_told_in_every_form() {
        let mut report = report(&[("README.md", "x"), ("a.py", "x = 1\n"), ("test_a.py", "y = 1\n")]);
        report.add_tests(vec![
            result("adds", TestOutcome::Passed, ""),
            result("subtracts", TestOutcome::Failed, "1 != 2\nmore"),
            TestResult::not_run("b_test.go", "go is not installed"),
        ]);
        let counts = report.summary.tests;
        assert_eq!((counts.passed, counts.failed, counts.not_run), (1, 1, 1));
        assert_eq!(counts.to_string(), "1 passed, 1 failed, 1 not run");
        assert!(!report.summary.passed);
        assert_eq!(report.summary.score.score, 59, "a failed test file allows D at best");
        let check = |name: &str| report.checks.iter().find(|check| check.name == name).unwrap();
        assert_eq!(check("tests: test_a.py").outcome, Outcome::Failed);
        assert!(check("tests: test_a.py").message.contains("subtracts: 1 != 2"));
        assert_eq!(check("tests: b_test.go").outcome, Outcome::Skipped);
        let xml = to_junit(&report);
        assert!(xml.contains("<testcase classname=\"test_a.py\" name=\"adds\" time=\"0.005\"/>"), "{xml}");
        assert!(xml.contains("<skipped message=\"not run: go is not installed\"/>"), "{xml}");
        assert!(!xml.contains("classname=\"tests\""), "told once: {xml}");
        let text = to_markdown(&report);
        assert!(text.contains("| subtracts | failed | test\\_a.py:3 | 1 != 2<br>more |"), "{text}");
        let json: Report = serde_json::from_str(&to_json(&report).unwrap()).unwrap();
        assert_eq!(json, report);
    }

    #[test]
    fn tests_that_pass_or_are_not_run_cost_nothing() {
        let mut report = report(&[("README.md", "x"), ("a.py", "x = 1\n"), ("test_a.py", "y = 1\n")]);
        report.add_tests(vec![result("adds", TestOutcome::Passed, ""), TestResult::not_run("b_test.go", "no")]);
        assert!(report.summary.passed);
        assert_eq!(report.summary.score.score, 100);
    }
}

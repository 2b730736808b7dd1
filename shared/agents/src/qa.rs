//! The QA agent: reads every file, measures, has the tests run, reports, and says what goes back to Dev.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_app::ids::TestId;
use millrace_app::ports::Ports;
use millrace_app::projects::{FileRecord, Plan, PlanContents, Stage, TestNumbers, TestSummary, work};
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};
use serde_json::{Value, json};

use crate::analysis::{AnalysisOptions, SourceFile, analyze, rules};
use crate::report::{Report, TestOutcome, TestResult, to_json, to_junit, to_markdown, to_sarif};
use crate::testing::{NoTests, TestProject, TestRunner, not_run, owners};
use crate::work::{WorkInput, count, input, plan_of, refused, waves};

/// Checks code.
#[derive(Debug, Clone, Default)]
pub struct Qa<R = NoTests> {
    tests: Arc<R>,
}

/// Findings that go back with one task; the report has them all.
const FINDINGS_A_TASK: usize = 20;
/// Findings and failures that a failed delivery names; the report has them all.
const NAMED: usize = 5;
/// Characters of a failure's message on its way to Dev, and where a failed delivery names it.
const TOLD: usize = 1_500;
const TOLD_IN_SHORT: usize = 200;

impl<R: TestRunner> Qa<R> {
    /// An agent that has tests run by this.
    pub const fn new(tests: Arc<R>) -> Self {
        Self { tests }
    }
}

impl<R: TestRunner> Executor for Qa<R> {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        let input = input(task)?;
        let (id, run) = (&input.project_id, input.run);
        work::begin_stage(ports, id, run, input.round, Stage::Testing).await.map_err(refused)?;
        let plan = plan_of(ports, &input).await?;
        remove_what_is_not_planned(ports, &input, &plan).await?;
        let files = work::load_files(ports, id).await.map_err(refused)?;
        let sources: Vec<SourceFile> =
            files.into_iter().map(|(file, contents)| SourceFile::new(file.path, contents)).collect();
        let mut report = check(&plan.contents, &sources);
        report.add_tests(self.run_tests(&report, id.as_str(), &sources).await);
        let summary = summary(&report);
        let blocking = Blocking::of(&report);
        let test_id = TestId::derived(&format!("{} test {}", task.execution, input.round));
        let internal = |problem| TaskError::Unable(millrace_app::Error::internal(problem));
        let json = to_json(&report).map_err(internal)?;
        let new = work::NewReport {
            id: test_id.clone(),
            summary: summary.clone(),
            json: json.into_bytes(),
            markdown: to_markdown(&report).into_bytes(),
            junit: to_junit(&report).into_bytes(),
            sarif: to_sarif(&report).map_err(internal)?.into_bytes(),
        };
        work::save_report(ports, id, run, new).await.map_err(refused)?;
        let event = work::NewEvent {
            name: format!("{} tested {}", task.execution, input.round),
            kind: "test.finished".to_owned(),
            stage: Some(Stage::Testing),
            message: summary.summary.clone(),
            data: json!({
                "test_id": test_id, "score": summary.score, "rating": summary.rating, "blocking": summary.blocking,
                "round": input.round, "tests": summary.tests, "failing": blocking.in_short(),
            }),
        };
        work::record_event(ports, id, run, event).await.map_err(refused)?;
        Ok(json!({
            "test_id": test_id,
            "score": summary.score,
            "rating": summary.rating,
            "blocking": summary.blocking,
            "failing": blocking.in_short().join("; "),
            "rework": blocking.rework(&plan.contents, &sources, input.round > 1),
        })
        .into())
    }
}

impl<R: TestRunner> Qa<R> {
    /// The project's tests. Code that doesn't parse is not run: what its tests would say is known.
    async fn run_tests(&self, report: &Report, tenant: &str, sources: &[SourceFile]) -> Vec<TestResult> {
        if let Some(broken) = report.blocking().find(|finding| finding.rule == rules::id::SYNTAX) {
            return not_run(sources, &format!("{} does not parse", broken.path));
        }
        self.tests.run(TestProject { tenant: tenant.to_owned(), files: sources.to_vec() }).await
    }
}

/// A project made from a template holds what its plan says: files of an earlier run that the plan no longer has go.
async fn remove_what_is_not_planned<P: Ports>(ports: &P, input: &WorkInput, plan: &Plan) -> Result<(), TaskError> {
    if plan.contents.template.is_none() {
        return Ok(());
    }
    let records = work::load_file_records(ports, &input.project_id).await.map_err(refused)?;
    let is_planned = |file: &FileRecord| plan.contents.files.iter().any(|planned| planned.path == file.path);
    let stale: Vec<String> = records.into_iter().filter(|file| !is_planned(file)).map(|file| file.path).collect();
    if stale.is_empty() {
        return Ok(());
    }
    work::remove_files(ports, &input.project_id, input.run, &stale).await.map_err(refused)
}

/// The report on a set of files, with a check that each planned file is there.
fn check(plan: &PlanContents, sources: &[SourceFile]) -> Report {
    use crate::report::{Check, Outcome};
    let analysis = analyze(sources, &AnalysisOptions::default());
    let mut report = Report::new(plan.name.clone(), sources, analysis);
    let missing: Vec<&str> = plan
        .files
        .iter()
        .filter(|planned| !sources.iter().any(|file| file.path == planned.path))
        .map(|planned| planned.path.as_str())
        .collect();
    let (outcome, message) = if missing.is_empty() {
        (Outcome::Passed, format!("all {} planned files are there", plan.files.len()))
    } else {
        (Outcome::Failed, format!("missing: {}", missing.join(", ")))
    };
    report.add_check(Check::new("plan: files", outcome, message));
    report
}

fn summary(report: &Report) -> TestSummary {
    let (numbers, counts) = (&report.summary, &report.summary.findings);
    let findings = counts.blocker + counts.major + counts.minor + counts.info;
    let tests = numbers.tests;
    TestSummary {
        score: f64::from(numbers.score.score),
        rating: numbers.score.rating.as_str().to_owned(),
        passed: numbers.passed,
        blocking: u64::from(numbers.blocking) + u64::from(tests.failed),
        findings: u64::from(findings),
        files: u64::from(numbers.totals.files),
        sloc: u64::from(numbers.totals.sloc),
        tests: TestNumbers {
            passed: tests.passed.into(),
            failed: tests.failed.into(),
            skipped: tests.skipped.into(),
            not_run: tests.not_run.into(),
        },
        summary: format!(
            "Rating {}, score {}: {}, {} of code, {}, {} of them blocking; tests: {tests}.",
            numbers.score.rating.as_str(),
            numbers.score.score,
            count(numbers.totals.files, "file"),
            count(numbers.totals.sloc, "line"),
            count(findings, "finding"),
            numbers.blocking,
        ),
    }
}

/// What stops the delivery.
struct Blocking<'a> {
    report: &'a Report,
}

impl<'a> Blocking<'a> {
    const fn of(report: &'a Report) -> Self {
        Self { report }
    }

    fn failed(&self) -> impl Iterator<Item = &'a TestResult> + use<'a> {
        self.report.tests.iter().filter(|test| test.outcome == TestOutcome::Failed)
    }

    /// The first few, a text each, and how many more there are.
    fn in_short(&self) -> Vec<String> {
        let findings = self.report.blocking().map(|finding| format!("{}: {}", finding.place(), finding.message));
        let tests = self.failed().map(|test| {
            let place = if test.line > 0 { format!("{}:{}", test.path, test.line) } else { test.path.clone() };
            let message = test.message.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("test '{}' ({place}): {message}", test.name)
        });
        let all: Vec<String> = findings.chain(tests).map(|text| shortened(&text, TOLD_IN_SHORT)).collect();
        let more = all.len().saturating_sub(NAMED);
        let mut named: Vec<String> = all.into_iter().take(NAMED).collect();
        if more > 0 {
            named.push(format!("and {more} more"));
        }
        named
    }

    /// The tasks that must be done again, in waves, with what to repair.
    fn rework(&self, plan: &PlanContents, sources: &[SourceFile], again: bool) -> Value {
        let mut by_task: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for finding in self.report.blocking() {
            let owner = plan.files.iter().find(|file| file.path == finding.path).map(|file| file.task_id.as_str());
            // What belongs to no file goes to whoever began.
            let owner = owner.or_else(|| plan.tasks.first().map(|task| task.id.as_str()));
            let told = json!({
                "path": finding.path, "line": finding.line, "rule": finding.rule, "message": finding.message,
            });
            if let Some(owner) = owner {
                push(&mut by_task, owner, told);
            }
        }
        for test in self.failed() {
            let message = format!("the test '{}' fails: {}", test.name, shortened(&test.message, TOLD));
            let told = json!({ "path": test.path, "line": test.line, "rule": "test", "message": message });
            for owner in owners(plan, sources, test, again) {
                push(&mut by_task, owner, told.clone());
            }
        }
        waves(plan, |task| {
            let findings = by_task.get(task.id.as_str())?;
            Some(json!({ "id": task.id, "title": task.title, "findings": findings }))
        })
    }
}

fn push<'a>(by_task: &mut BTreeMap<&'a str, Vec<Value>>, owner: &'a str, told: Value) {
    let findings = by_task.entry(owner).or_default();
    if findings.len() < FINDINGS_A_TASK {
        findings.push(told);
    }
}

fn shortened(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    text.chars().take(characters).chain("…".chars()).collect()
}

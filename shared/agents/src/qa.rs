//! The QA agent: reads every file, measures, reports, and says what goes back to Dev.

use std::collections::BTreeMap;

use millrace_app::ids::TestId;
use millrace_app::ports::Ports;
use millrace_app::projects::{FileRecord, Plan, PlanContents, Stage, TestSummary, work};
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};
use serde_json::{Value, json};

use crate::analysis::{AnalysisOptions, Finding, SourceFile, analyze};
use crate::report::{Report, to_json, to_junit, to_markdown, to_sarif};
use crate::work::{WorkInput, count, input, plan_of, refused, waves};

/// Checks code.
#[derive(Debug, Clone, Copy, Default)]
pub struct Qa;

/// Findings that go back with one task; the report has them all.
const FINDINGS_A_TASK: usize = 20;

impl Executor for Qa {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        let input = input(task)?;
        let (id, run) = (&input.project_id, input.run);
        work::begin_stage(ports, id, run, input.round, Stage::Testing).await.map_err(refused)?;
        let plan = plan_of(ports, &input).await?;
        remove_what_is_not_planned(ports, &input, &plan).await?;
        let files = work::load_files(ports, id).await.map_err(refused)?;
        let sources: Vec<SourceFile> =
            files.into_iter().map(|(file, contents)| SourceFile::new(file.path, contents)).collect();
        let report = check(&plan.contents, &sources);
        let summary = summary(&report);
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
                "round": input.round,
            }),
        };
        work::record_event(ports, id, run, event).await.map_err(refused)?;
        Ok(json!({
            "test_id": test_id,
            "score": summary.score,
            "rating": summary.rating,
            "blocking": summary.blocking,
            "rework": rework(&plan.contents, report.blocking()),
        })
        .into())
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
    TestSummary {
        score: f64::from(numbers.score.score),
        rating: numbers.score.rating.as_str().to_owned(),
        passed: numbers.passed,
        blocking: u64::from(numbers.blocking),
        findings: u64::from(findings),
        files: u64::from(numbers.totals.files),
        sloc: u64::from(numbers.totals.sloc),
        summary: format!(
            "Rating {}, score {}: {}, {} of code, {}, {} of them blocking.",
            numbers.score.rating.as_str(),
            numbers.score.score,
            count(numbers.totals.files, "file"),
            count(numbers.totals.sloc, "line"),
            count(findings, "finding"),
            numbers.blocking,
        ),
    }
}

/// The tasks that must be done again, in waves, with what to repair.
fn rework<'a>(plan: &PlanContents, blocking: impl Iterator<Item = &'a Finding>) -> Value {
    let mut by_task: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for finding in blocking {
        let owner = plan.files.iter().find(|file| file.path == finding.path).map(|file| file.task_id.as_str());
        // What belongs to no file goes to whoever began.
        let owner = owner.or_else(|| plan.tasks.first().map(|task| task.id.as_str()));
        let findings = owner.map(|owner| by_task.entry(owner).or_default());
        if let Some(findings) = findings.filter(|findings| findings.len() < FINDINGS_A_TASK) {
            findings.push(json!({
                "path": finding.path, "line": finding.line, "rule": finding.rule, "message": finding.message,
            }));
        }
    }
    waves(plan, |task| {
        let findings = by_task.get(task.id.as_str())?;
        Some(json!({ "id": task.id, "title": task.title, "findings": findings }))
    })
}

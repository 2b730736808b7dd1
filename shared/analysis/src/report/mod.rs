//! The report on a project: summary, score, checks, findings and metrics.
//!
//! [`Report::new`] builds one from an [`Analysis`]; [`Report::add_check`] adds results from
//! elsewhere, such as a run of the tests. [`to_json`], [`to_markdown`], [`to_junit`] and [`to_sarif`] write it.
//! The same input gives the same text. How the score is made is written in [`score`].

mod junit;
mod markdown;
mod sarif;
pub mod score;
mod test_run;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Analysis, FileMetrics, Finding, Language, Severity, SourceFile, Totals, rules};

pub use junit::to_junit;
pub use markdown::to_markdown;
pub use sarif::to_sarif;
pub use score::{Rating, Score};
pub use test_run::{TestCounts, TestOutcome, TestResult};

/// The version of the report's format.
pub const FORMAT_VERSION: u32 = 1;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Nothing to complain about.
    Passed,
    /// Something is wrong; the message says what.
    Failed,
    /// Not done; the message says why.
    Skipped,
}

impl Outcome {
    /// The word used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The name. What stands before `: ` groups checks, as in `syntax: src/app.py`.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in milliseconds, if that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// What was found, or why it was skipped. May be empty.
    pub message: String,
}

impl Check {
    /// A check without a duration.
    #[must_use]
    pub fn new(name: impl Into<String>, outcome: Outcome, message: impl Into<String>) -> Self {
        Self { name: name.into(), outcome, duration_ms: None, message: message.into() }
    }
}

/// Files and lines of one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanguageSummary {
    /// The language.
    pub language: Language,
    /// Number of files.
    pub files: u32,
    /// Lines.
    pub lines: u32,
    /// Lines with code.
    pub sloc: u32,
    /// Number of functions.
    pub functions: u32,
}

/// Numbers at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Whether nothing blocks and no check failed.
    pub passed: bool,
    /// The score and the rating.
    #[serde(flatten)]
    pub score: Score,
    /// Findings that stop a delivery.
    pub blocking: u32,
    /// Findings by severity.
    pub findings: FindingCounts,
    /// Checks by outcome.
    pub checks: CheckCounts,
    /// The project's own tests by outcome.
    #[serde(default)]
    pub tests: TestCounts,
    /// Sums over the files.
    pub totals: Totals,
}

/// Findings by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingCounts {
    /// Blockers.
    pub blocker: u32,
    /// Major findings.
    pub major: u32,
    /// Minor findings.
    pub minor: u32,
    /// For information.
    pub info: u32,
}

/// Checks by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCounts {
    /// Passed.
    pub passed: u32,
    /// Failed.
    pub failed: u32,
    /// Skipped.
    pub skipped: u32,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The project's name.
    pub project: String,
    /// Numbers at a glance.
    pub summary: Summary,
    /// The languages, most code first.
    pub languages: Vec<LanguageSummary>,
    /// What was checked.
    pub checks: Vec<Check>,
    /// The project's own tests.
    #[serde(default)]
    pub tests: Vec<TestResult>,
    /// What was found, worst first.
    pub findings: Vec<Finding>,
    /// Metrics of each file, sorted by path.
    pub files: Vec<FileMetrics>,
    /// Failed checks that came from the caller and are not in the findings.
    #[serde(default)]
    added_failures: u32,
}

impl Report {
    /// Makes a report of an analysis. `files` must be the files that were analysed.
    #[must_use]
    pub fn new(project: impl Into<String>, files: &[SourceFile], analysis: Analysis) -> Self {
        let checks = checks(files, &analysis);
        let mut report = Self {
            format_version: FORMAT_VERSION,
            project: project.into(),
            summary: Summary {
                passed: true,
                score: score::score(0, 0, 0, 0),
                blocking: 0,
                findings: FindingCounts::default(),
                checks: CheckCounts::default(),
                tests: TestCounts::default(),
                totals: analysis.totals,
            },
            languages: languages(&analysis.files),
            checks,
            tests: Vec::new(),
            findings: analysis.findings,
            files: analysis.files,
            added_failures: 0,
        };
        report.summarize();
        report
    }

    /// Adds the result of a check made elsewhere, and counts anew. A failed one lowers the score.
    pub fn add_check(&mut self, check: Check) {
        if check.outcome == Outcome::Failed {
            self.added_failures += 1;
        }
        self.checks.push(check);
        self.summarize();
    }

    /// Adds what the project's tests came to, with a check for each test file, and counts anew.
    pub fn add_tests(&mut self, results: Vec<TestResult>) {
        let checks = test_run::checks(&results);
        self.added_failures +=
            u32::try_from(checks.iter().filter(|it| it.outcome == Outcome::Failed).count()).unwrap_or(u32::MAX);
        self.checks.extend(checks);
        self.summary.tests = TestCounts::of(&results);
        self.tests = results;
        self.summarize();
    }

    /// The findings that stop a delivery.
    pub fn blocking(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_blocking())
    }

    fn summarize(&mut self) {
        let mut findings = FindingCounts::default();
        for finding in &self.findings {
            match finding.severity {
                Severity::Blocker => findings.blocker += 1,
                Severity::Major => findings.major += 1,
                Severity::Minor => findings.minor += 1,
                Severity::Info => findings.info += 1,
            }
        }
        let mut checks = CheckCounts::default();
        for check in &self.checks {
            match check.outcome {
                Outcome::Passed => checks.passed += 1,
                Outcome::Failed => checks.failed += 1,
                Outcome::Skipped => checks.skipped += 1,
            }
        }
        let blocking = u32::try_from(self.blocking().count()).unwrap_or(u32::MAX);
        let minutes = self.findings.iter().fold(0_u32, |sum, f| sum.saturating_add(f.remediation_minutes));
        let sloc = self.summary.totals.sloc;
        self.summary.score = score::score(minutes, sloc, blocking, self.added_failures);
        self.summary.passed = blocking == 0 && self.added_failures == 0;
        self.summary.blocking = blocking;
        self.summary.findings = findings;
        self.summary.checks = checks;
    }
}

/// Writes the report as JSON with indentation and a final newline.
///
/// # Errors
///
/// Only if serialization fails, which the types of [`Report`] do not do.
pub fn to_json(report: &Report) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(text)
}

fn languages(files: &[FileMetrics]) -> Vec<LanguageSummary> {
    let mut by_language: BTreeMap<Language, LanguageSummary> = BTreeMap::new();
    for file in files {
        let entry = by_language.entry(file.language).or_insert(LanguageSummary {
            language: file.language,
            files: 0,
            lines: 0,
            sloc: 0,
            functions: 0,
        });
        entry.files += 1;
        entry.lines += file.lines;
        entry.sloc += file.sloc;
        entry.functions += u32::try_from(file.functions.len()).unwrap_or(u32::MAX);
    }
    let mut list: Vec<_> = by_language.into_values().collect();
    list.sort_by_key(|entry| (std::cmp::Reverse((entry.sloc, entry.lines)), entry.language));
    list
}

/// The checks that follow from an analysis: syntax of each file in a known language, and one for
/// each family of rules that can stop or question a delivery.
fn checks(files: &[SourceFile], analysis: &Analysis) -> Vec<Check> {
    let mut checks = Vec::new();
    for file in &analysis.files {
        if !file.language.is_judged() {
            continue;
        }
        let of_file =
            |rule: &'static str| analysis.findings.iter().filter(move |f| f.path == file.path && f.rule == rule);
        let errors: Vec<_> = of_file(rules::id::SYNTAX).filter(|f| f.severity != Severity::Info).collect();
        let unread = [rules::id::FILE_TOO_LARGE, rules::id::FILE_TOO_COMPLEX, rules::id::ENCODING]
            .into_iter()
            .find_map(|rule| of_file(rule).next());
        let name = format!("syntax: {}", file.path);
        checks.push(match (errors.is_empty(), unread) {
            (false, _) => Check::new(name, Outcome::Failed, list_of(&errors)),
            (true, Some(reason)) => Check::new(name, Outcome::Skipped, reason.message.clone()),
            (true, None) => Check::new(name, Outcome::Passed, file.language.name()),
        });
    }
    let blocking = |rule: &'static str| -> Vec<&Finding> { analysis.blocking().filter(|f| f.rule == rule).collect() };
    for (name, rule) in
        [("secrets", rules::id::SECRET), ("paths", rules::id::UNSAFE_PATH), ("conflict markers", rules::id::CONFLICT)]
    {
        checks.push(judged(name, &blocking(rule)));
    }
    checks.push(manifests(files, analysis));
    for (name, rule) in [("readme present", rules::id::MISSING_README), ("tests present", rules::id::MISSING_TESTS)] {
        let found: Vec<_> = analysis.findings.iter().filter(|f| f.rule == rule).collect();
        checks.push(judged(name, &found));
    }
    if analysis.totals.functions > 0 {
        let complex: Vec<_> = analysis.findings.iter().filter(|f| f.rule == rules::id::FUNCTION_TOO_COMPLEX).collect();
        checks.push(judged("complexity", &complex));
    }
    checks
}

fn manifests(files: &[SourceFile], analysis: &Analysis) -> Check {
    if !files.iter().any(|file| rules::is_manifest(&file.path)) {
        return Check::new("manifests", Outcome::Skipped, "there is no dependency manifest");
    }
    let broken: Vec<_> = analysis
        .blocking()
        .filter(|f| f.rule == rules::id::MANIFEST_INVALID || f.rule == rules::id::SYNTAX && rules::is_manifest(&f.path))
        .collect();
    judged("manifests", &broken)
}

fn judged(name: &str, findings: &[&Finding]) -> Check {
    match findings {
        [] => Check::new(name, Outcome::Passed, ""),
        found => Check::new(name, Outcome::Failed, list_of(found)),
    }
}

/// At most ten findings, a line each.
fn list_of(findings: &[&Finding]) -> String {
    let mut lines: Vec<String> = findings
        .iter()
        .take(10)
        .map(|finding| match finding.path.as_str() {
            "" => finding.message.clone(),
            _ => format!("{}: {}", finding.place(), finding.message),
        })
        .collect();
    if findings.len() > 10 {
        lines.push(format!("and {} more", findings.len() - 10));
    }
    lines.join("\n")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{AnalysisOptions, analyze};

    pub(crate) fn report(files: &[(&str, &str)]) -> Report {
        let files: Vec<_> = files.iter().map(|(path, text)| SourceFile::new(*path, *text)).collect();
        let analysis = analyze(&files, &AnalysisOptions::default());
        Report::new("demo", &files, analysis)
    }

    const GOOD: [(&str, &str); 3] = [
        ("README.md", "# Demo\n"),
        ("app.py", "def add(a, b):\n    return a + b\n"),
        ("test_app.py", "from app import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"),
    ];

    fn outcome(report: &Report, name: &str) -> Option<Outcome> {
        report.checks.iter().find(|check| check.name == name).map(|check| check.outcome)
    }

    #[test]
    fn a_good_project() {
        let report = report(&GOOD);
        assert!(report.summary.passed);
        assert_eq!(report.summary.score.score, 100);
        assert_eq!(report.summary.score.rating, Rating::A);
        assert_eq!(outcome(&report, "syntax: app.py"), Some(Outcome::Passed));
        assert_eq!(outcome(&report, "syntax: README.md"), None);
        assert_eq!(outcome(&report, "manifests"), Some(Outcome::Skipped));
        assert_eq!(outcome(&report, "tests present"), Some(Outcome::Passed));
        assert_eq!(report.languages[0].language, Language::Python);
        assert_eq!(report.languages[0].files, 2);
    }

    #[test]
    fn a_syntax_error_forces_e() {
        let report = report(&[GOOD[0], GOOD[2], ("app.py", &format!("{}def broken(:\n", "x = 1\n".repeat(5000)))]);
        assert!(!report.summary.passed);
        assert_eq!(report.summary.score.rating, Rating::E);
        assert!(report.summary.score.score < 40);
        assert_eq!(outcome(&report, "syntax: app.py"), Some(Outcome::Failed));
    }

    #[test]
    fn broken_manifests_and_unread_files() {
        let report = report(&[("package.json", "{\"name\": }"), ("a.py", &"#".repeat(1024 * 1024 + 1))]);
        assert_eq!(outcome(&report, "manifests"), Some(Outcome::Failed));
        assert_eq!(outcome(&report, "syntax: a.py"), Some(Outcome::Skipped));
        assert_eq!(report.blocking().count(), report.summary.blocking as usize);
    }

    #[test]
    fn added_checks_count() {
        let mut report = report(&GOOD);
        let mut check = Check::new("tests: pytest", Outcome::Passed, "1 passed");
        check.duration_ms = Some(120);
        report.add_check(check);
        assert!(report.summary.passed);
        report.add_check(Check::new("tests: npm", Outcome::Skipped, "no node"));
        assert_eq!(report.summary.score.score, 100);
        report.add_check(Check::new("tests: e2e", Outcome::Failed, "1 failed"));
        assert!(!report.summary.passed);
        assert_eq!(report.summary.score.rating, Rating::D);
        assert_eq!(report.summary.checks.failed, 1);
    }

    #[test]
    fn json_round_trip() {
        let mut report = report(&[("a.py", "x = (\n"), ("b.js", "// TODO\nf();\n")]);
        report.add_check(Check::new("tests: x", Outcome::Failed, "no"));
        let text = to_json(&report).unwrap();
        let back: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(back, report);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["summary"]["rating"], "E");
        assert_eq!(value["findings"][0]["severity"], "blocker");
        assert_eq!(value["files"][1]["language"], "javascript");
    }
}

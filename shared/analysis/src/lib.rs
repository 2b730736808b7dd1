//! Static analysis of a project held in memory, and the reports on it.
//!
//! This crate owns what can be said about source files without running them: syntax errors,
//! size and complexity, and findings of the rules in [`rules`]. It reads no disk, starts no
//! process and asks no model. The same files give the same [`Analysis`], except that a file on which the parser is given
//! up for time may pass on a faster machine. Start with [`analyze`].

pub mod language;
pub mod metrics;
mod outline;
pub mod report;
pub mod rules;
mod sql;
mod strict;
pub mod syntax;
mod walk;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use language::Language;
pub use metrics::{FileMetrics, FunctionMetrics, Totals};
pub use outline::{Outline, outline};

/// One file of a project: a path relative to the project's root and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path with `/` between the parts, relative to the project's root.
    pub path: String,
    /// The bytes as stored.
    pub contents: Vec<u8>,
}

impl SourceFile {
    /// Makes a file from a path and contents.
    pub fn new(path: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), contents: contents.into() }
    }
}

/// How much a finding matters, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The project cannot be delivered like this.
    Blocker,
    /// Likely to cost time or cause a defect.
    Major,
    /// Worth repairing when the place is touched.
    Minor,
    /// For information.
    Info,
}

impl Severity {
    /// Every severity, worst first.
    pub const ALL: [Self; 4] = [Self::Blocker, Self::Major, Self::Minor, Self::Info];

    /// The word used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocker => "blocker",
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Info => "info",
        }
    }
}

/// One thing found in a project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The file; empty when the finding is about the project.
    pub path: String,
    /// Line, from 1; 0 when the finding is about the whole file.
    pub line: u32,
    /// Column in characters, from 1; 0 when the finding is about the whole file or line.
    pub column: u32,
    /// The rule's id, one of the constants in [`rules::id`].
    pub rule: String,
    /// What is wrong and how to repair it. Never contains a secret.
    pub message: String,
    /// Estimated minutes to repair.
    pub remediation_minutes: u32,
}

impl Finding {
    /// Whether this finding stops a delivery: a syntax error, a secret, an unsafe path, a
    /// conflict marker or a manifest that does not parse, of severity [`Severity::Blocker`].
    #[must_use]
    pub fn is_blocking(&self) -> bool {
        self.severity == Severity::Blocker && rules::id::BLOCKING.contains(&self.rule.as_str())
    }

    /// `path:line:column`, shortened when line or column are not known.
    #[must_use]
    pub fn place(&self) -> String {
        let path = if self.path.is_empty() { "(project)" } else { &self.path };
        match (self.line, self.column) {
            (0, _) => path.to_owned(),
            (line, 0) => format!("{path}:{line}"),
            (line, column) => format!("{path}:{line}:{column}"),
        }
    }
}

/// Limits and thresholds of an analysis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalysisOptions {
    /// Larger files are not parsed; they get a finding of low severity. Bytes.
    pub max_file_bytes: usize,
    /// Findings of one rule kept for one file; the rest are counted in one more finding.
    pub max_findings_per_rule: usize,
    /// Time for parsing one file. Ordinary files take milliseconds; a file that takes longer is given up with a finding.
    pub max_parse_time: Duration,
    /// Time for parsing all files.
    pub max_total_parse_time: Duration,
    /// A function of a higher cyclomatic complexity is reported.
    pub max_cyclomatic: u32,
    /// A function of a higher cognitive complexity is reported.
    pub max_cognitive: u32,
    /// A function of more lines is reported.
    pub max_function_lines: u32,
}

impl Default for AnalysisOptions {
    /// 1 MiB and 2 seconds a file, 60 seconds together; 20 findings a rule and file; 15 cyclomatic (the upper limit that NIST
    /// SP 500-235 allows), 15 cognitive (`SonarQube`'s default) and 80 lines a function.
    fn default() -> Self {
        Self {
            max_file_bytes: 1024 * 1024,
            max_findings_per_rule: 20,
            max_parse_time: Duration::from_secs(2),
            max_total_parse_time: Duration::from_secs(60),
            max_cyclomatic: 15,
            max_cognitive: 15,
            max_function_lines: 80,
        }
    }
}

/// What an analysis says about a project.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// Findings, sorted by severity, path, line, column and rule.
    pub findings: Vec<Finding>,
    /// Metrics of each file, sorted by path.
    pub files: Vec<FileMetrics>,
    /// Sums over the files.
    pub totals: Totals,
}

impl Analysis {
    /// The findings that stop a delivery (see [`Finding::is_blocking`]).
    pub fn blocking(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_blocking())
    }
}

/// Analyses every file of a project. Never fails: what cannot be judged is counted or becomes a
/// finding.
#[must_use]
pub fn analyze(files: &[SourceFile], options: &AnalysisOptions) -> Analysis {
    let started = Instant::now();
    let mut findings = Vec::new();
    let mut metrics = Vec::with_capacity(files.len());
    for file in files {
        let left = options.max_total_parse_time.saturating_sub(started.elapsed());
        let parsed = syntax::parse_within(file, options, left);
        let measured = metrics::measure(file, &parsed);
        let mut of_file = parsed.findings.clone();
        rules::check_file(file, &parsed, &measured, options, &mut of_file);
        limit(&mut of_file, options.max_findings_per_rule);
        findings.append(&mut of_file);
        metrics.push(measured.metrics);
    }
    metrics.sort_by(|a, b| a.path.cmp(&b.path));
    rules::check_project(files, &metrics, &mut findings);
    findings.sort();
    findings.dedup();
    let totals = Totals::of(&metrics);
    Analysis { findings, files: metrics, totals }
}

/// Keeps at most `max` findings of a rule, and says in one more how many were dropped.
fn limit(findings: &mut Vec<Finding>, max: usize) {
    findings.sort();
    let mut counts: Vec<(String, usize)> = Vec::new();
    let mut dropped: Vec<(Finding, usize)> = Vec::new();
    findings.retain(|finding| {
        let index = counts.iter().position(|(rule, _)| *rule == finding.rule);
        let count = match index.and_then(|index| counts.get_mut(index)) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                counts.push((finding.rule.clone(), 1));
                1
            }
        };
        if count <= max {
            return true;
        }
        match dropped.iter_mut().find(|(first, _)| first.rule == finding.rule) {
            Some((_, more)) => *more += 1,
            None => dropped.push((finding.clone(), 1)),
        }
        false
    });
    for (first, more) in dropped {
        findings.push(Finding {
            severity: Severity::Info,
            message: format!("at least {more} more findings of `{}` in this file are not listed", first.rule),
            line: 0,
            column: 0,
            remediation_minutes: 0,
            ..first
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATHS: [&str; 26] = [
        "a.py",
        "a.js",
        "a.ts",
        "a.tsx",
        "a.rs",
        "a.html",
        "a.css",
        "a.json",
        "a.yaml",
        "a.toml",
        "a.sh",
        "package.json",
        "requirements.txt",
        "pyproject.toml",
        "a.go",
        "A.java",
        "a.c",
        "a.cpp",
        "A.cs",
        "a.rb",
        "a.php",
        "a.sql",
        "go.mod",
        "pom.xml",
        "Gemfile",
        "composer.json",
    ];

    fn run(path: &str, contents: impl Into<Vec<u8>>) -> Analysis {
        analyze(&[SourceFile::new(path, contents)], &AnalysisOptions::default())
    }

    #[test]
    fn a_clean_project_has_no_findings() {
        let files = [
            SourceFile::new("README.md", "# Adder\n"),
            SourceFile::new("adder.py", "def add(a, b):\n    return a + b\n"),
            SourceFile::new(
                "tests/test_adder.py",
                "from adder import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
            ),
        ];
        let analysis = analyze(&files, &AnalysisOptions::default());
        assert_eq!(analysis.findings, []);
        assert_eq!(analysis.totals.files, 3);
        assert_eq!(analysis.totals.functions, 2);
    }

    #[test]
    fn many_findings_are_limited_and_counted() {
        let analysis = run("a.py", "# TODO: more\n".repeat(50));
        let todo: Vec<_> = analysis.findings.iter().filter(|f| f.rule == rules::id::TODO).collect();
        assert_eq!(todo.len(), 21);
        assert!(todo.iter().any(|f| f.message.starts_with("at least 30 more")));
    }

    #[test]
    fn order_of_files_does_not_matter() {
        let mut files = vec![
            SourceFile::new("b.py", "def f(:\n"),
            SourceFile::new("a.js", "function ( {\n"),
            SourceFile::new("c.toml", "a = \n"),
        ];
        let first = analyze(&files, &AnalysisOptions::default());
        files.reverse();
        assert_eq!(first, analyze(&files, &AnalysisOptions::default()));
    }

    /// A tree a hundred thousand levels deep, walked with a test thread's small stack.
    #[test]
    fn deep_nesting_does_not_overflow() {
        let options = AnalysisOptions { max_parse_time: Duration::from_secs(60), ..AnalysisOptions::default() };
        for path in ["a.json", "a.js", "a.toml"] {
            let text = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
            let text = if path == "a.toml" { format!("a = {text}") } else { text };
            let analysis = analyze(&[SourceFile::new(path, text)], &options);
            assert!(
                analysis
                    .findings
                    .iter()
                    .all(|f| f.rule == rules::id::MISSING_README || f.rule == rules::id::MISSING_TESTS),
                "{path}"
            );
        }
    }

    #[test]
    fn hostile_text_neither_overflows_nor_hangs() {
        let options = AnalysisOptions { max_parse_time: Duration::from_millis(50), ..AnalysisOptions::default() };
        for path in PATHS {
            for (open, close) in [("[", "]"), ("{", "}"), ("<a>", "</a>"), ("a:\n", ""), ("- ", "")] {
                for text in [format!("{}{}", open.repeat(4_000), close.repeat(4_000)), open.repeat(4_000)] {
                    let _ = analyze(&[SourceFile::new(path, text)], &options);
                }
            }
            let indented: String = (0..600).map(|level| format!("{}if a:\n", " ".repeat(level))).collect();
            let _ = analyze(&[SourceFile::new(path, indented)], &options);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for path in PATHS {
                run(path, bytes.clone());
            }
        }

        #[test]
        fn random_source_text_never_panics(
            text in "([a-z]{1,3}|[ \\t\\n:;=,.!?&|<>(){}\\[\\]'\"`#/*$%@\\\\+-]|if |def |fn |TODO|é|<a>|</a>|: |- ){0,80}"
        ) {
            for path in PATHS {
                run(path, text.clone());
            }
        }
    }
}

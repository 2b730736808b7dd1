//! The report as Markdown.

use std::fmt::Write as _;

use super::score::{MINUTES_PER_LINE, Rating};
use super::{Outcome, Report, test_run};
use crate::{FileMetrics, Severity};

/// Rows of a table before the rest is only counted.
const MAX_ROWS: usize = 200;

/// Writes the report as Markdown: summary, score with its formula, checks, findings, languages,
/// complex functions and files. Text from the project is escaped.
#[must_use]
pub fn to_markdown(report: &Report) -> String {
    let mut out = String::new();
    summary(&mut out, report);
    checks(&mut out, report);
    test_run::markdown(&mut out, report);
    findings(&mut out, report);
    languages(&mut out, report);
    functions(&mut out, report);
    files(&mut out, report);
    formula(&mut out);
    out
}

/// Text for a table's cell: one line, without markup.
pub(super) fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '\n' => out.push_str("<br>"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

pub(super) fn table(out: &mut String, header: &[&str], right: &[usize], rows: &[Vec<String>]) {
    let _ = writeln!(out, "| {} |", header.join(" | "));
    let rule: Vec<&str> = (0..header.len()).map(|i| if right.contains(&i) { "---:" } else { "---" }).collect();
    let _ = writeln!(out, "| {} |", rule.join(" | "));
    for row in rows.iter().take(MAX_ROWS) {
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
    if rows.len() > MAX_ROWS {
        let _ = writeln!(out, "\n{} more rows are in the JSON report.", rows.len() - MAX_ROWS);
    }
}

fn minutes(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, rest) => format!("{rest} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, rest) => format!("{hours} h {rest} min"),
    }
}

fn summary(out: &mut String, report: &Report) {
    let summary = &report.summary;
    let result = if summary.passed { "passed" } else { "failed" };
    let _ = writeln!(out, "# Quality report: {}\n", cell(&report.project));
    let score = &summary.score;
    let _ = writeln!(out, "**{result}**, rating **{}**, score **{}** of 100\n", score.rating.as_str(), score.score);
    let counts = &summary.findings;
    let checks = &summary.checks;
    let totals = &summary.totals;
    let rows = [
        ("Findings that block", summary.blocking.to_string()),
        (
            "Findings",
            format!("{} blocker, {} major, {} minor, {} info", counts.blocker, counts.major, counts.minor, counts.info),
        ),
        ("Checks", format!("{} passed, {} failed, {} skipped", checks.passed, checks.failed, checks.skipped)),
        ("Debt", format!("{} ({:.2} % of writing anew)", minutes(score.remediation_minutes), score.debt_ratio * 100.0)),
        ("Files", format!("{} ({} bytes)", totals.files, totals.bytes)),
        ("Lines", format!("{}: {} code, {} comment", totals.lines, totals.sloc, totals.comment_lines)),
        (
            "Functions",
            format!(
                "{}; cyclomatic complexity {:.2} on average, {} at most; cognitive {} at most",
                totals.functions, totals.mean_cyclomatic, totals.max_cyclomatic, totals.max_cognitive
            ),
        ),
        ("Maintainability index", format!("{:.2}", totals.maintainability_index)),
    ];
    let rows: Vec<_> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    table(out, &["", ""], &[], &rows);
}

fn checks(out: &mut String, report: &Report) {
    out.push_str("\n## Checks\n\n");
    let mut rows = Vec::new();
    // What failed comes first.
    for wanted in [Outcome::Failed, Outcome::Skipped, Outcome::Passed] {
        for check in report.checks.iter().filter(|check| check.outcome == wanted) {
            let time = check.duration_ms.map_or_else(String::new, |ms| format!("{ms} ms"));
            rows.push(vec![cell(&check.name), wanted.as_str().to_owned(), time, cell(&check.message)]);
        }
    }
    table(out, &["Check", "Outcome", "Time", "Message"], &[2], &rows);
}

fn findings(out: &mut String, report: &Report) {
    out.push_str("\n## Findings\n\n");
    if report.findings.is_empty() {
        out.push_str("None.\n");
        return;
    }
    let mut rows = Vec::new();
    for severity in Severity::ALL {
        for finding in report.findings.iter().filter(|finding| finding.severity == severity) {
            rows.push(vec![
                severity.as_str().to_owned(),
                cell(&finding.rule),
                cell(&finding.place()),
                cell(&finding.message),
                minutes(finding.remediation_minutes),
            ]);
        }
    }
    table(out, &["Severity", "Rule", "Place", "Message", "To repair"], &[4], &rows);
}

fn languages(out: &mut String, report: &Report) {
    out.push_str("\n## Languages\n\n");
    let rows: Vec<_> = report
        .languages
        .iter()
        .map(|entry| {
            vec![
                entry.language.name().to_owned(),
                entry.files.to_string(),
                entry.lines.to_string(),
                entry.sloc.to_string(),
                entry.functions.to_string(),
            ]
        })
        .collect();
    table(out, &["Language", "Files", "Lines", "Code", "Functions"], &[1, 2, 3, 4], &rows);
}

/// The ten functions with the highest complexity.
fn functions(out: &mut String, report: &Report) {
    let mut all: Vec<_> =
        report.files.iter().flat_map(|file| file.functions.iter().map(move |function| (file, function))).collect();
    if all.is_empty() {
        return;
    }
    all.sort_by_key(|(file, function)| {
        let worst = function.cyclomatic.max(function.cognitive);
        (std::cmp::Reverse(worst), &file.path, function.line)
    });
    out.push_str("\n## Most complex functions\n\n");
    let rows: Vec<_> = all
        .iter()
        .take(10)
        .map(|(file, function)| {
            vec![
                cell(&function.name),
                cell(&format!("{}:{}", file.path, function.line)),
                function.lines.to_string(),
                function.cyclomatic.to_string(),
                function.cognitive.to_string(),
            ]
        })
        .collect();
    table(out, &["Function", "Place", "Lines", "Cyclomatic", "Cognitive"], &[2, 3, 4], &rows);
}

fn files(out: &mut String, report: &Report) {
    out.push_str("\n## Files\n\n");
    let row = |file: &FileMetrics| {
        vec![
            cell(&file.path),
            file.language.name().to_owned(),
            file.lines.to_string(),
            file.sloc.to_string(),
            file.comment_lines.to_string(),
            file.functions.len().to_string(),
            file.cyclomatic.to_string(),
            file.cognitive.to_string(),
            file.maintainability_index.map_or_else(String::new, |index| format!("{index:.2}")),
        ]
    };
    let rows: Vec<_> = report.files.iter().map(row).collect();
    let header = ["File", "Language", "Lines", "Code", "Comments", "Functions", "Cyclomatic", "Cognitive", "MI"];
    table(out, &header, &[2, 3, 4, 5, 6, 7, 8], &rows);
}

fn formula(out: &mut String) {
    let band = |rating: Rating| {
        let (low, high) = rating.band();
        format!("{} {low}–{high}", rating.as_str())
    };
    let bands: Vec<String> = [Rating::A, Rating::B, Rating::C, Rating::D, Rating::E].map(band).to_vec();
    let _ = write!(
        out,
        "\n## How the score is made\n\n\
         Debt ratio = minutes to repair all findings / (lines of code × {MINUTES_PER_LINE} minutes). \
         Rating: A up to 5 %, B up to 10 %, C up to 20 %, D up to 50 %, E above; \
         a finding that blocks (syntax error, secret, unsafe path, conflict marker, broken manifest) forces E, \
         a failed test run allows D at best. \
         The score follows the debt ratio along straight lines through (0 %, 100), (5 %, 80), (10 %, 70), (20 %, 60), \
         (50 %, 40) and (100 %, 0); each finding that blocks and each failed test run takes 5 points; \
         a forced rating limits the score to its band. Bands: {}.\n\n\
         Maintainability index (MI) of a file = max(0, (171 − 5.2·ln(Halstead volume) − 0.23·cyclomatic complexity − 16.2·ln(lines of code))·100/171).\n",
        bands.join(", ")
    );
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::super::{Check, Outcome};
    use super::*;

    #[test]
    fn sections_and_values() {
        let mut report =
            report(&[("README.md", "x"), ("a|b.py", "def f(:\n"), ("c.js", "function g() { if (a) {} }\n")]);
        report.add_check(Check::new("tests: x", Outcome::Failed, "a | b\nsecond <b>"));
        let text = to_markdown(&report);
        for part in [
            "# Quality report: demo",
            "**failed**, rating **E**",
            "## Checks",
            "| tests: x | failed |  | a \\| b<br>second &lt;b&gt; |",
            "## Findings",
            "a\\|b.py:1:",
            "## Languages",
            "| g | c.js:1 | 1 | 2 | 1 |",
            "## How the score is made",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
        assert_eq!(text, to_markdown(&report));
    }

    #[test]
    fn every_row_has_its_columns() {
        let report = report(&[("a|b.py", "x = '|' |\n# TODO | x\n"), ("t_a.sh", "f() { a | b; }\n")]);
        for block in to_markdown(&report).split("\n\n").filter(|block| block.starts_with('|')) {
            let columns = |line: &str| line.replace("\\|", "").matches('|').count();
            let mut lines = block.lines().filter(|line| line.starts_with('|'));
            let expected = columns(lines.next().unwrap());
            assert!(lines.all(|line| columns(line) == expected), "{block}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(minutes(5), "5 min");
        assert_eq!(minutes(120), "2 h");
        assert_eq!(minutes(61), "1 h 1 min");
    }
}

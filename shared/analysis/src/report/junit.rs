//! The report as JUnit XML, one test suite for each group of checks.

use std::fmt::Write as _;

use super::{Check, Outcome, Report, test_run};

/// Writes the report as JUnit XML. Checks with the same word before `: ` share a suite; others are
/// in the suite `project`. The project's own tests have a suite for each file. A failed check has a `failure` element with its message.
#[must_use]
pub fn to_junit(report: &Report) -> String {
    let mut suites: Vec<(&str, Vec<(&str, &Check)>)> = Vec::new();
    let ran = test_run::cases(report);
    let is_told_below = |suite: &str| suite == test_run::GROUP && !ran.is_empty();
    let checks = report.checks.iter().map(|check| {
        let (suite, name) = check.name.split_once(": ").unwrap_or(("project", &check.name));
        (suite, name, check)
    });
    let checks = checks.filter(|(suite, _, _)| !is_told_below(suite));
    let tests = ran.iter().map(|(path, check)| (*path, check.name.as_str(), check));
    for (suite, name, check) in checks.chain(tests) {
        match suites.iter_mut().find(|(other, _)| *other == suite) {
            Some((_, cases)) => cases.push((name, check)),
            None => suites.push((suite, vec![(name, check)])),
        }
    }
    let all: Vec<&Check> = suites.iter().flat_map(|(_, cases)| cases.iter().map(|(_, check)| *check)).collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"{}\" {}>", escape(&report.project), counts(&all));
    for (suite, cases) in &suites {
        let checks: Vec<&Check> = cases.iter().map(|(_, check)| *check).collect();
        let _ = writeln!(out, "  <testsuite name=\"{}\" {}>", escape(suite), counts(&checks));
        for (name, check) in cases {
            case(&mut out, suite, name, check);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn counts(checks: &[&Check]) -> String {
    let of = |outcome: Outcome| checks.iter().filter(|check| check.outcome == outcome).count();
    let time: u64 = checks.iter().filter_map(|check| check.duration_ms).sum();
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{}\"",
        checks.len(),
        of(Outcome::Failed),
        of(Outcome::Skipped),
        seconds(time)
    )
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

fn case(out: &mut String, suite: &str, name: &str, check: &Check) {
    let time = seconds(check.duration_ms.unwrap_or(0));
    let _ = write!(out, "    <testcase classname=\"{}\" name=\"{}\" time=\"{time}\"", escape(suite), escape(name));
    let first = check.message.lines().next().unwrap_or("");
    match check.outcome {
        Outcome::Passed => out.push_str("/>\n"),
        Outcome::Skipped => {
            let _ = write!(out, ">\n      <skipped message=\"{}\"/>\n    </testcase>\n", escape(first));
        }
        Outcome::Failed => {
            let _ = write!(
                out,
                ">\n      <failure type=\"failed\" message=\"{}\">{}</failure>\n    </testcase>\n",
                escape(first),
                escape(&check.message)
            );
        }
    }
}

/// Escapes text for elements and attributes. Characters that XML 1.0 does not allow are removed;
/// tabs and line ends become references, so that attributes keep them.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::super::tests::report;
    use super::*;

    #[test]
    fn suites_and_cases() {
        let mut report = report(&[("a.py", "x = (\n"), ("b.py", "y = 1\n")]);
        let mut check = Check::new("tests: pytest", Outcome::Failed, "1 < 2 & \"3\"\nsecond\u{1b}[0m\u{0}");
        check.duration_ms = Some(1250);
        report.add_check(check);
        let xml = to_junit(&report);
        assert!(xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"demo\" tests=\""));
        assert!(
            xml.contains(
                "<testsuite name=\"syntax\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"0.000\">"
            ),
            "{xml}"
        );
        assert!(xml.contains("<testcase classname=\"syntax\" name=\"b.py\" time=\"0.000\"/>"), "{xml}");
        assert!(xml.contains("<testcase classname=\"tests\" name=\"pytest\" time=\"1.250\">"), "{xml}");
        assert!(
            xml.contains(
                "message=\"1 &lt; 2 &amp; &quot;3&quot;\">1 &lt; 2 &amp; &quot;3&quot;&#10;second[0m</failure>"
            ),
            "{xml}"
        );
    }

    #[test]
    fn an_xml_parser_accepts_it() {
        let mut report = report(&[("a.py", "x = '<&>\"\n"), ("b&\"c.py", "y = 1\n")]);
        report.add_check(Check::new("]]> <x>", Outcome::Skipped, "\u{7f}\u{85}\u{fffe}\u{1}é"));
        let child = Command::new("python3")
            .args(["-c", "import sys, xml.etree.ElementTree as e; e.fromstring(sys.stdin.buffer.read())"])
            .stdin(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else { return };
        child.stdin.take().unwrap().write_all(to_junit(&report).as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    proptest! {
        #[test]
        fn escaped_text_has_no_markup(text: String) {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            prop_assert!(escaped.chars().all(|c| !c.is_control()));
        }
    }
}

//! Tabs and spaces in Python's indentation.

use super::super::metrics::Measured;
use super::super::{Finding, Language, Severity};
use super::{finding, id};

/// Reports the first line whose own indentation mixes both (major: Python 3 refuses most of these),
/// or else the first line indented unlike the lines before it (minor).
pub(super) fn check(path: &str, language: Language, text: &str, measured: &Measured, findings: &mut Vec<Finding>) {
    if language != Language::Python {
        return;
    }
    let mut first = None;
    let mut other = None;
    for (row, line) in text.lines().enumerate() {
        let code = line.trim_start_matches([' ', '\t']);
        let indent = line.get(..line.len() - code.len()).unwrap_or("");
        if indent.is_empty() || code.trim().is_empty() || measured.string_rows.contains(&row) {
            continue;
        }
        let number = u32::try_from(row + 1).unwrap_or(u32::MAX);
        if indent.contains('\t') && indent.contains(' ') {
            let message = "tabs and spaces in one indentation: use four spaces a level".to_owned();
            let severity = Severity::Major;
            findings.push(finding(id::MIXED_INDENTATION, severity, path, (number, 1), message));
            return;
        }
        let tabs = indent.contains('\t');
        if *first.get_or_insert(tabs) != tabs {
            other = other.or(Some(number));
        }
    }
    if let Some(number) = other {
        let message = "some lines are indented with tabs and some with spaces: use four spaces a level".to_owned();
        findings.push(finding(id::MIXED_INDENTATION, Severity::Minor, path, (number, 1), message));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::*;

    #[test]
    fn mixed_lines_and_files() {
        let found = |text: &str| found(id::MIXED_INDENTATION, "a.py", text);
        assert!(found("if a:\n \tb()\n")[0].starts_with("major 2"));
        assert!(found("if a:\n\tb()\nif c:\n    d()\n")[0].starts_with("minor 4"));
        assert!(found("if a:\n    b('''\n\tx\n''')\n").is_empty());
        assert!(found("if a:\n\tb()\n\n\tc()\n").is_empty());
    }
}

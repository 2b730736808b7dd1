//! Errors in C and C++ that a macro may explain.

use super::super::rules::{catalogue, id};
use super::super::{Finding, Severity};

/// A name that looks like a macro beside an error makes it one that does not block: the preprocessor may put anything in its
/// place. So does a directive on the lines around it.
pub(super) fn forgive(text: &str, findings: &mut [Finding]) {
    let lines: Vec<&str> = text.lines().collect();
    for finding in findings {
        let row = usize::try_from(finding.line).unwrap_or(0);
        let around = lines.get(row.saturating_sub(2)..row.saturating_add(1).min(lines.len())).unwrap_or_default();
        if around.iter().any(|line| has_macro(line)) {
            finding.severity = Severity::Major;
            finding.remediation_minutes = catalogue::minutes(id::SYNTAX, Severity::Major);
            finding.message.push_str(" (or a macro stands for it)");
        }
    }
}

fn has_macro(line: &str) -> bool {
    let line = line.split("//").next().unwrap_or(line);
    if line.trim_start().starts_with('#') {
        return !line.contains("include") && !line.contains("pragma");
    }
    let mut outside = line.split('"').step_by(2);
    outside.any(|part| {
        part.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| {
            word.len() > 2
                && word.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
                && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
                && !matches!(word, "NULL" | "EOF" | "FILE" | "TRUE" | "FALSE" | "INT" | "MAX" | "MIN")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_macros() {
        assert!(has_macro("MY_API class A {"));
        assert!(has_macro("#define X(a) a"));
        assert!(!has_macro("#include <stdio.h>"));
        assert!(!has_macro("int a = f(NULL, \"ABC\"); // TODO"));
    }
}

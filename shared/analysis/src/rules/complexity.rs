//! Functions that are too long or too complex. A function is judged without the functions inside of it, which are judged
//! by themselves.

use super::super::metrics::FileMetrics;
use super::super::{AnalysisOptions, Finding, Severity};
use super::{finding, id};

pub(super) fn check(file: &FileMetrics, options: &AnalysisOptions, findings: &mut Vec<Finding>) {
    for function in &file.functions {
        let name = &function.name;
        let place = (function.line, 0);
        let is_tangled = function.own_cognitive > options.max_cognitive;
        if function.cyclomatic > options.max_cyclomatic || is_tangled {
            let over_cyclomatic = function.cyclomatic.saturating_sub(options.max_cyclomatic);
            let over_cognitive = function.own_cognitive.saturating_sub(options.max_cognitive);
            let mut complex = finding(
                id::FUNCTION_TOO_COMPLEX,
                // Many paths that are easy to read, as in a table of cases, matter less.
                if is_tangled { Severity::Major } else { Severity::Minor },
                &file.path,
                place,
                format!(
                    "`{name}` has cyclomatic complexity {} (at most {}) and cognitive complexity {} (at most {}); split it",
                    function.cyclomatic, options.max_cyclomatic, function.own_cognitive, options.max_cognitive
                ),
            );
            // As `SonarQube` counts: a minute more for each point over the limit.
            let over = over_cyclomatic.max(over_cognitive);
            complex.remediation_minutes = complex.remediation_minutes.saturating_add(over);
            findings.push(complex);
        }
        if function.lines > options.max_function_lines {
            findings.push(finding(
                id::FUNCTION_TOO_LONG,
                Severity::Minor,
                &file.path,
                place,
                format!("`{name}` has {} lines (at most {}); split it", function.lines, options.max_function_lines),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::*;

    #[test]
    fn complex_functions() {
        let body = "    if a:\n        pass\n".repeat(16);
        let text = format!("def f(a):\n{body}");
        assert_eq!(
            found(id::FUNCTION_TOO_COMPLEX, "a.py", &text),
            [
                "major 1 `f` has cyclomatic complexity 17 (at most 15) and cognitive complexity 16 (at most 15); split it"
            ]
        );
        let cases: String = (0..20).map(|n| format!("    case {n}: return {n};\n")).collect();
        let text = format!("function f(a) {{\n  switch (a) {{\n{cases}  }}\n}}\n");
        assert!(
            found(id::FUNCTION_TOO_COMPLEX, "a.js", &text)[0].starts_with("minor 1 `f` has cyclomatic complexity 21")
        );
        let text = format!("def f(a):\n{}", "    if a:\n        pass\n".repeat(14));
        assert!(found(id::FUNCTION_TOO_COMPLEX, "a.py", &text).is_empty());
    }

    #[test]
    fn long_functions() {
        let text = format!("function f() {{\n{}}}\n", "  a();\n".repeat(79));
        assert_eq!(found(id::FUNCTION_TOO_LONG, "a.js", &text), ["minor 1 `f` has 81 lines (at most 80); split it"]);
    }
}

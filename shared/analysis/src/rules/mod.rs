//! The rules: what is reported about files and projects besides syntax errors.
//!
//! Each file of this folder holds one rule or one family. A rule is a function that pushes
//! findings; it never fails.

mod complexity;
mod indentation;
mod manifests;
mod markers;
mod paths;
mod project;
mod requirements;
mod secrets;
mod toml_view;

use super::metrics::{FileMetrics, Measured};
use super::syntax::Parsed;
use super::{AnalysisOptions, Finding, Severity, SourceFile};

pub use manifests::is_manifest;
pub use project::is_test;

/// The rules' ids.
pub mod id {
    /// Text that its language's parser refuses.
    pub const SYNTAX: &str = "syntax-error";
    /// A file the parser gave up on.
    pub const FILE_TOO_COMPLEX: &str = "file-too-complex";
    /// A file too large to be analysed.
    pub const FILE_TOO_LARGE: &str = "file-too-large";
    /// Text that is not UTF-8.
    pub const ENCODING: &str = "encoding";
    /// A credential in a file.
    pub const SECRET: &str = "secret";
    /// A path that cannot be stored safely everywhere.
    pub const UNSAFE_PATH: &str = "unsafe-path";
    /// A merge conflict that was not resolved.
    pub const CONFLICT: &str = "conflict-marker";
    /// A dependency manifest that does not parse or is not what its name says.
    pub const MANIFEST_INVALID: &str = "manifest-invalid";
    /// A dependency manifest without name or version.
    pub const MANIFEST_INCOMPLETE: &str = "manifest-incomplete";
    /// A dependency without a version.
    pub const UNPINNED: &str = "unpinned-dependency";
    /// A function with too many lines.
    pub const FUNCTION_TOO_LONG: &str = "function-too-long";
    /// A function that is too complex.
    pub const FUNCTION_TOO_COMPLEX: &str = "function-too-complex";
    /// A TODO or FIXME in a comment.
    pub const TODO: &str = "todo-comment";
    /// Tabs and spaces mixed in Python's indentation.
    pub const MIXED_INDENTATION: &str = "mixed-indentation";
    /// A project without a README.
    pub const MISSING_README: &str = "missing-readme";
    /// A project without tests.
    pub const MISSING_TESTS: &str = "missing-tests";

    /// The rules whose blockers stop a delivery.
    pub const BLOCKING: [&str; 5] = [SYNTAX, SECRET, UNSAFE_PATH, CONFLICT, MANIFEST_INVALID];
}

/// Runs the rules that look at one file.
pub fn check_file(
    file: &SourceFile,
    parsed: &Parsed<'_>,
    measured: &Measured,
    options: &AnalysisOptions,
    findings: &mut Vec<Finding>,
) {
    complexity::check(&measured.metrics, options, findings);
    let Some(text) = parsed.text else { return };
    secrets::check(&file.path, text, findings);
    markers::conflicts(&file.path, parsed.language, text, findings);
    markers::todos(&file.path, text, measured, findings);
    indentation::check(&file.path, parsed.language, text, measured, findings);
    let has_syntax_error = parsed.findings.iter().any(|finding| finding.rule == id::SYNTAX);
    if !has_syntax_error {
        manifests::check(&file.path, text, findings);
    }
}

/// Runs the rules that look at all files together.
pub fn check_project(files: &[SourceFile], metrics: &[FileMetrics], findings: &mut Vec<Finding>) {
    paths::check(files, findings);
    project::readme(files, findings);
    project::tests(files, metrics, findings);
}

/// A finding at a place.
pub(crate) fn finding(
    rule: &str,
    severity: Severity,
    path: &str,
    (line, column): (u32, u32),
    message: String,
    remediation_minutes: u32,
) -> Finding {
    Finding { rule: rule.to_owned(), severity, path: path.to_owned(), line, column, message, remediation_minutes }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::super::{Analysis, AnalysisOptions, SourceFile, analyze};

    /// Analyses files given as path and text.
    pub(crate) fn analysis(files: &[(&str, &str)]) -> Analysis {
        let files: Vec<_> = files.iter().map(|(path, text)| SourceFile::new(*path, *text)).collect();
        analyze(&files, &AnalysisOptions::default())
    }

    /// `severity line message` of the findings of one rule in one file.
    pub(crate) fn found(rule: &str, path: &str, text: &str) -> Vec<String> {
        analysis(&[(path, text)])
            .findings
            .iter()
            .filter(|f| f.rule == rule)
            .map(|f| format!("{} {} {}", f.severity.as_str(), f.line, f.message))
            .collect()
    }
}

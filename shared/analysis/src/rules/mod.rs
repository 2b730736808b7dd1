//! The rules: what is reported about files and projects besides syntax errors.
//!
//! Each file of this folder holds one rule or one family. A rule is a function that pushes
//! findings; it never fails.

pub mod catalogue;
mod code;
mod complexity;
mod dependencies;
mod imports;
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
    /// A version that the package manager does not understand.
    pub const BAD_VERSION: &str = "bad-version";
    /// A dependency that is declared twice.
    pub const DUPLICATE_DEPENDENCY: &str = "duplicate-dependency";
    /// A package that is imported and not declared.
    pub const MISSING_DEPENDENCY: &str = "missing-dependency";
    /// A function with too many lines.
    pub const FUNCTION_TOO_LONG: &str = "function-too-long";
    /// A function that is too complex.
    pub const FUNCTION_TOO_COMPLEX: &str = "function-too-complex";
    /// A TODO in a comment.
    pub const TODO: &str = "todo-comment";
    /// A FIXME or XXX in a comment.
    pub const FIXME: &str = "fixme-comment";
    /// Code that only says that it is not implemented.
    pub const UNFINISHED: &str = "unfinished-code";
    /// Tabs and spaces mixed in Python's indentation.
    pub const MIXED_INDENTATION: &str = "mixed-indentation";
    /// A statement after one that never goes on.
    pub const UNREACHABLE: &str = "unreachable-code";
    /// An error that is caught and dropped.
    pub const SWALLOWED_ERROR: &str = "swallowed-error";
    /// Python's `except:` without a class.
    pub const BARE_EXCEPT: &str = "bare-except";
    /// A mutable default of a Python parameter.
    pub const MUTABLE_DEFAULT: &str = "mutable-default";
    /// An assertion of a tuple.
    pub const ASSERT_TUPLE: &str = "assert-tuple";
    /// Comparison with a literal by identity.
    pub const LITERAL_IDENTITY: &str = "literal-identity";
    /// A key that stands twice in one literal.
    pub const DUPLICATE_KEY: &str = "duplicate-key";
    /// A condition that assigns a constant.
    pub const ASSIGNMENT_IN_CONDITION: &str = "assignment-in-condition";
    /// A breakpoint that was left in.
    pub const DEBUGGER: &str = "debugger";
    /// Text that is run as code.
    pub const EVAL: &str = "eval";
    /// An import of which nothing is used.
    pub const UNUSED_IMPORT: &str = "unused-import";
    /// A C function that cannot be used safely.
    pub const UNSAFE_FUNCTION: &str = "unsafe-function";
    /// A function that the language no longer has.
    pub const REMOVED_FUNCTION: &str = "removed-function";
    /// A public Java class in a file of another name.
    pub const CLASS_FILE: &str = "class-file-name";
    /// An HTML id that stands twice.
    pub const DUPLICATE_ID: &str = "duplicate-id";
    /// An image without `alt`.
    pub const MISSING_ALT: &str = "missing-alt";
    /// An HTML page without `lang`.
    pub const MISSING_LANG: &str = "missing-lang";
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
        if let Some(tree) = &parsed.tree {
            code::check(&file.path, parsed.language, text, tree, findings);
            imports::unused(&file.path, parsed.language, text, tree, findings);
        }
        manifests::check(&file.path, text, findings);
    }
}

/// Runs the rules that look at all files together.
pub fn check_project(files: &[SourceFile], metrics: &[FileMetrics], findings: &mut Vec<Finding>) {
    paths::check(files, findings);
    project::readme(files, findings);
    project::tests(files, metrics, findings);
    dependencies::check(files, findings);
}

/// A finding at a place, with the minutes of the catalogue.
pub(crate) fn finding(
    rule: &str,
    severity: Severity,
    path: &str,
    (line, column): (u32, u32),
    message: String,
) -> Finding {
    let remediation_minutes = catalogue::minutes(rule, severity);
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

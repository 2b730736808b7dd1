//! What a project should hold: a README and tests.

use super::super::language::file_name;
use super::super::metrics::FileMetrics;
use super::super::{Finding, Language, Severity, SourceFile};
use super::{finding, id};

/// Reports a project of any size without a README at its top.
pub(super) fn readme(files: &[SourceFile], findings: &mut Vec<Finding>) {
    let has = files.iter().any(|file| {
        let path = file.path.strip_prefix("./").unwrap_or(&file.path);
        !path.contains('/') && path.to_ascii_lowercase().starts_with("readme")
    });
    if !has && !files.is_empty() {
        let message = "no README at the top: say what the project does and how to run it".to_owned();
        findings.push(finding(id::MISSING_README, Severity::Minor, "", (0, 0), message));
    }
}

/// Reports a project with program code and no test.
pub(super) fn tests(files: &[SourceFile], metrics: &[FileMetrics], findings: &mut Vec<Finding>) {
    let has_code = metrics.iter().any(|file| file.language.is_program() && file.sloc > 0);
    if has_code && !files.iter().any(is_test) {
        let message = "there is code and no test: add tests that run without a network".to_owned();
        findings.push(finding(id::MISSING_TESTS, Severity::Major, "", (0, 0), message));
    }
}

/// Whether a file holds tests, by the naming conventions of pytest, Jest, Vitest, Node's runner and
/// cargo, or by Rust's `#[test]`.
#[must_use]
pub fn is_test(file: &SourceFile) -> bool {
    let language = super::super::language::detect(&file.path, &file.contents);
    if !language.is_program() && language != Language::Bash {
        return false;
    }
    let lower = file.path.to_ascii_lowercase();
    let name = file_name(&lower);
    let stem = name.split('.').next().unwrap_or(name);
    let in_folder =
        lower.split('/').rev().skip(1).any(|part| matches!(part, "test" | "tests" | "__tests__" | "spec" | "specs"));
    let by_name = stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem == "test"
        || stem == "tests"
        || name.contains(".test.")
        || name.contains(".spec.");
    let rust = language == Language::Rust && contains(&file.contents, b"#[test]");
    let helper = matches!(name, "__init__.py" | "conftest.py");
    (by_name || in_folder || rust) && !helper
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::super::testing::analysis;
    use super::*;

    #[test]
    fn test_files() {
        for path in [
            "tests/a.py",
            "src/test_a.py",
            "a_test.py",
            "web/a.test.js",
            "a.spec.tsx",
            "src/__tests__/a.ts",
            "tests/run.sh",
        ] {
            assert!(is_test(&SourceFile::new(path, "x")), "{path}");
        }
        for path in ["src/a.py", "tests/data.json", "tests/__init__.py", "contest.py", "latest.js"] {
            assert!(!is_test(&SourceFile::new(path, "x")), "{path}");
        }
        assert!(is_test(&SourceFile::new("src/lib.rs", "#[test]\nfn a() {}")));
    }

    #[test]
    fn missing_parts() {
        let rules =
            |files: &[(&str, &str)]| -> Vec<String> { analysis(files).findings.into_iter().map(|f| f.rule).collect() };
        assert_eq!(rules(&[("a.py", "x = 1\n")]), [id::MISSING_TESTS, id::MISSING_README]);
        assert_eq!(rules(&[("docs/readme.md", "x")]), [id::MISSING_README]);
        assert_eq!(rules(&[("README", ""), ("index.html", "<p>x</p>")]), [""; 0]);
        assert_eq!(rules(&[]), [""; 0]);
    }
}

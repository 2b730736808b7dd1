//! Which files of a project hold tests, and what runs them.

use crate::analysis::{SourceFile, language, rules};

/// What runs a test file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Runtime {
    /// JavaScript and TypeScript.
    JavaScript,
    /// `unittest` or pytest.
    Python,
    /// Cargo.
    Rust,
    /// `go test`.
    Go,
    /// Nothing that Millrace knows how to run; the name of the language.
    Other(&'static str),
}

/// A file with tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFile {
    /// Its path.
    pub path: String,
    /// What runs it.
    pub runtime: Runtime,
}

/// Folders of what was installed or built.
const NOT_OURS: [&str; 10] =
    ["node_modules", "vendor", "dist", "build", "target", "coverage", ".git", ".venv", "venv", "__pycache__"];

/// The test files, sorted by path. JavaScript by the patterns of `node --test`, jest and vitest, Python by those of
/// `unittest` and pytest, Go by its own, Rust by `#[test]`; of other languages, files that look like tests.
#[must_use]
pub fn discover(files: &[SourceFile]) -> Vec<TestFile> {
    let mut found: Vec<TestFile> = files.iter().filter_map(|file| of(file, files)).collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn of(file: &SourceFile, files: &[SourceFile]) -> Option<TestFile> {
    let mut folders: Vec<&str> = file.path.split('/').collect();
    let name = folders.pop()?;
    if folders.iter().any(|folder| NOT_OURS.contains(folder)) {
        return None;
    }
    let (stem, extension) = name.rsplit_once('.')?;
    let language = language::detect(&file.path, &file.contents);
    let runtime = match extension {
        "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx" if !name.ends_with(".d.ts") => {
            is_javascript_test(stem, &folders, file).then_some(Runtime::JavaScript)
        }
        "py" => is_python_test(stem, &folders, file).then_some(Runtime::Python),
        "rs" => {
            let has = contains(&file.contents, "#[test]") || contains(&file.contents, "::test]");
            (has && files.iter().any(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml")))
                .then_some(Runtime::Rust)
        }
        "go" => stem.ends_with("_test").then_some(Runtime::Go),
        _ if !language.is_program() => None,
        _ => rules::is_test(file).then(|| Runtime::Other(language.name())),
    }?;
    Some(TestFile { path: file.path.clone(), runtime })
}

fn is_javascript_test(stem: &str, folders: &[&str], file: &SourceFile) -> bool {
    let by_name = stem == "test"
        || stem.starts_with("test-")
        || [".test", "-test", "_test", ".spec"].iter().any(|end| stem.ends_with(end));
    // A folder of tests holds what helps them, too: `test` is Node's pattern, the others are jest's and mocha's.
    let by_folder = folders.iter().any(|folder| matches!(*folder, "test" | "tests" | "__tests__" | "spec"));
    let runs_tests = || {
        [
            "node:test",
            "vitest",
            "@jest/globals",
            "describe(",
            "it(",
            "test(",
            "require('assert",
            "from 'assert",
            "node:assert",
        ]
        .iter()
        .any(|mark| contains(&file.contents, mark))
    };
    by_name || by_folder && !stem.starts_with('.') && runs_tests() && !exports(&file.contents)
}

/// A module for others is no test.
fn exports(contents: &[u8]) -> bool {
    ["\nexport ", "module.exports", "\nexports."].iter().any(|mark| contains(contents, mark))
        || contents.starts_with(b"export ")
}

fn is_python_test(stem: &str, folders: &[&str], file: &SourceFile) -> bool {
    let by_name = stem.starts_with("test") || stem.ends_with("_test") || stem.ends_with("_tests");
    let in_tests = folders.iter().any(|folder| matches!(*folder, "test" | "tests"));
    let has_tests = contains(&file.contents, "def test") || contains(&file.contents, "TestCase");
    (by_name || in_tests) && stem != "conftest" && has_tests
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<(String, Runtime)> {
        let files: Vec<SourceFile> = files.iter().map(|(path, text)| SourceFile::new(*path, *text)).collect();
        discover(&files).into_iter().map(|file| (file.path, file.runtime)).collect()
    }

    fn is(path: &str, text: &str) -> bool {
        !found(&[(path, text)]).is_empty()
    }

    #[test]
    fn by_the_patterns_of_the_runners() {
        for path in ["a.test.js", "src/b.spec.ts", "test-x.mjs", "x_test.cjs", "test.js", "src/__tests__/a.test.tsx"] {
            assert_eq!(found(&[(path, "")]), [(path.to_owned(), Runtime::JavaScript)], "{path}");
        }
        assert!(is("test/math.js", "import { test } from 'node:test';"));
        assert!(!is("test/support.js", "export const helper = (test) => test('x');"));
        assert!(!is("test/fixtures.js", "const x = 1;"));
        assert!(!is("node_modules/a/a.test.js", "test('x')") && !is("src/latest.js", "test('x')"));
        assert!(is("tests/test_a.py", "def test_a(): pass") && is("a_test.py", "class A(TestCase): pass"));
        assert!(!is("tests/support.py", "x = 1") && !is("tests/conftest.py", "def test_x(): pass"));
        assert!(is("pkg/a_test.go", "package pkg") && !is("pkg/a.go", "package pkg"));
        let rust = ("src/lib.rs", "#[test]\nfn a() {}");
        assert!(found(&[rust]).is_empty(), "without a manifest nothing runs it");
        assert_eq!(found(&[rust, ("Cargo.toml", "[package]")]), [("src/lib.rs".to_owned(), Runtime::Rust)]);
        assert!(matches!(found(&[("test/FooTest.java", "class FooTest {}")])[..], [(_, Runtime::Other("Java"))]));
        assert!(!is("README.test.md", "# x"));
    }
}

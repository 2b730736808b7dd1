//! Projects' tests in the sandbox and in processes of this machine. What is not installed here is told as not run, and the
//! tests of it say nothing.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::path::PathBuf;
use std::process::Command;

use millrace_agents::analysis::SourceFile;
use millrace_agents::report::{TestOutcome, TestResult};
use millrace_agents::testing::{TestProject, TestRunner as _};
use millrace_testing::ProjectTests;

fn child() -> Option<PathBuf> {
    Some(PathBuf::from(env!("CARGO_BIN_EXE_testing-child")))
}

async fn run_with(tests: ProjectTests, files: &[(&str, &str)]) -> Vec<TestResult> {
    let files = files.iter().map(|(path, text)| SourceFile::new(*path, *text)).collect();
    tests.run(TestProject { tenant: "p".into(), files }).await
}

async fn sandboxed(files: &[(&str, &str)]) -> Vec<TestResult> {
    run_with(ProjectTests::in_sandbox(1, child()).unwrap(), files).await
}

async fn run(files: &[(&str, &str)]) -> Vec<TestResult> {
    run_with(ProjectTests::in_sandbox(1, child()).unwrap().with_processes(child()).unwrap(), files).await
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|asked| asked.status.success())
}

fn told(results: &[TestResult]) -> Vec<(&str, TestOutcome)> {
    results.iter().map(|result| (result.name.as_str(), result.outcome)).collect()
}

use TestOutcome::{Failed, NotRun, Passed, Skipped};

const JAVASCRIPT: (&str, &str) = (
    "sum.test.mjs",
    "import assert from 'node:assert';\nimport { test } from 'node:test';\nimport { sum } from './sum.mjs';\ntest('adds', () => {\n  assert.equal(sum(1, 2), 3);\n});\n",
);

#[tokio::test]
async fn javascript_runs_in_the_sandbox_and_the_rest_is_not_run() {
    let right = ("sum.mjs", "export const sum = (a, b) => a + b;\n");
    let results = sandboxed(&[JAVASCRIPT, right, ("test_a.py", "def test_a():\n    pass\n")]).await;
    assert_eq!(told(&results), [("adds", Passed), ("test_a.py", NotRun)]);
    assert_eq!(results[0].runner, "sandbox");
    assert!(results[1].message.contains("--run-tests"), "{results:?}");
    let wrong = ("sum.mjs", "export const sum = (a, b) => a - b;\n");
    let results = sandboxed(&[JAVASCRIPT, wrong]).await;
    assert_eq!((told(&results), results[0].line), (vec![("adds", Failed)], 5), "{results:?}");
    assert!(results[0].message.contains("actual: -1\nexpected: 3"), "{results:?}");
    let loops = ("sum.mjs", "export const sum = () => { throw null; };\n");
    assert_eq!(told(&sandboxed(&[JAVASCRIPT, loops]).await), [("adds", Failed)]);
}

#[tokio::test]
async fn every_template_passes_or_is_not_run_in_the_sandbox() {
    use millrace_templates::catalogue;
    for template in catalogue().list() {
        let template = catalogue().get(&template.id).unwrap();
        let parameters = template.validate(&serde_json::json!({ "name": "orders" })).unwrap();
        let tasks = template.plan(&parameters).unwrap().tasks;
        let files: Vec<SourceFile> = tasks
            .iter()
            .flat_map(|task| template.render_task(&parameters, &task.id).unwrap())
            .map(|file| SourceFile::new(file.path, file.contents.into_bytes()))
            .collect();
        let runner = ProjectTests::in_sandbox(1, child()).unwrap();
        let results = runner.run(TestProject { tenant: "p".into(), files }).await;
        let failed: Vec<_> = results.iter().filter(|result| result.outcome == Failed).collect();
        assert!(failed.is_empty(), "{failed:#?}");
        assert!(!results.is_empty());
        println!("{:?}", results.iter().filter(|result| result.outcome == Passed).count());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn python_tests_run_in_a_confined_process() {
    if !is_installed("python3") {
        return;
    }
    let test = "import os, socket, unittest
from pkg.sum import add


class SumTest(unittest.TestCase):
    def test_adds(self):
        self.assertEqual(add(1, 2), 3)

    def test_wrong(self):
        self.assertEqual(add(1, 1), 3)

    def test_raises(self):
        add(1, None)

    @unittest.skip('later')
    def test_skipped(self):
        pass

    def test_environment(self):
        self.assertNotIn('SECRET_OF_THE_SERVER', os.environ)
        self.assertNotIn('CARGO_HOME', os.environ)

    def test_files(self):
        with open(os.path.join(os.environ['TMPDIR'], 'x'), 'w') as file:
            file.write('x')
        self.assertFalse(os.access('/root/.ssh', os.W_OK))

    def test_sub(self):
        for number in (1, 2):
            with self.subTest(number=number):
                self.assertEqual(number, 1)


def test_plain():
    assert add(2, 2) == 4
";
    let files = [("tests/test_sum.py", test), ("pkg/sum.py", "def add(a, b):\n    return a + b\n")];
    let results = run(&files).await;
    let mut names = told(&results);
    names.sort_unstable_by_key(|(name, _)| *name);
    let expected = [
        ("SumTest.test_adds", Passed),
        ("SumTest.test_environment", Passed),
        ("SumTest.test_files", Passed),
        ("SumTest.test_raises", Failed),
        ("SumTest.test_skipped", Skipped),
        ("SumTest.test_sub (number=2)", Failed),
        ("SumTest.test_wrong", Failed),
        ("test_plain", Passed),
    ];
    // With pytest installed the same tests have other names.
    if names.iter().any(|(name, _)| name.contains("test_wrong"))
        && names.len() == expected.len()
        && names[0].0 == expected[0].0
    {
        assert_eq!(names, expected, "{results:#?}");
    }
    let wrong = results.iter().find(|result| result.name.ends_with("test_wrong")).unwrap();
    assert_eq!((wrong.path.as_str(), wrong.line, wrong.message.as_str()), ("tests/test_sum.py", 10, "2 != 3"));
    let raises = results.iter().find(|result| result.name.ends_with("test_raises")).unwrap();
    assert_eq!(raises.places, ["pkg/sum.py:2", "tests/test_sum.py:13"], "{raises:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn python_that_never_ends_dies_or_wants_too_much() {
    if !is_installed("python3") {
        return;
    }
    let of = async |body: &str| {
        let text = format!("import unittest\n\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        {body}\n");
        let mut results = run(&[("test_a.py", &text)]).await;
        assert_eq!(results.len(), 1, "{results:?}");
        results.remove(0)
    };
    let dies = of("import os; os._exit(0)").await;
    assert!(dies.outcome == Failed && dies.message.contains("ended with"), "{dies:?}");
    let memory = of("x = bytearray(6 << 30)").await;
    assert!(memory.outcome == Failed && memory.message.contains("MemoryError"), "{memory:?}");
    let network = of("import socket; socket.create_connection(('192.0.2.1', 80), timeout=3)").await;
    assert_eq!(network.outcome, NotRun, "{network:?}");
    let secret = of("open('/root/.profile').read()").await;
    assert!(matches!(secret.outcome, NotRun | Failed), "{secret:?}");
    let package =
        run(&[("test_a.py", "import unittest\nimport nothing_of_this_name\n"), ("requirements.txt", "x==1\n")]).await;
    assert!(package.is_empty() || package[0].outcome == NotRun, "{package:?}");
    let text = "import unittest\nimport nothing_of_this_name\n\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        pass\n";
    assert_eq!(run(&[("test_a.py", text), ("requirements.txt", "x==1\n")]).await[0].outcome, NotRun);
    assert_eq!(run(&[("test_a.py", text)]).await[0].outcome, Failed, "nothing declares it");
}

#[cfg(unix)]
#[tokio::test]
async fn node_runs_what_the_sandbox_cannot() {
    if !is_installed("node") {
        return;
    }
    let text = "import assert from 'node:assert';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
test('hashes', () => { assert.equal(createHash('sha256').update('').digest('hex').length, 64); });
describe('group', () => {
  test('wrong', () => {
    assert.equal(1, 2);
  });
  test('left out', { skip: 'later' }, () => {});
});
";
    let results = run(&[("a.test.mjs", text)]).await;
    assert_eq!(told(&results), [("hashes", Passed), ("wrong", Failed), ("left out", Skipped)], "{results:#?}");
    assert_eq!((results[1].line, results[1].runner.as_str()), (7, "node --test"), "{results:#?}");
    let package = run(&[("a.test.mjs", "import x from 'some-package';\nimport 'node:test';\n")]).await;
    assert_eq!(told(&package)[0].1, NotRun, "{package:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn cargo_tests_run_without_a_network() {
    if !is_installed("cargo") {
        return;
    }
    let manifest = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    let code = "pub fn add(a: u32, b: u32) -> u32 { a + b }\n\n#[test]\nfn adds() { assert_eq!(add(1, 2), 3); }\n\n#[test]\nfn wrong() { assert_eq!(add(1, 2), 4); }\n";
    let results = run(&[("Cargo.toml", manifest), ("src/lib.rs", code)]).await;
    let mut names = told(&results);
    names.sort_unstable();
    assert_eq!(names, [("adds", Passed), ("wrong", Failed)], "{results:#?}");
    let needs = format!("{manifest}\n[dependencies]\nserde = \"1\"\n");
    let results = run(&[("Cargo.toml", &needs), ("src/lib.rs", code)]).await;
    assert_eq!(told(&results), [("src/lib.rs", NotRun)], "{results:#?}");
}

//! Runs a project's JavaScript tests: one test file, with the modules of the project that it imports, in a sandbox that
//! exists for it only.
//!
//! Tests find `node:test`, `node:assert`, `vitest` and `@jest/globals` (`js/`, our own), timers, and the project's modules.
//! A test that asks for what is absent (files, network, packages) is told as [`TestOutcome::NotRun`], never as passed and
//! never as failed. What the code prints is dropped.

mod frames;
mod modules;
mod realm;

use std::time::Duration;

pub(crate) use frames::{read_report, read_run, write_report, write_run};
pub(crate) use realm::run;

/// A text of the project that tests may import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFile {
    /// Its path below the project's root, with `/`.
    pub path: String,
    /// Its contents.
    pub text: String,
}

/// One test file and what it may import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRun {
    /// JavaScript, TypeScript and JSON files of the project, the test file among them.
    pub files: Vec<ProjectFile>,
    /// The test file's path.
    pub entry: String,
    /// Are `describe`, `test`, `expect` and their like globals? They are under jest and mocha, not under `node --test`.
    pub globals: bool,
}

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestOutcome {
    /// As it should.
    Passed,
    /// The message says why.
    Failed,
    /// Its author says so.
    Skipped,
    /// It asked for what the sandbox does not have; the message names it.
    NotRun,
    /// The file has no test and ended without an error.
    Empty,
}

/// One test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCase {
    /// The names of its suites and its own, joined by ` > `; the file's path where it is about the file.
    pub name: String,
    /// How it ended.
    pub outcome: TestOutcome,
    /// How long it took.
    pub duration: Duration,
    /// What went wrong, or why it did not run; may be empty.
    pub message: String,
    /// Places in the project's files, `path:line`, the innermost first.
    pub places: Vec<String>,
}

/// What a test file came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestReport {
    /// The tests, in the order in which they ended.
    pub cases: Vec<TestCase>,
    /// Why it ended before its time: a limit, or the engine broke. The test that ran then is among the cases.
    pub ended: Option<String>,
}

/// At most so many tests of a file are told.
const CASES: usize = 5_000;
/// Bytes of a test's name and of its message.
const NAME: usize = 500;
const MESSAGE: usize = 4_096;
/// Places of a failure.
const PLACES: usize = 20;

impl TestReport {
    /// A report on a file that ended before any of its tests could be told.
    pub(crate) fn lost(why: impl Into<String>) -> Self {
        Self { cases: Vec::new(), ended: Some(why.into()) }
    }
}

/// The beginning of a text, of at most so many bytes.
fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push('…');
    }
    text
}

//! Running a project's own tests: what there is to run, who runs it, and to whom a failure goes.
//!
//! Nothing is run here. A [`TestRunner`] does it, and the process says which; [`NoTests`] tells each file as not run.

mod blame;
mod discover;

use std::future::Future;

use crate::analysis::SourceFile;
use crate::report::TestResult;

pub(crate) use blame::owners;
pub use discover::{Runtime, TestFile, discover};

/// A project whose tests are to be run.
#[derive(Debug, Clone)]
pub struct TestProject {
    /// Whose it is: what one project runs is kept apart from the others.
    pub tenant: String,
    /// Every file.
    pub files: Vec<SourceFile>,
}

/// Runs tests.
pub trait TestRunner: Send + Sync {
    /// Runs what can be run, within limits of its own, and tells the rest as not run with the reason. Never fails: what
    /// goes wrong with a test is the test's result. Whatever [`discover`] finds is in the answer.
    fn run(&self, project: TestProject) -> impl Future<Output = Vec<TestResult>> + Send;
}

/// Runs nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTests;

impl TestRunner for NoTests {
    async fn run(&self, project: TestProject) -> Vec<TestResult> {
        not_run(&project.files, "nothing runs tests here")
    }
}

/// Every test file as not run, for one reason.
#[must_use]
pub fn not_run(files: &[SourceFile], why: &str) -> Vec<TestResult> {
    discover(files).into_iter().map(|file| TestResult::not_run(file.path, why)).collect()
}

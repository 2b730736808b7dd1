//! Runs the tests of projects, behind the agents' [`TestRunner`].
//!
//! JavaScript and TypeScript run in the sandbox of `millrace-sandbox`, everywhere. Where the user allowed it, the local
//! server runs tests of other languages, and what the sandbox cannot run, in processes ([`ProjectTests::with_processes`]).
//! What cannot be run is told as not run, with the reason: never as passed. `docs/agents.md` says what confines them.
//!
//! A program that uses this begins with [`serve_if_child`], because it is also the program of the processes.

mod javascript;
#[cfg(unix)]
mod processes;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millrace_agents::report::{TestOutcome, TestResult};
use millrace_agents::testing::{Runtime, TestFile, TestProject, TestRunner, discover};
use millrace_sandbox::{CHILD_ARGUMENT, Pool, ProcessOptions};

/// How long the tests of one project may take together, so that the QA agent's function has time for the rest.
const WHOLE: Duration = Duration::from_secs(300);
/// Test files of a project that are run; the rest is told as not run.
const FILES: usize = 300;

/// Makes this process a sandbox, or one that runs tests, where it was started as one. `main` begins with it and returns the
/// code, if there is one.
#[must_use]
pub fn serve_if_child() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next()?;
    #[cfg(unix)]
    if first == processes::ARGUMENT {
        return Some(processes::become_program(
            arguments.next().as_deref().and_then(|spec| spec.to_str()).unwrap_or_default(),
        ));
    }
    (first == CHILD_ARGUMENT).then(millrace_sandbox::serve_child)
}

/// Runs the tests of projects.
#[derive(Debug, Clone)]
pub struct ProjectTests {
    sandbox: Arc<Pool>,
    #[cfg(unix)]
    processes: Option<Arc<processes::Processes>>,
}

impl ProjectTests {
    /// JavaScript and TypeScript in at most so many sandboxes at once; everything else is not run. `program` is the
    /// sandboxes' program, this one where it is `None`.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn in_sandbox(count: usize, program: Option<PathBuf>) -> io::Result<Self> {
        let arguments = vec![OsString::from(CHILD_ARGUMENT)];
        let options = ProcessOptions { processes: count, program, arguments, ..ProcessOptions::default() };
        Ok(Self {
            sandbox: Arc::new(Pool::processes(options)?),
            #[cfg(unix)]
            processes: None,
        })
    }

    /// Runs tests of other languages, and JavaScript that the sandbox can't run, in processes of this machine, too: only
    /// where whoever owns the machine allowed it. `program` is as for [`Self::in_sandbox`]. Where the system is no Unix,
    /// it changes nothing.
    ///
    /// # Errors
    /// Where this program's own path can't be found.
    #[cfg_attr(not(unix), expect(unused_mut, unused_variables, reason = "only on Unix"))]
    pub fn with_processes(mut self, program: Option<PathBuf>) -> io::Result<Self> {
        #[cfg(unix)]
        {
            self.processes = Some(Arc::new(processes::Processes::new(program)?));
        }
        Ok(self)
    }

    fn run_all(&self, project: &TestProject) -> Vec<TestResult> {
        let end = Instant::now() + WHOLE;
        let mut tests = discover(&project.files);
        let rest = tests.split_off(tests.len().min(FILES));
        let of = |runtime: Runtime| -> Vec<&TestFile> { tests.iter().filter(|test| test.runtime == runtime).collect() };
        let mut results = Vec::new();
        for test in of(Runtime::JavaScript) {
            let sandboxed = javascript::run(&self.sandbox, project, &[test], end);
            results.extend(self.or_in_process(project, test, sandboxed, end));
        }
        let others: Vec<&TestFile> = tests.iter().filter(|test| test.runtime != Runtime::JavaScript).collect();
        let (known, unknown): (Vec<&TestFile>, Vec<&TestFile>) =
            others.into_iter().partition(|test| !matches!(test.runtime, Runtime::Other(_)));
        results.extend(self.in_processes(project, &known, end));
        for test in unknown {
            if let Runtime::Other(language) = test.runtime {
                results.push(TestResult::not_run(&test.path, format!("Millrace runs no tests in {language}")));
            }
        }
        let too_many = |test: TestFile| TestResult::not_run(test.path, format!("only {FILES} test files are run"));
        results.extend(rest.into_iter().map(too_many));
        results
    }
}

impl ProjectTests {
    /// The sandbox's results; where it could not run something, those of a process instead, if that is allowed.
    fn or_in_process(
        &self,
        project: &TestProject,
        test: &TestFile,
        sandboxed: Vec<TestResult>,
        end: Instant,
    ) -> Vec<TestResult> {
        if sandboxed.iter().all(|result| result.outcome != TestOutcome::NotRun) {
            return sandboxed;
        }
        #[cfg(unix)]
        if let Some(results) =
            self.processes.as_ref().and_then(|all| all.run_javascript(&project.files, &test.path, end))
        {
            return results;
        }
        let _ = (project, test, end);
        sandboxed
    }

    fn in_processes(&self, project: &TestProject, tests: &[&TestFile], end: Instant) -> Vec<TestResult> {
        #[cfg(unix)]
        if let Some(processes) = &self.processes {
            return processes.run(&project.files, tests, end);
        }
        let _ = (project, end);
        let why = "it runs on a local server on Unix that was started with --run-tests only";
        tests.iter().map(|test| TestResult::not_run(&test.path, why)).collect()
    }
}

impl TestRunner for ProjectTests {
    async fn run(&self, project: TestProject) -> Vec<TestResult> {
        let this = self.clone();
        let files = project.files.clone();
        let done = tokio::task::spawn_blocking(move || this.run_all(&project)).await;
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "running tests failed");
            millrace_agents::testing::not_run(&files, "the program that runs tests failed")
        })
    }
}

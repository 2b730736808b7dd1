//! Where invocations run: threads of this process, or child processes, one project each.

#[cfg(target_os = "linux")]
mod confine;
mod processes;
mod threads;
mod watchdog;

use std::io;
use std::thread;

use processes::Processes;
pub use processes::{CHILD_ARGUMENT, ProcessOptions, serve_child};
use threads::Threads;

use crate::compile::{CompileError, Compiled, Language, compile};
use crate::invocation::{FunctionError, Invocation, Limits, Request, error_names};
use crate::realm::THREAD_STACK;
use crate::testing::{self, TestReport, TestRun};

/// Runs invocations, as many at a time as it has threads or processes; more wait their turn. Waiting doesn't count against
/// the time limit.
#[derive(Debug)]
pub struct Pool(Kind);

#[derive(Debug)]
enum Kind {
    Threads(Threads),
    Processes(Processes),
}

impl Pool {
    /// In `count` threads of this process (at least one). Projects share the process: where the engine has a bug that can be
    /// exploited, nothing stands between them, and where it crashes, everything does. For tenants that the platform
    /// separates.
    ///
    /// # Errors
    ///
    /// Where a thread cannot be started.
    pub fn threads(count: usize) -> io::Result<Self> {
        Ok(Self(Kind::Threads(Threads::start(count.max(1))?)))
    }

    /// In child processes, each of which serves one project, has an empty environment, and is ended when it is past an
    /// invocation's deadline or has been idle. The program of the child must call [`serve_child`] when its first argument is
    /// [`CHILD_ARGUMENT`].
    ///
    /// # Errors
    ///
    /// Where a thread cannot be started. Children are started when they are needed.
    pub fn processes(options: ProcessOptions) -> io::Result<Self> {
        Ok(Self(Kind::Processes(Processes::start(options)?)))
    }

    /// Runs one invocation and waits for it: call it where blocking is allowed. Never fails other than by
    /// [`Invocation::result`].
    pub fn invoke(&self, compiled: &Compiled, request: &Request<'_>, limits: &Limits) -> Invocation {
        self.invoke_for(request.context.project_id, compiled, request, limits)
    }

    /// As [`Pool::invoke`], where a project's id alone doesn't say whose it is: a process serves one `tenant`.
    pub fn invoke_for(&self, tenant: &str, compiled: &Compiled, request: &Request<'_>, limits: &Limits) -> Invocation {
        match &self.0 {
            Kind::Threads(threads) => threads.invoke(compiled, request, limits),
            Kind::Processes(processes) => processes.invoke(tenant, compiled, request, limits),
        }
    }

    /// Runs one test file of a project, with the limits of time, memory and stack, and waits for it.
    pub fn run_tests(&self, tenant: &str, run: TestRun, limits: &Limits) -> TestReport {
        match &self.0 {
            Kind::Threads(_) => {
                let limits = *limits;
                let thread = thread::Builder::new().name("tests".into()).stack_size(THREAD_STACK);
                let thread = thread.spawn(move || testing::run(run, &limits));
                let lost = || TestReport::lost("the sandbox ended");
                thread.map_or_else(|_| lost(), |thread| thread.join().unwrap_or_else(|_| lost()))
            }
            Kind::Processes(processes) => processes.run_tests(tenant, &run, limits),
        }
    }

    /// As [`compile`], but where the pool has processes, in one that is for compilation only, so that a source that breaks
    /// the compiler breaks nothing else.
    ///
    /// # Errors
    ///
    /// As [`compile`]'s.
    pub fn compile(&self, file_name: &str, source: &str, language: Language) -> Result<Compiled, CompileError> {
        match &self.0 {
            Kind::Threads(_) => compile(file_name, source, language),
            Kind::Processes(processes) => processes.compile(file_name, source, language),
        }
    }
}

/// What there is to say when there is no invocation.
fn crashed(message: impl Into<String>) -> Invocation {
    let result = Err(FunctionError::new(error_names::CRASH, message));
    Invocation { result, duration: std::time::Duration::ZERO, logs: Vec::new() }
}

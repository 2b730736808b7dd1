//! The runtime of functions: sandboxes of `millrace-sandbox` behind the port of `millrace-app`.
//!
//! It owns what lies between the two: threads that may block, how many invocations run at once, limits that functions do not
//! set themselves. Each project has processes of its own ([`SandboxRuntime::processes`]); the program must begin with
//! [`serve_if_child`], because it is also the program of those processes.

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use millrace_app::Timestamp;
use millrace_app::functions::{
    CompileError, FunctionError, FunctionRuntime, Language, LogLine, RuntimeCall, RuntimeOutcome,
};
use millrace_app::ports::{StoreError, StoreResult};
use millrace_sandbox::{CHILD_ARGUMENT, Compiled, Context, Limits, Pool, ProcessOptions, Request};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Functions in sandboxes. A clone shares the pool; the processes end with the last one.
#[derive(Debug, Clone)]
pub struct SandboxRuntime {
    pool: Arc<Pool>,
    /// One for each process: who waits for one must not hold a thread meanwhile.
    places: Arc<Semaphore>,
}

/// Makes this process a sandbox where it was started as one. `main` begins with it and returns the code, if there is one.
#[must_use]
pub fn serve_if_child() -> Option<ExitCode> {
    let is_child = std::env::args_os().nth(1).is_some_and(|argument| argument == CHILD_ARGUMENT);
    is_child.then(millrace_sandbox::serve_child)
}

impl SandboxRuntime {
    /// At most so many processes at a time, each of which serves one project. They are started when they are needed and
    /// ended when nobody has needed them for a minute. `program` is this program where it is `None`.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn processes(count: usize, program: Option<PathBuf>) -> io::Result<Self> {
        let arguments = vec![OsString::from(CHILD_ARGUMENT)];
        let pool =
            Pool::processes(ProcessOptions { processes: count, program, arguments, ..ProcessOptions::default() })?;
        Ok(Self { pool: Arc::new(pool), places: Arc::new(Semaphore::new(count.max(1))) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Pool) -> T + Send + 'static,
    ) -> StoreResult<T> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|closed| StoreError::unavailable(operation, closed))?;
        let pool = Arc::clone(&self.pool);
        let done = spawn_blocking(move || {
            let answer = work(&pool);
            drop(place);
            answer
        });
        done.await.map_err(|panicked| StoreError::unavailable(operation, panicked))
    }
}

const fn language_of(language: Language) -> millrace_sandbox::Language {
    match language {
        Language::JavaScript => millrace_sandbox::Language::JavaScript,
        Language::TypeScript => millrace_sandbox::Language::TypeScript,
    }
}

fn run(pool: &Pool, call: &RuntimeCall<Compiled>) -> RuntimeOutcome {
    let request = Request {
        event: &call.event,
        context: Context {
            function_name: &call.function_name,
            project_id: &call.project_id,
            invocation_id: call.invocation_id.as_str(),
            timestamp: call.timestamp.millis(),
        },
        environment: &call.environment,
    };
    let limits = Limits { time: call.time, memory_bytes: call.memory_bytes, ..Limits::default() };
    let invocation = pool.invoke_for(&call.tenant, &call.compiled, &request, &limits);
    let log = |line: millrace_sandbox::LogLine| LogLine {
        level: line.level.as_str().to_owned(),
        message: line.message,
        time: Timestamp::from_millis(line.time),
    };
    RuntimeOutcome {
        result: invocation.result.map_err(|error| FunctionError {
            name: error.name,
            message: error.message,
            stack: error.stack,
        }),
        duration: invocation.duration,
        logs: invocation.logs.into_iter().map(log).collect(),
    }
}

impl FunctionRuntime for SandboxRuntime {
    type Compiled = Compiled;

    fn compile(
        &self,
        file_path: &str,
        source: &str,
        language: Language,
    ) -> impl Future<Output = StoreResult<Result<Compiled, CompileError>>> + Send {
        let (file_path, source) = (file_path.to_owned(), source.to_owned());
        self.blocking("compile a function", move |pool| {
            let compiled = pool.compile(&file_path, &source, language_of(language));
            compiled.map_err(|error| CompileError(error.to_string()))
        })
    }

    fn run(&self, call: RuntimeCall<Compiled>) -> impl Future<Output = StoreResult<RuntimeOutcome>> + Send {
        self.blocking("run a function", move |pool| run(pool, &call))
    }
}

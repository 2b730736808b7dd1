//! Runs users' JavaScript: one module, one call of its `handler`, in a sandbox that exists for that call only.
//!
//! [`compile`] turns a source into [`Compiled`] bytecode. A [`Pool`] runs it: [`Pool::threads`] in threads of this process,
//! [`Pool::processes`] in child processes, so that projects share neither a heap nor a fate. Every invocation has an engine
//! of its own, made before the request came and freed after the answer left; nothing of it is used again.
//!
//! [`Pool::run_tests`] runs the tests of a project's JavaScript instead of a handler (`testing/`).
//!
//! What this crate refuses to give to the code it runs: timers, files, network, environment, modules, other code
//! (`docs/sandbox.md` has the list). What it doesn't do: storing functions, routes, retries.
//!
//! Start reading at `realm.rs`, the life of one sandbox.

mod compile;
mod frame;
mod invocation;
mod logs;
mod outcome;
mod pool;
mod realm;
mod testing;
mod typescript;

pub use compile::{CompileError, CompileErrorKind, Compiled, Language, compile};
pub use invocation::{Context, FunctionError, Invocation, Level, Limits, LogLine, Request, error_names};
pub use pool::{CHILD_ARGUMENT, Pool, ProcessOptions, serve_child};
pub use realm::sandbox_bytes;
pub use testing::{ProjectFile, TestCase, TestOutcome, TestReport, TestRun};

//! What goes into an invocation and what comes out.

use std::time::Duration;

/// What one invocation may use. Going over is an error of its own name (see [`error_names`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of the engine's heap, its own objects (about 200 KiB) included.
    pub memory_bytes: usize,
    /// Of the stack that the engine uses. At most 4 MiB count.
    pub stack_bytes: usize,
    /// Of wall clock, from the first instruction of the module to the end of the result's serialisation.
    pub time: Duration,
    /// Of the result as JSON text.
    pub output_bytes: usize,
    /// Of all log lines together; the rest is cut, and a last line says so.
    pub log_bytes: usize,
    /// The number of log lines; the rest is cut, and a last line says so.
    pub log_lines: usize,
}

impl Default for Limits {
    /// 64 MiB of memory, 1 MiB of stack, 30 s, 6 MiB of output (what AWS Lambda takes), 256 KiB and 1,000 lines of logs.
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            stack_bytes: 1 << 20,
            time: Duration::from_secs(30),
            output_bytes: 6 << 20,
            log_bytes: 256 << 10,
            log_lines: 1_000,
        }
    }
}

/// Who calls, as the handler's second argument has it.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// `context.functionName`.
    pub function_name: &'a str,
    /// `context.projectId`.
    pub project_id: &'a str,
    /// `context.invocationId`; `Math.random` is seeded from it.
    pub invocation_id: &'a str,
    /// Milliseconds since the Unix epoch at which the invocation begins; `context.timestamp` is that in ISO 8601. Log lines'
    /// times count from it.
    pub timestamp: i64,
}

/// One call of a handler.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// JSON text: the handler's first argument.
    pub event: &'a str,
    /// The handler's second argument.
    pub context: Context<'a>,
    /// Names and values that the function may see as `context.env`, and nothing else of the environment.
    pub environment: &'a [(String, String)],
}

/// What an invocation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The handler's result as JSON text, or what went wrong.
    pub result: Result<String, FunctionError>,
    /// From the first instruction to the last, without the making of the sandbox.
    pub duration: Duration,
    /// What the code wrote to `console`, in order.
    pub logs: Vec<LogLine>,
}

/// An error of the function: thrown by its code, or one of [`error_names`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// The error's `name`, or one of [`error_names`].
    pub name: String,
    /// One line or more for its author.
    pub message: String,
    /// Function names with file, line and column of the source, the innermost first; empty where there is none.
    pub stack: String,
}

impl FunctionError {
    /// An error of this crate, without a stack.
    pub(crate) fn new(name: &str, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into(), stack: String::new() }
    }
}

/// A line that the code wrote to `console`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The method of `console`.
    pub level: Level,
    /// As Node would print it.
    pub message: String,
    /// Milliseconds since the Unix epoch.
    pub time: i64,
}

/// The method of `console` that wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `console.debug` and `console.trace`.
    Debug,
    /// `console.log`, `dir`, `table`, `group`, `count` and the `time` family.
    Log,
    /// `console.info`.
    Info,
    /// `console.warn`.
    Warn,
    /// `console.error` and `console.assert`.
    Error,
}

impl Level {
    /// `debug`, `log`, `info`, `warn` or `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Log => "log",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The level of that number, `Log` if there is none.
    pub(crate) fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Debug,
            2 => Self::Info,
            3 => Self::Warn,
            4 => Self::Error,
            _ => Self::Log,
        }
    }
}

/// The `name`s of errors that don't come from the code itself.
pub mod error_names {
    /// The heap grew over `memory_bytes`.
    pub const MEMORY: &str = "MemoryLimitExceeded";
    /// Calls nested deeper than `stack_bytes` allow.
    pub const STACK: &str = "StackOverflow";
    /// The deadline passed.
    pub const TIME: &str = "TimeLimitExceeded";
    /// The result is longer than `output_bytes`.
    pub const OUTPUT: &str = "OutputTooLarge";
    /// The event is not JSON.
    pub const EVENT: &str = "InvalidEvent";
    /// The module has no export `handler`, or it is no function.
    pub const HANDLER: &str = "HandlerNotFound";
    /// The handler's promise, or a top-level `await`, waits for something that nothing will ever settle.
    pub const UNSETTLED: &str = "PromiseNeverSettled";
    /// The result has no JSON form: a `BigInt`, a cycle, a `toJSON` that throws.
    pub const RESULT: &str = "ResultNotSerializable";
    /// The process in which the code ran ended: it is past its deadline and heard nothing, or the engine broke.
    pub const CRASH: &str = "SandboxCrashed";
}

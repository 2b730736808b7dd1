//! Functions, their code, and what invocations came to.

use millrace_app::functions::{Code, Described, FunctionError, Invoked, LastError, LogLine, Outcome, Registered};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A function.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Function)]
pub(crate) struct FunctionView {
    /// Its id.
    #[schema(example = "fnc_01k8zq3v5x9m2n4p6r8t0w1y3z")]
    id: String,
    /// Its name in its project.
    function_name: String,
    /// The project.
    project_id: String,
    /// The file that its code comes from.
    file_path: String,
    /// `javascript` or `typescript`.
    runtime: &'static str,
    /// May it be invoked?
    is_active: bool,
    /// How often it was invoked. A moment old.
    invocation_count: u64,
    /// How often it failed.
    failed_count: u64,
    /// When it was invoked last.
    #[schema(format = DateTime, required = true)]
    last_invoked_at: Option<String>,
    /// How it failed last.
    #[schema(required = true)]
    last_error: Option<LastErrorView>,
    /// What it is for.
    description: String,
    /// How long an invocation may take, in milliseconds.
    timeout_ms: u32,
    /// How much memory an invocation may use, in MiB.
    memory_mb: u32,
    /// The names of the environment values that it may see.
    environment: Vec<String>,
    /// Counts the states of its code, from 1.
    version: u64,
    /// SHA-256 of its source.
    code_sha256: String,
    /// The size of its source in bytes.
    code_size: u64,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// How a function failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FunctionLastError)]
struct LastErrorView {
    /// The error's name.
    name: String,
    /// Its message.
    message: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

impl From<LastError> for LastErrorView {
    fn from(error: LastError) -> Self {
        Self { name: error.name, message: error.message, at: error.at.to_string() }
    }
}

impl From<Described> for FunctionView {
    fn from(described: Described) -> Self {
        let (function, counters) = (described.function.value, described.counters);
        Self {
            id: function.id.into(),
            function_name: function.name,
            project_id: function.project,
            file_path: function.current.file_path,
            runtime: function.current.runtime.name(),
            is_active: function.is_active,
            invocation_count: counters.invocations,
            failed_count: counters.failed,
            last_invoked_at: counters.last_invoked_at.map(|at| at.to_string()),
            last_error: counters.last_error.map(Into::into),
            description: function.description,
            timeout_ms: function.time_ms,
            memory_mb: function.memory_mb,
            environment: function.environment,
            version: function.current.number,
            code_sha256: function.current.sha256,
            code_size: function.current.size,
            created_at: function.created_at.to_string(),
            updated_at: function.updated_at.to_string(),
        }
    }
}

/// What registering functions came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisteredFunctions)]
pub(crate) struct RegisteredView {
    /// In the order of the request.
    functions: Vec<RegisteredOneView>,
}

/// What registering a function came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisteredFunction)]
struct RegisteredOneView {
    /// Its id.
    id: String,
    /// Its name.
    function_name: String,
    /// The version of its code.
    version: u64,
    /// SHA-256 of its source.
    code_sha256: String,
    /// `created`, `updated` or `unchanged`.
    outcome: &'static str,
}

impl From<Vec<Registered>> for RegisteredView {
    fn from(all: Vec<Registered>) -> Self {
        let one = |Registered { function, outcome }| RegisteredOneView {
            outcome: match outcome {
                Outcome::Created => "created",
                Outcome::Updated => "updated",
                Outcome::Unchanged => "unchanged",
            },
            id: String::from(function.value.id),
            function_name: function.value.name,
            version: function.value.current.number,
            code_sha256: function.value.current.sha256,
        };
        Self { functions: all.into_iter().map(one).collect() }
    }
}

/// The source of a function.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FunctionCode)]
pub(crate) struct CodeView {
    /// The function's name.
    function_name: String,
    /// The version.
    version: u64,
    /// The file that it comes from.
    file_path: String,
    /// `javascript` or `typescript`.
    runtime: &'static str,
    /// SHA-256 of the source.
    code_sha256: String,
    /// When the version was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// The source.
    code: String,
}

impl From<Code> for CodeView {
    fn from(code: Code) -> Self {
        Self {
            function_name: code.name,
            version: code.version.number,
            file_path: code.version.file_path,
            runtime: code.version.runtime.name(),
            code_sha256: code.version.sha256,
            created_at: code.version.created_at.to_string(),
            code: code.code,
        }
    }
}

/// What an invocation came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invocation)]
pub(crate) struct InvocationView {
    /// Did the function end without an error?
    success: bool,
    /// What it returned; not there where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>, required = false)]
    result: Option<Box<RawValue>>,
    /// How it failed; not there where it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    error: Option<InvocationErrorView>,
    /// How long it took, in milliseconds.
    #[schema(minimum = 0)]
    duration: f64,
    /// What it wrote to its console.
    logs: Vec<LogLineView>,
    /// Names the invocation: `context.invocationId`.
    invocation_id: String,
}

/// How an invocation failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InvocationError)]
struct InvocationErrorView {
    /// The error's name, or the name of the limit that was reached.
    name: String,
    /// Its message.
    message: String,
    /// Where it was thrown.
    stack: String,
}

/// A line of the console.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InvocationLog)]
struct LogLineView {
    /// `debug`, `log`, `info`, `warn` or `error`.
    level: String,
    /// The text.
    message: String,
    /// When it was written.
    #[schema(format = DateTime)]
    time: String,
}

impl InvocationView {
    /// The view, unless what the runtime answered is no JSON.
    pub(crate) fn of(invoked: Invoked) -> Result<Self, serde_json::Error> {
        let (result, error) = match invoked.result {
            Ok(json) => (Some(RawValue::from_string(json)?), None),
            Err(FunctionError { name, message, stack }) => (None, Some(InvocationErrorView { name, message, stack })),
        };
        let log = |LogLine { level, message, time }| LogLineView { level, message, time: time.to_string() };
        Ok(Self {
            success: error.is_none(),
            result,
            error,
            duration: invoked.duration.as_secs_f64() * 1e3,
            logs: invoked.logs.into_iter().map(log).collect(),
            invocation_id: invoked.id.into(),
        })
    }
}

/// How the functions service is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FunctionsHealth)]
pub(crate) struct FunctionsHealthView {
    /// `ok`: it answers.
    pub(crate) status: &'static str,
    /// For how long this process has been there, in seconds.
    pub(crate) uptime: f64,
    /// All invocations of all functions. A moment old.
    pub(crate) total_invocations: u64,
    /// Those that ended without an error.
    pub(crate) successful_invocations: u64,
    /// Those that failed.
    pub(crate) failed_invocations: u64,
}

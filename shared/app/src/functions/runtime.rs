//! The port behind which code runs.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::InvocationId;
use crate::ports::StoreResult;

/// The language of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// An ES module.
    JavaScript,
    /// The same with types, which are removed.
    TypeScript,
}

impl Language {
    /// As `runtime` spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
        }
    }

    /// Reads `runtime`.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        [Self::JavaScript, Self::TypeScript].into_iter().find(|language| language.name() == text)
    }

    /// The language of a file by its extension.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        match path.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "js" | "mjs" => Some(Self::JavaScript),
            "ts" | "mts" => Some(Self::TypeScript),
            _ => None,
        }
    }
}

/// A source that can't be run, in words for its author, with the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CompileError(pub String);

/// What code is run with.
#[derive(Debug, Clone)]
pub struct RuntimeCall<C> {
    /// The code.
    pub compiled: C,
    /// Whoever shares this shares a process; nobody else does.
    pub tenant: Arc<str>,
    /// The handler's first argument, as JSON.
    pub event: String,
    /// `context.functionName`
    pub function_name: String,
    /// `context.projectId`
    pub project_id: String,
    /// `context.invocationId`
    pub invocation_id: InvocationId,
    /// `context.timestamp`
    pub timestamp: Timestamp,
    /// The values that the code may see.
    pub environment: Arc<[(String, String)]>,
    /// How long it may take.
    pub time: Duration,
    /// How much memory it may use.
    pub memory_bytes: usize,
}

/// How a function failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// The error's name: what the code threw, or the name of the limit that it broke.
    pub name: String,
    /// Its message.
    pub message: String,
    /// Where it was thrown; empty where that is not known.
    pub stack: String,
}

/// A line that a function wrote to its console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// `log`, `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// The text.
    pub message: String,
    /// When it was written.
    pub time: Timestamp,
}

/// What running code came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The result as JSON, or the failure.
    pub result: Result<String, FunctionError>,
    /// How long it took.
    pub duration: Duration,
    /// What it wrote to its console.
    pub logs: Vec<LogLine>,
}

/// Runs code. Each call begins in a clean state, and nothing of it is left for the next.
pub trait FunctionRuntime: Clone + Send + Sync + 'static {
    /// Code that can be run. Cheap to clone.
    type Compiled: Clone + Send + Sync + 'static;

    /// Makes code of a source. Runs none of it. The answer is an error for its author where the inner one is.
    fn compile(
        &self,
        file_path: &str,
        source: &str,
        language: Language,
    ) -> impl Future<Output = StoreResult<Result<Self::Compiled, CompileError>>> + Send;

    /// Runs code. Whatever the code does is an outcome; an error says that it could not be run.
    fn run(&self, call: RuntimeCall<Self::Compiled>) -> impl Future<Output = StoreResult<Outcome>> + Send;
}

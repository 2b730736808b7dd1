//! A runtime of functions whose sources are scripts of this module: no JavaScript runs.
//!
//! A source is lines of commands: `log LEVEL TEXT`, `echo` (the result tells all that the call was given), `return JSON`,
//! `throw NAME MESSAGE`, `break` (the runtime can't run it), and `bad` (it does not compile).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use millrace_app::functions::{
    CompileError, FunctionError, FunctionRuntime, Language, LogLine, RuntimeCall, RuntimeOutcome,
};
use millrace_app::ports::{StoreError, StoreResult};
use serde_json::{Value, json};

/// Runs scripts, and counts.
#[derive(Debug, Clone, Default)]
pub struct ScriptedRuntime {
    compiled: Arc<AtomicUsize>,
    ran: Arc<Mutex<Vec<String>>>,
}

impl ScriptedRuntime {
    /// How often something was compiled.
    #[must_use]
    pub fn compiled(&self) -> usize {
        self.compiled.load(Ordering::SeqCst)
    }

    /// The ids of the invocations that ran, in order.
    #[must_use]
    pub fn ran(&self) -> Vec<String> {
        self.ran.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn failed(name: &str, message: &str) -> FunctionError {
    FunctionError { name: name.to_owned(), message: message.to_owned(), stack: "at handler".to_owned() }
}

fn echo(call: &RuntimeCall<Arc<str>>) -> Value {
    json!({
        "event": serde_json::from_str::<Value>(&call.event).unwrap_or_default(),
        "function": call.function_name,
        "project": call.project_id,
        "invocation": call.invocation_id.as_str(),
        "tenant": &*call.tenant,
        "environment": call.environment.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
        "time_ms": call.time.as_millis().to_string(),
        "memory": call.memory_bytes,
    })
}

impl FunctionRuntime for ScriptedRuntime {
    type Compiled = Arc<str>;

    async fn compile(&self, path: &str, source: &str, _: Language) -> StoreResult<Result<Arc<str>, CompileError>> {
        self.compiled.fetch_add(1, Ordering::SeqCst);
        Ok(match source.lines().position(|line| line == "bad") {
            Some(line) => Err(CompileError(format!("{path}:{}:1: bad", line + 1))),
            None => Ok(source.into()),
        })
    }

    async fn run(&self, call: RuntimeCall<Arc<str>>) -> StoreResult<RuntimeOutcome> {
        self.ran.lock().unwrap_or_else(PoisonError::into_inner).push(call.invocation_id.as_str().to_owned());
        let (mut result, mut logs) = (Ok("null".to_owned()), Vec::new());
        for line in call.compiled.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
            match word {
                "log" => {
                    logs.push(LogLine { level: first.to_owned(), message: second.to_owned(), time: call.timestamp });
                }
                "echo" => result = Ok(echo(&call).to_string()),
                "return" => result = Ok(rest.to_owned()),
                "throw" => result = Err(failed(first, second)),
                "break" => return Err(StoreError::unavailable("run a function", "as asked")),
                _ => {}
            }
        }
        Ok(RuntimeOutcome { result, duration: Duration::from_millis(2), logs })
    }
}

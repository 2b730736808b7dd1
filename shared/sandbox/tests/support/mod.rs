//! What the tests of this folder share.

#![allow(dead_code, reason = "each test uses its part")]

use std::sync::OnceLock;
use std::time::Duration;

use millrace_sandbox::{
    Compiled, Context, FunctionError, Invocation, Language, Limits, Pool, ProcessOptions, Request, compile,
};
use serde_json::Value;

pub fn threads() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| Pool::threads(2).unwrap())
}

pub fn processes() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| Pool::processes(child_options()).unwrap())
}

pub fn child_options() -> ProcessOptions {
    ProcessOptions { program: Some(env!("CARGO_BIN_EXE_sandbox-child").into()), ..ProcessOptions::default() }
}

pub fn limits() -> Limits {
    Limits { time: Duration::from_secs(10), ..Limits::default() }
}

pub fn javascript(source: &str) -> Compiled {
    compile("handler.js", source, Language::JavaScript).unwrap_or_else(|error| panic!("{error}"))
}

pub fn request<'a>(event: &'a str, project_id: &'a str) -> Request<'a> {
    let context = Context { function_name: "hello", project_id, invocation_id: "inv-1", timestamp: 1_700_000_000_123 };
    Request { event, context, environment: &[] }
}

pub fn run_with(source: &str, event: &str, limits: &Limits) -> Invocation {
    threads().invoke(&javascript(source), &request(event, "p"), limits)
}

/// Runs a module in a thread with generous limits.
pub fn run(source: &str) -> Invocation {
    run_with(source, "{}", &limits())
}

/// The result of a module that must succeed.
pub fn value(source: &str) -> Value {
    let invocation = run(source);
    let text = invocation.result.unwrap_or_else(|error| panic!("{error:?}\n{source}"));
    serde_json::from_str(&text).unwrap()
}

/// The result of an expression, made in the body of a handler.
pub fn expression(source: &str) -> Value {
    value(&format!("export async function handler(event, context) {{ return ({source}); }}"))
}

/// The error of a module that must fail.
pub fn error(source: &str) -> FunctionError {
    run(source).result.expect_err(source)
}

/// The messages of the log.
pub fn messages(invocation: &Invocation) -> Vec<&str> {
    invocation.logs.iter().map(|line| line.message.as_str()).collect()
}

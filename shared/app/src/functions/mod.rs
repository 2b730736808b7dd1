//! Functions: users' JavaScript handlers, as records with versions, and their invocation.
//!
//! It owns what a function is, who may call it, which code runs and what is counted. It runs no code itself: a
//! [`FunctionRuntime`] does. [`Functions`] joins the two and holds what a process keeps of them in memory: functions that
//! were just called, with their compiled code, and counts that are not stored yet. It knows no HTTP. Start reading at
//! `model.rs`, then `invoke.rs`.
//!
//! A function is named by its owner, a project and its own name. The project is one of the owner's, or any name that the
//! owner groups functions by.

mod checks;
mod counters;
mod create;
mod delete;
mod invoke;
mod model;
mod read;
mod runtime;
mod service;
mod store;
mod task;
mod update;

pub use checks::{MAX_CODE_BYTES, MAX_MEMORY_MB, MAX_REGISTERED, MAX_TIME_MS};
pub use counters::{Totals, stored_totals};
pub use create::{NewFunction, Outcome, Registered, create_function, register_functions};
pub use delete::delete_function;
pub(crate) use delete::{delete_of_project, purge_due};
pub use invoke::{Call, Invoked};
pub use model::{Counters, Function, FunctionName, FunctionVersion, LastError, account_owner};
pub use read::{Code, Described, find_project, get_code, get_function, list_functions};
pub use runtime::{
    CompileError, FunctionError, FunctionRuntime, Language, LogLine, Outcome as RuntimeOutcome, RuntimeCall,
};
pub use service::{Functions, Settings};
pub(crate) use store::owner_of_function;
pub use task::{FUNCTION_OUTPUT, FUNCTION_TASKS, function_of};
pub use update::{FunctionChanges, update_function};

//! Names for what ended an invocation.

use rquickjs_core::{Coerced, Ctx, Function, Object, Type, Value};

use crate::invocation::{FunctionError, Limits, error_names};

/// What the sandbox knows beside the exception.
pub(crate) struct Circumstances<'a> {
    pub(crate) limits: &'a Limits,
    /// The deadline passed, or the interrupt handler said stop.
    pub(crate) timed_out: bool,
}

pub(crate) fn timed_out(limits: &Limits) -> FunctionError {
    FunctionError::new(error_names::TIME, format!("the function ran longer than {:?}", limits.time))
}

fn out_of_memory(limits: &Limits) -> FunctionError {
    let message = format!("the function needs more than {} bytes of memory", limits.memory_bytes);
    FunctionError::new(error_names::MEMORY, message)
}

/// The error that a thrown value, or the rejection of a promise, stands for. `describe` is the prelude's function that
/// reads it: it may call code of the user, under the same limits.
pub(crate) fn of_thrown<'js>(
    ctx: &Ctx<'js>,
    describe: &Function<'js>,
    thrown: Value<'js>,
    around: &Circumstances<'_>,
) -> FunctionError {
    if around.timed_out {
        return timed_out(around.limits);
    }
    // In some places the engine without memory forgets to throw.
    if thrown.type_of() == Type::Uninitialized {
        return out_of_memory(around.limits);
    }
    // With no memory left for an error, the engine throws null, and what filled the heap is gone by now.
    if thrown.is_null() {
        let error = out_of_memory(around.limits);
        return FunctionError { message: format!("{} (or threw null)", error.message), ..error };
    }
    let of_engine = thrown.is_error();
    let described = describe.call::<_, Object<'_>>((thrown,));
    // It catches what the code's getters throw, so what fails is the engine's memory.
    let Ok(described) = described else {
        ctx.catch();
        return out_of_memory(around.limits);
    };
    let text = |key: &str| described.get::<_, Coerced<String>>(key).map(|text| text.0).unwrap_or_default();
    let mut error = FunctionError { name: text("name"), message: text("message"), stack: text("stack") };
    match (of_engine, error.name.as_str(), error.message.as_str()) {
        (true, "InternalError", message) if message.starts_with("out of memory") => {
            FunctionError { stack: error.stack, ..out_of_memory(around.limits) }
        }
        (true, "RangeError", "Maximum call stack size exceeded") => {
            let bytes = around.limits.stack_bytes;
            error.message = format!("calls are nested deeper than {bytes} bytes of stack allow");
            FunctionError { name: error_names::STACK.into(), ..error }
        }
        (true, "ReferenceError", message) => {
            if let Some(why) = absent(message) {
                error.message = format!("{message}: {why}");
            }
            error
        }
        _ => error,
    }
}

/// Why a well-known name is not defined.
fn absent(message: &str) -> Option<&'static str> {
    let name = message.strip_suffix(" is not defined")?.trim_matches('\'');
    Some(match name {
        "require" | "module" | "exports" | "__dirname" | "__filename" => {
            "functions are ES modules in one file; have your bundler write one (esbuild --format=esm)"
        }
        "setTimeout" | "setInterval" | "setImmediate" | "clearTimeout" | "clearInterval" => "there are no timers",
        "process" | "Deno" | "Bun" => "values of the environment are in context.env",
        "fetch" | "XMLHttpRequest" | "WebSocket" => "there is no network",
        "eval" => "code cannot be made from strings",
        _ => return None,
    })
}

//! Logs, metrics and traces of functions: lines on standard output, where Lambda collects them (`millrace-telemetry`).

pub use millrace_telemetry::chain;
pub use millrace_telemetry::traces::flush;

use crate::config::Function;

/// Starts logs, metrics and traces. `LOG_LEVEL` holds a filter (`info`, `warn,millrace_app=debug`); without one or with a wrong one it
/// is `info`. A second call does nothing.
pub fn init() {
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    millrace_telemetry::init_function(stack_of(&function), &function);
}

/// The stack that a function belongs to.
fn stack_of(function: &str) -> &str {
    let names = Function::ALL.iter().filter_map(|known| function.strip_suffix(known.name())?.strip_suffix('-'));
    names.min_by_key(|stack| stack.len()).unwrap_or(function)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_after_its_stack() {
        assert_eq!(stack_of("millrace-dev-pm-agent"), "millrace-dev");
        assert_eq!(stack_of("shop-model-worker"), "shop");
        assert_eq!(stack_of("something"), "something");
    }
}

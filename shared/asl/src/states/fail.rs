//! The Fail state.

use serde_json::Value;

use crate::definition::FailText;
use crate::query::Scope;
use crate::run::{Run, Step, in_state, runtime_failure};
use crate::snapshot::{Attempt, Failure, Outcome, Snapshot};

pub(crate) fn run(
    run: &mut Run<'_>,
    thread: &Snapshot,
    attempt: &Attempt,
    error: Option<&FailText>,
    cause: Option<&FailText>,
) -> Step {
    let failure = text(run, thread, attempt, error, "ErrorPath")
        .and_then(|error| Ok(Failure { error, cause: text(run, thread, attempt, cause, "CausePath")? }));
    Step::End(Outcome::Failed { failure: failure.unwrap_or_else(|failure| failure) })
}

fn text(
    run: &mut Run<'_>,
    thread: &Snapshot,
    attempt: &Attempt,
    text: Option<&FailText>,
    field: &str,
) -> Result<Option<String>, Failure> {
    match text {
        None => Ok(None),
        Some(FailText::Fixed(text)) => Ok(Some(text.clone())),
        Some(FailText::Computed(expression)) => {
            let context = run.context(thread, attempt);
            let scope = Scope { input: &attempt.input, context: &context, variables: &thread.variables };
            match expression.evaluate(field, &scope, &mut run.entropy).map_err(|failure| in_state(failure, attempt))? {
                Value::String(text) => Ok(Some(text)),
                _ => Err(runtime_failure(attempt, format!("The value of '{field}' must be a string."))),
            }
        }
    }
}

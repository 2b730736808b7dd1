//! The Pass state.

use serde_json::Value;

use crate::definition::{ResultPath, State};
use crate::query::PayloadTemplate;
use crate::run::{Run, Step};
use crate::snapshot::{Attempt, Failure, Outcome, Snapshot};

pub(crate) fn run(
    run: &mut Run<'_>,
    thread: &Snapshot,
    state: &State,
    attempt: &Attempt,
    result: Option<&Value>,
    parameters: Option<&PayloadTemplate>,
    result_path: &ResultPath,
) -> Step {
    output(run, thread, attempt, state, result, parameters)
        .and_then(|result| run.complete(thread, state, attempt, result, None, result_path))
        .unwrap_or_else(|failure| Step::End(Outcome::Failed { failure }))
}

/// `Result` wins over `Parameters`, which wins over the input.
fn output(
    run: &mut Run<'_>,
    thread: &Snapshot,
    attempt: &Attempt,
    state: &State,
    result: Option<&Value>,
    parameters: Option<&PayloadTemplate>,
) -> Result<Value, Failure> {
    let input = run.input(thread, state, attempt)?;
    match (result, parameters) {
        (Some(result), _) => Ok(result.clone()),
        (None, Some(template)) => run.evaluate(thread, attempt, template, &input),
        (None, None) => Ok(input),
    }
}

//! The Pass state.

use std::borrow::Cow;

use serde_json::Value;

use crate::definition::{ResultPath, State};
use crate::query::Template;
use crate::run::{Run, Step};
use crate::snapshot::{Attempt, Failure, Outcome, Snapshot};

pub(crate) fn run(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    state: &State,
    attempt: &Attempt,
    result: Option<&Value>,
    parameters: Option<&Template>,
    result_path: &ResultPath,
) -> Step {
    made(run, thread, attempt, state, result, parameters)
        .and_then(|made| run.complete(thread, state, attempt, made.into_owned(), None, result_path))
        .unwrap_or_else(|failure| Step::End(Outcome::Failed { failure }))
}

/// `Result` wins over `Parameters`, which wins over the input.
fn made<'v>(
    run: &mut Run<'_>,
    thread: &Snapshot,
    attempt: &'v Attempt,
    state: &State,
    result: Option<&'v Value>,
    parameters: Option<&Template>,
) -> Result<Cow<'v, Value>, Failure> {
    let input = run.input(thread, state, attempt)?;
    match result {
        Some(result) => Ok(Cow::Borrowed(result)),
        None => run.payload(thread, attempt, parameters, input),
    }
}

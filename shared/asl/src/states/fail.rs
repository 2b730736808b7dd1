//! The Fail state.

use serde_json::Value;

use crate::query::{Dynamic, Found, JsonType, QueryFailure};
use crate::run::{Run, Step};
use crate::snapshot::{Attempt, Failure, Outcome, Snapshot};

pub(crate) fn run(
    run: &mut Run<'_>,
    thread: &Snapshot,
    attempt: &Attempt,
    error: Option<&Dynamic<String>>,
    cause: Option<&Dynamic<String>>,
) -> Step {
    let failure = text(run, thread, attempt, error, "Error")
        .and_then(|error| Ok(Failure { error, cause: text(run, thread, attempt, cause, "Cause")? }));
    Step::End(Outcome::Failed { failure: failure.unwrap_or_else(|failure| failure) })
}

fn text(
    run: &mut Run<'_>,
    thread: &Snapshot,
    attempt: &Attempt,
    text: Option<&Dynamic<String>>,
    field: &str,
) -> Result<Option<String>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let context = run.context(thread, attempt);
    let scope = context.scope(&attempt.input, run.moment.now);
    let found = text.find(JsonType::String, field, &scope, &mut run.entropy);
    match found.map_err(|failure| run.query_failed(attempt, failure))? {
        Found::Fixed(text) | Found::Value(Value::String(text)) => Ok(Some(text)),
        Found::Value(_) => {
            let failure = QueryFailure::runtime(format!("The value of '{field}Path' must be a string."));
            Err(run.query_failed(attempt, failure))
        }
    }
}

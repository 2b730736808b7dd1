//! The Wait state.

use serde_json::Value;

use crate::Timestamp;
use crate::decide::Effect;
use crate::definition::{State, Wait};
use crate::query::{Path, PathError, Scope};
use crate::run::{Run, Step, in_state, next_step, runtime_failure};
use crate::snapshot::{Attempt, Failure, Outcome, Position, Snapshot};

/// The longest wait of the service, in seconds.
const LONGEST: i64 = i32::MAX as i64;

pub(crate) fn run(run: &mut Run<'_>, thread: &mut Snapshot, state: &State, wait: &Wait, attempt: Attempt) -> Step {
    let until = match until(run, thread, state, wait, &attempt) {
        Ok(until) => until,
        Err(failure) => return Step::End(Outcome::Failed { failure }),
    };
    if until <= run.moment.now {
        return run.pass_on(thread, &attempt);
    }
    let id = next_step(thread);
    run.effects.push(Effect::SetTimer { id, at: until });
    Step::Stand(Position::Wait { id, attempt, until })
}

fn until(
    run: &Run<'_>,
    thread: &Snapshot,
    state: &State,
    wait: &Wait,
    attempt: &Attempt,
) -> Result<Timestamp, Failure> {
    let read = |field: &str, path: &Path| {
        let input = run.input(thread, state, attempt)?;
        let context = run.context(thread, attempt);
        let scope = Scope { input: &input, context: &context, variables: &thread.variables };
        path.read(&scope).map_err(|problem| match problem {
            PathError::NotFound { .. } | PathError::IndexOutOfRange { .. } => {
                let cause = format!("The {field} parameter does not reference an input value: {}", path.text());
                runtime_failure(attempt, cause)
            }
            PathError::NotApplicable { .. }
            | PathError::UndefinedVariable { .. }
            | PathError::NotWritable { .. }
            | PathError::Limit(_) => in_state(problem, attempt),
        })
    };
    let until = match wait {
        Wait::Seconds(seconds) => run.moment.now.plus_seconds(*seconds),
        Wait::Timestamp(time) => *time,
        Wait::SecondsPath(path) => {
            let value = read("SecondsPath", path)?;
            let refuse = |problem: &str| {
                let shown = shown(&value);
                runtime_failure(attempt, format!("The SecondsPath parameter {problem}: {} == {shown}", path.text()))
            };
            let seconds = value.as_i64().ok_or_else(|| refuse("cannot be parsed as a long value"))?;
            if seconds < 0 {
                return Err(refuse("references a negative value"));
            }
            run.moment.now.plus_millis(seconds.saturating_mul(1000))
        }
        Wait::TimestampPath(path) => {
            let value = read("TimestampPath", path)?;
            value.as_str().and_then(Timestamp::parse).ok_or_else(|| {
                let what = "does not reference a valid ISO-8601 extended offset date-time format string";
                let shown = shown(&value);
                runtime_failure(attempt, format!("The TimestampPath parameter {what}: {} == {shown}", path.text()))
            })?
        }
    };
    if until > run.moment.now.plus_millis(LONGEST * 1000) {
        return Err(runtime_failure(attempt, "Wait state delay is too long."));
    }
    Ok(until)
}

/// A text without its quotes.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

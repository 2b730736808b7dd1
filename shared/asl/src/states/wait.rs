//! The Wait state.

use serde_json::Value;

use crate::Timestamp;
use crate::decide::Effect;
use crate::definition::{State, Wait};
use crate::query::{Dynamic, Entropy, Expression, Found, JsonType, PathError, QueryFailure, Scope};
use crate::run::{Run, Step, next_step};
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
    run: &mut Run<'_>,
    thread: &Snapshot,
    state: &State,
    wait: &Wait,
    attempt: &Attempt,
) -> Result<Timestamp, Failure> {
    let now = run.moment.now;
    let input = run.input(thread, state, attempt)?;
    let until = {
        let context = run.context(thread, attempt);
        let scope = context.scope(&input, now);
        match wait {
            Wait::Seconds(seconds) => match found(seconds, JsonType::Number, "Seconds", &scope, &mut run.entropy) {
                Ok(Found::Fixed(seconds)) => Ok(now.plus_seconds(seconds)),
                Ok(Found::Value(value)) => after(seconds, &value, now),
                Err(failure) => Err(failure),
            },
            Wait::Timestamp(time) => match found(time, JsonType::String, "Timestamp", &scope, &mut run.entropy) {
                Ok(Found::Fixed(time)) => Ok(time),
                Ok(Found::Value(value)) => at(time, &value),
                Err(failure) => Err(failure),
            },
        }
    };
    match until {
        Ok(until) if until > now.plus_millis(LONGEST * 1000) => {
            Err(run.query_failed(attempt, QueryFailure::runtime("Wait state delay is too long.")))
        }
        Ok(until) => Ok(until),
        Err(failure) => Err(run.query_failed(attempt, failure)),
    }
}

/// The value of a field; a path that leads nowhere is told in this state's own words.
fn found<T: Clone>(
    dynamic: &Dynamic<T>,
    expected: JsonType,
    field: &str,
    scope: &Scope<'_>,
    entropy: &mut Entropy,
) -> Result<Found<T>, QueryFailure> {
    let Dynamic::Computed(Expression::Path(path)) = dynamic else {
        return dynamic.find(expected, field, scope, entropy);
    };
    path.read(scope).map(Found::Value).map_err(|problem| match problem {
        PathError::NotFound { .. } | PathError::IndexOutOfRange { .. } => QueryFailure::runtime(format!(
            "The {field}Path parameter does not reference an input value: {}",
            path.text()
        )),
        other => other.into(),
    })
}

fn after(seconds: &Dynamic<f64>, value: &Value, now: Timestamp) -> Result<Timestamp, QueryFailure> {
    let refuse = |problem: &str| refusal(seconds, "Seconds", problem, value);
    let seconds = value.as_i64().ok_or_else(|| refuse("cannot be parsed as a long value"))?;
    if seconds < 0 {
        return Err(refuse("references a negative value"));
    }
    Ok(now.plus_millis(seconds.saturating_mul(1000)))
}

fn at(time: &Dynamic<Timestamp>, value: &Value) -> Result<Timestamp, QueryFailure> {
    value.as_str().and_then(Timestamp::parse).ok_or_else(|| {
        let problem = "does not reference a valid ISO-8601 extended offset date-time format string";
        refusal(time, "Timestamp", problem, value)
    })
}

fn refusal<T>(dynamic: &Dynamic<T>, field: &str, problem: &str, value: &Value) -> QueryFailure
where
    T: Clone,
{
    let (text, shown) = (dynamic.text().unwrap_or_default(), shown(value));
    match dynamic {
        Dynamic::Jsonata(_) => {
            let cause = format!("The {field} parameter {problem}: {shown}");
            QueryFailure::evaluation(cause, Some(field))
        }
        Dynamic::Fixed(_) | Dynamic::Computed(_) => {
            QueryFailure::runtime(format!("The {field}Path parameter {problem}: {text} == {shown}"))
        }
    }
}

/// A text without its quotes.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

//! The Wait state.

use serde_json::Value;

use crate::Timestamp;
use crate::decide::Effect;
use crate::definition::{State, Wait};
use crate::query::{Path, Scope};
use crate::run::{Run, Step, next_step, in_state};
use crate::snapshot::{Attempt, Failure, Outcome, Position, Snapshot};

/// The longest wait of the service, in seconds.
const LONGEST: f64 = 99_999_999.0;

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
    let read = |path: &Path| {
        let input = run.input(thread, state, attempt)?;
        let context = run.context(thread, attempt);
        let scope = Scope { input: &input, context: &context, variables: &thread.variables };
        path.read(&scope).map_err(|problem| in_state(problem, attempt))
    };
    match wait {
        Wait::Seconds(seconds) => Ok(run.moment.now.plus_seconds(*seconds)),
        Wait::Timestamp(time) => Ok(*time),
        Wait::SecondsPath(path) => {
            let value = read(path)?;
            let seconds = value.as_f64().filter(|seconds| (0.0..=LONGEST).contains(seconds));
            seconds.map(|seconds| run.moment.now.plus_seconds(seconds)).ok_or_else(|| {
                let cause = format!(
                    "The SecondsPath parameter references a value that is not a number from 0 to {LONGEST}: {} == {value}",
                    path.text(),
                );
                Failure::new("States.Runtime", cause)
            })
        }
        Wait::TimestampPath(path) => {
            let value = read(path)?;
            value.as_str().and_then(Timestamp::parse).ok_or_else(|| unreadable(path, &value))
        }
    }
}

fn unreadable(path: &Path, value: &Value) -> Failure {
    let cause =
        format!("The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: {} == {}",
            path.text(), value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned));
    Failure::new("States.Runtime", cause)
}

//! The Choice state.

use serde_json::Value;

use crate::definition::{Choice, State};
use crate::query::Scope;
use crate::run::{Run, Step, in_state};
use crate::snapshot::{Attempt, Failure, Outcome, Snapshot};

pub(crate) fn run(
    run: &mut Run<'_>,
    thread: &Snapshot,
    state: &State,
    attempt: &Attempt,
    choices: &[Choice],
    default: Option<&str>,
) -> Step {
    match choose(run, thread, state, attempt, choices, default) {
        Ok((next, output)) => {
            run.record_state(crate::history::EventType::ChoiceStateExited, &state.name, "output", &output);
            Step::Enter { state: next, input: output }
        }
        Err(failure) => Step::End(Outcome::Failed { failure }),
    }
}

fn choose(
    run: &Run<'_>,
    thread: &Snapshot,
    state: &State,
    attempt: &Attempt,
    choices: &[Choice],
    default: Option<&str>,
) -> Result<(String, Value), Failure> {
    let input = run.input(thread, state, attempt)?;
    let context = run.context(thread, attempt);
    let scope = Scope { input: &input, context: &context, variables: &thread.variables };
    let mut chosen = default;
    for choice in choices {
        if choice.rule.holds(&scope).map_err(|failure| in_state(failure, attempt))? {
            chosen = Some(&choice.next);
            break;
        }
    }
    let next = chosen.ok_or_else(|| {
        Failure::new("States.NoChoiceMatched", "No choice rule was matched and the state has no Default")
    })?;
    let output = run.select(thread, &state.output_path, attempt, &input)?;
    Ok((next.to_owned(), output))
}

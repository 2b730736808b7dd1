//! The Choice state.

use serde_json::Value;

use crate::definition::{Choice, Condition, State};
use crate::query::{Found, JsonType, QueryLanguage, Scope, Template};
use crate::run::{Assigned, Run, Step};
use crate::snapshot::{Attempt, Failure, Outcome, Snapshot};

pub(crate) fn run(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    state: &State,
    attempt: &Attempt,
    choices: &[Choice],
    default: Option<&str>,
) -> Step {
    match choose(run, thread, state, attempt, choices, default) {
        Ok((next, output, assigned)) => {
            run.leave(thread, state, &output, assigned);
            Step::Enter { state: next.to_owned(), input: output }
        }
        Err(failure) => Step::End(Outcome::Failed { failure }),
    }
}

/// Where to go, and the way's `Assign` and `Output`.
struct Way<'c> {
    next: &'c str,
    at: String,
    assign: Option<&'c Template>,
    output: Option<&'c Template>,
}

fn choose<'c>(
    run: &mut Run<'_>,
    thread: &Snapshot,
    state: &'c State,
    attempt: &Attempt,
    choices: &'c [Choice],
    default: Option<&'c str>,
) -> Result<(&'c str, Value, Assigned), Failure> {
    let input = run.input(thread, state, attempt)?;
    let context = run.context(thread, attempt);
    let scope = context.scope(&input, run.moment.now);
    let mut way = default.map(|next| Way {
        next,
        at: String::new(),
        assign: state.assign.as_ref(),
        output: state.output.as_ref(),
    });
    for (number, choice) in choices.iter().enumerate() {
        if holds(run, &scope, attempt, &choice.condition, number)? {
            let (assign, output) = (choice.assign.as_ref(), choice.output.as_ref());
            way = Some(Way { next: &choice.next, at: format!("Choices[{number}]/"), assign, output });
            break;
        }
    }
    let way = way.ok_or_else(|| {
        Failure::new("States.NoChoiceMatched", "No choice rule was matched and the state has no Default")
    })?;
    let assigned = run.assigned(&scope, attempt, way.assign, &format!("{}Assign", way.at))?;
    let output = match (way.output, state.language) {
        (Some(template), _) => run.evaluate_in(&scope, attempt, template, &format!("{}Output", way.at))?,
        (None, QueryLanguage::Jsonata) => input.into_owned(),
        (None, QueryLanguage::JsonPath) => run.select(thread, &state.output_path, attempt, &input)?.into_owned(),
    };
    Ok((way.next, output, assigned))
}

fn holds(
    run: &mut Run<'_>,
    scope: &Scope<'_>,
    attempt: &Attempt,
    condition: &Condition,
    number: usize,
) -> Result<bool, Failure> {
    let held = match condition {
        Condition::Rule(rule) => rule.holds(scope),
        Condition::Condition(condition) => {
            let field = format!("Choices[{number}]/Condition");
            match condition.find(JsonType::Boolean, &field, scope, &mut run.entropy) {
                Ok(Found::Fixed(holds)) => Ok(holds),
                Ok(Found::Value(value)) => Ok(value == Value::Bool(true)),
                Err(failure) => Err(failure),
            }
        }
    };
    held.map_err(|failure| run.query_failed(attempt, failure))
}

//! The Parallel state.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::definition::{ParallelState, State};
use crate::history::EventType;
use crate::run::{Run, Step};
use crate::snapshot::{Attempt, Failure, Snapshot, Source};

pub(crate) fn run(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    state: &State,
    parallel: &ParallelState,
    attempt: Attempt,
) -> Step {
    if let Some(source) = run.parts.as_ref().filter(|parts| !parts.compared).map(|parts| parts.source.clone()) {
        return run.fan_out(thread, attempt, source, 0);
    }
    let input = run
        .input(thread, state, &attempt)
        .and_then(|input| run.payload(thread, &attempt, parallel.parameters.as_ref(), input))
        .map(Cow::into_owned);
    let input = match input {
        Ok(input) => input,
        Err(failure) => {
            let handlers = (parallel.retry.as_slice(), parallel.catch.as_slice());
            return run.fail_early(thread, state, &attempt, failure, handlers, EventType::ParallelStateFailed);
        }
    };
    if run.parts.is_none() {
        run.record(EventType::ParallelStateStarted, Map::new());
    }
    run.fan_out(thread, attempt, Source::Branches { input }, 0)
}

pub(crate) fn joined(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    state: &State,
    parallel: &ParallelState,
    attempt: &Attempt,
    result: Value,
) -> Step {
    run.note(EventType::ParallelStateSucceeded, Map::new());
    run.complete(thread, state, attempt, result, parallel.result_selector.as_ref(), &parallel.result_path)
        .unwrap_or_else(|failure| run.fail(thread, state, attempt, failure, &parallel.retry, &parallel.catch))
}

pub(crate) fn failed(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    state: &State,
    parallel: &ParallelState,
    attempt: &Attempt,
    failure: Failure,
) -> Step {
    run.fail_with(thread, state, attempt, failure, (&parallel.retry, &parallel.catch), EventType::ParallelStateFailed)
}

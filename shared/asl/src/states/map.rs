//! The Map state, inline.

use serde_json::{Map, Value, json};

use crate::definition::{Duration, MapState, Selection, State};
use crate::history::EventType;
use crate::query::Scope;
use crate::run::{Run, Step, in_state, runtime_failure};
use crate::snapshot::{Attempt, Failure, Snapshot, Source};

pub(crate) fn run(run: &mut Run<'_>, thread: &mut Snapshot, state: &State, map: &MapState, attempt: Attempt) -> Step {
    match begin(run, thread, state, map, &attempt) {
        Ok((source, length, limit)) => {
            let mut details = Map::new();
            details.insert("length".to_owned(), json!(length));
            run.record(EventType::MapStateStarted, details);
            run.fan_out(thread, attempt, source, limit)
        }
        Err(failure) => run.fail(thread, state, &attempt, failure, &map.retry, &map.catch),
    }
}

fn begin(
    run: &Run<'_>,
    thread: &Snapshot,
    state: &State,
    map: &MapState,
    attempt: &Attempt,
) -> Result<(Source, usize, u32), Failure> {
    let input = run.input(thread, state, attempt)?;
    let items = run.select(thread, &map.items_path, attempt, &input)?;
    let Value::Array(items) = items else {
        let path = match &map.items_path {
            // The service names a path into the context object without its first '$'.
            Selection::At(path) if path.is_context() => path.text().get(1..).unwrap_or_default(),
            Selection::At(path) => path.text(),
            Selection::Whole | Selection::Nothing => "$",
        };
        return Err(runtime_failure(attempt, format!("Reference path \"{path}\" must point to array.")));
    };
    let limit = match &map.max_concurrency {
        Duration::Fixed(limit) => *limit,
        Duration::At(path) => {
            let context = run.context(thread, attempt);
            let scope = Scope { input: &input, context: &context, variables: &thread.variables };
            let value = path.read(&scope).map_err(|problem| in_state(problem, attempt))?;
            value.as_u64().and_then(|limit| u32::try_from(limit).ok()).map(f64::from).ok_or_else(|| {
                let shown = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                let path = path.text();
                let cause = format!(
                    "The MaxConcurrencyPath field refers to value \"{shown}\" which is not a valid integer: {path}"
                );
                runtime_failure(attempt, cause)
            })?
        }
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    let limit = limit as u32;
    let length = items.len();
    let input = if map.item_selector.is_some() { input } else { Value::Null };
    Ok((Source::Items { items, input }, length, limit))
}

pub(crate) fn joined(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    state: &State,
    map: &MapState,
    attempt: &Attempt,
    result: Value,
) -> Step {
    run.note(EventType::MapStateSucceeded, Map::new());
    run.complete(thread, state, attempt, result, map.result_selector.as_ref(), &map.result_path)
        .unwrap_or_else(|failure| run.fail(thread, state, attempt, failure, &map.retry, &map.catch))
}

pub(crate) fn failed(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    state: &State,
    map: &MapState,
    attempt: &Attempt,
    failure: Failure,
) -> Step {
    run.fail_with(thread, state, attempt, failure, (&map.retry, &map.catch), EventType::MapStateFailed)
}

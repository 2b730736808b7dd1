//! The Map state; what a distributed one does lies in [`crate::map_run`].

use serde_json::{Map, Value, json};

use crate::definition::{Items, MapState, Selection, State};
use crate::history::EventType;
use crate::map_run::begin;
use crate::query::{JsonType, QueryFailure, QueryLanguage};
use crate::run::{Run, Step, broken};
use crate::snapshot::{Attempt, Failure, Snapshot, Source};

pub(crate) fn run(run: &mut Run<'_>, thread: &mut Snapshot, state: &State, map: &MapState, attempt: Attempt) -> Step {
    if let Some(distributed) = &map.distributed {
        return begin::enter(run, thread, state, map, distributed, attempt);
    }
    if let Some(parts) = run.parts.as_ref().filter(|parts| !parts.compared) {
        let (source, limit) = (parts.source.clone(), parts.limit);
        return run.fan_out(thread, attempt, source, limit);
    }
    match begin(run, thread, state, map, &attempt) {
        Ok((source, length, limit)) => {
            if run.parts.is_none() {
                let mut details = Map::new();
                details.insert("length".to_owned(), json!(length));
                run.record(EventType::MapStateStarted, details);
            }
            run.fan_out(thread, attempt, source, limit)
        }
        Err(failure) => not_begun(run, thread, state, map, &attempt, failure),
    }
}

/// The state fails before it has begun: only an expression in JSONata makes that an event of the state.
pub(crate) fn not_begun(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    state: &State,
    map: &MapState,
    attempt: &Attempt,
    failure: Failure,
) -> Step {
    match state.language {
        QueryLanguage::Jsonata => failed(run, thread, state, map, attempt, failure),
        QueryLanguage::JsonPath => run.fail(thread, state, attempt, failure, &map.retry, &map.catch),
    }
}

/// What an inline Map goes through, of how many items, and how many at once.
pub(crate) fn begin(
    run: &mut Run<'_>,
    thread: &Snapshot,
    state: &State,
    map: &MapState,
    attempt: &Attempt,
) -> Result<(Source, usize, u32), Failure> {
    let input = run.input(thread, state, attempt)?;
    let Value::Array(items) = items(run, thread, state, map, attempt, &input)? else {
        return Err(broken(&attempt.state));
    };
    let limit = run.whole(thread, attempt, &map.max_concurrency, "MaxConcurrency", &input, 0..=u32::MAX)?;
    let length = items.len();
    let input = if map.item_selector.is_some() { input.into_owned() } else { Value::Null };
    Ok((Source::Items { items, input }, length, limit))
}

/// The items: an array, or in a distributed Map an object.
pub(crate) fn items(
    run: &mut Run<'_>,
    thread: &Snapshot,
    state: &State,
    map: &MapState,
    attempt: &Attempt,
    input: &Value,
) -> Result<Value, Failure> {
    let fits = |value: &Value| value.is_array() || map.distributed.is_some() && value.is_object();
    let failure = match &map.items {
        Items::Template(template) => match run.evaluate(thread, attempt, template, "Items", input)? {
            items if fits(&items) => return Ok(items),
            other => template.unexpected(JsonType::Array, "Items", &other),
        },
        Items::Path(selection) => match run.select(thread, selection, attempt, input)?.into_owned() {
            items if fits(&items) => return Ok(items),
            other if state.language == QueryLanguage::Jsonata => {
                QueryFailure::evaluation(format!("Map state input must be an array but was: {other}"), None)
            }
            _ => {
                let path = match selection {
                    // The service names a path into the context object without its first '$'.
                    Selection::At(path) if path.is_context() => path.text().get(1..).unwrap_or_default(),
                    Selection::At(path) => path.text(),
                    Selection::Whole | Selection::Nothing => "$",
                };
                QueryFailure::runtime(format!("Reference path \"{path}\" must point to array."))
            }
        },
    };
    Err(run.query_failed(attempt, failure))
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

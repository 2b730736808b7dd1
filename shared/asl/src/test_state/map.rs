//! Map states: what they would go through, and what their mocks come to.

use serde_json::{Value, json};

use crate::definition::{Kind, MapState, State};
use crate::query::QueryLanguage;
use crate::run::{Run, Step, broken};
use crate::snapshot::{Attempt, Failure, Outcome, Report, Snapshot, Source};
use crate::states;

use super::mock::check_count;
use super::{Bench, TestStateError, TestStateRequest, mocked};

/// What a Map state goes through.
struct Prepared {
    items: Vec<Value>,
    input: Value,
    limit: u32,
}

/// Tests a Map state: nothing is run, the mock stands for what the items come to.
pub(super) fn run(bench: &mut Bench, request: &TestStateRequest, attempt: &Attempt) -> Result<Step, TestStateError> {
    let Some(report) = request.mock.as_ref().map(mocked) else {
        return Ok(Step::End(Outcome::Failed { failure: broken(&attempt.state) }));
    };
    let count = request.configuration.map_iteration_failure_count;
    bench.with(|run, thread| {
        let Some(state) = run.state_of(thread, attempt) else {
            return Ok(Step::End(Outcome::Failed { failure: broken(&attempt.state) }));
        };
        let Kind::Map(map) = &state.kind else {
            return Ok(Step::End(Outcome::Failed { failure: broken(&attempt.state) }));
        };
        let prepared = match prepare(run, thread, state, map, attempt) {
            Ok(prepared) => prepared,
            Err(failure) => {
                return Ok(run.fail(thread, state, attempt, failure, &map.retry, &map.catch));
            }
        };
        run.seen("maxConcurrency", &json!(prepared.limit));
        if let Some(count) = count {
            check_count(count, prepared.items.len())?;
        }
        if let Err(failure) = select(run, thread, state, map, attempt, &prepared) {
            return Ok(run.fail(thread, state, attempt, failure, &map.retry, &map.catch));
        }
        Ok(match report {
            Report::Success { output } => states::map::joined(run, thread, state, map, attempt, output),
            Report::Failure { failure } => states::map::failed(run, thread, state, map, attempt, failure),
        })
    })
}

fn prepare(
    run: &mut Run<'_>,
    thread: &Snapshot,
    state: &State,
    map: &MapState,
    attempt: &Attempt,
) -> Result<Prepared, Failure> {
    let (source, _, limit) = states::map::begin(run, thread, state, map, attempt)?;
    match source {
        Source::Items { items, input } => Ok(Prepared { items, input, limit }),
        Source::Branches { .. } | Source::Pages { .. } => Err(broken(&attempt.state)),
    }
}

/// `ItemSelector`, of every item.
fn select(
    run: &mut Run<'_>,
    thread: &Snapshot,
    state: &State,
    map: &MapState,
    attempt: &Attempt,
    prepared: &Prepared,
) -> Result<Vec<Value>, Failure> {
    if state.language == QueryLanguage::JsonPath {
        run.seen("afterItemsPath", &json!(prepared.items));
    }
    let Some(selector) = &map.item_selector else { return Ok(prepared.items.clone()) };
    let mut selected = Vec::with_capacity(prepared.items.len());
    for (index, item) in prepared.items.iter().enumerate() {
        run.show_item(Some(json!({ "Item": { "Index": index, "Value": item } })));
        let made = run.evaluate(thread, attempt, selector, "ItemSelector", &prepared.input);
        run.show_item(None);
        selected.push(made?);
    }
    run.seen("afterItemSelector", &json!(selected));
    Ok(selected)
}

//! Map states: what they would go through, and what their mocks come to.

use serde_json::{Value, json};

use crate::definition::{Distributed, Kind, MapState, State};
use crate::map_run::{Batch, Tolerance, begin, page};
use crate::progress::Report;
use crate::query::QueryLanguage;
use crate::run::{Run, Step, broken};
use crate::snapshot::{Attempt, Failure, Outcome, Snapshot, Source};
use crate::states;

use super::mock::check_count;
use super::reader_data::{Read, read};
use super::{Bench, TestStateError, TestStateRequest, mocked};

/// What a Map state goes through.
struct Prepared {
    items: Vec<Value>,
    /// The items are fields of an object.
    keyed: bool,
    /// They come from an item reader.
    were_read: bool,
    input: Value,
    limit: u32,
    tolerance: Tolerance,
    batch: Option<Batch>,
}

/// The parts of a Map state under test.
struct Scene<'a> {
    state: &'a State,
    map: &'a MapState,
    attempt: &'a Attempt,
}

/// Tests a Map state: nothing is run, the mock stands for what the items come to.
pub(super) fn run(bench: &mut Bench, request: &TestStateRequest, attempt: &Attempt) -> Result<Step, TestStateError> {
    let Some(report) = request.mock.as_ref().map(mocked) else {
        return Ok(Step::End(Outcome::Failed { failure: broken(&attempt.state) }));
    };
    bench.with(|run, thread| {
        let state = run.state_of(thread, attempt);
        let Some((state, Kind::Map(map))) = state.map(|state| (state, &state.kind)) else {
            return Ok(Step::End(Outcome::Failed { failure: broken(&attempt.state) }));
        };
        let scene = Scene { state, map, attempt };
        let read = reader_data(request, map)?;
        let (failed, show) = match scene.prepare(run, thread, read) {
            Ok(prepared) => {
                if let Some(count) = request.configuration.map_iteration_failure_count {
                    check_count(count, prepared.items.len())?;
                }
                let exceeded = exceeds(request, &prepared);
                (exceeded, scene.show(run, thread, &prepared))
            }
            Err(failure) => (false, Err(failure)),
        };
        if let Err(failure) = show {
            return Ok(states::map::not_begun(run, thread, state, map, attempt, failure));
        }
        if failed {
            let cause = "The specified tolerated failure threshold was exceeded";
            let failure = Failure::new("States.ExceedToleratedFailureThreshold", cause);
            return Ok(states::map::failed(run, thread, state, map, attempt, failure));
        }
        Ok(match report {
            Report::Success { output } => states::map::joined(run, thread, state, map, attempt, output),
            Report::Failure { failure } => states::map::failed(run, thread, state, map, attempt, failure),
        })
    })
}

/// What the state's item reader is said to have read.
fn reader_data(request: &TestStateRequest, map: &MapState) -> Result<Option<Read>, TestStateError> {
    let reader = map.distributed.as_ref().and_then(|distributed| distributed.reader.as_ref());
    match (&request.configuration.map_item_reader_data, reader) {
        (None, _) => Ok(None),
        (Some(data), Some(reader)) => read(data, &reader.config).map(Some),
        (Some(_), None) => {
            Err(TestStateError::Validation("mapItemReaderData is only for a Map state with an ItemReader".to_owned()))
        }
    }
}

/// Whether more iterations fail than is tolerated; where the state says nothing about it, any number may.
fn exceeds(request: &TestStateRequest, prepared: &Prepared) -> bool {
    let Some(failed) = request.configuration.map_iteration_failure_count else { return false };
    let tolerance = prepared.tolerance;
    (tolerance.count.is_some() || tolerance.percentage.is_some())
        && failed > tolerance.allowed(prepared.items.len() as u64)
}

impl Scene<'_> {
    fn prepare(&self, run: &mut Run<'_>, thread: &Snapshot, read: Option<Read>) -> Result<Prepared, Failure> {
        let Self { state, map, attempt } = *self;
        if let Some(distributed) = &map.distributed {
            return self.prepare_distributed(run, thread, distributed, read);
        }
        let (source, _, limit) = states::map::begin(run, thread, state, map, attempt)?;
        match source {
            Source::Items { items, input } => Ok(Prepared {
                items,
                keyed: false,
                were_read: false,
                input,
                limit,
                tolerance: Tolerance::default(),
                batch: None,
            }),
            Source::Branches { .. } | Source::Pages { .. } => Err(broken(&attempt.state)),
        }
    }

    fn prepare_distributed(
        &self,
        run: &mut Run<'_>,
        thread: &Snapshot,
        distributed: &Distributed,
        read: Option<Read>,
    ) -> Result<Prepared, Failure> {
        let (about, failure) = begin::prepare(run, thread, self.state, self.map, distributed, self.attempt)?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        let were_read = distributed.reader.is_some();
        let (items, keyed) = if were_read { read.unwrap_or_default() } else { (about.items, about.keyed) };
        Ok(Prepared {
            items,
            keyed,
            were_read,
            input: about.input,
            limit: about.limit,
            tolerance: about.tolerance,
            batch: about.batch,
        })
    }

    /// Shows what the state would do: its numbers, its items, `ItemSelector` of every item, `ItemBatcher`.
    fn show(&self, run: &mut Run<'_>, thread: &Snapshot, prepared: &Prepared) -> Result<(), Failure> {
        run.seen("maxConcurrency", &json!(prepared.limit));
        if let Some(count) = prepared.tolerance.count {
            run.seen("toleratedFailureCount", &json!(count));
        }
        if let Some(percentage) = prepared.tolerance.percentage {
            run.seen("toleratedFailurePercentage", &json!(percentage));
        }
        if self.state.language == QueryLanguage::JsonPath && !prepared.were_read {
            run.seen("afterItemsPath", &json!(prepared.items));
        }
        let mut items = prepared.items.clone();
        if let Some(selector) = &self.map.item_selector {
            for (index, item) in items.iter_mut().enumerate() {
                run.show_item(Some(in_context(index, item, prepared.keyed)));
                let made = run.evaluate(thread, self.attempt, selector, "ItemSelector", &prepared.input);
                run.show_item(None);
                *item = made?;
            }
            run.seen("afterItemSelector", &json!(items));
        }
        if let Some(batch) = &prepared.batch {
            let (batches, _) = page::group(batch, items);
            run.seen("afterItemBatcher", &json!(batches));
        }
        Ok(())
    }
}

/// `$$.Map`
fn in_context(index: usize, item: &Value, keyed: bool) -> Value {
    match (keyed, item.get("Key"), item.get("Value")) {
        (true, Some(key), Some(value)) => json!({ "Item": { "Index": index, "Key": key, "Value": value } }),
        _ => json!({ "Item": { "Index": index, "Value": item } }),
    }
}

//! The log with the Map state: entering it, its pages, its end.

use serde_json::{Map, Value, json};

use crate::decide::Effect;
use crate::definition::{Distributed, Kind, MOST_ITEMS, MapState, State};
use crate::history::EventType;
use crate::map_run::names::{made_label, run_arn};
use crate::map_run::{Batch, Divided, MapRun, PageReport, RunName, RunStatus, Tolerance, Work, page_size, shares};
use crate::query::{Dynamic, Found, JsonType, QueryFailure, Template};
use crate::run::{Run, Step, broken, next_step};
use crate::snapshot::{Attempt, Failure, Fanout, Join, Outcome, Position, Snapshot, Source};
use crate::states::map;

/// `$$.Map.Item.Source` of items that came with the state's input.
const STATE_DATA: &str = "STATE_DATA";
const READER_FAILED: &str = "States.ItemReaderFailed";

/// Enters the state.
pub(crate) fn enter(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    state: &State,
    map: &MapState,
    distributed: &Distributed,
    attempt: Attempt,
) -> Step {
    if let Some(about) = run.redriven.take() {
        return redriven(run, thread, attempt, *about);
    }
    match prepare(run, thread, state, map, distributed, &attempt) {
        Err(failure) => map::not_begun(run, thread, state, map, &attempt, failure),
        Ok((about, Some(failure))) => over(run, thread, &attempt, about, Err(failure)),
        Ok((about, None)) if about.reader.is_some() => work(run, thread, attempt, Work::Read, about),
        Ok((mut about, None)) => {
            about.total = about.items.len() as u64;
            if about.total > page_size(about.limit, about.batch.as_ref()) {
                return work(run, thread, attempt, Work::Split, about);
            }
            about.pages = u32::from(about.total > 0);
            start_pages(run, thread, attempt, about)
        }
    }
}

/// Goes on with a run whose state is redriven.
fn redriven(run: &mut Run<'_>, thread: &mut Snapshot, attempt: Attempt, about: MapRun) -> Step {
    /// The service's limit.
    const MOST: u32 = 1000;
    let mut about = about;
    if about.redrives >= MOST {
        let cause = format!("The Map Run has been redriven {MOST} times, which is the most.");
        return over(run, thread, &attempt, about, Err(Failure::new("States.Runtime", cause)));
    }
    about.redrives += 1;
    about.redriven_at = Some(run.moment.now);
    about.counts = crate::map_run::RunCounts::default();
    about.failure = None;
    let mut details = Map::new();
    details.insert("mapRunArn".to_owned(), json!(about.arn(&thread.execution)));
    details.insert("redriveCount".to_owned(), json!(about.redrives));
    run.record(EventType::MapRunRedriven, details);
    start_pages(run, thread, attempt, about)
}

/// What the run is to do; a failure besides, where it begins and fails at once.
pub(crate) fn prepare(
    run: &mut Run<'_>,
    thread: &Snapshot,
    state: &State,
    map: &MapState,
    distributed: &Distributed,
    attempt: &Attempt,
) -> Result<(MapRun, Option<Failure>), Failure> {
    let input = run.input(thread, state, attempt)?.into_owned();
    let (items, keyed) = match &distributed.reader {
        Some(_) => (Vec::new(), false),
        None => match map::items(run, thread, state, map, attempt, &input)? {
            Value::Object(fields) => {
                (fields.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect(), true)
            }
            Value::Array(items) => (items, false),
            _ => (Vec::new(), false),
        },
    };
    let limit = run.whole(thread, attempt, &map.max_concurrency, "MaxConcurrency", &input, 0..=u32::MAX)?;
    let mut details = Map::new();
    details.insert("length".to_owned(), json!(items.len()));
    run.record(EventType::MapStateStarted, details);
    let tolerance = tolerance(run, thread, distributed, attempt, &input)?;
    let batch = match &distributed.batcher {
        Some(batcher) => Some(Batch {
            max_items: positive(run, thread, attempt, &input, batcher.max_items.as_ref(), "MaxItemsPerBatch")?,
            max_bytes: positive(run, thread, attempt, &input, batcher.max_bytes.as_ref(), "MaxInputBytesPerBatch")?,
            input: match &batcher.input {
                Some(template) => Some(run.evaluate(thread, attempt, template, "ItemBatcher/BatchInput", &input)?),
                None => None,
            },
        }),
        None => None,
    };
    let label = distributed.label.clone().unwrap_or_else(|| made_label(&thread.execution, &attempt.state));
    let name = RunName::fresh(&mut run.entropy);
    let mut details = Map::new();
    details.insert("mapRunArn".to_owned(), json!(run_arn(&thread.execution, &label, name)));
    run.record(EventType::MapRunStarted, details);
    let mut about = MapRun {
        name,
        label,
        limit,
        tolerance,
        batch,
        reader: None,
        writer: None,
        input: Value::Null,
        items,
        stored: String::new(),
        keyed,
        origin: STATE_DATA.to_owned(),
        total: 0,
        pages: 0,
        counts: crate::map_run::RunCounts::default(),
        failure: None,
        redrives: 0,
        redriven_at: None,
        earlier: Vec::new(),
        page: None,
    };
    let failure = ends(run, thread, distributed, attempt, &input, &mut about).err();
    if map.item_selector.is_some() {
        about.input = input;
    }
    Ok((about, failure))
}

/// Where the items come from and where the results go.
fn ends(
    run: &mut Run<'_>,
    thread: &Snapshot,
    distributed: &Distributed,
    attempt: &Attempt,
    input: &Value,
    about: &mut MapRun,
) -> Result<(), Failure> {
    if let Some(reader) = &distributed.reader {
        let arguments = arguments(run, thread, attempt, reader.arguments.as_ref(), "ItemReader", input)?;
        let mut config = if reader.config.is_null() { json!({}) } else { reader.config.clone() };
        if let Some(max_items) = &reader.max_items {
            let found = number(run, thread, attempt, max_items, "MaxItems", "integer", input);
            let most = found.map_err(|failure| Failure { error: Some(READER_FAILED.to_owned()), ..failure })?;
            if most < 0.0 {
                return Err(Failure::new(READER_FAILED, "field MaxItems must be positive"));
            }
            if let Some(config) = config.as_object_mut() {
                config.remove("MaxItemsPath");
                config.insert("MaxItems".to_owned(), json!(whole(most).min(MOST_ITEMS)));
            }
        }
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        about.origin = if reader.lists {
            format!("S3://{}", text("Bucket"))
        } else {
            format!("S3://{}/{}", text("Bucket"), text("Key"))
        };
        about.reader = Some(json!({ "lists": reader.lists, "arguments": arguments, "config": config }));
    }
    if let Some(writer) = &distributed.writer {
        let arguments = arguments(run, thread, attempt, writer.arguments.as_ref(), "ResultWriter", input)?;
        about.writer = Some(json!({ "exports": writer.exports, "arguments": arguments, "config": writer.config }));
    }
    Ok(())
}

fn arguments(
    run: &mut Run<'_>,
    thread: &Snapshot,
    attempt: &Attempt,
    template: Option<&Template>,
    field: &str,
    input: &Value,
) -> Result<Value, Failure> {
    match template {
        None => Ok(json!({})),
        Some(template @ Template::JsonPath(_)) => run.evaluate(thread, attempt, template, field, input),
        Some(template @ Template::Jsonata(_)) => {
            run.evaluate(thread, attempt, template, &format!("{field}/Arguments"), input)
        }
    }
}

fn tolerance(
    run: &mut Run<'_>,
    thread: &Snapshot,
    distributed: &Distributed,
    attempt: &Attempt,
    input: &Value,
) -> Result<Tolerance, Failure> {
    let mut tolerance = Tolerance::default();
    if let Some(percentage) = &distributed.tolerated_percentage {
        let found = number(run, thread, attempt, percentage, "ToleratedFailurePercentage", "float", input)?;
        if !(0.0..=100.0).contains(&found) {
            let cause = "ToleratedFailurePercentage must be between 0 and 100.";
            return Err(run.query_failed(attempt, QueryFailure::runtime(cause)));
        }
        tolerance.percentage = Some(found);
    }
    if let Some(count) = &distributed.tolerated_count {
        let found = number(run, thread, attempt, count, "ToleratedFailureCount", "integer", input)?;
        if found < 0.0 {
            let cause = "ToleratedFailureCount cannot be negative.";
            return Err(run.query_failed(attempt, QueryFailure::runtime(cause)));
        }
        tolerance.count = Some(whole(found));
    }
    Ok(tolerance)
}

/// Finds a number, negative ones too. A path may lead to a text that holds one.
fn number(
    run: &mut Run<'_>,
    thread: &Snapshot,
    attempt: &Attempt,
    dynamic: &Dynamic<f64>,
    field: &str,
    kind: &str,
    input: &Value,
) -> Result<f64, Failure> {
    let context = run.context(thread, attempt);
    let scope = context.scope(input, run.moment.now);
    let found = dynamic.find(JsonType::Number, field, &scope, &mut run.entropy);
    let value = match found.map_err(|failure| run.query_failed(attempt, failure))? {
        Found::Fixed(number) => return Ok(number),
        Found::Value(value) => value,
    };
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    if let Some(number) = number.filter(|number| kind == "float" || number.fract() == 0.0) {
        return Ok(number);
    }
    let source = dynamic.text().unwrap_or_default();
    let cause = format!("The {field}Path field refers to value \"{text}\" which is not a valid {kind}: {source}");
    Err(run.query_failed(attempt, QueryFailure::runtime(cause)))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
const fn whole(number: f64) -> u64 {
    number as u64
}

/// A number of `ItemBatcher`.
fn positive(
    run: &mut Run<'_>,
    thread: &Snapshot,
    attempt: &Attempt,
    input: &Value,
    dynamic: Option<&Dynamic<f64>>,
    field: &str,
) -> Result<Option<u64>, Failure> {
    let Some(dynamic) = dynamic else { return Ok(None) };
    let found = number(run, thread, attempt, dynamic, field, "integer", input)?;
    if found < 1.0 {
        return Err(run.query_failed(attempt, QueryFailure::runtime(format!("{field} must be positive."))));
    }
    Ok(Some(whole(found)))
}

/// Has the driver do something.
fn work(run: &mut Run<'_>, thread: &mut Snapshot, attempt: Attempt, work: Work, about: MapRun) -> Step {
    let id = next_step(thread);
    run.effects.push(effect(id, &attempt, work, &about));
    Step::Stand(Position::Work { id, attempt, work, run: Box::new(about) })
}

/// What has `work` done.
pub(crate) fn effect(id: u32, attempt: &Attempt, work: Work, about: &MapRun) -> Effect {
    Effect::InvokeTask {
        id,
        state: attempt.state.clone(),
        resource: work.resource().to_owned(),
        input: about.given(work),
    }
}

/// The driver has done it.
pub(crate) fn worked(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    attempt: &Attempt,
    work: Work,
    about: &MapRun,
    output: Value,
) -> Step {
    let mut about = about.clone();
    match work {
        Work::Write => {
            let end = about.failure.clone().map_or(Ok(output), Err);
            over(run, thread, attempt, about, end)
        }
        Work::Read | Work::Split | Work::Load => match serde_json::from_value::<Divided>(output) {
            Ok(Divided { stored, total, pages, keyed }) => {
                about.items = Vec::new();
                about.keyed |= keyed;
                (about.stored, about.total, about.pages) = (stored, total, pages);
                start_pages(run, thread, attempt.clone(), about)
            }
            Err(problem) => {
                let cause = format!("The items could not be divided into pages: {problem}");
                over(run, thread, attempt, about, Err(Failure::new(READER_FAILED, cause)))
            }
        },
    }
}

/// The driver could not do it.
pub(crate) fn work_failed(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    attempt: &Attempt,
    about: &MapRun,
    failure: Failure,
) -> Step {
    // What went wrong first counts.
    let failure = about.failure.clone().unwrap_or(failure);
    over(run, thread, attempt, about.clone(), Err(failure))
}

/// Starts the first pages.
fn start_pages(run: &mut Run<'_>, thread: &mut Snapshot, attempt: Attempt, about: MapRun) -> Step {
    if about.pages == 0 {
        return all_ended(run, thread, &attempt, about, Some(Vec::new()));
    }
    let (at_once, _) = shares(about.limit, about.pages);
    let join = Join::InTurn { running: std::collections::BTreeMap::new(), done: Vec::new(), next: 0, limit: at_once };
    let mut fanout = Fanout {
        id: thread.fanouts,
        total: about.pages,
        source: Source::Pages { run: Box::new(about) },
        outputs: std::collections::BTreeMap::new(),
        join,
        events: 0,
        moment: run.moment,
        resumed: std::collections::BTreeMap::new(),
        executions: None,
    };
    thread.fanouts += 1;
    start_some(run, thread, &attempt, &mut fanout);
    Step::Stand(Position::Join { attempt, fanout: Box::new(fanout) })
}

/// Starts pages until as many are out as may be, or none is left.
fn start_some(run: &mut Run<'_>, thread: &Snapshot, attempt: &Attempt, fanout: &mut Fanout) {
    if thread.is_paused() {
        return;
    }
    let now = run.moment.now;
    let mut started = Vec::new();
    if let Join::InTurn { running, next, limit, .. } = &mut fanout.join {
        while *next < fanout.total && running.len() < usize::try_from(*limit).unwrap_or(usize::MAX) {
            running.insert(*next, now);
            started.push(*next);
            *next += 1;
        }
    }
    let Source::Pages { run: about } = &fanout.source else { return };
    for index in started {
        let birth = Run::new(run.machine, run.moment, 0);
        let decision = super::page::birth(birth, thread, attempt, fanout, about, index);
        run.effects.push(Effect::StartChild { fanout: fanout.id, index, decision: Box::new(decision) });
    }
}

/// A page has ended.
pub(crate) fn page_ended(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    attempt: &Attempt,
    fanout: &Fanout,
    page: u32,
    report: Result<PageReport, Failure>,
) -> Option<Step> {
    let mut fanout = fanout.clone();
    let Join::InTurn { running, .. } = &mut fanout.join else { return None };
    running.remove(&page)?;
    let Source::Pages { run: about } = &mut fanout.source else { return None };
    let failure = match report {
        Ok(report) => {
            about.counts.plus(&report.counts);
            let exceeded = about.counts.failures() > about.tolerance.allowed(about.total);
            exceeded.then(|| {
                let cause = "The specified tolerated failure threshold was exceeded";
                Failure::new("States.ExceedToleratedFailureThreshold", cause)
            })
        }
        Err(failure) => Some(failure),
    };
    if let Some(failure) = failure {
        let children = fanout.out();
        if !children.is_empty() {
            run.effects.push(Effect::AbortChildren { fanout: fanout.id, children });
        }
        let Source::Pages { run: about } = fanout.source else { return None };
        return Some(failed(run, thread, attempt, *about, failure));
    }
    start_some(run, thread, attempt, &mut fanout);
    all_out(run, thread, attempt, fanout)
}

/// What follows when no page is out or left: the results are written, or the pages joined.
fn all_out(run: &mut Run<'_>, thread: &mut Snapshot, attempt: &Attempt, fanout: Fanout) -> Option<Step> {
    if fanout.out().is_empty() && !fanout.holds_back() {
        if fanout.map_run().is_some_and(MapRun::exports) {
            let Source::Pages { run: about } = fanout.source else { return None };
            return Some(all_ended(run, thread, attempt, *about, None));
        }
        run.effects.push(Effect::JoinChildren { fanout: fanout.id });
    }
    Some(Step::Stand(Position::Join { attempt: attempt.clone(), fanout: Box::new(fanout) }))
}

/// Goes on with pages that were held while the thread was paused.
pub(crate) fn resumed(run: &mut Run<'_>, thread: &mut Snapshot, attempt: &Attempt, fanout: &Fanout) -> Option<Step> {
    let mut fanout = fanout.clone();
    start_some(run, thread, attempt, &mut fanout);
    all_out(run, thread, attempt, fanout)
}

/// The run fails: its results are written all the same, where they are.
fn failed(run: &mut Run<'_>, thread: &mut Snapshot, attempt: &Attempt, mut about: MapRun, failure: Failure) -> Step {
    if about.exports() {
        about.failure = Some(failure);
        return work(run, thread, attempt.clone(), Work::Write, about);
    }
    over(run, thread, attempt, about, Err(failure))
}

/// Every page has ended, and the results are there, unless they are to be written.
pub(crate) fn pages_joined(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    attempt: &Attempt,
    fanout: &Fanout,
    results: Vec<Value>,
) -> Option<Step> {
    let about = fanout.map_run()?;
    fanout.out().is_empty().then(|| all_ended(run, thread, attempt, about.clone(), Some(results)))
}

fn all_ended(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    attempt: &Attempt,
    about: MapRun,
    results: Option<Vec<Value>>,
) -> Step {
    match results {
        Some(results) if !about.exports() => over(run, thread, attempt, about, Ok(Value::Array(results))),
        _ => work(run, thread, attempt.clone(), Work::Write, about),
    }
}

/// The end of the run and what follows for the state.
fn over(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    attempt: &Attempt,
    mut about: MapRun,
    end: Result<Value, Failure>,
) -> Step {
    let Some((state, map)) = state_of(run, thread, attempt) else {
        return Step::End(Outcome::Failed { failure: broken(&attempt.state) });
    };
    about.items = Vec::new();
    about.failure = end.as_ref().err().cloned();
    let status = if end.is_ok() { RunStatus::Succeeded } else { RunStatus::Failed };
    run.effects.push(Effect::MapRunEnded { run: Box::new(about), status });
    match end {
        Ok(result) => {
            // The state's exit follows from the run's start.
            let started = run.last;
            run.record(EventType::MapRunSucceeded, Map::new());
            run.note(EventType::MapStateSucceeded, Map::new());
            run.last = started;
            run.complete(thread, state, attempt, result, map.result_selector.as_ref(), &map.result_path)
                .unwrap_or_else(|failure| run.fail(thread, state, attempt, failure, &map.retry, &map.catch))
        }
        Err(failure) => {
            run.record(EventType::MapRunFailed, crate::run::failed_details(&failure, Map::new()));
            run.fail_with(thread, state, attempt, failure, (&map.retry, &map.catch), EventType::MapStateFailed)
        }
    }
}

/// The execution ends without the run that its thread waits for.
pub(crate) fn aborted(run: &mut Run<'_>, thread: &Snapshot) {
    if let Some(about) = thread.map_run() {
        run.record(EventType::MapRunAborted, Map::new());
        let about = MapRun { items: Vec::new(), ..about.clone() };
        run.effects.push(Effect::MapRunEnded { run: Box::new(about), status: RunStatus::Aborted });
    }
}

/// Somebody changes what the run may do: it holds for pages that start from now on.
pub(crate) fn changed(
    run: &mut Run<'_>,
    thread: &mut Snapshot,
    position: &Position,
    name: RunName,
    limit: Option<u32>,
    tolerance: Tolerance,
) -> Option<Step> {
    let change = |about: &mut MapRun| {
        let before = about.clone();
        about.limit = limit.unwrap_or(about.limit);
        about.tolerance.count = tolerance.count.or(about.tolerance.count);
        about.tolerance.percentage = tolerance.percentage.or(about.tolerance.percentage);
        *about != before
    };
    let mut position = position.clone();
    match &mut position {
        Position::Work { run: about, .. } if about.name == name && about.page.is_none() => {
            change(about).then_some(Step::Stand(position))
        }
        Position::Join { attempt, fanout } => {
            let Source::Pages { run: about } = &mut fanout.source else { return None };
            if about.name != name || !change(about) {
                return None;
            }
            if let Join::InTurn { limit, .. } = &mut fanout.join {
                *limit = shares(about.limit, about.pages).0;
            }
            start_some(run, thread, attempt, fanout);
            Some(Step::Stand(position))
        }
        _ => None,
    }
}

fn state_of<'a>(run: &Run<'a>, thread: &Snapshot, attempt: &Attempt) -> Option<(&'a State, &'a MapState)> {
    let state = run.state_of(thread, attempt)?;
    match &state.kind {
        Kind::Map(map) => Some((state, map)),
        _ => None,
    }
}

impl MapRun {
    /// Are its results written elsewhere?
    #[must_use]
    pub fn exports(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.get("exports") == Some(&Value::Bool(true)))
    }
}

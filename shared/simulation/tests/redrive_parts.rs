//! A redrive runs again only what failed: branches, items and executions of map runs, whatever goes wrong meanwhile.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "these are tests")]

mod rough;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use millrace_app::executions::{
    ExecutionStatus, HistoryItem, OtherDefinition, RedriveError, RedriveExecution, describe_execution, history,
    redrive_execution,
};
use millrace_app::ids::ExecutionId;
use millrace_app::map_runs::{self, MapExecutionFilter};
use millrace_app::ports::{Clock, Ports};
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};
use millrace_simulation::world::Trouble;
use millrace_simulation::{Call, Fate, MemoryObjects, Watched, Watcher};
use rough::{Rough, start};
use serde_json::{Value, json};

/// Tasks with `bad` in their input fail until it is mended.
#[derive(Default)]
struct Mendable {
    mended: AtomicBool,
    objects: MemoryObjects,
    /// What was done of each attempt: its state and the item's number.
    done: Mutex<BTreeMap<String, String>>,
}

impl Mendable {
    fn done(&self) -> BTreeMap<String, String> {
        self.done.lock().unwrap().clone()
    }
}

fn part(state: &str, n: Option<&Value>) -> String {
    format!("{state} {}", n.unwrap_or(&Value::Null))
}

impl Executor for Mendable {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        if task.resource.starts_with("millrace:map:") {
            return Box::pin(map_runs::execute(ports, &self.objects, task)).await;
        }
        self.done.lock().unwrap().insert(task.attempt.clone(), part(&task.state, task.input.get("n")));
        let is_bad = task.input.get("bad").and_then(Value::as_str) == Some(&task.state);
        if is_bad && !self.mended.load(Ordering::Relaxed) {
            return Err(TaskError::failed("Test.Broken", "not yet"));
        }
        Ok(json!({ "state": task.state, "n": task.input.get("n") }).into())
    }
}

fn task(next: Option<&str>) -> Value {
    let mut state = json!({ "Type": "Task", "Resource": "millrace:agent:dev", "ResultPath": null });
    match next {
        Some(next) => state["Next"] = json!(next),
        None => state["End"] = json!(true),
    }
    state
}

fn parallel() -> Value {
    json!({ "Type": "Parallel", "Branches": [
        { "StartAt": "Good", "States": { "Good": task(None) } },
        { "StartAt": "Pure", "States": { "Pure": { "Type": "Pass", "End": true } } },
        { "StartAt": "First", "States": { "First": task(Some("Second")), "Second": task(None) } },
        { "StartAt": "Later", "States": { "Later": { "Type": "Wait", "Seconds": 40_000, "Next": "Third" },
            "Third": task(None) } },
    ], "ResultPath": "$.done", "End": true })
}

fn map(limit: u32) -> Value {
    json!({ "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": limit, "ResultPath": "$.done", "Next": "Last",
        "ItemProcessor": { "StartAt": "First", "States": {
            "First": task(Some("Between")), "Between": { "Type": "Wait", "Seconds": 2, "Next": "Second" },
            "Second": task(None) } } })
}

fn of(state: &Value) -> Value {
    json!({ "StartAt": "S", "States": { "S": state, "Last": task(None) } })
}

fn items(bad: &[usize]) -> Value {
    let items: Vec<Value> =
        (0..6).map(|n| if bad.contains(&n) { json!({ "n": n, "bad": "Second" }) } else { json!({ "n": n }) }).collect();
    json!({ "items": items })
}

fn cases() -> Vec<(&'static str, Value, Value)> {
    let nested = json!({ "Type": "Map", "ItemsPath": "$.items", "ResultPath": "$.done", "Next": "Last",
        "ItemProcessor": { "StartAt": "P", "States": { "P": parallel() } } });
    let mut lone = of(&parallel());
    lone["States"].as_object_mut().unwrap().remove("Last");
    vec![
        ("parallel", lone, json!({ "bad": "Second" })),
        ("map", of(&map(0)), items(&[2, 4])),
        ("map in turn", of(&map(2)), items(&[1, 4])),
        ("parallel in map", of(&nested), json!({ "items": [{ "n": 0 }, { "n": 1, "bad": "Second" }] })),
    ]
}

fn distributed(limit: u32, kind: &str) -> Value {
    let mut state = map(limit);
    state["ItemProcessor"]["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED", "ExecutionType": kind });
    of(&state)
}

fn seeds(most: u64) -> u64 {
    std::env::var("MILLRACE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(most)
}

async fn redrive<P: Ports>(ports: &P, id: &ExecutionId, at: &str) {
    let redrive = RedriveExecution { token: Some("once".to_owned()), ..RedriveExecution::default() };
    while let Err(refused) = redrive_execution(ports, id, redrive.clone()).await {
        let RedriveError::App(error) = refused else { unreachable!("{at}: {refused:?}") };
        assert!(error.is_retryable(), "{at}: {error:?}");
    }
}

fn count(items: &[HistoryItem], kind: &str) -> usize {
    items.iter().filter(|item| item.kind.name() == kind).count()
}

/// The events of a history that must be there once for each part.
fn once(items: &[HistoryItem]) -> BTreeMap<&'static str, usize> {
    let kinds = [
        "ExecutionStarted",
        "ExecutionSucceeded",
        "TaskStateEntered",
        "TaskStateExited",
        "TaskSucceeded",
        "PassStateEntered",
        "WaitStateEntered",
        "WaitStateExited",
        "ParallelStateEntered",
        "ParallelStateStarted",
        "ParallelStateSucceeded",
        "MapStateEntered",
        "MapStateStarted",
        "MapStateSucceeded",
        "MapIterationStarted",
        "MapIterationSucceeded",
    ];
    kinds.into_iter().map(|kind| (kind, count(items, kind))).filter(|(_, times)| *times > 0).collect()
}

/// A run in which nothing is bad: what its history has of each kind, and its output.
async fn sound(definition: &Value, input: &Value) -> (BTreeMap<&'static str, usize>, Value) {
    let mut world: Rough<Mendable> = Rough::new(0, Trouble::default());
    world.script.mended.store(true, Ordering::Relaxed);
    let id = start(&world.ports, definition, input).await;
    assert_eq!(world.end(&id).await, ExecutionStatus::Succeeded);
    let output = describe_execution(&world.memory, &id).await.unwrap().unwrap().output.unwrap();
    (once(&history(&world.memory, &id).await.unwrap()), output)
}

#[tokio::test]
async fn a_redrive_runs_each_failed_part_again_once_and_never_a_succeeded_one() {
    for (name, definition, input) in cases() {
        let (events, output) = sound(&definition, &input).await;
        for seed in 0..seeds(25) {
            let trouble = if seed == 0 { Trouble::default() } else { Trouble::ALL };
            let mut world: Rough<Mendable> = Rough::new(seed, trouble);
            let at = format!("case '{name}', MILLRACE_SEED={seed}");
            let id = start(&world.ports, &definition, &input).await;
            assert_eq!(world.end(&id).await, ExecutionStatus::Failed, "{at}");
            world.script.mended.store(true, Ordering::Relaxed);
            let before = world.script.done();
            redrive(&world.ports, &id, &at).await;
            let kept: BTreeSet<(u64, String)> = succeeded(&history(&world.memory, &id).await.unwrap(), &before);
            assert_eq!(world.end(&id).await, ExecutionStatus::Succeeded, "no_accepted_execution_is_lost: {at}");
            let items = history(&world.memory, &id).await.unwrap();
            assert_eq!(once(&items), events, "a_redrive_reruns_each_failed_part_once: {at}");
            assert_eq!(count(&items, "ExecutionRedriven"), 1, "{at}");
            for (place, item) in items.iter().enumerate() {
                assert_eq!(item.id, place as u64 + 1, "history_is_complete_and_ordered: {at}");
                assert!(item.previous_event_id < item.id, "history_is_complete_and_ordered: {at}: {item:?}");
                assert!(place < 2 || item.previous_event_id > 0, "{at}: {item:?}");
            }
            // Attempts that came up with the redrive; a copy of an old message names an old one.
            let fresh = world.script.done().into_iter().filter(|(attempt, _)| !before.contains_key(attempt));
            for (attempt, part) in fresh {
                let was = kept.iter().any(|(_, done)| *done == part);
                assert!(!was, "a_redrive_never_reruns_what_succeeded: {at}: {part} as {attempt}");
            }
            let view = describe_execution(&world.memory, &id).await.unwrap().unwrap();
            assert_eq!(view.output.unwrap(), output, "{at}");
        }
    }
}

/// Lets one call fail.
struct One {
    at: usize,
    fate: Fate,
    seen: AtomicUsize,
}

impl Watcher for One {
    fn fate(&self, _: Call) -> Fate {
        if self.seen.fetch_add(1, Ordering::Relaxed) == self.at { self.fate } else { Fate::Done }
    }
}

#[tokio::test]
async fn whatever_call_of_a_redrive_fails_each_part_is_done_once() {
    for (name, definition, input) in cases() {
        let (events, output) = sound(&definition, &input).await;
        let mut calls = 0;
        for at in 0..40 {
            for fate in [Fate::FailBefore, Fate::FailAfter] {
                let mut world: Rough<Mendable> = Rough::new(0, Trouble::default());
                let id = start(&world.ports, &definition, &input).await;
                assert_eq!(world.end(&id).await, ExecutionStatus::Failed);
                world.script.mended.store(true, Ordering::Relaxed);
                let watcher = Arc::new(One { at, fate, seen: AtomicUsize::new(0) });
                let dying = Watched::new(world.memory.clone(), Arc::clone(&watcher));
                let asked = RedriveExecution { token: Some("once".to_owned()), ..RedriveExecution::default() };
                let place = format!("case '{name}', call {at} {fate:?}");
                if redrive_execution(&dying, &id, asked).await.is_err() {
                    redrive(&world.ports, &id, &place).await;
                }
                calls = calls.max(watcher.seen.load(Ordering::Relaxed));
                assert_eq!(world.end(&id).await, ExecutionStatus::Succeeded, "{place}");
                let items = history(&world.memory, &id).await.unwrap();
                assert_eq!(once(&items), events, "a_redrive_reruns_each_failed_part_once: {place}");
                assert_eq!(count(&items, "ExecutionRedriven"), 1, "{place}");
                let view = describe_execution(&world.memory, &id).await.unwrap().unwrap();
                assert_eq!(view.output.unwrap(), output, "{place}");
            }
            if at >= calls {
                break;
            }
        }
        assert!(calls < 40, "{name}: some calls were not tried: there are {calls}");
    }
}

/// The parts whose success a history says: by the states that were left.
fn succeeded(items: &[HistoryItem], done: &BTreeMap<String, String>) -> BTreeSet<(u64, String)> {
    let left = items.iter().filter(|item| item.kind.name() == "TaskStateExited").map(|item| {
        let output = item.details.get("output").and_then(|output| output.get("n")).cloned();
        (item.id, part(item.details["name"].as_str().unwrap(), output.as_ref()))
    });
    left.filter(|(_, part)| done.values().any(|other| other == part)).collect()
}

#[tokio::test]
async fn a_map_run_is_redriven_with_its_failed_executions_only() {
    for (limit, kind) in [(0, "STANDARD"), (2, "STANDARD"), (2, "EXPRESS")] {
        // What is lost comes again too late for those five minutes that EXPRESS has.
        for seed in 0..if kind == "EXPRESS" { 1 } else { seeds(25) } {
            let trouble = if seed == 0 { Trouble::default() } else { Trouble::ALL };
            let mut world: Rough<Mendable> = Rough::new(seed, trouble);
            let at = format!("limit {limit}, {kind}, MILLRACE_SEED={seed}");
            let id = start(&world.ports, &distributed(limit, kind), &items(&[1, 4])).await;
            assert_eq!(world.end(&id).await, ExecutionStatus::Failed, "{at}");
            let runs = map_runs::list_map_runs(&world.memory, &id, 10, None).await.unwrap().items;
            let arn = runs[0].arn.clone();
            let all = MapExecutionFilter::default();
            let listed = |world: &Rough<Mendable>| {
                let memory = world.memory.clone();
                let arn = arn.clone();
                async move { map_runs::list_map_executions(&memory, &arn, all, 100, None).await.unwrap().unwrap().items }
            };
            world.script.mended.store(true, Ordering::Relaxed);
            redrive(&world.ports, &id, &at).await;
            let good: BTreeSet<String> = listed(&world)
                .await
                .into_iter()
                .filter(|one| one.status == ExecutionStatus::Succeeded)
                .map(|one| one.arn)
                .collect();
            assert_eq!(world.end(&id).await, ExecutionStatus::Succeeded, "no_accepted_execution_is_lost: {at}");
            let rest = world.memory.now().plus_millis(3 * 3600 * 1000);
            while world.memory.now() < rest {
                world.turn().await;
            }
            let view = map_runs::describe_map_run(&world.memory, &arn).await.unwrap().unwrap();
            assert_eq!((view.status.name(), view.redrive_count), ("SUCCEEDED", 1), "{at}");
            assert!(view.redriven_at.is_some() && view.stopped_at > view.redriven_at, "{at}");
            assert_eq!((view.items.succeeded, view.items.total), (6, 6), "{at}: {view:?}");
            let runs = map_runs::list_map_runs(&world.memory, &id, 10, None).await.unwrap().items;
            assert_eq!(runs.len(), 1, "it is the same run: {at}");
            let executions = listed(&world).await;
            assert_eq!(executions.len(), 6, "{at}");
            for execution in executions {
                assert_eq!(execution.status, ExecutionStatus::Succeeded, "{at}");
                let items = map_runs::map_execution_history(&world.memory, &execution.arn).await.unwrap().unwrap();
                let was_good = good.contains(&execution.arn);
                assert!(!was_good || execution.redrives == 0, "a_redrive_never_reruns_what_succeeded: {at}");
                let redriven = u32::try_from(count(&items, "ExecutionRedriven")).unwrap();
                assert_eq!(redriven, execution.redrives, "{at}");
                assert!(kind == "STANDARD" || redriven == 0, "those of type EXPRESS begin anew: {at}");
                assert_eq!(count(&items, "TaskSucceeded"), 2, "a_redrive_reruns_each_failed_part_once: {at}");
                assert_eq!(count(&items, "ExecutionSucceeded"), 1, "{at}");
                for (place, item) in items.iter().enumerate() {
                    assert_eq!(item.id, place as u64 + 1, "history_is_complete_and_ordered: {at}");
                    assert!(item.previous_event_id < item.id, "history_is_complete_and_ordered: {at}: {item:?}");
                }
            }
            let items = history(&world.memory, &id).await.unwrap();
            assert_eq!((count(&items, "MapRunStarted"), count(&items, "MapRunRedriven")), (1, 1), "{at}");
            let told = items.iter().find(|item| item.kind.name() == "MapRunRedriven").unwrap();
            assert_eq!(told.details["mapRunArn"], json!(arn), "{at}");
            assert_eq!(told.details["redriveCount"], json!(1), "{at}");
        }
    }
}

#[tokio::test]
async fn executions_that_a_redriven_run_has_not_come_to_are_pending() {
    let mut world: Rough<Mendable> = Rough::new(0, Trouble::default());
    let definition = distributed(1, "STANDARD");
    let input = json!({ "items": [{ "n": 0 }, { "n": 1, "bad": "Second" }, { "n": 2 }] });
    let id = start(&world.ports, &definition, &input).await;
    assert_eq!(world.end(&id).await, ExecutionStatus::Failed);
    redrive(&world.ports, &id, "").await;
    let arn = map_runs::list_map_runs(&world.memory, &id, 10, None).await.unwrap().items[0].arn.clone();
    let wanted = MapExecutionFilter { status: Some(ExecutionStatus::PendingRedrive), redriven: None };
    let pending = map_runs::list_map_executions(&world.memory, &arn, wanted, 10, None).await.unwrap().unwrap().items;
    assert_eq!(pending.len(), 1);
    let view = map_runs::describe_map_run(&world.memory, &arn).await.unwrap().unwrap();
    assert_eq!((view.status.name(), view.items.pending_redrive, view.items.pending), ("RUNNING", 1, 1), "{view:?}");
    assert_eq!((view.items.succeeded, view.items.failed), (1, 0), "{view:?}");
    // Still broken: it fails again, and is redriven again.
    assert_eq!(world.end(&id).await, ExecutionStatus::Failed);
    let view = map_runs::describe_map_run(&world.memory, &arn).await.unwrap().unwrap();
    assert_eq!((view.status.name(), view.items.failed, view.items.pending_redrive), ("FAILED", 1, 0), "{view:?}");
    world.script.mended.store(true, Ordering::Relaxed);
    redrive_execution(&world.ports, &id, RedriveExecution::default()).await.unwrap();
    assert_eq!(world.end(&id).await, ExecutionStatus::Succeeded);
    let view = map_runs::describe_map_run(&world.memory, &arn).await.unwrap().unwrap();
    assert_eq!((view.redrive_count, view.items.succeeded, view.items.pending), (2, 3, 0), "{view:?}");
    let redriven = MapExecutionFilter { status: None, redriven: Some(true) };
    let redriven = map_runs::list_map_executions(&world.memory, &arn, redriven, 10, None).await.unwrap().unwrap().items;
    assert_eq!(redriven.iter().map(|one| one.redrives).collect::<Vec<_>>(), [2]);
    let items = map_runs::map_execution_history(&world.memory, &redriven[0].arn).await.unwrap().unwrap();
    assert_eq!(count(&items, "TaskStateEntered"), 2, "each state is entered once: {items:?}");
    let output = describe_execution(&world.memory, &id).await.unwrap().unwrap().output.unwrap();
    assert_eq!(output["done"], json!([{ "n": 0 }, { "n": 1, "bad": "Second" }, { "n": 2 }]));
}

#[tokio::test]
async fn a_corrected_definition_keeps_the_branches_that_it_leaves_as_they_were() {
    let other = |branch: usize, state: &str| {
        let mut definition = cases().swap_remove(0).1;
        definition["States"]["S"]["Branches"][branch]["States"][state]["Comment"] = json!("another one");
        definition
    };
    // Which of the finished tasks are done again when a branch changes.
    for (branch, state, again) in [(2, "Second", vec![]), (0, "Good", vec!["Good null"])] {
        let mut world: Rough<Mendable> = Rough::new(0, Trouble::default());
        let (_, definition, input) = cases().swap_remove(0);
        let id = start(&world.ports, &definition, &input).await;
        assert_eq!(world.end(&id).await, ExecutionStatus::Failed);
        world.script.mended.store(true, Ordering::Relaxed);
        let before = world.script.done();
        let digest = stored(&world, &other(branch, state)).await;
        let definition = Some(OtherDefinition { digest, revision: None });
        redrive_execution(&world.ports, &id, RedriveExecution { definition, ..Default::default() }).await.unwrap();
        assert_eq!(world.end(&id).await, ExecutionStatus::Succeeded);
        let fresh = world
            .script
            .done()
            .into_iter()
            .filter(|(attempt, _)| attempt.contains(id.as_str()) && !before.contains_key(attempt));
        let mut fresh: Vec<String> = fresh.map(|(_, part)| part).collect();
        fresh.sort();
        let mut expected: Vec<String> = again.iter().map(ToString::to_string).collect();
        expected.extend(["Second null".to_owned(), "Third null".to_owned()]);
        assert_eq!(fresh, expected, "{state}");
    }
}

/// Stores a definition as a start does; answers its digest.
async fn stored(world: &Rough<Mendable>, definition: &Value) -> String {
    let start = millrace_app::executions::StartExecution {
        id: ExecutionId::derived("other"),
        owner: "test".into(),
        name: "other".into(),
        definition: definition.to_string().into(),
        input: json!({}),
        project: None,
        payload_limit: millrace_app::PayloadLimit::None,
        workflow: None,
        waiting: None,
        attributes: millrace_app::executions::Attributes::new(),
        priority: None,
    };
    let id = start.id.clone();
    millrace_app::executions::start_execution(&world.memory, start).await.unwrap();
    let digest = describe_execution(&world.memory, &id).await.unwrap().unwrap().execution.definition;
    millrace_app::executions::stop_execution(&world.memory, &id, None, None).await.unwrap();
    digest
}

//! Distributed maps, tried by seeds: whatever goes wrong, every item is processed, its result counts once, and the run
//! ends as an undisturbed one does.
//!
//! `MILLRACE_SEEDS` and `MILLRACE_SEED` as in `engine.rs`; `MILLRACE_CASE` names one case.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::collections::{BTreeMap, BTreeSet};

use millrace_app::executions::{ExecutionStatus, HistoryItem};
use millrace_simulation::Call;
use millrace_simulation::world::{Ending, Trouble, World};
use serde_json::{Value, json};

/// What two runs have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Same {
    /// Every execution's end.
    Everything,
    /// The run's end: how far others come before it fails is a matter of time.
    End,
}

struct Case {
    definition: Value,
    input: Value,
    same: Same,
    /// Of a hundred seeds so many are tried.
    share: u64,
}

fn map(states: &Value, more: &Value) -> Value {
    let start = states.as_object().unwrap().keys().next().unwrap().clone();
    let mut state = json!({
        "Type": "Map", "Label": "Each", "ItemsPath": "$.items", "End": true,
        "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": start, "States": states,
        },
    });
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    state
}

fn one(state: &Value) -> Value {
    json!({ "StartAt": "M", "States": { "M": state, "After": { "Type": "Succeed" } } })
}

fn task() -> Value {
    json!({ "A work": { "Type": "Task", "Resource": "millrace:agent:dev", "End": true } })
}

fn two_tasks() -> Value {
    json!({
        "A first": { "Type": "Task", "Resource": "millrace:agent:dev", "ResultPath": null, "Next": "B second" },
        "B second": { "Type": "Task", "Resource": "millrace:agent:qa", "End": true },
    })
}

fn mixed() -> Value {
    json!({
        "A which": { "Type": "Choice", "Choices": [{ "Variable": "$.work", "IsPresent": true, "Next": "Work" }],
                     "Default": "Echo" },
        "Work": { "Type": "Task", "Resource": "millrace:agent:dev", "End": true },
        "Echo": { "Type": "Pass", "End": true },
    })
}

fn items(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({ "n": n, "work": true })).collect()
}

fn cases() -> BTreeMap<&'static str, Case> {
    let mut cases = BTreeMap::new();
    let mut add = |name, share, same, state: Value, input: Value| {
        let definition = if state.get("StartAt").is_some() { state } else { one(&state) };
        cases.insert(name, Case { definition, input, same, share });
    };
    let all = Same::Everything;
    let half: Vec<Value> =
        (0..9).map(|n| if n % 2 == 0 { json!({ "n": n, "work": true }) } else { json!({ "n": n }) }).collect();
    let failing: Vec<Value> = (0..8)
        .map(|n| match n % 3 {
            0 => json!({ "n": n, "work": true, "fail": "Test.Broken" }),
            _ => json!({ "n": n, "work": true }),
        })
        .collect();
    let caught = json!([{ "ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "After" }]);
    add(
        "passes",
        100,
        all,
        map(&json!({ "Echo": { "Type": "Pass", "End": true } }), &json!({})),
        json!({ "items": items(5) }),
    );
    add("tasks", 100, all, map(&two_tasks(), &json!({})), json!({ "items": items(6) }));
    add("in turn", 100, all, map(&task(), &json!({ "MaxConcurrency": 2 })), json!({ "items": items(6) }));
    add("mixed", 100, all, map(&mixed(), &json!({})), json!({ "items": half }));
    add("mixed in turn", 100, all, map(&mixed(), &json!({ "MaxConcurrency": 2 })), json!({ "items": half }));
    add("pages in turn", 6, all, map(&mixed(), &json!({ "MaxConcurrency": 3 })), json!({ "items": items(90) }));
    add("some may fail", 100, all, map(&mixed(), &json!({ "ToleratedFailureCount": 3 })), json!({ "items": failing }));
    add(
        "some may fail in turn",
        100,
        all,
        map(&mixed(), &json!({ "ToleratedFailurePercentage": 40, "MaxConcurrency": 2 })),
        json!({ "items": failing }),
    );
    add(
        "all may fail",
        50,
        all,
        map(&mixed(), &json!({ "ToleratedFailurePercentage": 100 })),
        json!({ "items": failing }),
    );
    add(
        "too many fail",
        100,
        Same::End,
        map(&mixed(), &json!({ "ToleratedFailureCount": 2, "Catch": caught })),
        json!({ "items": failing }),
    );
    add(
        "too many fail in turn",
        100,
        Same::End,
        map(&two_tasks(), &json!({ "MaxConcurrency": 2 })),
        json!({ "items": [{ "n": 0 }, { "n": 1, "fail": "Test.Broken" }, { "n": 2 }] }),
    );
    let reader = |key: &str, kind: &str| {
        json!({ "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject", "Parameters": { "Bucket": "samples", "Key": key },
            "ReaderConfig": { "InputType": kind, "CSVHeaderLocation": "FIRST_ROW" },
        } })
    };
    add("read json", 60, all, map(&task(), &reader("people.json", "JSON")), json!({}));
    add("read csv", 60, all, map(&task(), &reader("people.csv", "CSV")), json!({}));
    let mut both = reader("people.jsonl", "JSONL");
    both.as_object_mut().unwrap().insert(
        "ResultWriter".into(),
        json!({ "Resource": "arn:aws:states:::s3:putObject", "Parameters": { "Bucket": "results", "Prefix": "run" },
                "WriterConfig": { "Transformation": "COMPACT", "OutputType": "JSON" } }),
    );
    both.as_object_mut().unwrap().insert("ItemBatcher".into(), json!({ "MaxItemsPerBatch": 2 }));
    add("read, group and write", 60, all, map(&task(), &both), json!({}));
    let inner = map(&task(), &json!({ "Label": "Inner" }));
    add(
        "a map run in a map run",
        60,
        all,
        map(&json!({ "Inside": inner }), &json!({ "MaxConcurrency": 1 })),
        json!({ "items": [{ "items": items(2) }, { "items": items(3) }] }),
    );
    let side = json!({ "StartAt": "P", "States": { "P": { "Type": "Parallel", "End": true, "Branches": [
        one(&map(&task(), &json!({}))),
        { "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 5, "End": true } } },
    ] } } });
    add("beside a wait", 60, all, without(side), json!({ "items": items(3) }));
    add(
        "tried again",
        60,
        Same::End,
        map(
            &task(),
            &json!({ "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1 }],
                     "Catch": caught }),
        ),
        json!({ "items": [{ "n": 0 }, { "n": 1, "fail": "Test.Broken" }] }),
    );
    cases
}

/// A branch has no use for the state after the Map.
fn without(mut definition: Value) -> Value {
    for branch in definition.pointer_mut("/States/P/Branches").unwrap().as_array_mut().unwrap() {
        branch.pointer_mut("/States").unwrap().as_object_mut().unwrap().remove("After");
    }
    definition
}

/// A value without the names that differ from run to run.
fn nameless(value: &Value) -> Value {
    match value {
        Value::String(text) if text.contains(":mapRun:") || text.starts_with("run/") => json!("…"),
        Value::Array(items) => items.iter().map(nameless).collect(),
        Value::Object(fields) if fields.contains_key("ExecutionArn") => {
            json!({ "Error": fields.get("Error"), "Input": fields.get("Input"), "Status": fields.get("Status") })
        }
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), nameless(value))).collect(),
        other => other.clone(),
    }
}

fn essence(history: &[HistoryItem]) -> Vec<String> {
    let line = |item: &HistoryItem| format!("{} {}", item.kind.name(), nameless(&Value::Object(item.details.clone())));
    let mut lines: Vec<String> = history.iter().map(line).collect();
    if history.iter().any(|item| item.kind.name().starts_with("Parallel")) {
        lines.sort();
    }
    lines
}

fn world(case: &Case, seed: u64, trouble: Trouble) -> World {
    World { definition: case.definition.to_string(), input: case.input.clone(), seed, trouble, stop_after: None }
}

fn check(name: &str, seed: u64, case: &Case, calm: &Ending, ending: &Ending) {
    let at = format!("case '{name}', MILLRACE_SEED={seed}");
    assert_ne!(ending.status, ExecutionStatus::Running, "no_accepted_execution_is_lost: {at}, after {:?}", ending.took);
    assert_eq!(ending.status, calm.status, "each_transition_commits_exactly_once: {at}");
    assert_eq!(essence(&ending.history), essence(&calm.history), "the_run_ends_as_it_would: {at}");
    for (place, item) in ending.history.iter().enumerate() {
        assert_eq!(item.id, place as u64 + 1, "history_is_complete_and_ordered: {at}");
        assert!(item.previous_event_id < item.id, "history_is_complete_and_ordered: {at}: {item:?}");
    }
    assert_eq!(ending.map_runs.len(), calm.map_runs.len(), "each_run_is_recorded_once: {at}");
    for ((view, executions), (calm_view, calm_executions)) in ending.map_runs.iter().zip(&calm.map_runs) {
        assert_eq!(view.status, calm_view.status, "each_run_is_recorded_once: {at}");
        let names: BTreeSet<&str> = executions.iter().map(|execution| execution.arn.as_str()).collect();
        assert_eq!(names.len(), executions.len(), "each_execution_has_a_name_of_its_own: {at}");
        if case.same == Same::Everything {
            assert_eq!(view.items, calm_view.items, "each_item_counts_once: {at}");
            assert_eq!(view.executions, calm_view.executions, "each_item_counts_once: {at}");
            let ends = |executions: &[millrace_app::map_runs::MapExecution]| -> Vec<(String, String)> {
                let end = |one: &millrace_app::map_runs::MapExecution| {
                    let end =
                        format!("{} {:?} {:?}", one.status.name(), one.output.as_ref().map(nameless), one.failure);
                    (one.input.to_string(), end)
                };
                executions.iter().map(end).collect()
            };
            assert_eq!(ends(executions), ends(calm_executions), "a_result_is_observed_at_most_once: {at}");
        }
    }
    if case.same == Same::Everything {
        for attempt in calm.tasks.keys() {
            assert!(ending.tasks.contains_key(attempt), "each_item_is_processed: {at}: {attempt}");
        }
        let files = |ending: &Ending| -> Vec<Value> {
            ending.results.values().map(|text| nameless(&serde_json::from_str(text).unwrap())).collect()
        };
        assert_eq!(files(ending), files(calm), "the_same_results_are_written: {at}");
    }
    assert!(ending.alive.is_empty(), "nothing_is_left_running: {at}: {:?}", ending.alive);
}

fn seeds(share: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("MILLRACE_SEED") {
        Some(seed) => vec![seed],
        None => (1..=(number("MILLRACE_SEEDS").unwrap_or(100) * share / 100).max(2)).collect(),
    }
}

#[tokio::test]
async fn whatever_goes_wrong_each_item_is_processed_and_counts_once() {
    let only = std::env::var("MILLRACE_CASE").ok();
    for (name, case) in cases().into_iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name)) {
        let calm = world(&case, 0, Trouble::default()).run().await;
        assert_ne!(calm.status, ExecutionStatus::Running, "{name}: lost although nothing went wrong");
        assert!(calm.tasks.values().all(|times| *times == 1), "{name}: done twice although nothing went wrong");
        assert_eq!((calm.dead, calm.left), (0, 0), "{name}");
        check(name, 0, &case, &calm, &calm);
        for seed in seeds(case.share) {
            let ending = world(&case, seed, Trouble::ALL).run().await;
            check(name, seed, &case, &calm, &ending);
        }
    }
}

#[tokio::test]
async fn executions_have_histories_of_their_own_and_the_run_counts_them() {
    let case = cases().remove("some may fail").unwrap();
    let ending = world(&case, 0, Trouble::default()).run().await;
    let kinds: Vec<&str> = ending.history.iter().map(|item| item.kind.name()).collect();
    assert_eq!(
        kinds,
        [
            "ExecutionStarted",
            "MapStateEntered",
            "MapStateStarted",
            "MapRunStarted",
            "MapRunSucceeded",
            "MapStateSucceeded",
            "MapStateExited",
            "ExecutionSucceeded"
        ]
    );
    let (view, executions) = ending.map_runs.first().unwrap();
    assert_eq!((view.items.total, view.items.succeeded, view.items.failed, view.items.pending), (8, 5, 3, 0));
    assert_eq!(executions.len(), 8);
    let failed = executions.iter().find(|execution| execution.status == ExecutionStatus::Failed).unwrap();
    assert!(failed.arn.starts_with("arn:aws:states:us-east-1:000000000000:execution:world/Each:"), "{}", failed.arn);
    assert_eq!(failed.failure.as_ref().and_then(|why| why.error.as_deref()), Some("Test.Broken"));
}

#[tokio::test]
async fn the_results_are_written_with_a_manifest() {
    let case = cases().remove("read, group and write").unwrap();
    let ending = world(&case, 0, Trouble::default()).run().await;
    let (view, executions) = ending.map_runs.first().unwrap();
    assert_eq!((view.items.total, view.executions.total, view.executions.results_written), (7, 4, 4));
    assert_eq!(executions.len(), 4);
    let manifest = ending.results.iter().find(|(key, _)| key.ends_with("/manifest.json")).unwrap().1;
    let manifest: Value = serde_json::from_str(manifest).unwrap();
    assert_eq!(manifest.get("MapRunArn"), Some(&json!(view.arn)));
    let key = manifest.pointer("/ResultFiles/SUCCEEDED/0/Key").and_then(Value::as_str).unwrap();
    let results: Vec<Value> = serde_json::from_str(ending.results.get(key).unwrap()).unwrap();
    assert_eq!(results.len(), 4);
    assert_eq!(manifest.pointer("/ResultFiles/FAILED"), Some(&json!([])));
}

#[tokio::test]
async fn items_are_read_in_pages_and_keep_the_cost_budget() {
    let state = map(
        &task(),
        &json!({ "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject", "Parameters": { "Bucket": "samples", "Key": "many.csv" },
            "ReaderConfig": { "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" },
        } }),
    );
    let case = Case { definition: one(&state), input: json!({}), same: Same::Everything, share: 0 };
    let ending = world(&case, 0, Trouble::default()).run().await;
    assert_eq!(ending.status, ExecutionStatus::Succeeded);
    let (view, _) = ending.map_runs.first().unwrap();
    assert_eq!(view.items.succeeded, 2_500);
    let count = |wanted: fn(&Call) -> bool| -> u64 {
        ending.calls.iter().filter(|(call, _)| wanted(call)).map(|(_, times)| *times).sum()
    };
    let writes = count(|call| matches!(call, Call::LogAppend | Call::LogAppendJoin | Call::RecordWrite(_)));
    // One for the end of an item with its count, which the store makes one transaction of two.
    assert!(writes <= 2_500 + 40, "{writes} writes for 2,500 items: {:?}", ending.calls);
    assert!(view.executions.total == 2_500);
}

#[tokio::test]
async fn a_stop_ends_the_run_and_its_executions() {
    let state = map(&json!({ "W": { "Type": "Wait", "Seconds": 86_400, "End": true } }), &json!({}));
    let case = Case { definition: one(&state), input: json!({ "items": items(3) }), same: Same::End, share: 0 };
    for seed in seeds(30) {
        let world = World {
            stop_after: Some(std::time::Duration::from_secs(60)),
            ..world(&case, seed, if seed == 1 { Trouble::default() } else { Trouble::ALL })
        };
        let ending = world.run().await;
        assert_eq!(ending.status, ExecutionStatus::Aborted, "MILLRACE_SEED={seed}");
        assert!(ending.alive.is_empty(), "nothing_is_left_running: MILLRACE_SEED={seed}: {:?}", ending.alive);
        for (view, executions) in &ending.map_runs {
            assert_eq!(view.status.name(), "ABORTED", "MILLRACE_SEED={seed}");
            assert!(executions.iter().all(|one| one.status == ExecutionStatus::Aborted), "MILLRACE_SEED={seed}");
        }
    }
}

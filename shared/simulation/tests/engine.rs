//! The engine's promises, tried by seeds: whatever goes wrong, the end and the history are those of an undisturbed run.
//!
//! `MILLRACE_SEEDS=1000000 cargo nextest run -p millrace-simulation` tries a million; `MILLRACE_SEED=N` tries one.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "these are tests")]

use std::collections::BTreeMap;

use millrace_app::executions::{ExecutionStatus, HistoryItem};
use millrace_simulation::world::{Ending, Trouble, World};
use serde_json::{Value, json};

/// Seeds that once found a bug, and the definition in which they did.
const FOUND: [(&str, u64); 0] = [];

fn task(next: &str) -> Value {
    let mut state = json!({ "Type": "Task", "Resource": "millrace:agent:dev", "ResultPath": "$.result" });
    let end = if next.is_empty() { ("End", json!(true)) } else { ("Next", json!(next)) };
    state.as_object_mut().unwrap().insert(end.0.to_owned(), end.1);
    state
}

/// A task that somebody outside ends.
fn token(next: &str) -> Value {
    let mut state = task(next);
    state["Resource"] = json!("arn:aws:states:::sqs:sendMessage.waitForTaskToken");
    state
}

fn map(limit: u64, inner: Value) -> Value {
    json!({
        "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": limit, "End": true,
        "ItemProcessor": { "StartAt": "Inner", "States": { "Inner": inner } },
    })
}

fn cases() -> BTreeMap<&'static str, (Value, Value)> {
    let retry = json!([{ "ErrorEquals": ["Test.NotYet"], "IntervalSeconds": 2, "MaxAttempts": 3 }]);
    let mut retried = task("");
    retried.as_object_mut().unwrap().insert("Retry".into(), retry.clone());
    let mut mixed = map(2, task(""));
    mixed["ItemProcessor"] = json!({ "StartAt": "Which", "States": {
        "Which": { "Type": "Choice", "Choices": [{ "Variable": "$.work", "BooleanEquals": true, "Next": "Inner" }],
                   "Default": "Skip" },
        "Skip": { "Type": "Pass", "End": true }, "Inner": task("Then"), "Then": task(""),
    }});
    let mut failing = map(0, json!({ "Type": "Task", "Resource": "millrace:agent:qa", "End": true }));
    failing["Catch"] = json!([{ "ErrorEquals": ["Test.Broken"], "ResultPath": "$.failure", "Next": "After" }]);
    let nested = json!({
        "Type": "Map", "ItemsPath": "$.waves", "MaxConcurrency": 1, "ResultPath": "$.built", "Next": "Check",
        "ItemSelector": { "items.$": "$$.Map.Item.Value" },
        "ItemProcessor": { "StartAt": "Wave", "States": { "Wave": {
            "Type": "Map", "ItemsPath": "$.items", "End": true,
            "ItemProcessor": { "StartAt": "Build", "States": { "Build": retried.clone() } },
        }}},
    });
    let mut beating = token("");
    // More than the message that begins the task can be held up.
    beating["HeartbeatSeconds"] = json!(40_000);
    let items =
        |work: &[bool]| work.iter().enumerate().map(|(n, work)| json!({"n": n, "work": work})).collect::<Vec<_>>();
    BTreeMap::from([
        ("chain", (json!({ "StartAt": "A", "States": { "A": task("B"), "B": task("C"), "C": task("") } }), json!({}))),
        ("retry", (json!({ "StartAt": "A", "States": { "A": retried } }), json!({ "fail_until": 3 }))),
        (
            "fail",
            (json!({ "StartAt": "A", "States": { "A": task("B"), "B": task("") } }), json!({ "fail": "Test.Broken" })),
        ),
        (
            "wait",
            (
                json!({ "StartAt": "A", "States": {
                "A": { "Type": "Wait", "Seconds": 1800, "Next": "B" }, "B": task("C"),
                "C": { "Type": "Wait", "Seconds": 3, "End": true } } }),
                json!({}),
            ),
        ),
        (
            "timeout",
            (
                json!({ "StartAt": "A", "TimeoutSeconds": 60, "States": { "A": { "Type": "Wait", "Seconds": 600, "End": true } } }),
                json!({}),
            ),
        ),
        (
            "parallel",
            (
                json!({ "StartAt": "P", "States": { "P": { "Type": "Parallel", "End": true, "Branches": [
                { "StartAt": "P1", "States": { "P1": { "Type": "Pass", "End": true } } },
                { "StartAt": "T1", "States": { "T1": task("T2"), "T2": task("") } },
                { "StartAt": "W1", "States": { "W1": { "Type": "Wait", "Seconds": 5, "End": true } } },
            ] } } }),
                json!({}),
            ),
        ),
        (
            "map",
            (json!({ "StartAt": "M", "States": { "M": map(0, task("")) } }), json!({ "items": items(&[true; 7]) })),
        ),
        (
            "map in turn",
            (
                json!({ "StartAt": "M", "States": { "M": mixed } }),
                json!({ "items": items(&[true, false, true, true, false, true, false]) }),
            ),
        ),
        (
            "map caught",
            (
                json!({ "StartAt": "M", "States": { "M": failing, "After": task("") } }),
                json!({ "items": [{ "fail": "Test.Broken" }] }),
            ),
        ),
        (
            "token",
            (
                json!({ "StartAt": "A", "States": { "A": token("B"), "B": token("C"), "C": task("") } }),
                json!({ "n": 1 }),
            ),
        ),
        ("token fails", (json!({ "StartAt": "A", "States": { "A": token("") } }), json!({ "fail": "Test.Broken" }))),
        ("submit fails", (json!({ "StartAt": "A", "States": { "A": token("") } }), json!({ "refused": true }))),
        ("heartbeats", (json!({ "StartAt": "A", "States": { "A": beating } }), json!({ "beat_for": 70_000 }))),
        (
            "map of tokens",
            (json!({ "StartAt": "M", "States": { "M": map(2, token("")) } }), json!({ "items": items(&[true; 5]) })),
        ),
        (
            "waves",
            (
                json!({ "StartAt": "W", "States": { "W": nested, "Check": task("") } }),
                json!({ "waves": [[{ "n": 1 }, { "n": 2, "fail_until": 2 }], [{ "n": 3 }]] }),
            ),
        ),
    ])
}

/// What must be the same in every run: each event with its details, in order where only one thread runs.
fn essence(history: &[HistoryItem]) -> Vec<String> {
    let mut events: Vec<String> =
        history.iter().map(|item| format!("{} {}", item.kind.name(), Value::Object(item.details.clone()))).collect();
    if history.iter().any(|item| item.kind.name().starts_with("Map") || item.kind.name().starts_with("Parallel")) {
        events.sort();
    }
    events
}

async fn undisturbed(name: &str, definition: &Value, input: &Value) -> Ending {
    let world = World {
        definition: definition.to_string(),
        input: input.clone(),
        seed: 0,
        trouble: Trouble::default(),
        stop_after: None,
    };
    let ending = world.run().await;
    assert_ne!(ending.status, ExecutionStatus::Running, "{name}: lost although nothing went wrong");
    assert!(
        ending.tasks.values().all(|times| *times == 1),
        "{name}: a task was done twice although nothing went wrong"
    );
    assert_eq!(ending.dead, 0, "{name}");
    ending
}

fn check(name: &str, seed: u64, calm: &Ending, ending: &Ending) {
    let at = format!("case '{name}', MILLRACE_SEED={seed}");
    assert_ne!(ending.status, ExecutionStatus::Running, "no_accepted_execution_is_lost: {at}, after {:?}", ending.took);
    assert_eq!(ending.status, calm.status, "each_transition_commits_exactly_once: {at}");
    assert_eq!(essence(&ending.history), essence(&calm.history), "a_result_is_observed_at_most_once: {at}");
    for (place, item) in ending.history.iter().enumerate() {
        assert_eq!(item.id, place as u64 + 1, "history_is_complete_and_ordered: {at}");
        assert!(item.previous_event_id < item.id, "history_is_complete_and_ordered: {at}: {item:?}");
    }
    for attempt in calm.tasks.keys() {
        assert!(ending.tasks.contains_key(attempt), "each_attempt_is_delivered_at_least_once: {at}: {attempt}");
    }
}

fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("MILLRACE_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("MILLRACE_SEEDS").unwrap_or(300)).collect(),
    }
}

#[tokio::test]
async fn whatever_goes_wrong_the_end_and_the_history_are_the_same() {
    for (name, (definition, input)) in cases() {
        let calm = undisturbed(name, &definition, &input).await;
        let found = FOUND.iter().filter(|(case, _)| *case == name).map(|(_, seed)| *seed);
        for seed in seeds().into_iter().chain(found) {
            let world = World {
                definition: definition.to_string(),
                input: input.clone(),
                seed,
                trouble: Trouble::ALL,
                stop_after: None,
            };
            let ending = world.run().await;
            check(name, seed, &calm, &ending);
        }
    }
}

#[tokio::test]
async fn an_undisturbed_history_reads_as_the_service_writes_it() {
    let (definition, input) = cases().remove("parallel").unwrap();
    let ending = undisturbed("parallel", &definition, &input).await;
    let lines: Vec<String> = ending
        .history
        .iter()
        .map(|item| format!("{} {} {}", item.id, item.previous_event_id, item.kind.name()))
        .collect();
    assert_eq!(lines.first().map(String::as_str), Some("1 0 ExecutionStarted"));
    assert_eq!(lines.get(1).map(String::as_str), Some("2 0 ParallelStateEntered"));
    assert_eq!(lines.get(2).map(String::as_str), Some("3 2 ParallelStateStarted"));
    assert!(lines.last().is_some_and(|line| line.ends_with("ExecutionSucceeded")), "{lines:#?}");
}

#[tokio::test]
async fn a_chain_of_tasks_keeps_the_cost_budget() {
    use millrace_simulation::Call;
    let states: serde_json::Map<String, Value> =
        (0..10).map(|n| (format!("T{n}"), task(&if n < 9 { format!("T{}", n + 1) } else { String::new() }))).collect();
    let definition = json!({ "StartAt": "T0", "States": states });
    let ending = undisturbed("budget", &definition, &json!({})).await;
    let count = |call: Call| ending.calls.get(&call).copied().unwrap_or_default();
    let writes = count(Call::LogAppend) + count(Call::RecordWrite(1));
    assert_eq!(writes, 12, "N + 2 writes for N task steps");
    assert_eq!(count(Call::LogRead), 0, "a task step reads no log");
    assert_eq!(count(Call::RecordGet), 1, "the end reads the record that it closes");
    assert_eq!(count(Call::Send(1)), 10, "one send a task step");
}

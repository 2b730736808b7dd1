//! Harder executions: fan-outs in fan-outs that fail, are caught, retried, stopped and timed out.
//!
//! `MILLRACE_SEEDS` and `MILLRACE_SEED` as in `engine.rs`; `MILLRACE_CASE` names one case.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use millrace_app::executions::{ExecutionStatus, HistoryItem};
use millrace_simulation::Call;
use millrace_simulation::world::{Ending, Trouble, World};
use serde_json::{Value, json};

/// What two runs have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Same {
    /// Every event.
    History,
    /// The end: how far siblings of a failure come is a matter of time.
    End,
}

struct Case {
    definition: Value,
    input: Value,
    same: Same,
    stop_after: Option<Duration>,
    /// The longest that it may take in hours, whatever goes wrong.
    hours: u64,
}

fn case(same: Same, hours: u64, definition: Value, input: Value) -> Case {
    Case { definition, input, same, stop_after: None, hours }
}

fn agent(name: &str, next: Option<&str>) -> Value {
    let mut state = json!({ "Type": "Task", "Resource": format!("millrace:agent:{name}"), "ResultPath": null });
    go(&mut state, next);
    state
}

fn go(state: &mut Value, next: Option<&str>) {
    let state = state.as_object_mut().unwrap();
    match next {
        Some(next) => state.insert("Next".into(), json!(next)),
        None => state.insert("End".into(), json!(true)),
    };
}

fn with(mut state: Value, more: &Value) -> Value {
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    state
}

fn machine(start: &str, states: &Value) -> Value {
    json!({ "StartAt": start, "States": states })
}

fn map(limit: u64, items: &str, processor: Value, more: &Value) -> Value {
    let state = json!({
        "Type": "Map", "ItemsPath": items, "MaxConcurrency": limit, "ItemProcessor": processor, "ResultPath": null,
    });
    with(state, more)
}

fn parallel(branches: &[Value], more: &Value) -> Value {
    with(json!({ "Type": "Parallel", "Branches": branches, "ResultPath": null }), more)
}

fn catch(next: &str) -> Value {
    json!([{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": next }])
}

fn wait(seconds: u64, next: Option<&str>) -> Value {
    let mut state = json!({ "Type": "Wait", "Seconds": seconds });
    go(&mut state, next);
    state
}

fn pass(next: Option<&str>) -> Value {
    let mut state = json!({ "Type": "Pass" });
    go(&mut state, next);
    state
}

fn fail(error: &str) -> Value {
    json!({ "Type": "Fail", "Error": error, "Cause": "as told" })
}

/// A machine that never ends by itself.
fn forever(name: &str) -> Value {
    let (wait_at, task, more) = (format!("{name} waits"), format!("{name} works"), format!("{name} goes on"));
    let never = json!([{ "Variable": "$.stop", "IsPresent": true, "Next": format!("{name} ends") }]);
    machine(
        &wait_at,
        &json!({
            wait_at.as_str(): wait(60, Some(&task)), task.as_str(): agent("dev", Some(&more)),
            more.as_str(): { "Type": "Choice", "Choices": never, "Default": wait_at },
            format!("{name} ends"): { "Type": "Succeed" },
        }),
    )
}

/// Items with `bad` fail at once, the others do two tasks.
fn mixed(name: &str) -> Value {
    let [which, first, second, bad] = ["which", "first", "second", "bad"].map(|state| format!("{name} {state}"));
    let is_bad = json!([{ "Variable": "$.bad", "IsPresent": true, "Next": bad }]);
    machine(
        &which,
        &json!({
            which.as_str(): { "Type": "Choice", "Choices": is_bad, "Default": first },
            first.as_str(): agent("dev", Some(&second)), second.as_str(): with(agent("qa", None), &json!({ "ResultPath": "$" })),
            bad.as_str(): fail("Test.Bad"),
        }),
    )
}

fn end() -> Value {
    json!({ "End": true })
}

/// A Map in a Parallel in a Map: the innermost fails for some.
fn deep(outer: u64, inner: u64) -> Value {
    let leaf = machine("A", &json!({ "A": agent("dev", Some("B")), "B": agent("qa", None) }));
    let middle = parallel(
        &[
            machine(
                "I",
                &json!({ "I": map(inner, "$.items", leaf, &json!({ "Catch": catch("J"), "End": true })),
                             "J": agent("ops", None) }),
            ),
            machine("K", &json!({ "K": wait(3, Some("L")), "L": agent("dev", None) })),
        ],
        &json!({ "Next": "N" }),
    );
    let processor = machine("M", &json!({ "M": middle, "N": agent("qa", None) }));
    machine("O", &json!({ "O": map(outer, "$.groups", processor, &json!({ "Next": "Z" })), "Z": agent("pm", None) }))
}

fn groups(failing: &[usize]) -> Value {
    let group = |group: usize| {
        let item = |n: usize| match failing.contains(&(group * 3 + n)) {
            true => json!({ "n": n, "fail": "Test.Broken" }),
            false => json!({ "n": n }),
        };
        json!({ "group": group, "items": [item(0), item(1), item(2)] })
    };
    json!({ "groups": [group(0), group(1), group(2)] })
}

fn cases() -> BTreeMap<&'static str, Case> {
    let task_a = || machine("A", &json!({ "A": agent("dev", None) }));
    let mut cases = BTreeMap::new();
    cases.insert("three deep", case(Same::History, 24, deep(0, 0), groups(&[])));
    cases.insert("three deep in turn", case(Same::History, 24, deep(2, 1), groups(&[])));
    cases.insert("three deep, failures", case(Same::End, 24, deep(0, 0), groups(&[1, 2, 6])));
    cases.insert("three deep in turn, failures", case(Same::End, 24, deep(2, 2), groups(&[0, 4, 8])));
    // The second try of the Map succeeds.
    let again = machine(
        "Which",
        &json!({
            "Which": { "Type": "Choice", "Default": "Work",
                       "Choices": [{ "And": [{ "Variable": "$.try", "NumericLessThan": 2 },
                                             { "Variable": "$.n", "NumericEquals": 1 }], "Next": "First" }] },
            "First": agent("dev", Some("Broken")), "Broken": fail("Test.Broken"), "Work": agent("qa", None),
        }),
    );
    let retried = |limit: u64| {
        let more = json!({
            "ItemSelector": { "try.$": "$$.State.RetryCount", "n.$": "$$.Map.Item.Value" }, "End": true,
            "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 3 }],
        });
        machine("M", &json!({ "M": map(limit, "$.items", again.clone(), &more) }))
    };
    cases.insert("retried", case(Same::End, 24, retried(0), json!({ "items": [0, 1, 2, 3] })));
    cases.insert("retried in turn", case(Same::End, 24, retried(2), json!({ "items": [0, 1, 2, 3] })));
    // The first waits, the second fails at once; then another Map.
    for (name, limit, bad) in [("fails while it starts", 2, 1), ("fails when it goes on", 2, 3)] {
        let items: Vec<Value> =
            (0..4).map(|n| if n == bad { json!({ "bad": true, "n": n }) } else { json!({ "n": n }) }).collect();
        let definition = machine(
            "M",
            &json!({
                "M": map(limit, "$.items", mixed("one"), &json!({ "Catch": catch("Again"), "End": true })),
                "Again": map(limit, "$.more", mixed("other"), &json!({ "ResultPath": "$.again", "Next": "Z" })),
                "Z": agent("pm", None),
            }),
        );
        cases.insert(name, case(Same::End, 24, definition, json!({ "items": items, "more": [{}, {}, {}] })));
    }
    // A child that never ends by itself.
    let nested = machine("N", &json!({ "N": parallel(&[forever("n"), forever("m")], &end()) }));
    let broken = machine("A", &json!({ "A": agent("dev", Some("F")), "F": fail("Test.Broken") }));
    let definition = machine(
        "P",
        &json!({
            "P": parallel(&[forever("f"), nested.clone(), broken], &json!({ "Catch": catch("Z"), "End": true })),
            "Z": agent("pm", None),
        }),
    );
    cases.insert("children without end", case(Same::End, 24, definition, json!({})));
    let definition = machine("P", &json!({ "P": parallel(&[forever("f"), nested.clone()], &end()) }));
    let mut stopped = case(Same::End, 8, definition.clone(), json!({}));
    stopped.stop_after = Some(Duration::from_secs(200));
    cases.insert("stopped", stopped);
    cases.insert("timed out", case(Same::End, 8, with(definition, &json!({ "TimeoutSeconds": 300 })), json!({})));
    let slow = machine(
        "P",
        &json!({ "P": parallel(&[machine("W", &json!({ "W": wait(200_000, None) })), task_a()], &end()) }),
    );
    cases.insert(
        "times out while it waits",
        case(Same::End, 8, with(slow, &json!({ "TimeoutSeconds": 600 })), json!({})),
    );
    let slow = machine("W", &json!({ "W": wait(200_000, None) }));
    cases.insert(
        "times out in a wait",
        case(Same::History, 8, with(slow, &json!({ "TimeoutSeconds": 600 })), json!({})),
    );
    // A timeout far away says nothing of a message that was lost.
    let patient = with(agent("dev", Some("B")), &json!({ "TimeoutSeconds": 200_000 }));
    let definition = machine("A", &json!({ "A": patient, "B": agent("qa", None) }));
    cases.insert("a patient task", case(Same::History, 24, definition, json!({})));
    let unable = with(
        agent("dev", None),
        &json!({ "TimeoutSeconds": 30, "Catch": [{ "ErrorEquals": ["States.Timeout"], "Next": "C" }] }),
    );
    let processor = machine("U", &json!({ "U": unable, "C": agent("ops", None) }));
    let definition =
        machine("M", &json!({ "M": map(0, "$.items", processor, &json!({ "Next": "Z" })), "Z": agent("pm", None) }));
    cases.insert(
        "tasks time out",
        case(Same::End, 24, definition, json!({ "items": [{ "unable": true }, {}, { "unable": true }] })),
    );
    // Queries that fail name the event that entered the state.
    let query = with(agent("dev", None), &json!({ "ResultSelector": { "x.$": "$.missing" } }));
    let definition = machine(
        "A",
        &json!({
            "A": pass(Some("M")),
            "M": map(0, "$.items", machine("Q", &json!({ "Q": query })), &json!({ "Catch": catch("Z"), "End": true })),
            "Z": agent("pm", None),
        }),
    );
    cases.insert("a query fails", case(Same::History, 24, definition, json!({ "items": [1] })));
    // More states than one decision enters.
    let count = |to: u64| {
        machine(
            "N",
            &json!({
                "N": { "Type": "Pass", "Parameters": { "n.$": "States.MathAdd($.n, 1)" }, "Next": "Enough" },
                "Enough": { "Type": "Choice", "Choices": [{ "Variable": "$.n", "NumericLessThan": to, "Next": "N" }],
                            "Default": "T" },
                "T": agent("dev", None),
            }),
        )
    };
    cases.insert("long", case(Same::History, 24, count(2_000), json!({ "n": 0 })));
    let definition = machine("M", &json!({ "M": map(1, "$.items", count(1_400), &end()) }));
    cases.insert("long children", case(Same::History, 24, definition, json!({ "items": [{ "n": 0 }, { "n": 0 }] })));
    // Messages that carry nothing.
    let large = "x".repeat(300_000);
    let definition = machine(
        "A",
        &json!({
            "A": agent("dev", Some("M")),
            "M": map(0, "$.items", machine("B", &json!({ "B": agent("qa", Some("C")), "C": agent("dev", None) })), &json!({ "Next": "Z" })),
            "Z": agent("pm", None),
        }),
    );
    cases.insert(
        "large",
        case(Same::History, 24, definition, json!({ "items": [{ "text": large }, {}], "text": large })),
    );
    cases
}

fn line(item: &HistoryItem) -> String {
    format!("{} {}", item.kind.name(), Value::Object(item.details.clone()))
}

fn essence(history: &[HistoryItem]) -> Vec<String> {
    let mut events: Vec<String> = history.iter().map(line).collect();
    events.sort();
    events
}

fn world(case: &Case, seed: u64, trouble: Trouble) -> World {
    World {
        definition: case.definition.to_string(),
        input: case.input.clone(),
        seed,
        trouble,
        stop_after: case.stop_after,
    }
}

async fn undisturbed(name: &str, case: &Case) -> Ending {
    let ending = world(case, 0, Trouble::default()).run().await;
    assert_ne!(ending.status, ExecutionStatus::Running, "{name}: lost although nothing went wrong");
    if name != "tasks time out" {
        let twice: Vec<_> = ending.tasks.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{name}: done twice although nothing went wrong: {twice:?}");
        assert_eq!(ending.dead, 0, "{name}");
    }
    check(name, 0, &Trouble::default(), case, &ending, &ending);
    ending
}

fn check(name: &str, seed: u64, trouble: &Trouble, case: &Case, calm: &Ending, ending: &Ending) {
    let at = format!("case '{name}', MILLRACE_SEED={seed}");
    let history = &ending.history;
    assert_ne!(ending.status, ExecutionStatus::Running, "no_accepted_execution_is_lost: {at}, after {:?}", ending.took);
    assert!(ending.took < Duration::from_secs(case.hours * 3600), "within_a_stated_time: {at}: {:?}", ending.took);
    assert_eq!(ending.status, calm.status, "each_transition_commits_exactly_once: {at}");
    match case.same {
        Same::History => {
            assert_eq!(essence(history), essence(&calm.history), "a_result_is_observed_at_most_once: {at}");
        }
        Same::End => {
            let end = |ending: &Ending| ending.history.iter().find(|item| ends(item)).map(line);
            assert_eq!(end(ending), end(calm), "each_transition_commits_exactly_once: {at}");
        }
    }
    for (place, item) in history.iter().enumerate() {
        assert_eq!(item.id, place as u64 + 1, "history_is_complete_and_ordered: {at}");
        assert!(item.previous_event_id < item.id, "history_is_complete_and_ordered: {at}: {item:?}");
        assert!(
            item.id == 1 || item.previous_event_id > 0 || item.id == 2,
            "history_is_complete_and_ordered: {at}: {item:?}"
        );
    }
    assert_eq!(history.iter().filter(|item| ends(item)).count(), 1, "each_transition_commits_exactly_once: {at}");
    assert_eq!(ending.left, 0, "no_message_is_left: {at}");
    if trouble.lose == 0 {
        assert_eq!(ending.alive, [], "no_child_outlives_its_execution: {at}");
        let count = |kind: &str| history.iter().filter(|item| item.kind.name() == kind).count();
        assert_eq!(
            count("MapIterationStarted"),
            count("MapIterationSucceeded") + count("MapIterationFailed") + count("MapIterationAborted"),
            "history_is_complete_and_ordered: {at}"
        );
    }
}

fn ends(item: &HistoryItem) -> bool {
    item.kind.name().starts_with("Execution") && item.kind.name() != "ExecutionStarted"
}

fn seeds(name: &str) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let costly = name.starts_with("long") || name == "large";
    match number("MILLRACE_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("MILLRACE_SEEDS").unwrap_or(30) / if costly { 10 } else { 1 }).collect(),
    }
}

#[tokio::test]
async fn whatever_goes_wrong_the_end_is_the_same_and_nothing_is_left() {
    let only = std::env::var("MILLRACE_CASE").ok();
    for (name, case) in cases().into_iter().filter(|(name, _)| only.as_ref().is_none_or(|only| only == name)) {
        let calm = undisturbed(name, &case).await;
        for seed in seeds(name) {
            for trouble in [Trouble::ALL, Trouble::DURABLE] {
                let ending = world(&case, seed, trouble).run().await;
                check(name, seed, &trouble, &case, &calm, &ending);
            }
        }
    }
}

#[tokio::test]
async fn a_wide_map_keeps_the_cost_budget() {
    let items: Vec<u64> = (0..100).collect();
    let processor = machine("A", &json!({ "A": agent("dev", None) }));
    for limit in [0, 10] {
        let definition = machine("M", &json!({ "M": map(limit, "$.items", processor.clone(), &end()) }));
        let case = case(Same::History, 1, definition, json!({ "items": items }));
        let ending = undisturbed("budget", &case).await;
        let count = |call: Call| ending.calls.get(&call).copied().unwrap_or_default();
        let appends = count(Call::LogAppend) + 2 * count(Call::LogAppendJoin);
        assert!(appends <= 2 * 100 + 1, "at most 2 writes an item and the join: {appends}, limit {limit}");
        assert_eq!(count(Call::RecordWrite(1)), 2, "the start and the end");
        let sent: u64 = ending
            .calls
            .iter()
            .map(|(call, times)| if let Call::Send(many) = call { *many as u64 * times } else { 0 })
            .sum();
        assert_eq!(sent, 101, "one send an item and one join, limit {limit}");
    }
}

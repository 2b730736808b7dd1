//! What holds for every definition. The driver checks at every decision that the snapshot survives being stored, that a
//! repeated event decides nothing, that children start again as they started and that `pending` names what was sent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod driver;

use driver::{Answer, LogPath, Worker, World};
use millrace_asl::{Event, Failure, StateMachine};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// A state of a generated machine, before it has a name.
#[derive(Debug, Clone)]
enum Piece {
    Pass(Value),
    Task { timeout: bool, retry: Option<u32>, catch: Option<&'static str> },
    Choice { rule: Value, skip: usize },
    Wait(Value),
    Fail,
    Parallel { branches: Vec<Vec<Piece>>, retry: Option<u32>, catch: Option<&'static str> },
    Map { items: Value, limit: u32, each: Vec<Piece>, retry: Option<u32>, catch: Option<&'static str> },
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let retry = || proptest::option::of(0_u32..3);
    let catch = || proptest::option::of(select(vec!["States.ALL", "States.TaskFailed", "Bad"]));
    let passes = select(vec![
        json!({}),
        json!({ "Result": { "n": 1 }, "ResultPath": "$.made" }),
        json!({ "Parameters": { "n.$": "$.n", "all.$": "$$" } }),
        json!({ "Parameters": { "n.$": "States.MathRandom(0, 9)", "list.$": "States.ArrayRange(0, 3, 1)" } }),
        json!({ "InputPath": null, "OutputPath": null }),
        json!({ "OutputPath": "$.made" }),
    ]);
    let rules = select(vec![
        json!({ "Variable": "$.n", "IsPresent": true }),
        json!({ "Variable": "$.n", "NumericGreaterThan": 4 }),
        json!({ "Not": { "Variable": "$", "IsNull": true } }),
    ]);
    let waits = select(vec![
        json!({ "Seconds": 0 }),
        json!({ "Seconds": 5 }),
        json!({ "Timestamp": "2026-01-01T00:00:03Z" }),
        json!({ "SecondsPath": "$.n" }),
    ]);
    let leaf = prop_oneof![
        4 => passes.prop_map(Piece::Pass),
        4 => (any::<bool>(), retry(), catch()).prop_map(|(timeout, retry, catch)| Piece::Task { timeout, retry, catch }),
        2 => (rules, 0_usize..3).prop_map(|(rule, skip)| Piece::Choice { rule, skip }),
        2 => waits.prop_map(Piece::Wait),
        1 => Just(Piece::Fail),
    ];
    let tree = leaf.prop_recursive(3, 24, 3, move |inner| {
        let machine = || proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            (proptest::collection::vec(machine(), 1..4), retry(), catch())
                .prop_map(|(branches, retry, catch)| Piece::Parallel { branches, retry, catch }),
            (
                select(vec![json!([]), json!([1]), json!([1, { "n": 7 }, "x"]), json!([[0], 1, 2, 3, 4])]),
                0_u32..4,
                machine(),
                retry(),
                catch()
            )
                .prop_map(|(items, limit, each, retry, catch)| Piece::Map {
                    items,
                    limit,
                    each,
                    retry,
                    catch
                }),
        ]
    });
    proptest::collection::vec(tree, 1..6)
}

/// Gives names and writes the definition. Every state leads to the next; a choice may skip some.
fn machine(pieces: &[Piece], named: &mut usize) -> Map<String, Value> {
    let names: Vec<String> = (0..=pieces.len()).map(|place| format!("S{}", *named + place)).collect();
    *named += pieces.len() + 1;
    let mut states = Map::new();
    for (place, piece) in pieces.iter().enumerate() {
        let next = &names[place + 1];
        let mut state = match piece {
            Piece::Pass(fields) => with("Pass", fields),
            Piece::Task { timeout, .. } => {
                let mut state = with("Task", &json!({ "Resource": "millrace:function:shop/pack" }));
                if *timeout {
                    state.insert("TimeoutSeconds".to_owned(), json!(2));
                }
                state
            }
            Piece::Choice { rule, skip } => {
                let mut rule = rule.clone();
                rule["Next"] = json!(names[(place + 1 + skip).min(pieces.len())]);
                with("Choice", &json!({ "Choices": [rule], "Default": next }))
            }
            Piece::Wait(fields) => with("Wait", fields),
            Piece::Fail => with("Fail", &json!({ "Error": "Bad", "Cause": "as written" })),
            Piece::Parallel { branches, .. } => {
                let branches: Vec<_> = branches.iter().map(|branch| machine(branch, named)).collect();
                with("Parallel", &json!({ "Branches": branches }))
            }
            Piece::Map { items, limit, each, .. } => {
                // The items are made by a state of their own, so that the Map always finds an array.
                let maker = format!("{}Items", names[place]);
                states.insert(
                    names[place].clone(),
                    json!({ "Type": "Pass", "Result": items, "ResultPath": null, "Next": maker }),
                );
                let items = json!({ "Type": "Pass", "Parameters": { "items": items }, "Next": format!("{maker}Map") });
                states.insert(maker.clone(), items);
                let fields = json!({
                    "ItemsPath": "$.items", "MaxConcurrency": limit, "ItemProcessor": machine(each, named),
                });
                let mut map = with("Map", &fields);
                handle(&mut map, piece, &names[pieces.len()]);
                map.insert("Next".to_owned(), json!(next));
                states.insert(format!("{maker}Map"), Value::Object(map));
                continue;
            }
        };
        handle(&mut state, piece, &names[pieces.len()]);
        if !matches!(piece, Piece::Choice { .. } | Piece::Fail) {
            state.insert("Next".to_owned(), json!(next));
        }
        states.insert(names[place].clone(), Value::Object(state));
    }
    states.insert(names[pieces.len()].clone(), json!({ "Type": "Succeed" }));
    let mut machine = Map::new();
    machine.insert("StartAt".to_owned(), json!(names[0]));
    machine.insert("States".to_owned(), Value::Object(states));
    machine
}

fn with(kind: &str, fields: &Value) -> Map<String, Value> {
    let mut state = fields.as_object().unwrap().clone();
    state.insert("Type".to_owned(), json!(kind));
    state
}

fn handle(state: &mut Map<String, Value>, piece: &Piece, last: &str) {
    let (Piece::Task { retry, catch, .. } | Piece::Parallel { retry, catch, .. } | Piece::Map { retry, catch, .. }) =
        piece
    else {
        return;
    };
    if let Some(attempts) = retry {
        let retriers = json!([{
            "ErrorEquals": ["States.ALL"], "MaxAttempts": attempts, "JitterStrategy": "FULL", "MaxDelaySeconds": 9,
        }]);
        state.insert("Retry".to_owned(), retriers);
    }
    if let Some(error) = catch {
        state.insert("Catch".to_owned(), json!([{ "ErrorEquals": [error], "Next": last, "ResultPath": "$.why" }]));
    }
}

/// Answers by a hash of the state's name and the attempt.
fn worker(seed: u64) -> Worker {
    Box::new(move |state, times, input| {
        let mixed = state
            .bytes()
            .fold(seed ^ times as u64, |mixed, byte| (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let result = match (mixed >> 20) % 6 {
            0 => None,
            1 => Some(Err(Failure { error: Some("Bad".to_owned()), cause: None })),
            2 => Some(Err(Failure::default())),
            3 => Some(Ok(Value::Null)),
            _ => Some(Ok(input.clone())),
        };
        Answer { after: i64::try_from((mixed >> 33) % 3000).unwrap(), result }
    })
}

fn foreign() -> impl Strategy<Value = (i64, LogPath, Event)> {
    let log = proptest::collection::vec((0_u32..2, 0_u32..4), 0..3);
    let event = prop_oneof![
        (0_u32..6).prop_map(|id| Event::TaskSucceeded { id, output: json!("foreign") }),
        (0_u32..6).prop_map(|id| Event::TaskFailed { id, failure: Failure::new("Bad", "foreign") }),
        (0_u32..6).prop_map(|id| Event::TimerFired { id }),
        (2_u32..4).prop_map(|fanout| Event::ChildrenJoined { fanout: fanout + 40, outputs: vec![(0, Value::Null)] }),
        (2_u32..4).prop_map(|index| Event::ChildEnded { fanout: 40, index, failure: None }),
        Just(Event::Abort { failure: Failure::default() }),
    ];
    (0_i64..8000, log, event).prop_filter("only its parent aborts a child", |(_, log, event)| {
        log.is_empty() || !matches!(event, Event::Abort { .. })
    })
}

/// JSON that looks more like a definition than chance would have it.
fn likely_json() -> impl Strategy<Value = Value> {
    let keys = select(vec![
        "StartAt",
        "States",
        "A",
        "B",
        "Type",
        "Next",
        "End",
        "Resource",
        "Parameters",
        "x.$",
        "Choices",
        "Default",
        "Variable",
        "And",
        "Not",
        "NumericEquals",
        "IsPresent",
        "Branches",
        "ItemProcessor",
        "Iterator",
        "ItemsPath",
        "MaxConcurrency",
        "Retry",
        "Catch",
        "ErrorEquals",
        "ResultPath",
        "Seconds",
        "Timestamp",
        "TimeoutSeconds",
        "QueryLanguage",
        "ProcessorConfig",
        "Mode",
        "Result",
        "Error",
        "CausePath",
        "",
    ]);
    let texts = select(vec![
        "A",
        "B",
        "Pass",
        "Task",
        "Choice",
        "Wait",
        "Succeed",
        "Fail",
        "Parallel",
        "Map",
        "$",
        "$$",
        "$.a[0]",
        "$.",
        "$x",
        "States.Format('{}', $.a)",
        "States.ALL",
        "States.Nope(",
        "JSONPath",
        "JSONata",
        "INLINE",
        "DISTRIBUTED",
        "2026-01-01T00:00:00Z",
        "",
        "é\u{0}",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..200).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts.prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 80, 8, move |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            4 => proptest::collection::vec((keys.clone(), inner), 0..8)
                .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

/// Every place in a JSON value.
fn places(value: &Value, here: &str, all: &mut Vec<String>) {
    all.push(here.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| places(value, &format!("{here}/{}", key.replace('~', "~0")), all));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| places(value, &format!("{here}/{index}"), all));
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn valid_definitions_end_or_wait(pieces in pieces(), seed: u64, foreign in proptest::collection::vec(foreign(), 0..6)) {
        let definition = Value::Object(machine(&pieces, &mut 0));
        let machine = StateMachine::from_value(&definition).map_err(|problem| TestCaseError::fail(format!("{problem:?}")))?;
        let again = StateMachine::parse(&definition.to_string()).unwrap();
        prop_assert_eq!(machine.states(0).unwrap().states.len(), again.states(0).unwrap().states.len());
        let mut world = World::start(&machine, json!({ "n": 3 }), worker(seed));
        for (at, log, event) in foreign {
            world.plan(at, log, event);
        }
        prop_assert!(world.run(20_000), "it doesn't come to rest");
        let history = world.history();
        prop_assert!(history.len() < 200_000);
        for event in &history {
            prop_assert!(event.previous < event.id, "{} follows from what comes after it", event.kind.name());
        }
        let ends = history.iter().filter(|event| matches!(event.kind.name(),
            "ExecutionSucceeded" | "ExecutionFailed" | "ExecutionAborted" | "ExecutionTimedOut")).count();
        prop_assert_eq!(ends, usize::from(world.outcome().is_some()), "one end, when it has ended");
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*", yaml in "[A-Za-z:\\-\\[\\]{} \\n'\"|>&*!.$]{0,200}") {
        for text in [text, yaml] {
            if let Err(problem) = StateMachine::parse(&text) {
                prop_assert!(!problem.diagnostics.is_empty());
            }
        }
    }

    #[test]
    fn any_json_is_read_or_refused(value in likely_json()) {
        let checked = StateMachine::parse(&value.to_string());
        if let Err(problem) = &checked {
            for diagnostic in &problem.diagnostics {
                prop_assert!(!diagnostic.message.is_empty() && !diagnostic.code.is_empty());
            }
        }
        if let Ok(machine) = checked {
            World::start(&machine, json!({}), worker(1)).run(20);
        }
    }

    #[test]
    fn a_changed_definition_is_read_or_refused(pieces in pieces(), place: prop::sample::Index, value in likely_json()) {
        let mut definition = Value::Object(machine(&pieces, &mut 0));
        let mut all = Vec::new();
        places(&definition, "", &mut all);
        if let Some(slot) = definition.pointer_mut(place.get(&all).as_str()) {
            *slot = value;
        }
        if let Ok(machine) = StateMachine::from_value(&definition) {
            World::start(&machine, json!({ "n": 3 }), worker(2)).run(200);
        }
    }
}

#[test]
fn a_loop_without_a_wait_is_cut_into_decisions() {
    let definition = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Pass", "Next": "B" },
        "B": { "Type": "Choice", "Choices": [{ "Variable": "$", "IsNull": true, "Next": "End" }], "Default": "A" },
        "End": { "Type": "Succeed" },
    }});
    let machine = StateMachine::from_value(&definition).unwrap();
    let mut world = World::start(&machine, json!(1), worker(0));
    assert!(!world.run(5), "it never ends");
    let events = world.history().len();
    assert!((20_000..40_000).contains(&events), "{events} events in 6 decisions");
    assert!(world.outcome().is_none());
}

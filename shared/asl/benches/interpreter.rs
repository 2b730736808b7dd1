//! How fast the interpreter is, without any store: prints transitions and items per second. Run it with
//! `cargo bench -p millrace-asl`; a word as argument runs the lines whose names hold it.

#![allow(clippy::expect_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a program that measures")]

use std::time::{Duration, Instant};

use millrace_asl::{Decision, Effect, Event, ExecutionContext, Moment, StateMachine, Timestamp, decide, start};
use serde_json::{Value, json};

fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let lines: [(&str, &str, Value, Value, usize); 8] = [
        ("loop", "transitions", looping(), json!({ "n": 0 }), 1_001),
        ("loop_with_variables", "transitions", looping_with_variables(), json!({}), 1_001),
        ("loop_in_jsonata", "transitions", looping_in_jsonata(), json!({ "n": 0, "data": data() }), 1_001),
        ("map_1000", "items", map(json!({ "Type": "Pass", "End": true })), items(1_000), 1_000),
        ("map_100000", "items", map(json!({ "Type": "Pass", "End": true })), items(100_000), 100_000),
        ("map_100000_selector", "items", map_with_selector(), items(100_000), 100_000),
        ("map_100000_jsonata", "items", map_in_jsonata(), items(100_000), 100_000),
        ("choice_chain", "transitions", chain(), json!({ "data": data() }), 200),
    ];
    println!("{:22}{:>14}{:>12}{:>14}", "", "a second", "", "decisions");
    for (name, unit, definition, input, units) in lines {
        if name.contains(&only) {
            measure(name, unit, &definition, &input, units);
        }
    }
}

fn measure(name: &str, unit: &str, definition: &Value, input: &Value, units: usize) {
    let machine = StateMachine::from_value(definition).expect("a definition");
    let (mut runs, mut spent, mut decisions) = (0_u32, Duration::ZERO, 0);
    while runs < 3 || spent < Duration::from_secs(1) {
        let input = input.clone();
        let begun = Instant::now();
        decisions = execute(&machine, input);
        spent += begun.elapsed();
        runs += 1;
    }
    let rate = units as f64 * f64::from(runs) / spent.as_secs_f64();
    println!("{name:22}{rate:14.0} {unit:12}{decisions:13}");
}

/// Runs an execution to its end and returns how many decisions it took.
fn execute(machine: &StateMachine, input: Value) -> usize {
    let moment = Moment { now: Timestamp::from_millis(1_767_225_600_000), seed: 7 };
    let context = ExecutionContext {
        id: "arn:aws:states:us-east-1:111111111111:execution:Machine:run-1".to_owned(),
        name: "run-1".to_owned(),
        start_time: moment.now,
        role_arn: String::new(),
        input: None,
        state_machine_id: "arn:aws:states:us-east-1:111111111111:stateMachine:Machine".to_owned(),
        state_machine_name: "Machine".to_owned(),
        deadline: None,
        key: Default::default(),
        payload_limit: Default::default(),
        redrive_count: Some(0),
    };
    let mut decisions = 1;
    let mut decision: Decision = start(machine, context, input, moment);
    while let Some(Effect::SetTimer { id, .. }) = decision.effects.first() {
        decision = decide(machine, &decision.snapshot, Event::TimerFired { id: *id }, moment).expect("a decision");
        decisions += 1;
    }
    assert!(decision.snapshot.outcome().is_some(), "it ends");
    decisions
}

fn data() -> Value {
    json!({ "list": (0..50).collect::<Vec<u32>>(), "names": vec!["a name of some length"; 20] })
}

fn items(count: u32) -> Value {
    json!({ "items": (0..count).map(|number| json!({ "id": number })).collect::<Vec<_>>() })
}

fn looping() -> Value {
    json!({ "StartAt": "Check", "States": {
        "Check": { "Type": "Choice", "Default": "Add",
            "Choices": [{ "Variable": "$.n", "NumericGreaterThanEquals": 500, "Next": "Done" }] },
        "Add": { "Type": "Pass", "Parameters": { "n.$": "States.MathAdd($.n, 1)" }, "Next": "Check" },
        "Done": { "Type": "Succeed" },
    } })
}

fn looping_with_variables() -> Value {
    json!({ "StartAt": "Init", "States": {
        "Init": { "Type": "Pass", "Assign": { "n": 0 }, "Next": "Check" },
        "Check": { "Type": "Choice", "Default": "Add",
            "Choices": [{ "Variable": "$n", "NumericGreaterThanEquals": 500, "Next": "Done" }] },
        "Add": { "Type": "Pass", "Assign": { "n.$": "States.MathAdd($n, 1)" }, "Next": "Check" },
        "Done": { "Type": "Succeed" },
    } })
}

fn looping_in_jsonata() -> Value {
    json!({ "QueryLanguage": "JSONata", "StartAt": "Check", "States": {
        "Check": { "Type": "Choice", "Default": "Add",
            "Choices": [{ "Condition": "{% $states.input.n >= 500 %}", "Next": "Done" }] },
        "Add": { "Type": "Pass", "Output": { "n": "{% $states.input.n + 1 %}" }, "Next": "Check" },
        "Done": { "Type": "Succeed" },
    } })
}

fn map(state: Value) -> Value {
    json!({ "StartAt": "Map", "States": { "Map": { "Type": "Map", "ItemsPath": "$.items", "End": true,
        "ItemProcessor": { "StartAt": "Item", "States": { "Item": state } } } } })
}

fn map_with_selector() -> Value {
    let mut definition = map(json!({ "Type": "Pass", "End": true }));
    let selector = json!({ "value.$": "$$.Map.Item.Value.id", "index.$": "$$.Map.Item.Index" });
    if let Some(state) = definition.pointer_mut("/States/Map").and_then(Value::as_object_mut) {
        state.insert("ItemSelector".to_owned(), selector);
    }
    definition
}

fn map_in_jsonata() -> Value {
    json!({ "QueryLanguage": "JSONata", "StartAt": "Map", "States": {
        "Map": { "Type": "Map", "Items": "{% $states.input.items %}", "End": true, "ItemProcessor": {
            "StartAt": "Item", "States": {
                "Item": { "Type": "Pass", "Output": { "twice": "{% $states.input.id * 2 %}" }, "End": true },
            } } } } })
}

/// A hundred Pass and Choice states in a row that carry some data.
fn chain() -> Value {
    let mut states = serde_json::Map::new();
    for number in 0..100 {
        states.insert(format!("P{number}"), json!({ "Type": "Pass", "Next": format!("C{number}") }));
        let next = if number == 99 { "End".to_owned() } else { format!("P{}", number + 1) };
        let rule = json!({ "Variable": "$.data.list[3]", "NumericEquals": 3, "Next": next });
        states.insert(format!("C{number}"), json!({ "Type": "Choice", "Choices": [rule] }));
    }
    states.insert("End".to_owned(), json!({ "Type": "Succeed" }));
    json!({ "StartAt": "P0", "States": states })
}

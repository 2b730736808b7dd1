//! What a definition may do in one decision: however it is built, a decision ends, in bounded memory.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use millrace_asl::{
    Decision, Effect, Event, ExecutionContext, Moment, Outcome, PayloadLimit, StateMachine, Timestamp, decide, start,
};
use serde_json::{Value, json};

fn begin(definition: &Value) -> (StateMachine, Decision) {
    begin_with(definition, json!({}))
}

fn begin_with(definition: &Value, input: Value) -> (StateMachine, Decision) {
    let machine = StateMachine::from_value(definition).unwrap();
    let context = ExecutionContext {
        id: "execution".into(),
        name: "name".into(),
        start_time: Timestamp::default(),
        role_arn: String::new(),
        input: None,
        state_machine_id: "machine".into(),
        state_machine_name: "machine".into(),
        deadline: None,
        key: "exe_1".to_owned(),
        payload_limit: PayloadLimit::None,
        redrive_count: Some(0),
    };
    let decision = start(&machine, context, input, Moment { now: Timestamp::default(), seed: 1 });
    (machine, decision)
}

fn thousand(next: Value) -> Value {
    json!({
        "StartAt": "R", "States": {
            "R": { "Type": "Pass", "Parameters": { "a.$": "States.ArrayRange(1, 1000, 1)" }, "Next": "M" },
            "M": { "Type": "Map", "ItemsPath": "$.a", "End": true, "ItemProcessor": next },
        },
    })
}

/// The same definition with every name made its own.
fn named(definition: &Value, suffix: &str) -> Value {
    let text = definition.to_string();
    let text = text.replace("\"R\"", &format!("\"R{suffix}\"")).replace("\"M\"", &format!("\"M{suffix}\""));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn nested_maps_end_with_a_clear_error() {
    let inner = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } });
    let third = named(&thousand(inner), "3");
    let second = named(&thousand(third), "2");
    let (_, decision) = begin(&named(&thousand(second), "1"));
    let Some(Outcome::Failed { failure }) = decision.snapshot.outcome() else {
        panic!("{:?}", decision.snapshot.state())
    };
    assert_eq!(failure.error.as_deref(), Some("States.DataLimitExceeded"));
    assert!(failure.cause.as_ref().unwrap().contains("fewer items"), "{failure:?}");
}

#[test]
fn an_input_that_every_child_carries_counts() {
    let inner = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } });
    let definition = json!({
        "StartAt": "M", "States": { "M": {
            "Type": "Map", "ItemsPath": "$$.Execution.Input.items", "End": true, "ItemProcessor": inner,
        } },
    });
    let (_, decision) = begin_with(&definition, json!({ "items": vec!["x".repeat(1000); 2000] }));
    let Some(Outcome::Failed { failure }) = decision.snapshot.outcome() else { panic!("it fits") };
    assert_eq!(failure.error.as_deref(), Some("States.DataLimitExceeded"));
}

#[test]
fn ten_thousand_items_fit_into_one_decision() {
    let inner = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } });
    let definition = json!({
        "StartAt": "M", "States": { "M": {
            "Type": "Map", "ItemsPath": "$.items", "End": true, "ItemProcessor": inner,
        } },
    });
    let (_, decision) = begin_with(&definition, json!({ "items": (0..10_000).collect::<Vec<u32>>() }));
    assert!(matches!(decision.snapshot.outcome(), Some(Outcome::Succeeded { .. })));
}

#[test]
fn data_that_doubles_is_cut_into_decisions_and_ends() {
    let definition = json!({
        "StartAt": "P", "States": {
            "P": { "Type": "Pass", "Parameters": { "x": { "a.$": "$", "b.$": "$" } }, "Next": "P2" },
            "P2": { "Type": "Pass", "Next": "C" },
            "C": { "Type": "Choice", "Choices": [{ "Variable": "$.done", "IsPresent": true, "Next": "E" }], "Default": "P" },
            "E": { "Type": "Succeed" },
        },
    });
    let (machine, mut decision) = begin(&definition);
    for _ in 0..200 {
        let recorded: usize =
            decision.history.iter().map(|event| serde_json::to_string(&event.details).unwrap().len()).sum();
        assert!(recorded < 64 * 1024 * 1024, "one decision recorded {recorded} bytes");
        let Some(Effect::SetTimer { id, .. }) = decision.effects.first() else { break };
        let moment = Moment { now: Timestamp::default(), seed: 1 };
        decision = decide(&machine, &decision.snapshot, Event::TimerFired { id: *id }, moment).unwrap();
    }
    let Some(Outcome::Failed { failure }) = decision.snapshot.outcome() else {
        panic!("{:?}", decision.snapshot.state())
    };
    assert!(failure.cause.as_ref().unwrap().contains("16 MiB"), "{failure:?}");
}

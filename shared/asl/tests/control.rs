//! Fork, pause and resume as decisions.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "these are tests")]

use std::collections::BTreeMap;

use millrace_asl::{
    Decision, Effect, Event, Failure, GoOn, Moment, Outcome, Position, StateMachine, Timestamp, decide, fork, pending,
    start, start_child,
};
use serde_json::{Value, json};

mod driver;

fn at(seconds: i64) -> Moment {
    Moment { now: Timestamp::default().plus_millis(seconds * 1000), seed: 1 }
}

fn machine(definition: &Value) -> StateMachine {
    StateMachine::parse(&definition.to_string()).unwrap()
}

fn task(next: Option<&str>) -> Value {
    let mut state = json!({ "Type": "Task", "Resource": "millrace:agent:dev" });
    match next {
        Some(next) => state["Next"] = json!(next),
        None => state["End"] = json!(true),
    }
    state
}

fn chain() -> StateMachine {
    machine(&json!({ "StartAt": "A", "TimeoutSeconds": 1000, "States": { "A": task(Some("B")), "B": task(None) } }))
}

fn kinds(decision: &Decision) -> Vec<&'static str> {
    decision.history.iter().map(|event| event.kind.name()).collect()
}

fn invoked(decision: &Decision) -> Vec<(u32, Value)> {
    let invoked = decision.effects.iter().filter_map(|effect| match effect {
        Effect::InvokeTask { id, input, .. } => Some((*id, input.clone())),
        _ => None,
    });
    invoked.collect()
}

fn done(id: u32, output: Value) -> Event {
    Event::TaskSucceeded { id, output }
}

fn begin(machine: &StateMachine, input: Value) -> Decision {
    start(machine, driver::context(), input, at(0))
}

#[test]
fn children_that_succeeded_are_not_run_again() {
    for limit in [0, 1] {
        let machine = machine(&json!({ "StartAt": "M", "States": { "M": {
            "Type": "Map", "MaxConcurrency": limit, "End": true,
            "ItemProcessor": { "StartAt": "I", "States": { "I": task(None) } },
        } } }));
        let first = begin(&machine, json!([1, 2, 3]));
        let how = GoOn { kept: BTreeMap::from([(1, json!("kept")), (9, json!("no such item"))]), ..GoOn::default() };
        let again = fork(&machine, &first.snapshot, driver::context(), how, at(2)).unwrap();
        let fanout = again.snapshot.fanout().unwrap();
        assert_eq!(fanout.id, 1, "new logs");
        let mut thread = again.snapshot.clone();
        let mut outputs = Vec::new();
        for index in [0, 2] {
            assert!(start_child(&machine, &thread, index).is_some(), "{limit} {index}");
            assert!(start_child(&machine, &thread, 1).is_none());
            outputs.push((index, json!("new")));
            if limit == 1 {
                let ended = Event::ChildEnded { fanout: 1, index, failure: None };
                thread = decide(&machine, &thread, ended, at(3)).unwrap().snapshot;
            }
        }
        let joined = decide(&machine, &thread, Event::ChildrenJoined { fanout: 1, outputs }, at(4)).unwrap();
        let output = json!(["new", "kept", "new"]);
        assert_eq!(joined.snapshot.outcome(), Some(&Outcome::Succeeded { output }));
    }
}

#[test]
fn a_fork_begins_the_task_again_for_itself() {
    let machine = chain();
    let first = begin(&machine, json!({ "x": 1 }));
    let second = decide(&machine, &first.snapshot, done(1, json!({ "y": 2 })), at(1)).unwrap();
    let mut context = driver::context();
    context.id = "other".to_owned();
    let forked = fork(&machine, &second.snapshot, context.clone(), GoOn::default(), at(5000)).unwrap();
    assert_eq!(invoked(&forked), [(3, json!({ "y": 2 }))]);
    assert_eq!(forked.snapshot.execution.id, "other");
    assert_eq!(forked.snapshot.execution.deadline, Some(at(6000).now));
    let end = decide(&machine, &forked.snapshot, done(3, json!(1)), at(5001)).unwrap();
    assert!(fork(&machine, &end.snapshot, context, GoOn::default(), at(2)).is_none(), "an end can't be forked");
}

fn pause(machine: &StateMachine, decision: &Decision) -> Decision {
    let paused = decide(machine, &decision.snapshot, Event::Pause, at(1)).unwrap();
    assert!(paused.snapshot.is_paused() && paused.history.is_empty());
    assert!(decide(machine, &paused.snapshot, Event::Pause, at(1)).is_none(), "it is paused already");
    assert!(decide(machine, &decision.snapshot, Event::Resume, at(1)).is_none(), "it was not paused");
    paused
}

#[test]
fn a_paused_thread_keeps_the_result_of_its_task_and_enters_no_state() {
    let machine = chain();
    let paused = pause(&machine, &begin(&machine, json!({})));
    let kept = decide(&machine, &paused.snapshot, done(1, json!("kept")), at(2)).unwrap();
    assert_eq!(kinds(&kept), ["TaskSucceeded", "TaskStateExited"]);
    assert!(kept.effects.is_empty());
    assert!(matches!(&kept.snapshot.position, Position::Ready { state, .. } if state == "B"));
    let deadline_only = [Effect::SetTimer { id: 0, at: at(1000).now }];
    assert_eq!(pending(&machine, &kept.snapshot), deadline_only);
    let resumed = decide(&machine, &kept.snapshot, Event::Resume, at(3)).unwrap();
    assert_eq!(invoked(&resumed).len(), 1);
    let late = decide(&machine, &kept.snapshot, Event::Resume, at(2000)).unwrap();
    assert_eq!(late.snapshot.outcome(), Some(&Outcome::TimedOut), "its timeout goes on counting");
}

#[test]
fn timers_of_a_paused_thread_wait() {
    let machine = machine(&json!({ "StartAt": "W", "States": {
        "W": { "Type": "Wait", "Seconds": 5, "Next": "B" }, "B": task(None),
    } }));
    let paused = pause(&machine, &begin(&machine, json!({})));
    assert!(decide(&machine, &paused.snapshot, Event::TimerFired { id: 1 }, at(6)).is_none());
    let resumed = decide(&machine, &paused.snapshot, Event::Resume, at(60)).unwrap();
    assert_eq!(resumed.effects, [Effect::SetTimer { id: 1, at: at(5).now }]);
    let fired = decide(&machine, &resumed.snapshot, Event::TimerFired { id: 1 }, at(60)).unwrap();
    assert_eq!(invoked(&fired).len(), 1);
}

#[test]
fn a_paused_map_begins_no_item_and_tells_its_children() {
    let machine = machine(&json!({ "StartAt": "M", "States": { "M": {
        "Type": "Map", "MaxConcurrency": 1, "End": true,
        "ItemProcessor": { "StartAt": "I", "States": { "I": task(None) } },
    } } }));
    let first = begin(&machine, json!([1, 2]));
    let paused = pause(&machine, &first);
    assert_eq!(paused.effects, [Effect::TurnChildren { fanout: 0 }]);
    assert!(pending(&machine, &paused.snapshot).contains(&Effect::TurnChildren { fanout: 0 }));
    let child = start_child(&machine, &paused.snapshot, 0).unwrap().snapshot;
    let told = decide(&machine, &child, Event::Turn { turn: 1 }, at(2)).unwrap().snapshot;
    assert!(told.is_paused());
    assert!(decide(&machine, &told, Event::Turn { turn: 1 }, at(2)).is_none(), "told twice");
    let told = decide(&machine, &told, Event::Turn { turn: 2 }, at(2)).unwrap().snapshot;
    assert!(decide(&machine, &told, Event::Turn { turn: 1 }, at(2)).is_none(), "an old message comes late");
    let ended = Event::ChildEnded { fanout: 0, index: 0, failure: None };
    let held = decide(&machine, &paused.snapshot, ended, at(3)).unwrap();
    assert!(held.effects.is_empty(), "no other item begins, and nothing is joined: {:?}", held.effects);
    let joined = Event::ChildrenJoined { fanout: 0, outputs: vec![(0, json!(1))] };
    assert!(decide(&machine, &held.snapshot, joined, at(3)).is_none());
    let resumed = decide(&machine, &held.snapshot, Event::Resume, at(4)).unwrap();
    let begun = resumed.effects.iter().any(|effect| matches!(effect, Effect::StartChild { index: 1, .. }));
    assert!(begun, "{:?}", resumed.effects);
}

#[test]
fn a_paused_retry_waits() {
    let mut retried = task(None);
    retried["Retry"] = json!([{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1 }]);
    let machine = machine(&json!({ "StartAt": "A", "States": { "A": retried } }));
    let paused = pause(&machine, &begin(&machine, json!({})));
    let failed = Event::TaskFailed { id: 1, failure: Failure::new("Bad", "") };
    let stands = decide(&machine, &paused.snapshot, failed, at(2)).unwrap();
    assert!(matches!(stands.snapshot.position, Position::Backoff { .. }));
    assert!(decide(&machine, &stands.snapshot, Event::TimerFired { id: 2 }, at(3)).is_none());
    let resumed = decide(&machine, &stands.snapshot, Event::Resume, at(9)).unwrap();
    let again = decide(&machine, &resumed.snapshot, Event::TimerFired { id: 2 }, at(9)).unwrap();
    assert_eq!(invoked(&again).len(), 1);
}

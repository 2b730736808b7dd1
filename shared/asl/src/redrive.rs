//! Redriving: an execution that has ended without success goes on from the state in which it did.

use std::sync::Arc;

use serde_json::Value;

use crate::decide::{Decision, Effect, STATES_A_DECISION};
use crate::definition::StateMachine;
use crate::history::EventType;
use crate::run::{Run, next_step};
use crate::snapshot::{Moment, Position, Snapshot};

/// How an execution goes on that has ended without success.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Redrive {
    /// The state's input in place of the one that it had.
    pub input: Option<Value>,
    /// How often it was redriven, this time included.
    pub count: u32,
    /// The driver's own name for the execution, see [`crate::ExecutionContext::key`].
    pub key: String,
    /// What the execution was started with, where the definition is another one, which may read it.
    pub execution_input: Option<Value>,
}

/// Goes on with an execution that has ended without success: does the state once more in which it ended, with the input
/// and the variables that it had then, and with all its retries. A Parallel or Map state begins anew. `machine` may be
/// another definition than before; its `TimeoutSeconds` counts from now on.
///
/// `None` when the thread has not ended, or has succeeded, or is a child's, or the definition has no such state.
#[must_use]
pub fn redrive(
    machine: &StateMachine,
    snapshot: &Snapshot,
    redrive: Redrive,
    moment: Moment,
    missing: &[String],
) -> Option<Decision> {
    let mut attempt = *snapshot.unfinished.clone()?;
    let mut thread = snapshot.clone();
    machine.states(thread.machine)?.get(&attempt.state)?;
    thread.unfinished = None;
    // Whoever redrives it wants it to run.
    thread.turn = thread.turn.next_multiple_of(2);
    let execution = Arc::make_mut(&mut thread.execution);
    execution.redrive_count = Some(redrive.count);
    execution.key = if machine.makes_tokens { redrive.key } else { String::new() };
    execution.input = execution.input.take().or(redrive.execution_input).filter(|_| machine.reads_execution_input);
    execution.deadline = machine.timeout_seconds.map(|seconds| moment.now.plus_seconds(seconds));
    let mut run = Run::new(machine, moment, STATES_A_DECISION);
    run.events_before = snapshot.events;
    run.missing = missing.to_vec();
    run.effects.extend(thread.execution.deadline.map(|at| Effect::SetTimer { id: 0, at }));
    let mut details = serde_json::Map::new();
    details.insert("redriveCount".to_owned(), redrive.count.into());
    run.record(EventType::ExecutionRedriven, details);
    attempt.input = redrive.input.unwrap_or(attempt.input);
    attempt.entered = moment.now;
    // So that a second end finds the state even when it enters none.
    let id = next_step(&mut thread);
    thread.position = Position::Ready { id, state: attempt.state.clone(), input: attempt.input.clone() };
    let step = run.attempt(&mut thread, attempt);
    Some(run.finish(thread, step))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::snapshot::{ExecutionContext, Failure, Outcome};
    use crate::{Event, PayloadLimit, Timestamp, decide, start};

    fn at(millis: i64) -> Moment {
        Moment { now: Timestamp::from_millis(millis), seed: 1 }
    }

    fn context() -> ExecutionContext {
        ExecutionContext {
            id: "exe".to_owned(),
            name: "exe".to_owned(),
            start_time: Timestamp::from_millis(0),
            role_arn: String::new(),
            input: None,
            state_machine_id: "m".to_owned(),
            state_machine_name: "m".to_owned(),
            deadline: None,
            key: String::new(),
            payload_limit: PayloadLimit::None,
            redrive_count: Some(0),
        }
    }

    fn task(timeout: u32, last: &str) -> StateMachine {
        let definition = json!({ "TimeoutSeconds": timeout, "StartAt": "Note", "States": {
            "Note": { "Type": "Pass", "Assign": { "noted": "yes" }, "Next": "Work" },
            "Work": { "Type": "Task", "Resource": "millrace:agent:dev", "Next": "Last",
                "Parameters": { "n.$": "$$.Execution.RedriveCount", "v.$": "$noted", "i.$": "$.i" } },
            "Last": serde_json::from_str::<Value>(last).unwrap(),
        }});
        StateMachine::from_value(&definition).unwrap()
    }

    const DONE: &str = r#"{ "Type": "Succeed" }"#;

    fn kinds(decision: &Decision) -> Vec<&'static str> {
        decision.history.iter().map(|event| event.kind.name()).collect()
    }

    #[test]
    fn a_failed_task_is_done_again_with_what_it_had() {
        let machine = task(10, DONE);
        let begun = start(&machine, context(), json!({ "i": 1 }), at(0)).snapshot;
        let failed = Event::TaskFailed { id: begun.last_step, failure: Failure::new("Broken", "") };
        let failed = decide(&machine, &begun, failed, at(1_000)).unwrap().snapshot;
        assert!(matches!(failed.outcome(), Some(Outcome::Failed { .. })));
        // Long after its own time, which counts anew.
        let again = redrive(&machine, &failed, Redrive { count: 1, ..Redrive::default() }, at(60_000), &[]).unwrap();
        assert_eq!(kinds(&again)[..2], ["ExecutionRedriven", "TaskScheduled"]);
        let given = again.effects.iter().find_map(|effect| match effect {
            Effect::InvokeTask { id, input, .. } => Some((*id, input.clone())),
            _ => None,
        });
        let (id, input) = given.unwrap();
        assert_eq!(input, json!({ "n": 1, "v": "yes", "i": 1 }));
        let late = Event::TaskSucceeded { id: begun.last_step, output: json!(0) };
        assert!(decide(&machine, &again.snapshot, late, at(60_001)).is_none(), "the first try is over");
        let done = Event::TaskSucceeded { id, output: json!(7) };
        let done = decide(&machine, &again.snapshot, done, at(61_000)).unwrap().snapshot;
        assert_eq!(done.outcome(), Some(&Outcome::Succeeded { output: json!(7) }));
        assert!(redrive(&machine, &done, Redrive { count: 2, ..Redrive::default() }, at(62_000), &[]).is_none());
    }

    #[test]
    fn another_definition_or_input_may_mend_it() {
        let broken = task(10, r#"{ "Type": "Fail", "Error": "Broken" }"#);
        let begun = start(&broken, context(), json!({ "i": 1 }), at(0)).snapshot;
        let worked = Event::TaskSucceeded { id: begun.last_step, output: json!(7) };
        let failed = decide(&broken, &begun, worked, at(1)).unwrap().snapshot;
        assert_eq!(failed.unfinished.as_ref().map(|left| left.state.as_str()), Some("Last"));
        let twice = redrive(&broken, &failed, Redrive { count: 1, ..Redrive::default() }, at(2), &[]).unwrap();
        assert_eq!(kinds(&twice), ["ExecutionRedriven", "ExecutionFailed"]);
        let input = Some(json!("mended"));
        let mended =
            redrive(&task(10, DONE), &twice.snapshot, Redrive { input, count: 2, ..Redrive::default() }, at(3), &[])
                .unwrap();
        assert_eq!(mended.snapshot.outcome(), Some(&Outcome::Succeeded { output: json!("mended") }));
        let other = StateMachine::from_value(&json!({ "StartAt": "A", "States": { "A": { "Type": "Succeed" } } }));
        let nowhere = redrive(&other.unwrap(), &failed, Redrive { count: 1, ..Redrive::default() }, at(4), &[]);
        assert!(nowhere.is_none(), "the definition has no such state");
    }

    #[test]
    fn what_was_stopped_or_ran_out_of_time_goes_on_where_it_stood() {
        let machine = task(10, DONE);
        let begun = start(&machine, context(), json!({ "i": 1 }), at(0)).snapshot;
        assert!(redrive(&machine, &begun, Redrive { count: 1, ..Redrive::default() }, at(1), &[]).is_none(), "it runs");
        let stopped = Event::Abort { failure: Failure::default() };
        for (event, now) in [(stopped, 1), (Event::TimerFired { id: 0 }, 10_000)] {
            let ended = decide(&machine, &begun, event, at(now)).unwrap().snapshot;
            let again = redrive(&machine, &ended, Redrive { count: 1, ..Redrive::default() }, at(20_000), &[]).unwrap();
            assert_eq!(again.snapshot.state(), Some("Work"));
        }
    }
}

//! Redriving: an execution that has ended without success goes on from the state in which it did, and so do the branches
//! and items of that state that had begun and not succeeded.
//!
//! What a branch or an item came to stands in its own log, which is the driver's: it collects what there is of them as
//! [`Parts`], with [`Resume::of`] for each, and gives that with the redrive (`docs/adr/0018`).

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::decide::{Decision, Effect, STATES_A_DECISION};
use crate::definition::{Kind, StateMachine};
use crate::history::EventType;
use crate::map_run::MapRun;
use crate::run::{Run, Step, next_step};
use crate::snapshot::{Attempt, Moment, Parts, Position, Resume, Snapshot};

/// How an execution goes on that has ended without success.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Redrive {
    /// The state's input in place of the one that it had; then all that the state did is done anew.
    pub input: Option<Value>,
    /// How often it was redriven, this time included.
    pub count: u32,
    /// The driver's own name for the execution, see [`crate::ExecutionContext::key`].
    pub key: String,
    /// What the execution was started with, where the definition is another one, which may read it.
    pub execution_input: Option<Value>,
    /// What there is of the state's children or map run.
    pub rest: Rest,
    /// Where the definition is another one: what of the state's children it leaves as it was.
    pub unchanged: Option<UnchangedChildren>,
}

/// What is left of a state that ended without success.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rest {
    /// Of a Parallel state's branches or an inline Map's items.
    pub parts: Option<Box<Parts>>,
    /// The map run of a distributed Map.
    pub run: Option<Box<MapRun>>,
}

/// Which children of a state another definition leaves as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnchangedChildren {
    /// Those branches of a Parallel state, by index.
    Branches(Vec<bool>),
    /// The items of a Map state: all or none.
    Items(bool),
}

impl UnchangedChildren {
    /// Compares the definitions of a state `before` and `now`, each as the text of the whole definition. A branch or an
    /// item is unchanged when its state machine is, letter for letter; the items of a distributed Map are when the whole
    /// state is.
    #[must_use]
    pub fn between(before: &str, now: &str, state: &str) -> Self {
        let (Ok(before), Ok(now)) = (StateMachine::read(before), StateMachine::read(now)) else {
            return Self::Items(false);
        };
        let same_language = before.get("QueryLanguage") == now.get("QueryLanguage");
        let of = |definition: &Value| definition.get("States").and_then(|states| states.get(state)).cloned();
        let (Some(before), Some(now)) = (of(&before), of(&now)) else { return Self::Items(false) };
        let same = |field: &str| before.get(field) == now.get(field);
        let same_way = same_language && same("Type") && same("QueryLanguage");
        if let (Some(old), Some(new)) = (array(&before, "Branches"), array(&now, "Branches")) {
            return Self::Branches(
                new.iter().enumerate().map(|(index, branch)| same_way && old.get(index) == Some(branch)).collect(),
            );
        }
        if is_distributed(&before) || is_distributed(&now) {
            return Self::Items(same_language && before == now);
        }
        let processor = ["ItemProcessor", "Iterator", "ItemSelector", "Parameters"];
        Self::Items(same_way && processor.iter().all(|field| same(field)))
    }

    fn holds(&self, index: u32) -> bool {
        match self {
            Self::Branches(branches) => {
                usize::try_from(index).ok().and_then(|index| branches.get(index)).copied().unwrap_or_default()
            }
            Self::Items(all) => *all,
        }
    }
}

fn array<'v>(state: &'v Value, field: &str) -> Option<&'v Vec<Value>> {
    state.get(field).and_then(Value::as_array)
}

fn is_distributed(state: &Value) -> bool {
    let config = state.get("ItemProcessor").and_then(|processor| processor.get("ProcessorConfig"));
    config.and_then(|config| config.get("Mode")).and_then(Value::as_str) == Some("DISTRIBUTED")
}

/// Goes on with an execution that has ended without success: does the state once more in which it ended, with the input
/// and the variables that it had then, and with all its retries. Of the state's children those that have succeeded keep
/// their results, and the others go on where they ended. `machine` may be another definition than before; its
/// `TimeoutSeconds` counts from now on. What it changes of the children begins anew, but for a child that ended in a state
/// which the definition still has: that one goes on there.
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
    if snapshot.child.is_some() {
        return None;
    }
    let unfinished = snapshot.unfinished.as_deref()?;
    let mut attempt = unfinished.attempt.clone();
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
    let mut details = Map::new();
    details.insert("redriveCount".to_owned(), redrive.count.into());
    run.record(EventType::ExecutionRedriven, details);
    let rest = if redrive.input.is_some() { Rest::default() } else { redrive.rest };
    let rest = match &redrive.unchanged {
        Some(unchanged) => rest.under(machine, &thread, &attempt, unchanged),
        None => rest,
    };
    attempt.input = redrive.input.unwrap_or(attempt.input);
    attempt.entered = moment.now;
    // So that a second end finds the state even when it enters none.
    let id = next_step(&mut thread);
    thread.position = Position::Ready { id, state: attempt.state.clone(), input: attempt.input.clone() };
    let step = if unfinished.ahead {
        Step::Enter { state: attempt.state, input: attempt.input }
    } else {
        (run.parts, run.redriven) = (rest.parts, rest.run);
        run.attempt(&mut thread, attempt)
    };
    Some(run.finish(thread, step))
}

impl Rest {
    /// What another definition leaves of it.
    fn under(
        mut self,
        machine: &StateMachine,
        thread: &Snapshot,
        attempt: &Attempt,
        unchanged: &UnchangedChildren,
    ) -> Self {
        self.run = self.run.filter(|_| *unchanged == UnchangedChildren::Items(true));
        let state = machine.states(thread.machine).and_then(|states| states.get(&attempt.state));
        let Some(parts) = &mut self.parts else { return self };
        parts.compared = true;
        parts.outputs.retain(|index, _| unchanged.holds(*index));
        parts.ends.retain(|index, resume| {
            if unchanged.holds(*index) {
                return true;
            }
            let below = match state.map(|state| &state.kind) {
                Some(Kind::Parallel(parallel)) => {
                    usize::try_from(*index).ok().and_then(|index| parallel.branches.get(index)).copied()
                }
                Some(Kind::Map(map)) => Some(map.processor),
                _ => None,
            };
            (resume.parts, resume.run) = (None, None);
            below
                .and_then(|below| machine.states(below))
                .is_some_and(|states| states.get(&resume.attempt.state).is_some())
        });
        self
    }
}

impl Resume {
    /// Where a thread goes on; `None` when it had not come to a state, or has succeeded. `rest` is what there is of its
    /// state's children.
    #[must_use]
    pub fn of(thread: &Snapshot, rest: Rest) -> Option<Self> {
        let unfinished = thread.unfinished.as_deref().cloned().or_else(|| thread.stop())?;
        let Rest { parts, run } = rest;
        let variables = Arc::clone(&thread.variables);
        Some(Self { attempt: unfinished.attempt, ahead: unfinished.ahead, variables, parts, run })
    }
}

/// The thread of a child without a log of its own, as it was when the state of its parent ended without success. `None`
/// when it had not begun, or `parent` did not end with children.
#[must_use]
pub fn unfinished_child(machine: &StateMachine, parent: &Snapshot, index: u32) -> Option<Snapshot> {
    let unfinished = parent.unfinished.as_deref()?;
    let fanout = unfinished.fanout.as_deref().filter(|fanout| fanout.has_begun(index) && index < fanout.total)?;
    if fanout.map_run().is_some() || fanout.executions.is_some() {
        return None;
    }
    let run = Run::new(machine, fanout.moment, STATES_A_DECISION);
    Some(run.child(parent, &unfinished.attempt, fanout, index, fanout.moment.now, fanout.events).0.snapshot)
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
        assert_eq!(failed.unfinished.as_ref().map(|left| left.attempt.state.as_str()), Some("Last"));
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

//! Forking: an execution that begins where another one's own thread stood at an entry of its log.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::decide::{Decision, Effect, STATES_A_DECISION, pending};
use crate::definition::StateMachine;
use crate::run::{Run, Step};
use crate::snapshot::{Attempt, ExecutionContext, Fanout, Moment, Position, Snapshot};

/// The state in which an execution's own thread stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    /// The state's name.
    pub state: String,
    /// Its raw input.
    pub input: Value,
    /// What the fan-out of that state's children came to, if the thread waited for one.
    pub fanout: Option<Fanout>,
    /// The attempt at the state; `None` where it had not been entered.
    attempt: Option<Attempt>,
}

impl Stop {
    /// Where a thread stands; `None` when it has ended.
    #[must_use]
    pub fn at(snapshot: &Snapshot) -> Option<Self> {
        let of = |attempt: &Attempt, fanout: Option<&Fanout>| Self {
            state: attempt.state.clone(),
            input: attempt.input.clone(),
            fanout: fanout.cloned(),
            attempt: Some(attempt.clone()),
        };
        match &snapshot.position {
            Position::Queued { state, input, .. } | Position::Ready { state, input, .. } => {
                Some(Self { state: state.clone(), input: input.clone(), fanout: None, attempt: None })
            }
            Position::Task { attempt, .. }
            | Position::Wait { attempt, .. }
            | Position::Backoff { attempt, .. }
            | Position::Work { attempt, .. } => Some(of(attempt, None)),
            Position::Join { attempt, fanout } => Some(of(attempt, Some(fanout))),
            Position::Ended { .. } => None,
        }
    }

    /// Has the definition of an execution's own thread such a state?
    #[must_use]
    pub fn is_in(&self, machine: &StateMachine) -> bool {
        machine.states(0).is_some_and(|states| states.get(&self.state).is_some())
    }
}

/// How a thread goes on from a [`Stop`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GoOn {
    /// Another input of the state, instead of the recorded one.
    pub input: Option<Value>,
    /// Is the definition another one than that of the recorded steps? Then the state is entered again.
    pub corrected: bool,
    /// The outputs of the state's children that have succeeded: they are not run again.
    pub kept: BTreeMap<u32, Value>,
    /// What the execution was started with, for definitions that read it.
    pub execution_input: Value,
    /// Activities that don't exist.
    pub missing: Vec<String>,
}

/// Begins an execution where another one's own thread stood at an entry of its log. A wait and a pause between attempts
/// stay as they are; a task, a fan-out or a map run is begun again, for this execution. `None` when the thread had ended.
#[must_use]
pub fn fork(
    machine: &StateMachine,
    stood: &Snapshot,
    execution: ExecutionContext,
    how: GoOn,
    moment: Moment,
) -> Option<Decision> {
    let stop = Stop::at(stood)?;
    let run = begin(machine, stood, &how, moment);
    let stays = matches!(stood.position, Position::Wait { .. } | Position::Backoff { .. } | Position::Ready { .. });
    if how.input.is_some() || how.corrected || !stays {
        return Some(take_up(run, stood, execution, stop, how));
    }
    let (thread, mut run) = renew(run, stood, execution, how.execution_input);
    run.effects = pending(machine, &thread);
    let position = thread.position.clone();
    Some(run.finish(thread, Step::Stand(position)))
}

fn begin<'m>(machine: &'m StateMachine, stood: &Snapshot, how: &GoOn, moment: Moment) -> Run<'m> {
    let mut run = Run::new(machine, moment, STATES_A_DECISION);
    run.events_before = stood.events;
    run.missing.clone_from(&how.missing);
    run
}

fn take_up(run: Run<'_>, stood: &Snapshot, context: ExecutionContext, stop: Stop, how: GoOn) -> Decision {
    let (mut thread, mut run) = renew(run, stood, context, how.execution_input);
    let Stop { state, input, attempt, .. } = stop;
    if let Some(at) = thread.execution.deadline {
        run.effects.push(Effect::SetTimer { id: 0, at });
    }
    run.kept = how.kept;
    let step = match (how.input, attempt) {
        (None, Some(attempt)) if !how.corrected => run.attempt(&mut thread, attempt),
        (changed, _) => Step::Enter { state, input: changed.unwrap_or(input) },
    };
    run.finish(thread, step)
}

/// The thread with a context that fits the definition, not paused.
fn renew<'m>(run: Run<'m>, stood: &Snapshot, mut context: ExecutionContext, input: Value) -> (Snapshot, Run<'m>) {
    context.fit(run.machine, input, run.moment.now);
    let mut thread = stood.clone();
    thread.execution = Arc::new(context);
    thread.turn = thread.turn.next_multiple_of(2);
    (thread, run)
}

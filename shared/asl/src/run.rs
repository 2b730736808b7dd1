//! The loop that runs a thread, and what all states share: paths, transitions, `Retry`, `Catch`, the context object.

mod handlers;
mod queries;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::decide::{Decision, Effect};
use crate::definition::{Kind, MachineId, ResultPath, State, StateMachine, Transition};
use crate::history::{Detail, Details, EventType, HistoryEvent};
use crate::map_run::MapRun;
use crate::probe::Probe;
use crate::query::{Entropy, QueryFailure};
use crate::snapshot::{Attempt, Failure, Fanout, Moment, Outcome, Parts, Position, Snapshot, StepId, Unfinished};
use crate::states;

/// What a state leads to.
#[derive(Debug)]
pub(crate) enum Step {
    /// Another state of the same machine.
    Enter { state: String, input: Value },
    /// Waiting.
    Stand(Position),
    /// The end of the thread.
    End(Outcome),
}

/// The variables that a state assigns when it is left.
#[derive(Debug, Default)]
pub(crate) struct Assigned(Map<String, Value>);

/// What an event weighs besides its values, about.
const EVENT_WEIGHT: usize = 96;

/// A decision that has recorded so much goes on in another one: 8 MiB.
const WEIGHT_A_DECISION: usize = 8 * 1024 * 1024;

/// About how many bytes a value takes.
pub(crate) fn weigh(value: &Value) -> usize {
    const NODE: usize = 32;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => NODE,
        Value::String(text) => NODE + text.len(),
        Value::Array(items) => items.iter().map(weigh).fold(NODE, usize::saturating_add),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| name.len() + weigh(value)).fold(NODE, usize::saturating_add)
        }
    }
}

/// One decision in the making.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) machine: &'a StateMachine,
    pub(crate) moment: Moment,
    /// Events of the thread's log before this decision.
    pub(crate) events_before: u64,
    pub(crate) entropy: Entropy,
    pub(crate) history: Vec<HistoryEvent>,
    /// The event that leads to the next one.
    pub(crate) last: Option<u32>,
    pub(crate) effects: Vec<Effect>,
    /// How many more states may be entered.
    pub(crate) budget: u32,
    /// About how many bytes this decision has recorded, its children's included.
    pub(crate) weight: usize,
    /// `$$.Task.Token`, while the parameters of a task that has one are evaluated.
    pub(crate) token: Option<String>,
    /// Another name by which `Retry` and `Catch` know the failure at hand.
    pub(crate) also_named: Option<&'static str>,
    /// What watches a state that is run by itself.
    pub(crate) probe: Option<Box<Probe>>,
    /// Activities that don't exist.
    pub(crate) missing: Vec<String>,
    /// The outputs of children that are not to be run again, for the next fan-out.
    pub(crate) kept: BTreeMap<u32, Value>,
    /// What there is of the children of the state that is done again.
    pub(crate) parts: Option<Box<Parts>>,
    /// The map run that the state goes on with that is done again.
    pub(crate) redriven: Option<Box<MapRun>>,
    /// The children that the state which was entered last has failed with.
    pub(crate) left: Option<Box<Fanout>>,
}

impl From<QueryFailure> for Failure {
    fn from(failure: QueryFailure) -> Self {
        Self::new(failure.error, failure.cause)
    }
}

impl<'a> Run<'a> {
    pub(crate) fn new(machine: &'a StateMachine, moment: Moment, budget: u32) -> Self {
        Self {
            machine,
            moment,
            events_before: 0,
            entropy: Entropy::from_u64(moment.seed),
            history: Vec::new(),
            last: None,
            effects: Vec::new(),
            budget,
            weight: 0,
            token: None,
            also_named: None,
            probe: None,
            missing: Vec::new(),
            kept: BTreeMap::new(),
            parts: None,
            redriven: None,
            left: None,
        }
    }

    /// Records an event that leads to the next one.
    pub(crate) fn record(&mut self, kind: EventType, details: impl Into<Details>) {
        self.note(kind, details);
        self.last = u32::try_from(self.history.len()).ok().and_then(|length| length.checked_sub(1));
    }

    /// Records an event that ends a side line: the next one follows from what led to this one.
    pub(crate) fn note(&mut self, kind: EventType, details: impl Into<Details>) {
        let details = details.into();
        self.weight = self.weight.saturating_add(EVENT_WEIGHT).saturating_add(details.weight());
        self.history.push(HistoryEvent { kind, details, previous: self.last });
    }

    pub(crate) fn record_state(&mut self, kind: EventType, state: &str, field: &str, value: &Value) {
        self.record(kind, [("name", Detail::Text(state)), (field, Detail::Value(value))].as_slice());
    }

    pub(crate) fn first_state(&self, machine: MachineId, input: Value) -> Step {
        match self.machine.states(machine) {
            Some(states) => Step::Enter { state: states.start_at.clone(), input },
            None => Step::End(Outcome::Failed { failure: broken("its state machine") }),
        }
    }

    /// Runs a thread until it waits or ends.
    pub(crate) fn finish(self, thread: Snapshot, first: Step) -> Decision {
        self.finish_weighed(thread, first).0
    }

    /// The same, with the weight of what was recorded.
    pub(crate) fn finish_weighed(mut self, mut thread: Snapshot, first: Step) -> (Decision, usize) {
        let mut step = first;
        loop {
            match step {
                Step::Enter { state, input } if thread.is_paused() => {
                    let id = next_step(&mut thread);
                    thread.position = Position::Ready { id, state, input };
                    break;
                }
                Step::Enter { state, input } if self.budget == 0 || self.weight >= WEIGHT_A_DECISION => {
                    let id = next_step(&mut thread);
                    self.effects.push(Effect::SetTimer { id, at: self.moment.now });
                    thread.position = Position::Ready { id, state, input };
                    break;
                }
                Step::Enter { state, input } => {
                    self.budget -= 1;
                    step = self.enter(&mut thread, state, input);
                }
                Step::Stand(position) => {
                    thread.position = position;
                    break;
                }
                Step::End(outcome) => {
                    if !matches!(outcome, Outcome::Succeeded { .. }) {
                        thread.unfinished = self.unfinished(&thread).map(Box::new);
                    }
                    self.end(&thread, &outcome);
                    thread.position = Position::Ended { outcome };
                    break;
                }
            }
        }
        thread.events = self.events_before + self.history.len() as u64;
        (Decision { snapshot: thread, history: self.history, effects: self.effects }, self.weight)
    }

    /// The state in which a thread is about to end: the one that it entered last, or else where it stood.
    fn unfinished(&mut self, thread: &Snapshot) -> Option<Unfinished> {
        let left = self.left.take();
        let states = self.machine.states(thread.machine)?;
        // Of the children that ran in this decision other states were entered, too.
        let entered = self.history.iter().enumerate().rev().filter(|(_, event)| event.kind.enters());
        for (place, event) in entered {
            let mut details = event.details.clone().into_fields();
            let Some(state) = details.get("name").and_then(Value::as_str).and_then(|name| states.get(name)) else {
                continue;
            };
            let (state, input) = (state.name.clone(), details.remove("input").unwrap_or_default());
            let event = self.events_before + place as u64 + 1;
            let attempt = Attempt { state, input, entered: self.moment.now, event, retries: Vec::new() };
            return Some(Unfinished { attempt, ahead: false, fanout: left, run: None });
        }
        let mut unfinished = thread.stop()?;
        if let Some(left) = left {
            unfinished.fanout = Some(left);
        }
        Some(unfinished)
    }

    fn enter(&mut self, thread: &mut Snapshot, name: String, input: Value) -> Step {
        let Some(state) = self.machine.states(thread.machine).and_then(|states| states.get(&name)) else {
            return Step::End(Outcome::Failed { failure: broken(&name) });
        };
        (self.parts, self.redriven, self.left) = (None, None, None);
        self.record_state(states::entered(&state.kind), &name, "input", &input);
        let event = self.events_before + self.history.len() as u64;
        let attempt = Attempt { state: name, input, entered: self.moment.now, event, retries: Vec::new() };
        self.attempt(thread, attempt)
    }

    /// The definition of the state that an attempt is at.
    pub(crate) fn state_of(&self, thread: &Snapshot, attempt: &Attempt) -> Option<&'a State> {
        self.machine.states(thread.machine)?.get(&attempt.state)
    }

    /// Does a state's work, for the first time or again.
    pub(crate) fn attempt(&mut self, thread: &mut Snapshot, attempt: Attempt) -> Step {
        let Some(state) = self.state_of(thread, &attempt) else {
            return Step::End(Outcome::Failed { failure: broken(&attempt.state) });
        };
        if let Err(failure) = self.has_room(thread) {
            return Step::End(Outcome::Failed { failure });
        }
        match &state.kind {
            Kind::Pass { result, parameters, result_path } => {
                states::pass::run(self, thread, state, &attempt, result.as_ref(), parameters.as_ref(), result_path)
            }
            Kind::Task(task) => states::task::run(self, thread, state, task, attempt),
            Kind::Choice { choices, default } => {
                states::choice::run(self, thread, state, &attempt, choices, default.as_deref())
            }
            Kind::Wait(wait) => states::wait::run(self, thread, state, wait, attempt),
            Kind::Succeed => self.pass_on(thread, &attempt),
            Kind::Fail { error, cause } => states::fail::run(self, thread, &attempt, error.as_ref(), cause.as_ref()),
            Kind::Parallel(parallel) => states::parallel::run(self, thread, state, parallel, attempt),
            Kind::Map(map) => states::map::run(self, thread, state, map, attempt),
        }
    }

    fn end(&mut self, thread: &Snapshot, outcome: &Outcome) {
        let mut details = Map::new();
        let child = thread.child.as_ref().filter(|child| !child.role.is_execution());
        let kind = match (child, outcome) {
            (None, Outcome::Succeeded { output }) => {
                let details = [("output", Detail::Value(output))];
                return self.record(EventType::ExecutionSucceeded, details.as_slice());
            }
            (None, Outcome::Failed { failure }) => {
                details = failure_details(failure);
                EventType::ExecutionFailed
            }
            (None, Outcome::Aborted { failure }) => {
                details = failure_details(failure);
                EventType::ExecutionAborted
            }
            (None, Outcome::TimedOut) => EventType::ExecutionTimedOut,
            (Some(child), outcome) if child.is_map => {
                let details = [("name", Detail::Text(&child.state)), ("index", Detail::Number(child.index))];
                let kind = match outcome {
                    Outcome::Succeeded { .. } => EventType::MapIterationSucceeded,
                    Outcome::Failed { .. } => EventType::MapIterationFailed,
                    Outcome::TimedOut | Outcome::Aborted { .. } => EventType::MapIterationAborted,
                };
                return self.note(kind, details.as_slice());
            }
            (Some(_), _) => return,
        };
        self.record(kind, details);
    }

    /// The exit event, the variables and the transition.
    pub(crate) fn exit(&mut self, thread: &mut Snapshot, state: &State, output: Value, assigned: Assigned) -> Step {
        self.leave(thread, state, &output, assigned);
        match &state.transition {
            Transition::Next(next) => Step::Enter { state: next.clone(), input: output },
            Transition::End => Step::End(Outcome::Succeeded { output }),
        }
    }

    /// The exit event and the variables.
    pub(crate) fn leave(&mut self, thread: &mut Snapshot, state: &State, output: &Value, assigned: Assigned) {
        let Some(kind) = states::exited(&state.kind) else { return };
        if assigned.0.is_empty() {
            return self.record_state(kind, &state.name, "output", output);
        }
        let details = [
            ("name", Detail::Text(&state.name)),
            ("output", Detail::Value(output)),
            ("assignedVariables", Detail::Fields(&assigned.0)),
        ];
        self.record(kind, details.as_slice());
        Arc::make_mut(&mut thread.variables).extend(assigned.0);
    }

    /// Leaves a state that only passes its input on (Wait, Succeed).
    pub(crate) fn pass_on(&mut self, thread: &mut Snapshot, attempt: &Attempt) -> Step {
        let Some(state) = self.state_of(thread, attempt) else {
            return Step::End(Outcome::Failed { failure: broken(&attempt.state) });
        };
        self.input(thread, state, attempt)
            .and_then(|input| self.complete(thread, state, attempt, input.into_owned(), None, &ResultPath::Whole))
            .unwrap_or_else(|failure| Step::End(Outcome::Failed { failure }))
    }

    /// Has stopped what a thread waits for and is given up: the children of a fan-out, or an execution that its task started.
    pub(crate) fn give_up(&mut self, thread: &Snapshot) {
        if let Position::Task { progress, .. } = &thread.position
            && let Some(nested) = &progress.nested
        {
            self.effects.push(Effect::StopExecution { execution: nested.clone() });
        }
        if let Some(fanout) = thread.fanout() {
            self.effects.push(Effect::AbortChildren { fanout: fanout.id, children: fanout.out() });
        }
    }
}

pub(crate) fn next_step(thread: &mut Snapshot) -> StepId {
    thread.last_step += 1;
    thread.last_step
}

/// A snapshot that doesn't belong to the definition: a bug, told as the failure of the execution.
pub(crate) fn broken(state: &str) -> Failure {
    Failure::new("States.Runtime", format!("The definition has no state '{state}'; it isn't the one that was started."))
}

fn failure_details(failure: &Failure) -> Map<String, Value> {
    let mut details = Map::new();
    for (name, text) in [("error", &failure.error), ("cause", &failure.cause)] {
        if let Some(text) = text {
            details.insert(name.to_owned(), Value::String(text.clone()));
        }
    }
    details
}

pub(crate) fn failed_details(failure: &Failure, extra: Map<String, Value>) -> Map<String, Value> {
    let mut details = extra;
    details.extend(failure_details(failure));
    details
}

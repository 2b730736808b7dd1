//! Parallel and Map: starting children, and learning of their ends.
//!
//! Children run inside of the parent's decision until they wait. Those that never do leave only their output; the others
//! get logs of their own, so that a wide fan-out doesn't contend for one.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::Timestamp;
use crate::decide::{Decision, Effect, STATES_A_DECISION};
use crate::definition::Kind;
use crate::history::{Detail, EventType, HistoryEvent};
use crate::run::{Run, Step, broken, weigh};
use crate::snapshot::{
    Attempt, Child, Counted, Failure, Fanout, Join, Moment, Outcome, Position, Resume, Role, Snapshot, Source,
};
use crate::states::{map, parallel};

/// The place of `index` among the counted children.
pub(crate) fn counted(waiting: &[u32], index: u32) -> Option<Counted> {
    let position = u32::try_from(waiting.binary_search(&index).ok()?).ok()?;
    Some(Counted { position, total: u32::try_from(waiting.len()).ok()? })
}

/// How many states a child may enter within its parent's decision; fewer the deeper it lies, since depths multiply.
const fn budget(depth: u32) -> u32 {
    match depth {
        1 => STATES_A_DECISION,
        2 => STATES_A_DECISION / 10,
        3 => STATES_A_DECISION / 100,
        _ => 0,
    }
}

/// Mixes numbers into a seed (the finalizer of splitmix64).
pub(crate) const fn mix(seed: u64, fanout: u32, index: u32) -> u64 {
    let mut bits = seed ^ ((fanout as u64) << 32 | index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// What a started child weighs besides its history, about.
const CHILD_WEIGHT: usize = 512;

/// How much the children of a fan-out may record in one decision, at all depths: 256 MiB, about 200,000 items with a
/// Pass state each. It keeps a few nested Maps from taking all of the memory.
const WEIGHT_A_FAN_OUT: usize = 256 * 1024 * 1024;

fn too_heavy(attempt: &Attempt) -> Failure {
    let cause = format!(
        "The branches or items of the state '{}' would record more than 256 MiB before one of them waits. Give it fewer \
         items, or less data or fewer states for each.",
        attempt.state
    );
    Failure::new("States.DataLimitExceeded", cause)
}

impl Run<'_> {
    /// Starts the children of a Parallel or Map state. `limit` is `MaxConcurrency`, 0 for none.
    pub(crate) fn fan_out(&mut self, thread: &mut Snapshot, attempt: Attempt, source: Source, limit: u32) -> Step {
        let total = match &source {
            Source::Items { items, .. } => u32::try_from(items.len()).unwrap_or(u32::MAX),
            Source::Branches { .. } => self.branches(thread, &attempt),
            Source::Pages { run } => run.pages,
        };
        let join = if limit == 0 || limit >= total {
            Join::Counted { waiting: Vec::new() }
        } else {
            Join::InTurn { running: BTreeMap::new(), done: Vec::new(), next: 0, limit }
        };
        let (moment, events) = (self.moment, self.events());
        let mut kept = std::mem::take(&mut self.kept);
        let mut resumed = BTreeMap::new();
        if let Some(mut parts) = self.parts.take() {
            if parts.compared {
                parts.fit(&source);
            }
            (kept, resumed) = (parts.outputs, parts.ends);
        }
        kept.retain(|index, _| *index < total);
        let id = thread.fanouts;
        let mut fanout = Fanout { id, source, total, outputs: kept, join, events, moment, resumed, executions: None };
        let started = match &fanout.join {
            Join::Counted { .. } => self.start_all(thread, &attempt, &mut fanout),
            Join::InTurn { .. } => self.start_some(thread, &attempt, &mut fanout),
        };
        if let Err(failure) = started {
            return self.children_failed(thread, &attempt, fanout, failure);
        }
        if fanout.with_logs().is_empty() {
            let result = Value::Array(fanout.outputs.into_values().collect());
            return self.children_succeeded(thread, &attempt, result);
        }
        thread.fanouts += 1;
        Step::Stand(Position::Join { attempt, fanout: Box::new(fanout) })
    }

    fn branches(&self, thread: &Snapshot, attempt: &Attempt) -> u32 {
        match self.state_of(thread, attempt).map(|state| &state.kind) {
            Some(Kind::Parallel(parallel)) => u32::try_from(parallel.branches.len()).unwrap_or(u32::MAX),
            _ => 0,
        }
    }

    fn start_all(&mut self, thread: &Snapshot, attempt: &Attempt, fanout: &mut Fanout) -> Result<(), Failure> {
        let (fork, mut started) = (self.last, Vec::new());
        for index in 0..fanout.total {
            if fanout.outputs.contains_key(&index) {
                continue;
            }
            self.last = fork;
            if let Err(failure) = self.begin(thread, attempt, fanout, index, fanout.moment.now, &mut started) {
                // None of them has a log.
                fanout.join = Join::InTurn { running: BTreeMap::new(), done: Vec::new(), next: index + 1, limit: 0 };
                return Err(failure);
            }
        }
        let waiting: Vec<u32> = started.iter().map(|(index, _)| *index).collect();
        for (index, mut decision) in started {
            if let Some(child) = &mut decision.snapshot.child {
                child.counted = counted(&waiting, index);
            }
            self.effects.push(Effect::StartChild { fanout: fanout.id, index, decision: Box::new(decision) });
        }
        fanout.join = Join::Counted { waiting };
        Ok(())
    }

    /// Starts children until `MaxConcurrency` are out or none is left.
    fn start_some(&mut self, thread: &Snapshot, attempt: &Attempt, fanout: &mut Fanout) -> Result<(), Failure> {
        if thread.is_paused() {
            return Ok(());
        }
        let (now, mut started) = (self.moment.now, Vec::new());
        while let Join::InTurn { running, next, limit, .. } = &mut fanout.join {
            let out = running.len().saturating_add(started.len());
            if *next >= fanout.total || out >= usize::try_from(*limit).unwrap_or(usize::MAX) {
                break;
            }
            let index = *next;
            *next += 1;
            if fanout.outputs.contains_key(&index) {
                continue;
            }
            self.begin(thread, attempt, fanout, index, now, &mut started)?;
        }
        for (index, decision) in started {
            if let Join::InTurn { running, .. } = &mut fanout.join {
                running.insert(index, now);
            }
            self.effects.push(Effect::StartChild { fanout: fanout.id, index, decision: Box::new(decision) });
        }
        Ok(())
    }

    /// Adds to what a fan-out records in this decision.
    pub(crate) fn charge(&mut self, weight: usize, attempt: &Attempt) -> Result<(), Failure> {
        self.weight = self.weight.saturating_add(weight).saturating_add(CHILD_WEIGHT);
        if self.weight > WEIGHT_A_FAN_OUT { Err(too_heavy(attempt)) } else { Ok(()) }
    }

    /// Starts a child: takes over the output and the history of one that ends, puts one that waits to `started`. When
    /// one fails, those in `started` never come to be: only their history is kept.
    fn begin(
        &mut self,
        thread: &Snapshot,
        attempt: &Attempt,
        fanout: &mut Fanout,
        index: u32,
        now: Timestamp,
        started: &mut Vec<(u32, Decision)>,
    ) -> Result<(), Failure> {
        let (decision, weight) = self.child(thread, attempt, fanout, index, now, self.events());
        // A child has the execution's input with it, where the definition reads that.
        let carried = thread.execution.input.as_ref().map_or(0, weigh);
        self.weight = self.weight.saturating_add(weight).saturating_add(carried).saturating_add(CHILD_WEIGHT);
        if self.weight > WEIGHT_A_FAN_OUT {
            started.clear();
            return Err(too_heavy(attempt));
        }
        let failure = match decision.snapshot.outcome() {
            None => {
                // Again, where it would not begin at the number that `start_child` knows.
                let decision = if self.events() == fanout.events {
                    decision
                } else {
                    self.child(thread, attempt, fanout, index, now, fanout.events).0
                };
                started.push((index, decision));
                return Ok(());
            }
            Some(Outcome::Succeeded { output }) => {
                fanout.outputs.insert(index, output.clone());
                self.take_over(decision.history);
                return Ok(());
            }
            Some(Outcome::Failed { failure } | Outcome::Aborted { failure }) => failure.clone(),
            Some(Outcome::TimedOut) => Failure::new("States.Timeout", ""),
        };
        let (fork, given_up) = (self.last, std::mem::take(started));
        let others: Vec<u32> = given_up.iter().map(|(index, _)| *index).collect();
        for (_, other) in given_up {
            self.take_over(other.history);
            self.last = fork;
        }
        self.take_over(decision.history);
        if fanout.is_map() {
            for index in others {
                let details = [("name", Detail::Text(&attempt.state)), ("index", Detail::Number(index))];
                self.note(EventType::MapIterationAborted, details.as_slice());
            }
        }
        Err(failure)
    }

    /// Takes over the history of a child that has no log of its own.
    fn take_over(&mut self, history: Vec<HistoryEvent>) {
        let (fork, offset) = (self.last, u32::try_from(self.history.len()).unwrap_or(u32::MAX));
        for (place, mut event) in (0_u32..).zip(history) {
            event.previous = event.previous.map_or(fork, |previous| Some(previous.saturating_add(offset)));
            if !matches!(event.kind, EventType::MapIterationSucceeded | EventType::MapIterationFailed) {
                self.last = Some(place.saturating_add(offset));
            }
            self.history.push(event);
        }
    }

    /// How many events the log has recorded by now.
    fn events(&self) -> u64 {
        self.events_before + self.history.len() as u64
    }

    /// Runs a child from its start until it waits or ends.
    pub(crate) fn child(
        &self,
        parent: &Snapshot,
        attempt: &Attempt,
        fanout: &Fanout,
        index: u32,
        now: Timestamp,
        events_before: u64,
    ) -> (Decision, usize) {
        let moment = Moment { now, seed: mix(fanout.moment.seed, fanout.id, index) };
        let depth = parent.child.as_ref().map_or(0, |child| child.depth) + 1;
        let mut run = Run::new(self.machine, moment, budget(depth));
        run.missing.clone_from(&self.missing);
        run.events_before = events_before;
        let kind = self.state_of(parent, attempt).map(|state| &state.kind);
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        let (machine, item) = match (kind, &fanout.source) {
            (Some(Kind::Parallel(parallel)), Source::Branches { .. }) => (parallel.branches.get(place).copied(), None),
            (Some(Kind::Map(map)), Source::Items { items, .. }) => (Some(map.processor), items.get(place).cloned()),
            _ => (None, None),
        };
        let thread = Snapshot {
            machine: machine.unwrap_or(u32::MAX),
            execution: parent.execution.clone(),
            child: Some(Child {
                state: attempt.state.clone(),
                is_map: fanout.is_map(),
                index,
                depth,
                item,
                log: self.log_of(parent, fanout.id, index),
                counted: None,
                role: Role::Inner,
                key: None,
                origin: None,
            }),
            variables: parent.variables.clone(),
            last_step: 0,
            fanouts: 0,
            events: 0,
            unfinished: None,
            position: Position::Ready { id: 0, state: String::new(), input: Value::Null },
            turn: 0,
        };
        if let Some(resume) = fanout.resumed.get(&index) {
            return run.go_on(thread, resume);
        }
        if fanout.is_map() {
            let details = [("name", Detail::Text(&attempt.state)), ("index", Detail::Number(index))];
            run.record(EventType::MapIterationStarted, details.as_slice());
        }
        let input = match (kind, &fanout.source) {
            (_, Source::Branches { input }) => Ok(input.clone()),
            (Some(Kind::Map(map)), Source::Items { input, .. }) => match &map.item_selector {
                Some(selector) => run.evaluate(&thread, attempt, selector, "ItemSelector", input),
                None => Ok(thread.child.as_ref().and_then(|child| child.item.clone()).unwrap_or_default()),
            },
            _ => Err(broken(&attempt.state)),
        };
        let first = match input {
            Ok(input) => run.first_state(thread.machine, input),
            Err(failure) => Step::End(Outcome::Failed { failure }),
        };
        run.finish_weighed(thread, first)
    }

    /// Runs a child that has ended without success from there until it waits or ends.
    pub(crate) fn go_on(mut self, mut thread: Snapshot, resume: &Resume) -> (Decision, usize) {
        thread.variables = Arc::clone(&resume.variables);
        let Attempt { state, input, .. } = resume.attempt.clone();
        // So that an end before the first entry finds the state.
        thread.position = Position::Ready { id: 0, state: state.clone(), input: input.clone() };
        let step = if resume.ahead {
            Step::Enter { state, input }
        } else {
            (self.parts, self.redriven) = (resume.parts.clone(), resume.run.clone());
            let attempt = Attempt { entered: self.moment.now, event: 0, ..resume.attempt.clone() };
            self.attempt(&mut thread, attempt)
        };
        self.finish_weighed(thread, step)
    }

    /// [`Child::log`] of a child.
    pub(crate) fn log_of(&self, parent: &Snapshot, fanout: u32, index: u32) -> String {
        if !self.machine.makes_tokens {
            return String::new();
        }
        let above = parent.child.as_ref().map_or("", |child| child.log.as_str());
        format!("{above}/{fanout}.{index}")
    }

    /// A child told its parent that it ended.
    pub(crate) fn child_ended(
        &mut self,
        thread: &mut Snapshot,
        attempt: &Attempt,
        fanout: &Fanout,
        index: u32,
        failure: Option<Failure>,
    ) -> Option<Step> {
        let mut fanout = fanout.clone();
        if fanout.out().binary_search(&index).is_err() {
            return None;
        }
        if let Some(failure) = failure {
            let others: Vec<u32> = fanout.out().into_iter().filter(|other| *other != index).collect();
            if !others.is_empty() {
                self.effects.push(Effect::AbortChildren { fanout: fanout.id, children: others });
            }
            return Some(self.children_failed(thread, attempt, fanout, failure));
        }
        let Join::InTurn { running, done, .. } = &mut fanout.join else { return None };
        running.remove(&index);
        done.push(index);
        done.sort_unstable();
        Some(self.next_children(thread, attempt, fanout))
    }

    /// Goes on with children that were held while the thread was paused.
    pub(crate) fn resumed(&mut self, thread: &mut Snapshot, attempt: &Attempt, fanout: &Fanout) -> Step {
        self.next_children(thread, attempt, fanout.clone())
    }

    /// Starts what may be started now; when nothing is out or left, the children are joined.
    fn next_children(&mut self, thread: &mut Snapshot, attempt: &Attempt, mut fanout: Fanout) -> Step {
        if let Err(failure) = self.start_some(thread, attempt, &mut fanout) {
            let others = fanout.out();
            if !others.is_empty() {
                self.effects.push(Effect::AbortChildren { fanout: fanout.id, children: others });
            }
            return self.children_failed(thread, attempt, fanout, failure);
        }
        if fanout.out().is_empty() && !fanout.holds_back() {
            self.effects.push(Effect::JoinChildren { fanout: fanout.id });
        }
        Step::Stand(Position::Join { attempt: attempt.clone(), fanout: Box::new(fanout) })
    }

    /// Every child has succeeded: their outputs, by index, make the result.
    pub(crate) fn joined(
        &mut self,
        thread: &mut Snapshot,
        attempt: &Attempt,
        fanout: &Fanout,
        outputs: Vec<(u32, Value)>,
    ) -> Option<Step> {
        let mut all = fanout.outputs.clone();
        all.extend(outputs);
        let result: Vec<Value> = if all.keys().copied().eq(0..fanout.total) {
            all.into_values().collect()
        } else {
            return None;
        };
        Some(self.children_succeeded(thread, attempt, Value::Array(result)))
    }

    fn children_succeeded(&mut self, thread: &mut Snapshot, attempt: &Attempt, result: Value) -> Step {
        match self.state_of(thread, attempt).map(|state| (state, &state.kind)) {
            Some((state, Kind::Map(map))) => map::joined(self, thread, state, map, attempt, result),
            Some((state, Kind::Parallel(parallel))) => parallel::joined(self, thread, state, parallel, attempt, result),
            _ => Step::End(Outcome::Failed { failure: broken(&attempt.state) }),
        }
    }

    fn children_failed(&mut self, thread: &mut Snapshot, attempt: &Attempt, fanout: Fanout, failure: Failure) -> Step {
        self.left = Some(Box::new(fanout));
        match self.state_of(thread, attempt).map(|state| (state, &state.kind)) {
            Some((state, Kind::Map(map))) => map::failed(self, thread, state, map, attempt, failure),
            Some((state, Kind::Parallel(parallel))) => {
                parallel::failed(self, thread, state, parallel, attempt, failure)
            }
            _ => Step::End(Outcome::Failed { failure: broken(&attempt.state) }),
        }
    }
}

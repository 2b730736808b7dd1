//! A driver over the interpreter alone: logs in memory, virtual time, workers that follow a script.
//!
//! It does what the real driver does (`docs/adr/0003`) and checks at every step what the real one relies on: a snapshot
//! survives being stored, a repeated event decides nothing, a child starts again as it started, and `pending` names
//! everything that a decision sends. Start reading at [`World::run`].

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod map_runs;

use std::collections::{BTreeMap, BTreeSet};

use millrace_asl::map_run::Work;
use millrace_asl::{
    Decision, Effect, Event, ExecutionContext, Failure, HistoryEvent, HistoryPart, Moment, NumberedEvent, Outcome,
    PayloadLimit, Role, Snapshot, StateMachine, Timestamp, decide, number, pending, start, start_child,
};
use serde_json::Value;

/// From the execution's own log down: fan-out and index.
pub(crate) type LogPath = Vec<(u32, u32)>;

/// When every execution starts: 2026-01-01T00:00:00Z.
pub(crate) const BEGINNING: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// What a worker answers to an attempt.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// After so many milliseconds.
    pub(crate) after: i64,
    /// `None`: never.
    pub(crate) result: Option<Result<Value, Failure>>,
}

/// Decides the answer from the state's name, how often it was asked before, and the input.
pub(crate) type Worker = Box<dyn FnMut(&str, usize, &Value) -> Answer>;

/// A line of what was done or ignored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Note {
    pub(crate) at: Timestamp,
    pub(crate) log: LogPath,
    pub(crate) text: String,
}

struct Thread {
    snapshot: Snapshot,
    seq: u64,
    at: Timestamp,
    tick: u64,
    unwritten: Vec<HistoryEvent>,
}

enum Due {
    Event(LogPath, Event, u64),
    Join(LogPath, u32),
}

/// An execution with everything around it.
pub(crate) struct World<'m> {
    machine: &'m StateMachine,
    worker: Worker,
    logs: BTreeMap<LogPath, Thread>,
    due: BTreeMap<(Timestamp, u64), Due>,
    parts: Vec<HistoryPart>,
    asked: BTreeMap<String, usize>,
    joined: BTreeMap<(LogPath, u32), BTreeSet<u32>>,
    pages: BTreeMap<(LogPath, u32), Value>,
    now: Timestamp,
    counter: u64,
    /// Decisions made.
    pub(crate) decisions: usize,
    /// Every effect, as a line.
    pub(crate) effects: Vec<Note>,
    /// Every event that decided nothing on its first arrival.
    pub(crate) ignored: Vec<Note>,
}

/// An execution's context object with fixed names.
pub(crate) fn context() -> ExecutionContext {
    ExecutionContext {
        id: "arn:aws:states:us-east-1:111111111111:execution:Machine:run-1".to_owned(),
        name: "run-1".to_owned(),
        start_time: BEGINNING,
        role_arn: "arn:aws:iam::111111111111:role/runner".to_owned(),
        input: None,
        state_machine_id: "arn:aws:states:us-east-1:111111111111:stateMachine:Machine".to_owned(),
        state_machine_name: "Machine".to_owned(),
        deadline: None,
        key: "exe_1".to_owned(),
        payload_limit: PayloadLimit::None,
        redrive_count: Some(0),
    }
}

impl<'m> World<'m> {
    /// Starts an execution.
    pub(crate) fn start(machine: &'m StateMachine, input: Value, worker: Worker) -> Self {
        Self::start_as(machine, context(), input, worker)
    }

    /// The same, with another context.
    pub(crate) fn start_as(machine: &'m StateMachine, context: ExecutionContext, input: Value, worker: Worker) -> Self {
        let mut world = Self {
            machine,
            worker,
            logs: BTreeMap::new(),
            due: BTreeMap::new(),
            parts: Vec::new(),
            asked: BTreeMap::new(),
            joined: BTreeMap::new(),
            pages: BTreeMap::new(),
            now: BEGINNING,
            counter: 0,
            decisions: 0,
            effects: Vec::new(),
            ignored: Vec::new(),
        };
        let moment = world.moment();
        let decision = start(machine, context.clone(), input.clone(), moment);
        assert_eq!(decision, start(machine, context, input, moment), "the same moment decides the same");
        let thread =
            Thread { snapshot: decision.snapshot.clone(), seq: 0, at: world.now, tick: 0, unwritten: Vec::new() };
        world.commit(LogPath::new(), thread, decision, 0);
        world
    }

    /// Plans an event that nothing in the execution causes.
    pub(crate) fn plan(&mut self, after_millis: i64, log: LogPath, event: Event) {
        self.push(BEGINNING.plus_millis(after_millis), Due::Event(log, event, 0));
    }

    /// Brings everything that is due, in the order of virtual time, until nothing is left or `most` deliveries.
    /// Whether nothing is left.
    pub(crate) fn run(&mut self, most: usize) -> bool {
        for _ in 0..most {
            let Some(((at, _), due)) = self.due.pop_first() else { return true };
            self.now = self.now.max(at);
            match due {
                Due::Event(log, event, tick) => self.deliver(&log, event, tick),
                Due::Join(log, fanout) => self.join(log, fanout),
            }
        }
        self.due.is_empty()
    }

    /// How the execution ended, if it has.
    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.logs[&LogPath::new()].snapshot.outcome()
    }

    /// Where the execution's own log stands.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.logs[&LogPath::new()].snapshot
    }

    /// The whole history.
    pub(crate) fn history(&self) -> Vec<NumberedEvent> {
        let mut parts = self.parts.clone();
        parts.extend(self.logs.iter().filter(|(_, thread)| !thread.unwritten.is_empty()).map(|(path, thread)| {
            HistoryPart {
                at: thread.at,
                tick: thread.tick,
                path: path.clone(),
                seq: 0,
                events: thread.unwritten.clone(),
            }
        }));
        let apart = self.apart();
        parts.retain(|part| !apart.iter().any(|page| part.path.starts_with(page)));
        number(parts)
    }

    fn moment(&mut self) -> Moment {
        self.counter += 1;
        Moment { now: self.now, seed: self.counter }
    }

    fn push(&mut self, at: Timestamp, due: Due) {
        self.counter += 1;
        self.due.insert((at.max(self.now), self.counter), due);
    }

    fn deliver(&mut self, log: &LogPath, event: Event, after: u64) {
        let moment = self.moment();
        let mut event = event;
        if let Event::TaskReported { secret, .. } = &mut event
            && secret.is_empty()
            && let Some(token) = self.logs.get(log).and_then(|thread| thread.snapshot.task_token())
        {
            *secret = token.secret;
        }
        let text = format!("{event:?}");
        let Some(thread) = self.logs.get(log) else {
            self.ignored.push(Note { at: self.now, log: log.clone(), text: format!("{text} (no such log)") });
            return;
        };
        let decision = decide(self.machine, &thread.snapshot, event.clone(), moment);
        let again = decide(self.machine, &thread.snapshot, event.clone(), moment);
        assert_eq!(decision, again, "the same moment decides the same");
        let Some(decision) = decision else {
            self.ignored.push(Note { at: self.now, log: log.clone(), text });
            return;
        };
        let repeated = decide(self.machine, &decision.snapshot, event.clone(), moment);
        assert_eq!(repeated, None, "a repeated event decides nothing: {event:?}");
        let thread = self.logs.remove(log).unwrap();
        self.commit(log.clone(), thread, decision, after);
    }

    fn join(&mut self, log: LogPath, fanout: u32) {
        let Some(waiting) = self.logs[&log].snapshot.fanout().filter(|waiting| waiting.id == fanout) else { return };
        if waiting.map_run().is_some() || waiting.executions.is_some() {
            let waiting = waiting.clone();
            return self.join_map_run(&log, &waiting);
        }
        let mut outputs = Vec::new();
        let mut tick = 0;
        for index in waiting.with_logs() {
            let child = &self.logs[&below(&log, fanout, index)];
            let Some(Outcome::Succeeded { output }) = child.snapshot.outcome() else {
                panic!("joined before child {index} succeeded")
            };
            tick = tick.max(child.tick);
            outputs.push((index, output.clone()));
        }
        self.deliver(&log, Event::ChildrenJoined { fanout, outputs }, tick);
    }

    fn commit(&mut self, log: LogPath, thread: Thread, decision: Decision, after: u64) {
        self.decisions += 1;
        let Decision { snapshot, history, effects } = decision;
        let text = serde_json::to_string(&snapshot).unwrap();
        let stored: Snapshot = serde_json::from_str(&text).unwrap();
        assert_eq!(stored, snapshot, "a snapshot survives being stored");
        let is_first = thread.seq == 0 && log.is_empty() && self.parts.is_empty();
        let seq = if is_first { 0 } else { thread.seq + 1 };
        let tick = thread.tick.max(after) + 1;
        if !thread.unwritten.is_empty() {
            self.parts.push(HistoryPart {
                at: thread.at,
                tick: thread.tick,
                path: log.clone(),
                seq: 0,
                events: thread.unwritten,
            });
        }
        for (place, event) in history.iter().enumerate() {
            let stored = serde_json::to_string(event).unwrap();
            assert_eq!(
                &serde_json::from_str::<HistoryEvent>(&stored).unwrap(),
                event,
                "an event survives being stored"
            );
            assert!(event.previous.is_none_or(|previous| (previous as usize) < place), "causes come first");
        }
        self.parts.push(HistoryPart { at: self.now, tick, path: log.clone(), seq, events: history });
        self.check_pending(&stored, &effects);
        let at = self.now;
        self.logs.insert(log.clone(), Thread { snapshot: stored, seq, at, tick, unwritten: Vec::new() });
        self.dispatch(&log, effects);
        self.settle(&log);
    }

    /// What a decision sends, `pending` names again; `AbortChildren` belongs to what is no longer waited for.
    fn check_pending(&self, snapshot: &Snapshot, effects: &[Effect]) {
        let pending = pending(self.machine, snapshot);
        for effect in effects {
            let covered = match effect {
                Effect::AbortChildren { .. } | Effect::StopExecution { .. } | Effect::MapRunEnded { .. } => true,
                Effect::SetTimer { id, .. } => {
                    // The time may lie in the past already; the id is what counts.
                    *id == 0 && snapshot.outcome().is_some()
                        || pending
                            .iter()
                            .any(|other| matches!(other, Effect::SetTimer { id: named, .. } if named == id))
                }
                other => pending.contains(other),
            };
            assert!(covered, "pending doesn't name {effect:?}; it names {pending:?}");
        }
    }

    fn dispatch(&mut self, log: &LogPath, effects: Vec<Effect>) {
        for effect in effects {
            self.effects.push(Note { at: self.now, log: log.clone(), text: describe(&effect, self.now) });
            let tick = self.logs[log].tick;
            match effect {
                Effect::InvokeTask { id, state, resource, input } => {
                    if let Some(event) = Work::of(&resource).and_then(|work| self.work(log, id, work)) {
                        self.push(self.now, Due::Event(log.clone(), event, tick));
                        continue;
                    }
                    let times = self.asked.entry(state.clone()).or_default();
                    let answer = (self.worker)(&state, *times, &input);
                    *times += 1;
                    let event = match answer.result {
                        None => continue,
                        Some(Ok(output)) => Event::TaskSucceeded { id, output },
                        Some(Err(failure)) => Event::TaskFailed { id, failure },
                    };
                    self.push(self.now.plus_millis(answer.after), Due::Event(log.clone(), event, tick));
                }
                Effect::SetTimer { id, at } => {
                    self.push(at, Due::Event(log.clone(), Event::TimerFired { id }, tick));
                }
                Effect::StartChild { fanout, index, decision } => {
                    let parent = &self.logs[log];
                    let again = start_child(self.machine, &parent.snapshot, index);
                    assert_eq!(again.as_ref(), Some(&*decision), "a child starts again as it started");
                    assert!(decision.snapshot.outcome().is_none(), "a child with a log of its own waits");
                    let Decision { snapshot, history, effects } = *decision;
                    self.check_pending(&snapshot, &effects);
                    let child = below(log, fanout, index);
                    let thread = Thread { snapshot, seq: 0, at: parent.at, tick: parent.tick + 1, unwritten: history };
                    assert!(self.logs.insert(child.clone(), thread).is_none(), "a log belongs to one child");
                    self.dispatch(&child, effects);
                }
                Effect::MapRunEnded { .. } | Effect::TurnChildren { .. } | Effect::StopExecution { .. } => {}
                Effect::JoinChildren { fanout } => self.push(self.now, Due::Join(log.clone(), fanout)),
                Effect::AbortChildren { fanout, children } => {
                    let failure = Failure::new("Millrace.ParentEnded", "The parent has ended.");
                    for index in children {
                        let event = Event::Abort { failure: failure.clone() };
                        self.push(self.now, Due::Event(below(log, fanout, index), event, tick));
                    }
                }
            }
        }
    }

    /// A child that ended is counted, or its parent is told.
    fn settle(&mut self, log: &LogPath) {
        let thread = &self.logs[log];
        let Some(outcome) = thread.snapshot.outcome() else { return };
        let Some(((fanout, index), above)) = log.split_last() else { return };
        let (fanout, index, above) = (*fanout, *index, above.to_vec());
        if thread.snapshot.child.as_ref().unwrap().role != Role::Inner {
            return self.settle_map_run(log, fanout, index, above);
        }
        let counted = thread.snapshot.child.as_ref().unwrap().counted;
        let failure = match outcome {
            Outcome::Aborted { .. } => return,
            Outcome::Succeeded { .. } => None,
            Outcome::Failed { failure } => Some(failure.clone()),
            Outcome::TimedOut => panic!("only the execution itself times out"),
        };
        let tick = thread.tick;
        match counted {
            Some(counted) if failure.is_none() => {
                let ended = self.joined.entry((above.clone(), fanout)).or_default();
                assert!(ended.insert(counted.position), "every child is counted once");
                if ended.len() == counted.total as usize {
                    self.push(self.now, Due::Join(above, fanout));
                }
            }
            _ => self.push(self.now, Due::Event(above, Event::ChildEnded { fanout, index, failure }, tick)),
        }
    }
}

fn below(log: &LogPath, fanout: u32, index: u32) -> LogPath {
    let mut path = log.clone();
    path.push((fanout, index));
    path
}

/// An effect as a line, with times counted from the beginning.
fn describe(effect: &Effect, now: Timestamp) -> String {
    match effect {
        Effect::InvokeTask { id, state, resource, input } => format!("InvokeTask {id} {state} {resource} {input}"),
        Effect::SetTimer { id, at } => format!("SetTimer {id} {}", offset(*at)),
        Effect::StartChild { fanout, index, decision } => {
            format!("StartChild {fanout}.{index} with {} events at {}", decision.history.len(), offset(now))
        }
        Effect::JoinChildren { fanout } => format!("JoinChildren {fanout}"),
        Effect::AbortChildren { fanout, children } => format!("AbortChildren {fanout} {children:?}"),
        Effect::StopExecution { execution } => format!("StopExecution {execution}"),
        Effect::TurnChildren { fanout } => format!("TurnChildren {fanout}"),
        Effect::MapRunEnded { run, status } => format!("MapRunEnded {} {} {:?}", run.label, status.name(), run.counts),
    }
}

/// Seconds since the beginning.
pub(crate) fn offset(at: Timestamp) -> String {
    let millis = at.millis() - BEGINNING.millis();
    format!("+{}.{:03}s", millis / 1000, millis % 1000)
}

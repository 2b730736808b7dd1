//! What follows from an event: the heart of the interpreter.
//!
//! [`start`], [`decide`] and [`start_child`] run a thread of control until it has to wait or ends, with everything that
//! needs no waiting inside of one decision. The driver owns the rest (`docs/adr/0003`): it commits the decision under
//! the log's next sequence number, sends the effects after the commit, and brings events back, late or repeated ones
//! too, which decide nothing.

use std::sync::Arc;

use serde_json::Value;

use crate::Timestamp;
use crate::definition::StateMachine;
use crate::history::{Detail, EventType, HistoryEvent};
use crate::map_run::{self, ItemEnd, MapRun, PageReport, RunName, RunStatus, Tolerance, begin, page};
use crate::pause;
use crate::progress::Report;
use crate::run::{Run, Step};
use crate::snapshot::{ExecutionContext, Failure, Join, Moment, Outcome, Position, Snapshot, StepId};
use crate::states::task;

/// Something that happened to a thread.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A task gave its result.
    TaskSucceeded {
        /// The attempt.
        id: StepId,
        /// Its result.
        output: Value,
    },
    /// A task failed.
    TaskFailed {
        /// The attempt.
        id: StepId,
        /// Why.
        failure: Failure,
    },
    /// A task could not be begun: whoever does it was not reached.
    TaskNotStarted {
        /// The attempt.
        id: StepId,
        /// Why.
        failure: Failure,
    },
    /// A worker has taken the task of an activity.
    TaskStarted {
        /// The attempt.
        id: StepId,
        /// `workerName`
        worker: Option<String>,
    },
    /// The call that begins a task which outlasts it (`.sync`, `.waitForTaskToken`) has answered.
    TaskSubmitted {
        /// The attempt.
        id: StepId,
        /// The answer.
        output: Value,
    },
    /// Somebody who has the task's token says that the task goes on.
    TaskHeartbeat {
        /// The attempt.
        id: StepId,
        /// When it was said.
        at: Timestamp,
    },
    /// Somebody who has the task's token says that the task has ended.
    TaskReported {
        /// The attempt.
        id: StepId,
        /// The token's secret; another one decides nothing.
        secret: String,
        /// How it has ended.
        report: Report,
    },
    /// The time of a [`Effect::SetTimer`] has come.
    TimerFired {
        /// What it was set for; 0 is the execution's own timeout.
        id: StepId,
    },
    /// A child whose ends are told one by one has ended, or a counted one has failed.
    ChildEnded {
        /// The fan-out.
        fanout: u32,
        /// The child.
        index: u32,
        /// Why it failed, if it did.
        failure: Option<Failure>,
    },
    /// Every child of a fan-out has succeeded.
    ChildrenJoined {
        /// The fan-out.
        fanout: u32,
        /// The output of each child that has a log of its own ([`crate::Fanout::with_logs`]).
        outputs: Vec<(u32, Value)>,
    },
    /// A page of a map run has ended.
    PageEnded {
        /// The fan-out.
        fanout: u32,
        /// The page.
        page: u32,
        /// What its executions came to, or why they can't be run.
        report: Result<PageReport, Failure>,
    },
    /// Every page of a map run has ended, and there is nobody who writes the results.
    PagesJoined {
        /// The fan-out.
        fanout: u32,
        /// The result of every execution, in order.
        results: Vec<Value>,
    },
    /// An execution of a page that is told of such ends has ended.
    ExecutionEnded {
        /// The fan-out.
        fanout: u32,
        /// The execution.
        index: u32,
        /// How.
        end: ItemEnd,
    },
    /// Every execution of a page that has a log of its own has ended.
    ExecutionsJoined {
        /// The fan-out.
        fanout: u32,
        /// How each has ended, by index.
        ends: Vec<(u32, ItemEnd)>,
    },
    /// Somebody changes what a running map run may do. What is `None` stays.
    MapRunChanged {
        /// The run.
        name: RunName,
        /// `MaxConcurrency`
        limit: Option<u32>,
        /// How many items may fail.
        tolerance: Tolerance,
    },
    /// The limits of the execution's keys let it begin.
    Admit,
    /// Somebody pauses the thread: it enters no state and begins no child until it is resumed. Work that is out ends.
    Pause,
    /// Somebody resumes the thread.
    Resume,
    /// Of a child: its parent was paused or resumed.
    Turn {
        /// The parent's [`Snapshot::turn`]; an older one than the child's decides nothing.
        turn: u32,
    },
    /// Somebody stops the thread.
    Abort {
        /// Why.
        failure: Failure,
    },
}

impl Event {
    /// The task, wait or pause that the event names.
    const fn step(&self) -> Option<StepId> {
        match self {
            Self::TaskSucceeded { id, .. }
            | Self::TaskFailed { id, .. }
            | Self::TaskNotStarted { id, .. }
            | Self::TaskStarted { id, .. }
            | Self::TaskSubmitted { id, .. }
            | Self::TaskHeartbeat { id, .. }
            | Self::TaskReported { id, .. }
            | Self::TimerFired { id } => Some(*id),
            Self::ChildEnded { .. }
            | Self::ChildrenJoined { .. }
            | Self::PageEnded { .. }
            | Self::PagesJoined { .. }
            | Self::ExecutionEnded { .. }
            | Self::ExecutionsJoined { .. }
            | Self::MapRunChanged { .. }
            | Self::Admit
            | Self::Pause
            | Self::Resume
            | Self::Turn { .. }
            | Self::Abort { .. } => None,
        }
    }
}

/// Something to do after a decision has been committed. Doing it twice does no harm.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Hand a task to whoever does it.
    InvokeTask {
        /// The attempt; its result comes back under this id.
        id: StepId,
        /// The state's name.
        state: String,
        /// `Resource`
        resource: String,
        /// What the task is given.
        input: Value,
    },
    /// Bring [`Event::TimerFired`] at a time.
    SetTimer {
        /// What for.
        id: StepId,
        /// When; a time that has passed means at once.
        at: Timestamp,
    },
    /// A child waits: do the effects of its first decision, which is implied by the parent's and not committed itself.
    StartChild {
        /// The fan-out.
        fanout: u32,
        /// The child.
        index: u32,
        /// Its first decision. Its history is to be committed with the child's first own entry.
        decision: Box<Decision>,
    },
    /// Every child has ended: bring [`Event::ChildrenJoined`].
    JoinChildren {
        /// The fan-out.
        fanout: u32,
    },
    /// Bring [`Event::Abort`] to children whose parent no longer waits for them.
    AbortChildren {
        /// The fan-out.
        fanout: u32,
        /// The children that may still run.
        children: Vec<u32>,
    },
    /// An execution that a task waited for (`.sync`) is no longer waited for: stop it, unless another task waits for it.
    StopExecution {
        /// What the call that started it answered as its ARN.
        execution: String,
    },
    /// The thread was paused or resumed: bring [`Event::Turn`] to its children.
    TurnChildren {
        /// The fan-out.
        fanout: u32,
    },
    /// A map run has ended: its record may say so.
    MapRunEnded {
        /// The run, as it was when it ended.
        run: Box<MapRun>,
        /// How.
        status: RunStatus,
    },
}

/// What to record and what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Where the thread stands now.
    pub snapshot: Snapshot,
    /// What happened.
    pub history: Vec<HistoryEvent>,
    /// What to do once this is committed.
    pub effects: Vec<Effect>,
}

/// How many states one decision enters before it stops and goes on in another: it bounds the time of a decision and the
/// size of an entry.
pub(crate) const STATES_A_DECISION: u32 = 2_500;

/// The first decision of an execution.
#[must_use]
pub fn start(machine: &StateMachine, execution: ExecutionContext, input: Value, moment: Moment) -> Decision {
    start_without(machine, execution, input, moment, &[])
}

/// The same, where the driver has found that some activities don't exist: their tasks fail instead of being scheduled.
#[must_use]
pub fn start_without(
    machine: &StateMachine,
    execution: ExecutionContext,
    input: Value,
    moment: Moment,
    missing: &[String],
) -> Decision {
    let (mut run, thread) = begin(machine, execution, &input, moment);
    run.missing = missing.to_vec();
    if let Some(at) = thread.execution.deadline {
        run.effects.push(Effect::SetTimer { id: 0, at });
    }
    let first = run.first_state(thread.machine, input);
    run.finish(thread, first)
}

/// The first decision of an execution that is to wait for [`Event::Admit`]. Its timeout counts from there on.
#[must_use]
pub fn start_queued(machine: &StateMachine, execution: ExecutionContext, input: Value, moment: Moment) -> Decision {
    let (run, mut thread) = begin(machine, execution, &input, moment);
    Arc::make_mut(&mut thread.execution).deadline = None;
    let first = match run.first_state(thread.machine, input) {
        Step::Enter { state, input } => {
            Step::Stand(Position::Queued { id: crate::run::next_step(&mut thread), state, input })
        }
        step @ (Step::Stand(_) | Step::End(_)) => step,
    };
    run.finish(thread, first)
}

/// A thread that has entered no state.
fn begin<'m>(
    machine: &'m StateMachine,
    mut execution: ExecutionContext,
    input: &Value,
    moment: Moment,
) -> (Run<'m>, Snapshot) {
    execution.fit(machine, input.clone(), moment.now);
    let mut run = Run::new(machine, moment, STATES_A_DECISION);
    let details = [("input", Detail::Value(input)), ("roleArn", Detail::Text(&execution.role_arn))];
    run.note(EventType::ExecutionStarted, details.as_slice());
    let thread = Snapshot {
        machine: 0,
        execution: Arc::new(execution),
        child: None,
        variables: Arc::default(),
        last_step: 0,
        fanouts: 0,
        events: 0,
        unfinished: None,
        position: Position::Ready { id: 0, state: String::new(), input: Value::Null },
        turn: 0,
    };
    (run, thread)
}

/// What follows from `event`. `None` when it comes late, comes again, or is none of this thread's business.
#[must_use]
pub fn decide(machine: &StateMachine, snapshot: &Snapshot, event: Event, moment: Moment) -> Option<Decision> {
    decide_without(machine, snapshot, event, moment, &[])
}

/// The same, where the driver has found that some activities don't exist: their tasks fail instead of being scheduled.
#[must_use]
pub fn decide_without(
    machine: &StateMachine,
    snapshot: &Snapshot,
    event: Event,
    moment: Moment,
    missing: &[String],
) -> Option<Decision> {
    if snapshot.outcome().is_some() {
        return None;
    }
    let mut run = Run::new(machine, moment, STATES_A_DECISION);
    run.events_before = snapshot.events;
    run.missing = missing.to_vec();
    let mut thread = snapshot.clone();
    let step = match (event, &snapshot.position) {
        (Event::Abort { failure }, _) => {
            run.give_up(snapshot);
            begin::aborted(&mut run, snapshot);
            Step::End(Outcome::Aborted { failure })
        }
        // Whatever comes after the deadline comes too late, even when it overtook the timer.
        (_, _) if snapshot.deadline().is_some_and(|at| at <= moment.now) => {
            run.give_up(snapshot);
            begin::aborted(&mut run, snapshot);
            Step::End(Outcome::TimedOut)
        }
        (Event::Pause, _) => pause::turn(&mut run, &mut thread, snapshot.turn + u32::from(!snapshot.is_paused()))?,
        (Event::Resume, _) => pause::turn(&mut run, &mut thread, snapshot.turn + u32::from(snapshot.is_paused()))?,
        (Event::Turn { turn }, _) => pause::turn(&mut run, &mut thread, turn)?,
        (event, position) if snapshot.is_paused() && pause::holds(position, &event) => return None,
        (event, Position::Task { id: due, .. }) if event.step() == Some(*due) => {
            task::decide(&mut run, &mut thread, event)?
        }
        (Event::TaskSucceeded { id, output }, Position::Work { id: due, attempt, work, run: about }) if id == *due => {
            match work {
                map_run::Work::Load => page::loaded(&mut run, &mut thread, attempt, about, output),
                _ => begin::worked(&mut run, &mut thread, attempt, *work, about, output),
            }
        }
        (Event::TaskFailed { id, failure }, Position::Work { id: due, attempt, work, run: about }) if id == *due => {
            match work {
                map_run::Work::Load => Step::End(Outcome::Failed { failure }),
                _ => begin::work_failed(&mut run, &mut thread, attempt, about, failure),
            }
        }
        (Event::PageEnded { fanout: id, page, report }, Position::Join { attempt, fanout }) if id == fanout.id => {
            begin::page_ended(&mut run, &mut thread, attempt, fanout, page, report)?
        }
        (Event::PagesJoined { fanout: id, results }, Position::Join { attempt, fanout }) if id == fanout.id => {
            begin::pages_joined(&mut run, &mut thread, attempt, fanout, results)?
        }
        (Event::ExecutionEnded { fanout: id, index, end }, Position::Join { attempt, fanout }) if id == fanout.id => {
            page::execution_ended(&mut run, &mut thread, attempt, fanout, index, end)?
        }
        (Event::ExecutionsJoined { fanout: id, ends }, Position::Join { fanout, .. }) if id == fanout.id => {
            page::joined(fanout, ends)?
        }
        (Event::MapRunChanged { name, limit, tolerance }, position) => {
            begin::changed(&mut run, &mut thread, position, name, limit, tolerance)?
        }
        (Event::Admit, Position::Queued { state, input, .. }) => {
            let deadline = machine.timeout_seconds.map(|seconds| moment.now.plus_seconds(seconds));
            Arc::make_mut(&mut thread.execution).deadline = deadline;
            run.effects.extend(deadline.map(|at| Effect::SetTimer { id: 0, at }));
            Step::Enter { state: state.clone(), input: input.clone() }
        }
        (Event::TimerFired { id }, Position::Ready { id: due, state, input }) if id == *due => {
            Step::Enter { state: state.clone(), input: input.clone() }
        }
        (Event::TimerFired { id }, Position::Wait { id: due, attempt, .. }) if id == *due => {
            run.pass_on(&mut thread, attempt)
        }
        (Event::TimerFired { id }, Position::Backoff { id: due, attempt, .. }) if id == *due => {
            run.attempt(&mut thread, attempt.clone())
        }
        (Event::ChildrenJoined { fanout: id, outputs }, Position::Join { attempt, fanout }) if id == fanout.id => {
            run.joined(&mut thread, attempt, fanout, outputs)?
        }
        (Event::ChildEnded { fanout: id, index, failure }, Position::Join { attempt, fanout }) if id == fanout.id => {
            run.child_ended(&mut thread, attempt, fanout, index, failure)?
        }
        _ => return None,
    };
    Some(run.finish(thread, step))
}

/// The first decision of a child that waits, made again from its parent's snapshot: it comes out as it did before.
/// `None` when `index` is not a child of that kind.
#[must_use]
pub fn start_child(machine: &StateMachine, parent: &Snapshot, index: u32) -> Option<Decision> {
    let fanout = parent.fanout()?;
    if fanout.with_logs().binary_search(&index).is_err() {
        return None;
    }
    let Position::Join { attempt, .. } = &parent.position else { return None };
    let now = match &fanout.join {
        Join::InTurn { running, .. } => running.get(&index).copied().unwrap_or(fanout.moment.now),
        Join::Counted { .. } => fanout.moment.now,
    };
    let run = Run::new(machine, Moment { now, seed: fanout.moment.seed }, STATES_A_DECISION);
    if let Some(about) = fanout.map_run() {
        return Some(page::birth(run, parent, attempt, fanout, about, index));
    }
    if fanout.executions.is_some() {
        return Some(page::restart(machine, parent, attempt, fanout, index));
    }
    let mut decision = run.child(parent, attempt, fanout, index, now, fanout.events).0;
    if let (Some(child), Join::Counted { waiting }) = (&mut decision.snapshot.child, &fanout.join) {
        child.counted = crate::fanout::counted(waiting, index);
    }
    Some(decision)
}

/// Everything that a thread waits for, as the effects that bring it: what was sent after the commit, to be sent again
/// when it may have been lost. Children come as they began: one that has a log of its own must be asked itself.
#[must_use]
pub fn pending(machine: &StateMachine, snapshot: &Snapshot) -> Vec<Effect> {
    let mut effects = Vec::new();
    if snapshot.outcome().is_none()
        && let Some(at) = snapshot.deadline()
    {
        effects.push(Effect::SetTimer { id: 0, at });
    }
    if let Some(fanout) = snapshot.fanout().filter(|_| snapshot.turn > 0) {
        effects.push(Effect::TurnChildren { fanout: fanout.id });
    }
    match &snapshot.position {
        position if snapshot.is_paused() && pause::is_held(position) => {}
        Position::Ready { id, .. } => effects.push(Effect::SetTimer { id: *id, at: Timestamp::default() }),
        Position::Wait { id, until, .. } | Position::Backoff { id, until, .. } => {
            effects.push(Effect::SetTimer { id: *id, at: *until });
        }
        Position::Task { .. } => effects.extend(task::effects(machine, snapshot)),
        Position::Work { id, attempt, work, run } => effects.push(begin::effect(*id, attempt, *work, run)),
        Position::Join { fanout, .. } => {
            let out = fanout.out();
            if out.is_empty() && !fanout.holds_back() {
                effects.push(Effect::JoinChildren { fanout: fanout.id });
            }
            for index in out {
                if let Some(decision) = start_child(machine, snapshot, index) {
                    effects.push(Effect::StartChild { fanout: fanout.id, index, decision: Box::new(decision) });
                }
            }
        }
        Position::Queued { .. } | Position::Ended { .. } => {}
    }
    effects
}

//! One transition: load what the thread is, decide, commit, send.

use std::pin::Pin;

use millrace_asl::{Decision, Event, Failure, HistoryEvent, Moment, Outcome, Snapshot, Timestamp};

use serde::{Deserialize, Serialize};

use super::body::{self, Born, EntryBody, EntryHead, Header};
use super::load::load;
use super::log::{JoinArm, LogId};
use super::messages::Carried;
use super::redrive::OtherDefinition;
use super::{close, control, definitions, dispatch};
use crate::activities;
use crate::error::Error;
use crate::ports::{Clock, ExecutionLog, IdSource, Ports, StoreError};

/// How often a transition is decided again because somebody else wrote first, before the message is left to come again.
const TRIES: usize = 24;

/// A thread as its newest entry says.
#[derive(Debug, Clone)]
pub(crate) struct Thread {
    pub(crate) log: LogId,
    pub(crate) header: Header,
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) tick: u64,
    pub(crate) snapshot: Snapshot,
    /// History that the next entry must take along.
    pub(crate) unwritten: Vec<HistoryEvent>,
}

impl Thread {
    /// A thread as a message carries it.
    pub(crate) fn carried(log: LogId, carried: Carried) -> Self {
        Self {
            log,
            header: carried.header,
            seq: carried.seq,
            at: carried.at,
            tick: carried.tick,
            snapshot: carried.snapshot,
            unwritten: carried.unwritten,
        }
    }

    /// The thread of a child that its parent implies and that has no entry of its own.
    pub(crate) fn implied(parent: &Self, fanout: u32, index: u32, decision: Decision) -> Self {
        Self {
            log: parent.log.child(fanout, index),
            header: Header { awaited: parent.at, ..parent.header.clone() },
            seq: 0,
            at: parent.at,
            tick: parent.tick + 1,
            snapshot: decision.snapshot,
            unwritten: decision.history,
        }
    }

    /// A thread as a stored entry leaves it.
    pub(crate) fn from_head(log: LogId, seq: u64, at: Timestamp, head: EntryHead) -> Self {
        let EntryHead { header, tick, snapshot, .. } = head;
        Self { log, header, seq, at, tick, snapshot, unwritten: Vec::new() }
    }

    /// A thread as an entry leaves it.
    pub(crate) fn from_body(log: LogId, seq: u64, at: Timestamp, body: EntryBody) -> Self {
        let EntryBody { header, tick, snapshot, .. } = body;
        Self { log, header, seq, at, tick, snapshot, unwritten: Vec::new() }
    }
}

/// What became of an event.
#[derive(Debug)]
pub(crate) enum Advanced {
    /// It was decided, committed, and its effects were sent.
    Committed,
    /// It came late or again: nothing was written. The thread as it is.
    Late(Box<Thread>),
    /// There is no such thread.
    Gone,
}

/// The causes that an event comes from, for the order of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct After {
    pub(crate) at: Timestamp,
    pub(crate) tick: u64,
}

/// Brings an event to a thread: decides, commits with one conditional write, sends the effects.
pub(crate) fn advance<'a, P: Ports>(
    ports: &'a P,
    log: &'a LogId,
    event: Event,
    carried: Option<Thread>,
    after: After,
) -> Pin<Box<dyn Future<Output = Result<Advanced, Error>> + Send + 'a>> {
    Box::pin(async move {
        let mut carried = carried;
        for _ in 0..TRIES {
            let mut thread = match carried.take() {
                Some(thread) => thread,
                None => match load(ports, log).await? {
                    Some(thread) => thread,
                    None => return Ok(Advanced::Gone),
                },
            };
            let machine = definitions::load(ports, &thread.header.definition).await?;
            let at = ports.clock().now().max(thread.at).max(after.at);
            let moment = Moment { now: at, seed: seed(ports) };
            let event = match control::is_orphan(ports, &mut thread, at).await? {
                true => Event::Abort { failure: control::parent_ended() },
                false => event.clone(),
            };
            let again = machine.makes_tokens.then(|| event.clone());
            let Some(mut decision) = millrace_asl::decide(&machine, &thread.snapshot, event, moment) else {
                return Ok(Advanced::Late(Box::new(thread)));
            };
            if let Some(event) = again {
                decision = with_activities(ports, &thread.header.owner, decision, |missing| {
                    millrace_asl::decide_without(&machine, &thread.snapshot, event.clone(), moment, missing)
                })
                .await?;
            }
            match commit(ports, thread, decision, at, after.tick).await {
                Ok(()) => return Ok(Advanced::Committed),
                Err(Error::Store(StoreError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict.into())
    })
}

/// A decision that schedules tasks of activities which exist and are the owner's: `again` decides without those that don't.
pub(crate) async fn with_activities<P: Ports>(
    ports: &P,
    owner: &str,
    decision: Decision,
    again: impl Fn(&[String]) -> Option<Decision> + Send,
) -> Result<Decision, Error> {
    let (mut decision, mut missing) = (decision, Vec::new());
    loop {
        let more = activities::missing(ports, owner, &decision).await?;
        if more.is_empty() {
            return Ok(decision);
        }
        missing.extend(more);
        decision = again(&missing).ok_or_else(|| Error::internal("the same event decides nothing"))?;
    }
}

/// Eight fresh random bytes for a decision.
#[must_use]
pub fn seed<P: Ports>(ports: &P) -> u64 {
    ports.ids().random().iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

/// Commits the redrive of an execution after its end, with another definition if there is one.
pub(crate) async fn commit_redrive<P: Ports>(
    ports: &P,
    thread: Thread,
    decision: Decision,
    definition: Option<&OtherDefinition>,
    after: After,
) -> Result<(), Error> {
    let mut thread = thread;
    if let Some(other) = definition {
        thread.header.definition.clone_from(&other.digest);
    }
    commit(ports, thread, decision, after.at, after.tick).await
}

/// The one conditional write of a transition, and after it the effects.
async fn commit<P: Ports>(
    ports: &P,
    thread: Thread,
    decision: Decision,
    at: Timestamp,
    after_tick: u64,
) -> Result<(), Error> {
    let Decision { snapshot, history, effects } = decision;
    let kept_from = body::kept_from(&thread.snapshot.position, at).max(body::kept_from(&snapshot.position, at));
    let mut all = thread.unwritten;
    let offset = u32::try_from(all.len()).unwrap_or(u32::MAX);
    let born = (offset > 0).then_some(Born { at: thread.at, tick: thread.tick, events: offset });
    all.extend(history.into_iter().map(|mut event| {
        event.previous = event.previous.map(|previous| previous.saturating_add(offset));
        event
    }));
    let seq = thread.seq + 1;
    let tick = thread.tick.max(after_tick) + 1;
    let body = EntryBody { header: thread.header, tick, snapshot, history: all, born, before: Vec::new() };
    let entry = body::entry(ports, thread.log, seq, at, &body, kept_from).await?;
    let arm = arm(&entry.log, &body.snapshot);
    let joined = ports.log().append(&entry, arm.as_ref()).await?;
    let thread = Thread::from_body(entry.log, seq, at, body);
    dispatch::send(ports, &thread, effects).await?;
    if thread.snapshot.outcome().is_some() {
        close::settle_knowing(ports, &thread, joined).await?;
    }
    Ok(())
}

/// How a thread that has just ended counts into its parent's fan-out: an execution of a map run does however it ended, any
/// other child only when it has succeeded.
pub(crate) fn arm(log: &LogId, snapshot: &Snapshot) -> Option<JoinArm> {
    let counted = snapshot.child.as_ref()?.counted?;
    let is_execution = snapshot.child.as_ref()?.role.is_execution();
    let counts = match snapshot.outcome()? {
        Outcome::Succeeded { .. } => true,
        Outcome::Failed { .. } | Outcome::TimedOut | Outcome::Aborted { .. } => {
            is_execution && !close::is_given_up(snapshot)
        }
    };
    counts.then(|| JoinArm { child: log.clone(), position: counted.position, total: counted.total })
}

/// The failure that a thread ended with, as its parent or its owner is told.
pub(crate) fn failure_of(outcome: &Outcome) -> Option<Failure> {
    match outcome {
        Outcome::Succeeded { .. } => None,
        Outcome::Failed { failure } | Outcome::Aborted { failure } => Some(failure.clone()),
        Outcome::TimedOut => Some(Failure { error: Some("States.Timeout".to_owned()), cause: None }),
    }
}

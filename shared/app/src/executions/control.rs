//! Control calls.

use millrace_asl::{Event, Failure, Timestamp};

use super::advance::{Advanced, After, Thread, advance};
use super::log::LogId;
use super::sweep::{self, GRACE_MILLIS};
use super::{close, load};
use crate::error::Error;
use crate::ids::ExecutionId;
use crate::ports::Ports;

/// Ends a running execution as `ABORTED`, with an error name and a cause if there are any, its children with it. False
/// when it had ended already.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Store`].
pub async fn stop_execution<P: Ports>(
    ports: &P,
    id: &ExecutionId,
    error: Option<&str>,
    cause: Option<&str>,
) -> Result<bool, Error> {
    let failure = Failure { error: error.map(str::to_owned), cause: cause.map(str::to_owned) };
    let event = Event::Abort { failure };
    match advance(ports, &LogId::root(id.clone()), event, None, After::default()).await? {
        Advanced::Committed => Ok(true),
        Advanced::Late(thread) => {
            close::settle(ports, &thread).await?;
            Ok(false)
        }
        Advanced::Gone => Err(Error::NotFound { kind: "execution", id: id.to_string() }),
    }
}

/// Pauses a running execution: no state is entered and no child begun until it is resumed. Tasks that are out end, and
/// their results are kept. Waits that end meanwhile end when it is resumed; `TimeoutSeconds` goes on counting. False when
/// it was paused already.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::WrongState`] when it has ended; [`Error::Store`].
pub async fn pause_execution<P: Ports>(ports: &P, id: &ExecutionId) -> Result<bool, Error> {
    turn(ports, id, Event::Pause).await
}

/// Resumes an execution that was paused. False when it was not paused.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::WrongState`] when it has ended; [`Error::Store`].
pub async fn resume_execution<P: Ports>(ports: &P, id: &ExecutionId) -> Result<bool, Error> {
    turn(ports, id, Event::Resume).await
}

async fn turn<P: Ports>(ports: &P, id: &ExecutionId, event: Event) -> Result<bool, Error> {
    // One that is paused is looked at by nobody.
    sweep::look_soon(ports, id).await?;
    match advance(ports, &LogId::root(id.clone()), event, None, After::default()).await? {
        Advanced::Committed => Ok(true),
        Advanced::Late(thread) if thread.snapshot.outcome().is_some() => {
            Err(Error::WrongState("The execution has ended: only a running one can be paused or resumed".to_owned()))
        }
        Advanced::Late(thread) => {
            // What was to be sent by whoever was first may have been lost.
            sweep::repair(ports, &thread).await?;
            Ok(false)
        }
        Advanced::Gone => Err(Error::NotFound { kind: "execution", id: id.to_string() }),
    }
}

/// Pauses or resumes children as their parent is now: a message that comes late or again tells them nothing old.
pub(crate) async fn turn_children<P: Ports>(
    ports: &P,
    log: &LogId,
    fanout: u32,
    children: &[u32],
) -> Result<Vec<Advanced>, Error> {
    let Some(parent) = load::load(ports, log).await? else { return Ok(Vec::new()) };
    let Some(waiting) = parent.snapshot.fanout().filter(|waiting| waiting.id == fanout) else { return Ok(Vec::new()) };
    let (out, turn) = (waiting.out(), parent.snapshot.turn);
    let after = After { at: parent.at, tick: parent.tick };
    let mut all = Vec::with_capacity(children.len());
    for index in children.iter().filter(|index| out.binary_search(index).is_ok()) {
        all.push(advance(ports, &log.child(fanout, *index), Event::Turn { turn }, None, after).await?);
    }
    Ok(all)
}

/// Why a child is stopped that nobody waits for.
pub(crate) fn parent_ended() -> Failure {
    Failure::new("Millrace.ParentEnded", "The state that this branch or item belongs to has ended without it.")
}

/// Does nobody wait for this child any more? The message that stops it may have been lost, so a child asks by itself, but
/// no more often than every [`GRACE_MILLIS`]. An orphan may lie below another one: the topmost is stopped, and with it all
/// that lies below.
pub(crate) async fn is_orphan<P: Ports>(ports: &P, thread: &mut Thread, at: Timestamp) -> Result<bool, Error> {
    if thread.log.path.is_empty() || at < thread.header.awaited.plus_millis(GRACE_MILLIS) {
        return Ok(false);
    }
    let (mut log, mut topmost) = (thread.log.clone(), None);
    while let Some((parent, step)) = log.parent() {
        let above = load::load(ports, &parent).await?;
        let fanout = above.as_ref().and_then(|above| above.snapshot.fanout());
        if !fanout.is_some_and(|fanout| fanout.id == step.fanout && fanout.out().contains(&step.index)) {
            topmost = Some((parent.clone(), step));
        }
        log = parent;
    }
    let Some((parent, step)) = topmost else {
        thread.header.awaited = at;
        return Ok(false);
    };
    if parent.path.len() + 1 < thread.log.path.len() {
        let after = After { at: thread.at, tick: thread.tick };
        abort_children(ports, &parent, step.fanout, &[step.index], &parent_ended(), after).await?;
    }
    Ok(true)
}

/// Ends children that nobody waits for.
pub(crate) async fn abort_children<P: Ports>(
    ports: &P,
    log: &LogId,
    fanout: u32,
    children: &[u32],
    failure: &Failure,
    after: After,
) -> Result<(), Error> {
    let mut origin = None;
    for index in children {
        let child = log.child(fanout, *index);
        let event = Event::Abort { failure: failure.clone() };
        let Advanced::Gone = advance(ports, &child, event.clone(), None, after).await? else { continue };
        // It never wrote, and its parent has moved on: its end must stand in its log all the same, for its worker to
        // find.
        if origin.is_none() {
            origin = load::origin(ports, log, fanout).await?;
        }
        if let Some(parent) = &origin
            && let Some(thread) = load::implied(ports, parent, *index).await?
        {
            advance(ports, &child, event, Some(thread), after).await?;
        }
    }
    Ok(())
}

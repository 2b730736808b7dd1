//! Letting in those who wait.

use millrace_asl::{Event, Timestamp};

use super::enter::{join, take};
use super::gate::{Closed, Gate, GateRef};
use super::store::{self, TRIES, Waiter};
use crate::error::Error;
use crate::executions::{Advanced, After, Envelope, LogId, Message, advance, look_soon, repair};
use crate::ids::ExecutionId;
use crate::ports::{Clock, Condition, MessageQueues, Ports, Queue, RecordStore, StoreError, Write};

/// Executions that one message lets in, before another goes on: so many that its receiver gets done in time.
const AT_ONCE: usize = 50;
/// Those who wait that are read at a time.
const PAGE: usize = 20;

/// A message that has somebody look at who waits at a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Nothing needs to be sent.
    Never,
    Now(GateRef),
    At(GateRef, Timestamp),
}

impl Wake {
    /// A message at a time, if none was sent for that time yet.
    pub(super) fn once(gate: &mut Gate, at: Timestamp) -> Self {
        if gate.wake == Some(at) {
            return Self::Never;
        }
        gate.wake = Some(at);
        Self::At(GateRef { owner: gate.owner.clone(), key: gate.key.clone() }, at)
    }
}

/// Sends a message, if there is one to send.
pub(crate) async fn nudge<P: Ports>(ports: &P, wake: Wake) -> Result<(), Error> {
    let (gate, at, forced) = match wake {
        Wake::Never => return Ok(()),
        Wake::Now(gate) => (gate, None, false),
        Wake::At(gate, at) => (gate, Some(at), false),
    };
    send(ports, gate, at, forced).await
}

/// Sends a message that has somebody look at who waits at a gate, at once or at a time. `forced`: an earlier one may have
/// been lost.
pub(super) async fn send<P: Ports>(ports: &P, gate: GateRef, at: Option<Timestamp>, forced: bool) -> Result<(), Error> {
    let now = ports.clock().now();
    let name = format!("admit {} {} {}", gate.owner, gate.key, at.unwrap_or(now));
    let message = Message::Admit { owner: gate.owner, key: gate.key, at: at.unwrap_or_default(), forced };
    // Whoever leaves is another than those who are let in.
    let message = message.outgoing(Envelope::default(), &name, at.filter(|at| *at > now))?;
    Ok(ports.queues().send(Queue::Engine, vec![message]).await?)
}

/// What became of the first who waits.
enum Tried {
    /// It was let in.
    Taken,
    /// Another of its gates is closed: it waits there now.
    Moved,
    /// This gate is closed.
    Closed,
    /// Somebody else wrote first.
    Changed,
}

/// Lets in who waits at a gate, as long as it is open: those with the highest priority first, then the oldest. `at` is the
/// time that whoever sent the message has waited for; a clock that says it is earlier is mistaken.
pub(crate) async fn admit<P: Ports>(
    ports: &P,
    owner: String,
    key: String,
    at: Timestamp,
    forced: bool,
) -> Result<(), Error> {
    let gate = GateRef { owner, key };
    let (mut let_in, mut tries, mut problem) = (0, 0, None);
    while let_in < AT_ONCE {
        let waiters = store::waiters(ports, &gate, PAGE).await?;
        let (mut changed, mut begun) = (false, 0);
        for waiter in &waiters {
            if waiter.admission.is_some() {
                match try_one(ports, &gate, waiter, at, forced).await? {
                    Tried::Taken => {}
                    Tried::Moved => continue,
                    Tried::Closed => return problem.map_or(Ok(()), Err),
                    Tried::Changed => {
                        changed = true;
                        break;
                    }
                }
            }
            // One that can't begin holds up nobody else.
            match begin(ports, &gate, waiter).await {
                Ok(()) => begun += 1,
                Err(error) => {
                    problem.get_or_insert(error);
                }
            }
        }
        if waiters.is_empty() || (begun == 0 && !changed && problem.is_some()) {
            return problem.map_or(Ok(()), Err);
        }
        let_in += begun;
        if changed {
            tries += 1;
            if tries > TRIES {
                return Err(store::crowded());
            }
            store::pause(ports, tries).await;
        }
    }
    send(ports, gate, None, false).await?;
    problem.map_or(Ok(()), Err)
}

/// The first who waits: in at all its gates, or into the queue of one that is closed.
async fn try_one<P: Ports>(
    ports: &P,
    gate: &GateRef,
    waiter: &Waiter,
    at: Timestamp,
    forced: bool,
) -> Result<Tried, Error> {
    let Some(admission) = &waiter.admission else { return Ok(Tried::Changed) };
    let now = ports.clock().now().max(at);
    let mut gates = store::load_all(ports, &gate.owner, admission).await?;
    let asked = || gates.iter().zip(&admission.demands).enumerate();
    let Some(own) = asked().find(|(_, (_, demand))| demand.key == gate.key).map(|(place, _)| place) else {
        return Err(Error::internal("an execution waits where it asks nothing"));
    };
    let closed_at = |place: usize| {
        let (stored, demand) = (gates.get(place)?, admission.demands.get(place)?);
        stored.gate.closed(demand, now)
    };
    if let Some(closed) = closed_at(own) {
        if let (Closed::Until(Some(opens)), Some(stored)) = (closed, gates.get_mut(own)) {
            match Wake::once(&mut stored.gate, opens) {
                Wake::Never if !forced => {}
                _ => {
                    match ports.records().write(vec![stored.write()?]).await {
                        Err(StoreError::Conflict) => return Ok(Tried::Changed),
                        written => written?,
                    }
                    send(ports, gate.clone(), Some(opens), false).await?;
                }
            }
        }
        return Ok(Tried::Closed);
    }
    let elsewhere = (0..gates.len()).find_map(|place| Some((place, closed_at(place)?)));
    if let Some(stored) = gates.get_mut(own) {
        stored.gate.waiting = stored.gate.waiting.saturating_sub(1);
        stored.gate.updated_at = now;
        stored.watch(now);
    }
    let mut writes = vec![waiter.delete(gate)];
    let (tried, wake) = match elsewhere {
        Some((place, closed)) => {
            writes.extend(gates.get(own).map(store::StoredGate::write).transpose()?);
            let Some(stored) = gates.get_mut(place) else { return Ok(Tried::Changed) };
            let (more, wake) = join(stored, waiter, Some(closed), now)?;
            writes.extend(more);
            (Tried::Moved, wake)
        }
        None => {
            writes.extend(take(&mut gates, &waiter.id, admission, 0, now)?);
            writes.push(Waiter { admission: None, ..waiter.clone() }.write(gate)?);
            (Tried::Taken, Wake::Never)
        }
    };
    match ports.records().write(writes).await {
        Err(StoreError::Conflict) => return Ok(Tried::Changed),
        written => written?,
    }
    nudge(ports, wake).await?;
    Ok(tried)
}

/// Has one begin that was let in, and forgets that it has to.
async fn begin<P: Ports>(ports: &P, gate: &GateRef, waiter: &Waiter) -> Result<(), Error> {
    begin_execution(ports, &waiter.id).await?;
    let mark = Waiter { admission: None, ..waiter.clone() }.key(gate);
    Ok(ports.records().write(vec![Write::Delete(mark, Condition::Any)]).await?)
}

async fn begin_execution<P: Ports>(ports: &P, id: &ExecutionId) -> Result<(), Error> {
    // As long as it waited the sweeper looked at its gate, not at it.
    look_soon(ports, id).await?;
    match advance(ports, &LogId::root(id.clone()), Event::Admit, None, After::default()).await? {
        // What whoever was first had to send may have been lost.
        Advanced::Late(thread) => repair(ports, &thread).await,
        Advanced::Committed | Advanced::Gone => Ok(()),
    }
}

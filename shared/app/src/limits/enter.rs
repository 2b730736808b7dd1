//! Coming to the gates: in, or into the queue.

use millrace_asl::{Admission, Timestamp};

use super::admit::Wake;
use super::gate::{Closed, GateRef};
use super::store::{self, Holder, StoredGate, Waiter};
use crate::error::Error;
use crate::ids::ExecutionId;
use crate::ports::{Clock, Ports, Write};

/// What an execution that starts has to write with its record.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) writes: Vec<Write>,
    /// Does it have to wait? Then this is to be sent once it is written.
    pub(crate) queued: Option<Wake>,
}

/// What an execution that starts finds at its gates: places in all of them, or a place in the queue of one. It passes
/// nobody who waits. Nothing is written here.
pub(crate) async fn enter<P: Ports>(
    ports: &P,
    owner: &str,
    id: &ExecutionId,
    admission: &Admission,
    since: Timestamp,
) -> Result<Entry, Error> {
    let now = ports.clock().now();
    let mut gates = store::load_all(ports, owner, admission).await?;
    for (stored, demand) in gates.iter_mut().zip(&admission.demands) {
        stored.gate.note(demand);
    }
    let asked = || gates.iter().zip(&admission.demands).enumerate();
    let closed = asked().find_map(|(place, (stored, demand))| Some((place, stored.gate.closed(demand, now)?)));
    let crowd = || asked().find(|(_, (stored, _))| stored.gate.waiting > 0).map(|(place, _)| place);
    let (place, closed) = match closed {
        Some((place, closed)) => (place, Some(closed)),
        None => match crowd() {
            Some(place) => (place, None),
            None => return Ok(Entry { writes: take(&mut gates, id, admission, 0, now)?, queued: None }),
        },
    };
    let waiter = Waiter { id: id.clone(), since, admission: Some(admission.clone()) };
    let Some(stored) = gates.get_mut(place) else { return Err(Error::internal("a gate is gone")) };
    let (writes, wake) = join(stored, &waiter, closed, now)?;
    Ok(Entry { writes, queued: Some(wake) })
}

/// Puts an execution into the queue of a gate.
pub(super) fn join(
    stored: &mut StoredGate,
    waiter: &Waiter,
    closed: Option<Closed>,
    now: Timestamp,
) -> Result<(Vec<Write>, Wake), Error> {
    let name = stored.name();
    stored.gate.waiting += 1;
    stored.gate.updated_at = now;
    stored.watch(now);
    let wake = match closed {
        // Whoever leaves sends for the next; here nobody may leave for long.
        None => Wake::Now(name.clone()),
        Some(Closed::Full | Closed::Until(None)) => Wake::Never,
        Some(Closed::Until(Some(at))) => Wake::once(&mut stored.gate, at),
    };
    Ok((vec![stored.write()?, waiter.write(&name)?], wake))
}

/// The writes that let an execution in at all its gates.
pub(super) fn take(
    gates: &mut [StoredGate],
    id: &ExecutionId,
    admission: &Admission,
    redrives: u32,
    now: Timestamp,
) -> Result<Vec<Write>, Error> {
    let mut writes = Vec::with_capacity(gates.len() * 2);
    for (stored, demand) in gates.iter_mut().zip(&admission.demands) {
        stored.gate.take(demand, now);
        writes.push(stored.write()?);
        if demand.concurrency.is_some() {
            writes.push(Holder { id: id.clone(), since: now, redrives }.write(&stored.name())?);
        }
    }
    Ok(writes)
}

/// What an execution that can't wait has to write with its record: a redrive, a fork. It passes those who wait.
///
/// # Errors
/// [`Error::LimitReached`]
pub(crate) async fn enter_at_once<P: Ports>(
    ports: &P,
    owner: &str,
    id: &ExecutionId,
    admission: &Admission,
    redrives: u32,
) -> Result<Vec<Write>, Error> {
    let now = ports.clock().now();
    let counted = admission.demands.iter().find(|demand| demand.concurrency.is_some());
    if let Some(demand) = counted {
        let gate = GateRef { owner: owner.to_owned(), key: demand.key.clone() };
        // It died between its record and its log.
        if store::holder(ports, &gate, id).await?.is_some() {
            return Ok(Vec::new());
        }
    }
    let mut gates = store::load_all(ports, owner, admission).await?;
    let shut = gates.iter().zip(&admission.demands).find(|(stored, demand)| stored.gate.closed(demand, now).is_some());
    if let Some((stored, _)) = shut {
        return Err(Error::LimitReached { key: stored.gate.key.clone() });
    }
    take(&mut gates, id, admission, redrives, now)
}

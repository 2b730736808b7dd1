//! What is left of a state in which a thread ended without success: what its children came to, for a redrive.
//!
//! A child that nobody waits for may still run, since the message that stops it takes its time. It is stopped here first, so
//! that what it came to is final: it has succeeded and is kept, or it has not and goes on in a log of its own.

use std::collections::BTreeMap;
use std::pin::Pin;

use millrace_asl::map_run::Earlier;
use millrace_asl::{Fanout, Outcome, Parts, Rest, Resume, unfinished_child};

use super::advance::{After, Thread};
use super::control::{abort_children, parent_ended};
use super::{definitions, load};
use crate::error::Error;
use crate::ports::Ports;

type Collecting<'a> = Pin<Box<dyn Future<Output = Result<(Rest, After), Error>> + Send + 'a>>;

/// Stops what still runs below a thread that has ended, and answers what is left of the state in which it did, with the
/// last of what led to that.
pub(crate) fn rest_of<'a, P: Ports>(ports: &'a P, thread: &'a Thread) -> Collecting<'a> {
    Box::pin(async move {
        let after = After { at: thread.at, tick: thread.tick };
        let Some(unfinished) = &thread.snapshot.unfinished else { return Ok((Rest::default(), after)) };
        let run = unfinished.fanout.as_deref().and_then(Fanout::map_run).or(unfinished.run.as_deref());
        let Some(run) = run else {
            return match unfinished.fanout.as_deref() {
                Some(fanout) => children(ports, thread, fanout, after).await,
                None => Ok((Rest::default(), after)),
            };
        };
        let number = match unfinished.fanout.as_deref() {
            Some(fanout) => {
                abort_children(ports, &thread.log, fanout.id, &fanout.out(), &parent_ended(), after).await?;
                Some(fanout.id)
            }
            None => thread.snapshot.fanouts.checked_sub(1),
        };
        // Of one whose items were never divided there is nothing: the state begins another.
        let (Some(fanout), 1..) = (number, run.pages) else { return Ok((Rest::default(), after)) };
        let mut run = run.clone();
        run.earlier.push(Earlier { log: thread.log.to_string(), fanout, seq: thread.seq });
        Ok((Rest { parts: None, run: Some(Box::new(run)) }, after))
    })
}

async fn children<P: Ports>(ports: &P, thread: &Thread, fanout: &Fanout, after: After) -> Result<(Rest, After), Error> {
    let with_logs = fanout.with_logs();
    let mut written = ended(ports, thread, fanout.id, &with_logs).await?;
    let running: Vec<u32> = with_logs.iter().copied().filter(|index| !written.contains_key(index)).collect();
    if !running.is_empty() {
        abort_children(ports, &thread.log, fanout.id, &running, &parent_ended(), after).await?;
        written.extend(ended(ports, thread, fanout.id, &running).await?);
    }
    let machine = definitions::load(ports, &thread.header.definition).await?;
    let (mut last, mut outputs, mut ends) = (after, fanout.outputs.clone(), BTreeMap::new());
    for index in 0..fanout.total {
        if outputs.contains_key(&index) {
            continue;
        }
        let (child, rest) = match written.remove(&index) {
            Some(child) => {
                let (rest, below) = rest_of(ports, &child).await?;
                last = After { at: last.at.max(below.at), tick: last.tick.max(below.tick) };
                (Some(child.snapshot), rest)
            }
            None => (unfinished_child(&machine, &thread.snapshot, index), Rest::default()),
        };
        let Some(child) = child else { continue };
        match child.outcome() {
            Some(Outcome::Succeeded { output }) => {
                outputs.insert(index, output.clone());
            }
            _ => ends.extend(Resume::of(&child, rest).map(|resume| (index, resume))),
        }
    }
    let (source, limit) = (fanout.source.clone(), fanout.limit());
    let parts = Parts { source, limit, outputs, ends, compared: false };
    Ok((Rest { parts: Some(Box::new(parts)), run: None }, last))
}

/// Those of a fan-out's children that have ended.
async fn ended<P: Ports>(
    ports: &P,
    thread: &Thread,
    fanout: u32,
    indexes: &[u32],
) -> Result<BTreeMap<u32, Thread>, Error> {
    let mut written = load::children(ports, &thread.log, fanout, indexes).await?;
    written.retain(|_, child| child.snapshot.outcome().is_some());
    Ok(written)
}

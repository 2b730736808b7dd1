//! The pages of a run before it was redriven: where they were, and what a page that is tried again is told of them.

use millrace_asl::map_run::{Before, Began, Loaded, MapRun};
use serde_json::Value;

use super::{children, pages};
use crate::error::Error;
use crate::executions::control::{abort_children, parent_ended};
use crate::executions::{After, ExecutionStatus, LogId, Thread, load};
use crate::ports::{ExecutionLog, Ports, StoreError};

/// The log that waited for a run's pages before its last redrive, as it waited last. `None` where `parent` waits for the
/// first.
pub(super) async fn last<P: Ports>(ports: &P, parent: &Thread) -> Result<Option<Thread>, Error> {
    match parent.snapshot.map_run() {
        Some(run) => of_run(ports, run).await,
        None => Ok(None),
    }
}

async fn of_run<P: Ports>(ports: &P, run: &MapRun) -> Result<Option<Thread>, Error> {
    /// How far back from the end of a try it is looked for first: writing its results comes between.
    const BACK: u64 = 8;
    let Some(earlier) = run.earlier.last() else { return Ok(None) };
    let log: LogId = earlier.log.parse().map_err(|problem| StoreError::corrupt("a map run", problem))?;
    let waits = |thread: &Thread| thread.snapshot.fanout().is_some_and(|fanout| fanout.id == earlier.fanout);
    let from = earlier.seq.saturating_sub(BACK).max(1);
    let most = usize::try_from(earlier.seq.saturating_sub(from)).unwrap_or(load::PAGE);
    let mut found = None;
    if most > 0 {
        for entry in ports.log().entries(&log, from, most).await? {
            found = Some(load::read(ports, entry).await?).filter(waits).or(found);
        }
    }
    match found {
        Some(thread) => Ok(Some(thread)),
        None => load::origin(ports, &log, earlier.fanout).await,
    }
}

/// What the work of loading a page answers. In a run that was redriven, with what the page's executions came to before;
/// those that still run are stopped first, if it is so wanted.
pub(super) async fn loaded<P: Ports>(ports: &P, run: &MapRun, page: u32, stop: bool) -> Result<Value, Error> {
    let loaded = match run.stored.as_str() {
        "" => Loaded { first: 0, items: run.items.clone(), origins: Vec::new(), before: Vec::new() },
        stored => {
            let stored = pages::load(ports, stored, page).await?;
            if run.earlier.is_empty() {
                return Ok(stored);
            }
            serde_json::from_value(stored).map_err(|problem| StoreError::corrupt("a page of items", problem))?
        }
    };
    let before = match of_run(ports, run).await? {
        Some(parent) => before(ports, &parent, page, stop).await?,
        None => Vec::new(),
    };
    serde_json::to_value(Loaded { before, ..loaded }).map_err(Error::internal)
}

async fn before<P: Ports>(ports: &P, parent: &Thread, page: u32, stop: bool) -> Result<Vec<(u32, Before)>, Error> {
    if stop {
        settle(ports, parent, page).await?;
    }
    let known = children::known(ports, parent, page, true).await?;
    let before = known.into_iter().map(|(index, (known, _))| {
        let children::Known { execution, resume } = known;
        let before = match (execution.status, execution.output) {
            (ExecutionStatus::Succeeded, Some(output)) => Before::Succeeded { output },
            _ => {
                let began = Began { at: execution.started_at, redrives: execution.redrives };
                Before::Ended { input: execution.input, began, resume }
            }
        };
        (index, before)
    });
    Ok(before.collect())
}

/// Stops what still runs of a page that nobody waits for.
async fn settle<P: Ports>(ports: &P, parent: &Thread, page: u32) -> Result<(), Error> {
    let Some(fanout) = parent.snapshot.fanout() else { return Ok(()) };
    if fanout.out().binary_search(&page).is_err() {
        return Ok(());
    }
    let after = After { at: parent.at, tick: parent.tick };
    abort_children(ports, &parent.log, fanout.id, &[page], &parent_ended(), after).await?;
    let log = parent.log.child(fanout.id, page);
    let Some(thread) = load::load(ports, &log).await? else { return Ok(()) };
    // One that ended by itself may have left executions, too: it ends when too many have failed.
    let waited = load::origin(ports, &log, 0).await?;
    let Some(left) = waited.as_ref().and_then(|waited| waited.snapshot.fanout()) else { return Ok(()) };
    let after = After { at: thread.at, tick: thread.tick };
    let mut running = left.out();
    let written = load::children(ports, &log, left.id, &running).await?;
    running.retain(|index| written.get(index).is_none_or(|child| child.snapshot.outcome().is_none()));
    abort_children(ports, &log, left.id, &running, &parent_ended(), after).await
}

//! What the engine itself does for a map run: dividing items, bringing a page of them, joining.

use millrace_asl::map_run::{ItemEnd, PageReport, Work, page_size};
use millrace_asl::{Event, Position, StepId};
use serde_json::{Value, json};

use super::pages::PageWriter;
use super::record::note_begin;
use super::{children, earlier, write};
use crate::error::Error;
use crate::executions::{Advanced, After, Thread, advance, load};
use crate::ports::Ports;
use crate::workers::{TaskError, TaskResult};

/// The work at which a thread stands, if it is that piece.
pub(crate) fn work_at(thread: &Thread, id: StepId) -> Option<Work> {
    match &thread.snapshot.position {
        Position::Work { id: due, work, .. } if *due == id => Some(*work),
        _ => None,
    }
}

/// Does [`Work::Split`] and [`Work::Load`].
pub(crate) async fn perform<P: Ports>(ports: &P, thread: &Thread) -> Result<TaskResult, TaskError> {
    let Position::Work { work, run, .. } = &thread.snapshot.position else {
        return Err(TaskError::Unable(Error::internal("a thread without work")));
    };
    let output = match (work, run.page) {
        (Work::Load, page) => {
            if run.stored.is_empty() || run.redrives > 0 {
                note_begin(ports, thread).await?;
            }
            earlier::loaded(ports, run, page.map_or(0, |page| page.number), true).await?
        }
        _ => {
            note_begin(ports, thread).await?;
            let size = page_size(run.limit, run.batch.as_ref());
            let mut writer = PageWriter::new(ports, usize::try_from(size).unwrap_or(usize::MAX));
            for item in &run.items {
                writer.push(item.clone(), item.to_string().len()).await?;
            }
            json!(writer.finish().await?)
        }
    };
    Ok(TaskResult::Succeeded(output))
}

/// Joins the pages of a run, or the executions of a page.
pub(crate) async fn join<P: Ports>(ports: &P, parent: Thread) -> Result<Advanced, Error> {
    let Some(waiting) = parent.snapshot.fanout() else { return Ok(Advanced::Late(Box::new(parent))) };
    let (fanout, with_logs) = (waiting.id, waiting.with_logs());
    let (mut after, mut ended, mut ends, mut results) = (After::default(), 0, Vec::new(), Vec::new());
    for page in with_logs.chunks(load::PAGE) {
        for (index, child) in load::children(ports, &parent.log, fanout, page).await? {
            after = After { at: after.at.max(child.at), tick: after.tick.max(child.tick) };
            let Some(outcome) = child.snapshot.outcome() else { continue };
            ended += 1;
            if waiting.map_run().is_none() {
                ends.push((index, ItemEnd::from(outcome)));
                continue;
            }
            results.extend(results_of(ports, &parent, index, PageReport::of(outcome).unwrap_or_default()).await?);
        }
    }
    if ended < with_logs.len() {
        // Not all have ended: a message that came early, or twice. The last one to end sends another.
        return Ok(Advanced::Late(Box::new(parent)));
    }
    let event = match waiting.map_run() {
        Some(run) => Event::PagesJoined { fanout, results: write::flatten(run, results) },
        None => Event::ExecutionsJoined { fanout, ends },
    };
    let log = parent.log.clone();
    advance(ports, &log, event, None, after).await
}

/// The results of a page as the state's own: the outputs; of an execution without one, what there is to say of it.
async fn results_of<P: Ports>(ports: &P, parent: &Thread, page: u32, report: PageReport) -> Result<Vec<Value>, Error> {
    let whole = parent.snapshot.map_run().is_some_and(write::wants_whole);
    let all_succeeded = report.ends.iter().all(|(_, end)| matches!(end, ItemEnd::Succeeded { .. }));
    if all_succeeded && !whole {
        let outputs = report.ends.into_iter().filter_map(|(_, end)| match end {
            ItemEnd::Succeeded { output } => Some(output),
            ItemEnd::Failed { .. } | ItemEnd::TimedOut | ItemEnd::Aborted { .. } => None,
        });
        return Ok(outputs.collect());
    }
    let executions = children::of_page(ports, parent, page, false).await?;
    Ok(executions.iter().map(|execution| write::result(execution, whole)).collect())
}

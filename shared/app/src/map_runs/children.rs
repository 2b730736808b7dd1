//! The executions of a map run.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use millrace_asl::map_run::{ItemEnd, Loaded, MapRun, PageReport, Rerun, rerun};
use millrace_asl::{Event, Failure, Join, Position, Rest, Resume, Timestamp};
use serde_json::Value;

use super::record::{self, RunRecord};
use super::{earlier, name, pages};
use crate::error::Error;
use crate::executions::control::parent_ended;
use crate::executions::{
    Advanced, After, ExecutionStatus, HistoryItem, Thread, advance, definitions, history, load, rest_of,
};
use crate::ports::{ExecutionLog, Page, Ports, StoreError};

/// An execution of a map run.
#[derive(Debug, Clone, PartialEq)]
pub struct MapExecution {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The map run's ARN.
    pub map_run_arn: String,
    /// The ARN that stands for its state machine.
    pub state_machine_arn: String,
    /// How it is.
    pub status: ExecutionStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
    /// What it was given.
    pub input: Value,
    /// What it gave, if it succeeded.
    pub output: Option<Value>,
    /// Why it ended without an output.
    pub failure: Option<Failure>,
    /// How many items it has.
    pub items: u64,
    /// How often it was redriven.
    pub redrives: u32,
    /// When it was redriven last.
    pub redriven_at: Option<Timestamp>,
}

/// Where the executions of a run are found.
pub(super) struct Origin {
    pub(super) record: RunRecord,
    /// The run as its log says it is, or was when it ended.
    pub(super) run: MapRun,
    /// The log with the Map state when it last waited for pages; `None` before that.
    pub(super) thread: Option<Thread>,
    /// The same when it was last at the run at all, where the record does not say how that ended.
    pub(super) last: Option<Thread>,
}

/// Finds where a run's executions are.
pub(super) async fn origin<P: Ports>(ports: &P, record: RunRecord) -> Result<Option<Origin>, Error> {
    /// How far back from its end a run that waits for pages is looked for first: writing its results comes between.
    const BACK: u64 = 8;
    let is_at = |thread: &Thread| thread.snapshot.map_run().is_some_and(|run| run.name == record.name);
    let waits = |thread: &Thread| is_at(thread) && thread.snapshot.fanout().is_some();
    let current = load::load(ports, &record.log).await?.filter(is_at);
    if let Some(thread) = current.clone().filter(waits) {
        let run = thread.snapshot.map_run().cloned();
        let mut record = record;
        if let Some(run) = run.as_ref().filter(|run| run.redrives > record.redrives) {
            record.redriven(run, thread.log.clone(), thread.snapshot.fanout().map_or(0, |fanout| fanout.id));
        }
        return Ok(run.map(|run| Origin { record, run, last: Some(thread.clone()), thread: Some(thread) }));
    }
    let end = current.as_ref().map(|thread| thread.seq + 1).or_else(|| record.ended.as_ref().map(|ended| ended.seq));
    let (mut thread, mut last) = (None, current);
    let begin = end.map_or(0, |end| end.saturating_sub(BACK));
    let mut from = begin;
    if from == 0 {
        let first = load::first(ports, &record.log).await?.filter(is_at);
        thread = first.clone().filter(waits);
        last = last.or(first);
        from = 1;
    }
    loop {
        let entries = ports.log().entries(&record.log, from, load::PAGE).await?;
        let full = entries.len() == load::PAGE;
        for entry in entries {
            from = entry.seq + 1;
            let found = load::read(ports, entry).await?;
            if waits(&found) {
                thread = Some(found.clone());
            }
            if is_at(&found) {
                last = Some(found);
            }
        }
        if !full || end.is_some_and(|end| from >= end) {
            break;
        }
    }
    if thread.is_none() && begin > 0 {
        thread = load::origin(ports, &record.log, record.fanout).await?.filter(waits);
    }
    let run = record.ended.as_ref().map(|ended| ended.run.clone());
    let run = run.or_else(|| last.as_ref().and_then(|last| last.snapshot.map_run()).cloned());
    Ok(run.map(|run| Origin { record, run, thread, last }))
}

/// A page with its executions, as far as they have begun.
struct Opened {
    rerun: Rerun,
    /// When it got its items.
    loaded: Timestamp,
    /// Its newest thread.
    thread: Thread,
}

/// Opens a page; `None` when it has not got its items.
async fn open<P: Ports>(ports: &P, parent: &Thread, page: u32) -> Result<Option<Opened>, Error> {
    let Some(fanout) = parent.snapshot.fanout() else { return Ok(None) };
    let Some(born) = load::implied(ports, parent, page).await? else { return Ok(None) };
    let log = parent.log.child(fanout.id, page);
    let Some(first) = ports.log().entries(&log, 1, 1).await?.pop() else { return Ok(None) };
    let loaded = first.at;
    let Some(entry) = ports.log().latest(&log).await? else { return Ok(None) };
    let thread = load::read(ports, entry).await?;
    let Position::Work { run, .. } = &born.snapshot.position else { return Ok(None) };
    let items = earlier::loaded(ports, run, page, false).await?;
    let machine = definitions::load(ports, &parent.header.definition).await?;
    let rerun = rerun(&machine, &born.snapshot, items, loaded);
    Ok(rerun.map(|rerun| Opened { rerun, loaded, thread }))
}

/// An execution of a page as one try at the page knows it.
pub(super) struct Known {
    pub(super) execution: MapExecution,
    /// Where it goes on, if that was asked for and it has ended without success.
    pub(super) resume: Option<Box<Resume>>,
}

/// The executions that have begun in a try at a page, by index: not those that had succeeded before.
async fn own<P: Ports>(
    ports: &P,
    parent: &Thread,
    page: u32,
    opened: Option<Opened>,
    with_resume: bool,
) -> Result<BTreeMap<u32, Known>, Error> {
    let (Some(run), Some(opened)) = (parent.snapshot.map_run(), opened) else { return Ok(BTreeMap::new()) };
    let Opened { rerun, loaded, thread } = opened;
    let machine = definitions::load(ports, &parent.header.definition).await?;
    let (mut ends, mut late, mut out) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    // Of a page that was stopped, what it knew then.
    let stopped = thread.snapshot.unfinished.as_ref().and_then(|left| left.fanout.as_deref());
    if let Some(fanout) = thread.snapshot.fanout().or(stopped) {
        for (index, output) in &fanout.outputs {
            ends.insert(*index, ItemEnd::Succeeded { output: output.clone() });
        }
        if let Some(executions) = &fanout.executions {
            ends.extend(executions.failed.iter().cloned());
            late.extend(executions.late.iter().copied());
        }
        if let Join::InTurn { running, .. } = &fanout.join {
            late.extend(running.iter().map(|(index, at)| (*index, *at)));
        }
        out = fanout.out();
    }
    if let Some(report) = thread.snapshot.outcome().and_then(PageReport::of) {
        ends.extend(report.ends);
        late.extend(report.late);
    }
    let all: Vec<u32> = (0..rerun.executions()).filter(|index| !rerun.keeps(*index)).collect();
    let mut logs = BTreeMap::new();
    for part in all.chunks(load::PAGE) {
        logs.extend(load::children(ports, &thread.log, 0, part).await?);
    }
    let mut executions = BTreeMap::new();
    for index in all {
        let context = run.child_context(&parent.snapshot.execution, page, index);
        let began = late.get(&index).copied().unwrap_or(loaded);
        let child = logs.remove(&index);
        let (started_at, stopped_at, end) = match (&child, ends.remove(&index)) {
            (Some(child), _) => {
                let end = child.snapshot.outcome().map(ItemEnd::from);
                (child.snapshot.execution.start_time, end.is_some().then_some(child.at), end)
            }
            (None, Some(end)) => (began, Some(began), Some(end)),
            (None, None) if out.binary_search(&index).is_ok() => match thread.snapshot.outcome() {
                None => (began, None, None),
                // It ended with its page before it wrote.
                Some(_) => (began, Some(thread.at), Some(ItemEnd::Aborted { failure: parent_ended() })),
            },
            (None, None) => continue,
        };
        let (status, output, failure) = match end {
            None => (ExecutionStatus::Running, None, None),
            Some(ItemEnd::Succeeded { output }) => (ExecutionStatus::Succeeded, Some(output), None),
            Some(ItemEnd::Failed { failure }) => (ExecutionStatus::Failed, None, Some(failure)),
            Some(ItemEnd::TimedOut) => (ExecutionStatus::TimedOut, None, None),
            Some(ItemEnd::Aborted { failure }) => (ExecutionStatus::Aborted, None, Some(failure)),
        };
        let is_unsuccessful = !matches!(status, ExecutionStatus::Running | ExecutionStatus::Succeeded);
        let resume = match child {
            _ if !with_resume || !is_unsuccessful => None,
            Some(child) => Resume::of(&child.snapshot, rest_of(ports, &child).await?.0),
            None => {
                let decision = rerun.execution(&machine, index, began);
                decision.and_then(|decision| Resume::of(&decision.snapshot, Rest::default()))
            }
        };
        let before = rerun.began(index);
        let execution = MapExecution {
            arn: context.id,
            name: context.name,
            map_run_arn: run.arn(&parent.snapshot.execution),
            state_machine_arn: context.state_machine_id,
            status,
            started_at: before.map_or(started_at, |before| before.at),
            stopped_at,
            input: rerun.input(index).cloned().unwrap_or_default(),
            output,
            failure,
            items: rerun.items(index),
            redrives: before.map_or(0, |before| before.redrives + 1),
            redriven_at: before.map(|_| began),
        };
        executions.insert(index, Known { execution, resume: resume.map(Box::new) });
    }
    Ok(executions)
}

/// The executions of a page that have begun, in order, as `parent` and the redrives before it have them. In a run that
/// `goes_on` those that are still to be redriven are pending.
pub(super) async fn of_page<P: Ports>(
    ports: &P,
    parent: &Thread,
    page: u32,
    goes_on: bool,
) -> Result<Vec<MapExecution>, Error> {
    let known = known(ports, parent, page, false).await?.into_iter();
    Ok(known
        .map(|(_, (known, is_own))| {
            let mut execution = known.execution;
            let ended = !matches!(execution.status, ExecutionStatus::Running | ExecutionStatus::Succeeded);
            if goes_on && !is_own && ended {
                execution.status = ExecutionStatus::PendingRedrive;
            }
            execution
        })
        .collect())
}

type Knowing<'a> = Pin<Box<dyn Future<Output = Result<BTreeMap<u32, (Known, bool)>, Error>> + Send + 'a>>;

/// The executions of a page by index, each as the last try knows it in which it began, and whether that is `parent`'s.
pub(super) fn known<'a, P: Ports>(ports: &'a P, parent: &'a Thread, page: u32, with_resume: bool) -> Knowing<'a> {
    Box::pin(async move {
        let mut all = BTreeMap::new();
        if let Some(before) = earlier::last(ports, parent).await? {
            let known = known(ports, &before, page, with_resume).await?;
            all.extend(known.into_iter().map(|(index, (known, _))| (index, (known, false))));
        }
        let opened = open(ports, parent, page).await?;
        let own = own(ports, parent, page, opened, with_resume).await?;
        all.extend(own.into_iter().map(|(index, known)| (index, (known, true))));
        Ok(all)
    })
}

/// The inputs of the executions of a page that have not begun: of one that has not got its items, the items.
pub(super) async fn never_begun<P: Ports>(
    ports: &P,
    parent: &Thread,
    page: u32,
    begun: &[MapExecution],
) -> Result<Vec<Value>, Error> {
    let Some(run) = parent.snapshot.map_run() else { return Ok(Vec::new()) };
    let Some(Opened { rerun, .. }) = open(ports, parent, page).await? else {
        if run.stored.is_empty() {
            return Ok(run.items.clone());
        }
        let loaded: Loaded = serde_json::from_value(pages::load(ports, &run.stored, page).await?)
            .map_err(|problem| StoreError::corrupt("a page of items", problem))?;
        return Ok(loaded.items);
    };
    let arns: BTreeSet<&str> = begun.iter().map(|execution| execution.arn.as_str()).collect();
    let never = (0..rerun.executions())
        .filter(|index| !arns.contains(run.child_context(&parent.snapshot.execution, page, *index).id.as_str()));
    Ok(never.filter_map(|index| rerun.input(index).cloned()).collect())
}

/// Which executions of a map run to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MapExecutionFilter {
    /// Only those of this status.
    pub status: Option<ExecutionStatus>,
    /// Only those that were, or were not, redriven.
    pub redriven: Option<bool>,
}

impl MapExecutionFilter {
    fn takes(&self, execution: &MapExecution) -> bool {
        self.status.is_none_or(|status| status == execution.status)
            && self.redriven.is_none_or(|redriven| redriven == (execution.redrives > 0))
    }
}

/// The executions of a map run that have begun and that the filter takes, newest first. Of `limit`, 1 to 1,000.
/// `None` when there is no such run.
///
/// # Errors
/// [`Error::Store`], also for a cursor of another listing.
pub async fn list_map_executions<P: Ports>(
    ports: &P,
    map_run_arn: &str,
    filter: MapExecutionFilter,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Option<Page<MapExecution>>, Error> {
    let Some(name) = name::of_run(map_run_arn) else { return Ok(None) };
    let Some((record, _)) = record::by_name(ports, name).await?.filter(|(record, _)| record.arn == map_run_arn) else {
        return Ok(None);
    };
    let from = cursor.map(|cursor| place(cursor).ok_or(StoreError::InvalidCursor)).transpose()?;
    let mut page = Page { items: Vec::new(), next: None };
    let Some(Origin { record, run, thread: Some(thread), .. }) = origin(ports, record).await? else {
        return Ok(Some(page));
    };
    let started = thread.snapshot.fanout().map_or(0, |fanout| fanout.with_logs().len());
    let started = if run.redrives > 0 { run.pages } else { u32::try_from(started).unwrap_or(u32::MAX) };
    let mut number = from.map_or(started, |(number, _)| number + 1);
    let mut skip = from.map_or(0, |(_, skip)| skip);
    while number > 0 {
        number -= 1;
        let executions = of_page(ports, &thread, number, record.ended.is_none()).await?;
        for (seen, execution) in executions.into_iter().rev().enumerate().skip(skip) {
            if !filter.takes(&execution) {
                continue;
            }
            if page.items.len() >= limit {
                page.next = Some(format!("{number}.{seen}"));
                return Ok(Some(page));
            }
            page.items.push(execution);
        }
        skip = 0;
    }
    Ok(Some(page))
}

fn place(cursor: &str) -> Option<(u32, usize)> {
    let (page, skip) = cursor.split_once('.')?;
    Some((page.parse().ok()?, skip.parse().ok()?))
}

/// An execution of a map run by its ARN.
struct Found {
    origin: Thread,
    page: u32,
    index: u32,
    /// Has its run not ended?
    goes_on: bool,
}

async fn find<P: Ports>(ports: &P, arn: &str) -> Result<Option<Found>, Error> {
    let Some(name) = name::of_execution(arn) else { return Ok(None) };
    let Some((record, _)) = record::by_name(ports, name).await? else { return Ok(None) };
    let Some((page, index)) = record.name.place(name) else { return Ok(None) };
    let Some(Origin { thread: Some(thread), run, record, .. }) = origin(ports, record).await? else { return Ok(None) };
    let is_it = run.child_context(&thread.snapshot.execution, page, index).id == arn;
    let has_begun = thread.snapshot.fanout().is_some_and(|fanout| fanout.with_logs().binary_search(&page).is_ok());
    let goes_on = record.ended.is_none();
    Ok((is_it && (has_begun || run.redrives > 0)).then_some(Found { origin: thread, page, index, goes_on }))
}

/// Looks at an execution of a map run. `None` when the ARN is that of no such execution, or it has not begun.
///
/// # Errors
/// [`Error::Store`].
pub async fn describe_map_execution<P: Ports>(ports: &P, arn: &str) -> Result<Option<MapExecution>, Error> {
    let Some(found) = find(ports, arn).await? else { return Ok(None) };
    let executions = of_page(ports, &found.origin, found.page, found.goes_on).await?;
    Ok(executions.into_iter().find(|execution| execution.arn == arn))
}

/// The whole history of an execution of a map run, in order. `None` as in [`describe_map_execution`].
///
/// # Errors
/// [`Error::Store`].
pub async fn map_execution_history<P: Ports>(ports: &P, arn: &str) -> Result<Option<Vec<HistoryItem>>, Error> {
    let Some(Found { origin, page, index, .. }) = find(ports, arn).await? else { return Ok(None) };
    let items = history_at(ports, &origin, page, index).await?;
    Ok((!items.is_empty()).then_some(items))
}

type Telling<'a> = Pin<Box<dyn Future<Output = Result<Vec<HistoryItem>, Error>> + Send + 'a>>;

/// The history of an execution up to the try at its page that `parent` waits for.
fn history_at<'a, P: Ports>(ports: &'a P, parent: &'a Thread, page: u32, index: u32) -> Telling<'a> {
    Box::pin(async move {
        let before = match earlier::last(ports, parent).await? {
            Some(before) => history_at(ports, &before, page, index).await?,
            None => Vec::new(),
        };
        let Some(opened) = open(ports, parent, page).await? else { return Ok(before) };
        let Opened { rerun, thread, .. } = &opened;
        let (log, goes_on) = (thread.log.child(0, index), rerun.began(index).is_some());
        let (rerun, own) = (rerun.clone(), {
            let executions = own(ports, parent, page, Some(opened), false).await?;
            match executions.get(&index) {
                None => return Ok(before),
                Some(known) => known.execution.redriven_at.unwrap_or(known.execution.started_at),
            }
        });
        let items = match history::of_child(ports, &log).await? {
            Some(history) => history,
            None => {
                let machine = definitions::load(ports, &parent.header.definition).await?;
                let decision = rerun.execution(&machine, index, own);
                decision.map(|decision| history::of_events(own, decision.history)).unwrap_or_default()
            }
        };
        // One of type EXPRESS begins anew.
        Ok(if goes_on { history::joined(before, items) } else { items })
    })
}

/// Ends a running execution of a map run as `ABORTED`. False when it had ended already; `None` as in
/// [`describe_map_execution`].
///
/// # Errors
/// [`Error::Store`].
pub async fn stop_map_execution<P: Ports>(
    ports: &P,
    arn: &str,
    error: Option<String>,
    cause: Option<String>,
) -> Result<Option<bool>, Error> {
    let Some(found) = find(ports, arn).await? else { return Ok(None) };
    let Some(opened) = open(ports, &found.origin, found.page).await? else { return Ok(None) };
    let log = opened.thread.log.child(0, found.index);
    let event = Event::Abort { failure: Failure { error, cause } };
    match advance(ports, &log, event, None, After::default()).await? {
        Advanced::Committed => Ok(Some(true)),
        Advanced::Late(_) => Ok(Some(false)),
        Advanced::Gone => Ok(describe_map_execution(ports, arn).await?.map(|_| false)),
    }
}

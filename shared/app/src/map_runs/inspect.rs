//! Looking at map runs, and changing what they may do.

use millrace_asl::map_run::{Counts, MapRun, RunStatus, Tolerance};
use millrace_asl::{Event, Timestamp};

use super::children::{self, Origin};
use super::name;
use super::record::{self, RunRecord};
use crate::error::{Error, FieldProblem};
use crate::executions::{Advanced, After, ExecutionStatus, REDRIVABLE_MILLIS, advance};
use crate::ids::ExecutionId;
use crate::keys;
use crate::ports::{Clock, Index, Order, Page, Ports, Query, RecordStore};

/// A map run.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRunView {
    /// Its ARN.
    pub arn: String,
    /// The execution's ARN.
    pub execution_arn: String,
    /// The ARN that stands for the state machine of its executions.
    pub state_machine_arn: String,
    /// How it is.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
    /// `MaxConcurrency`; 0 is no limit.
    pub max_concurrency: u32,
    /// `ToleratedFailureCount`, 0 where it is not set.
    pub tolerated_failure_count: u64,
    /// `ToleratedFailurePercentage`, 0 where it is not set.
    pub tolerated_failure_percentage: f64,
    /// Its items.
    pub items: MapRunCounts,
    /// Its executions: fewer than items where they are grouped.
    pub executions: MapRunCounts,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When it was redriven last.
    pub redriven_at: Option<Timestamp>,
}

impl MapRunView {
    /// Its name: the UUID at the end of its ARN.
    #[must_use]
    pub fn name(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or_default()
    }

    /// The label of its Map state: what the definition gives, or what stands for it.
    #[must_use]
    pub fn label(&self) -> &str {
        self.state_machine_arn.rsplit('/').next().unwrap_or_default()
    }

    /// The ARN of the execution of it that has this name.
    #[must_use]
    pub fn arn_of_execution(&self, name: &str) -> String {
        format!("{}:{name}", self.state_machine_arn.replacen(":stateMachine:", ":execution:", 1))
    }
}

/// How many of something are how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MapRunCounts {
    /// Not begun.
    pub pending: u64,
    /// Begun and not ended.
    pub running: u64,
    /// Succeeded.
    pub succeeded: u64,
    /// Failed.
    pub failed: u64,
    /// Timed out.
    pub timed_out: u64,
    /// Stopped.
    pub aborted: u64,
    /// All of them.
    pub total: u64,
    /// Those whose results are in object storage.
    pub results_written: u64,
    /// Those that wait to be redriven.
    pub pending_redrive: u64,
    /// Those that have ended without success too long ago to be redriven.
    pub failures_not_redrivable: u64,
}

impl MapRunCounts {
    const fn add(&mut self, counts: &Counts) {
        self.succeeded += counts.succeeded;
        self.failed += counts.failed;
        self.timed_out += counts.timed_out;
        self.aborted += counts.aborted;
    }

    const fn ended(&self) -> u64 {
        self.succeeded + self.failed + self.timed_out + self.aborted
    }

    const fn count(&mut self, status: ExecutionStatus, more: u64) {
        match status {
            ExecutionStatus::Running => self.running += more,
            ExecutionStatus::Succeeded => self.succeeded += more,
            ExecutionStatus::Failed => self.failed += more,
            ExecutionStatus::TimedOut => self.timed_out += more,
            ExecutionStatus::Aborted => self.aborted += more,
            ExecutionStatus::PendingRedrive => self.pending_redrive += more,
        }
    }
}

/// Looks at a map run. The logs are asked, so that the answer is never behind them.
///
/// # Errors
/// [`Error::Store`].
pub async fn describe_map_run<P: Ports>(ports: &P, arn: &str) -> Result<Option<MapRunView>, Error> {
    let Some(name) = name::of_run(arn) else { return Ok(None) };
    match record::by_name(ports, name).await?.filter(|(record, _)| record.arn == arn) {
        Some((record, _)) => view(ports, record, true).await,
        None => Ok(None),
    }
}

/// Looks at a map run of an execution by its name, the UUID at the end of its ARN. `None` when the execution has none of that
/// name.
///
/// # Errors
/// [`Error::Store`].
pub async fn find_map_run<P: Ports>(
    ports: &P,
    execution: &ExecutionId,
    name: &str,
) -> Result<Option<MapRunView>, Error> {
    let Ok(name) = name.parse() else { return Ok(None) };
    let is_it = |record: &RunRecord| record.name == name && record.execution == *execution;
    match record::by_name(ports, name).await?.filter(|(record, _)| is_it(record)) {
        Some((record, _)) => view(ports, record, true).await,
        None => Ok(None),
    }
}

/// The map runs of an execution, newest first, without counts. Of `limit`, 1 to 1,000.
///
/// # Errors
/// [`Error::Store`], also for a cursor of another listing.
pub async fn list_map_runs<P: Ports>(
    ports: &P,
    execution: &ExecutionId,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Page<MapRunView>, Error> {
    let query = Query {
        index: Some(Index::Owner),
        partition: keys::execution_map_runs(execution),
        sort_prefix: String::new(),
        sort_to: None,
        order: Order::Descending,
        limit,
        cursor: cursor.map(ToOwned::to_owned),
    };
    let found = ports.records().query(&query).await?;
    let mut page = Page { items: Vec::with_capacity(found.items.len()), next: found.next };
    for stored in found.items {
        let (record, _) = RunRecord::from_record(stored)?;
        page.items.extend(view(ports, record, false).await?);
    }
    Ok(page)
}

async fn view<P: Ports>(ports: &P, record: RunRecord, with_counts: bool) -> Result<Option<MapRunView>, Error> {
    if let (Some(ended), false) = (&record.ended, with_counts) {
        let run = ended.run.clone();
        return Ok(Some(without_counts(&record, &run)));
    }
    let Some(Origin { mut record, run, thread, last }) = children::origin(ports, record).await? else {
        return Ok(None);
    };
    if record.ended.is_none()
        && let Some(last) = &last
    {
        record = record::find_end(ports, record, last).await?;
    }
    let mut view = without_counts(&record, record.ended.as_ref().map_or(&run, |ended| &ended.run));
    // What has ended since the log last waited for pages is found at the pages.
    let run = thread.as_ref().and_then(|thread| thread.snapshot.map_run()).unwrap_or(&run);
    let (mut items, mut executions) = (MapRunCounts::default(), MapRunCounts::default());
    items.add(&run.counts.items);
    executions.add(&run.counts.executions);
    items.total = run.total.max(run.items.len() as u64);
    let mut begun = executions.ended();
    if let Some(thread) = &thread {
        let goes_on = record.ended.is_none();
        let mut open = thread.snapshot.fanout().map(millrace_asl::Fanout::out).unwrap_or_default();
        if run.redrives > 0 {
            // Pages that are still to be tried again have what they came to before.
            let begun = thread.snapshot.fanout().map(|fanout| fanout.with_logs().len()).unwrap_or_default();
            open.extend(u32::try_from(begun).unwrap_or(u32::MAX)..run.pages);
        }
        for page in open {
            for execution in children::of_page(ports, thread, page, goes_on).await? {
                items.count(execution.status, execution.items);
                executions.count(execution.status, 1);
                begun += 1;
            }
        }
    }
    items.pending = items.total.saturating_sub(items.ended() + items.running + items.pending_redrive);
    let each = run.batch.as_ref().and_then(|batch| batch.max_items).unwrap_or(1).max(1);
    executions.pending = items.pending.div_ceil(each);
    executions.total = begun + executions.pending;
    let too_late = |at: Timestamp| at.plus_millis(REDRIVABLE_MILLIS) < ports.clock().now();
    if record.ended.as_ref().is_some_and(|ended| too_late(ended.at)) {
        for counts in [&mut items, &mut executions] {
            counts.failures_not_redrivable = counts.failed + counts.timed_out + counts.aborted;
        }
    }
    if run.exports() && record.ended.as_ref().is_some_and(|ended| were_written(ended.failure())) {
        items.results_written = items.ended();
        executions.results_written = executions.ended();
    }
    (view.items, view.executions) = (items, executions);
    Ok(Some(view))
}

/// Were the results of a run that ended so written?
fn were_written(failure: Option<&millrace_asl::Failure>) -> bool {
    let error = failure.and_then(|failure| failure.error.as_deref());
    !matches!(error, Some("States.ResultWriterFailed" | "States.ItemReaderFailed"))
}

fn without_counts(record: &RunRecord, run: &MapRun) -> MapRunView {
    MapRunView {
        arn: record.arn.clone(),
        execution_arn: record.execution_arn.clone(),
        state_machine_arn: record.state_machine_arn.clone(),
        status: record.ended.as_ref().map_or(RunStatus::Running, |ended| ended.status),
        started_at: record.started_at,
        stopped_at: record.ended.as_ref().map(|ended| ended.at),
        max_concurrency: run.limit,
        tolerated_failure_count: run.tolerance.count.unwrap_or_default(),
        tolerated_failure_percentage: run.tolerance.percentage.unwrap_or_default(),
        items: MapRunCounts::default(),
        executions: MapRunCounts::default(),
        redrive_count: record.redrives,
        redriven_at: record.redriven_at,
    }
}

/// What to change on a running map run. What is `None` stays.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct UpdateMapRun {
    /// `MaxConcurrency`; 0 is no limit.
    pub max_concurrency: Option<u32>,
    /// `ToleratedFailureCount`
    pub tolerated_failure_count: Option<u64>,
    /// `ToleratedFailurePercentage`, 0 to 100.
    pub tolerated_failure_percentage: Option<f64>,
}

/// Changes what a running map run may do, for executions that have not begun. False when it has ended; `None` when there is
/// no such run.
///
/// # Errors
/// [`Error::Invalid`] where the percentage is none; [`Error::Store`].
pub async fn update_map_run<P: Ports>(ports: &P, arn: &str, update: UpdateMapRun) -> Result<Option<bool>, Error> {
    if update.tolerated_failure_percentage.is_some_and(|percentage| !(0.0..=100.0).contains(&percentage)) {
        let message = "must be a number from 0 to 100";
        return Err(Error::Invalid(vec![FieldProblem::new("/toleratedFailurePercentage", message)]));
    }
    let Some(name) = name::of_run(arn) else { return Ok(None) };
    let Some((record, _)) = record::by_name(ports, name).await?.filter(|(record, _)| record.arn == arn) else {
        return Ok(None);
    };
    let tolerance =
        Tolerance { count: update.tolerated_failure_count, percentage: update.tolerated_failure_percentage };
    let event = Event::MapRunChanged { name: record.name, limit: update.max_concurrency, tolerance };
    match advance(ports, &record.log, event, None, After::default()).await? {
        Advanced::Committed => Ok(Some(true)),
        // It may be as it is to be already.
        Advanced::Late(thread) => Ok(Some(thread.snapshot.map_run().is_some_and(|run| run.name == record.name))),
        Advanced::Gone => Ok(Some(false)),
    }
}

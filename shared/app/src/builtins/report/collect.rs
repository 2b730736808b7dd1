//! Adding records to the tally, a bounded number at a time. Each function answers where to go on; `None` when it has all.
//!
//! Listings are read newest first from the period's end, up to its begin. What comes or goes meanwhile lies outside of a period
//! that has passed.

use std::collections::BTreeMap;

use super::period::Period;
use super::tally::{Tally, Used};
use crate::error::Error;
use crate::executions::{Execution, ExecutionStatus, Search, definitions, search_executions};
use crate::models::{self, MODEL_TASK, Scope};
use crate::ports::{Clock, Ports};
use crate::projects::{Paging, Project, list_projects};
use crate::schedules::{Outcome, list_schedules};
use crate::webhooks::{EventFilter, EventStatus, list_events};

/// Records read at a time.
const PAGE: usize = 100;
/// A step ends after about so many milliseconds: long before its function does.
const STEP_MILLIS: i64 = 30_000;
/// Records that one step looks at, at the most.
const STEP_RECORDS: usize = 5_000;

/// How much a step may still do.
struct Patience {
    until: i64,
    left: usize,
}

impl Patience {
    fn new<P: Ports>(ports: &P) -> Self {
        Self { until: ports.clock().now().millis() + STEP_MILLIS, left: STEP_RECORDS }
    }

    fn is_over<P: Ports>(&mut self, ports: &P, records: usize) -> bool {
        self.left = self.left.saturating_sub(records);
        self.left == 0 || ports.clock().now().millis() >= self.until
    }
}

/// The executions that were started in the period.
pub(super) async fn executions<P: Ports>(
    ports: &P,
    owner: &str,
    period: &Period,
    tally: &mut Tally,
    mut cursor: Option<String>,
) -> Result<Option<String>, Error> {
    let search = Search { started_from: Some(period.since), started_before: Some(period.until), ..Search::default() };
    let mut asks_models: BTreeMap<String, bool> = BTreeMap::new();
    let mut patience = Patience::new(ports);
    loop {
        let page = search_executions(ports, owner, &search, PAGE, cursor.as_deref()).await?;
        for execution in &page.items {
            count(tally, execution);
            // Those of projects are counted with the project.
            if execution.project.is_none() && does_ask(ports, &mut asks_models, &execution.definition).await? {
                add_calls(ports, &Scope::Execution(execution.id.clone()), period, tally, None).await?;
            }
        }
        cursor = page.next;
        if cursor.is_none() || patience.is_over(ports, page.items.len().max(1)) {
            return Ok(cursor);
        }
    }
}

/// Does a definition ask models?
async fn does_ask<P: Ports>(ports: &P, known: &mut BTreeMap<String, bool>, digest: &str) -> Result<bool, Error> {
    if let Some(known) = known.get(digest) {
        return Ok(*known);
    }
    let asks = definitions::text(ports, digest).await?.contains(MODEL_TASK);
    known.insert(digest.to_owned(), asks);
    Ok(asks)
}

fn count(tally: &mut Tally, execution: &Execution) {
    *tally.executions.entry(execution.status.name().to_owned()).or_default() += 1;
    let name = match &execution.workflow {
        Some(run) => run.state_machine_arn.rsplit(':').next().unwrap_or_default().to_owned(),
        None if execution.project.is_some() => "(delivery of a project)".to_owned(),
        None => "(no workflow)".to_owned(),
    };
    let workflow = tally.workflow(&name);
    workflow.started += 1;
    match execution.status {
        ExecutionStatus::Succeeded => workflow.succeeded += 1,
        ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => workflow.failed += 1,
        ExecutionStatus::Running | ExecutionStatus::PendingRedrive => {}
    }
    if let Some(stopped) = execution.stopped_at {
        let millis = stopped.millis().saturating_sub(execution.started_at.millis());
        workflow.durations.add(u64::try_from(millis).unwrap_or_default());
    }
    let error = match execution.status {
        ExecutionStatus::Failed | ExecutionStatus::Aborted => {
            let named = execution.failure.as_ref().and_then(|failure| failure.error.clone());
            Some(named.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("({})", execution.status.name())))
        }
        ExecutionStatus::TimedOut => Some("States.Timeout".to_owned()),
        ExecutionStatus::Running | ExecutionStatus::Succeeded | ExecutionStatus::PendingRedrive => None,
    };
    if let Some(error) = error {
        let failures = tally.error(&error);
        failures.count += 1;
        if failures.example.is_empty() {
            failures.example = execution.id.as_str().to_owned();
            failures.workflow = name;
        }
    }
    if let Some(schedule) = execution.attributes.get(crate::schedules::ATTRIBUTE) {
        tally.schedule(schedule).started += 1;
    }
}

/// Adds the calls of a scope that were answered in the period.
async fn add_calls<P: Ports>(
    ports: &P,
    scope: &Scope,
    period: &Period,
    tally: &mut Tally,
    project: Option<&Project>,
) -> Result<usize, Error> {
    let (mut cursor, mut read) = (None, 0);
    loop {
        let page = models::saved_calls(ports, scope, PAGE, cursor).await?;
        read += page.items.len();
        for call in page.items.iter().filter(|call| (period.since..period.until).contains(&call.at)) {
            let project = project.map(|project| (project.id.as_str(), project.name.as_str()));
            tally.cost.add(project, &call.model.to_string(), Used::of_call(call.usage, call.usd));
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(read);
        }
    }
}

/// What models the projects asked that were worked on in the period.
pub(super) async fn projects<P: Ports>(
    ports: &P,
    owner: &str,
    period: &Period,
    tally: &mut Tally,
    mut cursor: Option<String>,
) -> Result<Option<String>, Error> {
    /// A project may have thousands of calls.
    const PROJECTS: usize = 20;
    let mut patience = Patience::new(ports);
    loop {
        let paging = Paging { limit: Some(PROJECTS), cursor: cursor.take() };
        let page = list_projects(ports, owner, None, &paging).await?;
        let mut read = page.items.len().max(1);
        for project in &page.items {
            // What was not touched since has made no call: its last one told its stage's end.
            if project.created_at < period.until && (project.updated_at >= period.since || project.is_running()) {
                let scope = Scope::Project(project.id.clone());
                read += add_calls(ports, &scope, period, tally, Some(project)).await?;
            }
        }
        cursor = page.next;
        if cursor.is_none() || patience.is_over(ports, read) {
            return Ok(cursor);
        }
    }
}

/// What the owner asked models by themselves (`POST /api/ai/invoke`) in the period. Queued questions are executions.
pub(super) async fn calls<P: Ports>(
    ports: &P,
    owner: &str,
    period: &Period,
    tally: &mut Tally,
    mut cursor: Option<String>,
) -> Result<Option<String>, Error> {
    let mut patience = Patience::new(ports);
    loop {
        let page = models::single_calls(ports, owner, period.until, PAGE, cursor).await?;
        let inside = page.items.iter().take_while(|call| call.at >= period.since);
        let mut counted = 0;
        for call in inside {
            tally.cost.add(None, &call.model.to_string(), Used::of_call(call.usage, call.usd));
            counted += 1;
        }
        // They are read newest first: what follows is older.
        cursor = page.next.filter(|_| counted == page.items.len());
        if cursor.is_none() || patience.is_over(ports, page.items.len().max(1)) {
            return Ok(cursor);
        }
    }
}

/// The events that webhooks brought in the period.
pub(super) async fn webhooks<P: Ports>(
    ports: &P,
    owner: &str,
    period: &Period,
    tally: &mut Tally,
    mut cursor: Option<String>,
) -> Result<Option<String>, Error> {
    let filter = EventFilter {
        received_from: Some(period.since),
        received_before: Some(period.until),
        ..EventFilter::default()
    };
    let mut patience = Patience::new(ports);
    loop {
        let page = list_events(ports, owner, &filter, PAGE, cursor).await?;
        for event in &page.items {
            let receipts = tally.webhook(&event.source);
            receipts.received += 1;
            receipts.repeats += u64::from(event.repeats);
            match event.status {
                EventStatus::Matched => receipts.matched += 1,
                EventStatus::Unmatched => receipts.unmatched += 1,
                EventStatus::Failed => receipts.failed += 1,
                EventStatus::Received => {}
            }
        }
        cursor = page.next;
        if cursor.is_none() || patience.is_over(ports, page.items.len().max(1)) {
            return Ok(cursor);
        }
    }
}

/// What the schedules left out in the period. What they started is counted with the executions.
pub(super) async fn schedules<P: Ports>(
    ports: &P,
    owner: &str,
    period: &Period,
    tally: &mut Tally,
    mut cursor: Option<String>,
) -> Result<Option<String>, Error> {
    let mut patience = Patience::new(ports);
    loop {
        let page = list_schedules(ports, owner, PAGE, cursor).await?;
        for schedule in page.items.iter().map(|stored| &stored.value) {
            let turns = tally.schedule(&schedule.name);
            turns.next_at = schedule.next_at.filter(|_| !schedule.paused).map(|at| at.to_string());
            let remembered: u64 = schedule.runs.len().try_into().unwrap_or(u64::MAX);
            let counts = schedule.counts;
            let all = counts.started + counts.skipped + counts.missed + counts.failed;
            turns.incomplete =
                all > remembered && schedule.runs.back().is_some_and(|oldest| oldest.due_at > period.since);
            for run in schedule.runs.iter().filter(|run| (period.since..period.until).contains(&run.due_at)) {
                match run.outcome {
                    Outcome::Started => {}
                    Outcome::Skipped => turns.skipped += 1,
                    Outcome::Missed => turns.missed += 1,
                    Outcome::Failed => turns.failed += 1,
                }
            }
        }
        cursor = page.next;
        if cursor.is_none() || patience.is_over(ports, page.items.len().max(1)) {
            return Ok(cursor);
        }
    }
}

//! `cleanup`: removes what nobody needs any more, or says what that is.
//!
//! It touches what the execution's owner has; with `"scope": "system"`, which only the system's owner may ask for, also what belongs
//! to nobody any more. Each task does a bounded piece of one [`Sweep`]; where it is done twice the second finds less. What a live
//! record names is never removed, and nothing that was written within the last days, since its record may be about to come.
//! Start reading at [`Sweep`], then `owned.rs` and `orphans.rs`.

mod orphans;
mod owned;

use std::collections::BTreeMap;

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Settings, input};
use crate::error::Error;
use crate::ports::{Clock, Ports};
use crate::projects::rfc3339;
use crate::workers::{Task, TaskError};

/// A step of the definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Begin,
    Clean,
    Report,
}

impl Step {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "begin" => Self::Begin,
            "clean" => Self::Clean,
            "report" => Self::Report,
            _ => return None,
        })
    }
}

/// Something that is looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sweep {
    /// Packages and test reports of the owner's projects that newer ones have replaced.
    Artifacts,
    /// The owner's reports.
    Reports,
    /// The owner's events of webhooks.
    WebhookEvents,
    /// Large values of executions and calls whose records are gone. System.
    Payloads,
    /// Artifacts of projects, functions and reports whose records are gone. System.
    Orphans,
}

impl Sweep {
    const OWNED: [Self; 3] = [Self::Artifacts, Self::Reports, Self::WebhookEvents];
    const SYSTEM: [Self; 2] = [Self::Payloads, Self::Orphans];
}

/// What an execution works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scope {
    /// What its owner has.
    #[default]
    Owner,
    /// That, and what nobody has.
    System,
}

/// The input's members.
#[derive(Debug, Default, Deserialize)]
struct Given {
    dry_run: Option<bool>,
    #[serde(default)]
    scope: Scope,
    artifact_days: Option<i64>,
    report_days: Option<i64>,
    webhook_event_days: Option<i64>,
    orphan_days: Option<i64>,
}

const MEMBERS: [&str; 6] = ["dry_run", "scope", "artifact_days", "report_days", "webhook_event_days", "orphan_days"];

/// What is removed, complete and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Options {
    dry_run: bool,
    scope: Scope,
    artifact_days: i64,
    report_days: i64,
    webhook_event_days: i64,
    orphan_days: i64,
    /// What is older is counted from here, so that a long cleanup has one idea of it.
    #[serde(with = "rfc3339")]
    now: Timestamp,
}

impl Options {
    fn days_ago(&self, days: i64) -> Timestamp {
        Timestamp::from_millis(self.now.millis().saturating_sub(days.saturating_mul(24 * 3_600 * 1_000)))
    }
}

/// What a sweep came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Found {
    /// Things that were looked at.
    examined: u64,
    /// Those that went, or would go.
    removed: u64,
    /// Bytes of their blobs.
    bytes: u64,
    /// The first of them.
    #[serde(default)]
    first: Vec<String>,
    /// How many there are besides those.
    #[serde(default)]
    more: u64,
}

impl Found {
    /// Names that are told.
    const TOLD: usize = 50;

    fn add(&mut self, name: &str, bytes: u64) {
        self.removed += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.first.len() < Self::TOLD {
            self.first.push(name.to_owned());
        } else {
            self.more += 1;
        }
    }
}

/// What the execution carries along.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Progress {
    options: Options,
    /// What is still to be looked through.
    steps: Vec<Sweep>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    more: bool,
    found: BTreeMap<Sweep, Found>,
}

/// A sweep's share of a task.
struct Job<'a, P> {
    ports: &'a P,
    owner: &'a str,
    options: &'a Options,
    found: &'a mut Found,
}

/// Does a step.
pub(super) async fn execute<P: Ports>(
    ports: &P,
    settings: &Settings,
    step: Step,
    task: &Task,
) -> Result<Value, TaskError> {
    match step {
        Step::Begin => Ok(serde_json::to_value(begin(ports, settings, task)?).map_err(Error::internal)?),
        Step::Clean => {
            let mut progress: Progress = input::read(&task.input)?;
            // Where somebody else's definition leads here the first step was not ours.
            permit(settings, task, progress.options.scope)?;
            check(&progress.options)?;
            // A time that has not come would make what is young old.
            progress.options.now = progress.options.now.min(ports.clock().now());
            clean(ports, &task.owner, &mut progress).await?;
            Ok(serde_json::to_value(progress).map_err(Error::internal)?)
        }
        Step::Report => {
            let progress: Progress = input::read(&task.input)?;
            let sum = |count: fn(&Found) -> u64| progress.found.values().map(count).sum::<u64>();
            Ok(json!({
                "dry_run": progress.options.dry_run,
                "removed": sum(|found| found.removed),
                "bytes": sum(|found| found.bytes),
                "options": progress.options,
                "found": progress.found,
            }))
        }
    }
}

fn permit(settings: &Settings, task: &Task, scope: Scope) -> Result<(), TaskError> {
    if scope == Scope::System && task.owner != settings.system_owner {
        let cause = "only the system's owner may clean up what belongs to nobody: leave scope out";
        return Err(input::failed("Millrace.NotPermitted", cause));
    }
    Ok(())
}

fn check(options: &Options) -> Result<(), TaskError> {
    let days = [
        ("artifact_days", options.artifact_days),
        ("report_days", options.report_days),
        ("webhook_event_days", options.webhook_event_days),
        ("orphan_days", options.orphan_days),
    ];
    match days.into_iter().find(|(_, days)| !(1..=36_500).contains(days)) {
        Some((name, _)) => Err(input::invalid(format!("{name} must be 1 to 36500"))),
        None => Ok(()),
    }
}

fn begin<P: Ports>(ports: &P, settings: &Settings, task: &Task) -> Result<Progress, TaskError> {
    input::refuse_unknown(&task.input, &MEMBERS)?;
    let given: Given = input::options(&task.input)?;
    let options = Options {
        dry_run: given.dry_run.unwrap_or(true),
        scope: given.scope,
        artifact_days: given.artifact_days.unwrap_or(30),
        report_days: given.report_days.unwrap_or(90),
        webhook_event_days: given.webhook_event_days.unwrap_or(14),
        orphan_days: given.orphan_days.unwrap_or(7),
        now: ports.clock().now(),
    };
    permit(settings, task, options.scope)?;
    check(&options)?;
    let system: &[Sweep] = if options.scope == Scope::System { &Sweep::SYSTEM } else { &[] };
    let steps = Sweep::OWNED.iter().chain(system).copied().collect();
    Ok(Progress { options, steps, cursor: None, more: true, found: BTreeMap::new() })
}

/// A piece of the sweep whose turn it is.
async fn clean<P: Ports>(ports: &P, owner: &str, progress: &mut Progress) -> Result<(), Error> {
    // Nobody's input may have it look further than its scope.
    if progress.options.scope == Scope::Owner {
        progress.steps.retain(|step| Sweep::OWNED.contains(step));
    }
    let cursor = progress.cursor.take();
    if let Some(sweep) = progress.steps.first().copied() {
        let found = progress.found.entry(sweep).or_default();
        let job = Job { ports, owner, options: &progress.options, found };
        progress.cursor = match sweep {
            Sweep::Artifacts => owned::artifacts(job, cursor).await?,
            Sweep::Reports => owned::reports(job, cursor).await?,
            Sweep::WebhookEvents => owned::webhook_events(job, cursor).await?,
            Sweep::Payloads => orphans::payloads(job, cursor).await?,
            Sweep::Orphans => orphans::artifacts(job, cursor).await?,
        };
        if progress.cursor.is_none() {
            progress.steps.remove(0);
        }
    }
    progress.more = !progress.steps.is_empty();
    Ok(())
}

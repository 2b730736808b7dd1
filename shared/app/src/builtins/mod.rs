//! Workflows that come with Millrace: `daily-report`, `cleanup` and `sync`.
//!
//! Each is a definition in `workflows/`. Who names one gets it as a workflow of their own, tagged [`TAG`], made at the first use
//! and brought up to date at a later one; it runs for its owner and sees what that owner has. Its tasks are
//! `millrace:report:…`, `millrace:cleanup:…` and `millrace:sync:…`, which [`execute`] does: each a bounded piece that says
//! whether there is more, so that the definition loops and no step grows with the number of records. A task may be done twice.
//!
//! Start reading at [`find`], then [`execute`].

pub mod cleanup;
mod input;
mod install;
pub mod report;
mod run;
pub mod sync;

use std::collections::BTreeMap;

use crate::ports::Ports;
use crate::workers::{Task, TaskError, TaskResult};

pub use install::{TAG, find};
pub use run::{ScheduledRun, run_scheduled};

/// A workflow that comes with Millrace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Builtin {
    /// What ran, failed and cost.
    DailyReport,
    /// Removes what nobody needs.
    Cleanup,
    /// Fetches templates and prices.
    Sync,
}

impl Builtin {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DailyReport, Self::Cleanup, Self::Sync];

    /// Its name, and that of the workflow.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DailyReport => "daily-report",
            Self::Cleanup => "cleanup",
            Self::Sync => "sync",
        }
    }

    /// The variable that names another workflow to take its place.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::DailyReport => "DAILY_REPORT_WORKFLOW_ID",
            Self::Cleanup => "CLEANUP_WORKFLOW_ID",
            Self::Sync => "SYNC_WORKFLOW_ID",
        }
    }

    /// Its definition.
    #[must_use]
    pub const fn definition(self) -> &'static str {
        match self {
            Self::DailyReport => include_str!("../../../../workflows/daily-report.asl.yaml"),
            Self::Cleanup => include_str!("../../../../workflows/cleanup.asl.yaml"),
            Self::Sync => include_str!("../../../../workflows/sync.asl.yaml"),
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|builtin| builtin.name() == name)
    }
}

/// The workflows that take the places of built-in ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuiltinIds(BTreeMap<Builtin, String>);

impl BuiltinIds {
    /// Reads `DAILY_REPORT_WORKFLOW_ID`, `CLEANUP_WORKFLOW_ID` and `SYNC_WORKFLOW_ID`: a workflow's id, ARN or name each.
    #[must_use]
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let chosen = |builtin: Builtin| {
            let text = variable(builtin.variable())?;
            let text = text.trim();
            (!text.is_empty()).then(|| (builtin, text.to_owned()))
        };
        Self(Builtin::ALL.into_iter().filter_map(chosen).collect())
    }

    /// What takes its place, if anything does.
    #[must_use]
    pub fn of(&self, builtin: Builtin) -> Option<&str> {
        self.0.get(&builtin).map(String::as_str)
    }
}

/// Does [`execute`] do tasks of this resource?
#[must_use]
pub fn does(resource: &str) -> bool {
    Step::of(resource).is_some()
}

/// The steps of the definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Report(report::Step),
    Cleanup(cleanup::Step),
    Sync(sync::Step),
}

impl Step {
    fn of(resource: &str) -> Option<Self> {
        let (workflow, step) = resource.strip_prefix("millrace:")?.split_once(':')?;
        match workflow {
            "report" => report::Step::named(step).map(Self::Report),
            "cleanup" => cleanup::Step::named(step).map(Self::Cleanup),
            "sync" => sync::Step::named(step).map(Self::Sync),
            _ => None,
        }
    }
}

/// What the tasks need besides the ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whose executions may work on what belongs to nobody or to all: orphans, prices, templates.
    pub system_owner: String,
    /// Where templates and prices are fetched from; nothing where it is not configured.
    pub sync_source: Option<String>,
}

/// Does a task of a built-in workflow. It may be done again, at the same time even.
///
/// # Errors
/// `Millrace.InvalidWork` for an input that can't be used; `Millrace.NotPermitted`, `Millrace.NotConfigured`,
/// `Millrace.SyncFailed`, `Millrace.InvalidTable`, `Millrace.Transient` as each workflow says.
pub async fn execute<P: Ports, F: sync::Fetch>(
    ports: &P,
    settings: &Settings,
    fetch: &F,
    task: &Task,
) -> Result<TaskResult, TaskError> {
    let done = match Step::of(&task.resource) {
        Some(Step::Report(step)) => Box::pin(report::execute(ports, step, task)).await?,
        Some(Step::Cleanup(step)) => Box::pin(cleanup::execute(ports, settings, step, task)).await?,
        Some(Step::Sync(step)) => Box::pin(sync::execute(ports, settings, fetch, step, task)).await?,
        None => {
            let cause = format!("nobody does tasks of '{}' here", task.resource);
            return Err(TaskError::failed("Millrace.UnknownResource", cause));
        }
    };
    Ok(done.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_valid_and_somebody_does_their_tasks() {
        for builtin in Builtin::ALL {
            crate::executions::check_definition(builtin.definition()).unwrap();
            let resources: Vec<&str> =
                builtin.definition().lines().filter_map(|line| line.trim().strip_prefix("Resource: ")).collect();
            assert!(!resources.is_empty() && resources.iter().all(|resource| does(resource)), "{resources:?}");
        }
    }

    #[test]
    fn others_are_chosen_by_variables() {
        let ids = BuiltinIds::from_variables(|name| match name {
            "CLEANUP_WORKFLOW_ID" => Some(" tidy ".into()),
            "SYNC_WORKFLOW_ID" => Some(" ".into()),
            _ => None,
        });
        assert_eq!((ids.of(Builtin::Cleanup), ids.of(Builtin::Sync)), (Some("tidy"), None));
        assert_eq!(Builtin::named("daily-report"), Some(Builtin::DailyReport));
        assert_eq!(Builtin::named("Daily-Report"), None);
    }
}

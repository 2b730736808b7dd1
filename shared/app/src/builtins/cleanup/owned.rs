//! What an owner has and no longer needs.

use super::Job;
use crate::builtins::report::{delete_report, older_reports};
use crate::error::Error;
use crate::ports::Ports;
use crate::projects::{self, Paging, list_projects};
use crate::webhooks::{self, EventFilter, EventStatus, list_events};

/// Projects that one task looks at.
const PROJECTS: usize = 20;
/// Other things that one task looks at.
const THINGS: usize = 100;

/// Packages and test reports that newer ones have replaced: of projects that rest, but for the two newest of each kind.
pub(super) async fn artifacts<P: Ports>(job: Job<'_, P>, cursor: Option<String>) -> Result<Option<String>, Error> {
    let Job { ports, owner, options, found } = job;
    let page = list_projects(ports, owner, None, &Paging { limit: Some(PROJECTS), cursor }).await?;
    let before = options.days_ago(options.artifact_days);
    for project in page.items {
        let replaced = projects::remove_replaced(ports, owner, &project.id, before, options.dry_run).await?;
        found.examined += replaced.examined;
        for (name, bytes) in replaced.removed {
            found.add(&name, bytes);
        }
    }
    Ok(page.next)
}

/// Reports of long ago.
pub(super) async fn reports<P: Ports>(job: Job<'_, P>, cursor: Option<String>) -> Result<Option<String>, Error> {
    let Job { ports, owner, options, found } = job;
    let before = options.days_ago(options.report_days);
    let page = older_reports(ports, owner, before, THINGS, cursor).await?;
    for report in page.items {
        found.examined += 1;
        let bytes = delete_report(ports, &report.id, options.dry_run).await?;
        found.add(report.id.as_str(), bytes);
    }
    Ok(page.next)
}

/// Events of long ago, but for those that wait to be matched. Their bodies may be others' too, and go with their day.
pub(super) async fn webhook_events<P: Ports>(job: Job<'_, P>, cursor: Option<String>) -> Result<Option<String>, Error> {
    let Job { ports, owner, options, found } = job;
    let before = options.days_ago(options.webhook_event_days);
    let filter = EventFilter { received_before: Some(before), ..EventFilter::default() };
    let page = list_events(ports, owner, &filter, THINGS, cursor).await?;
    for event in page.items {
        found.examined += 1;
        if event.status == EventStatus::Received {
            continue;
        }
        if options.dry_run || webhooks::forget(ports, &event.id).await? {
            found.add(event.id.as_str(), 0);
        }
    }
    Ok(page.next)
}

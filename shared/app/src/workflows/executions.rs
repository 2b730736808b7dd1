//! Finding and listing the executions of workflows.

use std::collections::BTreeMap;

use millrace_asl::Timestamp;

use super::error::WorkflowError;
use super::model::Qualifier;
use crate::executions::{Execution, ExecutionStatus, ExecutionView, describe_execution, read_record};
use crate::ids::ExecutionId;
use crate::keys;
use crate::ports::{Index, Order, Page, Ports, Query, RecordStore};

/// Which executions to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// The ARN of a state machine without a qualifier, or of a map run.
    pub of: String,
    /// Only those of this status.
    pub status: Option<ExecutionStatus>,
    /// Only those that were started through this version.
    pub version: Option<u64>,
    /// Only those that were started through this alias.
    pub alias: Option<String>,
    /// Only those that were, or were not, redriven.
    pub redriven: Option<bool>,
}

impl ExecutionFilter {
    fn takes(&self, execution: &Execution) -> bool {
        let Some(run) = &execution.workflow else { return false };
        let through = match (&self.alias, self.version) {
            (Some(alias), _) => run.through.alias() == Some(alias),
            (None, Some(version)) => run.through.version() == Some(version),
            (None, None) => true,
        };
        through && self.redriven.is_none_or(|redriven| redriven == (run.redrives > 0))
    }
}

/// An execution by its ARN, as its log says it is.
///
/// # Errors
/// [`WorkflowError::ExecutionDoesNotExist`]
pub async fn load_execution<P: Ports>(ports: &P, arn: &str) -> Result<ExecutionView, WorkflowError> {
    let view = describe_execution(ports, &ExecutionId::derived(arn)).await?;
    view.ok_or_else(|| WorkflowError::ExecutionDoesNotExist(arn.to_owned()))
}

/// A page of executions, newest first. The cursor names the place in time, so that what starts or ends meanwhile leads to
/// no gap.
///
/// # Errors
/// [`WorkflowError::InvalidToken`]
pub async fn list_executions<P: Ports>(
    ports: &P,
    filter: &ExecutionFilter,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Page<Execution>, WorkflowError> {
    /// Records that one call reads at the most of a status, whatever the filter lets through.
    const MOST_READ: usize = 10_000;
    let after = cursor.map(check_cursor).transpose()?;
    let mut found: BTreeMap<String, Execution> = BTreeMap::new();
    for status in ExecutionStatus::ALL {
        if filter.status.is_some_and(|only| only != status) {
            continue;
        }
        let (mut taken, mut read, mut next) = (0, 0, None);
        while taken <= limit && read < MOST_READ {
            let query = Query {
                index: Some(Index::Status),
                partition: keys::workflow_executions_of_status(&filter.of, status.name()),
                sort_prefix: String::new(),
                sort_to: after.map(str::to_owned),
                order: Order::Descending,
                limit: (limit + 2).min(1_000),
                cursor: next.take(),
            };
            let page = ports.records().query(&query).await?;
            read += page.items.len();
            for record in page.items {
                let execution = read_record(record)?;
                let sort = keys::by_time(execution.started_at, execution.id.as_str());
                if after != Some(sort.as_str()) && filter.takes(&execution) {
                    taken += 1;
                    found.insert(sort, execution);
                }
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
    }
    let more = found.len() > limit;
    let page: Vec<(String, Execution)> = found.into_iter().rev().take(limit).collect();
    let next = page.last().filter(|_| more).map(|(sort, _)| sort.clone());
    Ok(Page { items: page.into_iter().map(|(_, execution)| execution).collect(), next })
}

/// A place in a listing by time.
fn check_cursor(cursor: &str) -> Result<&str, WorkflowError> {
    let fits = cursor
        .split_once('#')
        .is_some_and(|(at, id)| Timestamp::parse(at).is_some() && id.parse::<ExecutionId>().is_ok());
    if fits { Ok(cursor) } else { Err(WorkflowError::InvalidToken("Invalid token".to_owned())) }
}

impl Qualifier {
    /// The ARN of the version under a state machine's ARN.
    #[must_use]
    pub fn version_arn(&self, state_machine: &str) -> Option<String> {
        self.version().map(|version| format!("{state_machine}:{version}"))
    }

    /// The ARN of the alias under a state machine's ARN.
    #[must_use]
    pub fn alias_arn(&self, state_machine: &str) -> Option<String> {
        self.alias().map(|alias| format!("{state_machine}:{alias}"))
    }
}

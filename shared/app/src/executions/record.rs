//! The record of an execution: its status for listings, and its log's entry 0.
//!
//! Two writes an execution: one at the start, one at the end (and one each time the sweeper looks at it). While it runs
//! the log is the truth; the record only says that there is an execution, since when, and when to look after it.

use std::collections::BTreeSet;

use millrace_asl::{Admission, Failure, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::attributes::{self, Attributes};
use super::retention::Retention;
use crate::error::Error;
use crate::ids::{ExecutionId, ProjectId};
use crate::keys;
use crate::ports::{Condition, Index, Listing, Ports, Record, RecordStore, StoreError, Write};
use crate::workflows::{Qualifier, WorkflowType};

/// The status of an execution, spelt as Step Functions spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExecutionStatus {
    /// It has not ended.
    Running,
    /// It ended with an output.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// Its `TimeoutSeconds` ran out.
    TimedOut,
    /// It was stopped.
    Aborted,
    /// It ended without success, and its map run, which was redriven, has not come to it yet. No record says so.
    PendingRedrive,
}

impl ExecutionStatus {
    /// Those that a record can have.
    pub const ALL: [Self; 5] = [Self::Running, Self::Succeeded, Self::Failed, Self::TimedOut, Self::Aborted];

    /// As it is spelt.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
            Self::PendingRedrive => "PENDING_REDRIVE",
        }
    }
}

/// An execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Its id.
    pub id: ExecutionId,
    /// Who owns it.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// SHA-256 of its definition.
    pub definition: String,
    /// The project whose delivery it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// The workflow whose execution it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Box<WorkflowRun>>,
    /// The tokens of the tasks that wait for its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<String>,
    /// What it was forked from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked: Option<Forked>,
    /// What it can be found by.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// Those of its attributes that its definition gave it, not its start.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub defined: BTreeSet<String>,
    /// What it asks before it may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Box<Admission>>,
    /// How it is.
    pub status: ExecutionStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    /// Why it ended without an output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// A message of it that was given up; gone when it moves on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck: Option<Stuck>,
    /// Its log's entry 0: JSON, or the address of a larger text.
    pub first_entry: String,
}

/// An entry of an execution's own log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forked {
    /// The execution.
    pub from: ExecutionId,
    /// The entry, from 0.
    pub sequence: u64,
}

/// What an execution of a workflow was started as. It stays as it is, whatever becomes of the workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowRun {
    /// The execution's ARN, `$$.Execution.Id`.
    pub execution_arn: String,
    /// The state machine's ARN without a qualifier, `$$.StateMachine.Id`.
    pub state_machine_arn: String,
    /// `STANDARD` or `EXPRESS`.
    #[serde(rename = "type")]
    pub kind: WorkflowType,
    /// The role that the service integrations act as, `$$.Execution.RoleArn`.
    pub role_arn: String,
    /// Names the revision of the workflow: its definition and configuration.
    pub revision: String,
    /// The version or alias that it was started through.
    #[serde(default, skip_serializing_if = "Qualifier::is_none")]
    pub through: Qualifier,
    /// The caller's trace header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_header: Option<String>,
    /// The ARN of the map run that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_run_arn: Option<String>,
    /// How often it was redriven.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub redrives: u32,
    /// When it was redriven last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redriven_at: Option<Timestamp>,
    /// What the last redrive was called with, so that the same call is not another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive_token: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl WorkflowRun {
    /// What the execution is listed under: its map run, or its state machine.
    #[must_use]
    pub fn listed_under(&self) -> &str {
        self.map_run_arn.as_deref().unwrap_or(&self.state_machine_arn)
    }
}

/// A message that went to the dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// The queue.
    pub queue: String,
    /// Since when.
    pub since: Timestamp,
    /// The code of the last error.
    pub error: String,
}

/// An execution with the version of its record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Versioned {
    pub(crate) execution: Execution,
    pub(crate) version: u64,
    /// When the sweeper looks at it next; nothing once it has ended.
    pub(crate) due: Option<Timestamp>,
}

impl Versioned {
    /// The record to write.
    pub(crate) fn record(&self, retention: Retention) -> Result<Record, Error> {
        let execution = &self.execution;
        let sort = keys::by_time(execution.started_at, execution.id.as_str());
        let status = execution.status.name();
        let of_status = match &execution.workflow {
            Some(run) => keys::workflow_executions_of_status(run.listed_under(), status),
            None => keys::owner_executions_of_status(&execution.owner, status),
        };
        let mut listings = vec![
            Listing { index: Index::Owner, partition: keys::owner_executions(&execution.owner), sort: sort.clone() },
            Listing { index: Index::Status, partition: of_status, sort },
        ];
        listings.extend(self.due.map(|due| Listing {
            index: Index::Due,
            partition: keys::due_executions(&execution.id),
            sort: keys::by_time(due, execution.id.as_str()),
        }));
        Ok(Record {
            key: keys::execution(&execution.id),
            version: self.version,
            body: serde_json::to_value(execution).map_err(Error::internal)?,
            listings,
            expires_at: execution.stopped_at.map(|at| retention.of_record(at)),
        })
    }

    /// The writes of an execution that starts or ends: its record, on a condition, and its attributes.
    pub(super) fn writes(&self, condition: Condition, retention: Retention) -> Result<Vec<Write>, Error> {
        let record = self.record(retention)?;
        let expires_at = record.expires_at;
        let own = Write::Put(record, condition);
        Ok(std::iter::once(own).chain(attributes::writes(&self.execution, expires_at)).collect())
    }

    pub(crate) fn from_record(record: Record) -> Result<Self, Error> {
        let what = format!("execution {}", record.key.partition);
        let due = record.listings.iter().find(|listing| listing.index == Index::Due);
        let due = due.and_then(|listing| Timestamp::parse(listing.sort.split('#').next().unwrap_or_default()));
        let execution: Execution = parse(record.body, what)?;
        Ok(Self { execution, version: record.version, due })
    }
}

fn parse(body: Value, what: String) -> Result<Execution, Error> {
    serde_json::from_value(body).map_err(|problem| StoreError::corrupt(what, problem).into())
}

/// The execution that a record is.
pub(crate) fn read_record(record: Record) -> Result<Execution, Error> {
    Ok(Versioned::from_record(record)?.execution)
}

/// Reads an execution's record.
pub(crate) async fn load<P: Ports>(ports: &P, id: &ExecutionId) -> Result<Option<Versioned>, Error> {
    ports.records().get(&keys::execution(id)).await?.map(Versioned::from_record).transpose()
}

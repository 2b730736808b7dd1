//! The record of an execution: its status for listings, and its log's entry 0.
//!
//! Two writes an execution: one at the start, one at the end (and one each time the sweeper looks at it). While it runs
//! the log is the truth; the record only says that there is an execution, since when, and when to look after it.

use millrace_asl::{Failure, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::ids::{ExecutionId, ProjectId};
use crate::keys;
use crate::ports::{Index, Listing, Ports, Record, RecordStore, StoreError};

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
}

impl ExecutionStatus {
    /// As it is spelt.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
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
    pub(crate) fn record(&self) -> Result<Record, Error> {
        let execution = &self.execution;
        let sort = keys::by_time(execution.started_at, execution.id.as_str());
        let mut listings = vec![
            Listing { index: Index::Owner, partition: keys::owner_executions(&execution.owner), sort: sort.clone() },
            Listing {
                index: Index::Status,
                partition: keys::owner_executions_of_status(&execution.owner, execution.status.name()),
                sort,
            },
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
            expires_at: execution.stopped_at.map(|at| at.plus_millis(90 * 24 * 3600 * 1000)),
        })
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

/// Reads an execution's record.
pub(crate) async fn load<P: Ports>(ports: &P, id: &ExecutionId) -> Result<Option<Versioned>, Error> {
    ports.records().get(&keys::execution(id)).await?.map(Versioned::from_record).transpose()
}

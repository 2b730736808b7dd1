//! Loading and changing the records of workflows.

use millrace_asl::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::WorkflowError;
use super::model::{Alias, Revision, Version, Workflow, WorkflowStatus};
use crate::error::Error;
use crate::ids::WorkflowId;
use crate::keys;
use crate::ports::{Condition, IdSource, Index, Listing, Ports, Record, RecordKey, RecordStore, StoreError, Write};

/// How often a change is decided again after somebody else wrote.
const TRIES: usize = 12;

/// A record's value with the version for the next write.
#[derive(Debug, Clone)]
pub(super) struct Stored<T> {
    pub(super) value: T,
    pub(super) version: u64,
}

/// Reads a record.
pub(super) async fn get<P: Ports, T: DeserializeOwned>(
    ports: &P,
    key: &RecordKey,
) -> Result<Option<Stored<T>>, WorkflowError> {
    let Some(record) = ports.records().get(key).await? else { return Ok(None) };
    let version = record.version;
    Ok(Some(Stored { value: decode(record)?, version }))
}

/// A record's value.
pub(super) fn decode<T: DeserializeOwned>(record: Record) -> Result<T, WorkflowError> {
    let what = format!("{}/{}", record.key.partition, record.key.sort);
    Ok(serde_json::from_value(record.body).map_err(|problem| StoreError::corrupt(what, problem))?)
}

fn record<T: Serialize>(key: RecordKey, value: &T, version: u64) -> Result<Record, WorkflowError> {
    let body = serde_json::to_value(value).map_err(Error::internal)?;
    Ok(Record { key, version, body, listings: Vec::new(), expires_at: None })
}

/// The write of a workflow's own record.
pub(super) fn put_workflow(workflow: &Workflow, condition: Condition, version: u64) -> Result<Write, WorkflowError> {
    let place = workflow.arn.rsplit_once(":stateMachine:").map_or("", |(place, _)| place);
    let mut listings = vec![
        Listing {
            index: Index::Owner,
            partition: keys::owner_workflows(&workflow.owner),
            sort: keys::by_time(workflow.created_at, workflow.id.as_str()),
        },
        Listing { index: Index::Status, partition: keys::place_workflows(place), sort: workflow.name.clone() },
    ];
    if workflow.status == WorkflowStatus::Deleting {
        listings.push(Listing {
            index: Index::Due,
            partition: keys::DUE_WORKFLOWS.to_owned(),
            sort: keys::by_time(workflow.updated_at, workflow.id.as_str()),
        });
    }
    let record = Record { listings, ..record(keys::workflow(&workflow.id), workflow, version)? };
    Ok(Write::Put(record, condition))
}

/// The write of a revision. It outlives its workflow, for the executions that were started with it.
pub(super) fn put_revision(id: &WorkflowId, revision: &Revision) -> Result<Write, WorkflowError> {
    Ok(Write::Put(record(keys::revision(id, &revision.key), revision, 0)?, Condition::Any))
}

/// The write of a new version.
pub(super) fn put_version(id: &WorkflowId, version: &Version) -> Result<Write, WorkflowError> {
    Ok(Write::Put(record(keys::version(id, version.number), version, 0)?, Condition::Absent))
}

/// The write of an alias.
pub(super) fn put_alias(id: &WorkflowId, alias: &Alias, condition: Condition) -> Result<Write, WorkflowError> {
    Ok(Write::Put(record(keys::alias(id, &alias.name), alias, 0)?, condition))
}

/// The workflow of an ARN without a qualifier.
pub(super) async fn find<P: Ports>(ports: &P, arn: &str) -> Result<Option<Stored<Workflow>>, WorkflowError> {
    get(ports, &keys::workflow(&WorkflowId::derived(arn))).await
}

/// A workflow that is there, whatever its status.
pub(super) async fn load<P: Ports>(ports: &P, arn: &str) -> Result<Stored<Workflow>, WorkflowError> {
    find(ports, arn).await?.ok_or_else(|| WorkflowError::DoesNotExist(arn.to_owned()))
}

/// A workflow that is there and not being deleted.
pub(super) async fn load_active<P: Ports>(ports: &P, arn: &str) -> Result<Stored<Workflow>, WorkflowError> {
    let stored = load(ports, arn).await?;
    match stored.value.status {
        WorkflowStatus::Active => Ok(stored),
        WorkflowStatus::Deleting => Err(WorkflowError::Deleting(arn.to_owned())),
    }
}

/// Changes a workflow that is active. `change` answers what to write besides; `None`: nothing at all.
pub(super) async fn change<P: Ports, T>(
    ports: &P,
    arn: &str,
    change: impl FnMut(&mut Workflow) -> Result<(T, Option<Vec<Write>>), WorkflowError>,
) -> Result<T, WorkflowError> {
    change_at(ports, arn, None, change).await
}

/// The same for a workflow whose record still has this version, if one is given.
pub(super) async fn change_at<P: Ports, T>(
    ports: &P,
    arn: &str,
    expected: Option<u64>,
    mut change: impl FnMut(&mut Workflow) -> Result<(T, Option<Vec<Write>>), WorkflowError>,
) -> Result<T, WorkflowError> {
    for _ in 0..TRIES {
        let mut stored = load_active(ports, arn).await?;
        check_version(stored.version, expected)?;
        let (answer, writes) = change(&mut stored.value)?;
        let Some(mut writes) = writes else { return Ok(answer) };
        writes.insert(0, put_workflow(&stored.value, Condition::Version(stored.version), stored.version)?);
        match ports.records().write(writes).await {
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(()) => return Ok(answer),
        }
    }
    Err(StoreError::Conflict.into())
}

/// Refuses a version that is not the expected one.
pub(super) fn check_version(found: u64, expected: Option<u64>) -> Result<(), WorkflowError> {
    if expected.is_some_and(|expected| expected != found) {
        return Err(Error::VersionMismatch { what: "the workflow" }.into());
    }
    Ok(())
}

/// A random name as 128 bits of a version 4 UUID.
pub(super) fn uuid<P: Ports>(ports: &P) -> String {
    let mut bytes = ports.ids().random();
    if let Some(byte) = bytes.get_mut(6) {
        *byte = *byte & 0x0f | 0x40;
    }
    if let Some(byte) = bytes.get_mut(8) {
        *byte = *byte & 0x3f | 0x80;
    }
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// A fresh key for a revision: they sort as they are made.
pub(super) fn revision_key<P: Ports>(ports: &P, at: Timestamp) -> String {
    format!("{at}-{}", uuid(ports).split('-').next().unwrap_or_default())
}

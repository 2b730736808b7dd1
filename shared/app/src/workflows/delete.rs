//! Deleting a workflow: it takes no more executions at once, and is gone when the last one has ended.

use millrace_asl::Timestamp;

use super::error::WorkflowError;
use super::executions::{ExecutionFilter, list_executions};
use super::model::{Workflow, WorkflowStatus};
use super::store;
use crate::error::Error;
use crate::executions::{ExecutionStatus, stop_execution};
use crate::keys;
use crate::ports::{Clock, Condition, Index, Order, Ports, Query, RecordStore, StoreError, Write};

/// Executions that one call stops, and records that one write removes.
const AT_ONCE: usize = 100;
/// How long revisions are kept after their workflow: as long as the executions that refer to them.
const KEPT_MILLIS: i64 = 400 * 24 * 3600 * 1000;

/// Deletes a workflow with its versions and aliases; it need not exist. Executions that run are stopped. What can't be
/// done at once is done by the sweep.
///
/// # Errors
/// [`WorkflowError::App`]
pub async fn delete_workflow<P: Ports>(ports: &P, arn: &str) -> Result<(), WorkflowError> {
    delete_workflow_at(ports, arn, None).await
}

/// The same for a workflow whose record still has this version, if one is given.
///
/// # Errors
/// Those of [`delete_workflow`]; [`Error::VersionMismatch`]
pub async fn delete_workflow_at<P: Ports>(ports: &P, arn: &str, expected: Option<u64>) -> Result<(), WorkflowError> {
    loop {
        let Some(mut stored) = store::find(ports, arn).await? else { return Ok(()) };
        if stored.value.status == WorkflowStatus::Active {
            store::check_version(stored.version, expected)?;
            stored.value.status = WorkflowStatus::Deleting;
            stored.value.updated_at = ports.clock().now();
            let write = store::put_workflow(&stored.value, Condition::Version(stored.version), stored.version)?;
            match ports.records().write(vec![write]).await {
                Err(StoreError::Conflict) => continue,
                written => written?,
            }
        }
        return purge(ports, &stored.value).await.map(|_| ());
    }
}

/// Stops executions and removes records of a workflow that is being deleted. True when nothing is left.
async fn purge<P: Ports>(ports: &P, workflow: &Workflow) -> Result<bool, WorkflowError> {
    let running = ExecutionFilter {
        of: workflow.arn.clone(),
        status: Some(ExecutionStatus::Running),
        version: None,
        alias: None,
        redriven: None,
    };
    for execution in list_executions(ports, &running, AT_ONCE, None).await?.items {
        match stop_execution(ports, &execution.id, None, None).await {
            Ok(_) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if !list_executions(ports, &running, 1, None).await?.items.is_empty() {
        return Ok(false);
    }
    let expires_at = ports.clock().now().plus_millis(KEPT_MILLIS);
    for (prefix, is_kept) in [(keys::ALIAS, false), (keys::VERSION, false), (keys::REVISION, true)] {
        let mut cursor = None;
        loop {
            let query = Query {
                index: None,
                partition: keys::workflow_partition(&workflow.id),
                sort_prefix: prefix.to_owned(),
                sort_to: None,
                order: Order::Ascending,
                limit: AT_ONCE,
                cursor: cursor.take(),
            };
            let page = ports.records().query(&query).await?;
            let writes: Vec<Write> = page
                .items
                .into_iter()
                .filter(|record| !is_kept || record.expires_at.is_none())
                .map(|mut record| match is_kept {
                    true => {
                        record.expires_at = Some(expires_at);
                        Write::Put(record, Condition::Any)
                    }
                    false => Write::Delete(record.key, Condition::Any),
                })
                .collect();
            if !writes.is_empty() {
                ports.records().write(writes).await?;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    ports.records().write(vec![Write::Delete(keys::workflow(&workflow.id), Condition::Any)]).await?;
    Ok(true)
}

/// Goes on with workflows that are being deleted. For the sweep.
pub(crate) async fn purge_due<P: Ports>(ports: &P, now: Timestamp) -> Result<(), Error> {
    let query = Query {
        index: Some(Index::Due),
        partition: keys::DUE_WORKFLOWS.to_owned(),
        sort_prefix: String::new(),
        sort_to: Some(keys::due_to(now)),
        order: Order::Ascending,
        limit: AT_ONCE,
        cursor: None,
    };
    let mut problem = None;
    for record in ports.records().query(&query).await?.items {
        let purged = match store::decode::<Workflow>(record) {
            Ok(listed) => match store::find(ports, &listed.arn).await {
                Ok(Some(stored)) if stored.value.status == WorkflowStatus::Deleting => {
                    purge(ports, &stored.value).await.map(|_| ())
                }
                found => found.map(|_| ()),
            },
            Err(error) => Err(error),
        };
        if let Err(error) = purged {
            problem.get_or_insert_with(|| match error {
                WorkflowError::App(error) => error,
                other => Error::internal(other),
            });
        }
    }
    problem.map_or(Ok(()), Err)
}

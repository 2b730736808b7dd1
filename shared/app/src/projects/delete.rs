//! Deleting a project, and removing what is left of it.
//!
//! The project's own record goes in one transaction with the coming of a tombstone; from then on nobody finds the
//! project and no agent stores anything for it. Its other records and its artifacts follow in the same call, as far as
//! that is bounded. The tombstone is due until nothing is left *and* every worker that may have looked before the
//! deletion must have ended, so that a late write is removed too.

use millrace_asl::Timestamp;

use super::delivery;
use super::model::{Project, Stored, Tombstone};
use super::store;
use crate::error::Error;
use crate::functions;
use crate::ids::ProjectId;
use crate::keys;
use crate::ports::{BlobStore, Clock, Condition, Index, Order, Ports, Query, Queue, RecordStore, StoreError, Write};

/// How many records one write deletes.
const RECORDS_A_WRITE: usize = 100;
/// How many pages of records one call deletes.
const RECORD_PAGES: usize = 200;
/// How many blobs one call deletes.
const BLOBS: usize = 2_000;
/// How many tombstones one call of the sweeper looks at.
const PURGE_PAGE: usize = 25;
/// How long an import may take, in milliseconds: longer than any function runs.
const AWAITED_MILLIS: i64 = 30 * 60 * 1_000;
/// How often a deletion is decided again.
const ATTEMPTS: usize = 12;

/// Deletes a project with all that belongs to it. A running delivery is stopped first. With `expected` only that
/// version is deleted. What one call can't remove is left to [`purge`].
///
/// # Errors
/// [`Error::NotFound`]; [`Error::VersionMismatch`]; [`Error::Store`]: where the delivery can't be stopped now, nothing
/// is deleted.
pub async fn delete_project<P: Ports>(
    ports: &P,
    owner: &str,
    id: &ProjectId,
    expected: Option<u64>,
) -> Result<(), Error> {
    let mut stored = store::load_owned(ports, owner, id).await?;
    if expected.is_some_and(|version| version != stored.version) {
        return Err(Error::VersionMismatch { what: "the project" });
    }
    let mut attempts = 0;
    functions::delete_of_project(ports, &functions::account_owner(owner), id).await?;
    loop {
        stop(ports, &stored.value).await?;
        match bury(ports, &stored).await {
            Ok(()) => break,
            Err(StoreError::Conflict) if attempts < ATTEMPTS => attempts += 1,
            Err(StoreError::Conflict) => return Err(Error::VersionMismatch { what: "the project" }),
            Err(error) => return Err(error.into()),
        }
        // Stopping the delivery is a change of the project too.
        stored = store::load_owned(ports, owner, id).await?;
    }
    let tombstone = Tombstone {
        project_id: id.clone(),
        execution_id: stored.value.execution_id,
        deleted_at: ports.clock().now(),
        awaited: false,
    };
    if let Err(error) = remove_remains(ports, &tombstone).await {
        tracing::warn!(project = %id, error = &error as &dyn std::error::Error, "left to the sweeper");
    }
    Ok(())
}

async fn stop<P: Ports>(ports: &P, project: &Project) -> Result<(), Error> {
    match &project.execution_id {
        Some(execution) if project.is_running() || project.pending.is_some() => {
            delivery::stop(ports, execution, "the project was deleted").await
        }
        _ => Ok(()),
    }
}

/// Replaces a project by its tombstone.
async fn bury<P: Ports>(ports: &P, stored: &Stored<Project>) -> Result<(), StoreError> {
    let id = &stored.value.id;
    let now = ports.clock().now();
    let tombstone = Tombstone {
        project_id: id.clone(),
        execution_id: stored.value.execution_id.clone(),
        deleted_at: now,
        awaited: false,
    };
    let listing = keys::listing(Index::Due, keys::DUE_PURGES, now, id.as_str());
    let record = store::fresh(keys::tombstone(id), &tombstone, vec![listing])
        .map_err(|error| StoreError::corrupt("a tombstone", error))?;
    let writes =
        vec![Write::Put(record, Condition::Any), Write::Delete(keys::project(id), Condition::Version(stored.version))];
    ports.records().write(writes).await
}

/// Marks a project that is about to be stored, so that what was stored for it goes if it never comes. The answer belongs into
/// the transaction that stores the project, which fails when its time has passed.
pub(super) async fn guard<P: Ports>(ports: &P, id: &ProjectId) -> Result<Write, Error> {
    let now = ports.clock().now();
    let tombstone = Tombstone { project_id: id.clone(), execution_id: None, deleted_at: now, awaited: true };
    let due = now.plus_millis(AWAITED_MILLIS);
    let listing = keys::listing(Index::Due, keys::DUE_PURGES, due, id.as_str());
    let record = store::fresh(keys::tombstone(id), &tombstone, vec![listing])?;
    ports.records().write(vec![Write::Put(record, Condition::Absent)]).await?;
    Ok(Write::Delete(keys::tombstone(id), Condition::Version(1)))
}

/// Ends the time of a project that was to come; false when it has come.
async fn give_up<P: Ports>(ports: &P, tombstone: &Tombstone) -> Result<bool, Error> {
    let key = keys::tombstone(&tombstone.project_id);
    // The index may be behind; the table decides.
    let Some(record) = ports.records().get(&key).await? else { return Ok(false) };
    let now = ports.clock().now();
    let buried = Tombstone { deleted_at: now, awaited: false, ..tombstone.clone() };
    let listing = keys::listing(Index::Due, keys::DUE_PURGES, now, tombstone.project_id.as_str());
    let fresh = store::fresh(key, &buried, vec![listing])?;
    match ports.records().write(vec![Write::Put(fresh, Condition::Version(record.version))]).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Removes what is left of deleted projects. The sweeper calls it. Answers how many projects are gone for good.
///
/// # Errors
/// [`Error::Store`] where the listing can't be read.
pub async fn purge<P: Ports>(ports: &P, now: Timestamp) -> Result<usize, Error> {
    let query = Query {
        index: Some(Index::Due),
        partition: keys::DUE_PURGES.into(),
        sort_prefix: String::new(),
        sort_to: Some(keys::due_to(now)),
        order: Order::Ascending,
        limit: PURGE_PAGE,
        cursor: None,
    };
    let mut gone = 0;
    for tombstone in store::page::<P, Tombstone>(ports, &query).await?.items {
        match lay_to_rest(ports, &tombstone, now).await {
            Ok(done) => gone += usize::from(done),
            Err(error) => {
                let project = &tombstone.project_id;
                tracing::warn!(%project, error = &error as &dyn std::error::Error, "a deleted project is not yet gone");
            }
        }
    }
    Ok(gone)
}

/// Removes remains; true when nothing can come any more and the tombstone is gone too.
async fn lay_to_rest<P: Ports>(ports: &P, tombstone: &Tombstone, now: Timestamp) -> Result<bool, Error> {
    if tombstone.awaited && !give_up(ports, tombstone).await? {
        return Ok(false);
    }
    let tombstone = &Tombstone { awaited: false, ..tombstone.clone() };
    if let Some(execution) = &tombstone.execution_id {
        delivery::stop(ports, execution, "the project was deleted").await?;
    }
    let clean = remove_remains(ports, tombstone).await?;
    let longest = Queue::ALL.iter().map(|queue| queue.function_timeout().as_secs()).max().unwrap_or_default();
    let last_write = tombstone.deleted_at.plus_millis(i64::try_from(longest).unwrap_or(i64::MAX).saturating_mul(2_000));
    if clean && now >= last_write {
        ports.records().write(vec![Write::Delete(keys::tombstone(&tombstone.project_id), Condition::Any)]).await?;
        return Ok(true);
    }
    if clean {
        // Nothing to do until nobody can write any more: be due again then.
        let listing = keys::listing(Index::Due, keys::DUE_PURGES, last_write, tombstone.project_id.as_str());
        let record = store::fresh(keys::tombstone(&tombstone.project_id), tombstone, vec![listing])?;
        ports.records().write(vec![Write::Put(record, Condition::Any)]).await?;
    }
    Ok(false)
}

/// Removes records and artifacts of a deleted project; true when none is left.
async fn remove_remains<P: Ports>(ports: &P, tombstone: &Tombstone) -> Result<bool, Error> {
    let id = &tombstone.project_id;
    for _ in 0..RECORD_PAGES {
        let query = Query {
            index: None,
            partition: keys::project_partition(id),
            sort_prefix: String::new(),
            sort_to: None,
            order: Order::Ascending,
            limit: RECORDS_A_WRITE,
            cursor: None,
        };
        let found = ports.records().query(&query).await?.items;
        if found.is_empty() {
            return remove_blobs(ports, id).await;
        }
        let deletes = found.into_iter().map(|record| Write::Delete(record.key, Condition::Any)).collect();
        ports.records().write(deletes).await?;
    }
    Ok(false)
}

async fn remove_blobs<P: Ports>(ports: &P, id: &ProjectId) -> Result<bool, Error> {
    let mut left = BLOBS;
    for prefix in keys::artifacts::of_project(id) {
        loop {
            if left == 0 {
                return Ok(false);
            }
            let found = ports.blobs().list(&prefix, None, left.min(1_000)).await?.items;
            if found.is_empty() {
                break;
            }
            for blob in found {
                ports.blobs().delete(&blob.key).await?;
                left -= 1;
            }
        }
    }
    Ok(true)
}

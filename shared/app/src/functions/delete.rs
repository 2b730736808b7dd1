//! Deleting functions: gone for everybody at once, then their code and counts.

use millrace_asl::Timestamp;

use super::model::{Function, FunctionName};
use super::runtime::FunctionRuntime;
use super::service::Functions;
use super::store;
use crate::error::Error;
use crate::ids::{FunctionId, ProjectId};
use crate::keys;
use crate::ports::{BlobStore, Condition, Index, Order, Ports, Query, RecordStore, StoreError, Write};
use crate::projects::Stored;

/// Blobs or records that one look finds.
const PAGE: usize = 100;

/// Deletes a function with its versions and counts. With `expected` only that version of the record is deleted.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::VersionMismatch`]; [`Error::Store`].
pub async fn delete_function<P: Ports, R: FunctionRuntime>(
    ports: &P,
    functions: &Functions<R>,
    name: &FunctionName,
    expected: Option<u64>,
) -> Result<(), Error> {
    let hidden = hide(ports, name, expected).await;
    // A write that failed may have been made all the same.
    functions.forget(&name.id(), hidden.as_ref().ok().map(|stored| &stored.value.current));
    let stored = hidden?;
    leave_to_sweep(&stored.value.id, purge(ports, &stored).await);
    Ok(())
}

async fn hide<P: Ports>(ports: &P, name: &FunctionName, expected: Option<u64>) -> Result<Stored<Function>, Error> {
    let hide = |function: &mut Function| {
        function.deleting = true;
        Ok(true)
    };
    store::change(ports, name, expected, hide).await
}

fn leave_to_sweep(id: &FunctionId, purged: Result<(), Error>) {
    if let Err(error) = purged {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(function = %id, error, "what is left of a deleted function is left to the sweeper");
    }
}

/// Removes what is left of a function that is being deleted.
pub(super) async fn purge<P: Ports>(ports: &P, stored: &Stored<Function>) -> Result<(), Error> {
    let id = &stored.value.id;
    loop {
        let found = ports.blobs().list(&keys::artifacts::function(id), None, PAGE).await?.items;
        if found.is_empty() {
            break;
        }
        for blob in found {
            ports.blobs().delete(&blob.key).await?;
        }
    }
    let writes = vec![
        Write::Delete(keys::function_counters(id), Condition::Any),
        Write::Delete(keys::function(id), Condition::Version(stored.version)),
    ];
    match ports.records().write(writes).await {
        // Somebody else has removed it.
        Ok(()) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Deletes the functions of a project that is being deleted.
pub(crate) async fn delete_of_project<P: Ports>(ports: &P, owner: &str, project: &ProjectId) -> Result<(), Error> {
    let mut cursor = None;
    loop {
        let query = Query {
            index: Some(Index::Owner),
            partition: keys::project_functions(owner, project.as_str()),
            sort_prefix: String::new(),
            sort_to: None,
            order: Order::Ascending,
            limit: PAGE,
            cursor,
        };
        let page = ports.records().query(&query).await?;
        for record in page.items {
            let listed: Function = store::decode(record)?;
            match hide(ports, &listed.full_name(), None).await {
                Ok(stored) => leave_to_sweep(&listed.id, purge(ports, &stored).await),
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// Goes on with functions that are being deleted. For the sweep.
pub(crate) async fn purge_due<P: Ports>(ports: &P, now: Timestamp) -> Result<(), Error> {
    let query = Query {
        index: Some(Index::Due),
        partition: keys::DUE_FUNCTIONS.to_owned(),
        sort_prefix: String::new(),
        sort_to: Some(keys::due_to(now)),
        order: Order::Ascending,
        limit: PAGE,
        cursor: None,
    };
    let mut problem = None;
    for record in ports.records().query(&query).await?.items {
        let listed: Function = store::decode(record)?;
        let purged = match store::find(ports, &listed.id).await {
            Ok(Some(stored)) if stored.value.deleting => purge(ports, &stored).await,
            found => found.map(|_| ()),
        };
        if let Err(error) = purged {
            problem.get_or_insert(error);
        }
    }
    problem.map_or(Ok(()), Err)
}

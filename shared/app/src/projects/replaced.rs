//! Packages and test reports that newer ones have replaced.

use millrace_asl::Timestamp;
use serde::de::DeserializeOwned;

use super::list::Paging;
use super::model::{DeploymentRecord, TestRecord};
use super::store;
use crate::error::Error;
use crate::ids::ProjectId;
use crate::keys;
use crate::ports::{BlobStore, Condition, Index, Order, Page, Ports, RecordKey, RecordStore, Write};

/// The newest of each kind that stay, whatever their age: a run can be compared with the one before.
const KEPT: usize = 2;
/// Records, and blobs, that are read at once.
const AT_ONCE: usize = 100;

/// What was removed, or would be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Replaced {
    /// Packages and reports.
    pub(crate) examined: u64,
    /// Those that went: a name, and the bytes of the blobs.
    pub(crate) removed: Vec<(String, u64)>,
}

/// A package or a report that may go.
struct Old {
    name: String,
    key: RecordKey,
    blobs: Vec<String>,
}

/// All records of a listing of a project's.
async fn newest_first<P: Ports, T: DeserializeOwned>(ports: &P, partition: String) -> Result<Vec<T>, Error> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let paging = Paging { limit: Some(AT_ONCE), cursor };
        let query = paging.query(Some(Index::Owner), partition.clone(), "", Order::Descending)?;
        let page: Page<T> = store::page(ports, &query).await?;
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}

/// The keys of all blobs below a prefix.
async fn below<P: Ports>(ports: &P, prefix: &str) -> Result<Vec<String>, Error> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = ports.blobs().list(prefix, cursor.as_deref(), AT_ONCE).await?;
        all.extend(page.items.into_iter().map(|blob| blob.key));
        cursor = page.next;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}

/// Removes a project's packages and test reports made before a time, but for the [`KEPT`] newest of each. A project that is being
/// delivered is left alone. Blobs that what stays names too are left.
///
/// # Errors
/// [`Error::Store`]
pub(crate) async fn remove_replaced<P: Ports>(
    ports: &P,
    owner: &str,
    id: &ProjectId,
    before: Timestamp,
    dry_run: bool,
) -> Result<Replaced, Error> {
    let mut replaced = Replaced::default();
    let at_rest = async || match store::load(ports, id).await? {
        Some(stored) => {
            Ok::<_, Error>((stored.value.owner == owner && !stored.value.is_running()).then_some(stored.version))
        }
        None => Ok(None),
    };
    let Some(version) = at_rest().await? else { return Ok(replaced) };
    let tests: Vec<TestRecord> = newest_first(ports, keys::project_tests(id)).await?;
    let packages: Vec<DeploymentRecord> = newest_first(ports, keys::project_deployments(id)).await?;
    replaced.examined = u64::try_from(tests.len() + packages.len()).unwrap_or_default();
    let mut old = Vec::new();
    for test in tests.iter().skip(KEPT).filter(|test| test.created_at < before) {
        let blobs = below(ports, &format!("{}{}/", keys::artifacts::tests(id), test.id)).await?;
        old.push(Old { name: format!("test report {}", test.id), key: keys::test(id, &test.id), blobs });
    }
    let is_old = |place: usize, package: &DeploymentRecord| place >= KEPT && package.created_at < before;
    let kept: Vec<&str> = packages
        .iter()
        .enumerate()
        .filter(|(place, package)| !is_old(*place, package))
        .flat_map(|(_, package)| [package.zip.as_str(), package.manifest.as_str()])
        .collect();
    for (_, package) in packages.iter().enumerate().filter(|(place, package)| is_old(*place, package)) {
        let blobs = [&package.zip, &package.manifest].into_iter().filter(|blob| !kept.contains(&blob.as_str()));
        old.push(Old {
            name: format!("package {} of run {}", package.filename(), package.run),
            key: keys::deployment(id, &package.id),
            blobs: blobs.cloned().collect(),
        });
    }
    for Old { name, key, blobs } in old {
        let mut bytes = 0;
        let mut there = Vec::new();
        for blob in blobs {
            let listed = ports.blobs().list(&blob, None, 1).await?.items;
            // One that was written again lately is a newer package's.
            if let Some(listed) = listed.into_iter().find(|listed| listed.key == blob && listed.modified_at < before) {
                bytes += listed.size;
                there.push(listed.key);
            }
        }
        if !dry_run {
            // A delivery that began meanwhile may make the same package again.
            if at_rest().await? != Some(version) {
                break;
            }
            ports.records().write(vec![Write::Delete(key, Condition::Any)]).await?;
            for blob in there {
                ports.blobs().delete(&blob).await?;
            }
        }
        replaced.removed.push((name, bytes));
    }
    Ok(replaced)
}

//! Blobs whose records are gone.
//!
//! A blob's key names what it belongs to, so that one read of a record decides: no log is searched. Large values of an execution are
//! below `payloads/{execution}/`, and are needed as long as there is the execution's record: it is there before its log has a
//! second entry, it does not expire while the execution runs, and without it nobody reads the log. Only the first entry's value
//! is written before the record, within the same call; what was written within the last days is left for that.

use std::collections::BTreeMap;

use super::Job;
use crate::error::Error;
use crate::ids::{AiTaskId, ExecutionId, FunctionId, ProjectId, ReportId};
use crate::keys::{self, artifacts::PAYLOADS};
use crate::ports::{BlobInfo, BlobStore, Order, Page, Ports, Query, RecordKey, RecordStore};

/// Blobs that one task looks at.
const BLOBS: usize = 500;
/// Days after which values go that do not tell whose they are: pages of map runs, which forks of the execution share. As long as
/// the stack's bucket keeps them, and longer than an execution can wait for anything.
const SHARED_DAYS: i64 = 800;

/// Whether a blob may be needed.
enum Need {
    /// It is there for good.
    Always,
    /// It belongs to a record: one of these keys, or the partition where that is asked for.
    With(Vec<RecordKey>),
    /// It belongs to whatever is in a partition.
    WithAny(String),
    /// Nobody can say, so that its age decides.
    ForDays(i64),
}

/// Large values below `payloads/`.
pub(super) async fn payloads<P: Ports>(job: Job<'_, P>, cursor: Option<String>) -> Result<Option<String>, Error> {
    sweep(job, PAYLOADS, cursor, |rest| {
        let Some((of, _)) = rest.split_once('/') else { return Need::ForDays(SHARED_DAYS) };
        if of == "definitions" {
            return Need::Always;
        }
        if let Ok(id) = of.parse::<ExecutionId>() {
            return Need::With(vec![keys::execution(&id)]);
        }
        match of.parse::<AiTaskId>() {
            Ok(id) => Need::WithAny(keys::ai_task(&id).partition),
            Err(_) => Need::ForDays(SHARED_DAYS),
        }
    })
    .await
}

/// Prefixes below which the next part of a key is an id.
const PREFIXES: [&str; 6] = ["projects/", "plans/", "deployments/", "test_results/", "functions/", "reports/"];

/// Artifacts of what is gone. A cursor begins with the prefix's number.
pub(super) async fn artifacts<P: Ports>(job: Job<'_, P>, cursor: Option<String>) -> Result<Option<String>, Error> {
    let place = cursor.as_deref().and_then(|cursor| cursor.split_once(' '));
    let number: usize = place.and_then(|(number, _)| number.parse().ok()).unwrap_or_default();
    let within = place.map(|(_, cursor)| cursor.to_owned()).filter(|cursor| !cursor.is_empty());
    let Some(prefix) = PREFIXES.get(number) else { return Ok(None) };
    let next = sweep(job, prefix, within, |rest| {
        let id = rest.split('/').next().unwrap_or_default();
        match *prefix {
            "functions/" => id.parse::<FunctionId>().map_or(Need::Always, |id| Need::With(vec![keys::function(&id)])),
            "reports/" => id.parse::<ReportId>().map_or(Need::Always, |id| Need::With(vec![keys::report(&id)])),
            // A tombstone has what is left removed, and one of a project that is about to come keeps it.
            _ => id
                .parse::<ProjectId>()
                .map_or(Need::Always, |id| Need::With(vec![keys::project(&id), keys::tombstone(&id)])),
        }
    })
    .await?;
    Ok(match next {
        Some(next) => Some(format!("{number} {next}")),
        None => PREFIXES.get(number + 1).map(|_| format!("{} ", number + 1)),
    })
}

async fn sweep<P: Ports>(
    job: Job<'_, P>,
    prefix: &str,
    cursor: Option<String>,
    need: impl Fn(&str) -> Need,
) -> Result<Option<String>, Error> {
    let Job { ports, options, found, .. } = job;
    let page: Page<BlobInfo> = ports.blobs().list(prefix, cursor.as_deref(), BLOBS).await?;
    let young = options.days_ago(options.orphan_days);
    // The blobs of one thing lie together: it is asked for once, right before they go.
    let mut known: BTreeMap<String, bool> = BTreeMap::new();
    for blob in page.items {
        found.examined += 1;
        if blob.modified_at > young {
            continue;
        }
        let needed = match need(blob.key.strip_prefix(prefix).unwrap_or_default()) {
            Need::Always => true,
            Need::ForDays(days) => blob.modified_at > options.days_ago(days),
            Need::With(records) => {
                let name = records.first().map(|key| key.partition.clone()).unwrap_or_default();
                match known.get(&name) {
                    Some(known) => *known,
                    None => {
                        let mut there = false;
                        for key in &records {
                            there = there || ports.records().get(key).await?.is_some();
                        }
                        known.insert(name, there);
                        there
                    }
                }
            }
            Need::WithAny(partition) => match known.get(&partition) {
                Some(known) => *known,
                None => {
                    let there = has_records(ports, &partition).await?;
                    known.insert(partition, there);
                    there
                }
            },
        };
        if needed {
            continue;
        }
        if !options.dry_run {
            ports.blobs().delete(&blob.key).await?;
        }
        found.add(&blob.key, blob.size);
    }
    Ok(page.next)
}

async fn has_records<P: Ports>(ports: &P, partition: &str) -> Result<bool, Error> {
    let query = Query {
        index: None,
        partition: partition.to_owned(),
        sort_prefix: String::new(),
        sort_to: None,
        order: Order::Ascending,
        limit: 1,
        cursor: None,
    };
    Ok(!ports.records().query(&query).await?.items.is_empty())
}

//! Finding the executions of an owner.

use std::collections::BTreeMap;

use millrace_asl::Timestamp;

use super::attributes::{self, Attributes};
use super::record::{self, Execution, ExecutionStatus};
use crate::error::Error;
use crate::ids::ExecutionId;
use crate::keys;
use crate::ports::{Index, Order, Page, Ports, Query, RecordStore, StoreError};

/// Records that one search reads at the most of a partition. What comes after is on the next page, so that a page may
/// have fewer items than it could, or none.
const MOST_READ: usize = 1_000;

/// Which executions to find. One index answers: that of the first attribute, else that of the workflow, else that of the
/// owner. The other conditions choose among what it answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Only those of this state machine, by its ARN without a qualifier.
    pub workflow: Option<String>,
    /// Only those of this status.
    pub status: Option<ExecutionStatus>,
    /// Only those that have all of these.
    pub attributes: Attributes,
    /// Only those that were started then or later.
    pub started_from: Option<Timestamp>,
    /// Only those that were started before.
    pub started_before: Option<Timestamp>,
}

impl Search {
    fn takes(&self, owner: &str, execution: &Execution) -> bool {
        let run = execution.workflow.as_deref();
        execution.owner == owner
            && self.workflow.as_ref().is_none_or(|arn| run.is_some_and(|run| run.listed_under() == arn))
            && self.status.is_none_or(|status| execution.status == status)
            && self.attributes.iter().all(|(name, value)| execution.attributes.get(name) == Some(value))
            && self.started_from.is_none_or(|from| execution.started_at >= from)
            && self.started_before.is_none_or(|before| execution.started_at < before)
    }

    /// The index and those of its partitions that together hold what is looked for.
    fn partitions(&self, owner: &str) -> (Index, Vec<String>) {
        if let Some((name, value)) = self.attributes.first_key_value() {
            return (Index::Status, vec![keys::owner_executions_of_attribute(owner, name, value)]);
        }
        let Some(arn) = &self.workflow else { return (Index::Owner, vec![keys::owner_executions(owner)]) };
        let of_status = |status: &ExecutionStatus| keys::workflow_executions_of_status(arn, status.name());
        // Those that run come first: one that ends between two queries is found by one of them.
        let all = ExecutionStatus::ALL.iter().filter(|one| self.status.is_none_or(|status| status == **one));
        (Index::Status, all.map(of_status).collect())
    }
}

/// What was read of one partition.
#[derive(Default)]
struct Part {
    found: Vec<(String, Execution)>,
    /// The last sort key that was read, where there may be more.
    reached: Option<String>,
}

/// A page of an owner's executions, newest first. The cursor names a place in time, so that what starts or ends
/// meanwhile leads to no gap.
///
/// # Errors
/// [`Error::Store`], also for what is no cursor.
pub async fn search_executions<P: Ports>(
    ports: &P,
    owner: &str,
    search: &Search,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Page<Execution>, Error> {
    let after = cursor.map(place_of).transpose()?;
    let (index, partitions) = search.partitions(owner);
    let mut found = BTreeMap::new();
    let mut reached: Option<String> = None;
    for partition in partitions {
        let part = read(ports, owner, search, (index, partition), limit, after.as_deref()).await?;
        found.extend(part.found);
        reached = reached.max(part.reached);
    }
    // What is older than where a partition was left may be missing something from there.
    if let Some(reached) = &reached {
        found.retain(|place, _| place >= reached);
    }
    let more = found.len() > limit;
    let page: Vec<(String, Execution)> = found.into_iter().rev().take(limit).collect();
    let next = match page.last() {
        Some((last, _)) if more => Some(last.clone()),
        _ => reached,
    };
    let items = page.into_iter().map(|(_, execution)| execution).collect();
    Ok(Page { items, next: next.as_deref().and_then(cursor_of) })
}

async fn read<P: Ports>(
    ports: &P,
    owner: &str,
    search: &Search,
    (index, partition): (Index, String),
    limit: usize,
    after: Option<&str>,
) -> Result<Part, Error> {
    let latest = search.started_before.map(|before| before.to_string());
    let sort_to = [after.map(ToOwned::to_owned), latest].into_iter().flatten().min();
    let earliest = search.started_from.map(|from| from.to_string());
    let (mut part, mut read, mut next) = (Part::default(), 0, None);
    loop {
        let query = Query {
            index: Some(index),
            partition: partition.clone(),
            sort_prefix: String::new(),
            sort_to: sort_to.clone(),
            order: Order::Descending,
            limit: (limit + 2).min(MOST_READ),
            cursor: next.take(),
        };
        let page = ports.records().query(&query).await?;
        read += page.items.len();
        for record in page.items {
            let listing = record.listings.iter().find(|listing| listing.index == index);
            let Some(place) = listing.map(|listing| listing.sort.clone()) else { continue };
            if earliest.as_ref().is_some_and(|earliest| place < *earliest) {
                part.reached = None;
                return Ok(part);
            }
            let is_behind = after == Some(place.as_str());
            part.reached = Some(place.clone());
            if is_behind {
                continue;
            }
            let execution = match attributes::execution_of(&record) {
                Some(id) if record.key == keys::execution(&id) => Some(record::read_record(record)?),
                Some(id) => record::load(ports, &id).await?.map(|stored| stored.execution),
                None => None,
            };
            if let Some(execution) = execution.filter(|execution| search.takes(owner, execution)) {
                part.found.push((place, execution));
            }
        }
        next = page.next;
        if next.is_none() {
            part.reached = None;
            return Ok(part);
        }
        if part.found.len() > limit || read >= MOST_READ {
            return Ok(part);
        }
    }
}

/// The cursor of a place in time.
fn cursor_of(place: &str) -> Option<String> {
    let (at, id) = place.split_once('#')?;
    Some(format!("{}-{id}", Timestamp::parse(at)?.millis()))
}

fn place_of(cursor: &str) -> Result<String, Error> {
    let read = || {
        let (millis, id) = cursor.split_once('-')?;
        let id: ExecutionId = id.parse().ok()?;
        Some(keys::by_time(Timestamp::from_millis(millis.parse().ok()?), id.as_str()))
    };
    read().ok_or_else(|| StoreError::InvalidCursor.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_name_places() {
        let id = ExecutionId::derived("x");
        let place = keys::by_time(Timestamp::from_millis(1_780_000_000_123), id.as_str());
        let cursor = cursor_of(&place).unwrap();
        assert_eq!(place_of(&cursor).unwrap(), place);
        for wrong in ["", "x", "1-", "1-x", "-1"] {
            assert!(place_of(wrong).is_err(), "{wrong}");
        }
    }
}

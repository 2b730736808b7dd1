//! The records of gates, of those who are in and of those who wait.

use millrace_asl::{Admission, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::gate::{Gate, GateRef};
use crate::error::Error;
use crate::executions::GRACE_MILLIS;
use crate::ids::ExecutionId;
use crate::keys;
use crate::ports::{
    Clock, Condition, IdSource, Index, Listing, Order, Page, Ports, Query, Record, RecordKey, RecordStore, StoreError,
    StoreResult, Write,
};

/// How often a change of a gate is decided again because somebody else wrote first.
pub(super) const TRIES: u32 = 40;
/// The longest pause between two tries.
const LONGEST_PAUSE_MILLIS: u64 = 250;
/// How long the record of a gate is kept at which nothing happens: 7 days, and no less than its windows.
const IDLE_MILLIS: i64 = 7 * 24 * 3600 * 1000;

/// A gate with the version of its record.
#[derive(Debug, Clone)]
pub(super) struct StoredGate {
    pub(super) gate: Gate,
    pub(super) version: u64,
    /// When the sweeper looks at it next; nothing where nobody waits.
    pub(super) due: Option<Timestamp>,
}

impl StoredGate {
    /// Has the sweeper look at it, now that somebody waits here or is being let in.
    pub(super) fn watch(&mut self, now: Timestamp) {
        self.due = self.due.or_else(|| Some(now.plus_millis(GRACE_MILLIS)));
    }

    pub(super) fn name(&self) -> GateRef {
        GateRef { owner: self.gate.owner.clone(), key: self.gate.key.clone() }
    }

    /// The write of what it is now, on the condition that nobody else wrote.
    pub(super) fn write(&self) -> Result<Write, Error> {
        let gate = &self.gate;
        let mut listings =
            vec![Listing { index: Index::Owner, partition: keys::owner_limits(&gate.owner), sort: gate.key.clone() }];
        listings.extend(self.due.map(|due| Listing {
            index: Index::Due,
            partition: keys::DUE_LIMITS.to_owned(),
            sort: keys::by_time(due, &keys::limit(&gate.owner, &gate.key).partition),
        }));
        let kept = IDLE_MILLIS.max(gate.longest_millis());
        let record = Record {
            key: keys::limit(&gate.owner, &gate.key),
            version: self.version,
            body: serde_json::to_value(gate).map_err(Error::internal)?,
            listings,
            expires_at: (gate.is_idle() && self.due.is_none()).then(|| gate.updated_at.plus_millis(kept)),
        };
        let condition = if self.version == 0 { Condition::Absent } else { Condition::Version(self.version) };
        Ok(Write::Put(record, condition))
    }

    pub(super) fn from_record(record: Record) -> Result<Self, Error> {
        let due = record.listings.iter().find(|listing| listing.index == Index::Due);
        let due = due.and_then(|listing| Timestamp::parse(listing.sort.split('#').next().unwrap_or_default()));
        let version = record.version;
        Ok(Self { gate: decode(record)?, version, due })
    }
}

/// An execution that is in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) id: ExecutionId,
    pub(super) since: Timestamp,
    /// How often it was redriven before it came in.
    #[serde(default)]
    pub(super) redrives: u32,
}

/// An execution that waits, or that was let in and has not begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Waiter {
    pub(super) id: ExecutionId,
    pub(super) since: Timestamp,
    /// What it asks; nothing where it was let in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) admission: Option<Admission>,
}

impl Waiter {
    /// Where it stands: those who were let in first, then by priority, then by age.
    pub(super) fn key(&self, gate: &GateRef) -> RecordKey {
        let priority = self.admission.as_ref().map(|admission| admission.priority);
        keys::limit_waiter(&gate.owner, &gate.key, priority, self.since, &self.id)
    }

    pub(super) fn write(&self, gate: &GateRef) -> Result<Write, Error> {
        put(self.key(gate), self)
    }

    /// Of one that waits: the deletion, if it still does.
    pub(super) fn delete(&self, gate: &GateRef) -> Write {
        Write::Delete(self.key(gate), Condition::Version(1))
    }
}

impl Holder {
    pub(super) fn write(&self, gate: &GateRef) -> Result<Write, Error> {
        put(keys::limit_holder(&gate.owner, &gate.key, &self.id), self)
    }

    pub(super) fn delete(&self, gate: &GateRef) -> Write {
        Write::Delete(keys::limit_holder(&gate.owner, &gate.key, &self.id), Condition::Version(1))
    }
}

fn put<T: Serialize>(key: RecordKey, value: &T) -> Result<Write, Error> {
    let body = serde_json::to_value(value).map_err(Error::internal)?;
    Ok(Write::Put(Record { key, version: 0, body, listings: Vec::new(), expires_at: None }, Condition::Absent))
}

pub(super) fn decode<T: DeserializeOwned>(record: Record) -> Result<T, Error> {
    let what = format!("{}/{}", record.key.partition, record.key.sort);
    Ok(serde_json::from_value(record.body).map_err(|problem| StoreError::corrupt(what, problem))?)
}

/// A gate as it is stored; a fresh one where nobody ever came.
pub(super) async fn load<P: Ports>(ports: &P, name: &GateRef) -> Result<StoredGate, Error> {
    match ports.records().get(&keys::limit(&name.owner, &name.key)).await? {
        Some(record) => StoredGate::from_record(record),
        None => Ok(StoredGate { gate: Gate::new(name, ports.clock().now()), version: 0, due: None }),
    }
}

/// The gates of all that an execution asks, in the order of its demands.
pub(super) async fn load_all<P: Ports>(
    ports: &P,
    owner: &str,
    admission: &Admission,
) -> Result<Vec<StoredGate>, Error> {
    let mut gates = Vec::with_capacity(admission.demands.len());
    for demand in &admission.demands {
        gates.push(load(ports, &GateRef { owner: owner.to_owned(), key: demand.key.clone() }).await?);
    }
    Ok(gates)
}

/// The execution as one that is in at a gate.
pub(super) async fn holder<P: Ports>(ports: &P, gate: &GateRef, id: &ExecutionId) -> Result<Option<Holder>, Error> {
    ports.records().get(&keys::limit_holder(&gate.owner, &gate.key, id)).await?.map(decode).transpose()
}

/// Those who wait at a gate, the first ones first: let in before all others.
pub(super) async fn waiters<P: Ports>(ports: &P, gate: &GateRef, limit: usize) -> Result<Vec<Waiter>, Error> {
    let page = partition(ports, gate, keys::LIMIT_WAITER, limit).await?;
    page.items.into_iter().map(decode).collect()
}

/// Those who are in at a gate.
pub(super) async fn holders<P: Ports>(ports: &P, gate: &GateRef, limit: usize) -> Result<Vec<Holder>, Error> {
    let page = partition(ports, gate, keys::LIMIT_HOLDER, limit).await?;
    page.items.into_iter().map(decode).collect()
}

async fn partition<P: Ports>(ports: &P, gate: &GateRef, prefix: &str, limit: usize) -> StoreResult<Page<Record>> {
    let query = Query {
        index: None,
        partition: keys::limit(&gate.owner, &gate.key).partition,
        sort_prefix: prefix.to_owned(),
        sort_to: None,
        order: Order::Ascending,
        limit,
        cursor: None,
    };
    ports.records().query(&query).await
}

/// A pause before the next try, longer each time and never the same for two that tried at once.
pub(crate) async fn pause<P: Ports>(ports: &P, tries: u32) {
    let most = (1_u64 << tries.min(8)).min(LONGEST_PAUSE_MILLIS);
    let random = ports.ids().random().iter().take(4).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    ports.clock().sleep(std::time::Duration::from_millis(random % most)).await;
}

/// Too many at once at a gate.
pub(crate) fn crowded() -> Error {
    StoreError::unavailable("the gate of a limit", "too many changes at once").into()
}

//! Counting invocations without a write for each.
//!
//! A process counts in memory and adds to the stored counts now and then. What it has not stored is lost when it dies;
//! nothing else depends on it. Every portion that is stored has a name, which the record keeps: a repeated write adds
//! nothing, and a reader of this process counts nothing twice.

use std::collections::HashMap;
use std::time::Duration;

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use super::model::{Counters, Function, LastError};
use super::runtime::{FunctionRuntime, Outcome};
use super::service::{Functions, lock};
use super::store;
use crate::error::Error;
use crate::ids::{FunctionId, InvocationId};
use crate::keys;
use crate::ports::{Clock, Condition, Ports, Record, RecordKey, RecordStore, StoreError, Write};

/// How much of an error's message is kept, in characters.
const MESSAGE_CHARS: usize = 1_000;

/// All invocations of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Those that ran code.
    pub invocations: u64,
    /// Those of them that failed.
    pub failed: u64,
}

/// Counts that are not stored.
#[derive(Debug, Default)]
pub(super) struct Tally {
    functions: HashMap<FunctionId, Slot>,
    all: Slot,
    flushed_at: Option<Timestamp>,
}

/// A portion that grows, and the one before that is being stored.
#[derive(Debug, Default)]
struct Slot {
    open: Option<Portion>,
    closing: Option<Portion>,
}

#[derive(Debug, Clone)]
struct Portion {
    name: InvocationId,
    /// When the function was made: one of the same name that is made later has counts of its own.
    made: Timestamp,
    counters: Counters,
}

/// What is stored.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    made: Timestamp,
    /// The portion that was added last.
    portion: String,
    #[serde(flatten)]
    counters: Counters,
}

impl Slot {
    fn add(&mut self, name: &InvocationId, made: Timestamp, counters: &Counters) {
        match &mut self.open {
            Some(open) if open.made == made => open.counters.add(counters),
            open => *open = Some(Portion { name: name.clone(), made, counters: counters.clone() }),
        }
    }

    /// What is to be stored now.
    fn close(&mut self) -> Option<Portion> {
        if self.closing.is_none() {
            self.closing = self.open.take();
        }
        self.closing.clone()
    }

    fn stored(&mut self, portion: &Portion) {
        if self.closing.as_ref().is_some_and(|closing| closing.name == portion.name) {
            self.closing = None;
        }
    }

    const fn is_empty(&self) -> bool {
        self.open.is_none() && self.closing.is_none()
    }

    /// The stored counts with those of here that are not in them.
    fn on_top_of(&self, stored: Option<Stored>, made: Timestamp) -> Counters {
        let stored = stored.filter(|stored| stored.made == made).unwrap_or_default();
        let mut counters = stored.counters;
        for portion in [&self.closing, &self.open].into_iter().flatten() {
            if portion.made == made && portion.name.as_str() != stored.portion {
                counters.add(&portion.counters);
            }
        }
        counters
    }
}

async fn read<P: Ports>(ports: &P, key: &RecordKey) -> Result<(Option<Stored>, Condition), Error> {
    let Some(record) = ports.records().get(key).await? else { return Ok((None, Condition::Absent)) };
    let condition = Condition::Version(record.version);
    Ok((Some(store::decode(record)?), condition))
}

/// Adds a portion to what is stored under a key, once.
async fn add<P: Ports>(ports: &P, key: RecordKey, portion: &Portion) -> Result<(), Error> {
    for _ in 0..store::TRIES {
        let (stored, condition) = read(ports, &key).await?;
        let mut stored = stored.filter(|stored| stored.made == portion.made).unwrap_or_default();
        if stored.portion == portion.name.as_str() {
            return Ok(());
        }
        stored.made = portion.made;
        portion.name.as_str().clone_into(&mut stored.portion);
        stored.counters.add(&portion.counters);
        let body = serde_json::to_value(&stored).map_err(Error::internal)?;
        let record = Record { key: key.clone(), version: 0, body, listings: Vec::new(), expires_at: None };
        match ports.records().write(vec![Write::Put(record, condition)]).await {
            Ok(()) => return Ok(()),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// All invocations of the stack that are stored.
///
/// # Errors
/// [`Error::Store`]
pub async fn stored_totals<P: Ports>(ports: &P) -> Result<Totals, Error> {
    let (stored, _) = read(ports, &keys::function_totals()).await?;
    let counters = stored.unwrap_or_default().counters;
    Ok(Totals { invocations: counters.invocations, failed: counters.failed })
}

impl<R: FunctionRuntime> Functions<R> {
    /// Counts an invocation that ran.
    pub(super) fn count(&self, function: &Function, id: &InvocationId, began: Timestamp, outcome: &Outcome) {
        let failed = outcome.result.as_ref().err();
        let counters = Counters {
            invocations: 1,
            failed: u64::from(failed.is_some()),
            last_invoked_at: Some(began),
            last_error: failed.map(|error| LastError {
                name: error.name.chars().take(100).collect(),
                message: error.message.chars().take(MESSAGE_CHARS).collect(),
                at: began,
            }),
        };
        let mut tally = lock(&self.shared.tally);
        match tally.functions.get_mut(&function.id) {
            Some(slot) => slot.add(id, function.created_at, &counters),
            None => tally.functions.entry(function.id.clone()).or_default().add(id, function.created_at, &counters),
        }
        let anonymous = Counters { last_error: None, ..counters };
        tally.all.add(id, Timestamp::default(), &anonymous);
    }

    /// Stores counts when those stored last are old enough.
    pub(super) async fn flush_when_due<P: Ports>(&self, ports: &P, every: Duration) {
        let now = ports.clock().now();
        let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
        {
            let mut tally = lock(&self.shared.tally);
            if tally.flushed_at.is_some_and(|at| now < at.plus_millis(every)) {
                return;
            }
            tally.flushed_at = Some(now);
        }
        if let Err(error) = self.flush(ports).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "counts of invocations could not be stored; they are kept for the next time");
        }
    }

    /// Stores all counts. One caller at a time.
    ///
    /// # Errors
    /// The first problem; what could not be stored is kept for the next time.
    pub async fn flush<P: Ports>(&self, ports: &P) -> Result<(), Error> {
        let (portions, all) = {
            let mut tally = lock(&self.shared.tally);
            tally.functions.retain(|_, slot| !slot.is_empty());
            let close = |(id, slot): (&FunctionId, &mut Slot)| slot.close().map(|portion| (id.clone(), portion));
            let portions: Vec<_> = tally.functions.iter_mut().filter_map(close).collect();
            (portions, tally.all.close())
        };
        let mut problem = None;
        for (id, portion) in portions {
            match self.store_counters(ports, &id, &portion).await {
                Ok(()) => {
                    if let Some(slot) = lock(&self.shared.tally).functions.get_mut(&id) {
                        slot.stored(&portion);
                    }
                }
                Err(error) => drop(problem.get_or_insert(error)),
            }
        }
        if let Some(portion) = all {
            match add(ports, keys::function_totals(), &portion).await {
                Ok(()) => lock(&self.shared.tally).all.stored(&portion),
                Err(error) => drop(problem.get_or_insert(error)),
            }
        }
        problem.map_or(Ok(()), Err)
    }

    async fn store_counters<P: Ports>(&self, ports: &P, id: &FunctionId, portion: &Portion) -> Result<(), Error> {
        let function = store::find(ports, id).await?.map(|stored| stored.value);
        // What was deleted meanwhile needs no counts, and none must be left of it.
        if function.is_none_or(|function| function.deleting || function.created_at != portion.made) {
            return Ok(());
        }
        add(ports, keys::function_counters(id), portion).await
    }

    /// A function's counts: what is stored, and what this process has not stored.
    pub(super) async fn counters<P: Ports>(&self, ports: &P, function: &Function) -> Result<Counters, Error> {
        let (stored, _) = read(ports, &keys::function_counters(&function.id)).await?;
        let tally = lock(&self.shared.tally);
        let none = Slot::default();
        let slot = tally.functions.get(&function.id).unwrap_or(&none);
        Ok(slot.on_top_of(stored, function.created_at))
    }

    /// All invocations of the stack: what is stored, and what this process has not stored.
    ///
    /// # Errors
    /// [`Error::Store`]
    pub async fn totals<P: Ports>(&self, ports: &P) -> Result<Totals, Error> {
        let (stored, _) = read(ports, &keys::function_totals()).await?;
        let counters = lock(&self.shared.tally).all.on_top_of(stored, Timestamp::default());
        Ok(Totals { invocations: counters.invocations, failed: counters.failed })
    }
}

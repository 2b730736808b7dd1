//! Looking after gates at which somebody waits: a message may have been lost.

use millrace_asl::Timestamp;

use super::admit;
use super::store::{self, StoredGate};
use crate::error::Error;
use crate::executions::{GRACE_MILLIS, Patience};
use crate::keys;
use crate::ports::{Index, Order, Ports, Query, RecordStore, StoreError};

/// Sends for those who wait at gates that are due.
pub(crate) async fn sweep<P: Ports>(ports: &P, now: Timestamp, patience: Patience) -> Result<(), Error> {
    let mut problem = None;
    let mut cursor = None;
    loop {
        let query = Query {
            index: Some(Index::Due),
            partition: keys::DUE_LIMITS.to_owned(),
            sort_prefix: String::new(),
            sort_to: (patience == Patience::Grace).then(|| keys::due_to(now)),
            order: Order::Ascending,
            limit: 100,
            cursor: cursor.take(),
        };
        let page = ports.records().query(&query).await?;
        for found in page.items {
            let looked = match StoredGate::from_record(found) {
                Ok(listed) => look_after(ports, &listed, now).await,
                Err(error) => Err(error),
            };
            if let Err(error) = looked {
                tracing::warn!(error = %error, "a limit could not be looked after");
                problem.get_or_insert(error);
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return problem.map_or(Ok(()), Err);
        }
    }
}

async fn look_after<P: Ports>(ports: &P, listed: &StoredGate, now: Timestamp) -> Result<(), Error> {
    let name = listed.name();
    // The index may be behind.
    let mut stored = store::load(ports, &name).await?;
    if stored.due.is_none() {
        return Ok(());
    }
    let is_empty = store::waiters(ports, &name, 1).await?.is_empty();
    stored.due = (!is_empty).then(|| now.plus_millis(GRACE_MILLIS));
    match ports.records().write(vec![stored.write()?]).await {
        // Somebody is at work here.
        Err(StoreError::Conflict) => {}
        written => written?,
    }
    if is_empty {
        return Ok(());
    }
    admit::send(ports, name, None, true).await
}

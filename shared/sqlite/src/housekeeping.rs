//! Removing what has expired.

use millrace_app::Timestamp;
use millrace_app::ports::StoreResult;
use rusqlite::Connection;

use crate::database::{Database, JobResult};

/// So many rows go in one transaction, so that others need not wait long.
const STEP: usize = 500;

/// How much a run of the housekeeping removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Records.
    pub records: u64,
    /// Entries of executions' logs.
    pub log_entries: u64,
    /// Counters of fan-outs.
    pub joins: u64,
}

/// Removes what expired before `now`, step by step.
pub(crate) async fn run(database: &Database, now: Timestamp) -> StoreResult<Removed> {
    let steps = [
        "DELETE FROM record WHERE (pk, sk) IN \
         (SELECT pk, sk FROM record WHERE expires_at <= ?1 LIMIT ?2)",
        "DELETE FROM log_entry WHERE (scope, child, seq) IN \
         (SELECT scope, child, seq FROM log_entry WHERE expires_at <= ?1 LIMIT ?2)",
    ];
    let mut counts = [0; 2];
    for (sql, count) in steps.into_iter().zip(&mut counts) {
        loop {
            let removed = database.write("remove what has expired", move |it| remove(it, sql, now)).await?;
            *count += removed;
            if removed < STEP as u64 {
                break;
            }
        }
    }
    let joins = database.write("remove what has expired", move |connection| remove_joins(connection, now)).await?;
    let [records, log_entries] = counts;
    Ok(Removed { records, log_entries, joins })
}

fn remove(connection: &Connection, sql: &str, now: Timestamp) -> JobResult<u64> {
    let limit = i64::try_from(STEP).unwrap_or(i64::MAX);
    Ok(connection.prepare_cached(sql)?.execute([now.millis(), limit])? as u64)
}

/// A counter and what it counted go together.
fn remove_joins(connection: &Connection, now: Timestamp) -> JobResult<u64> {
    let sql = "DELETE FROM join_child WHERE scope IN (SELECT scope FROM join_count WHERE expires_at <= ?1)";
    connection.prepare_cached(sql)?.execute([now.millis()])?;
    let sql = "DELETE FROM join_count WHERE expires_at <= ?1";
    Ok(connection.prepare_cached(sql)?.execute([now.millis()])? as u64)
}

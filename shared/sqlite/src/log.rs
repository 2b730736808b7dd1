//! The executions' logs: a conditional append is an insert under a primary key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millrace_app::Timestamp;
use millrace_app::executions::{JoinArm, LogEntry, LogId};
use millrace_app::ports::{ExecutionLog, StoreError, StoreResult};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::changes::Feed;
use crate::database::{Database, JobResult, Urgency};

/// The executions' logs.
#[derive(Clone)]
pub struct SqliteLog {
    database: Arc<Database>,
    watched: Arc<Watched>,
    feed: Arc<Feed>,
}

/// The logs for whose next entry somebody waits.
#[derive(Default)]
struct Watched(Mutex<HashMap<LogId, watch::Sender<Option<LogEntry>>>>);

impl Watched {
    fn logs(&self) -> MutexGuard<'_, HashMap<LogId, watch::Sender<Option<LogEntry>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, log: &LogId) -> watch::Receiver<Option<LogEntry>> {
        self.logs().entry(log.clone()).or_insert_with(|| watch::channel(None).0).subscribe()
    }

    /// Tells who waits. Logs that nobody waits for any more are forgotten.
    fn tell(&self, entry: LogEntry) {
        let mut logs = self.logs();
        if logs.is_empty() {
            return;
        }
        if let Some(sender) = logs.get(&entry.log) {
            if sender.receiver_count() == 0 {
                logs.remove(&entry.log);
                return;
            }
            sender.send_if_modified(|newest| {
                let is_newer = newest.as_ref().is_none_or(|newest| newest.seq < entry.seq);
                if is_newer {
                    *newest = Some(entry);
                }
                is_newer
            });
        }
    }

    /// Somebody no longer waits.
    fn leave(&self, log: &LogId) {
        let mut logs = self.logs();
        if logs.get(log).is_some_and(|sender| sender.receiver_count() == 0) {
            logs.remove(log);
        }
    }
}

impl SqliteLog {
    pub(crate) fn new(database: Arc<Database>, feed: Arc<Feed>) -> Self {
        Self { database, watched: Arc::default(), feed }
    }
}

impl ExecutionLog for SqliteLog {
    async fn append(&self, entry: &LogEntry, join: Option<&JoinArm>) -> StoreResult<bool> {
        let entry = entry.clone();
        let join = join.map(|arm| fanout_of(arm).map(|place| (place, arm.total))).transpose()?;
        let (operation, log) = ("append to a log", entry.log.clone());
        let entry = match join {
            // An insert alone changes nothing where it fails.
            None => {
                let insert = move |connection: &Connection| insert(connection, &entry).map(|()| entry);
                self.database.write_at_once(Urgency::Prompt, operation, insert).await?
            }
            Some((place, total)) => {
                let count = move |connection: &Connection| {
                    insert(connection, &entry)?;
                    Ok((count(connection, &place, total, entry.expires_at)?, entry))
                };
                let (joined, entry) = self.database.write(operation, count).await?;
                self.watched.tell(entry);
                self.feed.log_grew(&log);
                return Ok(joined);
            }
        };
        self.watched.tell(entry);
        self.feed.log_grew(&log);
        Ok(false)
    }

    async fn appended(&self, log: &LogId, after: u64, wait: Duration) -> StoreResult<Option<LogEntry>> {
        let mut listening = self.watched.listen(log);
        let newest = self.latest(log).await?.filter(|entry| entry.seq > after);
        let answer = match newest {
            Some(entry) => Some(entry),
            None => {
                let is_newer = |entry: &Option<LogEntry>| entry.as_ref().is_some_and(|entry| entry.seq > after);
                let told = timeout(wait, listening.wait_for(is_newer)).await;
                told.ok().and_then(|told| told.ok()?.clone())
            }
        };
        drop(listening);
        self.watched.leave(log);
        Ok(answer)
    }

    async fn joined(&self, arm: &JoinArm) -> StoreResult<bool> {
        let (place, total) = (fanout_of(arm)?, arm.total);
        self.database
            .read("count a fan-out", move |connection| {
                let sql = "SELECT counted FROM join_count WHERE scope = ?1";
                let counted: Option<u32> =
                    connection.prepare_cached(sql)?.query_row([&place.scope], |row| row.get(0)).optional()?;
                Ok(counted.unwrap_or_default() >= total)
            })
            .await
    }

    async fn latest(&self, log: &LogId) -> StoreResult<Option<LogEntry>> {
        let log = log.clone();
        self.database
            .read("read a log's end", move |connection| {
                let place = Place::of(&log);
                let sql = "SELECT seq, at, expires_at, body FROM log_entry WHERE scope = ?1 AND child = ?2 \
                           ORDER BY seq DESC LIMIT 1";
                let mut query = connection.prepare_cached(sql)?;
                Ok(query.query_row(params![place.scope, place.child], |row| entry(&log, row)).optional()?)
            })
            .await
    }

    async fn entries(&self, log: &LogId, from: u64, limit: usize) -> StoreResult<Vec<LogEntry>> {
        let log = log.clone();
        self.database
            .read("read a log", move |connection| {
                let place = Place::of(&log);
                // No log is as long as SQLite's largest number: nothing lies beyond it.
                let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
                let limit = i64::try_from(limit).unwrap_or(i64::MAX);
                let sql = "SELECT seq, at, expires_at, body FROM log_entry WHERE scope = ?1 AND child = ?2 \
                           AND seq >= ?3 ORDER BY seq LIMIT ?4";
                let mut query = connection.prepare_cached(sql)?;
                let rows = query.query_map(params![place.scope, place.child, from, limit], |row| entry(&log, row))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn children(&self, parent: &LogId, fanout: u32, from: u32, to: u32) -> StoreResult<Vec<LogEntry>> {
        let parent = parent.clone();
        self.database
            .read("read a fan-out's children", move |connection| {
                let scope = Place::of(&parent.child(fanout, 0)).scope;
                let sql = "SELECT e.seq, e.at, e.expires_at, e.body, e.child FROM \
                           (SELECT child, max(seq) AS seq FROM log_entry \
                            WHERE scope = ?1 AND child >= ?2 AND child < ?3 GROUP BY child) AS newest \
                           JOIN log_entry AS e ON e.scope = ?1 AND e.child = newest.child AND e.seq = newest.seq \
                           ORDER BY e.child";
                let mut query = connection.prepare_cached(sql)?;
                let rows =
                    query.query_map(params![scope, from, to], |row| entry(&parent.child(fanout, row.get(4)?), row))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}

/// Where a log's entries lie.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    scope: String,
    child: u32,
}

impl Place {
    fn of(log: &LogId) -> Self {
        log.parent().map_or_else(
            || Self { scope: log.to_string(), child: 0 },
            |(parent, step)| Self { scope: format!("{parent}/{}", step.fanout), child: step.index },
        )
    }
}

fn fanout_of(arm: &JoinArm) -> StoreResult<Place> {
    if arm.child.path.is_empty() {
        return Err(StoreError::corrupt(format!("the join of {}", arm.child), "it names no child of a fan-out"));
    }
    Ok(Place::of(&arm.child))
}

fn insert(connection: &Connection, entry: &LogEntry) -> JobResult<()> {
    let place = Place::of(&entry.log);
    let sql = "INSERT INTO log_entry(scope, child, seq, at, expires_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT DO NOTHING";
    let expires_at = entry.expires_at.map(Timestamp::millis);
    let inserted = connection.prepare_cached(sql)?.execute(params![
        place.scope,
        place.child,
        entry.seq,
        entry.at.millis(),
        expires_at,
        entry.body
    ])?;
    if inserted == 0 { Err(StoreError::Conflict.into()) } else { Ok(()) }
}

/// Counts a child once. Is the fan-out complete now?
fn count(connection: &Connection, place: &Place, total: u32, expires_at: Option<Timestamp>) -> JobResult<bool> {
    let sql = "INSERT INTO join_child(scope, child) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    let fresh = connection.prepare_cached(sql)?.execute(params![place.scope, place.child])?;
    let sql = "INSERT INTO join_count(scope, counted, expires_at) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET \
               counted = counted + excluded.counted, expires_at = max(expires_at, excluded.expires_at) \
               RETURNING counted";
    let counted: u32 = connection
        .prepare_cached(sql)?
        .query_row(params![place.scope, fresh, expires_at.map(Timestamp::millis)], |row| row.get(0))?;
    Ok(counted >= total)
}

fn entry(log: &LogId, row: &Row<'_>) -> rusqlite::Result<LogEntry> {
    Ok(LogEntry {
        log: log.clone(),
        seq: row.get(0)?,
        at: Timestamp::from_millis(row.get(1)?),
        expires_at: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_millis),
        body: row.get(3)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_app::ids::ExecutionId;

    #[test]
    fn children_of_one_fanout_lie_together() {
        let root = LogId::root(ExecutionId::derived("x"));
        assert_eq!(Place::of(&root), Place { scope: root.to_string(), child: 0 });
        assert_eq!(Place::of(&root.child(1, 7)), Place { scope: format!("{root}/1"), child: 7 });
        assert_eq!(Place::of(&root.child(1, 7).child(0, 2)), Place { scope: format!("{root}/1.7/0"), child: 2 });
    }
}

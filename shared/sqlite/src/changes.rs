//! The feed of changes: noted down with the writes that make them, and told of to listeners in the process.
//!
//! Where nobody ever read the feed nothing is noted down, and where nobody listens nothing is told: then a write costs a
//! look at two flags more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use millrace_app::Timestamp;
use millrace_app::changes::{Change, Moved, NOTIFIED, READERS, matches};
use millrace_app::executions::LogId;
use millrace_app::ports::{RecordKey, StoreError, StoreResult, Write};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tokio::sync::{Notify, broadcast};
use tokio::time::timeout;

use crate::cursor;
use crate::database::{Database, JobResult};

/// A listener that is so far behind misses what it did not take.
const LISTENERS_BEHIND: usize = 1_024;
const MOST: usize = 1_000;

/// What the writers of records and logs say of changes.
pub(crate) struct Feed {
    /// Is or was there a reader? Never taken back while the store is open.
    is_read: AtomicBool,
    noted: Notify,
    /// Whether somebody listens, so that nobody locks for nothing.
    listened: AtomicBool,
    moved: Mutex<broadcast::Sender<Moved>>,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            is_read: AtomicBool::new(false),
            noted: Notify::new(),
            listened: AtomicBool::new(false),
            moved: Mutex::new(broadcast::channel(LISTENERS_BEHIND).0),
        }
    }
}

impl Feed {
    /// Finds out whether the store has readers from before.
    pub(crate) fn recover(&self, connection: &Connection) -> rusqlite::Result<()> {
        let end = cursor::after_prefix(READERS).unwrap_or_default();
        let sql = "SELECT EXISTS (SELECT 1 FROM record WHERE pk >= ?1 AND pk < ?2) OR EXISTS (SELECT 1 FROM change)";
        let is_read: bool = connection.query_row(sql, params![READERS, end], |row| row.get(0))?;
        self.is_read.store(is_read, Ordering::Relaxed);
        Ok(())
    }

    /// What listeners are to hear once the writes are made. Empty where nobody listens.
    pub(crate) fn moved_by(&self, writes: &[Write]) -> Vec<Moved> {
        if !self.listened.load(Ordering::Relaxed) {
            return Vec::new();
        }
        writes.iter().filter_map(|write| Moved::of(key_of(write))).collect()
    }

    /// A log has grown.
    pub(crate) fn log_grew(&self, log: &LogId) {
        if self.listened.load(Ordering::Relaxed) {
            self.tell([Moved::of_log(log)]);
        }
    }

    /// Tells whoever listens.
    pub(crate) fn tell(&self, moved: impl IntoIterator<Item = Moved>) {
        let mut moved = moved.into_iter().peekable();
        if moved.peek().is_none() {
            return;
        }
        let sender = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        if sender.receiver_count() == 0 {
            self.listened.store(false, Ordering::Relaxed);
        }
        for moved in moved {
            let _nobody = sender.send(moved);
        }
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Moved> {
        let sender = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        self.listened.store(true, Ordering::Relaxed);
        sender.subscribe()
    }

    /// Before a write in its transaction: the body of the record that it is about to change, if the change is to be noted.
    pub(crate) fn before(&self, connection: &Connection, write: &Write, now: i64) -> JobResult<Option<Before>> {
        let key = key_of(write);
        if !self.is_read.load(Ordering::Relaxed) {
            if key.partition.starts_with(READERS) && matches!(write, Write::Put(..)) {
                self.is_read.store(true, Ordering::Relaxed);
            }
            return Ok(None);
        }
        if !matches(NOTIFIED, key) {
            return Ok(None);
        }
        let sql = "SELECT body FROM record WHERE pk = ?1 AND sk = ?2 AND (expires_at IS NULL OR expires_at > ?3)";
        let mut query = connection.prepare_cached(sql)?;
        Ok(Some(Before(query.query_row(params![key.partition, key.sort, now], |row| row.get(0)).optional()?)))
    }

    /// After the write: notes the change down. True when there was one.
    pub(crate) fn after(connection: &Connection, write: &Write, before: Before, now: i64) -> JobResult<bool> {
        let (key, new) = match write {
            Write::Put(record, _) => (&record.key, Some(record.body.to_string())),
            Write::Delete(key, _) => (key, None),
        };
        if before.0 == new {
            return Ok(false);
        }
        let sql = "INSERT INTO change(pk, sk, at, old, new) VALUES (?1, ?2, ?3, ?4, ?5)";
        connection.prepare_cached(sql)?.execute(params![key.partition, key.sort, now, before.0, new])?;
        Ok(true)
    }

    /// Changes were noted down, and are on the disk.
    pub(crate) fn noted(&self) {
        self.noted.notify_one();
    }

    /// Waits until changes are noted down, not longer than `patience`.
    pub(crate) async fn wait(&self, patience: Duration) {
        let _longer = timeout(patience, self.noted.notified()).await;
    }
}

/// The body of a record before a change.
pub(crate) struct Before(Option<String>);

const fn key_of(write: &Write) -> &RecordKey {
    match write {
        Write::Put(record, _) => &record.key,
        Write::Delete(key, _) => key,
    }
}

/// A row, its bodies not parsed yet.
struct Noted {
    id: i64,
    key: RecordKey,
    at: i64,
    old: Option<String>,
    new: Option<String>,
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Noted> {
    let key = RecordKey { partition: row.get(1)?, sort: row.get(2)? };
    Ok(Noted { id: row.get(0)?, key, at: row.get(3)?, old: row.get(4)?, new: row.get(5)? })
}

/// [`millrace_app::changes::ChangeFeed::changes`]
pub(crate) async fn read(database: &Database, limit: usize) -> StoreResult<Vec<Change>> {
    let limit = i64::try_from(limit.clamp(1, MOST)).unwrap_or(1);
    let rows = database
        .read("read changes", move |connection| {
            let sql = "SELECT id, pk, sk, at, old, new FROM change ORDER BY id LIMIT ?1";
            let mut query = connection.prepare_cached(sql)?;
            let rows = query.query_map([limit], read_row)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
        .await?;
    let parse = |body: Option<String>, id: i64| {
        let body = body.map(|body| serde_json::from_str(&body)).transpose();
        body.map_err(|error| StoreError::corrupt(format!("change {id}"), error))
    };
    rows.into_iter()
        .map(|Noted { id, key, at, old, new }| {
            let (old, new) = (parse(old, id)?, parse(new, id)?);
            Ok(Change { id: id.to_string(), key, old, new, at: Timestamp::from_millis(at) })
        })
        .collect()
}

/// [`millrace_app::changes::ChangeFeed::forget_changes`]
pub(crate) async fn forget(database: &Database, up_to: &str) -> StoreResult<()> {
    let id: i64 = up_to.parse().map_err(|error| StoreError::corrupt("the id of a change", error))?;
    database
        .write("forget changes", move |connection| {
            connection.prepare_cached("DELETE FROM change WHERE id <= ?1")?.execute([id])?;
            Ok(())
        })
        .await
}

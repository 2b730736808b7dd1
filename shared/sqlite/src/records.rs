//! Records: one row each, with its places in the secondary indexes beside it.

use std::collections::HashSet;
use std::sync::Arc;

use millrace_app::Timestamp;
use millrace_app::ports::{
    Clock as _, Condition, Index, Listing, Order, Page, Query, Record, RecordKey, RecordStore, StoreError, StoreResult,
    Write,
};
use rusqlite::types::{FromSqlError, ToSql};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::Value;

use crate::changes::Feed;
use crate::clock::LocalClock;
use crate::cursor;
use crate::database::{Database, JobResult};

/// As many writes as a DynamoDB transaction takes.
const MAX_WRITES: usize = 100;
const MAX_PAGE: usize = 1_000;
const COLUMNS: &str = "pk, sk, version, expires_at, owner_pk, owner_sk, status_pk, status_sk, due_pk, due_sk, body";

/// Records with conditional writes and listings. An expired record is as good as gone before it is removed.
#[derive(Clone)]
pub struct SqliteRecords {
    pub(crate) database: Arc<Database>,
    pub(crate) clock: LocalClock,
    pub(crate) feed: Arc<Feed>,
}

impl RecordStore for SqliteRecords {
    async fn get(&self, key: &RecordKey) -> StoreResult<Option<Record>> {
        let (key, now) = (key.clone(), self.clock.now().millis());
        let row = self
            .database
            .read("read a record", move |connection| {
                let sql = format!("SELECT {COLUMNS} FROM record WHERE pk = ?1 AND sk = ?2 AND {}", alive("?3"));
                let mut query = connection.prepare_cached(&sql)?;
                Ok(query.query_row(params![key.partition, key.sort, now], read_row).optional()?)
            })
            .await?;
        row.map(Stored::into_record).transpose()
    }

    async fn write(&self, writes: Vec<Write>) -> StoreResult<()> {
        check(&writes)?;
        let now = self.clock.now().millis();
        let (moved, feed) = (self.feed.moved_by(&writes), Arc::clone(&self.feed));
        let noted = self
            .database
            .write("write records", move |connection| {
                let mut noted = false;
                for write in &writes {
                    let before = feed.before(connection, write, now)?;
                    match write {
                        Write::Put(record, condition) => put(connection, record, *condition, now)?,
                        Write::Delete(key, condition) => delete(connection, key, *condition, now)?,
                    }
                    if let Some(before) = before {
                        noted |= Feed::after(connection, write, before, now)?;
                    }
                }
                Ok(noted)
            })
            .await?;
        if noted {
            self.feed.noted();
        }
        self.feed.tell(moved);
        Ok(())
    }

    async fn query(&self, query: &Query) -> StoreResult<Page<Record>> {
        let (query, now) = (query.clone(), self.clock.now().millis());
        let limit = query.limit.clamp(1, MAX_PAGE);
        let after = query.cursor.as_deref().map(|text| cursor::open::<3>(&binding(&query), text)).transpose()?;
        let (mut rows, query) = self
            .database
            .read("query records", move |connection| {
                Ok((select(connection, &query, after.as_ref(), limit + 1, now)?, query))
            })
            .await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| {
            let sort = match query.index {
                Some(index) => last.listings.iter().find(|listing| listing.index == index).map(|at| at.sort.as_str()),
                None => None,
            };
            cursor::seal(&binding(&query), [sort.unwrap_or(&last.key.sort), &last.key.partition, &last.key.sort])
        });
        Ok(Page { items: rows.into_iter().map(Stored::into_record).collect::<Result<_, _>>()?, next })
    }
}

/// Only rows that have not expired at the time of this parameter.
fn alive(now: &str) -> String {
    format!("(expires_at IS NULL OR expires_at > {now})")
}

/// The columns that an index sorts by: partition and sort key.
const fn columns(index: Option<Index>) -> (&'static str, &'static str) {
    match index {
        None => ("pk", "sk"),
        Some(Index::Owner) => ("owner_pk", "owner_sk"),
        Some(Index::Status) => ("status_pk", "status_sk"),
        Some(Index::Due) => ("due_pk", "due_sk"),
    }
}

/// What a cursor is bound to. Not `sort_to` and `limit`: a sweep over what is due moves its end while it reads.
fn binding(query: &Query) -> [&str; 4] {
    let order = match query.order {
        Order::Ascending => "ascending",
        Order::Descending => "descending",
    };
    [columns(query.index).0, &query.partition, &query.sort_prefix, order]
}

/// Rows of one page, in order.
fn select(
    connection: &Connection,
    query: &Query,
    after: Option<&[String; 3]>,
    limit: usize,
    now: i64,
) -> JobResult<Vec<Stored>> {
    let (partition, sort) = columns(query.index);
    let (compare, direction) = match query.order {
        Order::Ascending => (">", "ASC"),
        Order::Descending => ("<", "DESC"),
    };
    let mut sql = format!("SELECT {COLUMNS} FROM record WHERE {partition} = ? AND {sort} >= ?");
    let end = cursor::after_prefix(&query.sort_prefix);
    let mut values: Vec<&dyn ToSql> = vec![&query.partition, &query.sort_prefix];
    if let Some(end) = &end {
        sql.push_str(&format!(" AND {sort} < ?"));
        values.push(end);
    }
    if let Some(last) = &query.sort_to {
        sql.push_str(&format!(" AND {sort} <= ?"));
        values.push(last);
    }
    if let Some([at, pk, sk]) = after {
        sql.push_str(&format!(" AND ({sort}, pk, sk) {compare} (?, ?, ?)"));
        values.extend([at as &dyn ToSql, pk, sk]);
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let order = match query.index {
        None => format!("sk {direction}"),
        Some(_) => format!("{sort} {direction}, pk {direction}, sk {direction}"),
    };
    sql.push_str(&format!(" AND {} ORDER BY {order} LIMIT ?", alive("?")));
    values.extend([&now as &dyn ToSql, &limit]);
    let mut query = connection.prepare_cached(&sql)?;
    let rows = query.query_map(values.as_slice(), read_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Refuses what the port's contract excludes.
fn check(writes: &[Write]) -> StoreResult<()> {
    if writes.len() > MAX_WRITES {
        return Err(StoreError::TooLarge { what: "a transaction", size: writes.len(), limit: MAX_WRITES });
    }
    let mut keys = HashSet::new();
    for write in writes {
        let key = match write {
            Write::Put(record, _) => &record.key,
            Write::Delete(key, _) => key,
        };
        let wrong = |why| Err(StoreError::corrupt(format!("the write of {}/{}", key.partition, key.sort), why));
        if !keys.insert(key) {
            return wrong("a transaction writes a record once");
        }
        if let Write::Put(record, _) = write {
            if !record.body.is_object() {
                return wrong("a record's body is a JSON object");
            }
            let indexes: HashSet<Index> = record.listings.iter().map(|listing| listing.index).collect();
            if indexes.len() != record.listings.len() {
                return wrong("a record has one place in an index");
            }
        }
    }
    Ok(())
}

fn put(connection: &Connection, record: &Record, condition: Condition, now: i64) -> JobResult<()> {
    let place = |index| record.listings.iter().find(move |listing| listing.index == index);
    let (owner, status, due) = (place(Index::Owner), place(Index::Status), place(Index::Due));
    let (version, sql) = match condition {
        Condition::Any => (record.version.saturating_add(1), UPSERT.to_owned()),
        Condition::Absent => (1, format!("{UPSERT} WHERE NOT (expires_at IS NULL OR expires_at > ?12)")),
        Condition::Version(version) => (version.saturating_add(1), UPDATE.to_owned()),
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let body = record.body.to_string();
    let expires_at = record.expires_at.map(Timestamp::millis);
    let values: [&dyn ToSql; 12] = [
        &record.key.partition,
        &record.key.sort,
        &version,
        &expires_at,
        &owner.map(|place| &place.partition),
        &owner.map(|place| &place.sort),
        &status.map(|place| &place.partition),
        &status.map(|place| &place.sort),
        &due.map(|place| &place.partition),
        &due.map(|place| &place.sort),
        &body,
        &now,
    ];
    let used = if condition == Condition::Any { values.get(..11).unwrap_or_default() } else { &values };
    if statement.execute(used)? == 0 { Err(StoreError::Conflict.into()) } else { Ok(()) }
}

const UPSERT: &str = "INSERT INTO record(pk, sk, version, expires_at, owner_pk, owner_sk, status_pk, status_sk, due_pk, \
     due_sk, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO UPDATE SET version = ?3, \
     expires_at = ?4, owner_pk = ?5, owner_sk = ?6, status_pk = ?7, status_sk = ?8, due_pk = ?9, due_sk = ?10, \
     body = ?11";

const UPDATE: &str = "UPDATE record SET version = ?3, expires_at = ?4, owner_pk = ?5, owner_sk = ?6, status_pk = ?7, \
     status_sk = ?8, due_pk = ?9, due_sk = ?10, body = ?11 WHERE pk = ?1 AND sk = ?2 AND version = ?3 - 1 \
     AND (expires_at IS NULL OR expires_at > ?12)";

fn delete(connection: &Connection, key: &RecordKey, condition: Condition, now: i64) -> JobResult<()> {
    let sql = format!("SELECT version FROM record WHERE pk = ?1 AND sk = ?2 AND {}", alive("?3"));
    let mut query = connection.prepare_cached(&sql)?;
    let stored: Option<u64> = query.query_row(params![key.partition, key.sort, now], |row| row.get(0)).optional()?;
    let holds = match condition {
        Condition::Any => true,
        Condition::Absent => stored.is_none(),
        Condition::Version(version) => stored == Some(version),
    };
    if !holds {
        return Err(StoreError::Conflict.into());
    }
    let sql = "DELETE FROM record WHERE pk = ?1 AND sk = ?2";
    connection.prepare_cached(sql)?.execute(params![key.partition, key.sort])?;
    Ok(())
}

/// A row, its body not parsed yet: parsing is left to the caller's thread.
struct Stored {
    key: RecordKey,
    version: u64,
    expires_at: Option<Timestamp>,
    listings: Vec<Listing>,
    body: String,
}

impl Stored {
    fn into_record(self) -> StoreResult<Record> {
        let corrupt = |source| StoreError::corrupt(format!("record {}/{}", self.key.partition, self.key.sort), source);
        let body: Value = serde_json::from_str(&self.body).map_err(corrupt)?;
        Ok(Record { key: self.key, version: self.version, body, listings: self.listings, expires_at: self.expires_at })
    }
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let mut listings = Vec::new();
    for (index, column) in [(Index::Owner, 4), (Index::Status, 6), (Index::Due, 8)] {
        if let (Some(partition), Some(sort)) = (row.get(column)?, row.get(column + 1)?) {
            listings.push(Listing { index, partition, sort });
        }
    }
    Ok(Stored {
        key: RecordKey { partition: row.get(0)?, sort: row.get(1)? },
        version: u64::try_from(row.get::<_, i64>(2)?).map_err(|_| FromSqlError::OutOfRange(0))?,
        expires_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_millis),
        listings,
        body: row.get(10)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqlitePorts;
    use millrace_app::ports::Ports as _;
    use serde_json::json;

    fn record(sort: &str, body: Value) -> Record {
        let key = RecordKey { partition: "P".into(), sort: sort.into() };
        Record { key, version: 0, body, listings: Vec::new(), expires_at: None }
    }

    #[tokio::test]
    async fn what_the_contract_excludes_is_refused() {
        let ports = SqlitePorts::in_memory().unwrap();
        let records = ports.records();
        let put = |sort: &str| Write::Put(record(sort, json!({})), Condition::Any);
        let many = (0..101).map(|number| put(&number.to_string())).collect();
        assert!(matches!(records.write(many).await, Err(StoreError::TooLarge { limit: 100, .. })));
        assert!(records.write(vec![put("a"), put("a")]).await.is_err());
        assert!(records.write(vec![Write::Put(record("a", json!([])), Condition::Any)]).await.is_err());
        let mut twice = record("a", json!({}));
        let listing = Listing { index: Index::Due, partition: "d".into(), sort: "1".into() };
        twice.listings = vec![listing.clone(), listing];
        assert!(records.write(vec![Write::Put(twice, Condition::Any)]).await.is_err());
        assert_eq!(records.get(&record("a", json!({})).key).await.unwrap(), None);
    }

    /// Every query must find its rows by an index: there is no scan.
    #[test]
    fn queries_use_their_index() {
        let connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&connection).unwrap();
        for (index, name) in [
            (None, "PRIMARY KEY"),
            (Some(Index::Owner), "record_owner"),
            (Some(Index::Status), "record_status"),
            (Some(Index::Due), "record_due"),
        ] {
            let (partition, sort) = columns(index);
            for direction in ["ASC", "DESC"] {
                let order = if index.is_none() { String::new() } else { format!(", pk {direction}, sk {direction}") };
                let sql = format!(
                    "EXPLAIN QUERY PLAN SELECT {COLUMNS} FROM record WHERE {partition} = ? AND {sort} >= ? AND {sort} < ? \
                     AND ({sort}, pk, sk) > (?, ?, ?) AND {} ORDER BY {sort} {direction}{order} LIMIT ?",
                    alive("?")
                );
                let mut statement = connection.prepare(&sql).unwrap();
                let plan: Vec<String> =
                    statement.query_map(["1"; 8], |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
                assert_eq!(plan.len(), 1, "no sorting: {plan:?}");
                assert!(plan[0].starts_with("SEARCH") && plan[0].contains(name), "{plan:?}");
            }
        }
    }
}

//! The tables and how they came about.
//!
//! `PRAGMA user_version` holds the number of migrations that were applied. A migration is never edited once released:
//! the next one is added.

use rusqlite::Connection;

use crate::open::OpenError;

/// Each brings the schema from the version that is its index to the next.
const MIGRATIONS: &[&str] = &[VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5];

const VERSION_1: &str = "
-- Entries of executions' logs. An execution's own log has its id as scope and 0 as child; the log of a child has
-- <parent's log>/<fan-out> and its index, so that the children of a fan-out lie together.
CREATE TABLE log_entry(
    scope TEXT NOT NULL, child INTEGER NOT NULL, seq INTEGER NOT NULL,
    at INTEGER NOT NULL, expires_at INTEGER, body TEXT NOT NULL,
    PRIMARY KEY (scope, child, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_entry_expiry ON log_entry(expires_at) WHERE expires_at IS NOT NULL;

-- The children of a fan-out that were counted, and how many they are.
CREATE TABLE join_child(
    scope TEXT NOT NULL, child INTEGER NOT NULL,
    PRIMARY KEY (scope, child)
) STRICT, WITHOUT ROWID;
CREATE TABLE join_count(
    scope TEXT PRIMARY KEY NOT NULL, counted INTEGER NOT NULL, expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX join_count_expiry ON join_count(expires_at) WHERE expires_at IS NOT NULL;

-- Records with their places in the secondary indexes.
CREATE TABLE record(
    pk TEXT NOT NULL, sk TEXT NOT NULL, version INTEGER NOT NULL, expires_at INTEGER,
    owner_pk TEXT, owner_sk TEXT, status_pk TEXT, status_sk TEXT, due_pk TEXT, due_sk TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (pk, sk)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_owner ON record(owner_pk, owner_sk, pk, sk) WHERE owner_pk IS NOT NULL;
CREATE INDEX record_status ON record(status_pk, status_sk, pk, sk) WHERE status_pk IS NOT NULL;
CREATE INDEX record_due ON record(due_pk, due_sk, pk, sk) WHERE due_pk IS NOT NULL;
CREATE INDEX record_expiry ON record(expires_at) WHERE expires_at IS NOT NULL;

-- Messages. `held`: received and not seen again yet. `attempt` counts the receives without ever starting anew.
-- `timer`: sent for later and not received yet; a repeated one is dropped by its name.
CREATE TABLE message(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue INTEGER NOT NULL, visible_at INTEGER NOT NULL, held INTEGER NOT NULL DEFAULT 0,
    receive_count INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0, timer INTEGER NOT NULL,
    name TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX message_visible ON message(queue, visible_at, held);
CREATE UNIQUE INDEX message_timer ON message(queue, name) WHERE timer = 1;

-- Blobs: the small ones here, the large ones in files of their own, of which this is the only directory.
CREATE TABLE blob(
    key TEXT PRIMARY KEY NOT NULL, size INTEGER NOT NULL, content_type TEXT NOT NULL, file TEXT, bytes BLOB
) STRICT;
";

const VERSION_2: &str = "
-- Messages are ordered and told apart in memory; the table is read when a store opens. `timer` is no longer used.
DROP INDEX message_timer;
DROP INDEX message_visible;
";

const VERSION_3: &str = "
-- Changes of records that readers of the feed have not forgotten yet. An id is never used again.
CREATE TABLE change(
    id INTEGER PRIMARY KEY AUTOINCREMENT, pk TEXT NOT NULL, sk TEXT NOT NULL, at INTEGER NOT NULL, old TEXT, new TEXT
) STRICT;
";

const VERSION_4: &str = "
-- When a message was sent, when it could be received for the first time, and when it was received first since it was sent
-- or redriven. 0: not known, or not yet.
ALTER TABLE message ADD COLUMN sent_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN first_received_at INTEGER NOT NULL DEFAULT 0;
";

/// Blobs from before have the time of the migration: nobody takes them for older than they are.
const VERSION_5: &str = "
ALTER TABLE blob ADD COLUMN modified_at INTEGER NOT NULL DEFAULT 0;
UPDATE blob SET modified_at = unixepoch() * 1000;
";

/// Brings the schema to this program's version.
pub(crate) fn migrate(connection: &Connection) -> Result<(), OpenError> {
    let found: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let Some(missing) = MIGRATIONS.get(found..) else {
        return Err(OpenError::NewerSchema { found, known: MIGRATIONS.len() });
    };
    for (step, sql) in missing.iter().enumerate() {
        let version = found + step + 1;
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {sql} PRAGMA user_version = {version}; COMMIT;"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrating_twice_changes_nothing_and_a_newer_schema_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection).unwrap();
        migrate(&connection).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(migrate(&connection), Err(OpenError::NewerSchema { found: 99, .. })));
    }
}

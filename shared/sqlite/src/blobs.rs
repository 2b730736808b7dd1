//! Blobs: small ones in the database, large ones in files that the database names.
//!
//! A large blob is written to a file of its own under a fresh name and brought to the disk before the row that names it
//! is committed: the row is the switch from the old bytes to the new. Files that no row names are left by crashes; they
//! are removed when the store is opened.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millrace_app::Timestamp;
use millrace_app::ports::{BlobInfo, BlobStore, Clock as _, Page, StoreError, StoreResult};
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::task::spawn_blocking;

use crate::clock::{LocalClock, random};
use crate::cursor;
use crate::database::{Database, JobResult};
use crate::downloads::DownloadKey;
use crate::files;

/// Blobs up to this size are cheaper to keep in the database: they share its commit.
const INLINE: usize = 32 * 1024;
const MAX_PAGE: usize = 1_000;

/// Artifacts and large values.
#[derive(Clone)]
pub struct SqliteBlobs {
    pub(crate) database: Arc<Database>,
    pub(crate) clock: LocalClock,
    pub(crate) downloads: DownloadKey,
    /// Where large blobs lie; `None` keeps all in the database.
    pub(crate) folder: Option<Arc<PathBuf>>,
}

/// A blob with what a web server says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The media type that it was stored with.
    pub content_type: String,
}

struct Stored {
    content_type: String,
    file: Option<String>,
    bytes: Vec<u8>,
}

impl SqliteBlobs {
    /// Reads a blob with its media type.
    pub(crate) async fn artifact(&self, key: &str) -> StoreResult<Option<Artifact>> {
        // A file that is gone was replaced between the two reads: the row names another one now.
        let mut tries = 3_u8;
        loop {
            let Some(row) = self.row(key).await? else { return Ok(None) };
            let content_type = row.content_type;
            let (Some(file), Some(folder)) = (row.file, self.folder.clone()) else {
                return Ok(Some(Artifact { bytes: row.bytes, content_type }));
            };
            match blocking("read a blob", move || std::fs::read(place(&folder, &file))).await? {
                Ok(bytes) => return Ok(Some(Artifact { bytes, content_type })),
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries > 1 => tries -= 1,
                Err(error) => return Err(StoreError::corrupt(format!("blob {key}"), error)),
            }
        }
    }

    async fn row(&self, key: &str) -> StoreResult<Option<Stored>> {
        let key = key.to_owned();
        self.database
            .read("read a blob", move |connection| {
                let sql = "SELECT content_type, file, bytes FROM blob WHERE key = ?1";
                let mut query = connection.prepare_cached(sql)?;
                let row = query.query_row([key], |row| {
                    let bytes: Option<Vec<u8>> = row.get(2)?;
                    Ok(Stored { content_type: row.get(0)?, file: row.get(1)?, bytes: bytes.unwrap_or_default() })
                });
                Ok(row.optional()?)
            })
            .await
    }

    /// Removes a file that no row names any more. When that fails it is left for the next start.
    async fn discard(&self, file: Option<String>) -> StoreResult<()> {
        let (Some(file), Some(folder)) = (file, self.folder.clone()) else { return Ok(()) };
        if let Err(error) = blocking("remove a blob", move || std::fs::remove_file(place(&folder, &file))).await? {
            tracing::warn!(%error, "the file of a removed blob stays until the next start");
        }
        Ok(())
    }
}

impl BlobStore for SqliteBlobs {
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> StoreResult<()> {
        check(key)?;
        let (key, content_type, size) = (key.to_owned(), content_type.to_owned(), bytes.len());
        let now = self.clock.now().millis();
        let (file, bytes) = match self.folder.clone().filter(|_| bytes.len() > INLINE) {
            None => (None, Some(bytes)),
            Some(folder) => {
                let written = blocking("write a blob", move || {
                    let file = fresh_name()?;
                    let path = place(&folder, &file);
                    path.parent().map_or(Ok(()), files::create_folder)?;
                    files::create(&path, &bytes)?;
                    Ok::<_, io::Error>(file)
                });
                (Some(written.await?.map_err(|error| StoreError::unavailable("write a blob", error))?), None)
            }
        };
        let old = self.database.write("write a blob", move |connection| {
            let old = file_of(connection, &key)?;
            let sql = "INSERT INTO blob(key, size, content_type, file, bytes, modified_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                       ON CONFLICT DO UPDATE SET size = ?2, content_type = ?3, file = ?4, bytes = ?5, modified_at = ?6";
            connection.prepare_cached(sql)?.execute(params![key, size, content_type, file, bytes, now])?;
            Ok(old)
        });
        let old = old.await?;
        self.discard(old).await
    }

    async fn get(&self, key: &str) -> StoreResult<Option<Vec<u8>>> {
        Ok(self.artifact(key).await?.map(|artifact| artifact.bytes))
    }

    async fn delete(&self, key: &str) -> StoreResult<()> {
        let key = key.to_owned();
        let old = self.database.write("remove a blob", move |connection| {
            let old = file_of(connection, &key)?;
            connection.prepare_cached("DELETE FROM blob WHERE key = ?1")?.execute([key])?;
            Ok(old)
        });
        let old = old.await?;
        self.discard(old).await
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> StoreResult<Page<BlobInfo>> {
        let binding = ["blobs", prefix];
        let after = cursor.map(|text| cursor::open::<1>(&binding, text)).transpose()?;
        let limit = limit.clamp(1, MAX_PAGE);
        let [from, prefix_end] = [Some(prefix.to_owned()), cursor::after_prefix(prefix)];
        let mut items: Vec<BlobInfo> = self
            .database
            .read("list blobs", move |connection| {
                let sql = "SELECT key, size, modified_at FROM blob WHERE key >= ?1 AND key > coalesce(?2, '') \
                           AND (?3 IS NULL OR key < ?3) ORDER BY key LIMIT ?4";
                let mut query = connection.prepare_cached(sql)?;
                let after = after.map(|[key]| key);
                let values = params![from.max(after.clone()), after, prefix_end, limit + 1];
                let rows = query.query_map(values, |row| {
                    let modified_at = Timestamp::from_millis(row.get(2)?);
                    Ok(BlobInfo { key: row.get(0)?, size: row.get(1)?, modified_at })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| cursor::seal(&binding, [&last.key]));
        Ok(Page { items, next })
    }

    async fn download_url(&self, key: &str, filename: &str, valid_for: Duration) -> StoreResult<String> {
        let millis = i64::try_from(valid_for.as_millis()).unwrap_or(i64::MAX);
        Ok(self.downloads.url(key, filename, self.clock.now().plus_millis(millis)))
    }
}

/// Refuses keys that another store could not hold.
fn check(key: &str) -> StoreResult<()> {
    let legal = !key.is_empty() && key.len() <= 1024 && key.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if legal {
        return Ok(());
    }
    let what = format!("the key {key:?} of a blob");
    Err(StoreError::corrupt(what, "a key is a path a/b/c of at most 1024 bytes without empty parts, . and .."))
}

fn file_of(connection: &Connection, key: &str) -> JobResult<Option<String>> {
    let mut query = connection.prepare_cached("SELECT file FROM blob WHERE key = ?1")?;
    Ok(query.query_row([key], |row| row.get(0)).optional()?.flatten())
}

fn fresh_name() -> io::Result<String> {
    let mut name = String::with_capacity(32);
    for byte in random::<16>().map_err(io::Error::other)? {
        let _infallible = write!(name, "{byte:02x}");
    }
    Ok(name)
}

/// Files lie in folders by their first two characters.
fn place(folder: &Path, file: &str) -> PathBuf {
    folder.join(file.get(..2).unwrap_or_default()).join(file)
}

async fn blocking<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> StoreResult<T> {
    spawn_blocking(work).await.map_err(|error| StoreError::unavailable(operation, error))
}

/// Removes the files that no row names.
pub(crate) fn remove_orphans(connection: &Connection, folder: &Path) -> Result<usize, crate::OpenError> {
    let mut query = connection.prepare("SELECT file FROM blob WHERE file IS NOT NULL")?;
    let named: HashSet<String> = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let failed = |source| crate::OpenError::Folder { path: folder.to_owned(), source };
    let mut removed = 0;
    for group in std::fs::read_dir(folder).map_err(failed)? {
        let group = group.map_err(failed)?.path();
        if !group.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&group).map_err(failed)? {
            let file = file.map_err(failed)?;
            if !file.file_name().to_str().is_some_and(|name| named.contains(name)) {
                std::fs::remove_file(file.path()).map_err(failed)?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_relative_paths() {
        for key in ["a", "a/b", "a b/é.txt", "a/.../b", ".hidden", "a%2Fb"] {
            check(key).unwrap();
        }
        for key in ["", "/a", "a/", "a//b", "..", "a/../b", "./a", &"a".repeat(1025)] {
            assert!(check(key).is_err(), "{key}");
        }
    }
}

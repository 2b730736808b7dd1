//! Opening a store, and all ports together.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millrace_app::changes::{Change, ChangeFeed, Moved};
use millrace_app::executions::Retention;
use millrace_app::ports::{Clock as _, Ports, Secret, StoreResult};
use tokio::sync::broadcast;

use crate::blobs::{self, Artifact, SqliteBlobs};
use crate::changes::{self, Feed};
use crate::clock::{LocalClock, SystemIds, random};
use crate::database::Database;
use crate::downloads::{DownloadKey, DownloadRefused};
use crate::files::{self, FolderLock, LockError};
use crate::housekeeping::{self, Removed};
use crate::log::SqliteLog;
use crate::queues::{self, SqliteQueues};
use crate::records::SqliteRecords;
use crate::secrets::{self, LocalSecrets};

/// Why a store could not be opened. The texts are for the person who starts the server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has the folder open.
    #[error("{} is in use by process {pid}: stop it, or choose another data folder", path.display())]
    Locked {
        /// The data folder.
        path: PathBuf,
        /// The other process, as it wrote it into the lock file.
        pid: String,
    },
    /// The folder can't be made or used.
    #[error("the data folder {} can't be used", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file in the folder can't be read or written.
    #[error("{} can't be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The secrets file is not JSON. Its content is not quoted.
    #[error("{} is not a JSON object from secret names to texts", path.display())]
    Secrets {
        /// The file.
        path: PathBuf,
    },
    /// The signing key has not its length.
    #[error("{} is damaged: delete it, and links that were handed out become invalid", path.display())]
    DownloadKey {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of the program wrote the database.
    #[error("the database has schema version {found}; this program knows {known}: use a newer millrace")]
    NewerSchema {
        /// The database's version.
        found: usize,
        /// The newest version that this program knows.
        known: usize,
    },
    /// SQLite refuses.
    #[error("the database can't be opened")]
    Database(#[from] rusqlite::Error),
    /// A thread could not be started.
    #[error("a thread can't be started")]
    Thread(#[source] io::Error),
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness")]
    Randomness(#[source] getrandom::Error),
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The time; the system's unless a test says otherwise.
    pub clock: LocalClock,
    /// How many threads read.
    pub readers: usize,
    /// Secrets by environment variable (`MILLRACE_SECRET_…`) that go before stored ones.
    pub secret_overrides: BTreeMap<String, Secret>,
    /// How long executions are kept once they have ended.
    pub retention: Retention,
}

impl Default for Options {
    /// The system's clock, four readers, no overrides, Step Functions' retention.
    fn default() -> Self {
        let retention = Retention::default();
        Self { clock: LocalClock::system(), readers: 4, secret_overrides: BTreeMap::new(), retention }
    }
}

impl Options {
    /// The defaults, with the secrets of the process's environment.
    #[must_use]
    pub fn from_env() -> Self {
        let variables =
            std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
        Self { secret_overrides: secrets::overrides(variables), ..Self::default() }
    }
}

/// All ports on one SQLite database and a folder. Clones share the store; the last one closes it.
#[derive(Clone)]
pub struct SqlitePorts {
    log: SqliteLog,
    records: SqliteRecords,
    queues: SqliteQueues,
    blobs: SqliteBlobs,
    secrets: LocalSecrets,
    clock: LocalClock,
    ids: SystemIds,
    retention: Retention,
    feed: Arc<Feed>,
    database: Arc<Database>,
    // After everything that holds the database: fields are dropped in order.
    _lock: Option<Arc<FolderLock>>,
}

impl SqlitePorts {
    /// Opens the store in a folder, or makes it there. Blocks for a moment.
    ///
    /// Messages that a former process held are visible again.
    ///
    /// # Errors
    /// [`OpenError`], most often [`OpenError::Locked`].
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let folder = |path: &Path| {
            files::create_folder(path).map_err(|source| OpenError::Folder { path: path.to_owned(), source })
        };
        folder(dir)?;
        let lock_file = dir.join("millrace.lock");
        let lock = FolderLock::acquire(&lock_file).map_err(|error| match error {
            LockError::Held(pid) => OpenError::Locked { path: dir.to_owned(), pid },
            LockError::Io(source) => OpenError::File { path: lock_file, source },
        })?;
        let blob_folder = dir.join("blobs");
        folder(&blob_folder)?;
        let downloads = download_key(&dir.join("download.key"))?;
        let secrets = LocalSecrets::open(Some(dir.join("secrets.json")), options.secret_overrides)?;
        let file = dir.join("millrace.db");
        let feed = Arc::<Feed>::default();
        let opened = Database::open(&file, options.readers, |connection| recover(connection, &options.clock, &feed))?;
        remove_orphans(&file, &blob_folder)?;
        files::sync_folder(dir).map_err(|source| OpenError::Folder { path: dir.to_owned(), source })?;
        let ports = Self::assemble(opened, feed, options.clock, downloads, secrets, Some(blob_folder), Some(lock))?;
        Ok(Self { retention: options.retention, ..ports })
    }

    /// A store for tests that leaves nothing behind.
    ///
    /// # Errors
    /// [`OpenError`], when the machine has no memory, threads or randomness to give.
    pub fn in_memory() -> Result<Self, OpenError> {
        Self::in_memory_with(Options::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`SqlitePorts::in_memory`].
    pub fn in_memory_with(options: Options) -> Result<Self, OpenError> {
        let downloads = DownloadKey::new(random().map_err(OpenError::Randomness)?);
        let secrets = LocalSecrets::open(None, options.secret_overrides)?;
        let feed = Arc::<Feed>::default();
        let opened = Database::in_memory(|connection| recover(connection, &options.clock, &feed))?;
        let ports = Self::assemble(opened, feed, options.clock, downloads, secrets, None, None)?;
        Ok(Self { retention: options.retention, ..ports })
    }

    fn assemble(
        (database, queues): (Database, Arc<queues::Shared>),
        feed: Arc<Feed>,
        clock: LocalClock,
        downloads: DownloadKey,
        secrets: LocalSecrets,
        folder: Option<PathBuf>,
        lock: Option<FolderLock>,
    ) -> Result<Self, OpenError> {
        let database = Arc::new(database);
        Ok(Self {
            log: SqliteLog::new(Arc::clone(&database), Arc::clone(&feed)),
            records: SqliteRecords { database: Arc::clone(&database), clock: clock.clone(), feed: Arc::clone(&feed) },
            queues: SqliteQueues::new(Arc::clone(&database), clock.clone(), queues),
            blobs: SqliteBlobs {
                database: Arc::clone(&database),
                clock: clock.clone(),
                downloads,
                folder: folder.map(Arc::new),
            },
            secrets,
            clock,
            feed,
            ids: SystemIds::new().map_err(OpenError::Randomness)?,
            retention: Retention::default(),
            database,
            _lock: lock.map(Arc::new),
        })
    }

    /// Removes what has expired. To be called now and then.
    ///
    /// # Errors
    /// [`millrace_app::ports::StoreError::Unavailable`]
    pub async fn remove_expired(&self) -> StoreResult<Removed> {
        housekeeping::run(&self.database, self.clock.now()).await
    }

    /// Ends the waiting receives, and makes later ones answer without waiting. For a server that is about to stop.
    pub fn stop_receiving(&self) {
        self.queues.stop_waiting();
    }

    /// What moves from now on, for pages that show it. A receiver that falls behind misses some, and a crash forgets them:
    /// whoever hears reads how things are, and whoever begins to listen reads first.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Moved> {
        self.feed.listen()
    }

    /// Waits until there may be changes to read, not longer than `patience`.
    pub async fn wait_for_changes(&self, patience: Duration) {
        self.feed.wait(patience).await;
    }

    /// Reads a blob with its media type.
    ///
    /// # Errors
    /// As [`millrace_app::ports::BlobStore::get`].
    pub async fn artifact(&self, key: &str) -> StoreResult<Option<Artifact>> {
        self.blobs.artifact(key).await
    }

    /// Checks the parts of a link that [`millrace_app::ports::BlobStore::download_url`] made, percent-decoded, in
    /// constant time.
    ///
    /// # Errors
    /// [`DownloadRefused`]
    pub fn verify_download(
        &self,
        key: &str,
        filename: &str,
        expires: &str,
        signature: &str,
    ) -> Result<(), DownloadRefused> {
        self.blobs.downloads.verify(key, filename, expires, signature, self.clock.now())
    }
}

impl Ports for SqlitePorts {
    type Log = SqliteLog;
    type Records = SqliteRecords;
    type Queues = SqliteQueues;
    type Blobs = SqliteBlobs;
    type Secrets = LocalSecrets;
    type Clock = LocalClock;
    type Ids = SystemIds;

    fn log(&self) -> &SqliteLog {
        &self.log
    }

    fn records(&self) -> &SqliteRecords {
        &self.records
    }

    fn queues(&self) -> &SqliteQueues {
        &self.queues
    }

    fn blobs(&self) -> &SqliteBlobs {
        &self.blobs
    }

    fn secrets(&self) -> &LocalSecrets {
        &self.secrets
    }

    fn clock(&self) -> &LocalClock {
        &self.clock
    }

    fn ids(&self) -> &SystemIds {
        &self.ids
    }

    fn retention(&self) -> Retention {
        self.retention
    }
}

impl ChangeFeed for SqlitePorts {
    async fn changes(&self, limit: usize) -> StoreResult<Vec<Change>> {
        changes::read(&self.database, limit).await
    }

    async fn forget_changes(&self, up_to: &str) -> StoreResult<()> {
        changes::forget(&self.database, up_to).await
    }
}

/// The queues as the table has them; what a killed process held is visible again.
fn recover(
    connection: &rusqlite::Connection,
    clock: &LocalClock,
    feed: &Feed,
) -> rusqlite::Result<Arc<queues::Shared>> {
    feed.recover(connection)?;
    let (queues, held) = queues::Shared::recover(connection, clock.clone())?;
    if held > 0 {
        tracing::info!(messages = held, "recovered what a former process held");
    }
    Ok(Arc::new(queues))
}

/// Removes files that a killed process left behind.
fn remove_orphans(file: &Path, blob_folder: &Path) -> Result<(), OpenError> {
    let connection = rusqlite::Connection::open(file)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let files = blobs::remove_orphans(&connection, blob_folder)?;
    if files > 0 {
        tracing::info!(files, "removed files that a former process left behind");
    }
    Ok(())
}

/// The signing key, made on the first start.
fn download_key(path: &Path) -> Result<DownloadKey, OpenError> {
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    if !path.exists() {
        let bytes: [u8; 64] = random().map_err(OpenError::Randomness)?;
        files::replace(path, &bytes).map_err(failed)?;
    }
    files::make_private(path).map_err(failed)?;
    let bytes = std::fs::read(path).map_err(failed)?;
    let bytes = bytes.try_into().map_err(|_| OpenError::DownloadKey { path: path.to_owned() })?;
    Ok(DownloadKey::new(bytes))
}

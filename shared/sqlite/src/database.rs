//! How calls reach SQLite: one thread that writes, with group commit, and a few that read.
//!
//! The writing thread takes all jobs that wait, runs them in one transaction, each in a savepoint of its own, commits
//! once and answers each. So the cost of bringing a commit to the disk is shared by all that wait for it, and a caller
//! hears of success only after the disk has it. A database in memory has no readers: reads are jobs of that thread too.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use millrace_app::ports::{StoreError, StoreResult};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::open::OpenError;
use crate::schema;

/// At most so many jobs share a transaction, so that none waits long for the others.
const BATCH: usize = 256;

/// What a job answers inside the database's threads.
pub(crate) type JobResult<T> = Result<T, JobError>;

/// Why a job did not do what it should.
#[derive(Debug)]
pub(crate) enum JobError {
    /// The port's own answer.
    Store(StoreError),
    /// SQLite's.
    Sql(rusqlite::Error),
}

impl JobError {
    fn into_store(self, operation: &'static str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Sql(error) => StoreError::unavailable(operation, error),
        }
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for JobError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// The threads of one database. Dropping it ends them and closes the database.
pub(crate) struct Database {
    writer: Option<Sender<Box<dyn Job>>>,
    readers: Option<Sender<Box<dyn Job>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Database {
    /// Opens or makes the database in a file.
    pub(crate) fn open(path: &Path, readers: usize) -> Result<Self, OpenError> {
        let write = connect(Connection::open(path))?;
        write.pragma_update(None, "journal_mode", "WAL")?;
        write.pragma_update(None, "synchronous", "FULL")?;
        write.pragma_update(None, "wal_autocheckpoint", 4_000)?;
        write.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
        schema::migrate(&write)?;
        let mut database = Self::start(write)?;
        let (sender, jobs) = channel::<Box<dyn Job>>();
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..readers.max(1) {
            let connection = connect(Connection::open(path))?;
            connection.pragma_update(None, "query_only", true)?;
            let jobs = Arc::clone(&jobs);
            let thread = thread::Builder::new().name(format!("sqlite-read-{number}"));
            database.threads.push(thread.spawn(move || read_all(&connection, &jobs)).map_err(OpenError::Thread)?);
        }
        database.readers = Some(sender);
        Ok(database)
    }

    /// Makes a database that lives as long as this value.
    pub(crate) fn in_memory() -> Result<Self, OpenError> {
        let write = connect(Connection::open_in_memory())?;
        schema::migrate(&write)?;
        Self::start(write)
    }

    fn start(connection: Connection) -> Result<Self, OpenError> {
        let (writer, jobs) = channel();
        let thread = thread::Builder::new().name("sqlite-write".into());
        let thread = thread.spawn(move || write_all(&connection, &jobs)).map_err(OpenError::Thread)?;
        Ok(Self { writer: Some(writer), readers: None, threads: vec![thread] })
    }

    /// Runs `work` in a transaction. What it did is on the disk when this answers; it did nothing when this answers an
    /// error.
    pub(crate) async fn write<T, F>(&self, operation: &'static str, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> JobResult<T> + Send + 'static,
    {
        self.write_then(operation, work, || ()).await
    }

    /// The same, and calls `then` after the commit even if the caller has gone.
    pub(crate) async fn write_then<T, F, A>(&self, operation: &'static str, work: F, then: A) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> JobResult<T> + Send + 'static,
        A: FnOnce() + Send + 'static,
    {
        submit(self.writer.as_ref(), operation, work, then).await
    }

    /// Runs `work`, which only reads. It sees everything that was acknowledged before.
    pub(crate) async fn read<T, F>(&self, operation: &'static str, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> JobResult<T> + Send + 'static,
    {
        submit(self.readers.as_ref().or(self.writer.as_ref()), operation, work, || ()).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.writer = None;
        self.readers = None;
        for thread in self.threads.drain(..) {
            // Only a panic can be the error, and it was printed already.
            let _panicked = thread.join();
        }
    }
}

fn connect(opened: rusqlite::Result<Connection>) -> Result<Connection, OpenError> {
    let connection = opened?;
    connection.set_prepared_statement_cache_capacity(96);
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

async fn submit<T, F, A>(
    thread: Option<&Sender<Box<dyn Job>>>,
    operation: &'static str,
    work: F,
    then: A,
) -> StoreResult<T>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> JobResult<T> + Send + 'static,
    A: FnOnce() + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let job = Box::new(Typed { operation, work: Some(work), result: None, reply, then });
    let stopped = || StoreError::unavailable(operation, "the database's thread has ended");
    thread.ok_or_else(stopped)?.send(job).map_err(|_| stopped())?;
    answer.await.map_err(|_| stopped())?
}

/// A job without its types.
trait Job: Send {
    /// Does the work. False when its changes must be undone.
    fn run(&mut self, connection: &Connection) -> bool;

    /// Tells the caller, after the commit or why there was none.
    fn answer(self: Box<Self>, failed: Option<&Arc<rusqlite::Error>>);
}

struct Typed<T, F, A> {
    operation: &'static str,
    work: Option<F>,
    result: Option<JobResult<T>>,
    reply: oneshot::Sender<StoreResult<T>>,
    then: A,
}

impl<T, F, A> Job for Typed<T, F, A>
where
    T: Send,
    F: FnOnce(&Connection) -> JobResult<T> + Send,
    A: FnOnce() + Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        if self.reply.is_closed() {
            // Nobody waits any more: as if the call had never begun.
            return true;
        }
        let result = self.work.take().map(|work| work(connection));
        let keep = matches!(result, Some(Ok(_)));
        self.result = result;
        keep
    }

    fn answer(self: Box<Self>, failed: Option<&Arc<rusqlite::Error>>) {
        let answer = match (failed, self.result) {
            (Some(error), _) => Err(StoreError::unavailable(self.operation, Arc::clone(error))),
            (None, Some(result)) => result.map_err(|error| error.into_store(self.operation)),
            (None, None) => return,
        };
        if answer.is_ok() {
            (self.then)();
        }
        let _gone = self.reply.send(answer);
    }
}

fn read_all(connection: &Connection, jobs: &Mutex<Receiver<Box<dyn Job>>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = next else { return };
        job.run(connection);
        job.answer(None);
    }
}

fn write_all(connection: &Connection, jobs: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(job) = jobs.try_recv()
        {
            batch.push(job);
        }
        let failed = commit(connection, &mut batch).err().map(Arc::new);
        if let Some(error) = &failed {
            tracing::error!(%error, jobs = batch.len(), "a transaction failed");
            if !connection.is_autocommit()
                && let Err(error) = connection.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "a transaction could not be rolled back");
            }
        }
        for job in batch {
            job.answer(failed.as_ref());
        }
    }
}

/// Runs all jobs in one transaction.
fn commit(connection: &Connection, batch: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    let run = |sql: &str| connection.prepare_cached(sql)?.execute([]).map(|_| ());
    run("BEGIN IMMEDIATE")?;
    if let [only] = batch {
        return run(if only.run(connection) { "COMMIT" } else { "ROLLBACK" });
    }
    for job in batch {
        run("SAVEPOINT job")?;
        if !job.run(connection) {
            run("ROLLBACK TO job")?;
        }
        run("RELEASE job")?;
    }
    run("COMMIT")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(key: &'static str) -> impl FnOnce(&Connection) -> JobResult<()> + Send + 'static {
        move |connection| {
            connection.execute("INSERT INTO blob(key, size, content_type) VALUES (?1, 0, '')", [key])?;
            Ok(())
        }
    }

    fn count(connection: &Connection) -> JobResult<u64> {
        Ok(connection.query_row("SELECT count(*) FROM blob", [], |row| row.get(0))?)
    }

    #[tokio::test]
    async fn one_job_that_fails_does_not_undo_its_neighbours() {
        let database = Database::in_memory().unwrap();
        // Keeps the thread busy, so that the next three share a transaction.
        let (open, gate) = channel::<()>();
        let busy = database.write("busy", move |_| {
            let _ = gate.recv();
            Ok(())
        });
        let conflict = database.write("conflict", |connection| {
            insert("lost")(connection)?;
            Err::<(), _>(StoreError::Conflict.into())
        });
        let (busy, a, lost, b, twice, ()) = tokio::join!(
            busy,
            database.write("a", insert("a")),
            conflict,
            database.write("b", insert("b")),
            database.write("twice", insert("a")),
            async { open.send(()).unwrap() },
        );
        assert!(busy.is_ok() && a.is_ok() && b.is_ok());
        assert!(matches!(lost, Err(StoreError::Conflict)));
        assert!(matches!(twice, Err(StoreError::Unavailable { operation: "twice", .. })));
        assert_eq!(database.read("count", count).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_call_that_was_given_up_before_it_began_does_nothing() {
        let database = Database::in_memory().unwrap();
        let (open, gate) = channel::<()>();
        let busy = database.write("busy", move |_| {
            let _ = gate.recv();
            Ok(())
        });
        let given_up = async {
            let call = database.write("a", insert("a"));
            let _ = tokio::time::timeout(Duration::from_millis(10), call).await;
            open.send(()).unwrap();
        };
        let (busy, ()) = tokio::join!(busy, given_up);
        busy.unwrap();
        assert_eq!(database.read("count", count).await.unwrap(), 0);
    }
}

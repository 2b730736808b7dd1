//! How calls reach SQLite: one thread that writes, with group commit, and a few that read.
//!
//! The writing thread takes all jobs that wait, runs them in one transaction, each in a savepoint of its own, commits
//! once and answers each. So the cost of bringing a commit to the disk is shared by all that wait for it, and a caller
//! hears of success only after the disk has it. Each transaction also writes what the queues keep in memory and the table
//! does not say yet ([`Behind`]); a job that only waits for that is lazy: others may share its transaction for a moment
//! longer. A database in memory has no readers: reads are jobs of that thread too.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use millrace_app::ports::{StoreError, StoreResult};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::oneshot;

use crate::open::OpenError;
use crate::schema;

/// At most so many jobs share a transaction, so that none waits long for the others.
const BATCH: usize = 256;

/// How long a lazy job waits for others to share its transaction.
const PATIENCE: Duration = Duration::from_millis(2);

/// Something kept in memory that each transaction writes behind.
pub(crate) trait Behind: Send + Sync {
    /// Has everything been written?
    fn is_clean(&self) -> bool;

    /// Writes what has not been.
    fn write(&self, connection: &Connection) -> rusqlite::Result<()>;

    /// How the transaction of the last write ended.
    fn ended(&self, committed: bool);
}

/// How soon a job is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// At once.
    Prompt,
    /// With the next prompt one, or after a moment.
    Lazy,
}

/// What the writing thread is told.
enum Order {
    Job(Box<dyn Job>, Urgency),
    /// Write behind what has not been, soon.
    Nudge,
}

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
    writer: Option<Sender<Order>>,
    readers: Option<Sender<Box<dyn Job>>>,
    nudged: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Database {
    /// Opens or makes the database in a file. `behind` makes what each transaction writes behind.
    pub(crate) fn open<B: Behind + 'static>(
        path: &Path,
        readers: usize,
        behind: impl FnOnce(&Connection) -> rusqlite::Result<Arc<B>>,
    ) -> Result<(Self, Arc<B>), OpenError> {
        let write = connect(Connection::open(path))?;
        write.pragma_update(None, "journal_mode", "WAL")?;
        write.pragma_update(None, "synchronous", "FULL")?;
        write.pragma_update(None, "wal_autocheckpoint", 4_000)?;
        // Kibibytes.
        write.pragma_update(None, "cache_size", -16_384)?;
        write.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
        schema::migrate(&write)?;
        let behind = behind(&write)?;
        let mut database = Self::start(write, behind.clone())?;
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
        Ok((database, behind))
    }

    /// Makes a database that lives as long as this value.
    pub(crate) fn in_memory<B: Behind + 'static>(
        behind: impl FnOnce(&Connection) -> rusqlite::Result<Arc<B>>,
    ) -> Result<(Self, Arc<B>), OpenError> {
        let write = connect(Connection::open_in_memory())?;
        schema::migrate(&write)?;
        let behind = behind(&write)?;
        Ok((Self::start(write, behind.clone())?, behind))
    }

    fn start(connection: Connection, behind: Arc<dyn Behind>) -> Result<Self, OpenError> {
        let (writer, orders) = channel();
        let nudged = Arc::new(AtomicBool::new(false));
        let thread = thread::Builder::new().name("sqlite-write".into());
        let mut writing = Writing { connection, orders, behind, nudged: Arc::clone(&nudged) };
        let thread = thread.spawn(move || writing.run()).map_err(OpenError::Thread)?;
        Ok(Self { writer: Some(writer), readers: None, nudged, threads: vec![thread] })
    }

    /// Runs `work` in a transaction. What it did is on the disk when this answers; it did nothing when this answers an
    /// error.
    pub(crate) async fn write<T, F>(&self, operation: &'static str, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> JobResult<T> + Send + 'static,
    {
        self.order(Urgency::Prompt, operation, work, true).await
    }

    /// The same for work that changes nothing where it answers an error: undoing it costs nothing.
    pub(crate) async fn write_at_once<T, F>(&self, urgency: Urgency, operation: &'static str, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> JobResult<T> + Send + 'static,
    {
        self.order(urgency, operation, work, false).await
    }

    async fn order<T, F>(&self, urgency: Urgency, operation: &'static str, work: F, undo: bool) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> JobResult<T> + Send + 'static,
    {
        let (job, answer) = typed(operation, work, undo);
        let writer = self.writer.as_ref().ok_or_else(|| stopped(operation))?;
        writer.send(Order::Job(job, urgency)).map_err(|_| stopped(operation))?;
        answer.await.map_err(|_| stopped(operation))?
    }

    /// Has written behind, soon, what has not been.
    pub(crate) fn nudge(&self) -> StoreResult<()> {
        const OPERATION: &str = "write behind";
        if self.nudged.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let writer = self.writer.as_ref().ok_or_else(|| stopped(OPERATION))?;
        writer.send(Order::Nudge).map_err(|_| stopped(OPERATION))
    }

    /// Runs `work`, which only reads. It sees everything that was acknowledged before.
    pub(crate) async fn read<T, F>(&self, operation: &'static str, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> JobResult<T> + Send + 'static,
    {
        let Some(readers) = &self.readers else { return self.write(operation, work).await };
        let (job, answer) = typed(operation, work, false);
        readers.send(job).map_err(|_| stopped(operation))?;
        answer.await.map_err(|_| stopped(operation))?
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
    // Plans don't look at the values that are bound: a statement is prepared once, not for each execution.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

fn stopped(operation: &'static str) -> StoreError {
    StoreError::unavailable(operation, "the database's thread has ended")
}

/// A job, and where its answer comes out.
fn typed<T, F>(operation: &'static str, work: F, undo: bool) -> (Box<dyn Job>, oneshot::Receiver<StoreResult<T>>)
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> JobResult<T> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Typed { operation, work: Some(work), result: None, reply, undo }), answer)
}

/// A job without its types.
trait Job: Send {
    /// Does the work. False when its changes must be undone.
    fn run(&mut self, connection: &Connection) -> bool;

    /// Must its changes be undone where it fails?
    fn undo(&self) -> bool;

    /// Tells the caller, after the commit or why there was none.
    fn answer(self: Box<Self>, failed: Option<&Arc<rusqlite::Error>>);
}

struct Typed<T, F> {
    operation: &'static str,
    work: Option<F>,
    result: Option<JobResult<T>>,
    reply: oneshot::Sender<StoreResult<T>>,
    /// May it have changed something where it failed?
    undo: bool,
}

impl<T, F> Job for Typed<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> JobResult<T> + Send,
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

    fn undo(&self) -> bool {
        self.undo
    }

    fn answer(self: Box<Self>, failed: Option<&Arc<rusqlite::Error>>) {
        let answer = match (failed, self.result) {
            (Some(error), _) => Err(StoreError::unavailable(self.operation, Arc::clone(error))),
            (None, Some(result)) => result.map_err(|error| error.into_store(self.operation)),
            (None, None) => return,
        };
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

/// The thread that writes.
struct Writing {
    connection: Connection,
    orders: Receiver<Order>,
    behind: Arc<dyn Behind>,
    nudged: Arc<AtomicBool>,
}

impl Writing {
    fn run(&mut self) {
        while let Some(batch) = self.batch() {
            // Whatever is asked for from now on needs another transaction.
            self.nudged.store(false, Ordering::Release);
            self.transact(batch);
        }
        if !self.behind.is_clean() {
            self.transact(Vec::new());
        }
    }

    /// The jobs of the next transaction. `None` when nobody can send one any more.
    fn batch(&self) -> Option<Vec<Box<dyn Job>>> {
        let mut batch = Vec::new();
        let mut prompt = false;
        let mut take = |order: Order, batch: &mut Vec<_>| {
            if let Order::Job(job, urgency) = order {
                prompt |= urgency == Urgency::Prompt;
                batch.push(job);
            }
            prompt
        };
        let mut prompt_now = take(self.orders.recv().ok()?, &mut batch);
        let end = Instant::now() + PATIENCE;
        while batch.len() < BATCH {
            let order = match self.orders.try_recv() {
                Ok(order) => order,
                Err(_) if prompt_now => break,
                Err(_) => match self.orders.recv_timeout(end.saturating_duration_since(Instant::now())) {
                    Ok(order) => order,
                    Err(_) => break,
                },
            };
            prompt_now = take(order, &mut batch);
        }
        Some(batch)
    }

    fn transact(&self, mut batch: Vec<Box<dyn Job>>) {
        let failed = self.commit(&mut batch).err().map(Arc::new);
        if let Some(error) = &failed {
            tracing::error!(%error, jobs = batch.len(), "a transaction failed");
            if !self.connection.is_autocommit()
                && let Err(error) = self.connection.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "a transaction could not be rolled back");
            }
        }
        self.behind.ended(failed.is_none());
        for job in batch {
            job.answer(failed.as_ref());
        }
    }

    /// Runs all jobs in one transaction.
    fn commit(&self, batch: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
        let run = |sql: &str| self.connection.prepare_cached(sql)?.execute([]).map(|_| ());
        run("BEGIN IMMEDIATE")?;
        for job in batch {
            if !job.undo() {
                job.run(&self.connection);
                continue;
            }
            run("SAVEPOINT job")?;
            if !job.run(&self.connection) {
                run("ROLLBACK TO job")?;
            }
            run("RELEASE job")?;
        }
        self.behind.write(&self.connection)?;
        run("COMMIT")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Behind for Nothing {
        fn is_clean(&self) -> bool {
            true
        }

        fn write(&self, _: &Connection) -> rusqlite::Result<()> {
            Ok(())
        }

        fn ended(&self, _: bool) {}
    }

    fn in_memory() -> Database {
        Database::in_memory(|_| Ok(Arc::new(Nothing))).unwrap().0
    }

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
        let database = in_memory();
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
        let database = in_memory();
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

//! Ports with somebody who watches: each call is announced before and after, and can be made to fail on either side.
//!
//! The same wrapper counts requests and plans faults. A call that fails before its work was not done; one that fails
//! after it was done and its caller does not know: the two sides of a crash.

use std::sync::Arc;
use std::time::Duration;

use millrace_app::executions::{JoinArm, LogEntry, LogId, Retention};
use millrace_app::ports::{
    BlobInfo, BlobStore, DeadLetter, Delivery, ExecutionLog, Letters, MessageQueues, OutgoingMessage, Page, Ports,
    Query, Queue, QueueDepth, Record, RecordKey, RecordStore, Secret, SecretStore, StoreError, StoreResult, Write,
};

use crate::memory::give_way;

/// A call of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// A conditional append without a join.
    LogAppend,
    /// A conditional append with a join: a transaction.
    LogAppendJoin,
    /// A consistent read of one log or one counter.
    LogRead,
    /// A read of a record.
    RecordGet,
    /// A write of so many records.
    RecordWrite(usize),
    /// A query.
    RecordQuery,
    /// A send of so many messages.
    Send(usize),
    /// A receive.
    Receive,
    /// A delete or release of a message, or a look at a queue.
    Queue,
    /// A write or delete of a blob.
    BlobWrite,
    /// A read or listing of blobs.
    BlobRead,
    /// A call of the secrets.
    Secret,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done.
    Done,
    /// It fails and nothing was done.
    FailBefore,
    /// It is done and fails nevertheless.
    FailAfter,
    /// It says that it was done and wasn't: for sends, a lost message.
    Lost,
}

/// Watches calls.
pub trait Watcher: Send + Sync + 'static {
    /// Decides what becomes of a call.
    fn fate(&self, call: Call) -> Fate;

    /// How many turns others have before the call, where several work at once.
    fn turns(&self) -> u32 {
        0
    }
}

/// Ports whose calls are watched.
#[derive(Debug)]
pub struct Watched<P, W> {
    inner: P,
    watcher: Arc<W>,
}

impl<P: Clone, W> Clone for Watched<P, W> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), watcher: Arc::clone(&self.watcher) }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a planned fault at {0:?}")]
struct Planned(Call);

impl<P: Ports, W: Watcher> Watched<P, W> {
    /// Watches ports.
    pub fn new(inner: P, watcher: Arc<W>) -> Self {
        Self { inner, watcher }
    }

    async fn watch<T>(&self, call: Call, work: impl Future<Output = StoreResult<T>> + Send) -> StoreResult<T> {
        for _ in 0..self.watcher.turns() {
            give_way().await;
        }
        let fault = || StoreError::unavailable("a planned fault", Planned(call));
        match self.watcher.fate(call) {
            Fate::Done | Fate::Lost => work.await,
            Fate::FailBefore => Err(fault()),
            Fate::FailAfter => work.await.and_then(|_| Err(fault())),
        }
    }
}

impl<P: Ports, W: Watcher> Ports for Watched<P, W> {
    type Log = Self;
    type Records = Self;
    type Queues = Self;
    type Blobs = Self;
    type Secrets = Self;
    type Clock = P::Clock;
    type Ids = P::Ids;

    fn log(&self) -> &Self {
        self
    }
    fn records(&self) -> &Self {
        self
    }
    fn queues(&self) -> &Self {
        self
    }
    fn blobs(&self) -> &Self {
        self
    }
    fn secrets(&self) -> &Self {
        self
    }
    fn clock(&self) -> &P::Clock {
        self.inner.clock()
    }
    fn ids(&self) -> &P::Ids {
        self.inner.ids()
    }
    fn retention(&self) -> Retention {
        self.inner.retention()
    }
}

impl<P: Ports, W: Watcher> ExecutionLog for Watched<P, W> {
    async fn append(&self, entry: &LogEntry, join: Option<&JoinArm>) -> StoreResult<bool> {
        let call = if join.is_some() { Call::LogAppendJoin } else { Call::LogAppend };
        self.watch(call, self.inner.log().append(entry, join)).await
    }

    async fn joined(&self, arm: &JoinArm) -> StoreResult<bool> {
        self.watch(Call::LogRead, self.inner.log().joined(arm)).await
    }

    async fn latest(&self, log: &LogId) -> StoreResult<Option<LogEntry>> {
        self.watch(Call::LogRead, self.inner.log().latest(log)).await
    }

    async fn appended(&self, log: &LogId, after: u64, wait: Duration) -> StoreResult<Option<LogEntry>> {
        self.watch(Call::LogRead, self.inner.log().appended(log, after, wait)).await
    }

    async fn entries(&self, log: &LogId, from: u64, limit: usize) -> StoreResult<Vec<LogEntry>> {
        self.watch(Call::LogRead, self.inner.log().entries(log, from, limit)).await
    }

    async fn children(&self, parent: &LogId, fanout: u32, from: u32, to: u32) -> StoreResult<Vec<LogEntry>> {
        self.watch(Call::LogRead, self.inner.log().children(parent, fanout, from, to)).await
    }
}

impl<P: Ports, W: Watcher> RecordStore for Watched<P, W> {
    async fn get(&self, key: &RecordKey) -> StoreResult<Option<Record>> {
        self.watch(Call::RecordGet, self.inner.records().get(key)).await
    }

    async fn write(&self, writes: Vec<Write>) -> StoreResult<()> {
        self.watch(Call::RecordWrite(writes.len()), self.inner.records().write(writes)).await
    }

    async fn query(&self, query: &Query) -> StoreResult<Page<Record>> {
        self.watch(Call::RecordQuery, self.inner.records().query(query)).await
    }
}

impl<P: Ports, W: Watcher> MessageQueues for Watched<P, W> {
    async fn send(&self, queue: Queue, messages: Vec<OutgoingMessage>) -> StoreResult<()> {
        let call = Call::Send(messages.len());
        let fault = || StoreError::unavailable("a planned fault", Planned(call));
        match self.watcher.fate(call) {
            Fate::Lost => Ok(()),
            Fate::Done => self.inner.queues().send(queue, messages).await,
            Fate::FailBefore => Err(fault()),
            Fate::FailAfter => self.inner.queues().send(queue, messages).await.and_then(|()| Err(fault())),
        }
    }

    async fn receive(
        &self,
        queue: Queue,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> StoreResult<Vec<Delivery>> {
        self.watch(Call::Receive, self.inner.queues().receive(queue, max, visibility, wait)).await
    }

    async fn delete(&self, queue: Queue, receipt: &str) -> StoreResult<()> {
        self.watch(Call::Queue, self.inner.queues().delete(queue, receipt)).await
    }

    async fn release(&self, queue: Queue, receipt: &str, delay: Duration) -> StoreResult<()> {
        self.watch(Call::Queue, self.inner.queues().release(queue, receipt, delay)).await
    }

    async fn depth(&self, queue: Queue) -> StoreResult<QueueDepth> {
        self.watch(Call::Queue, self.inner.queues().depth(queue)).await
    }

    async fn dead_letters(&self, queue: Queue, cursor: Option<&str>, max: usize) -> StoreResult<Page<DeadLetter>> {
        self.watch(Call::Queue, self.inner.queues().dead_letters(queue, cursor, max)).await
    }

    async fn dead_letter(&self, queue: Queue, id: &str) -> StoreResult<Option<DeadLetter>> {
        self.watch(Call::Queue, self.inner.queues().dead_letter(queue, id)).await
    }

    async fn redrive(&self, queue: Queue, which: &Letters) -> StoreResult<u64> {
        self.watch(Call::Queue, self.inner.queues().redrive(queue, which)).await
    }

    async fn delete_dead_letters(&self, queue: Queue, which: &Letters) -> StoreResult<u64> {
        self.watch(Call::Queue, self.inner.queues().delete_dead_letters(queue, which)).await
    }
}

impl<P: Ports, W: Watcher> BlobStore for Watched<P, W> {
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> StoreResult<()> {
        self.watch(Call::BlobWrite, self.inner.blobs().put(key, bytes, content_type)).await
    }

    async fn get(&self, key: &str) -> StoreResult<Option<Vec<u8>>> {
        self.watch(Call::BlobRead, self.inner.blobs().get(key)).await
    }

    async fn delete(&self, key: &str) -> StoreResult<()> {
        self.watch(Call::BlobWrite, self.inner.blobs().delete(key)).await
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> StoreResult<Page<BlobInfo>> {
        self.watch(Call::BlobRead, self.inner.blobs().list(prefix, cursor, limit)).await
    }

    async fn download_url(&self, key: &str, filename: &str, valid_for: Duration) -> StoreResult<String> {
        self.watch(Call::BlobRead, self.inner.blobs().download_url(key, filename, valid_for)).await
    }
}

impl<P: Ports, W: Watcher> SecretStore for Watched<P, W> {
    async fn get(&self, name: &str) -> StoreResult<Option<Secret>> {
        self.watch(Call::Secret, self.inner.secrets().get(name)).await
    }

    async fn put(&self, name: &str, secret: &Secret) -> StoreResult<()> {
        self.watch(Call::Secret, self.inner.secrets().put(name, secret)).await
    }

    async fn delete(&self, name: &str) -> StoreResult<()> {
        self.watch(Call::Secret, self.inner.secrets().delete(name)).await
    }
}

//! Every trait that the outside implements for the use cases.
//!
//! A port is a contract: `millrace-simulation`'s `contract` module holds the tests that each adapter passes (SQLite, AWS
//! and the fault-injecting wrapper). Adapters translate and nothing more: no rule of the product lives in one. Keys,
//! names and bodies are made by this crate, so that the two stores hold the same records.
//!
//! Every future is `Send`; no method blocks the thread for long.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use millrace_asl::Timestamp;
use serde_json::Value;

use crate::executions::{Envelope, JoinArm, LogEntry, LogId, Retention};
use crate::traces::SpanContext;

/// A problem in a store, a queue or a blob folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A condition did not hold: somebody else wrote first. Reload and decide again.
    #[error("the record was changed by somebody else")]
    Conflict,
    /// A cursor that this store did not make for this query.
    #[error("the cursor belongs to another query")]
    InvalidCursor,
    /// A value over the store's limit.
    #[error("{what} is {size} bytes; the limit is {limit}")]
    TooLarge {
        /// What was too large, for people.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The store can't answer now; the same call may succeed later.
    #[error("{operation} is unavailable")]
    Unavailable {
        /// The port's operation.
        operation: &'static str,
        /// The adapter's own error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is stored can't be read as what it should be.
    #[error("{what} is corrupt")]
    Corrupt {
        /// Which item.
        what: String,
        /// Why it could not be read.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// An [`StoreError::Unavailable`] with its cause.
    pub fn unavailable(operation: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable { operation, source: source.into() }
    }

    /// A [`StoreError::Corrupt`] with its cause.
    pub fn corrupt(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Corrupt { what: what.into(), source: source.into() }
    }
}

/// What a port answers.
pub type StoreResult<T> = Result<T, StoreError>;

/// All ports together: the one type parameter of the use cases. Cheap to clone.
pub trait Ports: Clone + Send + Sync + 'static {
    /// The executions' append-only logs.
    type Log: ExecutionLog;
    /// Records with their listings.
    type Records: RecordStore;
    /// Queues with dead letters, and timers.
    type Queues: MessageQueues;
    /// Artifacts and large values.
    type Blobs: BlobStore;
    /// Secrets by name.
    type Secrets: SecretStore;
    /// The time.
    type Clock: Clock;
    /// Randomness.
    type Ids: IdSource;

    /// The executions' append-only logs.
    fn log(&self) -> &Self::Log;
    /// Records with their listings.
    fn records(&self) -> &Self::Records;
    /// Queues with dead letters, and timers.
    fn queues(&self) -> &Self::Queues;
    /// Artifacts and large values.
    fn blobs(&self) -> &Self::Blobs;
    /// Secrets by name.
    fn secrets(&self) -> &Self::Secrets;
    /// The time.
    fn clock(&self) -> &Self::Clock;
    /// Randomness.
    fn ids(&self) -> &Self::Ids;

    /// How long executions are kept once they have ended.
    fn retention(&self) -> Retention {
        Retention::default()
    }
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The page's items in the order asked for.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last page. Opaque, URL-safe.
    pub next: Option<String>,
}

/// The executions' logs: one per execution and one per child of a blocking fan-out.
///
/// The conditional append is the lock, the history and the outbox at once (`docs/adr/0003`).
pub trait ExecutionLog: Send + Sync {
    /// Appends `entry` if its log has no entry with that sequence number, else answers [`StoreError::Conflict`] and
    /// changes nothing. The first entry a store sees of a child's log is number 1: entry 0 is implied by its parent.
    ///
    /// With `join`, counts the child's end into its fan-out in the same transaction. The answer is true when this call
    /// made the count reach [`JoinArm::total`] or found it there.
    fn append(&self, entry: &LogEntry, join: Option<&JoinArm>) -> impl Future<Output = StoreResult<bool>> + Send;

    /// Has every child of the fan-out been counted? Strongly consistent.
    fn joined(&self, arm: &JoinArm) -> impl Future<Output = StoreResult<bool>> + Send;

    /// The newest entry of a log, strongly consistent.
    fn latest(&self, log: &LogId) -> impl Future<Output = StoreResult<Option<LogEntry>>> + Send;

    /// The newest entry of a log once its number is over `after`; `None` when it is not within `wait`. An adapter may
    /// look only now and then: up to half a second may pass between the append and the answer.
    fn appended(
        &self,
        log: &LogId,
        after: u64,
        wait: Duration,
    ) -> impl Future<Output = StoreResult<Option<LogEntry>>> + Send;

    /// Entries of one log with a sequence number of `from` or more, in order, at most `limit`.
    fn entries(&self, log: &LogId, from: u64, limit: usize) -> impl Future<Output = StoreResult<Vec<LogEntry>>> + Send;

    /// The newest entry of each child of fan-out `fanout` of `parent` that has one, by index, for the indexes
    /// `from..to`. Strongly consistent.
    fn children(
        &self,
        parent: &LogId,
        fanout: u32,
        from: u32,
        to: u32,
    ) -> impl Future<Output = StoreResult<Vec<LogEntry>>> + Send;
}

/// A record's primary key, spelt as the table has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey {
    /// `PK`
    pub partition: String,
    /// `SK`
    pub sort: String,
}

/// The secondary indexes. A record appears in each one that its listings name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Index {
    /// Everything of a kind that one owner has, by time (`owner-index`: `OwnerPK`, `OwnerSK`).
    Owner,
    /// The same by status (`status-index`: `StatusPK`, `StatusSK`).
    Status,
    /// Sparse: what needs attention, by time (`due-index`: `DuePK`, `DueSK`).
    Due,
}

impl Index {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Status, Self::Due];
}

/// A place in a secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Which index; at most one listing an index.
    pub index: Index,
    /// Its partition key.
    pub partition: String,
    /// Its sort key.
    pub sort: String,
}

/// A record: a JSON object under a key, with a version for optimistic writes.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Where it is stored.
    pub key: RecordKey,
    /// 0 for a record that was never stored; the store sets it: 1 after the first write, one more after each.
    pub version: u64,
    /// A JSON object.
    pub body: Value,
    /// Its places in the secondary indexes.
    pub listings: Vec<Listing>,
    /// When the store may remove it.
    pub expires_at: Option<Timestamp>,
}

/// What must hold for a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing; the stored version becomes the record's `version` plus one.
    Any,
    /// There is no such record; the stored version becomes 1.
    Absent,
    /// The record exists with this version; it becomes one more.
    Version(u64),
}

/// One write of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Puts a record.
    Put(Record, Condition),
    /// Deletes a record; with [`Condition::Any`] it need not exist.
    Delete(RecordKey, Condition),
}

/// In which order a query answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By sort key, rising.
    Ascending,
    /// By sort key, falling.
    Descending,
}

/// A query over one partition of the table or of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// `None` asks the table itself, strongly consistent; an index answers eventually consistent.
    pub index: Option<Index>,
    /// The partition key's value.
    pub partition: String,
    /// Only sort keys that begin so.
    pub sort_prefix: String,
    /// Only sort keys up to and including this one (compared as bytes).
    pub sort_to: Option<String>,
    /// The order of the answer.
    pub order: Order,
    /// At most so many records, 1 to 1,000.
    pub limit: usize,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

/// Records with conditional writes, and queries over the table and its indexes. There is no scan.
pub trait RecordStore: Send + Sync {
    /// Reads one record, strongly consistent.
    fn get(&self, key: &RecordKey) -> impl Future<Output = StoreResult<Option<Record>>> + Send;

    /// Makes all writes or none (1 to 100, each of another key). [`StoreError::Conflict`] when a condition fails.
    fn write(&self, writes: Vec<Write>) -> impl Future<Output = StoreResult<()>> + Send;

    /// One page of a query. A page may hold fewer than `limit` records only where it is the last one.
    fn query(&self, query: &Query) -> impl Future<Output = StoreResult<Page<Record>>> + Send;
}

/// The queues. Each has a dead-letter queue of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Queue {
    /// Timers, callbacks, joins, control calls: the orchestrator's.
    Engine,
    /// The PM agent's tasks.
    Pm,
    /// The Dev agent's tasks.
    Dev,
    /// The QA agent's tasks.
    Qa,
    /// The Ops agent's tasks.
    Ops,
    /// Calls of services and HTTP endpoints.
    Integrations,
    /// Users' functions as tasks.
    Functions,
    /// Single calls of models.
    Models,
    /// Schedules whose time has come.
    Scheduler,
    /// Notifications on their way to subscriptions' targets.
    Notifications,
}

impl Queue {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Engine,
        Self::Pm,
        Self::Dev,
        Self::Qa,
        Self::Ops,
        Self::Integrations,
        Self::Functions,
        Self::Models,
        Self::Scheduler,
        Self::Notifications,
    ];

    /// The word that names it in queue names, logs and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Pm => "pm",
            Self::Dev => "dev",
            Self::Qa => "qa",
            Self::Ops => "ops",
            Self::Integrations => "integrations",
            Self::Functions => "functions",
            Self::Models => "models",
            Self::Scheduler => "scheduler",
            Self::Notifications => "notifications",
        }
    }

    /// How long its function may run. `template.yaml` says the same (tested).
    #[must_use]
    pub const fn function_timeout(self) -> Duration {
        match self {
            Self::Engine | Self::Functions | Self::Scheduler | Self::Notifications => Duration::from_secs(60),
            Self::Pm | Self::Ops => Duration::from_secs(300),
            Self::Dev | Self::Integrations | Self::Models => Duration::from_secs(900),
            Self::Qa => Duration::from_secs(600),
        }
    }

    /// How long a received message stays hidden: six times the function's timeout, as AWS advises for SQS with Lambda.
    #[must_use]
    pub const fn visibility(self) -> Duration {
        Duration::from_secs(self.function_timeout().as_secs() * 6)
    }

    /// After so many receives without a delete a message goes to the dead letters.
    pub const MAX_RECEIVES: u32 = 3;
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// A name that is the same whenever the same message is sent again: 1 to 64 of `A-Z a-z 0-9 - _ .`. A store may
    /// use it to drop a repeated timer; receivers must not rely on that.
    pub name: String,
    /// UTF-8 text, at most [`OutgoingMessage::MAX_BYTES`].
    pub body: String,
    /// Not before this time; any distance. `None`: at once.
    pub deliver_at: Option<Timestamp>,
}

impl OutgoingMessage {
    /// The largest body: SQS allows 1 MiB a message; this leaves room for batches of several.
    pub const MAX_BYTES: usize = 240 * 1024;

    /// The span that its handling is a part of, where that is traced: for queues that tell receivers themselves.
    #[must_use]
    pub fn span(&self) -> Option<SpanContext> {
        Envelope::read(&self.body).span
    }
}

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The store's id of the message.
    pub id: String,
    /// What `delete` and `release` take: valid until the visibility ends.
    pub receipt: String,
    /// As it was sent.
    pub body: String,
    /// 1 on the first receive.
    pub receive_count: u32,
}

/// A message that was received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The store's id of the message: the one that its deliveries had.
    pub id: String,
    /// As it was sent.
    pub body: String,
    /// How often it was received; on AWS looking at it counts too.
    pub receive_count: u32,
    /// When it was sent, where the store knows.
    pub sent_at: Option<Timestamp>,
    /// When it was received first since it was sent or sent back, where the store knows.
    pub first_received_at: Option<Timestamp>,
    /// When it was given up, where the store knows; AWS does not say.
    pub dead_at: Option<Timestamp>,
}

/// Which of a queue's dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Letters {
    /// All that there are now.
    All,
    /// Those with these ids; others are left out without a word.
    Of(BTreeSet<String>),
}

impl Letters {
    /// Is that one among them?
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Of(ids) => ids.contains(id),
        }
    }
}

/// How full a queue is; approximate on AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueDepth {
    /// Messages that can be received now.
    pub ready: u64,
    /// Messages received and neither deleted nor visible again.
    pub in_flight: u64,
    /// Messages whose time has not come.
    pub delayed: u64,
    /// Messages in the dead-letter queue.
    pub dead: u64,
    /// Since when the oldest message, ready or in flight, could be received for the first time. `None`: there is none,
    /// or the store does not know; SQS tells CloudWatch only.
    pub oldest_at: Option<Timestamp>,
}

/// Standard queues: at least once, in no promised order.
pub trait MessageQueues: Send + Sync {
    /// Sends messages, any number. On an error some may have been sent.
    fn send(&self, queue: Queue, messages: Vec<OutgoingMessage>) -> impl Future<Output = StoreResult<()>> + Send;

    /// Receives up to `max` (1 to 10) messages, hiding each for `visibility`; waits up to `wait` for the first. A
    /// message that was received [`Queue::MAX_RECEIVES`] times already goes to the dead letters instead.
    fn receive(
        &self,
        queue: Queue,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> impl Future<Output = StoreResult<Vec<Delivery>>> + Send;

    /// Removes a received message. A receipt that is no longer valid is no error.
    fn delete(&self, queue: Queue, receipt: &str) -> impl Future<Output = StoreResult<()>> + Send;

    /// Makes a received message visible again after `delay`. A receipt that is no longer valid is no error.
    fn release(&self, queue: Queue, receipt: &str, delay: Duration) -> impl Future<Output = StoreResult<()>> + Send;

    /// How full the queue is.
    fn depth(&self, queue: Queue) -> impl Future<Output = StoreResult<QueueDepth>> + Send;

    /// Looks at up to `max` (1 to 100) dead letters without taking them, in an order that stays the same from page to
    /// page. On AWS a look hides them from another look for a moment, and sees at most the first thousand or so.
    fn dead_letters(
        &self,
        queue: Queue,
        cursor: Option<&str>,
        max: usize,
    ) -> impl Future<Output = StoreResult<Page<DeadLetter>>> + Send;

    /// Looks at one dead letter.
    fn dead_letter(&self, queue: Queue, id: &str) -> impl Future<Output = StoreResult<Option<DeadLetter>>> + Send;

    /// Sends dead letters back to their queue with a fresh receive count; answers about how many. On AWS all of them are
    /// on their way when this returns, not yet there.
    fn redrive(&self, queue: Queue, which: &Letters) -> impl Future<Output = StoreResult<u64>> + Send;

    /// Deletes dead letters for good; answers about how many.
    fn delete_dead_letters(&self, queue: Queue, which: &Letters) -> impl Future<Output = StoreResult<u64>> + Send;
}

/// What a listing of blobs says of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobInfo {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last put, by the store's clock, to the second.
    pub modified_at: Timestamp,
}

/// Artifacts and large values by key (`a/b/c`, no leading slash, no `..`).
pub trait BlobStore: Send + Sync {
    /// Stores a blob; replaces one of the same key. Durable when it returns.
    fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> impl Future<Output = StoreResult<()>> + Send;

    /// Reads a blob.
    fn get(&self, key: &str) -> impl Future<Output = StoreResult<Option<Vec<u8>>>> + Send;

    /// Removes a blob; it need not exist.
    fn delete(&self, key: &str) -> impl Future<Output = StoreResult<()>> + Send;

    /// Keys that begin with `prefix`, in order of key, at most `limit` (1 to 1,000).
    fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = StoreResult<Page<BlobInfo>>> + Send;

    /// A URL that downloads the blob as `filename` without further authentication for so long. Relative to the
    /// server's own address where it begins with `/`.
    fn download_url(
        &self,
        key: &str,
        filename: &str,
        valid_for: Duration,
    ) -> impl Future<Output = StoreResult<String>> + Send;
}

/// A secret text. `Debug` doesn't show it, and it can't be serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Secrets by name (`models/gemini/api-key`): SSM SecureString parameters under the stack's prefix, or a local store.
pub trait SecretStore: Send + Sync {
    /// Reads a secret.
    fn get(&self, name: &str) -> impl Future<Output = StoreResult<Option<Secret>>> + Send;

    /// Stores or replaces a secret.
    fn put(&self, name: &str, secret: &Secret) -> impl Future<Output = StoreResult<()>> + Send;

    /// Removes a secret; it need not exist.
    fn delete(&self, name: &str) -> impl Future<Output = StoreResult<()>> + Send;
}

/// The time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, never before an earlier answer of the same clock by more than the system's adjustments.
    fn now(&self) -> Timestamp;

    /// Returns after about so much time of whoever waits; on a clock that stands still, after others had their turns.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// Randomness.
pub trait IdSource: Send + Sync {
    /// Sixteen fresh bytes, unpredictable outside of tests.
    fn random(&self) -> [u8; 16];
}

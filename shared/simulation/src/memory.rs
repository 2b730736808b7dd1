//! The ports in memory, with a clock that is set by hand and seeded randomness: nothing in them differs between two
//! runs of the same test.

mod queues;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millrace_app::Timestamp;
use millrace_app::changes::{Change, ChangeFeed, NOTIFIED, matches};
use millrace_app::executions::{JoinArm, LogEntry, LogId};
use millrace_app::ports::{
    BlobInfo, BlobStore, Clock, Condition, ExecutionLog, IdSource, Index, Order, Page, Ports, Query, Queue, Record,
    RecordKey, RecordStore, Secret, SecretStore, StoreError, StoreResult, Write,
};

/// The first time that a fresh clock tells: 2026-01-01T00:00:00Z.
const EPOCH: i64 = 1_767_225_600_000;

/// The ports in memory. Clones share their content.
#[derive(Debug, Clone)]
pub struct MemoryPorts {
    state: Arc<Mutex<State>>,
    now: Arc<AtomicI64>,
    random: Arc<AtomicU64>,
    early: Arc<AtomicI64>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<(LogId, u64), LogEntry>,
    joins: HashMap<(LogId, u32), HashSet<LogId>>,
    records: BTreeMap<RecordKey, Record>,
    changes: Vec<Change>,
    last_change: u64,
    queues: BTreeMap<Queue, Vec<Message>>,
    dead: BTreeMap<Queue, Vec<Message>>,
    blobs: BTreeMap<String, (Vec<u8>, Timestamp)>,
    secrets: BTreeMap<String, Secret>,
    last_message: u64,
}

#[derive(Debug, Clone)]
struct Message {
    id: u64,
    body: String,
    visible_at: Timestamp,
    receives: u32,
    receipt: u64,
    copied: bool,
    sent_at: Timestamp,
    /// When it could be received for the first time.
    due_at: Timestamp,
    first_received_at: Option<Timestamp>,
}

impl Message {
    /// When it can be received, if messages that were never received come so many milliseconds too early.
    fn comes_at(&self, early: i64) -> Timestamp {
        self.visible_at.plus_millis(if self.receives == 0 { -early } else { 0 })
    }
}

impl MemoryPorts {
    /// Empty ports, whose randomness follows from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: Arc::default(),
            now: Arc::new(AtomicI64::new(EPOCH)),
            random: Arc::new(AtomicU64::new(seed)),
            early: Arc::default(),
        }
    }

    /// Has delayed messages come so much too early: clocks differ between the queue and its receivers.
    pub fn come_early(&self, by: Duration) {
        self.early.store(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// The newest entry of every log.
    #[must_use]
    pub fn newest(&self) -> Vec<LogEntry> {
        let state = self.state();
        let newest: BTreeMap<&LogId, &LogEntry> = state.entries.iter().map(|((log, _), entry)| (log, entry)).collect();
        newest.into_values().cloned().collect()
    }

    /// The bodies of all messages in a queue: hidden, delayed and dead ones too.
    #[must_use]
    pub fn bodies(&self, queue: Queue) -> Vec<String> {
        let state = self.state();
        let all = [&state.queues, &state.dead].into_iter().filter_map(|messages| messages.get(&queue)).flatten();
        all.map(|message| message.body.clone()).collect()
    }

    /// Removes the records whose keys begin so, as if they had never been written.
    pub fn forget_records(&self, partition: &str, sort: &str) {
        self.state().records.retain(|key, _| !(key.partition.starts_with(partition) && key.sort.starts_with(sort)));
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.now.fetch_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// When the next hidden or delayed message can be received, if there is one.
    #[must_use]
    pub fn next_visible(&self) -> Option<Timestamp> {
        let early = self.early.load(Ordering::SeqCst);
        let state = self.state();
        state.queues.values().flatten().map(|message| message.comes_at(early)).min()
    }

    /// Puts a second copy of messages that can be received now into their queues, as a standard queue may. None gets more
    /// than one: with many messages at hand the copies would outgrow the work.
    pub fn duplicate_ready(&self, choose: &mut impl FnMut() -> bool) {
        let now = self.now();
        let mut guard = self.state();
        let state = &mut *guard;
        for messages in state.queues.values_mut() {
            let mut copies = Vec::new();
            for message in messages.iter_mut().filter(|message| message.visible_at <= now && !message.copied) {
                if choose() {
                    message.copied = true;
                    state.last_message += 1;
                    copies.push(Message { id: state.last_message, ..message.clone() });
                }
            }
            messages.extend(copies);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ports for MemoryPorts {
    type Log = Self;
    type Records = Self;
    type Queues = Self;
    type Blobs = Self;
    type Secrets = Self;
    type Clock = Self;
    type Ids = Self;

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
    fn clock(&self) -> &Self {
        self
    }
    fn ids(&self) -> &Self {
        self
    }
}

impl Clock for MemoryPorts {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    async fn sleep(&self, _: Duration) {
        give_way().await;
    }
}

impl IdSource for MemoryPorts {
    fn random(&self) -> [u8; 16] {
        let number = self.random.fetch_add(1, Ordering::SeqCst);
        let (high, low) = (crate::mix(number), crate::mix(!number));
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }
}

impl MemoryPorts {
    /// The state without the entries that have expired: a store removes them one by one, without regard to the rest.
    fn kept(&self) -> MutexGuard<'_, State> {
        let now = self.now();
        let mut state = self.state();
        state.entries.retain(|_, entry| entry.expires_at.is_none_or(|at| at > now));
        state
    }
}

impl ExecutionLog for MemoryPorts {
    async fn append(&self, entry: &LogEntry, join: Option<&JoinArm>) -> StoreResult<bool> {
        let mut state = self.kept();
        let key = (entry.log.clone(), entry.seq);
        if state.entries.contains_key(&key) {
            return Err(StoreError::Conflict);
        }
        state.entries.insert(key, entry.clone());
        let Some(arm) = join else { return Ok(false) };
        let Some((parent, step)) = arm.child.parent() else { return Ok(false) };
        let counted = state.joins.entry((parent, step.fanout)).or_default();
        counted.insert(arm.child.clone());
        Ok(u32::try_from(counted.len()) == Ok(arm.total))
    }

    async fn joined(&self, arm: &JoinArm) -> StoreResult<bool> {
        let Some((parent, step)) = arm.child.parent() else { return Ok(false) };
        let state = self.state();
        let counted = state.joins.get(&(parent, step.fanout)).map_or(0, HashSet::len);
        Ok(u32::try_from(counted) == Ok(arm.total))
    }

    async fn latest(&self, log: &LogId) -> StoreResult<Option<LogEntry>> {
        let state = self.kept();
        let mut entries = state.entries.range((log.clone(), 0)..=(log.clone(), u64::MAX));
        Ok(entries.next_back().map(|(_, entry)| entry.clone()))
    }

    /// Time does not pass in a call: nothing comes while it waits.
    async fn appended(&self, log: &LogId, after: u64, _: Duration) -> StoreResult<Option<LogEntry>> {
        Ok(self.latest(log).await?.filter(|entry| entry.seq > after))
    }

    async fn entries(&self, log: &LogId, from: u64, limit: usize) -> StoreResult<Vec<LogEntry>> {
        let state = self.kept();
        let entries = state.entries.range((log.clone(), from)..=(log.clone(), u64::MAX));
        Ok(entries.take(limit).map(|(_, entry)| entry.clone()).collect())
    }

    async fn children(&self, parent: &LogId, fanout: u32, from: u32, to: u32) -> StoreResult<Vec<LogEntry>> {
        let state = self.kept();
        let newest = |index| {
            let log = parent.child(fanout, index);
            let mut entries = state.entries.range((log.clone(), 0)..=(log, u64::MAX));
            entries.next_back().map(|(_, entry)| entry.clone())
        };
        Ok((from..to).filter_map(newest).collect())
    }
}

fn holds(stored: Option<&Record>, condition: Condition) -> bool {
    match condition {
        Condition::Any => true,
        Condition::Absent => stored.is_none(),
        Condition::Version(version) => stored.is_some_and(|record| record.version == version),
    }
}

impl State {
    /// Notes a change of a record.
    fn note(&mut self, key: RecordKey, old: Option<Record>, new: Option<serde_json::Value>, at: Timestamp) {
        let old = old.filter(|record| record.expires_at.is_none_or(|end| end > at)).map(|record| record.body);
        if old != new && matches(NOTIFIED, &key) {
            self.last_change += 1;
            self.changes.push(Change { id: self.last_change.to_string(), key, old, new, at });
        }
    }
}

impl ChangeFeed for MemoryPorts {
    async fn changes(&self, limit: usize) -> StoreResult<Vec<Change>> {
        Ok(self.state().changes.iter().take(limit).cloned().collect())
    }

    async fn forget_changes(&self, up_to: &str) -> StoreResult<()> {
        let number = |id: &str| id.parse::<u64>().unwrap_or_default();
        self.state().changes.retain(|change| number(&change.id) > number(up_to));
        Ok(())
    }
}

impl RecordStore for MemoryPorts {
    async fn get(&self, key: &RecordKey) -> StoreResult<Option<Record>> {
        let now = self.now();
        let state = self.state();
        Ok(state.records.get(key).filter(|record| record.expires_at.is_none_or(|at| at > now)).cloned())
    }

    async fn write(&self, writes: Vec<Write>) -> StoreResult<()> {
        let now = self.now();
        let mut state = self.state();
        for write in &writes {
            let (Write::Put(Record { key, .. }, condition) | Write::Delete(key, condition)) = write;
            let stored = state.records.get(key).filter(|record| record.expires_at.is_none_or(|at| at > now));
            if !holds(stored, *condition) {
                return Err(StoreError::Conflict);
            }
        }
        for write in writes {
            match write {
                Write::Put(mut record, condition) => {
                    record.version = match condition {
                        Condition::Absent => 1,
                        Condition::Version(version) => version + 1,
                        Condition::Any => record.version + 1,
                    };
                    let (key, new) = (record.key.clone(), record.body.clone());
                    let old = state.records.insert(key.clone(), record);
                    state.note(key, old, Some(new), now);
                }
                Write::Delete(key, _) => {
                    let old = state.records.remove(&key);
                    state.note(key, old, None, now);
                }
            }
        }
        Ok(())
    }

    async fn query(&self, query: &Query) -> StoreResult<Page<Record>> {
        let now = self.now();
        let place = |record: &Record| -> Option<(String, String)> {
            match query.index {
                None => Some((record.key.partition.clone(), record.key.sort.clone())),
                Some(index) => {
                    let listing = record.listings.iter().find(|listing| listing.index == index)?;
                    Some((listing.partition.clone(), listing.sort.clone()))
                }
            }
        };
        let state = self.state();
        let mut found: Vec<(String, &Record)> = state
            .records
            .values()
            .filter(|record| record.expires_at.is_none_or(|at| at > now))
            .filter_map(|record| Some((place(record)?, record)))
            .filter(|((partition, sort), _)| {
                *partition == query.partition
                    && sort.starts_with(&query.sort_prefix)
                    && query.sort_to.as_ref().is_none_or(|to| sort <= to)
            })
            .map(|((_, sort), record)| (sort, record))
            .collect();
        found.sort_by(|one, other| (&one.0, &one.1.key).cmp(&(&other.0, &other.1.key)));
        if query.order == Order::Descending {
            found.reverse();
        }
        let name = cursor_name(query);
        let place = |sort: &str, record: &Record| format!("{sort}\n{}\n{}", record.key.partition, record.key.sort);
        if let Some(cursor) = &query.cursor {
            let after = cursor_place(&name, cursor)?;
            found.retain(|(sort, record)| match query.order {
                Order::Ascending => place(sort, record) > after,
                Order::Descending => place(sort, record) < after,
            });
        }
        let more = found.len() > query.limit;
        found.truncate(query.limit);
        let next = found.last().filter(|_| more).map(|(sort, record)| cursor_at(&name, &place(sort, record)));
        Ok(Page { items: found.into_iter().map(|(_, record)| record.clone()).collect(), next })
    }
}

fn cursor_name(query: &Query) -> String {
    let index = match query.index {
        None => "table",
        Some(Index::Owner) => "owner",
        Some(Index::Status) => "status",
        Some(Index::Due) => "due",
    };
    let text = format!("{index} {} {} {:?}", query.partition, query.sort_prefix, query.order);
    millrace_app::digest::sha256_hex(text.as_bytes()).chars().take(16).collect()
}

/// A URL-safe cursor: whose it is, and the place after which the next page begins.
fn cursor_at(name: &str, place: &str) -> String {
    place.bytes().fold(format!("{name}."), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}

fn cursor_place(name: &str, cursor: &str) -> StoreResult<String> {
    let place = cursor.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')).ok_or(StoreError::InvalidCursor)?;
    let bytes = place.as_bytes().chunks(2).map(|pair| {
        let digits = std::str::from_utf8(pair).ok().filter(|digits| digits.len() == 2)?;
        u8::from_str_radix(digits, 16).ok()
    });
    let bytes = bytes.collect::<Option<Vec<u8>>>().ok_or(StoreError::InvalidCursor)?;
    String::from_utf8(bytes).map_err(|_| StoreError::InvalidCursor)
}

/// Lets other tasks of the same thread run.
pub(crate) async fn give_way() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

impl BlobStore for MemoryPorts {
    async fn put(&self, key: &str, bytes: Vec<u8>, _: &str) -> StoreResult<()> {
        let now = self.now();
        self.state().blobs.insert(key.to_owned(), (bytes, now));
        Ok(())
    }

    async fn get(&self, key: &str) -> StoreResult<Option<Vec<u8>>> {
        Ok(self.state().blobs.get(key).map(|(bytes, _)| bytes.clone()))
    }

    async fn delete(&self, key: &str) -> StoreResult<()> {
        self.state().blobs.remove(key);
        Ok(())
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> StoreResult<Page<BlobInfo>> {
        let state = self.state();
        let name: String = millrace_app::digest::sha256_hex(prefix.as_bytes()).chars().take(16).collect();
        let after = cursor.map(|cursor| cursor_place(&name, cursor)).transpose()?;
        let mut found = state
            .blobs
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && after.as_ref().is_none_or(|after| *key > after))
            .map(|(key, (bytes, modified_at))| BlobInfo {
                key: key.clone(),
                size: bytes.len() as u64,
                modified_at: *modified_at,
            });
        let items: Vec<BlobInfo> = found.by_ref().take(limit).collect();
        let next = found.next().and_then(|_| items.last().map(|last| cursor_at(&name, &last.key)));
        Ok(Page { items, next })
    }

    async fn download_url(&self, key: &str, filename: &str, valid_for: Duration) -> StoreResult<String> {
        let seconds = valid_for.as_secs();
        Ok(format!("/memory/{}?filename={}&seconds={seconds}", cursor_at("k", key), cursor_at("f", filename)))
    }
}

impl SecretStore for MemoryPorts {
    async fn get(&self, name: &str) -> StoreResult<Option<Secret>> {
        Ok(self.state().secrets.get(name).cloned())
    }

    async fn put(&self, name: &str, secret: &Secret) -> StoreResult<()> {
        self.state().secrets.insert(name.to_owned(), secret.clone());
        Ok(())
    }

    async fn delete(&self, name: &str) -> StoreResult<()> {
        self.state().secrets.remove(name);
        Ok(())
    }
}

//! What an entry of a log holds, and how it is written: as JSON text, or as the address of a larger text.

use std::fmt;
use std::marker::PhantomData;

use millrace_asl::{Details, HistoryEvent, Position, Snapshot, Timestamp};
use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::history::HistoryItem;
use super::log::{LogEntry, LogId};
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::ids::{ExecutionId, ProjectId};
use crate::keys;
use crate::ports::{BlobStore, Ports, StoreError};
use crate::traces::ExecutionSpan;

/// Texts over this go to the blobs: DynamoDB takes items of 400 KiB, and each KiB of one costs a write unit.
const LARGEST_INLINE: usize = 64 * 1024;

/// What every entry and every task message says of its execution, so that the common step reads nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// SHA-256 of the definition's text, its address among the blobs.
    #[serde(rename = "def")]
    pub(crate) definition: String,
    /// Who owns the execution.
    #[serde(rename = "own")]
    pub(crate) owner: String,
    /// The project whose delivery it is.
    #[serde(rename = "prj", default, skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<ProjectId>,
    /// In a child: when all above it were last known to wait for it.
    #[serde(rename = "awt", default, skip_serializing_if = "is_start")]
    pub(crate) awaited: Timestamp,
    /// The execution's span, where it is traced.
    #[serde(rename = "span", default, skip_serializing_if = "Option::is_none")]
    pub(crate) span: Option<ExecutionSpan>,
}

fn is_start(at: &Timestamp) -> bool {
    *at == Timestamp::default()
}

/// The content of an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EntryBody {
    #[serde(flatten)]
    pub(crate) header: Header,
    /// Rises along every chain of causes, across logs; with the time it orders the history.
    #[serde(rename = "tick")]
    pub(crate) tick: u64,
    #[serde(rename = "snap")]
    pub(crate) snapshot: Snapshot,
    #[serde(rename = "hist")]
    pub(crate) history: Vec<HistoryEvent>,
    /// In a child's first entry: which of the events it was born with, before this entry's own.
    #[serde(rename = "born", default, skip_serializing_if = "Option::is_none")]
    pub(crate) born: Option<Born>,
    /// In entry 0 of a fork: the history of the execution that it was forked from, up to there.
    #[serde(rename = "before", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) before: Vec<HistoryItem>,
}

/// When a child's first events happened: in its parent's decision, which is when nothing of the child is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Born {
    /// When the parent committed.
    #[serde(rename = "at")]
    pub(crate) at: Timestamp,
    /// The tick of the child's birth.
    #[serde(rename = "tick")]
    pub(crate) tick: u64,
    /// How many events at the start of the entry's history are the birth's.
    #[serde(rename = "n")]
    pub(crate) events: u32,
}

/// What stands in place of a large text. No other value that is stored here begins like it.
#[derive(Debug, Serialize, Deserialize)]
struct Elsewhere {
    blob: String,
}

const ELSEWHERE: &str = "{\"blob\":";

/// What a thread needs of an entry, and with what its history begins: the rest may be long and is skipped.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct EntryHead {
    #[serde(flatten)]
    pub(crate) header: Header,
    #[serde(rename = "tick")]
    pub(crate) tick: u64,
    #[serde(rename = "snap")]
    pub(crate) snapshot: Snapshot,
    #[serde(rename = "hist", deserialize_with = "first_of")]
    history: Option<HistoryEvent>,
    #[serde(rename = "before", default, deserialize_with = "first_of")]
    before: Option<HistoryItem>,
    /// Named, so that it is skipped and not kept for the header.
    #[serde(rename = "born", default)]
    _born: IgnoredAny,
}

/// The first of an array; the others are skipped.
fn first_of<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    struct First<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for First<T> {
        type Value = Option<T>;

        fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<T>, A::Error> {
            let first = items.next_element()?;
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok(first)
        }
    }

    from.deserialize_seq(First(PhantomData))
}

/// What an execution was started with, from its first entry.
pub(crate) fn input_of(first: EntryHead) -> Value {
    input(first.before.map(|started| started.details), first.history.map(|started| started.details))
}

impl EntryBody {
    /// What an execution was started with, from its first entry.
    pub(crate) fn input(&self) -> Value {
        let (before, history) = (self.before.first(), self.history.first());
        input(before.map(|started| started.details.clone()), history.map(|started| started.details.clone()))
    }
}

/// The input in the details of the event that begins a history: the fork's source's, else its own.
fn input(before: Option<Map<String, Value>>, own: Option<Details>) -> Value {
    let started = before.or_else(|| own.map(Details::into_fields));
    started.and_then(|mut details| details.remove("input")).unwrap_or_default()
}

/// Writes a value of an execution as JSON; a large one is stored as a blob first and only its address is returned. The address
/// begins with the execution, so that it is known whose record needs the blob.
pub(crate) async fn encode<P: Ports, T: Serialize>(
    ports: &P,
    execution: &ExecutionId,
    value: &T,
) -> Result<String, Error> {
    let text = serde_json::to_string(value).map_err(Error::internal)?;
    if text.len() <= LARGEST_INLINE {
        return Ok(text);
    }
    let blob = format!("{execution}/{}", sha256_hex(text.as_bytes()));
    ports.blobs().put(&keys::payload(&blob), text.into_bytes(), "application/json").await?;
    serde_json::to_string(&Elsewhere { blob }).map_err(Error::internal)
}

/// Reads what [`encode`] wrote.
pub(crate) async fn decode<P: Ports, T: DeserializeOwned>(ports: &P, text: &str, what: &str) -> Result<T, Error> {
    let corrupt = |problem: serde_json::Error| Error::from(StoreError::corrupt(what, problem));
    if !text.starts_with(ELSEWHERE) {
        return serde_json::from_str(text).map_err(corrupt);
    }
    let Elsewhere { blob } = serde_json::from_str(text).map_err(corrupt)?;
    let bytes = ports.blobs().get(&keys::payload(&blob)).await?;
    let bytes = bytes.ok_or_else(|| Error::from(StoreError::corrupt(what, format!("payload {blob} is gone"))))?;
    serde_json::from_slice(&bytes).map_err(corrupt)
}

/// From when on an entry made at `at` is kept, by where it leaves its thread.
pub(crate) fn kept_from(position: &Position, at: Timestamp) -> Timestamp {
    match position {
        Position::Wait { until, .. } | Position::Backoff { until, .. } => at.max(*until),
        Position::Task { .. }
        | Position::Work { .. }
        | Position::Join { .. }
        | Position::Queued { .. }
        | Position::Ready { .. }
        | Position::Ended { .. } => at,
    }
}

/// The entry that commits a decision. It must not expire before an older one of its log, which would come to life again:
/// `kept_from` looks at the position before, too, since a wait may end before its time.
pub(crate) async fn entry<P: Ports>(
    ports: &P,
    log: LogId,
    seq: u64,
    at: Timestamp,
    body: &EntryBody,
    kept_from: Timestamp,
) -> Result<LogEntry, Error> {
    let expires_at = Some(ports.retention().of_entry(kept_from));
    let body = encode(ports, &log.execution, body).await?;
    Ok(LogEntry { log, seq, at, body, expires_at })
}

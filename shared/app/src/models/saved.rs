//! Finished calls: stored before they are used, found again by what was asked.

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use super::chat::{ChatAnswer, ModelRef, TokenUsage};
use super::complete::Scope;
use super::usage;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::keys;
use crate::ports::{
    BlobStore, Clock, Condition, Index, Order, Page, Ports, Query, Record, RecordKey, RecordStore, StoreError, Write,
};
use crate::projects::rfc3339;

/// A longer answer is a blob; a record of DynamoDB holds 400 KB.
const TEXT_IN_RECORD: usize = 128 * 1024;
/// How long calls outside of projects are kept, in milliseconds: 90 days, as long as an execution can be redriven and more.
const KEPT_MILLIS: i64 = 90 * 24 * 60 * 60 * 1_000;
/// How often a save is tried again after somebody else counted usage, or where the store does not answer: the call is paid.
const ATTEMPTS: u32 = 40;
/// How often, where the store does not answer.
const UNAVAILABLE: u32 = 5;

/// A finished call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SavedCall {
    #[serde(flatten)]
    pub(super) answer: ChatAnswer,
    #[serde(rename = "asked")]
    pub(super) model: ModelRef,
    pub(super) role: String,
    pub(super) task: String,
    pub(super) variant: u32,
    /// `None` where the price was unknown.
    pub(super) usd: Option<f64>,
    pub(super) millis: u64,
    #[serde(with = "rfc3339")]
    pub(super) at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Body {
    #[serde(flatten)]
    call: SavedCall,
    /// Where the text is, when it is not in the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blob: Option<String>,
}

impl Scope {
    /// The partition of what belongs to it.
    pub(super) fn partition(&self) -> String {
        match self {
            Self::Project(id) => keys::project_partition(id),
            Self::Execution(id) => keys::execution(id).partition,
            Self::Single { id, .. } => keys::ai_task(id).partition,
        }
    }

    /// When what is kept of it may go; a project's goes with the project.
    pub(super) fn expires(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Project(_) => None,
            Self::Execution(_) | Self::Single { .. } => Some(now.plus_millis(KEPT_MILLIS)),
        }
    }

    fn call(&self, key: &str) -> RecordKey {
        RecordKey { partition: self.partition(), sort: format!("{}{key}", keys::MODEL_CALL) }
    }

    fn blob(&self, text: &str) -> String {
        let digest = sha256_hex(text.as_bytes());
        match self {
            Self::Project(id) => keys::artifacts::model_answer(id, &digest),
            Self::Execution(id) => keys::payload(&format!("{id}/{digest}")),
            Self::Single { id, .. } => keys::payload(&format!("{id}/{digest}")),
        }
    }
}

/// An owner's single calls that were answered in a time, the newest first. Calls of projects and executions are found with those.
///
/// # Errors
/// [`Error::Store`]
pub(crate) async fn single_calls<P: Ports>(
    ports: &P,
    owner: &str,
    before: Timestamp,
    limit: usize,
    cursor: Option<String>,
) -> Result<Page<CallCost>, Error> {
    let query = Query {
        index: Some(Index::Owner),
        partition: keys::owner_model_calls(owner),
        sort_prefix: String::new(),
        sort_to: Some(keys::by_time(before, "")),
        order: Order::Descending,
        limit,
        cursor,
    };
    costs(ports.records().query(&query).await?)
}

/// What a saved call used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CallCost {
    /// The model that was asked.
    pub(crate) model: ModelRef,
    /// Its tokens.
    pub(crate) usage: TokenUsage,
    /// US dollars; `None` where the price was unknown.
    pub(crate) usd: Option<f64>,
    /// When it was answered.
    pub(crate) at: Timestamp,
}

/// A page of a scope's saved calls, in no order that means anything.
///
/// # Errors
/// [`Error::Store`]
pub(crate) async fn saved_calls<P: Ports>(
    ports: &P,
    scope: &Scope,
    limit: usize,
    cursor: Option<String>,
) -> Result<Page<CallCost>, Error> {
    let query = Query {
        index: None,
        partition: scope.partition(),
        sort_prefix: keys::MODEL_CALL.to_owned(),
        sort_to: None,
        order: Order::Ascending,
        limit,
        cursor,
    };
    costs(ports.records().query(&query).await?)
}

fn costs(page: Page<Record>) -> Result<Page<CallCost>, Error> {
    let read = |record: Record| {
        let Body { call, .. } = Body::deserialize(&record.body).map_err(|error| {
            Error::Store(StoreError::corrupt(format!("{}/{}", record.key.partition, record.key.sort), error))
        })?;
        Ok(CallCost { model: call.model, usage: call.answer.usage, usd: call.usd, at: call.at })
    };
    Ok(Page { items: page.items.into_iter().map(read).collect::<Result<_, Error>>()?, next: page.next })
}

/// The saved call of this name.
pub(super) async fn load<P: Ports>(ports: &P, scope: &Scope, key: &str) -> Result<Option<SavedCall>, Error> {
    Ok(read(ports, scope, key).await?.0)
}

/// The same with the version of its record; 0 where there is none.
async fn read<P: Ports>(ports: &P, scope: &Scope, key: &str) -> Result<(Option<SavedCall>, u64), Error> {
    let at = scope.call(key);
    let Some(record) = ports.records().get(&at).await? else { return Ok((None, 0)) };
    let corrupt = |error| Error::Store(StoreError::corrupt(format!("{}/{}", at.partition, at.sort), error));
    let Body { mut call, blob } = Body::deserialize(&record.body).map_err(corrupt)?;
    if let Some(blob) = blob {
        let bytes = ports.blobs().get(&blob).await?;
        // Without its text the call is as good as not made.
        let Some(bytes) = bytes else { return Ok((None, record.version)) };
        call.answer.text =
            String::from_utf8(bytes).map_err(|error| Error::Store(StoreError::corrupt(blob.clone(), error)))?;
    }
    Ok((Some(call), record.version))
}

/// Stores a finished call and counts its usage, in one transaction. Where the same call was saved meanwhile, that one is
/// answered, with false, and nothing is counted.
pub(super) async fn save<P: Ports>(
    ports: &P,
    scope: &Scope,
    key: &str,
    call: SavedCall,
) -> Result<(SavedCall, bool), Error> {
    let mut body = Body { call: call.clone(), blob: None };
    if call.answer.text.len() > TEXT_IN_RECORD {
        let blob = scope.blob(&call.answer.text);
        let mut failures = 0;
        while let Err(error) = ports.blobs().put(&blob, call.answer.text.clone().into_bytes(), "text/plain").await {
            failures = again(ports, error.into(), failures).await?;
        }
        body.call.answer.text.clear();
        body.blob = Some(blob);
    }
    let record = Record {
        key: scope.call(key),
        version: 0,
        body: serde_json::to_value(&body).map_err(Error::internal)?,
        listings: match scope {
            // No other listing leads to it.
            Scope::Single { id, owner } => {
                vec![keys::listing(Index::Owner, keys::owner_model_calls(owner), call.at, &format!("{id}#{key}"))]
            }
            Scope::Project(_) | Scope::Execution(_) => Vec::new(),
        },
        expires_at: scope.expires(ports.clock().now()),
    };
    let (mut conflicts, mut failures) = (0, 0);
    loop {
        let stored = async {
            let (saved, version) = read(ports, scope, key).await?;
            if saved.is_some() {
                return Ok(saved);
            }
            let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
            let usage = usage::counted(ports, scope, key, &call).await?;
            let record = Record { version, ..record.clone() };
            ports.records().write(vec![Write::Put(record, condition), usage]).await?;
            Ok::<_, Error>(None)
        };
        match stored.await {
            Ok(None) => return Ok((call, true)),
            // Also where an earlier try was stored though the store told otherwise: then it was counted, too.
            Ok(Some(saved)) => return Ok((saved, false)),
            Err(Error::Store(StoreError::Conflict)) if conflicts < ATTEMPTS => {
                conflicts += 1;
                usage::let_pass(ports, conflicts).await;
            }
            Err(error) => failures = again(ports, error, failures).await?,
        }
    }
}

/// After a pause, where a store does not answer.
async fn again<P: Ports>(ports: &P, error: Error, failures: u32) -> Result<u32, Error> {
    if !matches!(error, Error::Store(StoreError::Unavailable { .. })) || failures >= UNAVAILABLE {
        return Err(error);
    }
    ports.clock().sleep(std::time::Duration::from_millis(200 << failures)).await;
    Ok(failures + 1)
}

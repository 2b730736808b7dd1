//! Versions of tables that come from elsewhere: which one is used, and those before.

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::keys;
use crate::ports::{BlobStore, Clock, Condition, Ports, Record, RecordStore, StoreError, Write};
use crate::projects::rfc3339;

/// Versions that can be gone back to.
const KEPT: usize = 10;
/// How often a change is decided again.
const TRIES: usize = 12;

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Table {
    /// What models cost.
    Prices,
    /// What projects are made from.
    Templates,
}

impl Table {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Prices => "prices",
            Self::Templates => "templates",
        }
    }

    /// The largest file.
    pub(crate) const fn most_bytes(self) -> usize {
        match self {
            Self::Prices => 1024 * 1024,
            Self::Templates => 10 * 1024 * 1024,
        }
    }
}

/// A version of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// Counts from 1; going back makes a new one with an older content.
    pub(crate) number: u64,
    /// Of the file.
    pub(crate) sha256: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Where it came from.
    pub(crate) source: String,
    /// What it holds, for people.
    pub(crate) summary: String,
    /// When it was made the current one.
    #[serde(with = "rfc3339")]
    pub(crate) at: Timestamp,
}

/// The record of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Versions {
    /// The one that is used; nothing for what comes with Millrace.
    #[serde(default)]
    current: Option<Version>,
    /// Those before, the newest first.
    #[serde(default)]
    earlier: Vec<Version>,
    /// How many there were.
    #[serde(default)]
    last: u64,
    /// The content that was gone back from: it is not taken again by itself.
    #[serde(default)]
    refused: Option<String>,
    /// Names the last going back, so that its task done twice goes back once.
    #[serde(default)]
    rolled_back_by: Option<String>,
}

/// A table that was fetched and is valid.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) sha256: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) summary: String,
    pub(crate) source: String,
    pub(crate) force: bool,
}

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is the current version from now on.
    Now,
    /// It was already.
    Before,
}

async fn load<P: Ports>(ports: &P, table: Table) -> Result<(Versions, u64), Error> {
    let key = keys::synced(table.name());
    let Some(record) = ports.records().get(&key).await? else { return Ok((Versions::default(), 0)) };
    let version = record.version;
    let read = serde_json::from_value(record.body).map_err(|problem| StoreError::corrupt(key.partition, problem))?;
    Ok((read, version))
}

/// Stores a table's record; false where somebody else was faster.
async fn store<P: Ports>(ports: &P, table: Table, versions: &Versions, version: u64) -> Result<bool, Error> {
    let record = Record {
        key: keys::synced(table.name()),
        version,
        body: serde_json::to_value(versions).map_err(Error::internal)?,
        listings: Vec::new(),
        expires_at: None,
    };
    let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
    match ports.records().write(vec![Write::Put(record, condition)]).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What is to be said of a content without fetching it: that it is used already, or was gone back from.
pub(crate) async fn is_known<P: Ports>(
    ports: &P,
    table: Table,
    sha256: &str,
    force: bool,
) -> Result<Option<(&'static str, Option<Version>)>, Error> {
    let (versions, _) = load(ports, table).await?;
    if versions.current.as_ref().is_some_and(|current| current.sha256 == sha256) {
        return Ok(Some(("unchanged", versions.current)));
    }
    if !force && versions.refused.as_deref() == Some(sha256) {
        return Ok(Some(("left_out_since_it_was_rolled_back", versions.current)));
    }
    Ok(None)
}

/// Makes an offer the current version. The file is stored first, under its content; the record is the switch.
pub(crate) async fn take<P: Ports>(ports: &P, table: Table, offer: Offer) -> Result<(Taken, Version), Error> {
    let Offer { sha256, bytes, summary, source, force } = offer;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let key = keys::artifacts::synced(table.name(), &sha256);
    ports.blobs().put(&key, bytes, "application/octet-stream").await?;
    for _ in 0..TRIES {
        let (mut versions, stored) = load(ports, table).await?;
        if let Some(current) = versions.current.as_ref().filter(|current| current.sha256 == sha256) {
            return Ok((Taken::Before, current.clone()));
        }
        versions.last += 1;
        let version = Version {
            number: versions.last,
            sha256: sha256.clone(),
            size,
            source: source.clone(),
            summary: summary.clone(),
            at: ports.clock().now(),
        };
        if let Some(before) = versions.current.replace(version.clone()) {
            versions.earlier.insert(0, before);
        }
        versions.earlier.truncate(KEPT);
        if force {
            versions.refused = None;
        }
        if store(ports, table, &versions, stored).await? {
            return Ok((Taken::Now, version));
        }
    }
    Err(StoreError::Conflict.into())
}

/// Goes back to the version before; before the first is what comes with Millrace, told as `None`. `by` names the call.
pub(crate) async fn roll_back<P: Ports>(ports: &P, table: Table, by: &str) -> Result<Option<Version>, Error> {
    for _ in 0..TRIES {
        let (mut versions, stored) = load(ports, table).await?;
        if versions.rolled_back_by.as_deref() == Some(by) {
            return Ok(versions.current);
        }
        let Some(left) = versions.current.take() else {
            let why = format!("{} were never synchronised, or are back at what comes with Millrace", table.name());
            return Err(Error::WrongState(why));
        };
        if !versions.earlier.is_empty() {
            let back = versions.earlier.remove(0);
            versions.last += 1;
            versions.current = Some(Version { number: versions.last, at: ports.clock().now(), ..back });
        }
        versions.refused = Some(left.sha256);
        versions.rolled_back_by = Some(by.to_owned());
        if store(ports, table, &versions, stored).await? {
            return Ok(versions.current);
        }
    }
    Err(StoreError::Conflict.into())
}

/// The content's SHA-256 of the version that is used; `None` for what comes with Millrace.
pub(crate) async fn current<P: Ports>(ports: &P, table: Table) -> Result<Option<String>, Error> {
    Ok(load(ports, table).await?.0.current.map(|current| current.sha256))
}

/// The file of a version.
pub(crate) async fn content<P: Ports>(ports: &P, table: Table, sha256: &str) -> Result<Vec<u8>, Error> {
    let key = keys::artifacts::synced(table.name(), sha256);
    let bytes = ports.blobs().get(&key).await?;
    bytes.ok_or_else(|| StoreError::corrupt(key, "the record is there and the blob is not").into())
}

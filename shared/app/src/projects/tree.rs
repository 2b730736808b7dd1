//! The files that a task read, and storing what it made of them.
//!
//! Tasks of one wave work at the same time. Each reads the files as they were at one moment ([`pin`]) and stores its changes
//! only over files that are still what it read ([`commit`]); what somebody else has changed meanwhile is answered, for the
//! caller to merge or to do its work again. Everything is named by keys that the caller derives from its task, so that
//! doing a task again finds what it read and what it stored.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::artifacts::read_blob;
use super::model::FileRecord;
use super::store;
use super::work::{check_path, load_file_records, load_project};
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::ids::ProjectId;
use crate::keys;
use crate::ports::{BlobStore, Clock, Condition, Ports, Record, RecordStore, StoreError, Write};

/// How many files one task may change: a transaction takes 100 writes.
pub const CHANGES: usize = 99;

/// How often a commit is decided again after somebody else wrote.
const ATTEMPTS: usize = 12;

/// A file as a task reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedFile {
    /// Its path.
    pub path: String,
    /// SHA-256 of its contents.
    pub sha256: String,
    /// Is it a program to be run?
    #[serde(default)]
    pub executable: bool,
}

/// What a task makes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The file.
    pub path: String,
    /// SHA-256 of what the change was made from; `None` where there was no file.
    pub base: Option<String>,
    /// What it is to be; `None` removes it.
    pub now: Option<NewContents>,
}

/// What a file is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewContents {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Language in lower case; `text` when it has none.
    pub language: String,
    /// Is it a program to be run?
    pub executable: bool,
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq)]
pub enum Committed {
    /// The changes are stored, now or before; this is the task's result.
    Done(Value),
    /// Nothing is stored: these files are no longer what the changes were made from. Path, and SHA-256 of what is there.
    Moved(Vec<(String, Option<String>)>),
}

#[derive(Serialize, Deserialize)]
struct Pin {
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Mark {
    result: Value,
}

#[derive(Default, Serialize, Deserialize)]
struct GaveUp {
    attempts: Vec<String>,
}

/// The files as they were when this was first asked under `key`.
///
/// # Errors
/// [`Error::NotFound`] and [`Error::WrongState`] as for all work; [`Error::Store`].
pub async fn pin<P: Ports>(ports: &P, id: &ProjectId, run: u32, key: &str) -> Result<Vec<PinnedFile>, Error> {
    let record_key = keys::work(id, &format!("pin {key}"));
    for _ in 0..ATTEMPTS {
        if let Some(record) = ports.records().get(&record_key).await? {
            let pin: Pin = store::decode(&record)?;
            let key = keys::artifacts::file(id, &pin.sha256);
            let bytes = read_blob(ports, &key).await?;
            return serde_json::from_slice(&bytes).map_err(|error| StoreError::corrupt(key, error).into());
        }
        load_project(ports, id, run).await?;
        let files: Vec<PinnedFile> = load_file_records(ports, id)
            .await?
            .into_iter()
            .map(|file| PinnedFile { path: file.path, sha256: file.sha256, executable: file.executable })
            .collect();
        let bytes = serde_json::to_vec(&files).map_err(Error::internal)?;
        let sha256 = sha256_hex(&bytes);
        ports.blobs().put(&keys::artifacts::file(id, &sha256), bytes, "application/json").await?;
        let record = store::fresh(record_key.clone(), &Pin { sha256 }, Vec::new())?;
        match ports.records().write(vec![Write::Put(record, Condition::Absent)]).await {
            Ok(()) => return Ok(files),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// The contents of a file that was stored, by their SHA-256.
///
/// # Errors
/// [`Error::Store`], also where there are none.
pub async fn contents<P: Ports>(ports: &P, id: &ProjectId, sha256: &str) -> Result<Vec<u8>, Error> {
    read_blob(ports, &keys::artifacts::file(id, sha256)).await
}

/// The result of a task that was committed under `key`.
///
/// # Errors
/// [`Error::Store`].
pub async fn finished<P: Ports>(ports: &P, id: &ProjectId, key: &str) -> Result<Option<Value>, Error> {
    let record = ports.records().get(&keys::work(id, &format!("done {key}"))).await?;
    record.map(|record| Ok(store::decode::<Mark>(&record)?.result)).transpose()
}

/// Stores a task's changes, its result and that it is done, in one transaction, if every file is still what its change was
/// made from. A file that already is what it is to be counts as changed.
///
/// # Errors
/// [`Error::Invalid`] for a path that is not safe and for more than [`CHANGES`] changes; otherwise as for all work.
pub async fn commit<P: Ports>(
    ports: &P,
    id: &ProjectId,
    run: u32,
    task_id: &str,
    key: &str,
    changes: &[FileChange],
    result: &Value,
) -> Result<Committed, Error> {
    if changes.len() > CHANGES {
        return Err(Error::invalid("files", format!("a task changes at most {CHANGES} files")));
    }
    for change in changes {
        check_path(&change.path).map_err(|problem| Error::invalid("path", format!("{:?} {problem}", change.path)))?;
    }
    let mut stored = false;
    for _ in 0..ATTEMPTS {
        load_project(ports, id, run).await?;
        if let Some(result) = finished(ports, id, key).await? {
            return Ok(Committed::Done(result));
        }
        if !stored {
            for bytes in changes.iter().filter_map(|change| change.now.as_ref()).map(|now| &now.bytes) {
                let name = keys::artifacts::file(id, &sha256_hex(bytes));
                ports.blobs().put(&name, bytes.clone(), "application/octet-stream").await?;
            }
            stored = true;
            // The blobs took their time: look again before the records name them.
            continue;
        }
        let (mut writes, mut moved) = (Vec::new(), Vec::new());
        for change in changes {
            let record = ports.records().get(&keys::file(id, &change.path)).await?;
            let is = record.as_ref().map(store::decode::<FileRecord>).transpose()?.map(|file| file.sha256);
            let wanted = change.now.as_ref().map(|now| sha256_hex(&now.bytes));
            if is == wanted {
                continue;
            }
            if is != change.base {
                moved.push((change.path.clone(), is));
                continue;
            }
            writes.push(write_of(ports, id, run, task_id, change, record.as_ref())?);
        }
        if !moved.is_empty() {
            return Ok(Committed::Moved(moved));
        }
        let mark = store::fresh(keys::work(id, &format!("done {key}")), &Mark { result: result.clone() }, Vec::new())?;
        writes.push(Write::Put(mark, Condition::Absent));
        match ports.records().write(writes).await {
            Ok(()) => return Ok(Committed::Done(result.clone())),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

fn write_of<P: Ports>(
    ports: &P,
    id: &ProjectId,
    run: u32,
    task_id: &str,
    change: &FileChange,
    record: Option<&Record>,
) -> Result<Write, Error> {
    let key = keys::file(id, &change.path);
    let condition = record.map_or(Condition::Absent, |record| Condition::Version(record.version));
    let Some(now) = &change.now else { return Ok(Write::Delete(key, condition)) };
    let file = FileRecord {
        path: change.path.clone(),
        sha256: sha256_hex(&now.bytes),
        size: u64::try_from(now.bytes.len()).unwrap_or(u64::MAX),
        language: now.language.clone(),
        executable: now.executable,
        run,
        task_id: task_id.to_owned(),
        updated_at: ports.clock().now(),
    };
    Ok(Write::Put(store::fresh(key, &file, Vec::new())?, condition))
}

/// How many attempts gave up a task before this one. The same words would be answered as before: the number tells model
/// calls apart.
///
/// # Errors
/// [`Error::Store`].
pub async fn given_up<P: Ports>(ports: &P, id: &ProjectId, key: &str, attempt: &str) -> Result<u32, Error> {
    let (gave_up, _) = load_given_up(ports, id, key).await?;
    let others = gave_up.attempts.iter().filter(|other| *other != attempt).count();
    Ok(u32::try_from(others).unwrap_or(u32::MAX))
}

/// Notes that an attempt gives up a task.
///
/// # Errors
/// As for all work.
pub async fn give_up<P: Ports>(ports: &P, id: &ProjectId, run: u32, key: &str, attempt: &str) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        load_project(ports, id, run).await?;
        let (mut gave_up, condition) = load_given_up(ports, id, key).await?;
        if gave_up.attempts.iter().any(|other| other == attempt) {
            return Ok(());
        }
        gave_up.attempts.push(attempt.to_owned());
        let record = store::fresh(keys::work(id, &format!("gave up {key}")), &gave_up, Vec::new())?;
        match ports.records().write(vec![Write::Put(record, condition)]).await {
            Ok(()) => return Ok(()),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

async fn load_given_up<P: Ports>(ports: &P, id: &ProjectId, key: &str) -> Result<(GaveUp, Condition), Error> {
    match ports.records().get(&keys::work(id, &format!("gave up {key}"))).await? {
        Some(record) => Ok((store::decode(&record)?, Condition::Version(record.version))),
        None => Ok((GaveUp::default(), Condition::Absent)),
    }
}

//! Loading and changing functions' records, and the blobs of their code.

use serde::de::DeserializeOwned;

use super::model::{Function, FunctionName, FunctionVersion};
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::ids::{FunctionId, ProjectId};
use crate::keys;
use crate::ports::{
    BlobStore, Clock, Condition, Index, Listing, Order, Ports, Query, Record, RecordStore, StoreError, Write,
};
use crate::projects::{self, Stored};

/// How often a change is decided again after somebody else wrote.
pub(super) const TRIES: usize = 12;

/// Reads a record's body.
pub(super) fn decode<T: DeserializeOwned>(record: Record) -> Result<T, Error> {
    let what = format!("{}/{}", record.key.partition, record.key.sort);
    serde_json::from_value(record.body).map_err(|problem| StoreError::corrupt(what, problem).into())
}

/// The record of a function, in its listings.
pub(super) fn record(function: &Function) -> Result<Record, Error> {
    let listings = if function.deleting {
        vec![keys::listing(Index::Due, keys::DUE_FUNCTIONS, function.updated_at, function.id.as_str())]
    } else {
        vec![
            Listing {
                index: Index::Owner,
                partition: keys::project_functions(&function.owner, &function.project),
                sort: function.name.clone(),
            },
            Listing {
                index: Index::Status,
                partition: keys::owner_functions_of_name(&function.owner, &function.name),
                sort: function.project.clone(),
            },
        ]
    };
    let body = serde_json::to_value(function).map_err(Error::internal)?;
    Ok(Record { key: keys::function(&function.id), version: 0, body, listings, expires_at: None })
}

/// A function, be it one that is being deleted.
pub(super) async fn find<P: Ports>(ports: &P, id: &FunctionId) -> Result<Option<Stored<Function>>, Error> {
    let Some(record) = ports.records().get(&keys::function(id)).await? else { return Ok(None) };
    let version = record.version;
    Ok(Some(Stored { value: decode(record)?, version }))
}

/// Whose a function is.
pub(crate) async fn owner_of_function<P: Ports>(ports: &P, id: &FunctionId) -> Result<Option<String>, Error> {
    Ok(find(ports, id).await?.map(|stored| stored.value.owner))
}

/// The error for a function that is not there, or not the caller's.
pub(super) fn not_found(name: &FunctionName) -> Error {
    let id = format!("{}/{}", name.project, name.name);
    Error::NotFound { kind: "function", id: id.chars().take(200).collect() }
}

/// A function that is there.
pub(super) async fn load<P: Ports>(ports: &P, name: &FunctionName) -> Result<Stored<Function>, Error> {
    let found = find(ports, &name.id()).await?;
    found.filter(|stored| !stored.value.deleting).ok_or_else(|| not_found(name))
}

/// Changes a function. `decide` answers false to leave it as it is. With `expected` only that version is changed.
pub(super) async fn change<P: Ports>(
    ports: &P,
    name: &FunctionName,
    expected: Option<u64>,
    mut decide: impl FnMut(&mut Function) -> Result<bool, Error> + Send,
) -> Result<Stored<Function>, Error> {
    for _ in 0..TRIES {
        let mut stored = load(ports, name).await?;
        if expected.is_some_and(|version| version != stored.version) {
            return Err(Error::VersionMismatch { what: "the function" });
        }
        if !decide(&mut stored.value)? {
            return Ok(stored);
        }
        stored.value.updated_at = ports.clock().now();
        let write = Write::Put(record(&stored.value)?, Condition::Version(stored.version));
        match ports.records().write(vec![write]).await {
            Ok(()) => return Ok(Stored { version: stored.version + 1, ..stored }),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::VersionMismatch { what: "the function" })
}

/// The projects in which an owner has functions of a name; up to 100.
pub(super) async fn projects_of<P: Ports>(ports: &P, owner: &str, name: &str) -> Result<Vec<String>, Error> {
    let query = Query {
        index: Some(Index::Status),
        partition: keys::owner_functions_of_name(owner, name),
        sort_prefix: String::new(),
        sort_to: None,
        order: Order::Ascending,
        limit: 100,
        cursor: None,
    };
    let found = ports.records().query(&query).await?.items;
    found.into_iter().map(|record| Ok(decode::<Function>(record)?.project)).collect()
}

/// Stores a source under its digest, which it answers.
pub(super) async fn put_code<P: Ports>(ports: &P, id: &FunctionId, code: &str) -> Result<String, Error> {
    let sha256 = sha256_hex(code.as_bytes());
    let key = keys::artifacts::function_code(id, &sha256);
    ports.blobs().put(&key, code.as_bytes().to_vec(), "text/javascript; charset=utf-8").await?;
    Ok(sha256)
}

/// Reads the source of a version.
pub(super) async fn code<P: Ports>(ports: &P, id: &FunctionId, version: &FunctionVersion) -> Result<String, Error> {
    let key = keys::artifacts::function_code(id, &version.sha256);
    let bytes = ports.blobs().get(&key).await?;
    let bytes = bytes.ok_or_else(|| StoreError::corrupt(&key, "the record is there and the code is not"))?;
    String::from_utf8(bytes).map_err(|error| StoreError::corrupt(key, error).into())
}

/// Checks that functions may be made in a project: a name of the owner's own, or one of the caller's projects.
pub(super) async fn check_project<P: Ports>(ports: &P, caller: &str, project: &str) -> Result<(), Error> {
    if let Some(problem) = super::checks::project(project) {
        return Err(Error::invalid("projectId", problem));
    }
    match project.parse::<ProjectId>() {
        Ok(id) => projects::get_project(ports, caller, &id).await.map(|_| ()),
        // What looks like an id and is none is a mistake, not a name.
        Err(_) if project.starts_with("prj_") => Err(Error::NotFound { kind: "project", id: project.to_owned() }),
        Err(_) => Ok(()),
    }
}

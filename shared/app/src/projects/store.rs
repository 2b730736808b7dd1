//! Loading and changing projects' records. The one place that writes a project's `METADATA`.

use millrace_asl::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::model::{Event, Project, Stage, Stored};
use crate::error::Error;
use crate::ids::{EventId, ProjectId};
use crate::keys;
use crate::ports::{
    Clock, Condition, Index, Listing, Page, Ports, Query, Record, RecordKey, RecordStore, StoreError, Write,
};

/// How often a change is decided again after somebody else wrote.
const ATTEMPTS: usize = 12;

/// What is still to be done gets so many milliseconds before the sweeper does it.
const DUE_AFTER_MILLIS: i64 = 30_000;

/// An event that is recorded together with a change.
pub(super) struct Happening {
    pub(super) kind: &'static str,
    pub(super) stage: Option<Stage>,
    pub(super) message: String,
    pub(super) data: Value,
}

impl Happening {
    pub(super) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, stage: None, message: message.into(), data: Value::Null }
    }
}

/// What goes into the store together with a changed project.
#[derive(Default)]
pub(super) struct Change {
    pub(super) event: Option<Happening>,
    pub(super) writes: Vec<Write>,
}

impl From<Happening> for Change {
    fn from(event: Happening) -> Self {
        Self { event: Some(event), writes: Vec::new() }
    }
}

/// Reads a record's body.
pub(super) fn decode<T: DeserializeOwned>(record: &Record) -> Result<T, Error> {
    T::deserialize(&record.body).map_err(|error| {
        Error::Store(StoreError::corrupt(format!("{}/{}", record.key.partition, record.key.sort), error))
    })
}

/// A record that was never stored.
pub(super) fn fresh<T: Serialize>(key: RecordKey, body: &T, listings: Vec<Listing>) -> Result<Record, Error> {
    let body = serde_json::to_value(body).map_err(Error::internal)?;
    Ok(Record { key, version: 0, body, listings, expires_at: None })
}

/// The record of a project, in all its listings.
pub(super) fn project_record(project: &Project) -> Result<Record, Error> {
    let id = project.id.as_str();
    let by_owner = keys::owner_projects(&project.owner);
    let by_status = keys::owner_projects_of_status(&project.owner, project.status.as_str());
    let mut listings = vec![
        keys::listing(Index::Owner, by_owner, project.created_at, id),
        keys::listing(Index::Status, by_status, project.created_at, id),
    ];
    if project.pending.is_some() {
        let due = project.updated_at.plus_millis(DUE_AFTER_MILLIS);
        listings.push(keys::listing(Index::Due, keys::DUE_PROJECTS, due, id));
    }
    fresh(keys::project(&project.id), project, listings)
}

/// The id of an event that happens now. What one millisecond holds is told apart by the project's version, so that the
/// timeline has the order of the project's changes: a change that makes version 7 comes before what is told of version
/// 7, and that before the change that makes version 8.
pub(super) fn event_id<P: Ports>(ports: &P, version: u64, of_change: bool) -> EventId {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    const TIME_CHARS: usize = 10;
    const PLACE_CHARS: u32 = 7;
    let fresh = EventId::new(ports);
    let place = version.saturating_mul(2).saturating_add(u64::from(!of_change));
    let digit = |at: u32| ALPHABET.get(usize::try_from(place >> (5 * at) & 31).unwrap_or_default()).copied();
    let place: String = (0..PLACE_CHARS).rev().filter_map(digit).map(char::from).collect();
    let mut text = fresh.as_str().to_owned();
    let start = EventId::PREFIX.len() + 1 + TIME_CHARS;
    text.replace_range(start..start + place.len(), &place);
    text.parse().unwrap_or(fresh)
}

/// The write that records an event of the change that makes this version.
pub(super) fn event_write<P: Ports>(
    ports: &P,
    project: &Project,
    version: u64,
    happening: Happening,
) -> Result<Write, Error> {
    let event = Event {
        id: event_id(ports, version, true),
        kind: happening.kind.to_owned(),
        stage: happening.stage,
        run: project.run,
        message: happening.message,
        data: happening.data,
        at: ports.clock().now(),
    };
    Ok(Write::Put(fresh(keys::event(&project.id, &event.id), &event, Vec::new())?, Condition::Absent))
}

/// The error for a project that isn't there, or that the caller may not know of.
pub(super) fn not_found(id: &ProjectId) -> Error {
    Error::NotFound { kind: "project", id: id.to_string() }
}

/// A project, whoever owns it.
pub(super) async fn load<P: Ports>(ports: &P, id: &ProjectId) -> Result<Option<Stored<Project>>, Error> {
    let record = ports.records().get(&keys::project(id)).await?;
    record.map(|record| Ok(Stored { value: decode(&record)?, version: record.version })).transpose()
}

/// A project of this owner.
pub(super) async fn load_owned<P: Ports>(ports: &P, owner: &str, id: &ProjectId) -> Result<Stored<Project>, Error> {
    load(ports, id).await?.filter(|stored| stored.value.owner == owner).ok_or_else(|| not_found(id))
}

/// Changes a project: loads it, lets `decide` change it, and stores it with what belongs to the change in one
/// transaction. When somebody else wrote meanwhile it decides again. `decide` answers `None` to leave all as it is.
/// With `expected` only that version is changed; with `owner` only that owner's project.
pub(super) async fn change<P: Ports>(
    ports: &P,
    owner: Option<&str>,
    id: &ProjectId,
    expected: Option<u64>,
    mut decide: impl FnMut(&mut Project, Timestamp) -> Result<Option<Change>, Error> + Send,
) -> Result<Stored<Project>, Error> {
    for _ in 0..ATTEMPTS {
        let stored = load(ports, id).await?.ok_or_else(|| not_found(id))?;
        if owner.is_some_and(|owner| owner != stored.value.owner) {
            return Err(not_found(id));
        }
        if expected.is_some_and(|version| version != stored.version) {
            return Err(Error::VersionMismatch { what: "the project" });
        }
        let now = ports.clock().now();
        let mut project = stored.value.clone();
        let Some(mut change) = decide(&mut project, now)? else { return Ok(stored) };
        project.updated_at = now;
        if let Some(happening) = change.event.take() {
            change.writes.push(event_write(ports, &project, stored.version + 1, happening)?);
        }
        change.writes.push(Write::Put(project_record(&project)?, Condition::Version(stored.version)));
        match ports.records().write(change.writes).await {
            Ok(()) => return Ok(Stored { value: project, version: stored.version + 1 }),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::VersionMismatch { what: "the project" })
}

/// One page of records as things.
pub(super) async fn page<P: Ports, T: DeserializeOwned>(ports: &P, query: &Query) -> Result<Page<T>, Error> {
    let page = ports.records().query(query).await?;
    let items = page.items.iter().map(decode).collect::<Result<Vec<T>, Error>>()?;
    Ok(Page { items, next: page.next })
}

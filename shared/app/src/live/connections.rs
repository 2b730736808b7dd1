//! Connections that are stored: for servers whose processes come and go while clients stay connected to somebody else, as with
//! API Gateway.
//!
//! A connection is a record with its [`Session`]; beside it each topic that it watches has an item in its audience's partition,
//! so that who is to be told is one query. Both have an end, after which the store removes them. An item that outlived its
//! connection does no harm: whoever tells it something hears that it is gone, and removes it.

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use super::session::{LiveCaller, Session};
use super::topic::{Audience, Topic};
use super::{MOST_CONNECTIONS, MOST_TOPICS};
use crate::error::Error;
use crate::keys;
use crate::ports::{Condition, Index, Order, Ports, Query, Record, RecordKey, RecordStore, StoreError, Write};

/// API Gateway ends a connection after two hours; an hour more for clocks and retries.
const KEPT_MILLIS: i64 = 3 * 3_600 * 1_000;
/// Connections of one audience are read in pages of so many.
const PAGE: usize = 500;

/// A stored connection.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredConnection {
    /// Its id, as whoever holds it names it.
    pub id: String,
    /// What is known of it.
    pub session: Session,
    version: u64,
}

/// Who is to be told of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watcher {
    /// The connection.
    pub connection: String,
    /// When what its client showed ends.
    pub valid_until: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Watching {
    connection: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_until: Option<Timestamp>,
}

impl StoredConnection {
    /// A connection that is not stored yet.
    #[must_use]
    pub const fn new(id: String, session: Session) -> Self {
        Self { id, session, version: 0 }
    }

    fn record(&self) -> Result<Record, Error> {
        let session = &self.session;
        let of_owner = |caller: &LiveCaller| {
            keys::listing(Index::Owner, keys::owner_connections(&caller.owner), session.opened_at, &self.id)
        };
        Ok(Record {
            key: keys::connection(&self.id),
            version: self.version,
            body: serde_json::to_value(session).map_err(Error::internal)?,
            listings: session.caller.iter().map(of_owner).collect(),
            expires_at: Some(session.opened_at.plus_millis(KEPT_MILLIS)),
        })
    }

    fn watching(&self, caller: &LiveCaller, topic: &Topic) -> Result<Write, Error> {
        let watching = Watching { connection: self.id.clone(), valid_until: caller.valid_until };
        let record = Record {
            key: self.place(&topic.audience(caller)),
            version: 0,
            body: serde_json::to_value(watching).map_err(Error::internal)?,
            listings: Vec::new(),
            expires_at: Some(self.session.opened_at.plus_millis(KEPT_MILLIS)),
        };
        Ok(Write::Put(record, Condition::Any))
    }

    fn place(&self, audience: &Audience) -> RecordKey {
        keys::live_watcher(audience.partition(), &self.id)
    }

    /// Stores the session with the topics that came and went. False where somebody else stored it meanwhile: load it again
    /// and do again what was done.
    ///
    /// # Errors
    /// [`Error::Store`]
    pub async fn store<P: Ports>(&mut self, ports: &P, came: &[Topic], left: &[Topic]) -> Result<bool, Error> {
        let condition = if self.version == 0 { Condition::Absent } else { Condition::Version(self.version) };
        let mut writes = vec![Write::Put(self.record()?, condition)];
        if let Some(caller) = &self.session.caller {
            // The same topic may be named twice in a message.
            let mut places = std::collections::BTreeSet::new();
            for topic in came {
                if places.insert(self.place(&topic.audience(caller))) {
                    writes.push(self.watching(caller, topic)?);
                }
            }
            for topic in left {
                let place = self.place(&topic.audience(caller));
                if places.insert(place.clone()) {
                    writes.push(Write::Delete(place, Condition::Any));
                }
            }
        }
        match ports.records().write(writes).await {
            Ok(()) => {
                self.version += 1;
                Ok(true)
            }
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Loads a connection.
///
/// # Errors
/// [`Error::Store`]
pub async fn load<P: Ports>(ports: &P, id: &str) -> Result<Option<StoredConnection>, Error> {
    let Some(record) = ports.records().get(&keys::connection(id)).await? else { return Ok(None) };
    let session = serde_json::from_value(record.body)
        .map_err(|problem| StoreError::corrupt(format!("the connection {id}"), problem))?;
    Ok(Some(StoredConnection { id: id.to_owned(), session, version: record.version }))
}

/// Forgets a connection that has ended. It need not be there.
///
/// # Errors
/// [`Error::Store`]
pub async fn forget<P: Ports>(ports: &P, id: &str) -> Result<(), Error> {
    let Some(stored) = load(ports, id).await? else { return Ok(()) };
    let mut writes = vec![Write::Delete(keys::connection(id), Condition::Any)];
    if let Some(caller) = &stored.session.caller {
        let places = stored.session.topics().map(|topic| stored.place(&topic.audience(caller)));
        writes.extend(places.map(|place| Write::Delete(place, Condition::Any)));
    }
    debug_assert!(writes.len() <= MOST_TOPICS + 1, "all fit into one transaction");
    Ok(ports.records().write(writes).await?)
}

/// Takes a connection out of an audience: it is gone.
///
/// # Errors
/// [`Error::Store`]
pub async fn leave<P: Ports>(ports: &P, audience: &Audience, connection: &str) -> Result<(), Error> {
    let place = keys::live_watcher(audience.partition(), connection);
    Ok(ports.records().write(vec![Write::Delete(place, Condition::Any)]).await?)
}

/// Does an owner have as many connections as they may? An index answers, so it may be a few more.
///
/// # Errors
/// [`Error::Store`]
pub async fn is_full<P: Ports>(ports: &P, owner: &str) -> Result<bool, Error> {
    let query = Query {
        index: Some(Index::Owner),
        partition: keys::owner_connections(owner),
        sort_prefix: String::new(),
        sort_to: None,
        order: Order::Descending,
        limit: MOST_CONNECTIONS,
        cursor: None,
    };
    Ok(ports.records().query(&query).await?.items.len() >= MOST_CONNECTIONS)
}

/// Who watches, a page of them, with where the next one begins.
///
/// # Errors
/// [`Error::Store`]
pub async fn watchers<P: Ports>(
    ports: &P,
    audience: &Audience,
    cursor: Option<String>,
) -> Result<(Vec<Watcher>, Option<String>), Error> {
    let partition = audience.partition();
    let query = Query {
        index: None,
        partition: partition.clone(),
        sort_prefix: String::new(),
        sort_to: None,
        order: Order::Ascending,
        limit: PAGE,
        cursor,
    };
    let page = ports.records().query(&query).await?;
    let mut watchers = Vec::with_capacity(page.items.len());
    for record in page.items {
        let watching: Watching = serde_json::from_value(record.body)
            .map_err(|problem| StoreError::corrupt(format!("who watches {partition}"), problem))?;
        watchers.push(Watcher { connection: watching.connection, valid_until: watching.valid_until });
    }
    Ok((watchers, page.next))
}

//! The feed of changed records: which changes somebody hears of, and what a change is.
//!
//! Two kinds of readers there are. Notifications hear of every change of [`NOTIFIED`] records, at least once and with what
//! the record was and is: on AWS from the table's stream, elsewhere from a [`ChangeFeed`]. Live updates hear that
//! something [moved](Moved), may miss it, and read for themselves what became of it. The patterns here are all that decides:
//! `template.yaml` filters the stream by their [`KeyPattern::filter`] (tested), and adapters note down what they match.
//! It makes no events of changes; that is `crate::notifications`.

mod moved;
mod pattern;

use std::future::Future;

use millrace_asl::Timestamp;
use serde_json::Value;

pub use moved::{Moved, Part, Subject};
pub use pattern::{KeyPattern, Sort};

use crate::keys;
use crate::ports::{RecordKey, StoreResult};

/// The records whose changes notifications tell of.
pub const NOTIFIED: &[KeyPattern] = &[KeyPattern {
    partitions: &["PROJECT#", "EXECUTION#", "SCHEDULE#", "FUNCTION#"],
    sorts: &[Sort::Is(keys::METADATA)],
}];

/// What moves a page of a project, an execution, a schedule, a function or a webhook's event: those records, a project's
/// timeline, and the logs of an execution and of its children.
pub const LIVE: &[KeyPattern] = &[
    KeyPattern {
        partitions: &["PROJECT#", "EXECUTION#", "SCHEDULE#", "FUNCTION#", "WEBHOOK#"],
        sorts: &[Sort::Is(keys::METADATA)],
    },
    KeyPattern { partitions: &["PROJECT#"], sorts: &[Sort::Begins(keys::EVENT)] },
    // Entries of children begin with the child's index in ten digits.
    KeyPattern { partitions: &["EXECUTION#"], sorts: &[Sort::Begins("LOG#"), Sort::Begins("0")] },
];

/// What the partitions of the records begin with whose presence means that somebody reads the feed. Where there never was
/// one, a store need not note changes down.
pub const READERS: &str = keys::SUBSCRIPTIONS;

/// A change of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Names the change: the same each time it is told, another one for each other change of the store.
    pub id: String,
    /// Whose record.
    pub key: RecordKey,
    /// Its body before; nothing for a new record.
    pub old: Option<Value>,
    /// Its body after; nothing for one that is gone.
    pub new: Option<Value>,
    /// When it was made.
    pub at: Timestamp,
}

/// Does one of the patterns match this key?
#[must_use]
pub fn matches(patterns: &[KeyPattern], key: &RecordKey) -> bool {
    patterns.iter().any(|pattern| pattern.matches(key))
}

/// Changes that a store noted down together with the writes that made them: whoever has read some says so, and until then
/// they are told again, after a crash too. On AWS the table's stream takes this place.
pub trait ChangeFeed: Send + Sync {
    /// The oldest changes of [`NOTIFIED`] records that were not forgotten, in the order in which they were made, at most
    /// `limit`. What was changed before the first of the [`READERS`] was stored may be missing.
    fn changes(&self, limit: usize) -> impl Future<Output = StoreResult<Vec<Change>>> + Send;

    /// Forgets this change and all before it.
    fn forget_changes(&self, up_to: &str) -> impl Future<Output = StoreResult<()>> + Send;
}

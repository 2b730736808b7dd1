//! Where records are kept: the interface that storage implements.

use serde_json::{Map, Value};
use std::future::Future;

/// A stored record: an object with at least `id` and `version`.
pub type Item = Map<String, Value>;

/// Some records in the order of their ids.
#[derive(Debug, Default, PartialEq)]
pub struct Page {
    /// The records.
    pub items: Vec<Item>,
    /// The id after which the list goes on; none at its end.
    pub after: Option<String>,
}

/// Why a record could not be read or written.
#[derive(Debug)]
pub enum RepositoryError {
    /// The record is not in the state that the write expects.
    Conflict,
    /// The storage failed; the cause is for the log.
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

/// Records by collection and id.
pub trait Repository: Send + Sync {
    /// The record, if there is one.
    fn get(
        &self,
        collection: &str,
        id: &str,
    ) -> impl Future<Output = Result<Option<Item>, RepositoryError>> + Send;

    /// Up to `limit` records whose ids are greater than `after`.
    fn list(
        &self,
        collection: &str,
        limit: usize,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page, RepositoryError>> + Send;

    /// Stores a record; without an expected version its id must be free, otherwise the stored record must have it.
    fn put(
        &self,
        collection: &str,
        id: &str,
        item: Item,
        expected_version: Option<u64>,
    ) -> impl Future<Output = Result<(), RepositoryError>> + Send;

    /// Removes a record; false when there is none.
    fn delete(
        &self,
        collection: &str,
        id: &str,
    ) -> impl Future<Output = Result<bool, RepositoryError>> + Send;
}

//! Records in memory, for tests.

use crate::repository::{Item, Page, Repository, RepositoryError};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

type Records = BTreeMap<(String, String), Item>;

/// Keeps records until it is dropped.
#[derive(Debug, Default)]
pub struct MemoryRepository {
    records: Mutex<Records>,
}

impl MemoryRepository {
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Repository for MemoryRepository {
    async fn get(&self, collection: &str, id: &str) -> Result<Option<Item>, RepositoryError> {
        Ok(self.records().get(&key(collection, id)).cloned())
    }

    async fn list(
        &self,
        collection: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page, RepositoryError> {
        let records = self.records();
        let mut found = records.iter().filter(|((of, id), _)| {
            of == collection && after.is_none_or(|after| id.as_str() > after)
        });
        let chosen: Vec<_> = found.by_ref().take(limit).collect();
        let more = found.next().is_some();
        let last = chosen.last().map(|((_, id), _)| id.clone());
        Ok(Page {
            items: chosen.iter().map(|(_, item)| (*item).clone()).collect(),
            after: last.filter(|_| more),
        })
    }

    async fn put(
        &self,
        collection: &str,
        id: &str,
        item: Item,
        expected_version: Option<u64>,
    ) -> Result<(), RepositoryError> {
        let mut records = self.records();
        let stored = records.get(&key(collection, id));
        let version = stored.and_then(|item| item.get("version").and_then(Value::as_u64));
        if version != expected_version {
            return Err(RepositoryError::Conflict);
        }
        records.insert(key(collection, id), item);
        Ok(())
    }

    async fn delete(&self, collection: &str, id: &str) -> Result<bool, RepositoryError> {
        Ok(self.records().remove(&key(collection, id)).is_some())
    }
}

fn key(collection: &str, id: &str) -> (String, String) {
    (collection.to_owned(), id.to_owned())
}

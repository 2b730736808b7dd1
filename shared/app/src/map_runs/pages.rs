//! The items of a run in pages: blobs under a name that each attempt to divide the items chooses for itself, so that an
//! attempt that comes late changes nothing.

use millrace_asl::map_run::{Divided, Loaded};
use serde_json::Value;

use crate::digest::sha256_hex;
use crate::error::Error;
use crate::keys;
use crate::ports::{BlobStore, IdSource, Ports, StoreError};

/// A page is full when its items take so many bytes as JSON.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Takes items one by one and stores them.
pub(crate) struct PageWriter<'a, P> {
    ports: &'a P,
    stored: String,
    size: usize,
    page: Loaded,
    bytes: usize,
    pages: u32,
    /// `$$.Map.Item.Source` of the items to come, where it is not the run's.
    pub(crate) origin: Option<String>,
}

impl<'a, P: Ports> PageWriter<'a, P> {
    /// Pages of up to `size` items.
    pub(crate) fn new(ports: &'a P, size: usize) -> Self {
        let stored = sha256_hex(&ports.ids().random()).chars().take(32).collect();
        let page = Loaded { first: 0, items: Vec::new(), origins: Vec::new(), before: Vec::new() };
        Self { ports, stored, size: size.max(1), page, bytes: 0, pages: 0, origin: None }
    }

    /// Takes an item; `bytes` is about its size as JSON.
    pub(crate) async fn push(&mut self, item: Value, bytes: usize) -> Result<(), Error> {
        if self.page.items.len() >= self.size || !self.page.items.is_empty() && self.bytes + bytes > PAGE_BYTES {
            self.store().await?;
        }
        self.bytes += bytes;
        self.page.items.push(item);
        if let Some(origin) = &self.origin {
            self.page.origins.push(origin.clone());
        }
        Ok(())
    }

    /// Stores what is left.
    pub(crate) async fn finish(mut self) -> Result<Divided, Error> {
        if !self.page.items.is_empty() {
            self.store().await?;
        }
        Ok(Divided { stored: self.stored, total: self.page.first, pages: self.pages, keyed: false })
    }

    async fn store(&mut self) -> Result<(), Error> {
        let next = self.page.first + self.page.items.len() as u64;
        let text = serde_json::to_vec(&self.page).map_err(Error::internal)?;
        let key = keys::map_run_page(&self.stored, self.pages);
        self.ports.blobs().put(&key, text, "application/json").await?;
        self.page = Loaded { first: next, items: Vec::new(), origins: Vec::new(), before: Vec::new() };
        (self.bytes, self.pages) = (0, self.pages + 1);
        Ok(())
    }
}

/// Reads a page.
pub(crate) async fn load<P: Ports>(ports: &P, stored: &str, page: u32) -> Result<Value, Error> {
    let key = keys::map_run_page(stored, page);
    let corrupt = |why: String| Error::from(StoreError::corrupt(format!("page {key}"), why));
    let bytes = ports.blobs().get(&key).await?.ok_or_else(|| corrupt("it is gone".to_owned()))?;
    serde_json::from_slice(&bytes).map_err(|problem| corrupt(problem.to_string()))
}

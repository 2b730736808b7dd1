//! Reading projects.

use super::model::{Project, ProjectStatus, Stored};
use super::store;
use crate::error::Error;
use crate::ids::ProjectId;
use crate::keys;
use crate::ports::{Index, Order, Page, Ports, Query, StoreError};

/// The page size when none is asked for.
pub const DEFAULT_LIMIT: usize = 20;
/// The largest page.
pub const MAX_LIMIT: usize = 100;

/// Which page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paging {
    /// 1 to [`MAX_LIMIT`]; `None` is [`DEFAULT_LIMIT`].
    pub limit: Option<usize>,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

impl Paging {
    /// The page's size.
    ///
    /// # Errors
    /// [`Error::Invalid`] outside of 1 to [`MAX_LIMIT`].
    pub fn size(&self) -> Result<usize, Error> {
        match self.limit.unwrap_or(DEFAULT_LIMIT) {
            limit @ 1..=MAX_LIMIT => Ok(limit),
            _ => Err(Error::invalid("limit", format!("must be 1 to {MAX_LIMIT}"))),
        }
    }

    /// The query of this page.
    pub(super) fn query(
        &self,
        index: Option<Index>,
        partition: String,
        prefix: &str,
        order: Order,
    ) -> Result<Query, Error> {
        Ok(Query {
            index,
            partition,
            sort_prefix: prefix.to_owned(),
            sort_to: None,
            order,
            limit: self.size()?,
            cursor: self.cursor.clone(),
        })
    }
}

/// One of the caller's projects.
///
/// # Errors
/// [`Error::NotFound`], also for somebody else's project.
pub async fn get_project<P: Ports>(ports: &P, owner: &str, id: &ProjectId) -> Result<Stored<Project>, Error> {
    store::load_owned(ports, owner, id).await
}

/// A project, whosever it is.
pub(crate) async fn find_project<P: Ports>(ports: &P, id: &ProjectId) -> Result<Option<Stored<Project>>, Error> {
    store::load(ports, id).await
}

/// The caller's projects, newest first, all or those of one status.
///
/// # Errors
/// [`Error::Invalid`] for the limit or the cursor; [`Error::Store`].
pub async fn list_projects<P: Ports>(
    ports: &P,
    owner: &str,
    status: Option<ProjectStatus>,
    paging: &Paging,
) -> Result<Page<Project>, Error> {
    let (index, partition) = match status {
        Some(status) => (Index::Status, keys::owner_projects_of_status(owner, status.as_str())),
        None => (Index::Owner, keys::owner_projects(owner)),
    };
    let query = paging.query(Some(index), partition, "", Order::Descending)?;
    with_cursor(store::page(ports, &query).await)
}

/// Names the parameter at fault where the store refuses a cursor.
pub(crate) fn with_cursor<T>(page: Result<Page<T>, Error>) -> Result<Page<T>, Error> {
    match page {
        Err(Error::Store(StoreError::InvalidCursor)) => {
            Err(Error::invalid("cursor", "is not a cursor of this listing: take it from the page before, unchanged"))
        }
        page => page,
    }
}

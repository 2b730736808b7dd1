//! Listings.

use serde::de::DeserializeOwned;

use super::arn::Place;
use super::error::WorkflowError;
use super::model::Workflow;
use super::store;
use crate::keys;
use crate::ports::{Index, Order, Page, Ports, Query, RecordStore, StoreError};

/// Which workflows to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// Those of an account in a region, by name.
    Of(Place),
    /// Those of an owner, newest first.
    OwnedBy(String),
}

/// A page of workflows.
///
/// # Errors
/// [`WorkflowError::InvalidToken`]; [`WorkflowError::App`]
pub async fn list_workflows<P: Ports>(
    ports: &P,
    which: &Listed,
    limit: usize,
    cursor: Option<String>,
) -> Result<Page<Workflow>, WorkflowError> {
    let (index, partition, order) = match which {
        Listed::Of(place) => (Index::Status, keys::place_workflows(&place.prefix()), Order::Ascending),
        Listed::OwnedBy(owner) => (Index::Owner, keys::owner_workflows(owner), Order::Descending),
    };
    let query =
        Query { index: Some(index), partition, sort_prefix: String::new(), sort_to: None, order, limit, cursor };
    page(ports, &query).await
}

/// A page of a query, as values.
pub(super) async fn page<P: Ports, T: DeserializeOwned>(ports: &P, query: &Query) -> Result<Page<T>, WorkflowError> {
    let page = match ports.records().query(query).await {
        Err(StoreError::InvalidCursor) => return Err(WorkflowError::InvalidToken("Invalid token".to_owned())),
        page => page?,
    };
    let items = page.items.into_iter().map(store::decode).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

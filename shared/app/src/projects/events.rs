//! A project's timeline.

use super::list::{Paging, with_cursor};
use super::model::Event;
use super::store;
use crate::error::Error;
use crate::ids::{EventId, ProjectId};
use crate::keys;
use crate::ports::{Order, Ports, Query};

/// How many events one look back reads at a time.
const LOOK_BACK: usize = 200;

/// A page of a timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct EventsPage {
    /// In order of time.
    pub items: Vec<Event>,
    /// Where the next page starts; `None` when this one reaches the end.
    pub next: Option<String>,
}

/// A project's events in order of time: all of them by pages, or with `after` those that follow that event.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] for the limit or the cursor, and for `after` together with a cursor.
pub async fn list_events<P: Ports>(
    ports: &P,
    owner: &str,
    id: &ProjectId,
    after: Option<&EventId>,
    paging: &Paging,
) -> Result<EventsPage, Error> {
    let limit = paging.size()?;
    store::load_owned(ports, owner, id).await?;
    let Some(after) = after else {
        let query = paging.query(None, keys::project_partition(id), keys::EVENT, Order::Ascending)?;
        let page = with_cursor(store::page(ports, &query).await)?;
        return Ok(EventsPage { items: page.items, next: page.next });
    };
    if paging.cursor.is_some() {
        return Err(Error::invalid("cursor", "can't be combined with after"));
    }
    // Whoever follows a timeline asks for its end: read from there back to the event that is known.
    let mut newer: Vec<Event> = Vec::new();
    let mut cursor = None;
    loop {
        let query = Query {
            index: None,
            partition: keys::project_partition(id),
            sort_prefix: keys::EVENT.into(),
            sort_to: None,
            order: Order::Descending,
            limit: LOOK_BACK,
            cursor,
        };
        let page = store::page::<P, Event>(ports, &query).await?;
        let (read, known) = (page.items.len(), newer.len());
        newer.extend(page.items.into_iter().take_while(|event| event.id > *after));
        cursor = page.next;
        let reached = newer.len() - known < read;
        if reached || cursor.is_none() {
            break;
        }
    }
    newer.reverse();
    newer.truncate(limit);
    Ok(EventsPage { items: newer, next: None })
}

//! Looking at schedules, and at the times that are to come.

use millrace_asl::Timestamp;

use super::model::{Schedule, Timing};
use super::store::{self, decode, find, not_found};
use crate::error::Error;
use crate::keys;
use crate::ports::{Clock, Index, Order, Page, Ports, Query, RecordStore};
use crate::projects::Stored;

/// Times that a preview shows at most.
pub const MOST_PREVIEWED: usize = 100;

/// An owner's schedule.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Store`]
pub async fn get_schedule<P: Ports>(ports: &P, owner: &str, name: &str) -> Result<Stored<Schedule>, Error> {
    let found = find(ports, &store::id(owner, name)).await?;
    found.filter(|stored| stored.value.owner == owner).ok_or_else(|| not_found(name))
}

/// A page of an owner's schedules, by name.
///
/// # Errors
/// [`Error::Store`], also for what is no cursor.
pub async fn list_schedules<P: Ports>(
    ports: &P,
    owner: &str,
    limit: usize,
    cursor: Option<String>,
) -> Result<Page<Stored<Schedule>>, Error> {
    let query = Query {
        index: Some(Index::Owner),
        partition: keys::owner_schedules(owner),
        sort_prefix: String::new(),
        sort_to: None,
        order: Order::Ascending,
        limit,
        cursor,
    };
    let page = ports.records().query(&query).await?;
    Ok(Page { items: page.items.into_iter().map(decode).collect::<Result<_, _>>()?, next: page.next })
}

/// The next times of a timing, from `from` or now on: at most `count`, and [`MOST_PREVIEWED`]. `anchor` is when a rate began
/// to count; without it that is `from`.
///
/// # Errors
/// [`Error::Invalid`]
pub fn preview<P: Ports>(
    ports: &P,
    timing: &Timing,
    from: Option<Timestamp>,
    anchor: Option<Timestamp>,
    count: usize,
) -> Result<Vec<Timestamp>, Error> {
    let expression = timing.parse().map_err(Error::Invalid)?;
    let from = from.unwrap_or_else(|| ports.clock().now());
    let anchor = anchor.or(timing.start_at).unwrap_or(from);
    let first = timing.first_from(&expression, from, anchor);
    let times = std::iter::successors(first, |due| timing.after(&expression, *due, anchor));
    Ok(times.take(count.min(MOST_PREVIEWED)).collect())
}

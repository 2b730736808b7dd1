//! Looking at limits, and changing their figures.

use millrace_asl::{Admission, Rate, Timestamp};

use super::admit;
use super::gate::{Change, Figures, GateRef};
use super::store::{self, StoredGate, TRIES};
use crate::error::Error;
use crate::ids::ExecutionId;
use crate::keys;
use crate::ports::{Clock, Index, Order, Page, Ports, Query, RecordStore, StoreError};

/// Executions that a look at a limit names.
const NAMED: usize = 100;

/// A limit as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitView {
    /// Its key.
    pub key: String,
    /// Executions that count against the concurrency.
    pub running: u64,
    /// Executions that wait here.
    pub waiting: u64,
    /// What the definition says of the execution that came last.
    pub asked: Figures,
    /// What was set in its place.
    pub change: Option<Change>,
    /// The starts that the windows hold.
    pub windows: Vec<WindowView>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The starts of the last so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowView {
    /// The window's length.
    pub per_seconds: u32,
    /// How many.
    pub started: u64,
}

/// An execution at a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitWaiter {
    /// It.
    pub id: ExecutionId,
    /// Since when it waits or counts.
    pub since: Timestamp,
    /// Of one that waits: its priority.
    pub priority: Option<i32>,
}

fn view(stored: StoredGate, now: Timestamp) -> LimitView {
    let gate = stored.gate;
    let windows = gate.windows.iter().filter(|window| !window.is_over(now));
    LimitView {
        windows: windows
            .map(|window| WindowView { per_seconds: window.per_seconds, started: window.taken(now) })
            .collect(),
        key: gate.key,
        running: gate.held,
        waiting: gate.waiting,
        asked: gate.asked,
        change: gate.change,
        updated_at: gate.updated_at,
    }
}

/// A page of an owner's limits, by key: those that executions came to within seven days, or whose figures are set.
///
/// # Errors
/// [`Error::Store`], also for what is no cursor.
pub async fn list_limits<P: Ports>(
    ports: &P,
    owner: &str,
    limit: usize,
    cursor: Option<String>,
) -> Result<Page<LimitView>, Error> {
    let query = Query {
        index: Some(Index::Owner),
        partition: keys::owner_limits(owner),
        sort_prefix: String::new(),
        sort_to: None,
        order: Order::Ascending,
        limit,
        cursor,
    };
    let page = ports.records().query(&query).await?;
    let now = ports.clock().now();
    let items = page.items.into_iter().map(|record| Ok(view(StoredGate::from_record(record)?, now)));
    Ok(Page { items: items.collect::<Result<_, Error>>()?, next: page.next })
}

fn not_found(key: &str) -> Error {
    Error::NotFound { kind: "limit", id: key.chars().take(256).collect() }
}

/// A limit, with the first hundred of the executions that count against its concurrency, and of those that wait in the
/// order in which they will be let in.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Store`]
pub async fn describe_limit<P: Ports>(
    ports: &P,
    owner: &str,
    key: &str,
) -> Result<(LimitView, Vec<LimitWaiter>, Vec<LimitWaiter>), Error> {
    let gate = GateRef { owner: owner.to_owned(), key: key.to_owned() };
    let stored = store::load(ports, &gate).await?;
    if stored.version == 0 {
        return Err(not_found(key));
    }
    let holders = store::holders(ports, &gate, NAMED).await?;
    let running = holders.into_iter().map(|one| LimitWaiter { id: one.id, since: one.since, priority: None });
    let waiters = store::waiters(ports, &gate, NAMED).await?;
    let waiting = waiters.into_iter().filter_map(|one| {
        let priority = Some(one.admission?.priority);
        Some(LimitWaiter { id: one.id, since: one.since, priority })
    });
    Ok((view(stored, ports.clock().now()), running.collect(), waiting.collect()))
}

/// Sets figures that hold for every execution that names the key, in place of those of its definition; `None` has the
/// definitions' hold again. Those that run go on, also where they are more than the new figure.
///
/// # Errors
/// [`Error::NotFound`] where nothing was set that could be removed; [`Error::Store`].
pub async fn change_limit<P: Ports>(
    ports: &P,
    owner: &str,
    key: &str,
    figures: Option<Figures>,
) -> Result<LimitView, Error> {
    let gate = GateRef { owner: owner.to_owned(), key: key.to_owned() };
    for tries in 0..TRIES {
        let now = ports.clock().now();
        let mut stored = store::load(ports, &gate).await?;
        if figures.is_none() && stored.gate.change.is_none() {
            return Err(not_found(key));
        }
        stored.gate.change = figures.clone().map(|figures| Change { figures, at: now });
        stored.gate.updated_at = now;
        match ports.records().write(vec![stored.write()?]).await {
            Err(StoreError::Conflict) => store::pause(ports, tries).await,
            written => {
                written?;
                if stored.gate.waiting > 0 {
                    admit::send(ports, gate, None, true).await?;
                }
                return Ok(view(stored, now));
            }
        }
    }
    Err(store::crowded())
}

/// The key at whose gate an execution waits; `None` when it waits nowhere any more.
///
/// # Errors
/// [`Error::Store`]
pub async fn waits_at<P: Ports>(
    ports: &P,
    owner: &str,
    id: &ExecutionId,
    admission: &Admission,
    since: Timestamp,
) -> Result<Option<String>, Error> {
    for demand in &admission.demands {
        let key = keys::limit_waiter(owner, &demand.key, Some(admission.priority), since, id);
        if ports.records().get(&key).await?.is_some() {
            return Ok(Some(demand.key.clone()));
        }
    }
    Ok(None)
}

impl Figures {
    /// Is no figure set?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.concurrency.is_none() && self.rates.is_empty()
    }

    /// The figure of a window.
    #[must_use]
    pub fn rate(&self, per_seconds: u32) -> Option<Rate> {
        self.rates.iter().copied().find(|rate| rate.per_seconds == per_seconds)
    }
}

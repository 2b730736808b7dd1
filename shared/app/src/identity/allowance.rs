//! How many requests a caller may send: a counter that processes share.
//!
//! Who counts reserves several requests with one write and lets them pass without another one (`docs/adr/0034`). Windows have
//! fixed ends, so over all processes never more pass in one than are allowed.

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::keys;
use crate::ports::{Condition, Ports, Record, RecordStore, StoreError, Write};

/// A counter stays so long after its window: a clock that is behind finds it.
const KEPT_MILLIS: i64 = 3600 * 1000;
/// Reservations that others may make first. Each takes a part of the window's requests, so they end by themselves.
const MOST_TRIES: u32 = 32;

/// How many requests may come in each window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// So many.
    pub requests: u32,
    /// The window's length, at least one.
    pub window_millis: i64,
}

impl Allowance {
    /// When the window began in which a time is.
    #[must_use]
    pub fn window(&self, at: Timestamp) -> Timestamp {
        let length = self.window_millis.max(1);
        Timestamp::from_millis(at.millis().div_euclid(length) * length)
    }
}

/// What is known of a caller's counter. The default is one of which nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// When its window began.
    pub window: Timestamp,
    /// Requests of it that somebody has reserved.
    pub taken: u32,
    /// Of its record; 0 where there is none.
    version: u64,
}

impl Default for Counter {
    fn default() -> Self {
        Self { window: Timestamp::from_millis(0), taken: 0, version: 0 }
    }
}

/// A counter as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    window: Timestamp,
    taken: u32,
}

impl Counter {
    /// Reserves at most so many requests in the window of `now`. The answer has none where none are left.
    #[must_use]
    pub fn reserve(self, allowance: Allowance, now: Timestamp, most: u32) -> (u32, Self) {
        let window = allowance.window(now);
        // A clock that is ahead has begun the next window, and counts; one that is further ahead is wrong.
        let holds = self.window >= window && self.window.millis() <= window.millis() + allowance.window_millis;
        let counter = if holds { self } else { Self { window, taken: 0, ..self } };
        let reserved = most.min(allowance.requests.saturating_sub(counter.taken));
        (reserved, Self { taken: counter.taken + reserved, ..counter })
    }
}

/// Reserves requests of a caller for this process: at most so many. `known` is the counter as this process saw it last: where
/// nobody else counts the same caller, a reservation is one write. Where none are left nothing is written, and where `known` says
/// so already nothing is read.
///
/// # Errors
/// [`Error::Store`]: nothing is known of the counter.
pub async fn reserve_requests<P: Ports>(
    ports: &P,
    caller: &str,
    allowance: Allowance,
    now: Timestamp,
    most: u32,
    known: Option<Counter>,
) -> Result<(u32, Counter), Error> {
    let mut known = known;
    for _ in 0..MOST_TRIES {
        let counter = match known.take() {
            Some(counter) => counter,
            None => load(ports, caller).await?,
        };
        let (reserved, counter) = counter.reserve(allowance, now, most);
        if reserved == 0 {
            return Ok((0, counter));
        }
        match store(ports, caller, allowance, counter).await {
            Ok(()) => return Ok((reserved, Counter { version: counter.version + 1, ..counter })),
            Err(Error::Store(StoreError::Conflict)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Conflict.into())
}

async fn load<P: Ports>(ports: &P, caller: &str) -> Result<Counter, Error> {
    let Some(record) = ports.records().get(&keys::request_counter(caller)).await? else {
        return Ok(Counter::default());
    };
    let Stored { window, taken } = serde_json::from_value(record.body)
        .map_err(|error| StoreError::corrupt(format!("the counter {}", record.key.partition), error))?;
    Ok(Counter { window, taken, version: record.version })
}

async fn store<P: Ports>(ports: &P, caller: &str, allowance: Allowance, counter: Counter) -> Result<(), Error> {
    let Counter { window, taken, version } = counter;
    let record = Record {
        key: keys::request_counter(caller),
        version,
        body: serde_json::to_value(Stored { window, taken }).map_err(Error::internal)?,
        listings: Vec::new(),
        expires_at: Some(window.plus_millis(allowance.window_millis.saturating_add(KEPT_MILLIS))),
    };
    let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
    Ok(ports.records().write(vec![Write::Put(record, condition)]).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance { requests: 10, window_millis: 60_000 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_window_has_so_many_requests() {
        let (reserved, counter) = Counter::default().reserve(ALLOWANCE, at(70), 4);
        assert_eq!((reserved, counter.window, counter.taken), (4, at(60), 4));
        let (reserved, counter) = counter.reserve(ALLOWANCE, at(100), 8);
        assert_eq!((reserved, counter.taken), (6, 10));
        assert_eq!(counter.reserve(ALLOWANCE, at(119), 1), (0, counter));
        let (reserved, next) = counter.reserve(ALLOWANCE, at(120), 1);
        assert_eq!((reserved, next.window, next.taken), (1, at(120), 1));
    }

    #[test]
    fn a_clock_that_is_behind_counts_in_the_window_that_another_began() {
        let (_, ahead) = Counter::default().reserve(ALLOWANCE, at(120), 10);
        assert_eq!(ahead.reserve(ALLOWANCE, at(119), 1), (0, ahead));
        let (_, wrong) = Counter::default().reserve(ALLOWANCE, at(3_600), 10);
        assert_eq!(wrong.reserve(ALLOWANCE, at(119), 1).0, 1, "an hour ahead is no clock to follow");
    }

    #[test]
    fn a_lower_limit_holds_at_once() {
        let (_, counter) = Counter::default().reserve(ALLOWANCE, at(0), 10);
        assert_eq!(counter.reserve(Allowance { requests: 5, ..ALLOWANCE }, at(1), 1), (0, counter));
    }
}

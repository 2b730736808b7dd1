//! Token buckets, in this process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use millrace_app::Timestamp;

use crate::config::RateLimit;

/// At most so many callers are counted; then those are forgotten that have not called for longest.
const MOST_CALLERS: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

/// What is left to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    /// Requests that may come at once.
    pub(crate) requests: u32,
    /// Seconds until there is one, where there is none.
    pub(crate) wait: Option<u32>,
}

/// Counts requests.
#[derive(Debug)]
pub(crate) struct Limiter {
    pub(crate) limit: RateLimit,
    buckets: Mutex<HashMap<String, Bucket>>,
}

impl Limiter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self { limit, buckets: Mutex::default() }
    }

    /// Takes a request of a caller, if there is one left.
    pub(crate) fn take(&self, caller: &str, now: Timestamp) -> Left {
        let (rate, burst) = (f64::from(self.limit.per_second), f64::from(self.limit.burst));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_CALLERS && !buckets.contains_key(caller) {
            // Half of them at once, so that this happens rarely.
            let mut times: Vec<Timestamp> = buckets.values().map(|bucket| bucket.at).collect();
            times.sort_unstable();
            let middle = times.get(times.len() / 2).copied().unwrap_or(now);
            buckets.retain(|_, bucket| bucket.at > middle);
        }
        let bucket = buckets.entry(caller.to_owned()).or_insert(Bucket { left: burst, at: now });
        let passed = now.millis().saturating_sub(bucket.at.millis()).max(0);
        #[expect(clippy::cast_precision_loss, reason = "a part of a request does not matter")]
        let refilled = bucket.left + passed as f64 / 1000.0 * rate;
        *bucket = Bucket { left: refilled.min(burst), at: now.max(bucket.at) };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to burst; whole seconds")]
        let left = if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            Left { requests: bucket.left as u32, wait: None }
        } else {
            Left { requests: 0, wait: Some(((1.0 - bucket.left) / rate).ceil().max(1.0) as u32) }
        };
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_back_with_time() {
        let limiter = Limiter::new(RateLimit { per_second: 2, burst: 3 });
        let at = Timestamp::from_millis;
        for left in [2, 1, 0] {
            assert_eq!(limiter.take("a", at(1_000)), Left { requests: left, wait: None });
        }
        assert_eq!(limiter.take("a", at(1_000)), Left { requests: 0, wait: Some(1) });
        assert_eq!(limiter.take("b", at(1_000)).wait, None, "each has their own");
        assert_eq!(limiter.take("a", at(1_499)).wait, Some(1));
        assert_eq!(limiter.take("a", at(1_500)).wait, None);
        assert_eq!(limiter.take("a", at(900)).wait, Some(1), "a clock that goes back gives nothing");
        assert_eq!(limiter.take("a", at(1_000_000)), Left { requests: 2, wait: None });
        for number in 0..MOST_CALLERS * 2 {
            limiter.take(&number.to_string(), at(2_000_000 + number as i64));
        }
        assert!(limiter.buckets.lock().unwrap().len() <= MOST_CALLERS);
    }
}

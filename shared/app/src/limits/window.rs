//! The starts of the last so many seconds.

use millrace_asl::Timestamp;
use serde::{Deserialize, Serialize};

/// Into how many parts a window is divided: starts in the same part are kept as one, at the time of the last. So a window
/// takes little room however many starts it has, and a start comes at most that much later than it could.
const PARTS: i64 = 64;

/// A sliding window: no more than its limit of starts lie in any span of its length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// Its length.
    pub(crate) per_seconds: u32,
    /// Starts, oldest first: when and how many.
    #[serde(default)]
    marks: Vec<(i64, u64)>,
}

impl Window {
    pub(crate) const fn new(per_seconds: u32) -> Self {
        Self { per_seconds, marks: Vec::new() }
    }

    fn millis(&self) -> i64 {
        i64::from(self.per_seconds) * 1000
    }

    /// Starts that count at `now`.
    pub(crate) fn taken(&self, now: Timestamp) -> u64 {
        let counts = |(at, _): &&(i64, u64)| at.saturating_add(self.millis()) > now.millis();
        self.marks.iter().filter(counts).map(|(_, count)| count).sum()
    }

    /// When there is room for another start; `None` where it is `limit` 0 that there is none for. A time that has passed
    /// is now.
    pub(crate) fn opens_at(&self, limit: u32, now: Timestamp) -> Option<Timestamp> {
        let mut taken = self.taken(now);
        let mut opens = now;
        for (at, count) in &self.marks {
            if taken < u64::from(limit) {
                break;
            }
            let until = at.saturating_add(self.millis());
            if until > now.millis() {
                taken = taken.saturating_sub(*count);
                opens = Timestamp::from_millis(until);
            }
        }
        (limit > 0).then_some(opens)
    }

    /// Counts a start.
    pub(crate) fn take(&mut self, now: Timestamp) {
        let length = self.millis();
        self.marks.retain(|(at, _)| at.saturating_add(length) > now.millis());
        // Clocks differ between workers; the marks must not.
        let at = self.marks.last().map_or_else(|| now.millis(), |(last, _)| now.millis().max(*last));
        // Rounded up, so that a window spans no more parts than that.
        let part = (length + PARTS - 1) / PARTS;
        match self.marks.last_mut() {
            Some((last, count)) if last.div_euclid(part) == at.div_euclid(part) => (*last, *count) = (at, *count + 1),
            _ => self.marks.push((at, 1)),
        }
    }

    /// Does nothing of it count any more?
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.taken(now) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The finalizer of splitmix64.
    const fn mix(bits: u64) -> u64 {
        let bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    #[test]
    fn no_span_holds_more_starts_than_the_limit() {
        for seed in 0..200_u64 {
            let draw = |n: u64, most: u64| mix(mix(seed) ^ n) % most;
            let (per_seconds, limit) = (1 + draw(0, 100) as u32, 1 + draw(1, 200) as u32);
            let mut window = Window::new(per_seconds);
            let (mut now, mut starts) = (1_000_000_i64, Vec::new());
            for step in 2..2_000 {
                now += draw(step, 1 + 2_000 * u64::from(per_seconds) / u64::from(limit)) as i64;
                // Another worker's clock may be behind.
                let told = Timestamp::from_millis(now - draw(step ^ 0xffff_0000, 5) as i64);
                let opens = window.opens_at(limit, told).unwrap();
                if opens > told {
                    let late = opens.millis() - i64::from(per_seconds) * 1000 / PARTS - 10;
                    let exact = |end: i64| {
                        starts.iter().filter(|at| **at > end - i64::from(per_seconds) * 1000 && **at <= end).count()
                    };
                    assert!(exact(told.millis().min(late)) >= limit as usize || opens > told, "seed {seed}");
                    assert_eq!(window.opens_at(limit, opens), Some(opens), "it opens when it says: seed {seed}");
                    continue;
                }
                window.take(told);
                starts.push(told.millis().max(starts.last().copied().unwrap_or_default()));
                assert!(window.marks.len() <= PARTS as usize + 2, "seed {seed}");
                let begin = starts[starts.len() - 1] - i64::from(per_seconds) * 1000;
                assert!(starts.iter().filter(|at| **at > begin).count() <= limit as usize, "seed {seed}");
            }
            assert!(starts.len() > 10, "seed {seed}");
        }
    }

    #[test]
    fn a_limit_of_none_never_opens() {
        assert_eq!(Window::new(10).opens_at(0, Timestamp::default()), None);
    }
}

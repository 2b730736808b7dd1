//! The time and randomness of one machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use millrace_app::Timestamp;
use millrace_app::ports::{Clock, IdSource};

/// The clock of the local store: the system's, or one that a test sets. Clones share the time.
#[derive(Debug, Clone)]
pub struct LocalClock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// The latest answer, so that no answer lies before it.
    System(Arc<AtomicI64>),
    Manual(ManualClock),
}

impl LocalClock {
    /// The system's clock. It never answers less than before.
    #[must_use]
    pub fn system() -> Self {
        Self(Kind::System(Arc::new(AtomicI64::new(i64::MIN))))
    }

    /// A clock that only `clock` moves.
    #[must_use]
    pub const fn manual(clock: ManualClock) -> Self {
        Self(Kind::Manual(clock))
    }

    /// How long a receiver sleeps before it looks again, when the next message is due at `due`.
    pub(crate) fn nap(&self, due: Option<Timestamp>) -> Duration {
        /// However far the next message is: the system's clock may be set meanwhile.
        const LONGEST: Duration = Duration::from_secs(30);
        /// A manual clock does not tell when it moves.
        const MANUAL: Duration = Duration::from_millis(20);
        match &self.0 {
            Kind::Manual(_) => MANUAL,
            Kind::System(_) => due.map_or(LONGEST, |due| {
                let millis = due.millis().saturating_sub(self.now().millis());
                Duration::from_millis(u64::try_from(millis).unwrap_or_default().max(1)).min(LONGEST)
            }),
        }
    }
}

impl Default for LocalClock {
    fn default() -> Self {
        Self::system()
    }
}

impl Clock for LocalClock {
    fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::Manual(clock) => clock.now(),
            Kind::System(latest) => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
                Timestamp::from_millis(latest.fetch_max(millis, Ordering::Relaxed).max(millis))
            }
        }
    }

    async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Kind::Manual(_) => tokio::task::yield_now().await,
            Kind::System(_) => tokio::time::sleep(duration).await,
        }
    }
}

/// A clock for tests: it stands still until it is moved. Clones share the time.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.millis())))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Randomness from the operating system.
#[derive(Debug, Clone, Copy)]
pub struct SystemIds(());

impl SystemIds {
    /// Asks the operating system once, so that a machine without randomness is found out at the start.
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        random::<16>().map(|_| Self(()))
    }
}

impl IdSource for SystemIds {
    #[expect(clippy::expect_used, reason = "checked at the start; afterwards the operating system does not fail")]
    fn random(&self) -> [u8; 16] {
        random().expect("the operating system gives randomness")
    }
}

/// Fresh bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nap_ends_when_the_next_message_is_due() {
        let clock = LocalClock::system();
        assert_eq!(clock.nap(None), Duration::from_secs(30));
        assert_eq!(clock.nap(Some(Timestamp::from_millis(0))), Duration::from_millis(1));
        let soon = clock.nap(Some(clock.now().plus_millis(500)));
        assert!(soon <= Duration::from_millis(500) && soon > Duration::from_millis(300), "{soon:?}");
        assert_eq!(clock.nap(Some(Timestamp::MAX)), Duration::from_secs(30));
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let manual = ManualClock::new(Timestamp::from_millis(5));
        let clock = LocalClock::manual(manual.clone());
        assert_eq!(clock.now().millis(), 5);
        manual.advance(Duration::from_secs(2));
        assert_eq!(clock.clone().now().millis(), 2_005);
    }
}

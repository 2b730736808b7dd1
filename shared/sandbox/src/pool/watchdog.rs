//! A thread that kills processes which are past their deadline.

use std::io;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How often it looks at what is idle.
const ROUND: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct State {
    watched: Vec<(u64, Instant, Weak<Mutex<Child>>)>,
    next: u64,
    /// When the thread looks again.
    wakes: Option<Instant>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// Ends when it drops.
#[derive(Debug)]
pub(super) struct Watchdog(Arc<Shared>);

impl Watchdog {
    /// Starts the thread, which also calls `each_round` about once in a second.
    pub(super) fn start(each_round: impl Fn() + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        thread::Builder::new().name("sandbox-watchdog".into()).spawn(move || watch(&own, each_round))?;
        Ok(Self(shared))
    }

    /// Kills the process at that moment, unless what is returned drops before.
    pub(super) fn guard(&self, at: Instant, process: &Arc<Mutex<Child>>) -> Guard<'_> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let id = state.next;
        state.next += 1;
        state.watched.push((id, at, Arc::downgrade(process)));
        if state.wakes.is_none_or(|wakes| at < wakes) {
            self.0.changed.notify_one();
        }
        Guard { watchdog: self, id }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.0.changed.notify_one();
    }
}

/// A process that is being watched.
pub(super) struct Guard<'a> {
    watchdog: &'a Watchdog,
    id: u64,
}

impl Guard<'_> {
    /// Stops watching. False says that the process was killed, perhaps just after it answered.
    pub(super) fn release(self) -> bool {
        self.remove()
    }

    fn remove(&self) -> bool {
        let mut state = self.watchdog.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.watched.len();
        state.watched.retain(|(id, _, _)| *id != self.id);
        state.watched.len() < before
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.remove();
    }
}

fn watch(shared: &Shared, each_round: impl Fn()) {
    let mut round = Instant::now() + ROUND;
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    while !state.closed {
        let now = Instant::now();
        state.watched.retain(|(_, at, process)| {
            if *at > now {
                return true;
            }
            if let Some(process) = process.upgrade() {
                let _ = process.lock().unwrap_or_else(PoisonError::into_inner).kill();
            }
            false
        });
        if now >= round {
            round = now + ROUND;
            drop(state);
            each_round();
            state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let wakes = state.watched.iter().map(|(_, at, _)| *at).fold(round, Instant::min);
        state.wakes = Some(wakes);
        let waited = shared.changed.wait_timeout(state, wakes.saturating_duration_since(now));
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.wakes = None;
    }
}

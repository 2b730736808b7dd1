//! How many requests a caller may send: counted in this process, or together with others through the records.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use millrace_app::Timestamp;
use millrace_app::identity::{Allowance, Counter, reserve_requests};
use millrace_app::metrics::{Metric, record};
use millrace_app::ports::{Clock, Ports};
use millrace_rest::{Caller, ClientAddress, Refusal};
use millrace_stepfunctions::{ApiCaller, ApiRefusal};

use crate::authenticator::Identity;
use crate::config::RateLimit;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// At most so many callers are remembered; then those are forgotten that have not called for longest.
const MOST_CALLERS: usize = 10_000;
/// A process reserves such a part of the window's requests first, each time twice as many, and at most [`LARGEST_PART`]. Callers of
/// few requests leave most to other processes; of many, one write pays for many.
const FIRST_PART: u32 = 240;
const LARGEST_PART: u32 = 20;
/// A request waits so long for the counter.
const PATIENCE: Duration = Duration::from_millis(500);
/// While the counter fails, a caller's requests pass for so long without asking it again.
const PASSES_MILLIS: i64 = 5_000;

/// What is left to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    /// Requests in this window, as far as this process knows.
    pub(crate) requests: u32,
    /// Seconds until the next one.
    pub(crate) seconds: u32,
    /// Is this request one too many?
    pub(crate) refused: bool,
}

/// Who counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counting {
    /// This process alone.
    Alone,
    /// All processes with the same records. Who is not known is counted here, so that strangers cost no writes.
    Together,
}

/// A caller in this process.
#[derive(Debug, Default)]
struct Place {
    /// The counter as it was seen last.
    counter: Option<Counter>,
    /// Reserved in the counter's window, and not used.
    reserved: u32,
    /// How many to reserve next.
    next: u32,
    /// Nothing is asked before, and everything passes.
    passes_until: Option<Timestamp>,
}

#[derive(Debug)]
struct Seen {
    at: Timestamp,
    place: Arc<tokio::sync::Mutex<Place>>,
}

/// Counts requests.
#[derive(Debug)]
struct Limiter<P> {
    ports: P,
    allowance: Allowance,
    counting: Counting,
    callers: Mutex<HashMap<String, Seen>>,
    fails: AtomicBool,
}

impl<P: Ports> Limiter<P> {
    fn new(ports: P, limit: RateLimit, counting: Counting) -> Self {
        let (callers, fails) = (Mutex::default(), AtomicBool::default());
        Self { ports, allowance: limit.allowance(), counting, callers, fails }
    }

    /// The caller's place, made where there is none.
    fn place(&self, caller: &str, now: Timestamp) -> Arc<tokio::sync::Mutex<Place>> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MOST_CALLERS && !callers.contains_key(caller) {
            // Half of them at once, so that this happens rarely.
            let mut times: Vec<Timestamp> = callers.values().map(|seen| seen.at).collect();
            times.sort_unstable();
            let middle = times.get(times.len() / 2).copied().unwrap_or(now);
            callers.retain(|_, seen| seen.at > middle);
        }
        let seen = callers.entry(caller.to_owned()).or_insert_with(|| Seen { at: now, place: Arc::default() });
        seen.at = now.max(seen.at);
        Arc::clone(&seen.place)
    }

    /// Takes a request of a caller, if there is one left; `None` where that can't be found out, and the request passes.
    async fn take(&self, caller: &str, known: bool) -> Option<Left> {
        let now = self.ports.clock().now();
        // One request of a caller at a time reserves; those that come with it use what it got.
        let place = self.place(caller, now);
        let mut place = place.lock().await;
        if place.passes_until.is_some_and(|until| now < until) {
            return None;
        }
        if place.counter.is_none_or(|counter| counter.window < self.allowance.window(now)) {
            place.reserved = 0;
            place.next = (self.allowance.requests / FIRST_PART).max(1);
        }
        if place.reserved == 0 {
            let together = known && self.counting == Counting::Together;
            if let Err(why) = self.reserve(&mut place, caller, now, together).await {
                place.passes_until = Some(now.plus_millis(PASSES_MILLIS));
                record(Metric::RequestsNotCounted);
                if !self.fails.swap(true, Ordering::Relaxed) {
                    tracing::error!(error = why, "requests can't be counted: callers pass uncounted");
                }
                return None;
            }
        }
        let counter = place.counter.unwrap_or_default();
        let refused = place.reserved == 0;
        place.reserved = place.reserved.saturating_sub(1);
        let end = counter.window.millis().saturating_add(self.allowance.window_millis);
        let seconds = u64::try_from(end.saturating_sub(now.millis())).unwrap_or_default().div_ceil(1000).max(1);
        let requests = self.allowance.requests.saturating_sub(counter.taken).saturating_add(place.reserved);
        Some(Left { requests, seconds: u32::try_from(seconds).unwrap_or(u32::MAX), refused })
    }

    async fn reserve(&self, place: &mut Place, caller: &str, now: Timestamp, together: bool) -> Result<(), String> {
        let (reserved, counter) = if together {
            let asked = reserve_requests(&self.ports, caller, self.allowance, now, place.next, place.counter);
            let answer = tokio::time::timeout(PATIENCE, asked).await;
            let answer = answer.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())?;
            if self.fails.swap(false, Ordering::Relaxed) {
                tracing::info!("requests are counted again");
            }
            place.next = place.next.saturating_mul(2).min((self.allowance.requests / LARGEST_PART).max(1));
            answer
        } else {
            place.counter.unwrap_or_default().reserve(self.allowance, now, self.allowance.requests)
        };
        (place.reserved, place.counter, place.passes_until) = (reserved, Some(counter), None);
        Ok(())
    }
}

/// Has routes refuse callers who send more requests than they may, counted over all processes with the same records. What stands
/// before must have told who calls: a [`Caller`] in the request's extensions.
pub fn limit_together<P: Ports>(router: Router, ports: P, limit: RateLimit) -> Router {
    layer(router, Limiter::new(ports, limit, Counting::Together))
}

/// The same, counted in this process.
pub(crate) fn limit_alone<P: Ports>(router: Router, ports: P, limit: RateLimit) -> Router {
    layer(router, Limiter::new(ports, limit, Counting::Alone))
}

fn layer<P: Ports>(router: Router, limiter: Limiter<P>) -> Router {
    router.layer(middleware::from_fn_with_state(Arc::new(limiter), count::<P>))
}

async fn count<P: Ports>(State(limiter): State<Arc<Limiter<P>>>, mut request: Request, next: Next) -> Response {
    let extensions = request.extensions_mut();
    // A key counts for itself; whoever shows nothing good counts with their address, and never against good keys.
    let (name, known) = match extensions.get::<Caller>() {
        Some(Caller { key: Some(key), .. }) => (format!("key {key}"), true),
        Some(caller) => (format!("owner {}", caller.owner), true),
        None => {
            let address = extensions.get::<ClientAddress>().map_or("", |address| &address.0);
            (format!("address {address}"), false)
        }
    };
    let left = limiter.take(&name, known).await;
    if let Some(Left { refused: true, seconds, .. }) = left {
        extensions.remove::<Caller>();
        extensions.remove::<ApiCaller>();
        extensions.remove::<Identity>();
        extensions.insert(Refusal::TooMany(seconds));
        extensions.insert(ApiRefusal::new("ThrottlingException", "Rate exceeded"));
    }
    let mut response = next.run(request).await;
    if let Some(Left { requests, seconds, .. }) = left {
        let Allowance { requests: most, window_millis } = limiter.allowance;
        let window = window_millis.unsigned_abs().div_ceil(1000);
        let policy = format!("\"default\";q={most};w={window}");
        let state = format!("\"default\";r={requests};t={seconds}");
        for (name, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use millrace_simulation::{Call, Fate, MemoryPorts, Watched, Watcher};

    use super::*;

    /// Counts what is asked of the records, and has them fail.
    #[derive(Debug, Default)]
    struct Records {
        reads: AtomicU32,
        writes: AtomicU32,
        fail: AtomicBool,
    }

    impl Watcher for Records {
        fn fate(&self, call: Call) -> Fate {
            match call {
                Call::RecordGet => self.reads.fetch_add(1, Ordering::SeqCst),
                Call::RecordWrite(_) => self.writes.fetch_add(1, Ordering::SeqCst),
                _ => 0,
            };
            if self.fail.load(Ordering::SeqCst) { Fate::FailBefore } else { Fate::Done }
        }
    }

    impl Records {
        /// Reads and writes since the last look.
        fn asked(&self) -> (u32, u32) {
            (self.reads.swap(0, Ordering::SeqCst), self.writes.swap(0, Ordering::SeqCst))
        }
    }

    struct World {
        memory: MemoryPorts,
        records: Arc<Records>,
    }

    type Process = Limiter<Watched<MemoryPorts, Records>>;

    impl World {
        fn new() -> Self {
            Self { memory: MemoryPorts::new(1), records: Arc::default() }
        }

        fn process(&self, per_second: u32, burst: u32) -> Process {
            let ports = Watched::new(self.memory.clone(), Arc::clone(&self.records));
            Limiter::new(ports, RateLimit { per_second, burst }, Counting::Together)
        }

        fn pass(&self, seconds: u64) {
            self.memory.pass(Duration::from_secs(seconds));
        }
    }

    async fn passes(process: &Process, caller: &str) -> bool {
        process.take(caller, true).await.is_none_or(|left| !left.refused)
    }

    #[tokio::test]
    async fn processes_never_let_pass_more_than_the_limit() {
        for seed in 0..20_u64 {
            let world = World::new();
            let processes: Vec<Process> = (0..5).map(|_| world.process(10, 600)).collect();
            let mut passed = 0;
            for turn in 0..4_000_u64 {
                let which = usize::try_from(millrace_simulation::mix(seed << 32 | turn) % 5).unwrap();
                passed += u32::from(passes(&processes[which], "a").await);
            }
            // What a process has reserved last it lets pass itself.
            assert_eq!(passed, 600, "{seed}");
            assert!(passes(&processes[0], "b").await, "each has their own");
        }
    }

    #[tokio::test]
    async fn processes_at_once() {
        let world = World::new();
        let processes: Arc<Vec<Process>> = Arc::new((0..4).map(|_| world.process(10, 600)).collect());
        let mut requests = tokio::task::JoinSet::new();
        for number in 0..2_000 {
            let processes = Arc::clone(&processes);
            requests.spawn(async move { passes(&processes[number % 4], "a").await });
        }
        let passed = requests.join_all().await.into_iter().filter(|passed| *passed).count();
        assert_eq!(passed, 600);
    }

    #[tokio::test]
    async fn one_write_pays_for_many_requests_and_refusals_cost_nothing() {
        let world = World::new();
        let (one, two) = (world.process(20, 1_200), world.process(20, 1_200));
        for _ in 0..1_200 {
            assert!(passes(&one, "a").await);
        }
        let (reads, writes) = world.records.asked();
        assert_eq!(reads, 1, "nobody else counts this caller");
        assert!(writes <= 24, "{writes}");
        for _ in 0..500 {
            assert!(!passes(&one, "a").await);
        }
        assert_eq!(world.records.asked(), (0, 0));
        for _ in 0..500 {
            assert!(!passes(&two, "a").await);
        }
        assert_eq!(world.records.asked(), (1, 0), "another process reads once that there is nothing left");
        world.pass(60);
        assert!(passes(&one, "a").await);
        assert_eq!(world.records.asked(), (0, 1), "the next window begins with a write");
    }

    #[tokio::test]
    async fn few_requests_of_many_processes_leave_room() {
        let world = World::new();
        let processes: Vec<Process> = (0..100).map(|_| world.process(20, 1_200)).collect();
        for process in &processes {
            assert!(passes(process, "a").await && passes(process, "a").await);
        }
    }

    #[tokio::test]
    async fn windows_begin_anew() {
        let world = World::new();
        let process = world.process(1, 2);
        let left = process.take("a", true).await.unwrap();
        assert_eq!(left, Left { requests: 1, seconds: 2, refused: false });
        assert_eq!(process.take("a", true).await.unwrap().requests, 0);
        assert_eq!(process.take("a", true).await.unwrap(), Left { requests: 0, seconds: 2, refused: true });
        world.pass(1);
        assert_eq!(process.take("a", true).await.unwrap(), Left { requests: 0, seconds: 1, refused: true });
        world.pass(1);
        assert!(passes(&process, "a").await && passes(&process, "a").await && !passes(&process, "a").await);
        world.pass(3600 * 24);
        assert!(passes(&process, "a").await, "also after the counter's record is gone");
        // What was reserved for a window is not good in the next one.
        let many = world.process(1, 60);
        assert!(passes(&many, "b").await);
        world.pass(60);
        let mut passed = 0;
        while passes(&many, "b").await {
            passed += 1;
        }
        assert_eq!(passed, 60);
    }

    #[tokio::test]
    async fn callers_pass_where_they_cannot_be_counted() {
        let world = World::new();
        let process = world.process(1, 2);
        world.records.fail.store(true, Ordering::SeqCst);
        for _ in 0..10 {
            assert_eq!(process.take("a", true).await, None);
        }
        assert_eq!(world.records.asked(), (1, 0), "nobody waits for it again");
        world.pass(5);
        assert_eq!(process.take("a", true).await, None);
        assert_eq!(world.records.asked(), (1, 0));
        world.records.fail.store(false, Ordering::SeqCst);
        assert_eq!(process.take("a", true).await, None);
        world.pass(5);
        assert!(passes(&process, "a").await && passes(&process, "a").await && !passes(&process, "a").await);
    }

    #[tokio::test]
    async fn strangers_are_counted_without_the_records() {
        let world = World::new();
        let process = world.process(1, 2);
        let refused = async || process.take("address 1", false).await.unwrap().refused;
        assert_eq!((refused().await, refused().await, refused().await), (false, false, true));
        assert_eq!(world.records.asked(), (0, 0));
        for number in 0..MOST_CALLERS * 2 {
            process.take(&format!("address {number}"), false).await;
            world.memory.pass(Duration::from_millis(1));
        }
        assert!(process.callers.lock().unwrap().len() <= MOST_CALLERS);
    }
}

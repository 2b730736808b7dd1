//! Limits across executions, whatever goes wrong: workers that work at once and die, messages that come twice, late or
//! never.
//!
//! The invariants: `a_limit_is_never_exceeded`, `a_rate_is_never_exceeded`, `no_waiter_is_lost`,
//! `each_place_is_given_back_once`, `the_highest_priority_comes_first`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "these are tests")]

mod rough;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use millrace_app::executions::{
    Attributes, ExecutionStatus, ForkExecution, LogId, Patience, RedriveError, RedriveExecution, StartExecution,
    describe_execution, fork_execution, list_one, pause_execution, redrive_execution, resume_execution,
    start_execution, stop_execution, sweep,
};
use millrace_app::ids::ExecutionId;
use millrace_app::limits::{Figures, change_limit, describe_limit, list_limits};
use millrace_app::ports::{
    Clock, ExecutionLog, Index, Letters, MessageQueues, Order, Ports, Query, Queue, Record, RecordStore,
};
use millrace_app::workers::handle;
use millrace_app::{Error, PayloadLimit, Timestamp, keys};
use millrace_simulation::world::{Fates, Script, Trouble};
use millrace_simulation::{Call, Fate, MemoryPorts, Watched, Watcher};
use serde_json::{Value, json};

const OWNER: &str = "test";

/// What is asked of the stores at every call.
#[derive(Debug, Default)]
struct Seen {
    /// The executions by key, and how many of each key may run.
    keys: Mutex<BTreeMap<String, (u64, BTreeSet<ExecutionId>)>>,
    /// The most that ran at once, by key.
    most: Mutex<BTreeMap<String, u64>>,
    /// When each execution got past its gates.
    admitted: Mutex<BTreeMap<ExecutionId, Timestamp>>,
}

/// Decides the fate of calls, has others take turns, and looks at the stores before each write.
#[derive(Debug)]
struct Eyes {
    fates: Fates,
    memory: MemoryPorts,
    seen: Seen,
    turns: AtomicU64,
    at_once: bool,
    notes_times: bool,
    name: String,
}

/// Where an execution stands by its log; `None` before it has started.
fn position(memory: &MemoryPorts, id: &ExecutionId) -> Option<String> {
    let record = memory.get(&keys::execution(id)).now_or_never().unwrap().unwrap()?;
    let newest = memory.latest(&LogId::root(id.clone())).now_or_never().unwrap().unwrap();
    let body = newest.map_or_else(|| record.body["first_entry"].as_str().unwrap().to_owned(), |entry| entry.body);
    // Looked at thousands of times: reading all of it would take most of the test's time.
    let (_, rest) = body.split_once(r#""p":{"at":""#).unwrap();
    Some(rest.split('"').next().unwrap().to_owned())
}

fn waiting(memory: &MemoryPorts, key: &str) -> BTreeSet<ExecutionId> {
    match describe_limit(memory, OWNER, key).now_or_never().unwrap() {
        Ok((_, _, waiting)) => waiting.into_iter().map(|one| one.id).collect(),
        Err(_) => BTreeSet::new(),
    }
}

impl Eyes {
    fn look(&self) {
        let keys = self.seen.keys.lock().unwrap();
        let mut most = self.seen.most.lock().unwrap();
        let mut admitted = self.seen.admitted.lock().unwrap();
        let all: BTreeSet<&ExecutionId> = keys.values().flat_map(|(_, ids)| ids).collect();
        let positions: BTreeMap<&ExecutionId, String> =
            all.into_iter().filter_map(|id| Some((id, position(&self.memory, id)?))).collect();
        if self.notes_times {
            let in_queues: BTreeSet<ExecutionId> = keys.keys().flat_map(|key| waiting(&self.memory, key)).collect();
            for id in positions.keys().filter(|id| !in_queues.contains(id)) {
                admitted.entry((*id).clone()).or_insert_with(|| self.memory.now());
            }
        }
        for (key, (limit, ids)) in keys.iter() {
            let runs = |id: &&ExecutionId| positions.get(id).is_some_and(|at| at != "queued" && at != "end");
            let running = ids.iter().filter(runs).count() as u64;
            let most = most.entry(key.clone()).or_default();
            *most = running.max(*most);
            assert!(running <= *limit, "a_limit_is_never_exceeded: '{key}' has {running} of {limit}: {}", self.name);
        }
    }
}

impl Watcher for Eyes {
    fn fate(&self, call: Call) -> Fate {
        if matches!(call, Call::LogAppend | Call::RecordWrite(_)) {
            self.look();
        }
        self.fates.fate(call)
    }

    fn turns(&self) -> u32 {
        if !self.at_once {
            return 0;
        }
        (rough::mix(self.turns.fetch_add(1, Ordering::SeqCst)) % 4) as u32
    }
}

type Ported = Watched<MemoryPorts, Eyes>;

struct World {
    memory: MemoryPorts,
    ports: Ported,
    eyes: Arc<Eyes>,
    script: Script,
    seed: u64,
    drawn: u64,
    swept: Timestamp,
}

impl World {
    fn new(name: &str, seed: u64) -> Self {
        let trouble = if seed == 0 { Trouble::default() } else { Trouble::ALL };
        let memory = MemoryPorts::new(seed);
        memory.come_early(Duration::from_millis(trouble.early));
        let eyes = Arc::new(Eyes {
            fates: Fates::new(seed, trouble),
            memory: memory.clone(),
            seen: Seen::default(),
            turns: AtomicU64::new(seed << 32),
            at_once: seed > 0,
            notes_times: matches!(name, "rate and key" | "order"),
            name: format!("case '{name}', seed {seed}"),
        });
        let ports = Watched::new(memory.clone(), Arc::clone(&eyes));
        let swept = memory.now();
        Self { memory, ports, eyes, script: Script::default(), seed, drawn: 0, swept }
    }

    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        rough::mix(self.seed ^ self.drawn << 20)
    }

    fn expect(&self, key: &str, limit: u64, name: &str) {
        let mut keys = self.eyes.seen.keys.lock().unwrap();
        keys.entry(key.to_owned()).or_insert_with(|| (limit, BTreeSet::new())).1.insert(rough::id(name));
    }

    /// Workers take up to four messages at once; where there is none time passes, to the next message or sweep.
    async fn turn(&mut self) {
        let now = self.memory.now();
        if now >= self.swept.plus_millis(300_000) {
            let _ = sweep(&self.ports, Patience::Grace).await;
            for queue in Queue::ALL {
                self.memory.redrive(queue, &Letters::All).await.unwrap();
            }
            self.swept = now;
            return;
        }
        let doubled = self.seed > 0 && self.draw().is_multiple_of(20);
        self.memory.duplicate_ready(&mut || doubled);
        let at_once = if self.seed > 0 { 1 + self.draw() as usize % 4 } else { 1 };
        let mut received = Vec::new();
        for queue in Queue::ALL {
            let left = at_once - received.len();
            if left > 0 {
                let some = self.memory.receive(queue, left, queue.visibility(), Duration::ZERO).await.unwrap();
                received.extend(some.into_iter().map(|delivery| (queue, delivery)));
            }
        }
        if !received.is_empty() {
            self.memory.pass(Duration::from_millis(5));
            let (ports, script) = (&self.ports, &self.script);
            join_all(received.iter().map(|(queue, delivery)| async move {
                if Box::pin(handle(ports, script, *queue, delivery)).await.is_ok() {
                    let _ = MessageQueues::delete(ports, *queue, &delivery.receipt).await;
                }
            }))
            .await;
            return;
        }
        let next = self.memory.next_visible().into_iter().chain([self.swept.plus_millis(300_000)]).min().unwrap();
        let gap = next.millis().saturating_sub(now.millis()).clamp(1, 300_000);
        self.memory.pass(Duration::from_millis(gap.unsigned_abs()));
    }

    async fn status(&self, name: &str) -> ExecutionStatus {
        list_one(&self.memory, &rough::id(name)).await.unwrap().map_or(ExecutionStatus::Running, |found| found.status)
    }

    /// Until all records say that they have ended.
    async fn end(&mut self, names: &[String]) {
        for _ in 0..60_000 {
            let mut running = false;
            for name in names {
                running |= self.status(name).await == ExecutionStatus::Running;
            }
            if !running {
                return;
            }
            self.turn().await;
        }
        let mut left = Vec::new();
        for name in names {
            left.push((name, self.status(name).await, position(&self.memory, &rough::id(name))));
        }
        unreachable!("no_waiter_is_lost: {}: {left:?}", self.eyes.name);
    }

    /// Everything that was taken was given back.
    async fn is_empty(&mut self) {
        for _ in 0..2_000 {
            let messages: usize = Queue::ALL.into_iter().map(|queue| self.memory.bodies(queue).len()).sum();
            if messages == 0 && self.due().await.is_empty() {
                break;
            }
            self.turn().await;
        }
        let due = self.due().await;
        let at = &self.eyes.name;
        assert!(due.is_empty(), "nobody is to be looked after: {at}: {due:?}");
        for found in list_limits(&self.memory, OWNER, 1000, None).await.unwrap().items {
            assert_eq!((found.running, found.waiting), (0, 0), "each_place_is_given_back_once: {at}: {found:?}");
            let query = Query {
                index: None,
                partition: keys::limit(OWNER, &found.key).partition,
                sort_prefix: String::new(),
                sort_to: None,
                order: Order::Ascending,
                limit: 1000,
                cursor: None,
            };
            let left = self.memory.query(&query).await.unwrap().items;
            assert_eq!(left.len(), 1, "each_place_is_given_back_once: {at}: {left:?}");
        }
    }

    /// The limits that the sweeper looks after.
    async fn due(&self) -> Vec<Record> {
        let due = Query {
            index: Some(Index::Due),
            partition: keys::DUE_LIMITS.to_owned(),
            sort_prefix: String::new(),
            sort_to: None,
            order: Order::Ascending,
            limit: 1000,
            cursor: None,
        };
        self.memory.query(&due).await.unwrap().items
    }
}

async fn start<P: Ports>(ports: &P, name: &str, definition: &Value, input: Value, priority: Option<i32>) {
    let start = StartExecution {
        id: rough::id(name),
        owner: OWNER.into(),
        name: name.into(),
        definition: definition.to_string().into(),
        input,
        project: None,
        payload_limit: PayloadLimit::None,
        workflow: Some(rough::run(name)),
        waiting: None,
        attributes: Attributes::new(),
        priority,
    };
    while let Err(error) = Box::pin(start_execution(ports, start.clone())).await {
        assert!(error.is_retryable(), "{error:?}");
    }
}

fn task(next: Option<&str>) -> Value {
    let mut state = json!({ "Type": "Task", "Resource": "millrace:agent:dev", "ResultPath": "$.result" });
    match next {
        Some(next) => state["Next"] = json!(next),
        None => state["End"] = json!(true),
    }
    state
}

fn chain(limits: Value) -> Value {
    json!({ "StartAt": "A", "TimeoutSeconds": 900_000, "limits": limits, "States": {
        "A": task(Some("W")), "W": { "Type": "Wait", "Seconds": 30, "Next": "B" }, "B": task(None),
    } })
}

fn instant(limits: Value) -> Value {
    json!({ "StartAt": "P", "limits": limits, "States": { "P": { "Type": "Pass", "End": true } } })
}

/// Name, definition, the keys of the `n`-th execution with their limits, and its input.
type Case = (&'static str, Value, fn(u64) -> (Vec<(String, u64)>, Value));

fn cases() -> Vec<Case> {
    vec![
        ("one key", chain(json!({ "concurrency": [{ "key": "k", "limit": 2 }], "priority": "$.p" })), |n| {
            (vec![("k".to_owned(), 2)], json!({ "p": n % 3 }))
        }),
        (
            "two keys",
            chain(json!({ "concurrency": [{ "key": "$.a", "limit": 1 }, { "key": "$.b", "limit": 2 }] })),
            |n| {
                let (a, b) = (format!("a{}", n % 3), format!("b{}", n % 2));
                (vec![(a.clone(), 1), (b.clone(), 2)], json!({ "a": a, "b": b }))
            },
        ),
        ("over at once", instant(json!({ "concurrency": [{ "key": "k", "limit": 1 }] })), |_| {
            (vec![("k".to_owned(), 1)], json!({}))
        }),
        (
            "rate and key",
            chain(json!({
                "concurrency": [{ "key": "k", "limit": 3 }],
                "rate": [{ "key": "r", "limit": 2, "per_seconds": 600 }],
            })),
            |_| (vec![("k".to_owned(), 3), ("r".to_owned(), 1_000)], json!({})),
        ),
        ("failing", chain(json!({ "concurrency": [{ "key": "k", "limit": 2 }] })), |n| {
            (vec![("k".to_owned(), 2)], if n % 2 == 0 { json!({ "fail": "Test.Broken" }) } else { json!({}) })
        }),
    ]
}

fn seeds() -> u64 {
    std::env::var("MILLRACE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(25)
}

/// What the start of this number asks for, and its input.
type Asked = fn(u64) -> (Vec<(String, u64)>, Value);

/// Starts eight executions of a case in between the turns of a world.
async fn start_all(world: &mut World, definition: &Value, of: Asked) -> Vec<String> {
    let names: Vec<String> = (0..8).map(|n| format!("e{n}")).collect();
    let mut begun = 0;
    while begun < names.len() {
        let some = (1 + world.draw() as usize % 3).min(names.len() - begun);
        for (n, name) in names.iter().enumerate().skip(begun).take(some) {
            for (key, limit) in of(n as u64).0 {
                world.expect(&key, limit, name);
            }
        }
        let ports = world.ports.clone();
        let starts = names.iter().enumerate().skip(begun).take(some);
        join_all(starts.map(|(n, name)| start(&ports, name, definition, of(n as u64).1, None))).await;
        begun += some;
        for _ in 0..world.draw() % 6 {
            world.turn().await;
        }
    }
    names
}

#[tokio::test]
async fn no_limit_is_exceeded_and_nobody_is_lost() {
    for (name, definition, of) in cases() {
        for seed in 0..seeds() {
            let mut world = World::new(name, seed);
            let names = start_all(&mut world, &definition, of).await;
            world.end(&names).await;
            for (n, one) in names.iter().enumerate() {
                let fails = name == "failing" && n % 2 == 0;
                let expected = if fails { ExecutionStatus::Failed } else { ExecutionStatus::Succeeded };
                assert_eq!(world.status(one).await, expected, "{}: {one}", world.eyes.name);
            }
            world.is_empty().await;
            if name == "rate and key" {
                let mut starts: Vec<i64> =
                    world.eyes.seen.admitted.lock().unwrap().values().map(|at| at.millis()).collect();
                starts.sort_unstable();
                // A message may come before its time by so much as clocks differ.
                let fits = starts.windows(3).all(|three| three[2] - three[0] >= 600_000 - 10);
                assert!(fits, "a_rate_is_never_exceeded: {}: {starts:?}", world.eyes.name);
            } else if name != "over at once" {
                let most = world.eyes.seen.most.lock().unwrap().clone();
                let limits = world.eyes.seen.keys.lock().unwrap();
                let reached = |key: &String| limits[key].0.min(limits[key].1.len() as u64);
                assert!(
                    most.iter().any(|(key, most)| *most == reached(key)),
                    "{}: it is used: {most:?}",
                    world.eyes.name
                );
            }
        }
    }
}

#[tokio::test]
async fn stops_pauses_and_redrives_keep_the_count() {
    let (name, definition, of) = cases().pop().unwrap();
    for seed in 0..seeds() {
        let mut world = World::new(name, seed);
        let names = start_all(&mut world, &definition, of).await;
        for _ in 0..6 {
            let one = rough::id(&names[world.draw() as usize % names.len()]);
            match world.draw() % 4 {
                0 => while stop_execution(&world.ports, &one, None, None).await.is_err() {},
                1 => {
                    let _ = pause_execution(&world.ports, &one).await;
                }
                _ => {
                    let redrive = RedriveExecution { input: Some(json!({})), ..RedriveExecution::default() };
                    match redrive_execution(&world.ports, &one, redrive).await {
                        Ok(_) | Err(RedriveError::NotRedrivable(_)) => {}
                        Err(RedriveError::App(error)) => assert!(error.is_retryable(), "{error:?}"),
                        Err(other) => unreachable!("{other:?}"),
                    }
                }
            }
            for _ in 0..world.draw() % 12 {
                world.turn().await;
            }
        }
        for name in &names {
            while let Err(error) = resume_execution(&world.ports, &rough::id(name)).await {
                if matches!(error, Error::WrongState(_)) {
                    break;
                }
            }
        }
        world.end(&names).await;
        world.is_empty().await;
    }
}

#[tokio::test]
async fn the_highest_priority_comes_first_then_the_oldest() {
    let mut world = World::new("order", 0);
    let definition = chain(json!({ "concurrency": [{ "key": "k", "limit": 1 }], "priority": "$.p" }));
    let names: Vec<String> = (0..6).map(|n| format!("e{n}")).collect();
    for (n, name) in names.iter().enumerate() {
        world.expect("k", 1, name);
        let (given, urgency) = ((n == 5).then_some(9), [0, 1, 1, 5, -2, -9]);
        start(&world.ports, name, &definition, json!({ "p": urgency[n] }), given).await;
        world.memory.pass(Duration::from_millis(10));
    }
    let (limit, running, waiting) = describe_limit(&world.memory, OWNER, "k").await.unwrap();
    assert_eq!((limit.running, limit.waiting, running.len()), (1, 5, 1));
    let ids = |names: &[&str]| names.iter().map(|name| rough::id(name)).collect::<Vec<_>>();
    assert_eq!(waiting.iter().map(|one| one.id.clone()).collect::<Vec<_>>(), ids(&["e5", "e3", "e1", "e2", "e4"]));
    assert_eq!(limit.asked.concurrency, Some(1));
    let view = describe_execution(&world.memory, &rough::id("e3")).await.unwrap().unwrap();
    let queued = view.queued.unwrap();
    assert_eq!((queued.key.as_deref(), queued.priority, view.state.as_deref()), (Some("k"), 5, Some("A")));
    world.end(&names).await;
    let mut order: Vec<(Timestamp, ExecutionId)> =
        world.eyes.seen.admitted.lock().unwrap().iter().map(|(id, at)| (*at, id.clone())).collect();
    order.sort();
    let order: Vec<ExecutionId> = order.into_iter().map(|(_, id)| id).collect();
    assert_eq!(order, ids(&["e0", "e5", "e3", "e1", "e2", "e4"]), "the_highest_priority_comes_first");
    world.is_empty().await;
}

#[tokio::test]
async fn the_time_in_the_queue_does_not_count() {
    let mut world = World::new("time", 0);
    let mut definition = chain(json!({ "concurrency": [{ "key": "k", "limit": 1 }] }));
    // Each takes half a minute.
    definition["TimeoutSeconds"] = json!(40);
    let names: Vec<String> = (0..4).map(|n| format!("e{n}")).collect();
    for name in &names {
        start(&world.ports, name, &definition, json!({}), None).await;
    }
    world.end(&names).await;
    for name in &names {
        assert_eq!(world.status(name).await, ExecutionStatus::Succeeded);
    }
    world.is_empty().await;
}

#[tokio::test]
async fn what_waits_can_be_stopped_and_a_pause_keeps_the_place() {
    let mut world = World::new("stop", 0);
    let definition = chain(json!({ "concurrency": [{ "key": "k", "limit": 1 }] }));
    for name in ["one", "two", "three"] {
        start(&world.ports, name, &definition, json!({}), None).await;
        world.memory.pass(Duration::from_millis(10));
    }
    assert!(stop_execution(&world.ports, &rough::id("two"), None, None).await.unwrap());
    assert_eq!(world.status("two").await, ExecutionStatus::Aborted);
    assert_eq!(describe_limit(&world.memory, OWNER, "k").await.unwrap().0.waiting, 1);
    assert!(pause_execution(&world.ports, &rough::id("three")).await.unwrap());
    world.end(&["one".to_owned()]).await;
    for _ in 0..20 {
        world.turn().await;
    }
    let view = describe_execution(&world.memory, &rough::id("three")).await.unwrap().unwrap();
    assert!(view.paused && view.queued.is_none(), "it was let in, and is held by the pause only");
    assert_eq!(describe_limit(&world.memory, OWNER, "k").await.unwrap().0.running, 1, "a pause keeps the place");
    assert!(resume_execution(&world.ports, &rough::id("three")).await.unwrap());
    world.end(&["three".to_owned()]).await;
    world.is_empty().await;
}

#[tokio::test]
async fn figures_are_changed_at_run_time() {
    let mut world = World::new("change", 0);
    let definition = chain(json!({ "concurrency": [{ "key": "k", "limit": 1 }] }));
    let names: Vec<String> = (0..5).map(|n| format!("e{n}")).collect();
    for name in &names {
        start(&world.ports, name, &definition, json!({}), None).await;
    }
    let figures = |concurrency| Some(Figures { concurrency: Some(concurrency), rates: Vec::new() });
    let running = async |world: &mut World| {
        for _ in 0..8 {
            world.turn().await;
        }
        describe_limit(&world.memory, OWNER, "k").await.unwrap().0.running
    };
    change_limit(&world.ports, OWNER, "k", figures(3)).await.unwrap();
    assert_eq!(running(&mut world).await, 3);
    change_limit(&world.ports, OWNER, "k", figures(0)).await.unwrap();
    for _ in 0..200 {
        world.turn().await;
    }
    assert_eq!(running(&mut world).await, 0, "those that ran have ended, and nobody came in");
    change_limit(&world.ports, OWNER, "k", None).await.unwrap();
    let refused = change_limit(&world.ports, OWNER, "k", None).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })));
    world.end(&names).await;
    world.is_empty().await;
}

#[tokio::test]
async fn a_fork_needs_room_at_once() {
    let mut world = World::new("fork", 0);
    let definition = chain(json!({ "concurrency": [{ "key": "k", "limit": 1 }] }));
    start(&world.ports, "one", &definition, json!({}), None).await;
    let fork = ForkExecution {
        source: rough::id("one"),
        sequence: 0,
        id: rough::id("fork"),
        name: "fork".to_owned(),
        definition: None,
        input: None,
        input_schema: None,
        workflow: Some(rough::run("fork")),
    };
    let refused = fork_execution(&world.ports, fork.clone()).await;
    assert!(matches!(refused, Err(Error::LimitReached { key }) if key == "k"));
    assert!(list_one(&world.memory, &rough::id("fork")).await.unwrap().is_none(), "nothing is stored");
    world.end(&["one".to_owned()]).await;
    fork_execution(&world.ports, fork.clone()).await.unwrap();
    fork_execution(&world.ports, fork).await.unwrap();
    world.end(&["fork".to_owned()]).await;
    world.is_empty().await;
}

#[tokio::test]
async fn a_key_that_cant_be_found_refuses_the_start() {
    let world = World::new("refused", 0);
    let start = StartExecution {
        id: rough::id("one"),
        owner: OWNER.into(),
        name: "one".into(),
        definition: chain(json!({ "concurrency": [{ "key": "$.customer", "limit": 1 }] })).to_string().into(),
        input: json!({}),
        project: None,
        payload_limit: PayloadLimit::None,
        workflow: None,
        waiting: None,
        attributes: Attributes::new(),
        priority: None,
    };
    let Err(Error::Invalid(problems)) = start_execution(&world.ports, start.clone()).await else {
        unreachable!("it has no key")
    };
    assert_eq!(problems[0].field, "/limits/concurrency/0/key");
    assert!(list_one(&world.memory, &start.id).await.unwrap().is_none());
}

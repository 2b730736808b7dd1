//! A world in which workers die, messages come twice, late or never, and stores refuse: all of it from one seed.
//!
//! [`World::run`] starts an execution, lets workers take messages in a random order in virtual time, sweeps every five
//! minutes, and ends when the execution's record says that it has ended. What it then finds is compared by the caller
//! with an undisturbed run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use millrace_app::executions::{
    Attributes, ExecutionStatus, HistoryItem, LogId, Patience, StartExecution, history, list_one, start_execution,
    stop_execution, sweep,
};
use millrace_app::ids::ExecutionId;
use millrace_app::keys;
use millrace_app::map_runs::{self, MapExecution, MapRunView};
use millrace_app::ports::{BlobStore, Clock, Letters, MessageQueues, Ports, Queue};
use millrace_app::workers::{Executor, Task, TaskError, TaskResult, handle};
use millrace_app::{Error, PayloadLimit, Timestamp};
use serde_json::{Value, json};

use crate::outside::Outside;
use crate::{Call, Fate, MemoryObjects, MemoryPorts, Watched, Watcher, mix};

/// How often the sweeper runs, as `template.yaml` has it.
const SWEEP_EVERY: Duration = Duration::from_secs(300);
/// Virtual time after which an execution counts as lost.
const PATIENCE: Duration = Duration::from_secs(14 * 24 * 3600);

/// Virtual time after the end in which everything has to come to rest.
const REST: Duration = Duration::from_secs(3 * 24 * 3600);

/// What goes wrong, in thousandths of the calls or messages.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trouble {
    /// Calls that fail before their work.
    pub fail_before: u64,
    /// Calls that fail after their work: the worker dies and doesn't know.
    pub fail_after: u64,
    /// Sends that are lost.
    pub lose: u64,
    /// Ready messages that are doubled, each time one is taken.
    pub double: u64,
    /// By how many milliseconds delayed messages come too early, since clocks differ.
    pub early: u64,
}

impl Trouble {
    /// Everything at once.
    pub const ALL: Self = Self { fail_before: 15, fail_after: 15, lose: 10, double: 40, early: 5 };
    /// Everything but lost messages.
    pub const DURABLE: Self = Self { lose: 0, ..Self::ALL };
}

/// Decides the fate of calls by a seed, and counts them.
#[derive(Debug)]
pub struct Fates {
    trouble: Trouble,
    random: AtomicU64,
    counts: Mutex<BTreeMap<Call, u64>>,
}

impl Fates {
    /// Fates that follow from a seed.
    #[must_use]
    pub fn new(seed: u64, trouble: Trouble) -> Self {
        Self { trouble, random: AtomicU64::new(mix(seed)), counts: Mutex::default() }
    }

    fn draw(&self) -> u64 {
        mix(self.random.fetch_add(1, Ordering::SeqCst))
    }

    fn hits(&self, thousandths: u64) -> bool {
        self.draw() % 1000 < thousandths
    }

    /// How often each call was made.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Call, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Watcher for Fates {
    fn fate(&self, call: Call) -> Fate {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(call).or_default() += 1;
        if self.hits(self.trouble.fail_before) {
            Fate::FailBefore
        } else if self.hits(self.trouble.fail_after) {
            Fate::FailAfter
        } else if matches!(call, Call::Send(_)) && self.hits(self.trouble.lose) {
            Fate::Lost
        } else {
            Fate::Done
        }
    }
}

/// An executor whose answers follow from the task alone: `{"fail": NAME}` in the input fails, `fail_until` fails the
/// first attempts of a state, `{"unable": true}` never gives a result, a task with a token is ended by [`Outside`] or, where it is given
/// `run`, by an execution of that definition, everything else is answered with what was given
/// and the state's name.
#[derive(Debug, Default)]
pub struct Script {
    done: Mutex<BTreeMap<String, u64>>,
    /// Who ends the tasks that this one only begins.
    pub outside: Outside,
    /// What map runs read and write.
    pub objects: MemoryObjects,
}

impl Script {
    /// How often each task attempt was executed.
    #[must_use]
    pub fn done(&self) -> BTreeMap<String, u64> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Executor for Script {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner).entry(task.attempt.clone()).or_default() += 1;
        if task.resource.starts_with("millrace:map:") {
            return Box::pin(map_runs::execute(ports, &self.objects, task)).await;
        }
        if let Some(token) = &task.token {
            if task.input.get("refused").is_some() {
                return Err(TaskError::failed("Test.Refused", "the call was refused"));
            }
            if let Some(definition) = task.input.get("run") {
                let nested = nested(task, definition.to_string());
                let answer = json!({ "accepted": task.state, "ExecutionArn": nested.id });
                start_execution(ports, nested).await?;
                return Ok(TaskResult::Submitted(answer));
            } else {
                self.outside.hold(token, &task.input, ports.clock().now());
            }
            return Ok(TaskResult::Submitted(json!({ "accepted": task.state })));
        }
        if let Some(name) = task.input.get("fail").and_then(Value::as_str) {
            return Err(TaskError::failed(name, format!("'{}' was told to fail", task.state)));
        }
        if task.input.get("unable").is_some() {
            return Err(Error::internal(format!("'{}' is unable", task.state)).into());
        }
        // The number of the attempt in its log is the same in every run.
        let attempt: u64 = task.attempt.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default();
        if task.input.get("fail_until").and_then(Value::as_u64).is_some_and(|until| attempt < until) {
            return Err(TaskError::failed("Test.NotYet", format!("attempt {attempt}")));
        }
        Ok(json!({ "state": task.state, "given": task.input }).into())
    }
}

/// An execution whose end a task waits for.
fn nested(task: &Task, definition: String) -> StartExecution {
    StartExecution {
        id: ExecutionId::derived(&task.attempt),
        owner: task.owner.clone(),
        name: "nested".to_owned(),
        definition: definition.into(),
        input: json!({ "from": task.state }),
        project: None,
        payload_limit: PayloadLimit::None,
        workflow: None,
        waiting: task.token.clone(),
        attributes: Attributes::new(),
        priority: None,
    }
}

/// How an execution ended.
#[derive(Debug)]
pub struct Ending {
    /// Its status; `RUNNING` when it got lost.
    pub status: ExecutionStatus,
    /// Its history.
    pub history: Vec<HistoryItem>,
    /// How often each task attempt was executed.
    pub tasks: BTreeMap<String, u64>,
    /// The tokens that workers of activities were given.
    pub taken: Vec<String>,
    /// How often each call was made.
    pub calls: BTreeMap<Call, u64>,
    /// Virtual time from start to end.
    pub took: Duration,
    /// Messages that went to the dead letters before it ended.
    pub dead: u64,
    /// Messages that are still there long after it ended.
    pub left: usize,
    /// Logs that have not ended long after it did.
    pub alive: Vec<LogId>,
    /// Its map runs, oldest first, each with its executions, oldest first.
    pub map_runs: Vec<(MapRunView, Vec<MapExecution>)>,
    /// What is in the bucket `results`, by key.
    pub results: BTreeMap<String, String>,
}

/// The map runs of an execution with all that can be asked of them.
#[expect(clippy::expect_used, reason = "a test that can't go on says so")]
async fn map_runs_of(memory: &MemoryPorts, id: &ExecutionId) -> Vec<(MapRunView, Vec<MapExecution>)> {
    let mut all = Vec::new();
    let listed = map_runs::list_map_runs(memory, id, 1000, None).await.expect("a listing in memory");
    for run in listed.items.into_iter().rev() {
        let view = map_runs::describe_map_run(memory, &run.arn).await.expect("memory").expect("it was listed");
        let (mut executions, mut cursor) = (Vec::new(), None);
        loop {
            let page = map_runs::list_map_executions(memory, &run.arn, Default::default(), 100, cursor.as_deref());
            let page = page.await.expect("memory").expect("it was listed");
            executions.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        executions.reverse();
        all.push((view, executions));
    }
    all
}

/// What happens when.
#[derive(Debug)]
struct Turn {
    next_sweep: Timestamp,
    stop_at: Option<Timestamp>,
}

/// A definition, an input, a seed and what goes wrong.
#[derive(Debug, Clone)]
pub struct World {
    /// The definition.
    pub definition: String,
    /// The input.
    pub input: Value,
    /// Everything that looks random follows from it.
    pub seed: u64,
    /// What goes wrong.
    pub trouble: Trouble,
    /// When somebody stops the execution, counted from its start.
    pub stop_after: Option<Duration>,
}

impl World {
    /// Runs the execution to its end, or until it counts as lost.
    ///
    /// # Panics
    /// When the definition is refused, or when the stores say something else than the planned faults.
    pub async fn run(&self) -> Ending {
        self.run_and_keep().await.0
    }

    /// The same, with what the stores hold in the end.
    ///
    /// # Panics
    /// As [`World::run`].
    #[expect(clippy::panic, clippy::expect_used, reason = "a test that can't go on says so")]
    pub async fn run_and_keep(&self) -> (Ending, MemoryPorts) {
        let memory = MemoryPorts::new(self.seed);
        memory.come_early(Duration::from_millis(self.trouble.early));
        let fates = Arc::new(Fates::new(self.seed, self.trouble));
        let ports = Watched::new(memory.clone(), Arc::clone(&fates));
        let script = Script::default();
        let id = ExecutionId::derived("world");
        let began = memory.now();
        script.outside.create_activities(&memory, &self.definition).await;
        loop {
            let start = StartExecution {
                id: id.clone(),
                owner: "test".to_owned(),
                name: "world".to_owned(),
                definition: self.definition.clone().into(),
                input: self.input.clone(),
                project: None,
                payload_limit: PayloadLimit::None,
                workflow: None,
                waiting: None,
                attributes: Attributes::new(),
                priority: None,
            };
            match start_execution(&ports, start).await {
                Ok(_) => break,
                Err(error) if error.is_retryable() => {}
                Err(error) => panic!("the execution was refused: {error:?}"),
            }
        }
        let stop_at = self.stop_after.map(|after| began.plus_millis(millis(after)));
        let mut turn = Turn { next_sweep: memory.now().plus_millis(millis(SWEEP_EVERY)), stop_at };
        let deadline = began.plus_millis(millis(PATIENCE));
        let status = loop {
            let status = list_one(&memory, &id).await.ok().flatten().map(|execution| execution.status);
            let status = status.unwrap_or(ExecutionStatus::Running);
            if status != ExecutionStatus::Running || memory.now() > deadline {
                break status;
            }
            Box::pin(self.go_on(&memory, &ports, &fates, &script, &id, &mut turn)).await;
        };
        let (calls, ended) = (fates.counts(), memory.now());
        let mut dead = 0;
        for queue in Queue::ALL {
            dead += memory.depth(queue).await.map_or(0, |depth| depth.dead);
        }
        let deadline = ended.plus_millis(millis(REST));
        let left = || Queue::ALL.into_iter().map(|queue| memory.bodies(queue).len()).sum();
        while left() > 0_usize && memory.now() <= deadline {
            Box::pin(self.go_on(&memory, &ports, &fates, &script, &id, &mut turn)).await;
        }
        let mut alive = Vec::new();
        for entry in memory.newest() {
            let blob = entry.body.strip_prefix("{\"blob\":\"").and_then(|rest| rest.strip_suffix("\"}"));
            let body = match blob {
                Some(blob) => BlobStore::get(&memory, &keys::payload(blob)).await.ok().flatten().unwrap_or_default(),
                None => entry.body.into_bytes(),
            };
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            if body.pointer("/snap/p/at") != Some(&json!("end")) {
                alive.push(entry.log);
            }
        }
        let ending = Ending {
            status,
            history: history(&memory, &id).await.expect("a history in memory"),
            tasks: script.done(),
            taken: script.outside.taken(),
            calls,
            took: Duration::from_millis(u64::try_from(ended.millis() - began.millis()).unwrap_or_default()),
            dead,
            left: left(),
            alive,
            map_runs: map_runs_of(&memory, &id).await,
            results: script
                .objects
                .keys("results")
                .into_iter()
                .filter_map(|key| {
                    let text = script.objects.text("results", &key)?;
                    Some((key, text))
                })
                .collect(),
        };
        (ending, memory)
    }

    /// One turn of the world: a sweep when it is time, else a message, else time passes.
    #[expect(clippy::expect_used, reason = "a test that can't go on says so")]
    async fn go_on(
        &self,
        memory: &MemoryPorts,
        ports: &Watched<MemoryPorts, Fates>,
        fates: &Fates,
        script: &Script,
        id: &ExecutionId,
        turn: &mut Turn,
    ) {
        if turn.stop_at.is_some_and(|at| at <= memory.now()) {
            // Whoever stops it tries until it is told that it is stopped.
            if stop_execution(ports, id, Some("Test.Stopped"), Some("somebody stopped it")).await.is_ok() {
                turn.stop_at = None;
            }
            return;
        }
        if memory.now() >= turn.next_sweep {
            // A sweep that dies is repeated at the next turn.
            let _ = sweep(ports, Patience::Grace).await;
            for queue in Queue::ALL {
                memory.redrive(queue, &Letters::All).await.expect("memory redrives");
            }
            turn.next_sweep = memory.now().plus_millis(millis(SWEEP_EVERY));
            return;
        }
        let mut draw = || fates.draw();
        let acted =
            script.outside.has_work() && draw() % 3 == 0 && script.outside.act(ports, memory.now(), &mut draw).await;
        if !acted && !Box::pin(self.work_once(memory, ports, fates, script)).await {
            let now = memory.now();
            let outside = script.outside.next().map(|at| at.max(now));
            let times = [memory.next_visible(), outside, turn.stop_at, Some(turn.next_sweep)];
            let soon = times.into_iter().flatten().min().unwrap_or_default();
            let gap = u64::try_from(soon.millis() - memory.now().millis()).unwrap_or_default();
            memory.pass(Duration::from_millis(gap.max(1)));
        }
    }

    /// A worker takes one message, of a queue chosen at random. False when none is ready.
    async fn work_once(
        &self,
        memory: &MemoryPorts,
        ports: &Watched<MemoryPorts, Fates>,
        fates: &Fates,
        script: &Script,
    ) -> bool {
        memory.duplicate_ready(&mut || fates.hits(self.trouble.double));
        let mut queues = Queue::ALL;
        for place in 0..queues.len() {
            let other = place + usize::try_from(fates.draw()).unwrap_or_default() % (queues.len() - place);
            queues.swap(place, other);
        }
        for queue in queues {
            let received = memory.receive(queue, 1, queue.visibility(), Duration::ZERO).await.unwrap_or_default();
            let Some(delivery) = received.first() else { continue };
            memory.pass(Duration::from_millis(1 + fates.draw() % 20));
            if Box::pin(handle(ports, script, queue, delivery)).await.is_ok() {
                // A worker may die between its work and the delete, too.
                let _ = MessageQueues::delete(ports, queue, &delivery.receipt).await;
            }
            return true;
        }
        false
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

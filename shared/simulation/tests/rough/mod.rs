//! A world that is rough in its own turns, for tests that act in between.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::sync::Arc;
use std::time::Duration;

use millrace_app::PayloadLimit;
use millrace_app::executions::{
    Attributes, Execution, ExecutionStatus, LogEntry, LogId, Patience, StartExecution, WorkflowRun, list_one,
    start_execution, sweep,
};
use millrace_app::ids::ExecutionId;
use millrace_app::ports::{Clock, ExecutionLog, Letters, MessageQueues, Ports, Queue};
use millrace_app::workers::{Executor, handle};
use millrace_app::workflows::{Qualifier, WorkflowType};
use millrace_simulation::world::{Fates, Script, Trouble};
use millrace_simulation::{MemoryPorts, Watched};
use serde_json::Value;

const PLACE: &str = "arn:aws:states:us-east-1:000000000000";

/// The finalizer of splitmix64.
pub const fn mix(bits: u64) -> u64 {
    let bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

pub fn run(name: &str) -> WorkflowRun {
    WorkflowRun {
        execution_arn: format!("{PLACE}:execution:test:{name}"),
        state_machine_arn: format!("{PLACE}:stateMachine:test"),
        kind: WorkflowType::Standard,
        role_arn: String::new(),
        revision: "r".to_owned(),
        through: Qualifier::None,
        trace_header: None,
        map_run_arn: None,
        redrives: 0,
        redriven_at: None,
        redrive_token: None,
    }
}

pub fn id(name: &str) -> ExecutionId {
    ExecutionId::derived(&run(name).execution_arn)
}

pub async fn start<P: Ports>(ports: &P, definition: &Value, input: &Value) -> ExecutionId {
    let start = StartExecution {
        id: id("one"),
        owner: "test".into(),
        name: "one".into(),
        definition: definition.to_string().into(),
        input: input.clone(),
        project: None,
        payload_limit: PayloadLimit::None,
        workflow: Some(run("one")),
        waiting: None,
        attributes: Attributes::new(),
        priority: None,
    };
    while let Err(error) = start_execution(ports, start.clone()).await {
        assert!(error.is_retryable(), "{error:?}");
    }
    start.id
}

/// Workers that die, messages that come twice, late or never, from a seed.
pub struct Rough<E = Script> {
    pub memory: MemoryPorts,
    pub ports: Watched<MemoryPorts, Fates>,
    pub script: E,
    seed: u64,
    drawn: u64,
    swept: millrace_app::Timestamp,
}

impl<E: Executor + Default> Rough<E> {
    pub fn new(seed: u64, trouble: Trouble) -> Self {
        let memory = MemoryPorts::new(seed);
        let ports = Watched::new(memory.clone(), Arc::new(Fates::new(seed, trouble)));
        let swept = memory.now();
        Self { memory, ports, script: E::default(), seed, drawn: 0, swept }
    }

    pub fn draw(&mut self) -> u64 {
        self.drawn += 1;
        mix(self.seed ^ self.drawn << 20)
    }

    /// A worker takes one message; where there is none time passes, to the next message or sweep.
    pub async fn turn(&mut self) {
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
        for queue in Queue::ALL {
            let received = self.memory.receive(queue, 1, queue.visibility(), Duration::ZERO).await.unwrap_or_default();
            let Some(delivery) = received.first() else { continue };
            self.memory.pass(Duration::from_millis(5));
            if handle(&self.ports, &self.script, queue, delivery).await.is_ok() {
                let _ = MessageQueues::delete(&self.ports, queue, &delivery.receipt).await;
            }
            return;
        }
        let next = self.memory.next_visible().into_iter().chain([self.swept.plus_millis(300_000)]).min().unwrap();
        let gap = next.millis().saturating_sub(now.millis()).clamp(1, 300_000);
        self.memory.pass(Duration::from_millis(gap.unsigned_abs()));
    }

    pub async fn record(&self, id: &ExecutionId) -> Execution {
        list_one(&self.memory, id).await.unwrap().unwrap()
    }

    /// Until the record says that it has ended.
    pub async fn end(&mut self, id: &ExecutionId) -> ExecutionStatus {
        for _ in 0..20_000 {
            let status = self.record(id).await.status;
            if status != ExecutionStatus::Running {
                return status;
            }
            self.turn().await;
        }
        ExecutionStatus::Running
    }

    pub async fn log(&self, id: &ExecutionId) -> Vec<LogEntry> {
        self.memory.entries(&LogId::root(id.clone()), 1, 1000).await.unwrap()
    }
}

//! The built-in workflows over ports in memory: reports that tell one owner's records, cleanups that remove nothing that is needed,
//! tables that are taken whole or not at all.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

mod cleanup;
mod report;
mod sync;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use millrace_app::builtins::sync::{Fetch, FetchError};
use millrace_app::builtins::{self, Builtin, BuiltinIds, ScheduledRun, Settings, TAG};
use millrace_app::executions::{Attributes, ExecutionStatus, ExecutionView, StartExecution, describe_execution};
use millrace_app::ids::ExecutionId;
use millrace_app::ports::{MessageQueues, Ports, Queue};
use millrace_app::workers::{Executor, Task, TaskError, TaskResult, handle};
use millrace_app::workflows::{Place, UpdateWorkflow, update_workflow};
use millrace_app::{PayloadLimit, executions};
use millrace_simulation::MemoryPorts;
use serde_json::{Value, json};

const OWNER: &str = "local";
const OTHER: &str = "other";
const SYSTEM: &str = OWNER;

fn place(owner: &str) -> Place {
    Place::new("us-east-1", if owner == OWNER { "000000000000" } else { "111111111111" })
}

/// Does the tasks of built-in workflows, with a source in memory.
#[derive(Clone, Default)]
struct Worker {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    fetched: Arc<Mutex<Vec<String>>>,
    /// Each task is done twice.
    twice: bool,
}

impl Fetch for Worker {
    async fn fetch(&self, source: &str, path: &str, most: usize) -> Result<Vec<u8>, FetchError> {
        self.fetched.lock().unwrap().push(path.to_owned());
        assert_eq!(source, "https://example.com/tables/");
        let found = self.files.lock().unwrap().get(path).cloned();
        let bytes = found.ok_or_else(|| FetchError::Refused("the source answers 404".into()))?;
        if bytes.len() > most { Err(FetchError::Refused("too large".into())) } else { Ok(bytes) }
    }
}

impl Executor for Worker {
    async fn execute<P: Ports>(&self, ports: &P, task: &Task) -> Result<TaskResult, TaskError> {
        if task.resource == "millrace:agent:pm" {
            let failed = task.input["fail"].as_str().unwrap_or("Test.Unknown");
            return Err(TaskError::failed(failed, "a cause with what the workflow worked on"));
        }
        let settings =
            Settings { system_owner: SYSTEM.into(), sync_source: Some("https://example.com/tables/".into()) };
        let first = Box::pin(builtins::execute(ports, &settings, self, task)).await;
        if !self.twice {
            return first;
        }
        Box::pin(builtins::execute(ports, &settings, self, task)).await
    }
}

/// Works off everything that is ready.
async fn work(ports: &MemoryPorts, worker: &Worker) {
    loop {
        let mut idle = true;
        for queue in Queue::ALL {
            let taken = ports.queues().receive(queue, 10, queue.visibility(), Duration::ZERO).await.unwrap();
            for message in taken {
                idle = false;
                Box::pin(handle(ports, worker, queue, &message)).await.unwrap();
                ports.queues().delete(queue, &message.receipt).await.unwrap();
            }
        }
        if idle {
            return;
        }
    }
}

/// Runs a built-in workflow for an owner to its end.
async fn run(ports: &MemoryPorts, worker: &Worker, owner: &str, builtin: Builtin, input: Value) -> ExecutionView {
    let run = ScheduledRun {
        schedule_name: builtin.name().into(),
        input: input.as_object().unwrap().clone(),
        ..ScheduledRun::default()
    };
    let ids = BuiltinIds::default();
    let started = Box::pin(builtins::run_scheduled(ports, owner, &place(owner), &ids, run)).await.unwrap();
    work(ports, worker).await;
    describe_execution(ports, &started.id).await.unwrap().unwrap()
}

async fn output(ports: &MemoryPorts, worker: &Worker, owner: &str, builtin: Builtin, input: Value) -> Value {
    let view = run(ports, worker, owner, builtin, input).await;
    assert_eq!(view.execution.status, ExecutionStatus::Succeeded, "{:?}", view.execution.failure);
    view.output.unwrap()
}

async fn error(ports: &MemoryPorts, worker: &Worker, owner: &str, builtin: Builtin, input: Value) -> (String, String) {
    let view = run(ports, worker, owner, builtin, input).await;
    let failure = view.execution.failure.unwrap_or_else(|| panic!("it ended well: {:?}", view.output));
    (failure.error.unwrap(), failure.cause.unwrap())
}

async fn start(ports: &MemoryPorts, owner: &str, name: &str, definition: &Value, input: Value) -> ExecutionId {
    let id = ExecutionId::derived(&format!("{owner} {name}"));
    let start = StartExecution {
        id: id.clone(),
        owner: owner.into(),
        name: name.into(),
        definition: definition.to_string().into(),
        input,
        project: None,
        payload_limit: PayloadLimit::None,
        workflow: None,
        waiting: None,
        attributes: Attributes::new(),
        priority: None,
    };
    Box::pin(executions::start_execution(ports, start)).await.unwrap();
    id
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 3_600)
}

#[tokio::test]
async fn a_built_in_workflow_is_its_owner_s_and_brought_up_to_date() {
    let (ports, ids) = (MemoryPorts::new(1), BuiltinIds::default());
    let find = async |owner: &str, ids: &BuiltinIds| {
        builtins::find(&ports, owner, &place(owner), "cleanup", ids).await.map(|found| found.0)
    };
    let first = find(OWNER, &ids).await.unwrap();
    assert!(first.tags.iter().any(|tag| tag.key == TAG));
    assert_eq!(find(OWNER, &ids).await.unwrap().revision.key, first.revision.key);
    assert_ne!(find(OTHER, &ids).await.unwrap().id, first.id);
    // As an earlier version of Millrace had it.
    let old = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
    let update = UpdateWorkflow { definition: Some(old.into()), ..UpdateWorkflow::default() };
    update_workflow(&ports, &first.arn, update).await.unwrap();
    assert_eq!(find(OWNER, &ids).await.unwrap().revision.definition, first.revision.definition);
    // Another one in its place.
    let chosen = BuiltinIds::from_variables(|name| (name == "CLEANUP_WORKFLOW_ID").then(|| "daily-tidy".into()));
    assert!(find(OWNER, &chosen).await.is_err());
    // One that has the name and not the tag is its owner's.
    millrace_app::workflows::untag_workflow(&ports, &first.arn, &[TAG.to_owned()]).await.unwrap();
    let update = UpdateWorkflow { definition: Some(old.into()), ..UpdateWorkflow::default() };
    update_workflow(&ports, &first.arn, update).await.unwrap();
    assert_ne!(find(OWNER, &ids).await.unwrap().revision.definition, first.revision.definition);
}

#[tokio::test]
async fn a_misspelt_input_is_refused() {
    let (ports, worker) = (MemoryPorts::new(1), Worker::default());
    for (builtin, input) in [
        (Builtin::Cleanup, json!({ "dryrun": false })),
        (Builtin::Cleanup, json!({ "orphan_days": 0 })),
        (Builtin::Cleanup, json!({ "dry_run": "no" })),
        (Builtin::DailyReport, json!({ "day": "2026-01-01" })),
        (Builtin::DailyReport, json!({ "time_zone": "Mars/Olympus" })),
        (Builtin::Sync, json!({ "only": ["passwords"] })),
    ] {
        let (name, cause) = error(&ports, &worker, OWNER, builtin, input.clone()).await;
        assert_eq!(name, "Millrace.InvalidWork", "{input}: {cause}");
    }
}

//! Every worker's sample events, handed to the loop that all of them share.

#![expect(clippy::expect_used, reason = "these are tests")]

use millrace_app::ports::Queue;
use millrace_app::workers::NoTasks;
use millrace_aws::Function;
use millrace_aws::worker::handle_tasks;
use millrace_simulation::MemoryPorts;

const WORKERS: [(Function, Queue); 8] = [
    (Function::PmAgent, Queue::Pm),
    (Function::DevAgent, Queue::Dev),
    (Function::QaAgent, Queue::Qa),
    (Function::OpsAgent, Queue::Ops),
    (Function::Integrations, Queue::Integrations),
    (Function::Functions, Queue::Functions),
    (Function::ModelWorker, Queue::Models),
    (Function::Scheduler, Queue::Scheduler),
];

async fn failed(function: Function, queue: Queue, event: &str) -> Vec<String> {
    let path = format!("{}/../../events/{}/{event}.json", env!("CARGO_MANIFEST_DIR"), function.name());
    let text = std::fs::read_to_string(&path).expect(&path);
    let event = serde_json::from_str(&text).expect(&path);
    let response = handle_tasks(&MemoryPorts::new(1), &NoTasks, queue, event).await;
    response.failures.into_iter().map(|failure| failure.id).collect()
}

#[tokio::test]
async fn a_task_of_an_execution_that_is_gone_is_done() {
    for (function, queue) in WORKERS {
        assert_eq!(failed(function, queue, "task").await, [] as [&str; 0], "{}", function.name());
    }
}

#[tokio::test]
async fn a_malformed_message_fails_alone() {
    for (function, queue) in WORKERS {
        let failed = failed(function, queue, "malformed").await;
        assert_eq!(failed, ["2e1424d4-f796-459a-8184-9c92662be6da"], "{}", function.name());
    }
}

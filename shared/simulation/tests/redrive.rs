//! Redrives: what a crash at each call leaves, late messages of the run before, and other definitions.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use millrace_app::PayloadLimit;
use millrace_app::executions::{ExecutionStatus, HistoryItem, Patience, describe_execution, history, list_one, sweep};
use millrace_app::ids::ExecutionId;
use millrace_app::ports::{MessageQueues, Ports, Queue};
use millrace_app::workers::handle;
use millrace_app::workflows::{
    Configuration, CreateWorkflow, Place, RedriveDefinition, RedriveWorkflow, StartWorkflow, StateMachineArn,
    UpdateWorkflow, WorkflowError, WorkflowType, create_workflow, redrive_workflow, start_workflow, update_workflow,
};
use millrace_simulation::world::Script;
use millrace_simulation::{Call, Fate, MemoryPorts, Watched, Watcher};
use serde_json::{Value, json};

/// Lets one call fail.
struct One {
    at: usize,
    fate: Fate,
    seen: AtomicUsize,
}

impl Watcher for One {
    fn fate(&self, _: Call) -> Fate {
        if self.seen.fetch_add(1, Ordering::Relaxed) == self.at { self.fate } else { Fate::Done }
    }
}

fn place() -> Place {
    Place { partition: "aws".into(), region: "us-east-1".into(), account: "111111111111".into() }
}

/// The first try fails, the second succeeds: the number of a task's attempt in its log decides.
fn definition(last: &Value) -> Value {
    json!({ "StartAt": "Work", "States": {
        "Work": { "Type": "Task", "Resource": "millrace:agent:qa", "Next": "Last" }, "Last": last,
    }})
}

async fn create(ports: &MemoryPorts, definition: &Value) -> String {
    let create = CreateWorkflow {
        place: place(),
        owner: "test".into(),
        name: "shop".into(),
        definition: definition.to_string(),
        kind: WorkflowType::Standard,
        configuration: Configuration { role_arn: "arn:aws:iam::111111111111:role/x".into(), ..Default::default() },
        publish: false,
        version_description: None,
        tags: Vec::new(),
    };
    create_workflow(ports, create).await.unwrap().workflow.arn
}

async fn start(ports: &MemoryPorts, arn: &str, input: Value) -> (ExecutionId, String) {
    let start = StartWorkflow {
        target: StateMachineArn::parse(arn).unwrap(),
        name: Some("one".into()),
        input,
        trace_header: None,
        payload_limit: PayloadLimit::None,
        only: None,
        waiting: None,
        attributes: Default::default(),
        priority: None,
    };
    let started = start_workflow(ports, start).await.unwrap();
    (started.id, started.run.execution_arn)
}

async fn work<P: Ports>(ports: &P) {
    loop {
        let mut done = 0;
        for queue in Queue::ALL {
            for delivery in ports.queues().receive(queue, 10, queue.visibility(), Duration::ZERO).await.unwrap() {
                handle(ports, &Script::default(), queue, &delivery).await.unwrap();
                ports.queues().delete(queue, &delivery.receipt).await.unwrap();
                done += 1;
            }
        }
        if done == 0 {
            return;
        }
    }
}

fn redrive(arn: &str) -> RedriveWorkflow {
    RedriveWorkflow { execution: arn.to_owned(), token: Some("once".into()), definition: None, input: None }
}

fn count(history: &[HistoryItem], kind: &str) -> usize {
    history.iter().filter(|event| event.kind.name() == kind).count()
}

#[tokio::test]
async fn whatever_call_fails_a_repeated_redrive_is_one_redrive() {
    let mut calls = 0;
    for at in 0..60 {
        for fate in [Fate::FailBefore, Fate::FailAfter] {
            let ports = MemoryPorts::new(3);
            let arn = create(&ports, &definition(&json!({ "Type": "Succeed" }))).await;
            let (id, execution) = start(&ports, &arn, json!({ "fail_until": 2 })).await;
            work(&ports).await;
            assert_eq!(list_one(&ports, &id).await.unwrap().unwrap().status, ExecutionStatus::Failed);
            let watcher = Arc::new(One { at, fate, seen: AtomicUsize::new(0) });
            let watched = Watched::new(ports.clone(), Arc::clone(&watcher));
            let first = redrive_workflow(&watched, redrive(&execution)).await;
            calls = watcher.seen.load(Ordering::Relaxed);
            if let Err(error) = first {
                assert!(matches!(&error, WorkflowError::App(error) if error.is_retryable()), "{at} {error:?}");
                redrive_workflow(&ports, redrive(&execution)).await.unwrap();
            }
            // What was sent last may have been lost with the caller.
            work(&ports).await;
            ports.pass(Duration::from_secs(2 * 3600));
            sweep(&ports, Patience::Grace).await.unwrap();
            work(&ports).await;
            let record = list_one(&ports, &id).await.unwrap().unwrap();
            assert_eq!(record.status, ExecutionStatus::Succeeded, "call {at} {fate:?}");
            assert_eq!(record.workflow.unwrap().redrives, 1, "call {at} {fate:?}");
            let history = history(&ports, &id).await.unwrap();
            assert_eq!(count(&history, "ExecutionRedriven"), 1, "call {at} {fate:?}");
            assert_eq!(count(&history, "ExecutionFailed"), 1, "call {at} {fate:?}");
            let ids: Vec<u64> = history.iter().map(|event| event.id).collect();
            assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
        }
    }
    assert!(calls < 60, "some calls were not tried: there are {calls}");
}

#[tokio::test]
async fn a_redrive_may_take_the_newest_definition_and_another_input() {
    let ports = MemoryPorts::new(3);
    let arn = create(&ports, &definition(&json!({ "Type": "Fail", "Error": "Test.Wrong" }))).await;
    let (id, execution) = start(&ports, &arn, json!({})).await;
    work(&ports).await;
    let mended = definition(&json!({ "Type": "Pass", "OutputPath": "$.said", "End": true }));
    let update = UpdateWorkflow { definition: Some(mended.to_string()), ..UpdateWorkflow::default() };
    update_workflow(&ports, &arn, update).await.unwrap();
    let other = StateMachineArn::parse(&arn.replace("shop", "other")).unwrap();
    let wrong = RedriveWorkflow { definition: Some(RedriveDefinition::Of(other)), ..redrive(&execution) };
    assert!(matches!(redrive_workflow(&ports, wrong).await, Err(WorkflowError::Invalid(_))));
    let newest = RedriveWorkflow {
        definition: Some(RedriveDefinition::Of(StateMachineArn::parse(&arn).unwrap())),
        input: Some(json!({ "said": "hello" })),
        ..redrive(&execution)
    };
    redrive_workflow(&ports, newest).await.unwrap();
    let view = describe_execution(&ports, &id).await.unwrap().unwrap();
    assert_eq!((view.execution.status, view.output), (ExecutionStatus::Succeeded, Some(json!("hello"))));
    assert_eq!(list_one(&ports, &id).await.unwrap().unwrap().status, ExecutionStatus::Succeeded);
    let refused = redrive_workflow(&ports, RedriveWorkflow { token: None, ..redrive(&execution) }).await;
    assert!(matches!(refused, Err(WorkflowError::NotRedrivable(_))), "it has succeeded");
}

#[tokio::test]
async fn an_execution_can_be_redriven_for_two_weeks() {
    let ports = MemoryPorts::new(3);
    let arn = create(&ports, &definition(&json!({ "Type": "Fail" }))).await;
    let (_, execution) = start(&ports, &arn, json!({})).await;
    let running = redrive_workflow(&ports, redrive(&execution)).await;
    assert!(matches!(running, Err(WorkflowError::NotRedrivable(_))), "it runs");
    work(&ports).await;
    ports.pass(Duration::from_secs(14 * 24 * 3600 + 1));
    let late = redrive_workflow(&ports, redrive(&execution)).await;
    assert!(matches!(late, Err(WorkflowError::NotRedrivable(_))), "it is too late");
    let unknown = redrive_workflow(&ports, redrive(&execution.replace("one", "two"))).await;
    assert!(matches!(unknown, Err(WorkflowError::ExecutionDoesNotExist(_))));
}

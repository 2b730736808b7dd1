//! What the sweeper, copies of messages and the passing of time do to executions, one case each.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;
use std::time::Duration;

use millrace_app::PayloadLimit;
use millrace_app::executions::{
    Attributes, ExecutionStatus, LogEntry, LogId, Patience, StartExecution, list_one, start_execution, stop_execution,
    sweep,
};
use millrace_app::ids::ExecutionId;
use millrace_app::keys;
use millrace_app::ports::{Clock, ExecutionLog, MessageQueues, OutgoingMessage, Ports, Queue};
use millrace_app::workers::handle;
use millrace_simulation::world::{Fates, Script, Trouble};
use millrace_simulation::{Call, MemoryPorts, Watched};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn start<P: Ports>(ports: &P, id: &ExecutionId, definition: &Value, input: Value) {
    let start = StartExecution {
        id: id.clone(),
        owner: "test".into(),
        name: "test".into(),
        definition: definition.to_string().into(),
        input,
        project: None,
        payload_limit: PayloadLimit::None,
        workflow: None,
        waiting: None,
        attributes: Attributes::new(),
        priority: None,
    };
    start_execution(ports, start).await.unwrap();
}

/// Handles messages until none can be received.
async fn work<P: Ports>(ports: &P, script: &Script) {
    loop {
        let mut done = 0;
        for queue in Queue::ALL {
            for delivery in ports.queues().receive(queue, 10, queue.visibility(), Duration::ZERO).await.unwrap() {
                handle(ports, script, queue, &delivery).await.unwrap();
                ports.queues().delete(queue, &delivery.receipt).await.unwrap();
                done += 1;
            }
        }
        if done == 0 {
            return;
        }
    }
}

/// Loses all messages that can be received.
async fn lose(ports: &MemoryPorts, queue: Queue) -> usize {
    let mut lost = 0;
    loop {
        let deliveries = ports.receive(queue, 10, queue.visibility(), Duration::ZERO).await.unwrap();
        if deliveries.is_empty() {
            return lost;
        }
        for delivery in deliveries {
            MessageQueues::delete(ports, queue, &delivery.receipt).await.unwrap();
            lost += 1;
        }
    }
}

async fn status(ports: &MemoryPorts, id: &ExecutionId) -> ExecutionStatus {
    list_one(ports, id).await.unwrap().unwrap().status
}

fn of_type(ports: &MemoryPorts, kind: &str) -> usize {
    let bodies = Queue::ALL.into_iter().flat_map(|queue| ports.bodies(queue));
    bodies.filter(|body| serde_json::from_str::<Value>(body).unwrap().get("type") == Some(&json!(kind))).count()
}

fn task() -> Value {
    json!({ "Type": "Task", "Resource": "millrace:agent:dev", "ResultPath": null, "End": true })
}

fn one_task() -> Value {
    json!({ "StartAt": "A", "States": { "A": task() } })
}

fn map(state: &Value) -> Value {
    json!({ "StartAt": "M", "States": { "M": { "Type": "Map", "ItemsPath": "$.items", "End": true,
        "ItemProcessor": { "StartAt": "Inner", "States": { "Inner": state } } } } })
}

#[tokio::test]
async fn an_execution_that_cannot_be_read_holds_no_other_up() {
    let ports = MemoryPorts::new(1);
    let broken = ExecutionId::derived("broken");
    let mut others = (0..).map(|number| ExecutionId::derived(&number.to_string()));
    let sound = others.find(|id| keys::due_executions(id) == keys::due_executions(&broken)).unwrap();
    start(&ports, &broken, &one_task(), json!({})).await;
    ports.pass(Duration::from_secs(1));
    start(&ports, &sound, &one_task(), json!({})).await;
    assert_eq!(lose(&ports, Queue::Dev).await, 2);
    let log = LogId::root(broken.clone());
    let entry = LogEntry { log, seq: 1, at: ports.now(), body: "nonsense".into(), expires_at: None };
    ports.append(&entry, None).await.unwrap();
    for _ in 0..2 {
        ports.pass(3 * HOUR);
        sweep(&ports, Patience::Grace).await.unwrap_err();
    }
    work(&ports, &Script::default()).await;
    assert_eq!(status(&ports, &sound).await, ExecutionStatus::Succeeded);
    assert_eq!(status(&ports, &broken).await, ExecutionStatus::Running);
}

#[tokio::test]
async fn copies_of_messages_that_carry_nothing_do_not_multiply() {
    let names = ["A", "B", "C", "D"];
    let mut states = serde_json::Map::new();
    for (place, name) in names.iter().enumerate() {
        let mut state = task();
        if let Some(next) = names.get(place + 1) {
            state.as_object_mut().unwrap().remove("End");
            state.as_object_mut().unwrap().insert("Next".into(), json!(next));
        }
        states.insert((*name).to_owned(), state);
    }
    let memory = MemoryPorts::new(1);
    let fates = Arc::new(Fates::new(1, Trouble::default()));
    let ports = Watched::new(memory.clone(), Arc::clone(&fates));
    let id = ExecutionId::derived("large");
    let input = json!({ "text": "x".repeat(300_000) });
    start(&ports, &id, &json!({ "StartAt": "A", "States": states }), input).await;
    memory.duplicate_ready(&mut || true);
    let script = Script::default();
    work(&ports, &script).await;
    assert_eq!(status(&memory, &id).await, ExecutionStatus::Succeeded);
    assert_eq!(script.done().values().sum::<u64>(), 4);
    assert_eq!(fates.counts().get(&Call::Send(1)), Some(&4), "one send a task");
}

#[tokio::test]
async fn a_wide_fan_out_is_stopped_by_several_messages() {
    let ports = MemoryPorts::new(1);
    let id = ExecutionId::derived("wide");
    let definition = json!({ "StartAt": "P", "States": { "P": { "Type": "Parallel", "End": true, "Branches": [
        map(&json!({ "Type": "Wait", "Seconds": 3600, "End": true })),
        one_task(),
    ] } } });
    let items: Vec<u32> = (0..250).collect();
    start(&ports, &id, &definition, json!({ "items": items, "fail": "Test.Broken" })).await;
    let delivery = ports.receive(Queue::Dev, 1, HOUR, Duration::ZERO).await.unwrap().remove(0);
    handle(&ports, &Script::default(), Queue::Dev, &delivery).await.unwrap();
    assert_eq!(status(&ports, &id).await, ExecutionStatus::Failed);
    let delivery = ports.receive(Queue::Engine, 1, HOUR, Duration::ZERO).await.unwrap().remove(0);
    handle(&ports, &Script::default(), Queue::Engine, &delivery).await.unwrap();
    // One for the branch of the Map, which is received still, and those of its items.
    assert_eq!(of_type(&ports, "abort_children"), 1 + 3);
    assert!(ports.bodies(Queue::Engine).iter().all(|body| body.len() <= OutgoingMessage::MAX_BYTES));
    work(&ports, &Script::default()).await;
    let ended = ports.newest().iter().filter(|entry| entry.body.contains("\"is\":\"aborted\"")).count();
    assert_eq!(ended, 251, "each item and their branch");
}

#[tokio::test]
async fn a_stopped_execution_stays_stopped_when_its_timer_comes_years_later() {
    let ports = MemoryPorts::new(1);
    let id = ExecutionId::derived("stopped");
    let mut first = task();
    first.as_object_mut().unwrap().remove("End");
    first.as_object_mut().unwrap().insert("Next".into(), json!("W"));
    let definition = json!({ "StartAt": "A", "States": {
        "A": first, "W": { "Type": "Wait", "Seconds": 63_072_000, "Next": "B" }, "B": task(),
    } });
    start(&ports, &id, &definition, json!({})).await;
    let script = Script::default();
    work(&ports, &script).await;
    assert!(stop_execution(&ports, &id, Some("Test.Stopped"), Some("")).await.unwrap());
    ports.pass(731 * DAY);
    assert_eq!(of_type(&ports, "timer"), 1);
    work(&ports, &script).await;
    assert_eq!(script.done().len(), 1, "the task after the wait is never done");
}

#[tokio::test]
async fn a_fan_out_joins_when_its_last_child_ends_most_of_a_year_after_the_others() {
    let ports = MemoryPorts::new(1);
    let id = ExecutionId::derived("patient");
    let wait = json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 26_000_000, "End": true } } });
    let definition = json!({ "StartAt": "P", "States": {
        "P": { "Type": "Parallel", "End": true, "Branches": [one_task(), wait] } } });
    start(&ports, &id, &definition, json!({})).await;
    let script = Script::default();
    for _ in 0..31 {
        work(&ports, &script).await;
        sweep(&ports, Patience::Grace).await.unwrap();
        ports.pass(10 * DAY);
    }
    work(&ports, &script).await;
    assert_eq!(status(&ports, &id).await, ExecutionStatus::Succeeded);
    assert_eq!(script.done().values().sum::<u64>(), 1);
}

#[tokio::test]
async fn a_lost_join_is_sent_once_for_all_children() {
    for limit in [0, 7] {
        let ports = MemoryPorts::new(1);
        let id = ExecutionId::derived("join");
        let mut definition = map(&task());
        *definition.pointer_mut("/States/M").unwrap() = {
            let mut state = definition.pointer("/States/M").unwrap().clone();
            state.as_object_mut().unwrap().insert("MaxConcurrency".into(), json!(limit));
            state
        };
        let items: Vec<u32> = (0..50).collect();
        start(&ports, &id, &definition, json!({ "items": items })).await;
        for _ in 0..50 {
            let Some(delivery) = ports.receive(Queue::Dev, 1, HOUR, Duration::ZERO).await.unwrap().pop() else { break };
            handle(&ports, &Script::default(), Queue::Dev, &delivery).await.unwrap();
            MessageQueues::delete(&ports, Queue::Dev, &delivery.receipt).await.unwrap();
        }
        assert_eq!(lose(&ports, Queue::Engine).await, 1, "the join");
        ports.pass(3 * HOUR);
        sweep(&ports, Patience::Grace).await.unwrap();
        assert_eq!(of_type(&ports, "join"), 1, "limit {limit}");
        work(&ports, &Script::default()).await;
        assert_eq!(status(&ports, &id).await, ExecutionStatus::Succeeded);
    }
}

#[tokio::test]
async fn work_that_cannot_be_done_is_sent_ever_less_often() {
    let ports = MemoryPorts::new(1);
    start(&ports, &ExecutionId::derived("unable"), &one_task(), json!({})).await;
    let mut sent = lose(&ports, Queue::Dev).await;
    for _ in 0..(10 * 24 * 4) {
        ports.pass(HOUR / 4);
        sweep(&ports, Patience::Grace).await.unwrap();
        sent += lose(&ports, Queue::Dev).await;
    }
    assert!((2..=20).contains(&sent), "{sent} messages in ten days");
}

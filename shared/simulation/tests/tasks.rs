//! Tasks that somebody outside ends: activities and heartbeats, whatever goes wrong.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeSet;
use std::time::Duration;

use millrace_app::PayloadLimit;
use millrace_app::activities::{
    ActivityError, CreateActivity, create_activity, delete_activity, describe_activity, get_activity_task,
    list_activities,
};
use millrace_app::executions::{
    Attributes, ExecutionStatus, Patience, StartExecution, TaskTokenError, describe_execution, history, list_one,
    send_task_failure, send_task_heartbeat, send_task_success, start_execution, sweep,
};
use millrace_app::ids::ExecutionId;
use millrace_app::ports::{Clock, MessageQueues, Ports, Queue};
use millrace_app::workers::handle;
use millrace_simulation::MemoryPorts;
use millrace_simulation::world::{Ending, Script, Trouble, World};
use serde_json::{Value, json};

const PAINT: &str = "arn:aws:states:us-east-1:111111111111:activity:paint";

fn activity() -> Value {
    json!({
        "Type": "Task", "Resource": PAINT, "TimeoutSeconds": 3600, "End": true,
        "Retry": [{ "ErrorEquals": ["States.Timeout"], "MaxAttempts": 50, "BackoffRate": 1.0 }],
    })
}

fn count(lines: &[String], name: &str) -> usize {
    lines.iter().filter(|line| *line == name).count()
}

#[tokio::test]
async fn exactly_one_worker_gets_an_activity_s_task_and_none_is_lost() {
    let seeds = std::env::var("MILLRACE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_u64);
    let map = json!({ "StartAt": "M", "States": { "M": {
        "Type": "Map", "ItemsPath": "$.items", "End": true,
        "ItemProcessor": { "StartAt": "It", "States": { "It": activity() } },
    } } });
    for seed in 0..seeds {
        let world = World {
            definition: map.to_string(),
            input: json!({ "items": [1, 2, 3, 4] }),
            seed,
            trouble: if seed == 0 { Trouble::default() } else { Trouble::ALL },
            stop_after: None,
        };
        let ending = world.run().await;
        let at = format!("MILLRACE_SEED={seed}");
        assert_eq!(ending.status, ExecutionStatus::Succeeded, "no_accepted_execution_is_lost: {at}");
        let taken: BTreeSet<&String> = ending.taken.iter().collect();
        assert_eq!(taken.len(), ending.taken.len(), "one_worker_gets_a_task: {at}");
        let names: Vec<String> = ending.history.iter().map(|item| item.kind.name().to_owned()).collect();
        assert_eq!(count(&names, "ActivitySucceeded"), 4, "a_result_is_observed_at_most_once: {at}");
        assert_eq!(
            count(&names, "ActivityStarted"),
            4 + count(&names, "ActivityTimedOut"),
            "a_task_that_was_taken_is_ended_or_times_out: {at}"
        );
        if seed == 0 {
            assert_eq!(ending.taken.len(), 4);
            assert_eq!(count(&names, "ActivityTimedOut"), 0);
        }
        assert!(ending.alive.is_empty(), "nothing_is_left_running: {at}: {:?}", ending.alive);
    }
}

fn nested(child: &Value, resource: &str) -> World {
    let definition = json!({ "StartAt": "M", "States": { "M": {
        "Type": "Map", "ItemsPath": "$.items", "End": true,
        "ItemProcessor": { "StartAt": "Run", "States": { "Run": {
            "Type": "Task", "Resource": resource, "Parameters": { "run": child }, "End": true,
            "ResultSelector": { "output.$": "$.Output", "status.$": "$.Status" },
            "Catch": [{ "ErrorEquals": ["States.TaskFailed"], "Next": "Caught" }],
        }, "Caught": { "Type": "Pass", "Parameters": { "error.$": "$.Error" }, "End": true } } },
    } } });
    World {
        definition: definition.to_string(),
        input: json!({ "items": [1, 2, 3] }),
        seed: 0,
        trouble: Trouble::default(),
        stop_after: None,
    }
}

fn output(ending: &Ending) -> Value {
    ending.history.last().and_then(|last| last.details.get("output")).cloned().unwrap_or_default()
}

#[tokio::test]
async fn the_end_of_an_execution_ends_the_task_that_waits_for_it() {
    let seeds = std::env::var("MILLRACE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60_u64);
    let work =
        json!({ "StartAt": "W", "States": { "W": { "Type": "Task", "Resource": "millrace:agent:dev", "End": true } } });
    let pass = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "Result": { "n": 1 }, "End": true } } });
    let fail = json!({ "StartAt": "F", "States": { "F": { "Type": "Fail", "Error": "Bad", "Cause": "luck" } } });
    let given = json!({ "state": "W", "given": { "from": "Run" } });
    let (sync, sync2) =
        ("arn:aws:states:::states:startExecution.sync", "arn:aws:states:::states:startExecution.sync:2");
    for (child, resource, each) in [
        (&work, sync2, json!({ "output": given, "status": "SUCCEEDED" })),
        (&work, sync, json!({ "output": given.to_string(), "status": "SUCCEEDED" })),
        (&pass, sync2, json!({ "output": { "n": 1 }, "status": "SUCCEEDED" })),
        (&fail, sync, json!({ "error": "States.TaskFailed" })),
    ] {
        for seed in 0..seeds {
            let mut world = nested(child, resource);
            world.seed = seed;
            world.trouble = if seed == 0 { Trouble::default() } else { Trouble::ALL };
            let ending = world.run().await;
            let at = format!("MILLRACE_SEED={seed} {resource} {child}");
            assert_eq!(ending.status, ExecutionStatus::Succeeded, "no_accepted_execution_is_lost: {at}");
            assert_eq!(output(&ending), json!([each, each, each]), "a_result_is_observed_at_most_once: {at}");
            let names: Vec<String> = ending.history.iter().map(|item| item.kind.name().to_owned()).collect();
            assert_eq!(count(&names, "TaskSubmitted"), 3, "history_is_complete_and_ordered: {at}");
            assert!(ending.alive.is_empty(), "nothing_is_left_running: {at}: {:?}", ending.alive);
        }
    }
}

#[tokio::test]
async fn an_execution_whose_task_is_given_up_is_stopped() {
    let seeds = std::env::var("MILLRACE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60_u64);
    let wait = json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 864_000, "End": true } } });
    for times_out in [false, true] {
        for seed in 0..seeds {
            let mut world = nested(&wait, "arn:aws:states:::states:startExecution.sync:2");
            world.seed = seed;
            world.trouble = if seed == 0 { Trouble::default() } else { Trouble::ALL };
            if times_out {
                world.definition = world
                    .definition
                    .replace("\"Parameters\":{\"run\"", "\"TimeoutSeconds\":3600,\"Parameters\":{\"run\"");
            } else {
                world.stop_after = Some(Duration::from_secs(3600));
            }
            let (ending, memory) = world.run_and_keep().await;
            let at = format!("times out: {times_out}, MILLRACE_SEED={seed}");
            let expected = if times_out { ExecutionStatus::Failed } else { ExecutionStatus::Aborted };
            assert_eq!(ending.status, expected, "no_accepted_execution_is_lost: {at}");
            // Where all messages of it were lost the sweeper finds it.
            memory.pass(Duration::from_secs(2 * 3600));
            sweep(&memory, Patience::Grace).await.unwrap();
            for attempt in ending.tasks.keys() {
                let id = ExecutionId::derived(attempt);
                let Some(nested) = list_one(&memory, &id).await.unwrap() else { continue };
                assert_eq!(nested.status, ExecutionStatus::Aborted, "nothing_is_left_running: {at}: {attempt}");
            }
            assert!(ending.alive.is_empty(), "nothing_is_left_running: {at}: {:?}", ending.alive);
        }
    }
}

async fn start(ports: &MemoryPorts, definition: Value) -> ExecutionId {
    let id = ExecutionId::derived("tasks");
    let start = StartExecution {
        id: id.clone(),
        owner: "test".to_owned(),
        name: "tasks".to_owned(),
        definition: definition.to_string().into(),
        input: json!({ "colour": "red" }),
        project: None,
        workflow: None,
        waiting: None,
        attributes: Attributes::new(),
        priority: None,
        payload_limit: PayloadLimit::None,
    };
    start_execution(ports, start).await.unwrap();
    id
}

#[tokio::test]
async fn a_repeated_start_has_its_first_task_done_once() {
    let ports = MemoryPorts::new(6);
    let work = json!({ "Type": "Task", "Resource": "millrace:agent:dev", "End": true });
    let definition = json!({ "StartAt": "W", "States": { "W": work } });
    for _ in 0..3 {
        start(&ports, definition.clone()).await;
        ports.pass(Duration::from_secs(60));
    }
    assert_eq!(ports.bodies(Queue::Dev).len(), 1);
    ports.pass(Duration::from_secs(15 * 60));
    start(&ports, definition).await;
    assert_eq!(ports.bodies(Queue::Dev).len(), 2, "its message may be lost");
}

/// Lets everything that is due happen for so long.
async fn run_for(ports: &MemoryPorts, script: &Script, time: Duration) {
    let until = ports.clock().now().plus_millis(i64::try_from(time.as_millis()).unwrap());
    while ports.clock().now() <= until {
        let mut idle = true;
        for queue in Queue::ALL {
            for delivery in ports.receive(queue, 10, queue.visibility(), Duration::ZERO).await.unwrap() {
                idle = false;
                if handle(ports, script, queue, &delivery).await.is_ok() {
                    MessageQueues::delete(ports, queue, &delivery.receipt).await.unwrap();
                }
            }
        }
        if idle {
            ports.pass(Duration::from_secs(1));
        }
    }
}

async fn status(ports: &MemoryPorts, id: &ExecutionId) -> ExecutionStatus {
    describe_execution(ports, id).await.unwrap().unwrap().execution.status
}

async fn paint(ports: &MemoryPorts) {
    let create = CreateActivity { arn: PAINT.to_owned(), owner: "test".to_owned(), encryption: None, tags: Vec::new() };
    create_activity(ports, create).await.unwrap();
}

#[tokio::test]
async fn activities_are_kept_listed_and_removed() {
    let ports = MemoryPorts::new(1);
    let create = |name: &str, encryption: Option<Value>| CreateActivity {
        arn: format!("arn:aws:states:us-east-1:111111111111:activity:{name}"),
        owner: "test".to_owned(),
        encryption,
        tags: Vec::new(),
    };
    for name in ["a", "b", "c"] {
        let made = create_activity(&ports, create(name, None)).await.unwrap();
        ports.pass(Duration::from_secs(1));
        assert_eq!(create_activity(&ports, create(name, None)).await.unwrap(), made, "the same again is the same");
    }
    let other = create_activity(&ports, create("a", Some(json!({ "type": "CUSTOMER_MANAGED_KMS_KEY" })))).await;
    assert!(matches!(other, Err(ActivityError::AlreadyExists(_))), "{other:?}");
    for wrong in ["", "a b", "a/b", "a:b", "a\u{0}", &"x".repeat(81)] {
        let refused = create_activity(&ports, create(wrong, None)).await;
        assert!(matches!(refused, Err(ActivityError::InvalidName(_))), "{wrong:?}: {refused:?}");
    }
    let first = list_activities(&ports, "test", "us-east-1", 2, None).await.unwrap();
    assert_eq!(first.items.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let rest = list_activities(&ports, "test", "us-east-1", 2, first.next).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    assert!(list_activities(&ports, "other", "us-east-1", 2, None).await.unwrap().items.is_empty());
    let arn = create("a", None).arn;
    delete_activity(&ports, &arn).await.unwrap();
    delete_activity(&ports, &arn).await.unwrap();
    let gone = describe_activity(&ports, &arn).await.unwrap_err();
    assert_eq!(gone.to_string(), format!("Activity Does Not Exist: '{arn}'"));
    let refused = get_activity_task(&ports, "no_an_activity_arn", None, Duration::ZERO).await.unwrap_err();
    assert_eq!(refused.to_string(), "Invalid Arn: 'Invalid ARN prefix: no_an_activity_arn'");
}

#[tokio::test]
async fn an_activity_s_task_goes_from_hand_to_hand() {
    let (ports, script) = (MemoryPorts::new(2), Script::default());
    paint(&ports).await;
    assert_eq!(get_activity_task(&ports, PAINT, Some("w"), Duration::from_secs(60)).await.unwrap(), None);
    let id = start(&ports, json!({ "StartAt": "It", "States": { "It": activity() } })).await;
    let task = get_activity_task(&ports, PAINT, Some("w"), Duration::from_secs(60)).await.unwrap().unwrap();
    assert_eq!(task.input, json!({ "colour": "red" }));
    assert_eq!(get_activity_task(&ports, PAINT, Some("w"), Duration::ZERO).await.unwrap(), None);
    send_task_heartbeat(&ports, &task.token).await.unwrap();
    let refused = send_task_success(&ports, &task.token, "{").await;
    assert!(matches!(refused, Err(TaskTokenError::InvalidOutput(_))), "{refused:?}");
    let forged = format!("{}AAAA", task.token);
    for wrong in ["", "x", forged.as_str()] {
        let refused = send_task_success(&ports, wrong, "1").await;
        assert!(matches!(refused, Err(TaskTokenError::InvalidToken)), "{wrong}: {refused:?}");
    }
    send_task_success(&ports, &task.token, r#"{"done":true}"#).await.unwrap();
    run_for(&ports, &script, Duration::from_secs(1)).await;
    assert_eq!(status(&ports, &id).await, ExecutionStatus::Succeeded);
    let again = send_task_failure(&ports, &task.token, None, None).await.unwrap_err();
    assert_eq!(again.to_string(), "Task Timed Out: 'Provided task does not exist anymore'");
}

#[tokio::test]
async fn a_task_of_an_activity_that_is_not_there_fails_the_execution() {
    let ports = MemoryPorts::new(3);
    let id = start(&ports, json!({ "StartAt": "It", "States": { "It": activity() } })).await;
    let view = describe_execution(&ports, &id).await.unwrap().unwrap();
    assert_eq!(view.execution.status, ExecutionStatus::Failed);
    let failure = view.execution.failure.unwrap();
    assert_eq!(failure.error.as_deref(), Some("States.Runtime"));
    let cause = format!(
        "An error occurred while executing the state 'It' (entered at the event id #2). The activity {PAINT} does not exist."
    );
    assert_eq!(failure.cause, Some(cause));
    let kinds: Vec<&str> = history(&ports, &id).await.unwrap().iter().map(|item| item.kind.name()).collect();
    assert_eq!(kinds, ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]);
}

#[tokio::test]
async fn heartbeats_put_the_timeout_off_at_one_write_each() {
    let (ports, script) = (MemoryPorts::new(4), Script::default());
    paint(&ports).await;
    let mut state = activity();
    let fields = state.as_object_mut().unwrap();
    fields.insert("HeartbeatSeconds".to_owned(), json!(60));
    fields.remove("Retry");
    let id = start(&ports, json!({ "StartAt": "It", "States": { "It": state } })).await;
    let task = get_activity_task(&ports, PAINT, None, Duration::ZERO).await.unwrap().unwrap();
    for _ in 0..20 {
        run_for(&ports, &script, Duration::from_secs(15)).await;
        send_task_heartbeat(&ports, &task.token).await.unwrap();
    }
    assert_eq!(status(&ports, &id).await, ExecutionStatus::Running, "five minutes of heartbeats every 15 seconds");
    let entries = ports.newest().iter().map(|entry| entry.seq).max().unwrap();
    assert!(entries <= 8, "{entries} transitions: one for each minute, not for each heartbeat");
    run_for(&ports, &script, Duration::from_secs(62)).await;
    assert_eq!(status(&ports, &id).await, ExecutionStatus::Failed);
    let late = send_task_heartbeat(&ports, &task.token).await;
    assert!(matches!(late, Err(TaskTokenError::TaskTimedOut)), "{late:?}");
    let history = history(&ports, &id).await.unwrap();
    let kinds: Vec<&str> = history.iter().map(|item| item.kind.name()).skip(2).take(3).collect();
    assert_eq!(kinds, ["ActivityScheduled", "ActivityStarted", "ActivityTimedOut"]);
}

#[tokio::test]
async fn a_lost_record_of_an_activity_s_task_comes_back() {
    let (ports, script) = (MemoryPorts::new(5), Script::default());
    paint(&ports).await;
    start(&ports, json!({ "StartAt": "It", "States": { "It": activity() } })).await;
    // Whoever committed died before it wrote the record.
    ports.forget_records("ACTIVITY#", "TASK#");
    assert_eq!(get_activity_task(&ports, PAINT, None, Duration::ZERO).await.unwrap(), None);
    ports.pass(Duration::from_secs(3600));
    sweep(&ports, Patience::Grace).await.unwrap();
    run_for(&ports, &script, Duration::from_secs(1)).await;
    assert!(get_activity_task(&ports, PAINT, None, Duration::ZERO).await.unwrap().is_some());
}

//! Turns of schedules that wait for the execution before them: looked at by one timer, which the sweep finds when it is lost, and
//! which does nothing more when it comes again.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::time::Duration;

use millrace_app::executions::{Patience, Search, search_executions, sweep};
use millrace_app::ports::{Clock, Delivery, MessageQueues, Ports, Queue};
use millrace_app::schedules::{
    CatchUp, NewSchedule, Overlap, Schedule, Target, Timing, create_schedule, delete_schedule, get_schedule, run_now,
};
use millrace_app::workers::{NoTasks, handle};
use millrace_app::workflows::{
    Configuration, CreateWorkflow, InputSchema, Place, UpdateWorkflow, WorkflowType, create_workflow, update_workflow,
};
use millrace_simulation::MemoryPorts;

const OWNER: &str = "local";
const MINUTE: Duration = Duration::from_secs(60);

/// A schedule of every minute, whose executions take two and a half.
async fn world() -> MemoryPorts {
    let ports = MemoryPorts::new(11);
    let definition = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":150,"End":true}}}"#;
    let create = CreateWorkflow {
        name: "slow".into(),
        definition: definition.into(),
        kind: WorkflowType::Standard,
        configuration: Configuration::default(),
        publish: false,
        version_description: None,
        tags: Vec::new(),
        owner: OWNER.into(),
        place: Place::new("us-east-1", "000000000000"),
    };
    let workflow = create_workflow(&ports, create).await.unwrap().workflow;
    let new = NewSchedule {
        name: "often".into(),
        description: None,
        timing: Timing {
            expression: "rate(1 minute)".into(),
            time_zone: "UTC".into(),
            start_at: Some(ports.clock().now().plus_millis(60_000)),
            end_at: Some(ports.clock().now().plus_millis(3 * 60_000 + 1)),
        },
        target: Target { workflow_id: workflow.id, workflow_arn: workflow.arn, qualifier: None },
        input: None,
        overlap: Overlap::Queue,
        catch_up: CatchUp::All,
        paused: false,
    };
    create_schedule(&ports, OWNER, new).await.unwrap();
    ports
}

async fn schedule(ports: &MemoryPorts) -> Schedule {
    get_schedule(ports, OWNER, "often").await.unwrap().value
}

async fn started(ports: &MemoryPorts) -> usize {
    search_executions(ports, OWNER, &Search::default(), 100, None).await.unwrap().items.len()
}

async fn take(ports: &MemoryPorts, queue: Queue) -> Vec<Delivery> {
    ports.queues().receive(queue, 10, queue.visibility(), Duration::ZERO).await.unwrap()
}

/// How many timers of the scheduler wait, ready or not.
async fn timers(ports: &MemoryPorts) -> usize {
    ports.bodies(Queue::Scheduler).len()
}

async fn work(ports: &MemoryPorts) {
    loop {
        let mut idle = true;
        for queue in [Queue::Engine, Queue::Scheduler] {
            for message in take(ports, queue).await {
                idle = false;
                handle(ports, &NoTasks, queue, &message).await.unwrap();
                ports.queues().delete(queue, &message.receipt).await.unwrap();
            }
        }
        if idle {
            return;
        }
    }
}

/// To the first turn that has to wait.
async fn with_a_queued_turn() -> MemoryPorts {
    let ports = world().await;
    for _ in 0..2 {
        ports.pass(MINUTE);
        work(&ports).await;
    }
    let schedule = schedule(&ports).await;
    assert_eq!((schedule.queued.len(), started(&ports).await), (1, 1));
    assert!(schedule.look_at.is_some());
    ports
}

/// Everything to its end, with a turn of the world every second.
async fn to_the_end(ports: &MemoryPorts) {
    for _ in 0..900 {
        ports.pass(Duration::from_secs(1));
        work(ports).await;
    }
    let schedule = schedule(ports).await;
    assert!(schedule.queued.is_empty() && schedule.next_at.is_none(), "{schedule:?}");
    assert_eq!((schedule.counts.started, started(ports).await), (3, 3));
}

#[tokio::test]
async fn one_timer_waits_for_a_queued_turn_however_long_it_waits() {
    let ports = with_a_queued_turn().await;
    for _ in 0..60 {
        ports.pass(Duration::from_secs(1));
        work(&ports).await;
        let waits = !schedule(&ports).await.queued.is_empty();
        assert!(timers(&ports).await <= 1 + usize::from(waits), "timers pile up");
    }
    to_the_end(&ports).await;
    assert_eq!(timers(&ports).await, 0);
}

#[tokio::test]
async fn looks_that_come_again_do_nothing_more() {
    let ports = with_a_queued_turn().await;
    let look_at = schedule(&ports).await.look_at.unwrap();
    ports.pass(Duration::from_millis((look_at.millis() - ports.clock().now().millis()).try_into().unwrap()));
    let looks = take(&ports, Queue::Scheduler).await;
    let look = looks.first().unwrap_or_else(|| panic!("nobody looks"));
    // The same message five times, as a queue may deliver it.
    for _ in 0..5 {
        handle(&ports, &NoTasks, Queue::Scheduler, look).await.unwrap();
    }
    ports.queues().delete(Queue::Scheduler, &look.receipt).await.unwrap();
    let before = timers(&ports).await;
    for _ in 0..5 {
        handle(&ports, &NoTasks, Queue::Scheduler, look).await.unwrap();
    }
    assert_eq!(timers(&ports).await, before, "a look too many sets another timer");
    to_the_end(&ports).await;
}

#[tokio::test]
async fn a_lost_look_is_found_by_the_sweep() {
    let ports = with_a_queued_turn().await;
    // Every timer of the schedule is lost.
    loop {
        let taken = take(&ports, Queue::Scheduler).await;
        for message in &taken {
            ports.queues().delete(Queue::Scheduler, &message.receipt).await.unwrap();
        }
        if timers(&ports).await == 0 {
            break;
        }
        ports.pass(Duration::from_secs(1));
    }
    for _ in 0..10 {
        ports.pass(MINUTE);
        work(&ports).await;
    }
    assert_eq!(started(&ports).await, 1, "nothing looks any more");
    for _ in 0..60 {
        ports.pass(MINUTE);
        sweep(&ports, Patience::Grace).await.unwrap();
        work(&ports).await;
        if started(&ports).await == 3 {
            break;
        }
    }
    to_the_end(&ports).await;
}

#[tokio::test]
async fn whoever_dies_between_the_write_and_the_timer_is_made_up_for() {
    let ports = with_a_queued_turn().await;
    let look_at = schedule(&ports).await.look_at.unwrap();
    ports.pass(Duration::from_millis((look_at.millis() - ports.clock().now().millis()).try_into().unwrap()));
    let look = take(&ports, Queue::Scheduler).await.into_iter().next().unwrap();
    handle(&ports, &NoTasks, Queue::Scheduler, &look).await.unwrap();
    // Its write is there; the timer that it set is lost, and the message comes again.
    while timers(&ports).await > 1 {
        for message in take(&ports, Queue::Scheduler).await {
            ports.queues().delete(Queue::Scheduler, &message.receipt).await.unwrap();
        }
        ports.pass(Duration::from_millis(100));
    }
    let again = Delivery { receive_count: 2, ..look.clone() };
    handle(&ports, &NoTasks, Queue::Scheduler, &again).await.unwrap();
    ports.queues().delete(Queue::Scheduler, &look.receipt).await.unwrap();
    assert!(timers(&ports).await >= 1, "no timer is set");
    to_the_end(&ports).await;
}

#[tokio::test]
async fn a_turn_whose_input_does_not_fit_fails_and_says_why() {
    let ports = world().await;
    let arn = schedule(&ports).await.target.workflow_arn;
    let schema = InputSchema::parse(&serde_json::json!({ "required": ["day"] })).unwrap();
    let update = UpdateWorkflow { input_schema: Some(Some(schema)), publish: true, ..UpdateWorkflow::default() };
    update_workflow(&ports, &arn, update).await.unwrap();
    ports.pass(MINUTE);
    work(&ports).await;
    let found = schedule(&ports).await;
    assert_eq!((found.counts.failed, started(&ports).await), (1, 0));
    let reason = found.runs[0].reason.as_deref().unwrap_or_default();
    assert!(reason.contains("/day is missing"), "{reason}");
}

#[tokio::test]
async fn a_schedule_that_is_made_again_starts_its_own_within_the_minute() {
    let ports = world().await;
    ports.pass(MINUTE);
    work(&ports).await;
    let before = schedule(&ports).await;
    let first = before.runs[0].clone();
    delete_schedule(&ports, OWNER, "often", None).await.unwrap();
    let start_at = Some(ports.clock().now().plus_millis(1_000));
    let again = |name: &str| NewSchedule {
        name: name.into(),
        description: None,
        timing: Timing { start_at, ..before.timing.clone() },
        target: before.target.clone(),
        input: None,
        overlap: Overlap::Allow,
        catch_up: CatchUp::All,
        paused: false,
    };
    for wrong in ["preview", ".", ".."] {
        assert!(create_schedule(&ports, OWNER, again(wrong)).await.is_err(), "{wrong} can't stand in an address");
    }
    create_schedule(&ports, OWNER, again("often")).await.unwrap();
    ports.pass(Duration::from_secs(2));
    work(&ports).await;
    let second = schedule(&ports).await.runs[0].clone();
    assert_eq!(first.due_at.to_string().get(..16), second.due_at.to_string().get(..16), "the same minute");
    assert_ne!(first.execution_arn, second.execution_arn);
    assert_eq!(started(&ports).await, 2);
}

#[tokio::test]
async fn a_manual_run_is_not_what_the_next_turn_waits_for() {
    let ports = world().await;
    ports.pass(MINUTE);
    work(&ports).await;
    let current = schedule(&ports).await.current;
    let run = run_now(&ports, OWNER, "often").await.unwrap();
    assert!(current.is_some() && run.execution_arn != current);
    assert_eq!(schedule(&ports).await.current, current);
}

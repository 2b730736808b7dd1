//! Webhooks, wherever a store or a queue fails: what is answered with success starts its workflow once, and what is not can
//! be sent again.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use millrace_app::Error;
use millrace_app::builtins::BuiltinIds;
use millrace_app::executions::{ExecutionStatus, Patience, Search, search_executions, sweep};
use millrace_app::ports::{MessageQueues, Ports, Queue, Secret, SecretStore};
use millrace_app::triggers::{Trigger, trigger_workflow};
use millrace_app::webhooks::{
    EventFilter, EventStatus, InputTemplate, NewRule, ReceiveError, Received, Receiver, Request, RuleOutcome,
    SignatureError, create_rule, list_events, receive, replay_event,
};
use millrace_app::workers::{NoTasks, handle};
use millrace_app::workflows::{
    Configuration, CreateWorkflow, InputSchema, Place, WorkflowError, WorkflowType, create_workflow,
};
use millrace_simulation::{Call, Fate, MemoryPorts, Watched, Watcher};
use serde_json::{Value, json};

const OWNER: &str = "local";
const BODY: &str = r#"{"amount":12}"#;

fn place() -> Place {
    Place { partition: "aws".into(), region: "us-east-1".into(), account: "000000000000".into() }
}

async fn workflow(ports: &MemoryPorts, name: &str) {
    workflow_for(ports, name, None).await;
}

async fn workflow_for(ports: &MemoryPorts, name: &str, input_schema: Option<InputSchema>) {
    let definition = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
    let create = CreateWorkflow {
        name: name.into(),
        definition: definition.into(),
        kind: WorkflowType::Standard,
        configuration: Configuration { input_schema, ..Configuration::default() },
        publish: false,
        version_description: None,
        tags: Vec::new(),
        owner: OWNER.into(),
        place: place(),
    };
    create_workflow(ports, create).await.unwrap();
}

fn rule(pattern: Value, workflow: &str) -> NewRule {
    NewRule {
        name: format!("to {workflow}"),
        enabled: true,
        pattern,
        workflow: workflow.into(),
        qualifier: None,
        input: Some(InputTemplate {
            query_language: "JSONata".into(),
            template: json!({ "paid": "{% $states.input.detail.amount %}", "rule": "{% $states.context.Rule.Name %}" }),
        }),
    }
}

/// A workflow, two rules of which one fits, and believed senders.
async fn world() -> (MemoryPorts, Receiver) {
    let ports = MemoryPorts::new(7);
    workflow(&ports, "book").await;
    let ids = BuiltinIds::default();
    create_rule(
        &ports,
        OWNER,
        &place(),
        &ids,
        rule(json!({ "detail": { "amount": [{ "numeric": [">", 10] }] } }), "book"),
    )
    .await
    .unwrap();
    create_rule(&ports, OWNER, &place(), &ids, rule(json!({ "source": ["github"] }), "book")).await.unwrap();
    (ports, Receiver::new(OWNER, false))
}

fn delivery(id: &str) -> Request {
    let headers = [("content-type", "application/json"), ("x-webhook-id", id)];
    Request { headers: headers.into_iter().collect(), query: String::new(), body: BODY.into() }
}

async fn send<P: Ports>(ports: &P, receiver: &Receiver, id: &str) -> Result<Received, ReceiveError> {
    receive(ports, receiver, Some("payments"), &delivery(id)).await
}

/// Takes the messages that wait, as the orchestrator does.
async fn work<P: Ports>(ports: &P) {
    loop {
        let taken = ports
            .queues()
            .receive(Queue::Engine, 10, Duration::from_secs(360), Duration::ZERO)
            .await
            .unwrap_or_default();
        if taken.is_empty() {
            return;
        }
        for message in taken {
            match handle(ports, &NoTasks, Queue::Engine, &message).await {
                Ok(()) => ports.queues().delete(Queue::Engine, &message.receipt).await.unwrap_or_default(),
                Err(_) => {
                    ports.queues().release(Queue::Engine, &message.receipt, Duration::ZERO).await.unwrap_or_default()
                }
            }
        }
    }
}

async fn executions(ports: &MemoryPorts) -> usize {
    search_executions(ports, OWNER, &Search::default(), 100, None).await.unwrap().items.len()
}

async fn statuses(ports: &MemoryPorts) -> Vec<EventStatus> {
    let page = list_events(ports, OWNER, &EventFilter::default(), 100, None).await.unwrap();
    page.items.iter().map(|event| event.status).collect()
}

#[tokio::test]
async fn a_delivery_starts_what_it_fits_once() {
    let (ports, receiver) = world().await;
    let first = send(&ports, &receiver, "d1").await.unwrap();
    assert!(!first.events[0].duplicate);
    assert_eq!(executions(&ports).await, 0, "the answer waits for no workflow");
    work(&ports).await;
    let again = send(&ports, &receiver, "d1").await.unwrap();
    assert_eq!((again.events[0].id.clone(), again.events[0].duplicate), (first.events[0].id.clone(), true));
    work(&ports).await;
    let page = list_events(&ports, OWNER, &EventFilter::default(), 10, None).await.unwrap();
    let event = &page.items[0];
    assert_eq!((page.items.len(), event.status, event.runs.len()), (1, EventStatus::Matched, 1));
    let RuleOutcome::Started { execution, .. } = &event.runs[0].outcome else { unreachable!("{event:?}") };
    let view = millrace_app::executions::describe_execution(&ports, execution).await.unwrap().unwrap();
    assert_eq!(view.input, json!({ "paid": 12, "rule": "to book" }));
    assert_eq!(view.execution.status, ExecutionStatus::Succeeded);
    assert_eq!(view.execution.attributes["webhook_event"], event.id.as_str());

    send(&ports, &receiver, "d2").await.unwrap();
    work(&ports).await;
    assert_eq!(executions(&ports).await, 2, "another delivery of the same body is another event");
}

#[tokio::test]
async fn an_event_whose_input_does_not_fit_says_why() {
    let (ports, receiver) = world().await;
    let schema = InputSchema::parse(&json!({ "properties": { "paid": { "type": "string" } } })).unwrap();
    workflow_for(&ports, "strict", Some(schema)).await;
    let new = rule(json!({ "source": ["payments"] }), "strict");
    create_rule(&ports, OWNER, &place(), &BuiltinIds::default(), new).await.unwrap();
    send(&ports, &receiver, "d1").await.unwrap();
    work(&ports).await;
    let page = list_events(&ports, OWNER, &EventFilter::default(), 10, None).await.unwrap();
    let told = page.items[0].runs.iter().find_map(|run| match &run.outcome {
        RuleOutcome::Failed { error } => Some(error.clone()),
        RuleOutcome::Started { .. } => None,
    });
    assert_eq!(told.as_deref(), Some("Invalid State Machine Execution Input: '/paid is a number; give a string'"));
    assert_eq!(executions(&ports).await, 1, "the other rule's workflow takes it");

    let trigger = Trigger {
        definition_id: "strict".to_owned(),
        input_data: json!({ "paid": 1 }),
        name: None,
        initiated_by: None,
    };
    let refused = trigger_workflow(&ports, OWNER, &place(), &BuiltinIds::default(), trigger, Some("e1")).await;
    assert!(matches!(refused, Err(WorkflowError::InputMismatch(_))), "{refused:?}");
    assert_eq!(executions(&ports).await, 1);
}

#[tokio::test]
async fn a_replay_starts_another_execution() {
    let (ports, receiver) = world().await;
    let id = send(&ports, &receiver, "d1").await.unwrap().events[0].id.clone();
    let waits = replay_event(&ports, OWNER, &id).await;
    assert!(matches!(waits, Err(Error::WrongState(_))));
    work(&ports).await;
    replay_event(&ports, OWNER, &id).await.unwrap();
    // An older message of the same event does nothing.
    ports.duplicate_ready(&mut || true);
    work(&ports).await;
    assert_eq!(executions(&ports).await, 2);
    assert!(matches!(replay_event(&ports, "other", &id).await, Err(Error::NotFound { .. })));
    let page = list_events(&ports, OWNER, &EventFilter::default(), 10, None).await.unwrap();
    let replays: Vec<u32> = page.items[0].runs.iter().map(|run| run.replay).collect();
    assert_eq!(replays, [0, 1]);
}

/// Fails one call.
struct One {
    at: u32,
    fate: Fate,
    seen: AtomicU32,
}

impl Watcher for One {
    fn fate(&self, _: Call) -> Fate {
        if self.seen.fetch_add(1, Ordering::SeqCst) == self.at { self.fate } else { Fate::Done }
    }
}

/// Each call of the receipt and of the dispatch fails once; the source sends again until it is told that all is well.
#[tokio::test]
async fn wherever_a_store_fails_a_delivery_starts_its_workflow_once() {
    for fate in [Fate::FailBefore, Fate::FailAfter, Fate::Lost] {
        for at in 0.. {
            let (memory, receiver) = world().await;
            let watcher = Arc::new(One { at, fate, seen: AtomicU32::new(0) });
            let ports = Watched::new(memory.clone(), Arc::clone(&watcher));
            let first = send(&ports, &receiver, "d1").await;
            if first.is_err() {
                send(&memory, &receiver, "d1").await.unwrap();
            }
            work(&ports).await;
            let failed = watcher.seen.load(Ordering::SeqCst) > at;
            // What was lost is found again.
            memory.pass(Duration::from_secs(3_600));
            sweep(&memory, Patience::Grace).await.unwrap();
            work(&memory).await;
            assert_eq!(statuses(&memory).await, [EventStatus::Matched], "call {at} {fate:?}: {first:?}");
            assert_eq!(executions(&memory).await, 1, "call {at} {fate:?}: {first:?}");
            if !failed {
                assert!(at > 8, "there are more calls than {at}");
                break;
            }
        }
    }
}

/// Fails every send.
struct NoQueue;

impl Watcher for NoQueue {
    fn fate(&self, call: Call) -> Fate {
        if matches!(call, Call::Send(_)) { Fate::FailBefore } else { Fate::Done }
    }
}

#[tokio::test]
async fn what_can_not_be_dispatched_is_taken_back() {
    let (memory, receiver) = world().await;
    let ports = Watched::new(memory.clone(), Arc::new(NoQueue));
    let refused = send(&ports, &receiver, "d1").await;
    assert!(matches!(refused, Err(ReceiveError::App(Error::Store(_)))), "{refused:?}");
    assert_eq!(statuses(&memory).await, []);
    assert!(!send(&memory, &receiver, "d1").await.unwrap().events[0].duplicate, "the source may send it again");
}

#[tokio::test]
async fn what_is_promised_twice_is_not_taken_back() {
    let (memory, receiver) = world().await;
    // Somebody stores the event, somebody else is told that it is there, and only then the first one's send fails.
    let first = send(&memory, &receiver, "d1").await.unwrap();
    let second = send(&memory, &receiver, "d1").await.unwrap();
    assert!(!first.events[0].duplicate && second.events[0].duplicate);
    let page = list_events(&memory, OWNER, &EventFilter::default(), 10, None).await.unwrap();
    assert_eq!(page.items[0].repeats, 1);
    work(&memory).await;
    assert_eq!(executions(&memory).await, 1);
}

#[tokio::test]
async fn a_rule_that_can_not_start_says_so() {
    let (ports, receiver) = world().await;
    let mut broken = rule(json!({ "detail": { "amount": [12] } }), "book");
    broken.input =
        Some(InputTemplate { query_language: "JSONPath".into(), template: json!({ "missing.$": "$.detail.none" }) });
    create_rule(&ports, OWNER, &place(), &BuiltinIds::default(), broken).await.unwrap();
    send(&ports, &receiver, "d1").await.unwrap();
    work(&ports).await;
    let page = list_events(&ports, OWNER, &EventFilter::default(), 10, None).await.unwrap();
    let event = &page.items[0];
    assert_eq!((event.status, event.runs.len(), executions(&ports).await), (EventStatus::Failed, 2, 1));
    let failed = event.runs.iter().find_map(|run| match &run.outcome {
        RuleOutcome::Failed { error } => Some(error.as_str()),
        RuleOutcome::Started { .. } => None,
    });
    assert!(failed.unwrap().contains("its input can't be made"), "{failed:?}");
}

#[tokio::test]
async fn a_rotated_secret_counts_at_once() {
    let (ports, _) = world().await;
    let receiver = Receiver::new(OWNER, true);
    let token = |token: &str| {
        let headers = [("content-type", "application/json"), ("x-gitlab-token", token)];
        Request { headers: headers.into_iter().collect(), query: String::new(), body: BODY.into() }
    };
    let none = receive(&ports, &receiver, Some("gitlab"), &token("one")).await;
    assert!(matches!(none, Err(ReceiveError::Signature(SignatureError::NoSecret { .. }))), "{none:?}");
    assert_eq!(statuses(&ports).await, [], "nothing is stored");
    ports.pass(Duration::from_secs(3));
    ports.secrets().put("webhooks/gitlab", &Secret::new("one")).await.unwrap();
    receive(&ports, &receiver, Some("gitlab"), &token("one")).await.unwrap();
    ports.secrets().put("webhooks/gitlab", &Secret::new("two\none")).await.unwrap();
    ports.pass(Duration::from_secs(3));
    receive(&ports, &receiver, Some("gitlab"), &token("two")).await.unwrap();
    receive(&ports, &receiver, Some("gitlab"), &token("one")).await.unwrap();
    ports.secrets().put("webhooks/gitlab", &Secret::new("two")).await.unwrap();
    ports.pass(Duration::from_secs(61));
    let gone = receive(&ports, &receiver, Some("gitlab"), &token("one")).await;
    assert!(matches!(gone, Err(ReceiveError::Signature(SignatureError::Mismatch { .. }))), "{gone:?}");
}

#[tokio::test]
async fn events_expire() {
    use millrace_app::ports::BlobStore as _;
    let (ports, receiver) = world().await;
    send(&ports, &receiver, "d1").await.unwrap();
    work(&ports).await;
    let bodies = async || ports.blobs().list("webhooks/", None, 10).await.unwrap().items.len();
    sweep(&ports, Patience::Grace).await.unwrap();
    assert_eq!(bodies().await, 1);
    ports.pass(Duration::from_secs(30 * 24 * 3_600 + 1));
    assert_eq!(statuses(&ports).await, []);
    ports.pass(Duration::from_secs(2 * 24 * 3_600));
    sweep(&ports, Patience::Grace).await.unwrap();
    assert_eq!(bodies().await, 0);
    assert!(!send(&ports, &receiver, "d1").await.unwrap().events[0].duplicate);
}

fn greet(name: Option<&str>, input: Value) -> Trigger {
    let name = name.map(str::to_owned);
    Trigger { definition_id: "book".into(), input_data: input, name, initiated_by: Some("crm".into()) }
}

#[tokio::test]
async fn a_trigger_starts_one_execution_by_name_and_by_event() {
    let (ports, _) = world().await;
    let (ports, place) = (&ports, &place());
    let ids = &BuiltinIds::default();
    let start =
        |trigger, event: Option<&'static str>| Box::pin(trigger_workflow(ports, OWNER, place, ids, trigger, event));
    let first = start(greet(Some("a"), json!(1)), None).await.unwrap();
    let again = start(greet(Some("a"), json!(1)), None).await.unwrap();
    assert_eq!((again.id.clone(), again.replayed), (first.id, true));
    let other = start(greet(Some("a"), json!(2)), None).await;
    assert!(matches!(other, Err(WorkflowError::ExecutionAlreadyExists(_))), "{other:?}");
    let event = start(greet(None, json!(1)), Some("e1")).await.unwrap();
    assert_eq!(start(greet(None, json!(1)), Some("e1")).await.unwrap().id, event.id);
    assert_ne!(start(greet(None, json!(1)), Some("e2")).await.unwrap().id, event.id);
    assert_ne!(start(greet(None, json!(1)), None).await.unwrap().id, event.id);
    assert_eq!(executions(ports).await, 4);
    let missing = start(Trigger { definition_id: "none".into(), ..Trigger::default() }, None).await;
    assert!(matches!(missing, Err(WorkflowError::DoesNotExist(_))));
}

#[test]
fn every_problem_of_a_trigger_is_told() {
    let read = |value: Value| match Trigger::read(value, "/detail") {
        Err(Error::Invalid(problems)) => problems.into_iter().map(|one| one.field).collect::<Vec<_>>(),
        other => unreachable!("{other:?}"),
    };
    assert_eq!(read(json!(1)), ["/detail"]);
    assert_eq!(read(json!({})), ["/detail/definition_id"]);
    assert_eq!(
        read(json!({ "definition_id": 1, "name": [], "initiated_by": "", "input": {} })),
        ["/detail/definition_id", "/detail/name", "/detail/initiated_by", "/detail/input"]
    );
    let trigger = Trigger::read(json!({ "definition_id": "a", "input_data": null }), "").unwrap();
    assert_eq!(trigger.input_data, Value::Null);
}

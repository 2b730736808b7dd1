//! What a notification asks of AWS: the calls of the ports, each of which the AWS adapter makes one request, and the size of its
//! record. `scripts/cost.py` computes with them; `MILLRACE_UPDATE_COST=1` writes them anew.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use millrace_app::changes::Change;
use millrace_app::ids::ExecutionId;
use millrace_app::keys;
use millrace_app::notifications::{
    self, Deliverer, DeliveryFilter, NewSubscription, NotTaken, NotificationSender, Outgoing, Target, publish,
};
use millrace_app::ports::{Clock as _, MessageQueues, Ports as _, Queue, RecordStore as _};
use millrace_simulation::{Call, Fate, MemoryPorts, Watched, Watcher};
use serde_json::{Value, json};

const OWNER: &str = "aws:123456789012";
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/notification-requests.json");

#[derive(Debug, Clone, Copy, Default)]
struct Takes;

impl NotificationSender for Takes {
    async fn send(&self, _: Outgoing<'_>) -> Result<Option<u16>, NotTaken> {
        Ok(Some(204))
    }
}

/// Counts calls, and lets them be.
#[derive(Debug, Default)]
struct Counter(Mutex<BTreeMap<Call, u64>>);

impl Watcher for Counter {
    fn fate(&self, call: Call) -> Fate {
        *self.0.lock().unwrap().entry(call).or_default() += 1;
        Fate::Done
    }
}

impl Counter {
    /// Reads, writes, messages sent and secrets asked for since the last time.
    fn take(&self) -> [u64; 4] {
        let mut told = [0; 4];
        for (call, times) in std::mem::take(&mut *self.0.lock().unwrap()) {
            match call {
                Call::RecordGet | Call::RecordQuery => told[0] += times,
                Call::RecordWrite(records) => told[1] += records as u64 * times,
                Call::Send(messages) => told[2] += messages as u64 * times,
                Call::Secret => told[3] += times,
                other => panic!("{other:?} is not counted"),
            }
        }
        told
    }
}

/// The end of an execution, with a name, an error and a cause as they are.
fn failed(number: u64, ports: &MemoryPorts) -> Change {
    let id = ExecutionId::derived(&number.to_string());
    let (at, name) = (ports.now(), format!("order-{number}"));
    let body = |status: &str| {
        json!({
            "id": id, "owner": OWNER, "name": name, "definition": "0".repeat(64), "status": status,
            "started_at": at, "first_entry": "{}", "stopped_at": at,
            "arn": format!("arn:aws:states:eu-west-1:123456789012:execution:orders:{name}"),
            "failure": { "error": "States.TaskFailed", "cause": "the shop's warehouse answered 503 three times" },
        })
    };
    Change {
        id: number.to_string(),
        key: keys::execution(&id),
        old: Some(body("RUNNING")),
        new: Some(body("FAILED")),
        at,
    }
}

#[tokio::test]
async fn what_a_notification_asks_of_aws_is_what_the_costs_are_computed_with() {
    let memory = MemoryPorts::new(1);
    let counter = Arc::new(Counter::default());
    let ports = Watched::new(memory.clone(), Arc::clone(&counter));
    let one = |number: u64| {
        let (ports, memory) = (ports.clone(), memory.clone());
        async move {
            let published = publish(&ports, &[failed(number, &memory)]).await;
            assert!(published.problem.is_none());
        }
    };
    one(0).await;
    let unheard = counter.take();
    assert_eq!(unheard, [1, 0, 0, 0], "where nobody subscribes there is one look");

    let new = NewSubscription {
        name: "failures".into(),
        enabled: true,
        pattern: json!({ "detail-type": ["execution.failed"] }),
        target: Target::Https { url: "https://example.com/hook".into() },
        projects_of: OWNER.into(),
    };
    let subscription = notifications::create_subscription(&memory, OWNER, new, false).await.unwrap().subscription.value;
    let deliverer = Deliverer::new(Takes);
    let mut counted = Value::Null;
    // An instance asks for the secret once, so the second one tells what each asks for.
    for number in 1..=2 {
        one(number).await;
        let made = counter.take();
        let messages = memory.receive(Queue::Notifications, 10, Duration::from_secs(60), Duration::ZERO).await.unwrap();
        assert_eq!(messages.len(), 1);
        for message in &messages {
            deliverer.handle(&ports, message).await.unwrap();
            MessageQueues::delete(&memory, Queue::Notifications, &message.receipt).await.unwrap();
        }
        let delivered = counter.take();
        let all = DeliveryFilter::default();
        let page = notifications::list_deliveries(&memory, OWNER, &subscription.id, &all, 1, None).await.unwrap();
        let newest = page.items.into_iter().next().unwrap();
        assert!(newest.ended_at.is_some());
        let record = memory.get(&keys::delivery(&subscription.id, &newest.id)).await.unwrap().unwrap();
        // Keys, version, indexes and expiry with their names, about as DynamoDB counts them.
        let bytes = record.body.to_string().len() + 400;
        counted = json!({
            "publish": { "reads": made[0], "writes": made[1], "messages": made[2] },
            "deliver": { "reads": delivered[0], "writes": delivered[1], "messages": delivered[2], "secrets": delivered[3] },
            "record_units": bytes.div_ceil(1024),
        });
    }
    assert!(memory.clock().now() >= subscription.created_at);

    if std::env::var_os("MILLRACE_UPDATE_COST").is_some() {
        std::fs::write(FILE, format!("{counted:#}\n")).unwrap();
    }
    let known: Value = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    assert_eq!(
        counted, known,
        "MILLRACE_UPDATE_COST=1 writes it, and scripts/cost.py --write docs/how-to/deploy.md uses it"
    );
}

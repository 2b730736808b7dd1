//! The sample events, handed to the function over ports in memory.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use millrace_app::notifications::{
    Deliverer, NewSubscription, NotTaken, NotificationSender, Outgoing, Target, create_subscription, list_deliveries,
};
use millrace_app::ports::Queue;
use millrace_simulation::MemoryPorts;
use serde_json::{Value, json};

#[derive(Debug, Default)]
struct Takes;

impl NotificationSender for Takes {
    async fn send(&self, _: Outgoing<'_>) -> Result<Option<u16>, NotTaken> {
        Ok(Some(204))
    }
}

fn event(name: &str) -> Value {
    let path = format!("{}/../../events/notifier/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

async fn failures(ports: &MemoryPorts, event: Value) -> Vec<String> {
    let response = millrace_notifier::handle(ports, &Deliverer::new(Takes), event).await.unwrap();
    response.failures.into_iter().map(|failure| failure.id).collect()
}

#[tokio::test]
async fn a_change_of_a_record_becomes_a_delivery() {
    let ports = MemoryPorts::new(1);
    let new = NewSubscription {
        name: "failures".into(),
        enabled: true,
        pattern: json!({ "detail-type": ["execution.failed"] }),
        target: Target::Https { url: "https://example.com/hook".into() },
        projects_of: "aws:123456789012".into(),
    };
    let told = create_subscription(&ports, "aws:123456789012", new, false).await.unwrap();
    for _ in 0..2 {
        assert_eq!(failures(&ports, event("change")).await, [] as [&str; 0]);
    }
    let id = told.subscription.value.id;
    let page = list_deliveries(&ports, "aws:123456789012", &id, &Default::default(), 10, None).await.unwrap();
    let kinds: Vec<&str> = page.items.iter().map(|delivery| delivery.kind.as_str()).collect();
    assert_eq!(kinds, ["execution.failed"]);
    assert_eq!(ports.bodies(Queue::Notifications).len(), 2, "a batch that comes again sends again");
}

#[tokio::test]
async fn what_is_not_ours_holds_up_nothing() {
    assert_eq!(failures(&MemoryPorts::new(1), event("foreign-change")).await, [] as [&str; 0]);
}

#[tokio::test]
async fn a_delivery_that_is_gone_is_done_and_a_malformed_message_fails_alone() {
    let ports = MemoryPorts::new(1);
    assert_eq!(failures(&ports, event("delivery")).await, [] as [&str; 0]);
    assert_eq!(failures(&ports, event("malformed")).await, ["2e1424d4-f796-459a-8184-9c92662be6da"]);
    let foreign = millrace_notifier::handle(&ports, &Deliverer::new(Takes), json!({ "Records": [] })).await;
    assert!(foreign.is_err());
}

//! The function over ports and connections in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use millrace_app::changes::LIVE;
use millrace_app::executions::stop_execution;
use millrace_app::identity::{Manager, NewKey, Role, create_key};
use millrace_app::ids::ExecutionId;
use millrace_app::ports::{RecordKey, RecordStore};
use millrace_app::workflows::{
    Configuration, CreateWorkflow, Place, StartWorkflow, StateMachineArn, WorkflowType, create_workflow, start_workflow,
};
use millrace_app::{PayloadLimit, keys};
use millrace_identity::{Authenticator, IdentityConfig};
use millrace_simulation::MemoryPorts;

use super::*;

/// The gateway: what each connection heard.
#[derive(Debug, Clone, Default)]
struct Gateway(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    heard: BTreeMap<String, Vec<Value>>,
    gone: BTreeSet<String>,
    closed: BTreeSet<String>,
}

impl Connections for Gateway {
    async fn send(&self, connection: &str, text: &str) -> Result<Sent, SendError> {
        let mut told = self.0.lock().unwrap();
        if told.gone.contains(connection) {
            return Ok(Sent::Gone);
        }
        if connection == "broken=" {
            return Err(SendError::Refused(500));
        }
        told.heard.entry(connection.to_owned()).or_default().push(serde_json::from_str(text).unwrap());
        Ok(Sent::Taken)
    }

    async fn close(&self, connection: &str) -> Result<(), SendError> {
        self.0.lock().unwrap().closed.insert(connection.to_owned());
        Ok(())
    }
}

type Function = Handler<MemoryPorts, Authenticator<MemoryPorts>, Gateway>;

fn function(authorization: Authorization) -> (Function, Gateway) {
    let ports = MemoryPorts::new(1);
    let gateway = Gateway::default();
    let sign_in = Authenticator::new(ports.clone(), IdentityConfig::default());
    let origins = vec!["https://console.example".to_owned()];
    let config = WebsocketConfig { authorization, origins, ..WebsocketConfig::default() };
    (Handler::new(ports, sign_in, gateway.clone(), config), gateway)
}

impl Gateway {
    /// What a connection heard since it was last asked.
    fn heard(&self, connection: &str) -> Vec<Value> {
        self.0.lock().unwrap().heard.remove(connection).unwrap_or_default()
    }
}

macro_rules! event {
    ($name:literal) => {
        include_str!(concat!("../../../events/websocket/", $name, ".json"))
    };
}

async fn handle(function: &Function, event: &str) -> Value {
    Box::pin(function.handle(serde_json::from_str(event).unwrap())).await.unwrap()
}

/// A sample message with another connection and body.
async fn say(function: &Function, connection: &str, body: &Value) {
    let mut event: Value = serde_json::from_str(event!("message")).unwrap();
    event["requestContext"]["connectionId"] = connection.into();
    event["requestContext"]["connectedAt"] = function.ports.clock().now().millis().into();
    event["body"] = body.to_string().into();
    Box::pin(function.handle(event)).await.unwrap();
}

async fn connect(function: &Function, connection: &str) -> u64 {
    let event = event!("connect").replace("L0SM9cOFvHcCIhw=", connection);
    handle(function, &event).await["statusCode"].as_u64().unwrap()
}

/// An execution of an owner that waits.
async fn start(ports: &MemoryPorts, owner: &str, name: &str) -> ExecutionId {
    let place = Place { partition: "aws".into(), region: "us-east-1".into(), account: "123456789012".into() };
    let definition = r#"{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":600,"End":true}}}"#;
    let create = CreateWorkflow {
        place,
        owner: owner.into(),
        name: name.into(),
        definition: definition.into(),
        kind: WorkflowType::Standard,
        configuration: Configuration::default(),
        publish: false,
        version_description: None,
        tags: Vec::new(),
    };
    let made = create_workflow(ports, create).await.unwrap();
    let start = StartWorkflow {
        target: StateMachineArn::parse(&made.workflow.arn).unwrap(),
        name: None,
        input: json!({}),
        trace_header: None,
        payload_limit: PayloadLimit::None,
        only: None,
        waiting: None,
        attributes: BTreeMap::default(),
        priority: None,
    };
    start_workflow(ports, start).await.unwrap().id
}

/// What the table's stream says of a change of an item.
async fn changed(function: &Function, key: &RecordKey) {
    let record = function.ports.records().get(key).await.unwrap().unwrap();
    let mut event: Value = serde_json::from_str(event!("stream")).unwrap();
    let one = &mut event["Records"][0]["dynamodb"];
    one["Keys"] = json!({ "PK": { "S": key.partition }, "SK": { "S": key.sort } });
    one["NewImage"] = json!({
        "PK": { "S": key.partition }, "SK": { "S": key.sort }, "version": { "N": record.version.to_string() },
        "body": { "S": record.body.to_string() },
    });
    Box::pin(function.handle(event)).await.unwrap();
}

fn subscribe(topics: &[&str]) -> Value {
    let topics: Vec<Value> = topics.iter().map(|topic| json!({ "topic": topic })).collect();
    json!({ "action": "subscribe", "topics": topics })
}

#[test]
fn the_stream_is_filtered_by_what_a_page_shows() {
    let template = include_str!("../../../template.yaml");
    let (_, stream) = template.split_once("  WebsocketStream:\n").unwrap();
    let (stream, _) = stream.split_once("\n\n").unwrap();
    let filters = stream.split("- Pattern: >-\n").skip(1).map(|text| serde_json::from_str::<Value>(text).unwrap());
    let known: Vec<Value> = LIVE.iter().map(millrace_app::changes::KeyPattern::filter).collect();
    assert_eq!(filters.collect::<Vec<_>>(), known);
}

#[tokio::test]
async fn a_change_is_told_to_all_who_watch_it_and_who_is_gone_is_forgotten() {
    let (function, gateway) = function(Authorization::None);
    let id = start(&function.ports, "local", "one").await;
    let topic = format!("execution/{id}");
    for connection in ["a=", "b=", "broken=", "other="] {
        assert_eq!(connect(&function, connection).await, 200);
        let topics = if connection == "other=" { vec!["projects"] } else { vec![topic.as_str(), "executions"] };
        say(&function, connection, &subscribe(&topics)).await;
    }
    let heard = gateway.heard("a=");
    assert_eq!(heard[0], json!({ "type": "subscribed", "topics": [topic, "executions"] }));
    let version = heard[1]["version"].as_u64().unwrap();
    assert_eq!(heard[2], json!({ "type": "changed", "topic": "executions" }));
    gateway.heard("b=");
    gateway.heard("other=");

    stop_execution(&function.ports, &id, None, None).await.unwrap();
    gateway.0.lock().unwrap().gone.insert("b=".to_owned());
    changed(&function, &keys::execution(&id)).await;
    let heard = gateway.heard("a=");
    let told: Vec<&str> = heard.iter().map(|message| message["topic"].as_str().unwrap()).collect();
    assert_eq!(told, [topic.as_str(), "executions"]);
    assert!(heard[0]["version"].as_u64().unwrap() > version);
    assert!(gateway.heard("other=").is_empty());
    // Nothing is left of who is gone; who could not be told now stays.
    assert!(load(&function.ports, "b=").await.unwrap().is_none());
    assert!(load(&function.ports, "broken=").await.unwrap().is_some());
    let audience = Audience { topic: topic.parse().unwrap(), owner: None };
    let (left, _) = watchers(&function.ports, &audience, None).await.unwrap();
    assert_eq!(left.iter().map(|one| one.connection.as_str()).collect::<Vec<_>>(), ["a=", "broken="]);

    // Who says goodbye is forgotten, too, and who leaves a topic hears no more of it.
    say(&function, "a=", &json!({ "action": "unsubscribe", "topics": [topic] })).await;
    gateway.heard("a=");
    changed(&function, &keys::execution(&id)).await;
    assert_eq!(gateway.heard("a="), [json!({ "type": "changed", "topic": "executions" })]);
    handle(&function, &event!("disconnect").replace("L0SM9cOFvHcCIhw=", "a=")).await;
    changed(&function, &keys::execution(&id)).await;
    assert!(gateway.heard("a=").is_empty());
}

#[tokio::test]
async fn after_a_reconnect_only_what_was_missed_is_told() {
    let (function, gateway) = function(Authorization::None);
    let id = start(&function.ports, "local", "one").await;
    stop_execution(&function.ports, &id, None, None).await.unwrap();
    millrace_app::executions::sweep(&function.ports, millrace_app::executions::Patience::None).await.unwrap();
    let topic = format!("execution/{id}");
    connect(&function, "a=").await;
    say(&function, "a=", &subscribe(&[&topic])).await;
    let version = gateway.heard("a=")[1]["version"].as_u64().unwrap();
    connect(&function, "b=").await;
    let ask = |after| json!({ "action": "subscribe", "topics": [{ "topic": topic, "after": after }] });
    say(&function, "b=", &ask(version - 1)).await;
    assert_eq!(gateway.heard("b=")[1]["version"], version);
    let ended = function.ports.records().get(&keys::execution(&id)).await.unwrap().unwrap();
    say(&function, "b=", &ask(version)).await;
    // It has ended: the version says all. Before that, something may have changed without it.
    let told = gateway.heard("b=").len();
    assert_eq!(told, if ended.body["status"] == "RUNNING" { 2 } else { 1 });
}

#[tokio::test]
async fn with_keys_nothing_is_stored_before_the_key_and_everybody_watches_their_own() {
    let (function, gateway) = function(Authorization::Keys);
    let id = start(&function.ports, "ann", "one").await;
    let manager = Manager { owner: "ann".into(), operator: true };
    let key = async |owner: &str| {
        let new = NewKey {
            owner: Some(owner.to_owned()),
            name: "x".into(),
            role: Role::Read,
            operator: false,
            expires_at: None,
            access_key: false,
        };
        create_key(&function.ports, &manager, new).await.unwrap()
    };
    let (ann, bob) = (key("ann").await, key("bob").await);
    let topic = format!("execution/{id}");
    assert_eq!(connect(&function, "a=").await, 200);
    say(&function, "a=", &subscribe(&["projects"])).await;
    assert_eq!(gateway.heard("a=")[0]["code"], "unauthorized");
    assert!(load(&function.ports, "a=").await.unwrap().is_none());
    say(&function, "a=", &json!({ "action": "authenticate", "token": "mk_wrong" })).await;
    assert_eq!(gateway.heard("a=")[0]["code"], "unauthorized");
    assert!(gateway.0.lock().unwrap().closed.contains("a="));

    for (connection, key) in [("ann=", &ann), ("bob=", &bob)] {
        connect(&function, connection).await;
        say(&function, connection, &json!({ "action": "authenticate", "token": key.text.expose() })).await;
        assert_eq!(gateway.heard(connection), [json!({ "type": "ready" })]);
        say(&function, connection, &subscribe(&[&topic, "executions"])).await;
    }
    assert_eq!(gateway.heard("ann=").len(), 3);
    let heard = gateway.heard("bob=");
    assert_eq!((&heard[0]["topics"], &heard[1]["code"]), (&json!(["executions"]), &json!("not-found")));
    changed(&function, &keys::execution(&id)).await;
    assert_eq!(gateway.heard("ann=").len(), 2);
    assert!(gateway.heard("bob=").is_empty());

    // With its key a connection ends.
    millrace_app::identity::revoke_key(&function.ports, &manager, &ann.key.id).await.unwrap();
    say(&function, "ann=", &json!({ "action": "ping" })).await;
    assert_eq!(gateway.heard("ann=")[0]["code"], "unauthorized");
    assert!(gateway.0.lock().unwrap().closed.contains("ann="));
    assert!(load(&function.ports, "ann=").await.unwrap().is_none());
}

#[tokio::test]
async fn an_end_that_was_told_before_ends_the_connection_when_something_changes() {
    let (function, gateway) = function(Authorization::None);
    let id = start(&function.ports, "local", "one").await;
    let caller = LiveCaller {
        owner: "local".into(),
        shared_owner: None,
        key: None,
        valid_until: Some(function.ports.clock().now()),
    };
    let mut stored = StoredConnection::new("a=".into(), Session::new(function.ports.clock().now(), Some(caller)));
    let topic = format!("execution/{id}").parse().unwrap();
    stored.session.watch(&topic);
    assert!(stored.store(&function.ports, &[topic], &[]).await.unwrap());
    changed(&function, &keys::execution(&id)).await;
    assert_eq!(gateway.heard("a=")[0]["code"], "unauthorized");
    assert!(gateway.0.lock().unwrap().closed.contains("a="));
    assert!(load(&function.ports, "a=").await.unwrap().is_none());
}

#[tokio::test]
async fn handshakes_of_other_pages_and_of_too_many_are_refused() {
    let (function, _) = function(Authorization::None);
    let foreign = event!("connect").replace("https://console.example", "https://attacker.example");
    assert_eq!(handle(&function, &foreign).await["statusCode"], 403);
    for number in 0..100 {
        assert_eq!(connect(&function, &format!("{number}=")).await, 200);
    }
    assert_eq!(connect(&function, "one more=").await, 429);
    let (signed, _) = self::function(Authorization::Iam);
    assert_eq!(connect(&signed, "a=").await, 401);
    let mut event: Value = serde_json::from_str(event!("connect")).unwrap();
    event["requestContext"]["identity"]["userArn"] = "arn:aws:iam::123456789012:user/ann".into();
    event["requestContext"]["identity"]["accountId"] = "123456789012".into();
    assert_eq!(handle(&signed, &event.to_string()).await["statusCode"], 200);
    let stored = load(&signed.ports, "L0SM9cOFvHcCIhw=").await.unwrap().unwrap();
    assert_eq!(stored.session.caller.unwrap().workflow_owner(), "aws:123456789012");
}

#[tokio::test]
async fn what_is_no_event_is_refused_and_what_is_no_message_is_told() {
    let (function, gateway) = function(Authorization::None);
    let malformed: Value = serde_json::from_str(event!("malformed")).unwrap();
    assert!(matches!(function.handle(malformed).await, Err(HandleError::Unknown(_))));
    connect(&function, "L0SM9cOFvHcCIhw=").await;
    let mut event: Value = serde_json::from_str(event!("message")).unwrap();
    event["body"] = "{".into();
    handle(&function, &event.to_string()).await;
    assert_eq!(gateway.heard("L0SM9cOFvHcCIhw=")[0]["code"], "bad-json");
    // Items that no page shows say nothing.
    handle(&function, event!("stream")).await;
}

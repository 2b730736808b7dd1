//! The contract of the ports against the API of AWS, on a stand-in that `MILLRACE_AWS_ENDPOINT` names.
//!
//! Each test makes queues of its own. `MILLRACE_AWS_TABLE` and `MILLRACE_AWS_BUCKET` name a table and a bucket to use, so
//! that the ones of a deployed stack are tested; without them each test makes its own of the same shape. Without an
//! endpoint every test says that it is skipped.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout, reason = "these are tests")]

use std::time::Duration;

use millrace_app::executions::{JoinArm, LogEntry, LogId};
use millrace_app::ids::ExecutionId;
use millrace_app::ports::{
    Clock as _, ExecutionLog as _, IdSource as _, MessageQueues as _, OutgoingMessage, Ports as _, Queue,
};
use millrace_aws::{AwsPorts, Config, Needs, SystemRandom};
use millrace_client::s3::{self, Target};
use millrace_client::{Call, Client, Endpoints, Service};
use millrace_simulation::contract::ContractEnv;
use serde_json::{Value, json};

const REGION: &str = "us-east-1";

struct Stack {
    ports: AwsPorts,
    table: String,
    client: Client,
}

impl ContractEnv for Stack {
    type Ports = AwsPorts;

    fn ports(&self) -> &AwsPorts {
        &self.ports
    }

    async fn pass_time(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// Does an operation of a service that speaks JSON.
async fn json(client: &Client, service: &Service, target: &str, operation: &str, request: Value) -> Value {
    let call = Call::json(service, "1.0", target, operation, request.to_string().into());
    let answer = client.call(&call).await.expect("an answer");
    let body = String::from_utf8_lossy(&answer.response.body);
    assert!(answer.succeeded(), "{operation}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

async fn dynamodb(client: &Client, operation: &str, request: Value) -> Value {
    json(client, &Service::DYNAMODB, "DynamoDB_20120810", operation, request).await
}

async fn sqs(client: &Client, operation: &str, request: Value) -> Value {
    json(client, &Service::SQS, "AmazonSQS", operation, request).await
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

async fn make_table(client: &Client, name: &str) {
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    let attributes = ["PK", "SK", "OwnerPK", "OwnerSK", "StatusPK", "StatusSK", "DuePK", "DueSK"];
    let indexes =
        [("owner-index", "Owner"), ("status-index", "Status"), ("due-index", "Due")].map(|(index, prefix)| {
            json!({
                "IndexName": index, "Projection": { "ProjectionType": "ALL" },
                "KeySchema": [key(&format!("{prefix}PK"), "HASH"), key(&format!("{prefix}SK"), "RANGE")],
            })
        });
    let table = json!({
        "TableName": name, "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [key("PK", "HASH"), key("SK", "RANGE")],
        "AttributeDefinitions": attributes.map(|name| json!({ "AttributeName": name, "AttributeType": "S" })),
        "GlobalSecondaryIndexes": indexes,
    });
    dynamodb(client, "CreateTable", table).await;
}

/// A queue and its dead letters; answers both URLs.
async fn make_queue(client: &Client, name: &str) -> (String, String) {
    let dead = sqs(client, "CreateQueue", json!({ "QueueName": format!("{name}-dlq") })).await;
    let dead = text(&dead["QueueUrl"]);
    let attributes = json!({ "QueueUrl": dead, "AttributeNames": ["QueueArn"] });
    let attributes = sqs(client, "GetQueueAttributes", attributes).await;
    let arn = text(&attributes["Attributes"]["QueueArn"]);
    let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": "3" }).to_string();
    let queue = json!({ "QueueName": name, "Attributes": { "RedrivePolicy": policy } });
    (text(&sqs(client, "CreateQueue", queue).await["QueueUrl"]), dead)
}

/// A stack of its own for a test; `None` without an endpoint.
async fn stack() -> Option<Stack> {
    let Ok(endpoint) = std::env::var("MILLRACE_AWS_ENDPOINT") else {
        println!("skipped: MILLRACE_AWS_ENDPOINT is not set");
        return None;
    };
    let name: String = SystemRandom.random().iter().map(|byte| format!("{byte:02x}")).collect();
    let name = format!("contract-{name}");
    let variables = [("AWS_REGION", REGION), ("AWS_ENDPOINT_URL", endpoint.as_str())];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let client = Client::new(Endpoints::read(variables).0);
    let given = |variable| std::env::var(variable).ok().filter(|name| !name.is_empty());
    let table = match given("MILLRACE_AWS_TABLE") {
        Some(table) => table,
        None => {
            make_table(&client, &name).await;
            name.clone()
        }
    };
    let bucket = match given("MILLRACE_AWS_BUCKET") {
        Some(bucket) => bucket,
        None => {
            let target = Target { bucket: &name, ..Target::default() };
            let made = client.call(&s3::call(client.endpoints(), http::Method::PUT, target)).await;
            assert!(made.expect("an answer").succeeded(), "the bucket is made");
            name.clone()
        }
    };
    let mut urls = Vec::new();
    for queue in Queue::ALL {
        let (live, dead) = make_queue(&client, &format!("{name}-{}", queue.name())).await;
        let queue = queue.name().to_uppercase();
        urls.push((format!("{queue}_QUEUE_URL"), live));
        urls.push((format!("{queue}_DLQ_URL"), dead));
    }
    let config = Config::from_lookup(Needs { secrets: true, dead_letters: true }, |variable| match variable {
        "AWS_REGION" => Some(REGION.to_owned()),
        "AWS_ENDPOINT_URL" => Some(endpoint.clone()),
        "TABLE_NAME" => Some(table.clone()),
        "BUCKET_NAME" => Some(bucket.clone()),
        "SECRETS_PREFIX" => Some(format!("/{name}/")),
        "SCHEDULE_GROUP" => Some("default".to_owned()),
        "SCHEDULE_ROLE_ARN" => Some("arn:aws:iam::000000000000:role/timers".to_owned()),
        other => urls.iter().find(|(known, _)| known == other).map(|(_, url)| url.clone()),
    });
    let ports = AwsPorts::new(config.expect("the configuration is whole"));
    Some(Stack { ports, table, client })
}

millrace_simulation::contract_tests! {
    match stack().await {
        Some(stack) => stack,
        None => return,
    }
}

/// Appends the end of every child of a fan-out; answers how often that completed it.
async fn end_all(stack: &Stack, parent: &LogId, total: u32) -> usize {
    let mut complete = 0;
    for position in 0..total {
        let child = parent.child(0, position);
        let at = stack.ports.clock().now();
        let expires_at = Some(at.plus_millis(86_400_000));
        let entry = LogEntry { log: child.clone(), seq: 1, at, body: "end".into(), expires_at };
        let arm = JoinArm { child, position, total };
        complete += usize::from(stack.ports.log().append(&entry, Some(&arm)).await.expect("appended"));
    }
    complete
}

/// A worker that dies between the count in a shard and the count of the full shard leaves the join short of one: asking
/// for it counts what is missing.
#[tokio::test]
async fn a_full_shard_that_was_not_counted_is_counted_later() {
    let Some(stack) = stack().await else { return };
    let parent = LogId::root(ExecutionId::new(&stack.ports));
    assert_eq!(end_all(&stack, &parent, 300).await, 1);
    let key = json!({ "PK": { "S": format!("EXECUTION#{}#0#L1#0", parent.execution) }, "SK": { "S": "JOIN" } });
    let delete = json!({ "TableName": stack.table, "Key": key, "ReturnValues": "ALL_OLD" });
    let lost = dynamodb(&stack.client, "DeleteItem", delete).await;
    assert!(lost["Attributes"]["expires_at"].is_object(), "there was a counter of shards, which goes when the logs go");
    for position in [0, 299] {
        let arm = JoinArm { child: parent.child(0, position), position, total: 300 };
        assert!(stack.ports.log().joined(&arm).await.expect("an answer"));
    }
}

/// What SQS can't delay so long becomes a one-time schedule, once, however often it is sent.
#[tokio::test]
async fn a_message_for_much_later_is_a_schedule() {
    let Some(stack) = stack().await else { return };
    let name: String = stack.ports.ids().random().iter().map(|byte| format!("{byte:02x}")).collect();
    let at = stack.ports.clock().now().plus_millis(3_600_000);
    let message = OutgoingMessage { name: name.clone(), body: "{\"later\":1}".into(), deliver_at: Some(at) };
    for _ in 0..2 {
        stack.ports.queues().send(Queue::Dev, vec![message.clone()]).await.expect("sent");
    }
    let call = Call {
        method: http::Method::GET,
        path: format!("/schedules/{name}"),
        query: "groupName=default".to_owned(),
        ..Call::post(&Service::SCHEDULER, bytes::Bytes::new())
    };
    let answer = stack.client.call(&call).await.expect("a schedule");
    let schedule: Value = serde_json::from_slice(&answer.response.body).expect("JSON");
    let target = &schedule["Target"];
    assert_eq!(target["Input"], "{\"later\":1}");
    let arn = text(&target["Arn"]);
    assert!(arn.starts_with("arn:aws:sqs:") && arn.ends_with("-dev"), "{arn}");
    assert!(text(&schedule["ScheduleExpression"]).starts_with("at("));
    assert_eq!(schedule["ActionAfterCompletion"], "DELETE");
    let depth = stack.ports.queues().depth(Queue::Dev).await.expect("counts");
    assert_eq!((depth.ready, depth.delayed), (0, 0));
}

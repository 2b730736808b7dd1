//! The contract of the ports against the API of AWS, on a stand-in that `MILLRACE_AWS_ENDPOINT` names.
//!
//! Each test makes queues of its own. `MILLRACE_AWS_TABLE` and `MILLRACE_AWS_BUCKET` name a table and a bucket to use, so
//! that the ones of a deployed stack are tested; without them each test makes its own of the same shape. Without an
//! endpoint every test says that it is skipped.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "these are tests")]

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use aws_sdk_sqs::config::Region;
use aws_sdk_sqs::types::QueueAttributeName;
use millrace_app::executions::{JoinArm, LogEntry, LogId};
use millrace_app::ids::ExecutionId;
use millrace_app::ports::{
    Clock as _, ExecutionLog as _, IdSource as _, MessageQueues as _, OutgoingMessage, Ports as _, Queue,
};
use millrace_aws::{AwsPorts, Config, Needs, SystemRandom};
use millrace_simulation::contract::ContractEnv;

const REGION: &str = "us-east-1";

struct Stack {
    ports: AwsPorts,
    table: String,
    dynamodb: aws_sdk_dynamodb::Client,
    scheduler: aws_sdk_scheduler::Client,
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

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key")
}

async fn make_table(client: &aws_sdk_dynamodb::Client, name: &str) {
    let mut call = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("PK", KeyType::Hash))
        .key_schema(key("SK", KeyType::Range));
    for attribute in ["PK", "SK", "OwnerPK", "OwnerSK", "StatusPK", "StatusSK", "DuePK", "DueSK"] {
        let definition =
            AttributeDefinition::builder().attribute_name(attribute).attribute_type(ScalarAttributeType::S).build();
        call = call.attribute_definitions(definition.expect("a definition"));
    }
    for (index, prefix) in [("owner-index", "Owner"), ("status-index", "Status"), ("due-index", "Due")] {
        let index = GlobalSecondaryIndex::builder()
            .index_name(index)
            .key_schema(key(&format!("{prefix}PK"), KeyType::Hash))
            .key_schema(key(&format!("{prefix}SK"), KeyType::Range))
            .projection(Projection::builder().projection_type(ProjectionType::All).build())
            .build();
        call = call.global_secondary_indexes(index.expect("an index"));
    }
    call.send().await.expect("the table is made");
}

/// A queue and its dead letters; answers both URLs.
async fn make_queue(client: &aws_sdk_sqs::Client, name: &str) -> (String, String) {
    let dead = client.create_queue().queue_name(format!("{name}-dlq")).send().await.expect("the queue is made");
    let dead = dead.queue_url.expect("a URL");
    let attributes = client.get_queue_attributes().queue_url(&dead).attribute_names(QueueAttributeName::QueueArn);
    let attributes = attributes.send().await.expect("attributes").attributes.expect("attributes");
    let policy = format!(
        "{{\"deadLetterTargetArn\":\"{}\",\"maxReceiveCount\":\"3\"}}",
        attributes.get(&QueueAttributeName::QueueArn).expect("an ARN")
    );
    let queue = client.create_queue().queue_name(name).attributes(QueueAttributeName::RedrivePolicy, policy);
    (queue.send().await.expect("the queue is made").queue_url.expect("a URL"), dead)
}

/// A stack of its own for a test; `None` without an endpoint.
async fn stack() -> Option<Stack> {
    let Ok(endpoint) = std::env::var("MILLRACE_AWS_ENDPOINT") else {
        println!("skipped: MILLRACE_AWS_ENDPOINT is not set");
        return None;
    };
    let name: String = SystemRandom.random().iter().map(|byte| format!("{byte:02x}")).collect();
    let name = format!("contract-{name}");
    let http = || {
        aws_smithy_http_client::Builder::new()
            .tls_provider(aws_smithy_http_client::tls::Provider::Rustls(
                aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
            ))
            .build_https()
    };
    macro_rules! config {
        ($service:ident) => {
            $service::Config::builder()
                .region(Region::new(REGION))
                .endpoint_url(&endpoint)
                .credentials_provider(Credentials::new("test", "test", None, None, "test"))
                .http_client(http())
        };
    }
    let given = |variable| std::env::var(variable).ok().filter(|name| !name.is_empty());
    let dynamodb = aws_sdk_dynamodb::Client::from_conf(config!(aws_sdk_dynamodb).build());
    let table = match given("MILLRACE_AWS_TABLE") {
        Some(table) => table,
        None => {
            make_table(&dynamodb, &name).await;
            name.clone()
        }
    };
    let bucket = match given("MILLRACE_AWS_BUCKET") {
        Some(bucket) => bucket,
        None => {
            let s3 = aws_sdk_s3::Client::from_conf(config!(aws_sdk_s3).force_path_style(true).build());
            s3.create_bucket().bucket(&name).send().await.expect("the bucket is made");
            name.clone()
        }
    };
    let sqs = aws_sdk_sqs::Client::from_conf(config!(aws_sdk_sqs).build());
    let mut urls = Vec::new();
    for queue in Queue::ALL {
        let (live, dead) = make_queue(&sqs, &format!("{name}-{}", queue.name())).await;
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
    let scheduler = aws_sdk_scheduler::Client::from_conf(config!(aws_sdk_scheduler).build());
    Some(Stack { ports, table, dynamodb, scheduler })
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
    let lost = stack
        .dynamodb
        .delete_item()
        .table_name(&stack.table)
        .key("PK", AttributeValue::S(format!("EXECUTION#{}#0#L1#0", parent.execution)))
        .key("SK", AttributeValue::S("JOIN".into()))
        .return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld)
        .send()
        .await
        .expect("the counter is deleted");
    let lost = lost.attributes.expect("there was a counter of shards");
    assert!(lost.contains_key("expires_at"), "it goes when the logs go");
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
    let schedule = stack.scheduler.get_schedule().group_name("default").name(&name).send().await.expect("a schedule");
    let target = schedule.target.expect("a target");
    assert_eq!(target.input.as_deref(), Some("{\"later\":1}"));
    assert!(target.arn.starts_with("arn:aws:sqs:") && target.arn.ends_with("-dev"), "{}", target.arn);
    assert!(schedule.schedule_expression.expect("an expression").starts_with("at("));
    assert_eq!(schedule.action_after_completion.expect("an action").as_str(), "DELETE");
    let depth = stack.ports.queues().depth(Queue::Dev).await.expect("counts");
    assert_eq!((depth.ready, depth.delayed), (0, 0));
}

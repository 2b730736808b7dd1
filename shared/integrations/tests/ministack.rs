//! Calls of services against a stand-in for AWS that `MILLRACE_AWS_ENDPOINT` names: what the services in the process of the
//! other tests can't show, that requests are understood by somebody else. Without an endpoint it says that it is skipped.

#![expect(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "these are tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use millrace_app::ports::Ports as _;
use millrace_app::storage::{ObjectRef, ObjectStorage as _};
use millrace_integrations::{Call, Config, Integrations, Resource};
use millrace_simulation::MemoryPorts;
use millrace_stepfunctions::StepFunctionsConfig;
use serde_json::{Value, json};

struct Stand {
    integrations: Integrations,
    ports: MemoryPorts,
    host: String,
}

impl Stand {
    fn connect() -> Option<Self> {
        let Ok(endpoint) = std::env::var("MILLRACE_AWS_ENDPOINT") else {
            println!("skipped: MILLRACE_AWS_ENDPOINT names no stand-in for AWS");
            return None;
        };
        let config = Config::from_variables([("AWS_ENDPOINT_URL".to_owned(), endpoint.clone())]).expect("an endpoint");
        let integrations = Integrations::new(config, StepFunctionsConfig::default());
        let host = endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Some(Self { integrations, ports: MemoryPorts::new(1), host })
    }

    async fn call(&self, resource: &str, arguments: Value) -> Result<Value, (String, String)> {
        let resource = Resource::parse(&format!("arn:aws:states:::{resource}")).expect("a resource that is called");
        let arguments = &arguments;
        let call = Call {
            resource: &resource,
            arguments,
            role: None,
            attempt: "attempt",
            token: None,
            origin: &[],
            own: None,
        };
        let answer = self.integrations.call(self.ports.secrets(), call).await;
        answer.map_err(|failure| (failure.error.unwrap_or_default(), failure.cause.unwrap_or_default()))
    }

    async fn done(&self, resource: &str, arguments: Value) -> Value {
        self.call(resource, arguments).await.unwrap_or_else(|problem| panic!("{resource}: {problem:?}"))
    }

    async fn error(&self, resource: &str, arguments: Value) -> String {
        match self.call(resource, arguments).await {
            Ok(answer) => panic!("{resource}: {answer}"),
            Err((error, cause)) => {
                assert!(cause.contains("Status Code: 4"), "{cause}");
                error
            }
        }
    }

    /// What no Task state can do: making buckets and topics. The stand-in asks for no signature.
    fn make(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.host).expect("the stand-in listens");
        let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1";
        let service = if path == "/" { "sns" } else { "s3" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nAuthorization: {scope}/{service}/aws4_request, \
             SignedHeaders=host, Signature=0\r\n\r\n{body}",
            self.host,
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("the request leaves");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the answer comes");
        assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
        answer
    }
}

#[tokio::test]
async fn messages_and_notifications_arrive() {
    let Some(stand) = Stand::connect() else { return };
    let queue = stand.done("aws-sdk:sqs:createQueue", json!({ "QueueName": "integrations-test" })).await;
    let url = queue["QueueUrl"].clone();
    let arguments = json!({
        "QueueUrl": url, "MessageBody": { "order": 7 },
        "MessageAttributes": { "kind": { "DataType": "String", "StringValue": "new" } },
    });
    let sent = stand.done("sqs:sendMessage", arguments).await;
    assert_eq!(sent["SdkHttpMetadata"]["HttpStatusCode"], 200);
    let received = json!({ "QueueUrl": url, "MessageAttributeNames": ["All"] });
    let received = stand.done("aws-sdk:sqs:receiveMessage", received).await;
    assert_eq!(received["Messages"][0]["Body"], "{\"order\":7}");
    assert_eq!(received["Messages"][0]["MessageId"], sent["MessageId"]);
    let gone = json!({ "QueueUrl": format!("http://{}/000000000000/gone", stand.host), "MessageBody": "m" });
    assert_eq!(stand.error("sqs:sendMessage", gone).await, "SQS.QueueDoesNotExistException");

    let made = stand.make("POST", "/", "Action=CreateTopic&Version=2010-03-31&Name=integrations-test");
    let topic = made.split("<TopicArn>").nth(1).and_then(|rest| rest.split('<').next()).expect("the topic's ARN");
    let message = json!({ "TopicArn": topic, "Message": { "a": "b c" }, "Subject": "s" });
    let published = stand.done("sns:publish", message).await;
    assert!(published["MessageId"].as_str().is_some_and(|id| !id.is_empty()), "{published}");
    let gone = json!({ "TopicArn": format!("{topic}-gone"), "Message": "m" });
    assert_eq!(stand.error("sns:publish", gone).await, "SNS.NotFoundException");

    let entry = json!({ "Source": "test", "DetailType": "t", "Detail": { "a": 1 } });
    let put = stand.done("events:putEvents", json!({ "Entries": [entry] })).await;
    assert_eq!(put["FailedEntryCount"], 0);
}

#[tokio::test]
async fn items_are_kept() {
    let Some(stand) = Stand::connect() else { return };
    let table = json!({
        "TableName": "integrations-test", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
    });
    let made = stand.done("aws-sdk:dynamodb:createTable", table).await;
    assert!(made["TableDescription"]["CreationDateTime"].as_str().is_some_and(|text| text.ends_with('Z')), "{made}");
    let key = json!({ "id": { "S": "x" } });
    let item = json!({ "id": { "S": "x" }, "n": { "N": "1" } });
    stand.done("dynamodb:putItem", json!({ "TableName": "integrations-test", "Item": item })).await;
    let update = json!({
        "TableName": "integrations-test", "Key": key, "UpdateExpression": "SET n = n + :one",
        "ExpressionAttributeValues": { ":one": { "N": "1" } }, "ReturnValues": "UPDATED_NEW",
    });
    assert_eq!(stand.done("dynamodb:updateItem", update).await["Attributes"], json!({ "n": { "N": "2" } }));
    let get = json!({ "TableName": "integrations-test", "Key": key });
    let got = stand.done("dynamodb:getItem", get.clone()).await;
    assert_eq!(got["Item"], json!({ "id": { "S": "x" }, "n": { "N": "2" } }));
    stand.done("dynamodb:deleteItem", get.clone()).await;
    assert_eq!(stand.done("aws-sdk:dynamodb:getItem", get).await, json!({}));
    let gone = json!({ "TableName": "gone", "Key": key });
    assert_eq!(stand.error("dynamodb:getItem", gone.clone()).await, "DynamoDB.ResourceNotFoundException");
    assert_eq!(stand.error("aws-sdk:dynamodb:getItem", gone).await, "DynamoDb.ResourceNotFoundException");
}

#[tokio::test]
async fn objects_are_kept() {
    let Some(stand) = Stand::connect() else { return };
    stand.make("PUT", "/integrations-test", "");
    let object = json!({ "Bucket": "integrations-test", "Key": "a folder/ü+&.json" });
    let mut put = object.clone();
    put["Body"] = json!({ "a": 1 });
    put["ContentType"] = json!("application/json");
    put["Metadata"] = json!({ "own": "mine" });
    let etag = stand.done("aws-sdk:s3:putObject", put).await["ETag"].clone();
    let got = stand.done("aws-sdk:s3:getObject", object.clone()).await;
    assert_eq!(
        (&got["Body"], &got["ETag"], &got["ContentType"]),
        (&json!("{\"a\":1}"), &etag, &json!("application/json"))
    );
    assert_eq!(got["Metadata"], json!({ "own": "mine" }));
    let listed = json!({ "Bucket": "integrations-test", "Prefix": "a folder/" });
    let listed = stand.done("aws-sdk:s3:listObjectsV2", listed).await;
    assert_eq!((&listed["Contents"][0]["Key"], &listed["Contents"][0]["Size"]), (&object["Key"], &json!(7)));
    let gone = json!({ "Bucket": "integrations-test", "Key": "gone" });
    assert_eq!(stand.error("aws-sdk:s3:getObject", gone).await, "S3.NoSuchKeyException");
    assert_eq!(stand.error("aws-sdk:s3:listObjectsV2", json!({ "Bucket": "gone" })).await, "S3.NoSuchBucketException");

    let storage = &stand.integrations;
    storage.put("integrations-test", "items/1.csv", b"a,b\n1,2\n".to_vec(), "text/csv").await.expect("it is written");
    let object = ObjectRef { bucket: "integrations-test".into(), key: "items/1.csv".into(), version: None };
    assert_eq!(storage.get(&object, Some(4..7)).await.expect("a part is read"), b"1,2");
    assert_eq!(storage.get(&object, Some(100..200)).await.expect("a part behind the end"), b"");
    let page = storage.list("integrations-test", "items/", None).await.expect("a listing");
    assert_eq!(page.objects.iter().map(|object| object.size).collect::<Vec<_>>(), [8]);
}

#[tokio::test]
async fn services_that_speak_json_need_only_their_names() {
    let Some(stand) = Stand::connect() else { return };
    let secret = json!({ "Name": "integrations-test", "SecretString": { "user": "u" } });
    stand.done("aws-sdk:secretsmanager:createSecret", secret).await;
    let secret = stand.done("aws-sdk:secretsmanager:getSecretValue", json!({ "SecretId": "integrations-test" })).await;
    assert_eq!(secret["SecretString"], "{\"user\":\"u\"}");
    assert!(secret["CreatedDate"].as_str().is_some_and(|text| text.ends_with('Z')), "{secret}");
    let gone = json!({ "SecretId": "gone" });
    assert_eq!(
        stand.error("aws-sdk:secretsmanager:getSecretValue", gone).await,
        "SecretsManager.ResourceNotFoundException"
    );
    let parameter = json!({ "Name": "/integrations-test", "Value": "v", "Type": "String" });
    stand.done("aws-sdk:ssm:putParameter", parameter).await;
    let read = stand.done("aws-sdk:ssm:getParameter", json!({ "Name": "/integrations-test" })).await;
    assert_eq!(read["Parameter"]["Value"], "v");
    let groups =
        stand.done("aws-sdk:cloudwatchlogs:createLogGroup", json!({ "LogGroupName": "integrations-test" })).await;
    assert_eq!(groups, json!({}));
    let groups = stand.done("aws-sdk:cloudwatchlogs:describeLogGroups", json!({})).await;
    assert_eq!(groups["LogGroups"][0]["LogGroupName"], "integrations-test");
}

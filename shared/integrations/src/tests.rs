//! Each integration against a service in the process: the request that it gets, and what the workflow is told.

use std::sync::Mutex;

use millrace_app::ports::{Ports as _, Secret, SecretStore as _};
use millrace_simulation::MemoryPorts;
use millrace_simulation::http::{Answer, Fake, Seen};
use millrace_stepfunctions::StepFunctionsConfig;
use serde_json::{Value, json};

use crate::{Call, Config, Integrations, Resource, ServiceFault, StepFunctions, StepFunctionsAnswer};

const ATTEMPT: &str = "0123456789abcdef";

fn integrations(variables: &[(&str, &str)]) -> Integrations {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Integrations::new(Config::from_variables(variables).unwrap(), StepFunctionsConfig::default())
}

async fn call_with(
    integrations: &Integrations,
    ports: &MemoryPorts,
    resource: &str,
    arguments: &Value,
) -> Result<Value, (String, String)> {
    call_here(integrations, ports, resource, arguments, None).await
}

async fn call_here(
    integrations: &Integrations,
    ports: &MemoryPorts,
    resource: &str,
    arguments: &Value,
    own: Option<&dyn StepFunctions>,
) -> Result<Value, (String, String)> {
    let resource = Resource::parse(resource).unwrap();
    let origin = ["arn:aws:states:us-east-1:1:execution:m:e".to_owned()];
    let token = Some("token");
    let call = Call { resource: &resource, arguments, role: None, attempt: ATTEMPT, token, origin: &origin, own };
    let answer = integrations.call(ports.secrets(), call).await;
    answer.map_err(|failure| (failure.error.unwrap_or_default(), failure.cause.unwrap_or_default()))
}

/// Calls a resource where every service is `fake`.
async fn call(fake: &Fake, resource: &str, arguments: Value) -> Result<Value, (String, String)> {
    let integrations = integrations(&[("AWS_ENDPOINT_URL", &fake.url)]);
    call_with(&integrations, &MemoryPorts::new(1), resource, &arguments).await
}

fn assert_signed(request: &Seen, service: &str) {
    let authorization = request.header("authorization").unwrap();
    assert!(authorization.contains(&format!("/us-east-1/{service}/aws4_request")), "{authorization}");
    assert!(authorization.contains("SignedHeaders=") && authorization.contains("host"), "{authorization}");
}

const ARN: &str = "arn:aws:lambda:us-east-1:111111111111:function:greet";

#[tokio::test]
async fn a_function_by_its_arn_answers_its_payload() {
    let fake = Fake::start(|request| {
        assert_eq!(request.method, "POST");
        assert_signed(request, "lambda");
        let function = request.path.strip_prefix("/2015-03-31/functions/").unwrap();
        assert_eq!(function.strip_suffix("/invocations").unwrap(), ARN.replace(':', "%3A"));
        match request.json()["do"].as_str() {
            Some("fail") => Answer::json(200, &json!({ "errorMessage": "m", "errorType": "Oops" }))
                .header("X-Amz-Function-Error", "Unhandled"),
            Some("time out") => Answer::json(200, &json!({ "errorMessage": "Task timed out" }))
                .header("X-Amz-Function-Error", "Unhandled"),
            Some("refuse") => Answer::json(404, &json!({ "Message": "Function not found: x" }))
                .header("x-amzn-ErrorType", "ResourceNotFoundException:http://internal")
                .header("x-amzn-RequestId", "r-1"),
            _ => Answer::json(200, &json!(request.json()["do"])),
        }
    })
    .await;
    let invoke = async |what: &str| call(&fake, ARN, json!({ "do": what })).await;
    assert_eq!(invoke("echo").await, Ok(json!("echo")));
    let failed = ("Oops".to_owned(), r#"{"errorMessage":"m","errorType":"Oops"}"#.to_owned());
    assert_eq!(invoke("fail").await, Err(failed));
    let (error, cause) = invoke("time out").await.unwrap_err();
    assert_eq!(error, "Lambda.Unknown");
    assert!(cause.ends_with(r#"Returned payload: {"errorMessage":"Task timed out"}"#), "{cause}");
    let (error, cause) = invoke("refuse").await.unwrap_err();
    assert_eq!(error, "Lambda.ResourceNotFoundException");
    assert_eq!(
        cause,
        "Function not found: x (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; \
         Request ID: r-1; Proxy: null)"
    );
}

#[tokio::test]
async fn lambda_invoke_answers_with_the_exchange() {
    let fake = Fake::start(|request| {
        assert_eq!(request.path, "/2015-03-31/functions/greet/invocations?Qualifier=live");
        assert_eq!(request.header("x-amz-log-type"), Some("Tail"));
        assert_eq!(request.header("x-amz-invocation-type"), Some("RequestResponse"));
        assert_eq!(request.header("x-amz-client-context"), Some("eyJhIjoxfQ=="));
        Answer::ok(request.body.clone())
            .header("Content-Type", "application/json")
            .header("X-Amz-Executed-Version", "7")
            .header("X-Amz-Log-Result", "bG9n")
            .header("x-amzn-RequestId", "r-2")
    })
    .await;
    let arguments = json!({
        "FunctionName": "greet", "Qualifier": "live", "LogType": "Tail", "InvocationType": "RequestResponse",
        "ClientContext": { "a": 1 }, "Payload": { "name": "Ada" },
    });
    let headers = json!({
        "Content-Length": "14", "Content-Type": "application/json", "X-Amz-Executed-Version": "7",
        "X-Amz-Log-Result": "bG9n", "x-amzn-RequestId": "r-2",
    });
    let lists: Value =
        headers.as_object().unwrap().iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    let expected = json!({
        "ExecutedVersion": "7", "LogResult": "bG9n", "Payload": { "name": "Ada" },
        "SdkHttpMetadata": { "AllHttpHeaders": lists, "HttpHeaders": headers, "HttpStatusCode": 200 },
        "SdkResponseMetadata": { "RequestId": "r-2" }, "StatusCode": 200,
    });
    assert_eq!(call(&fake, "arn:aws:states:::lambda:invoke", arguments.clone()).await, Ok(expected.clone()));
    let waiting = call(&fake, "arn:aws:states:::lambda:invoke.waitForTaskToken", arguments.clone()).await;
    assert_eq!(waiting, Ok(expected));
    let mut sdk = arguments;
    sdk["Payload"] = json!("{\"name\":\"Ada\"}");
    let sdk = call(&fake, "arn:aws:states:::aws-sdk:lambda:invoke", sdk).await.unwrap();
    assert_eq!(
        sdk,
        json!({ "ExecutedVersion": "7", "LogResult": "bG9n", "Payload": "{\"name\":\"Ada\"}", "StatusCode": 200 })
    );
}

#[tokio::test]
async fn an_invocation_without_a_payload_has_no_body() {
    let fake = Fake::start(|request| {
        assert!(request.body.is_empty());
        Answer::status(202, "")
    })
    .await;
    let event = json!({ "FunctionName": "greet", "InvocationType": "Event", "Payload": null });
    let answer = call(&fake, "arn:aws:states:::lambda:invoke", event).await.unwrap();
    assert_eq!((&answer["StatusCode"], &answer["Payload"]), (&json!(202), &json!("")));
    let (error, cause) = call(&fake, "arn:aws:states:::lambda:invoke", json!({})).await.unwrap_err();
    assert_eq!(error, "Lambda.SdkClientException");
    assert!(cause.contains("'FunctionName'"), "{cause}");
}

#[tokio::test]
async fn a_message_is_sent_as_text() {
    let fake = Fake::start(|request| {
        assert_signed(request, "sqs");
        assert_eq!(request.header("x-amz-target"), Some("AmazonSQS.SendMessage"));
        assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.0"));
        if request.json()["QueueUrl"] == "gone" {
            return Answer::json(
                400,
                &json!({ "__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "No such queue" }),
            )
            .header("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender");
        }
        assert_eq!(request.json()["MessageBody"], "{\"a\":1}");
        Answer::json(200, &json!({ "MD5OfMessageBody": "m", "MessageId": "i" })).header("connection", "keep-alive")
    })
    .await;
    let resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
    let sent = call(&fake, resource, json!({ "QueueUrl": "u", "MessageBody": { "a": 1 } })).await.unwrap();
    assert_eq!((&sent["MessageId"], &sent["MD5OfMessageBody"]), (&json!("i"), &json!("m")));
    assert_eq!(sent["SdkHttpMetadata"]["HttpHeaders"]["connection"], "keep-alive");
    let (error, cause) = call(&fake, resource, json!({ "QueueUrl": "gone", "MessageBody": "t" })).await.unwrap_err();
    assert_eq!(error, "SQS.QueueDoesNotExistException");
    assert!(cause.contains("Error Code: AWS.SimpleQueueService.NonExistentQueue;"), "{cause}");
    let plain = json!({ "QueueUrl": "u", "MessageBody": { "a": 1 } });
    let sent = call(&fake, "arn:aws:states:::aws-sdk:sqs:sendMessage", plain).await.unwrap();
    assert_eq!(sent, json!({ "MD5OfMessageBody": "m", "MessageId": "i" }));
}

#[tokio::test]
async fn a_notification_is_published() {
    let fake = Fake::start(|request| {
        assert_signed(request, "sns");
        if request.text().contains("fifo") {
            let body = "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
                        <Code>InvalidParameter</Code><Message>Invalid parameter: group</Message></Error>\
                        <RequestId>r-3</RequestId></ErrorResponse>";
            return Answer::status(400, body);
        }
        assert_eq!(
            request.text(),
            "Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A1%3At&\
             Message=%7B%22a%22%3A1%7D&MessageAttributes.entry.1.Name=kind&\
             MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=x%20y"
        );
        Answer::ok(
            "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
             <MessageId>i</MessageId></PublishResult><ResponseMetadata><RequestId>r-4</RequestId></ResponseMetadata>\
             </PublishResponse>",
        )
    })
    .await;
    let arguments = json!({
        "TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": { "a": 1 },
        "MessageAttributes": { "kind": { "DataType": "String", "StringValue": "x y" } },
    });
    let published = call(&fake, "arn:aws:states:::sns:publish", arguments.clone()).await.unwrap();
    assert_eq!(published["MessageId"], "i");
    assert_eq!(published["SdkResponseMetadata"], json!({ "RequestId": "r-4" }));
    let sdk = call(&fake, "arn:aws:states:::aws-sdk:sns:publish", arguments).await;
    assert_eq!(sdk, Ok(json!({ "MessageId": "i" })));
    let refused = call(&fake, "arn:aws:states:::sns:publish", json!({ "TopicArn": "fifo", "Message": "m" })).await;
    assert_eq!(
        refused,
        Err((
            "SNS.InvalidParameterException".to_owned(),
            "Invalid parameter: group (Service: AmazonSNS; Status Code: 400; Error Code: InvalidParameter; \
             Request ID: r-3; Proxy: null)"
                .to_owned()
        ))
    );
}

#[tokio::test]
async fn events_name_where_they_come_from_and_fail_together() {
    let fake = Fake::start(|request| {
        assert_signed(request, "events");
        assert_eq!(request.header("x-amz-target"), Some("AWSEvents.PutEvents"));
        let entry = request.json()["Entries"][0].clone();
        assert_eq!(entry["Resources"], json!(["mine", "arn:aws:states:us-east-1:1:execution:m:e"]));
        let failed = entry["Detail"] == "{\"bad\":true}";
        Answer::json(200, &json!({ "FailedEntryCount": u8::from(failed), "Entries": [{ "EventId": "i" }] }))
    })
    .await;
    let put = async |detail: Value| {
        let arguments =
            json!({ "Entries": [{ "Detail": detail, "DetailType": "t", "Source": "s", "Resources": ["mine"] }] });
        call(&fake, "arn:aws:states:::events:putEvents", arguments).await
    };
    assert_eq!(put(json!({ "good": true })).await.unwrap()["Entries"], json!([{ "EventId": "i" }]));
    let (error, cause) = put(json!({ "bad": true })).await.unwrap_err();
    assert_eq!(error, "EventBridge.FailedEntry");
    assert!(cause.contains("\"FailedEntryCount\":1"), "{cause}");
}

#[tokio::test]
async fn items_are_read_and_written_in_two_dialects() {
    let fake = Fake::start(|request| {
        assert_signed(request, "dynamodb");
        match request.header("x-amz-target") {
            Some("DynamoDB_20120810.GetItem") => Answer::json(200, &json!({ "Item": { "id": { "S": "x" } } }))
                .header("x-amzn-RequestId", "r-5")
                .header("Connection", "keep-alive"),
            Some("DynamoDB_20120810.Query") => {
                Answer::json(200, &json!({ "Count": 0, "Items": [], "ScannedCount": 0 }))
            }
            target => {
                let kind = if target == Some("DynamoDB_20120810.PutItem") { "Validation" } else { "ResourceNotFound" };
                let kind = format!("com.amazonaws.dynamodb.v20120810#{kind}Exception");
                Answer::json(400, &json!({ "__type": kind, "Message": "No" })).header("x-amzn-RequestId", "r-6")
            }
        }
    })
    .await;
    let key = json!({ "TableName": "t", "Key": { "id": { "S": "x" } } });
    let got = call(&fake, "arn:aws:states:::dynamodb:getItem", key.clone()).await.unwrap();
    assert_eq!(got["Item"], json!({ "id": { "S": "x" } }));
    assert_eq!(got["SdkHttpMetadata"]["HttpHeaders"]["Connection"], "keep-alive");
    let got = call(&fake, "arn:aws:states:::aws-sdk:dynamodb:getItem", key.clone()).await;
    assert_eq!(got, Ok(json!({ "Item": { "id": { "S": "x" } } })));
    let query = call(&fake, "arn:aws:states:::aws-sdk:dynamodb:query", key.clone()).await;
    assert_eq!(query, Ok(json!({ "Count": 0, "Items": [], "ScannedCount": 0 })));
    for (resource, error, service) in [
        ("dynamodb:putItem", "DynamoDB.AmazonDynamoDBException", "AmazonDynamoDBv2; Status Code: 400; Error Code: V"),
        (
            "dynamodb:deleteItem",
            "DynamoDB.ResourceNotFoundException",
            "AmazonDynamoDBv2; Status Code: 400; Error Code: R",
        ),
        ("aws-sdk:dynamodb:putItem", "DynamoDb.DynamoDbException", "DynamoDb, Status Code: 400, Request ID: r-6)"),
        ("aws-sdk:dynamodb:updateItem", "DynamoDb.ResourceNotFoundException", "DynamoDb, Status Code: 400, Request ID"),
    ] {
        let told = call(&fake, &format!("arn:aws:states:::{resource}"), key.clone()).await.unwrap_err();
        assert_eq!(told.0, error, "{resource}");
        assert!(told.1.starts_with(&format!("No (Service: {service}")), "{}", told.1);
    }
}

#[tokio::test]
async fn objects_are_read_written_and_listed() {
    let fake = Fake::start(|request| {
        assert_signed(request, "s3");
        assert_eq!(request.header("x-amz-content-sha256").map(str::len), Some(64));
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/bucket/a%20folder/b%2Bc.txt") => Answer::ok("text")
                .header("ETag", "\"e\"")
                .header("Content-Type", "text/plain")
                .header("Accept-Ranges", "bytes")
                .header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
                .header("x-amz-server-side-encryption", "AES256")
                .header("x-amz-meta-own", "mine"),
            ("PUT", "/bucket/k") => {
                assert_eq!(request.text(), "{\"a\":1}");
                assert_eq!(request.header("x-amz-checksum-crc32"), Some("Vhusrw=="));
                assert_eq!(request.header("x-amz-meta-own"), Some("1"));
                Answer::ok("").header("ETag", "\"e\"").header("x-amz-checksum-type", "FULL_OBJECT")
            }
            ("GET", "/bucket?list-type=2&Prefix=p") => panic!("a parameter has a name of its own"),
            ("GET", "/bucket?list-type=2&prefix=p%2F&max-keys=2") => Answer::ok(
                "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name>\
                 <Prefix>p/</Prefix><KeyCount>1</KeyCount><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated>\
                 <NextContinuationToken>n</NextContinuationToken><Contents><Key>p/1</Key>\
                 <LastModified>2026-01-31T09:30:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>5</Size>\
                 <StorageClass>STANDARD</StorageClass></Contents></ListBucketResult>",
            ),
            _ => Answer::status(
                404,
                "<Error><Code>NoSuchBucket</Code><Message>The bucket is not there</Message></Error>",
            )
            .header("x-amz-request-id", "r-7")
            .header("x-amz-id-2", "h"),
        }
    })
    .await;
    let get = json!({ "Bucket": "bucket", "Key": "a folder/b+c.txt" });
    let got = call(&fake, "arn:aws:states:::aws-sdk:s3:getObject", get).await;
    let expected = json!({
        "AcceptRanges": "bytes", "Body": "text", "ContentLength": 4, "ContentType": "text/plain", "ETag": "\"e\"",
        "LastModified": "2015-10-21T07:28:00Z", "Metadata": { "own": "mine" }, "ServerSideEncryption": "AES256",
    });
    assert_eq!(got, Ok(expected));
    let put = json!({ "Bucket": "bucket", "Key": "k", "Body": { "a": 1 }, "Metadata": { "Own": 1 } });
    let put = call(&fake, "arn:aws:states:::aws-sdk:s3:putObject", put).await;
    assert_eq!(put, Ok(json!({ "ChecksumType": "FULL_OBJECT", "ETag": "\"e\"" })));
    let list = json!({ "Bucket": "bucket", "Prefix": "p/", "MaxKeys": 2 });
    let listed = call(&fake, "arn:aws:states:::aws-sdk:s3:listObjectsV2", list).await;
    let contents = json!([{
        "Key": "p/1", "LastModified": "2026-01-31T09:30:00Z", "ETag": "\"e\"", "Size": 5, "StorageClass": "STANDARD",
    }]);
    let expected = json!({
        "Contents": contents, "IsTruncated": true, "KeyCount": 1, "MaxKeys": 2, "Name": "bucket",
        "NextContinuationToken": "n", "Prefix": "p/",
    });
    assert_eq!(listed, Ok(expected));
    let gone = call(&fake, "arn:aws:states:::aws-sdk:s3:listObjects", json!({ "Bucket": "gone" })).await;
    let cause = "The bucket is not there (Service: S3, Status Code: 404, Request ID: r-7, Extended Request ID: h) \
                 (SDK Attempt Count: 1)";
    assert_eq!(gone, Err(("S3.NoSuchBucketException".to_owned(), cause.to_owned())));
    let (_, cause) = call(&fake, "arn:aws:states:::aws-sdk:s3:getObject", json!({ "Bucket": "b" })).await.unwrap_err();
    assert!(cause.contains("'Key'"), "{cause}");
    let odd = json!({ "Bucket": "b", "Key": "k", "Torrent": true });
    let (_, cause) = call(&fake, "arn:aws:states:::aws-sdk:s3:getObject", odd).await.unwrap_err();
    assert!(cause.contains("'Torrent'"), "{cause}");
}

/// Records what it is asked.
#[derive(Default)]
struct Own(Mutex<Vec<(String, Value, Option<String>)>>);

impl StepFunctions for Own {
    fn call<'a>(&'a self, operation: &'a str, body: Value, waiting: Option<&'a str>) -> StepFunctionsAnswer<'a> {
        let refused = body["stateMachineArn"] == "gone";
        let ended = body["stateMachineArn"].as_str().is_some_and(|arn| arn.ends_with(":ended:1"));
        self.0.lock().unwrap().push((operation.to_owned(), body, waiting.map(ToOwned::to_owned)));
        Box::pin(async move {
            if refused || ended {
                let code = if ended { "ExecutionAlreadyExists" } else { "StateMachineDoesNotExist" };
                return Err(ServiceFault {
                    status: 400,
                    code: code.into(),
                    legacy_code: None,
                    message: "No".into(),
                    request_id: "r".into(),
                    extended_request_id: None,
                    attempts: 1,
                });
            }
            Ok(json!({ "executionArn": "e", "startDate": 1_700_000_000.25, "status": "RUNNING" }))
        })
    }
}

#[tokio::test]
async fn an_execution_is_started_here_unless_another_engine_is_named() {
    let own = Own::default();
    let here = integrations(&[]);
    let ports = MemoryPorts::new(1);
    let arguments = json!({ "StateMachineArn": "m", "Input": { "a": 1 } });
    let start = async |resource: &str, arguments: &Value| {
        call_here(&here, &ports, &format!("arn:aws:states:::{resource}"), arguments, Some(&own)).await
    };
    let started = start("states:startExecution", &arguments).await.unwrap();
    assert_eq!((&started["ExecutionArn"], &started["StartDate"]), (&json!("e"), &json!(1_700_000_000_250_i64)));
    assert_eq!(started["SdkHttpMetadata"]["HttpStatusCode"], 200);
    start("states:startExecution.sync:2", &arguments).await.unwrap();
    let sdk = start("aws-sdk:sfn:startExecution", &arguments).await;
    let expected = json!({ "ExecutionArn": "e", "StartDate": "2023-11-14T22:13:20.250Z", "Status": "RUNNING" });
    assert_eq!(sdk, Ok(expected));
    let machine = "arn:aws:states:us-east-1:1:stateMachine:ended:1";
    let again = start("states:startExecution", &json!({ "StateMachineArn": machine })).await.unwrap();
    assert_eq!((&again["ExecutionArn"], again.get("Status")), (&json!("e"), None));
    let taken = start("states:startExecution", &json!({ "StateMachineArn": machine, "Name": "n" })).await.unwrap_err();
    assert_eq!(taken.0, "StepFunctions.ExecutionAlreadyExistsException");
    let gone = start("states:startExecution", &json!({ "StateMachineArn": "gone" })).await.unwrap_err();
    assert_eq!(gone.0, "StepFunctions.StateMachineDoesNotExistException");
    let seen = own.0.lock().unwrap().clone();
    let asked = json!({ "executionArn": format!("arn:aws:states:us-east-1:1:execution:ended:{ATTEMPT}") });
    assert_eq!(seen[4], ("DescribeExecution".to_owned(), asked, None));
    let body = json!({ "stateMachineArn": "m", "input": "{\"a\":1}", "name": ATTEMPT });
    assert_eq!(seen[0], ("StartExecution".to_owned(), body.clone(), None));
    assert_eq!(seen[1], ("StartExecution".to_owned(), body, Some("token".to_owned())));
    assert_eq!(seen[2].1, json!({ "stateMachineArn": "m", "input": "{\"a\":1}" }));

    let fake = Fake::start(|request| {
        assert_signed(request, "states");
        assert_eq!(request.header("x-amz-target"), Some("AWSStepFunctions.StartExecution"));
        assert_eq!(request.json()["name"], ATTEMPT);
        Answer::json(200, &json!({ "executionArn": "there", "startDate": 1.7e9 }))
    })
    .await;
    let there = integrations(&[("AWS_ENDPOINT_URL_SFN", &fake.url)]);
    let resource = "arn:aws:states:::states:startExecution";
    let started = call_here(&there, &ports, resource, &arguments, Some(&own)).await.unwrap();
    assert_eq!(started["ExecutionArn"], "there");
    let waits = call_with(&there, &ports, "arn:aws:states:::states:startExecution.sync", &arguments).await;
    assert_eq!(waits.unwrap_err().0, "StepFunctions.SdkClientException");
}

async fn connection(ports: &MemoryPorts, name: &str, document: &Value) {
    ports.secrets().put(&format!("connections/{name}"), &Secret::new(document.to_string())).await.unwrap();
}

#[tokio::test]
async fn an_endpoint_is_called_as_its_connection_says() {
    let fake = Fake::start(|request| match request.path.as_str() {
        "/token" => {
            assert_eq!(request.text(), "grant_type=client_credentials&client_id=id&client_secret=hidden&audience=api");
            Answer::json(200, &json!({ "access_token": "t-1", "expires_in": 3600 }))
        }
        "/teapot" => Answer::status(418, "short and stout"),
        "/key?page=1&page=2&from=connection" => {
            assert_eq!(request.header("x-key"), Some("hidden"));
            assert_eq!(request.header("x-own"), Some("a,b"));
            Answer::json(200, &json!({ "fine": true })).header("X-Answer", "1")
        }
        "/oauth" => {
            assert_eq!(request.header("authorization"), Some("Bearer t-1"));
            assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
            assert_eq!(request.text(), "a=b%20c&d%5B0%5D=1");
            Answer::status(201, "plain")
        }
        other => panic!("{other}"),
    })
    .await;
    let ports = MemoryPorts::new(1);
    let key = json!({ "AuthParameters": {
        "ApiKeyAuthParameters": { "ApiKeyName": "x-key", "ApiKeyValue": "hidden" },
        "InvocationHttpParameters": { "QueryStringParameters": [{ "Key": "from", "Value": "connection" }] },
    } });
    connection(&ports, "key", &key).await;
    let oauth = json!({ "AuthParameters": { "OAuthParameters": {
        "AuthorizationEndpoint": format!("{}/token", fake.url), "HttpMethod": "POST",
        "ClientParameters": { "ClientID": "id", "ClientSecret": "hidden" },
        "OAuthHttpParameters": { "BodyParameters": [{ "Key": "audience", "Value": "api" }] },
    } } });
    connection(&ports, "oauth", &oauth).await;
    let basic = json!({ "AuthParameters": { "BasicAuthParameters": { "Username": "u", "Password": "hidden" } } });
    connection(&ports, "basic", &basic).await;
    let integrations = integrations(&[]);
    let invoke = async |name: &str, path: &str, more: Value| {
        let mut arguments = json!({
            "ApiEndpoint": format!("{}{path}", fake.url), "Method": "POST",
            "Authentication": { "ConnectionArn": format!("arn:aws:events:us-east-1:1:connection/{name}/0-1") },
        });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call_with(&integrations, &ports, "arn:aws:states:::http:invoke", &arguments).await
    };
    let more = json!({ "QueryParameters": { "page": [1, 2] }, "Headers": { "x-own": ["a", "b"], "x-key": "mine" } });
    let answer = invoke("key", "/key", more).await.unwrap();
    assert_eq!(
        answer,
        json!({
            "Headers": { "content-length": ["13"], "x-answer": ["1"] },
            "ResponseBody": { "fine": true }, "StatusCode": 200, "StatusText": "OK",
        })
    );
    let more = json!({
        "RequestBody": { "a": "b c", "d": [1] }, "Transform": { "RequestBodyEncoding": "URL_ENCODED" },
        "Headers": { "Content-Type": "application/x-www-form-urlencoded" },
    });
    for _ in 0..2 {
        let answer = invoke("oauth", "/oauth", more.clone()).await.unwrap();
        assert_eq!((&answer["StatusText"], &answer["ResponseBody"]), (&json!("Created"), &json!("plain")));
    }
    let teapot = invoke("basic", "/teapot", json!({})).await;
    assert_eq!(teapot, Err(("States.Http.StatusCode.418".to_owned(), "short and stout".to_owned())));
    let closed = json!({ "ApiEndpoint": "http://127.0.0.1:1/x" });
    let (error, cause) = invoke("basic", "", closed).await.unwrap_err();
    assert_eq!(error, "States.Http.Socket");
    assert!(!cause.contains("hidden"), "{cause}");
}

#[tokio::test]
async fn a_connection_that_is_not_ours_is_looked_up() {
    let fake = Fake::start(|request| match request.header("x-amz-target") {
        Some("AWSEvents.DescribeConnection") => {
            assert_eq!(request.json(), json!({ "Name": "theirs" }));
            Answer::json(200, &json!({ "SecretArn": "s", "AuthorizationType": "API_KEY" }))
        }
        Some("secretsmanager.GetSecretValue") => {
            assert_eq!(request.json(), json!({ "SecretId": "s" }));
            let secret = json!({ "api_key_name": "x-key", "api_key_value": "hidden" });
            Answer::json(200, &json!({ "SecretString": secret.to_string() }))
        }
        _ => {
            assert_eq!(request.header("x-key"), Some("hidden"));
            Answer::ok("fine")
        }
    })
    .await;
    let arguments = json!({
        "ApiEndpoint": format!("{}/api", fake.url), "Method": "GET",
        "Authentication": { "ConnectionArn": "arn:aws:events:us-east-1:1:connection/theirs/0-1" },
    });
    let answer = call(&fake, "arn:aws:states:::http:invoke", arguments).await.unwrap();
    assert_eq!(answer["ResponseBody"], "fine");
    let refused =
        Fake::start(|_| Answer::json(400, &json!({ "__type": "AccessDeniedException", "Message": "no" }))).await;
    let arguments = json!({
        "ApiEndpoint": "https://api.example.com", "Method": "GET",
        "Authentication": { "ConnectionArn": "arn:aws:events:us-east-1:1:connection/theirs/0-1" },
    });
    let (error, cause) = call(&refused, "arn:aws:states:::http:invoke", arguments).await.unwrap_err();
    assert_eq!(error, "Events.ConnectionResource.InvalidConnectionState");
    assert!(cause.ends_with("EventBridge answered AccessDeniedException"), "{cause}");
}

#[tokio::test]
async fn nobody_there_is_a_clients_exception() {
    let integrations = integrations(&[("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1")]);
    let arguments = json!({ "QueueUrl": "u", "MessageBody": "m" });
    let ports = MemoryPorts::new(1);
    let told = call_with(&integrations, &ports, "arn:aws:states:::sqs:sendMessage", &arguments).await;
    let (error, cause) = told.unwrap_err();
    assert_eq!(error, "SQS.SdkClientException");
    assert!(cause.starts_with("Unable to execute HTTP request: 127.0.0.1: "), "{cause}");
}

//! What can be asked of map runs and their executions, and every way to read items.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::time::Duration;

use millrace_app::PayloadLimit;
use millrace_app::executions::{
    Attributes, ExecutionStatus, StartExecution, describe_execution, history, start_execution, stop_execution,
};
use millrace_app::ids::ExecutionId;
use millrace_app::map_runs::{
    MapExecutionFilter, UpdateMapRun, describe_map_execution, describe_map_run, list_map_executions, list_map_runs,
    map_execution_history, stop_map_execution, update_map_run,
};
use millrace_app::ports::{MessageQueues, Queue};
use millrace_app::storage::ObjectStorage;
use millrace_app::workers::handle;
use millrace_simulation::MemoryPorts;
use millrace_simulation::world::Script;
use serde_json::{Value, json};

async fn start(ports: &MemoryPorts, definition: &Value, input: Value) -> ExecutionId {
    let id = ExecutionId::derived("maps");
    let start = StartExecution {
        id: id.clone(),
        owner: "test".into(),
        name: "maps".into(),
        definition: definition.to_string().into(),
        input,
        project: None,
        payload_limit: PayloadLimit::None,
        workflow: None,
        waiting: None,
        attributes: Attributes::new(),
        priority: None,
    };
    start_execution(ports, start).await.unwrap();
    id
}

/// Handles messages until none can be received.
async fn work(ports: &MemoryPorts, script: &Script) {
    loop {
        let mut done = 0;
        for queue in Queue::ALL {
            for delivery in ports.receive(queue, 10, queue.visibility(), Duration::ZERO).await.unwrap() {
                handle(ports, script, queue, &delivery).await.unwrap();
                MessageQueues::delete(ports, queue, &delivery.receipt).await.unwrap();
                done += 1;
            }
        }
        if done == 0 {
            return;
        }
    }
}

fn map(states: &Value, more: &Value) -> Value {
    let start = states.as_object().unwrap().keys().next().unwrap().clone();
    let mut state = json!({ "Type": "Map", "Label": "Each", "End": true, "ItemProcessor": {
        "ProcessorConfig": { "Mode": "DISTRIBUTED" }, "StartAt": start, "States": states,
    } });
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "StartAt": "M", "States": { "M": state } })
}

fn echo() -> Value {
    json!({ "Echo": { "Type": "Pass", "End": true } })
}

fn wait() -> Value {
    json!({ "W": { "Type": "Wait", "Seconds": 60, "End": true } })
}

async fn run_arn(ports: &MemoryPorts, id: &ExecutionId) -> String {
    list_map_runs(ports, id, 10, None).await.unwrap().items.pop().unwrap().arn
}

/// What a map over items read so gives.
async fn read(reader: Value, more: &Value) -> Result<Value, String> {
    let ports = MemoryPorts::new(1);
    let script = Script::default();
    let inventory = json!({ "sourceBucket": "s", "fileFormat": "CSV", "fileSchema": "Bucket, Key, Size",
                            "files": [{ "key": "data/1.csv", "size": 1 }, { "key": "data/2.csv", "size": 1 }] });
    for (key, text) in [
        ("manifest.json", inventory.to_string()),
        ("data/1.csv", "\"b\",\"one\",\"1\"\n\"b\",\"two\",\"2\"\n".to_owned()),
        ("data/2.csv", "\"b\",\"three\",\"3\"\n".to_owned()),
        ("unload.csv", "\"s3://samples/people.jsonl\"\n".to_owned()),
        ("parts/a.json", "[1,2]".to_owned()),
        ("parts/b.json", "[3]".to_owned()),
        ("parts/c.json", "[4]".to_owned()),
        ("nested.json", "{\"data\":{\"items\":[1,2],\"fields\":{\"x\":1}}}".to_owned()),
        ("pipes.csv", "1|a\n2|b\n".to_owned()),
    ] {
        script.objects.put("input", key, text.into_bytes(), "text/plain").await.unwrap();
    }
    let mut fields = json!({ "ItemReader": reader });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let id = start(&ports, &map(&echo(), &fields), json!({})).await;
    work(&ports, &script).await;
    let view = describe_execution(&ports, &id).await.unwrap().unwrap();
    view.output.ok_or_else(|| {
        let why = view.execution.failure.unwrap();
        format!("{}: {}", why.error.unwrap(), why.cause.unwrap())
    })
}

fn get(key: &str, config: &Value) -> Value {
    json!({ "Resource": "arn:aws:states:::s3:getObject", "Parameters": { "Bucket": "input", "Key": key },
            "ReaderConfig": config })
}

fn list(prefix: &str, config: &Value) -> Value {
    json!({ "Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": { "Bucket": "input", "Prefix": prefix },
            "ReaderConfig": config })
}

#[tokio::test]
async fn items_come_from_every_source() {
    let items = read(list("parts/", &json!({})), &json!({})).await.unwrap();
    let keys: Vec<&str> = items.as_array().unwrap().iter().map(|item| item["Key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["parts/a.json", "parts/b.json", "parts/c.json"]);
    assert_eq!(items[0]["Size"], json!(5));
    assert_eq!(items[0]["LastModified"], json!(1_700_000_000));

    let flat = json!({ "Transformation": "LOAD_AND_FLATTEN", "InputType": "JSON" });
    let with_source = json!({ "ItemSelector": { "v.$": "$$.Map.Item.Value", "from.$": "$$.Map.Item.Source" } });
    let items = read(list("parts/", &flat), &with_source).await.unwrap();
    assert_eq!(items[2], json!({ "v": 3, "from": "S3://input/parts/b.json" }));

    let items = read(get("manifest.json", &json!({ "InputType": "MANIFEST", "MaxItems": 2 })), &json!({})).await;
    assert_eq!(items.unwrap()[1], json!({ "Bucket": "b", "Key": "two", "Size": "2" }));

    let athena = json!({ "InputType": "JSONL", "ManifestType": "ATHENA_DATA", "MaxItems": 1 });
    let items = read(get("unload.csv", &athena), &json!({})).await.unwrap();
    assert_eq!(items, json!([{ "n": 0, "name": "person 0" }]));

    let pipes =
        json!({ "InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["n"], "CSVDelimiter": "PIPE" });
    assert_eq!(read(get("pipes.csv", &pipes), &json!({})).await.unwrap(), json!([{ "n": "1" }, { "n": "2" }]));

    let pointed = |pointer: &str| get("nested.json", &json!({ "InputType": "JSON", "ItemsPointer": pointer }));
    assert_eq!(read(pointed("/data/items"), &json!({})).await.unwrap(), json!([1, 2]));
    assert_eq!(read(pointed("/data/fields"), &json!({})).await.unwrap(), json!([{ "Key": "x", "Value": 1 }]));
}

#[tokio::test]
async fn what_cannot_be_read_fails_the_run() {
    let failed = |cause: &str| Err(format!("States.ItemReaderFailed: {cause}"));
    let json_config = json!({ "InputType": "JSON" });
    assert_eq!(read(get("nowhere", &json_config), &json!({})).await, failed("The specified key does not exist."));
    assert_eq!(
        read(get("nested.json", &json_config), &json!({})).await,
        failed("Attempting to map over non-iterable node.")
    );
    let twice = json!({ "InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["n", "n"] });
    assert_eq!(read(get("pipes.csv", &twice), &json!({})).await, failed("CSV headers cannot contain duplicates."));
    let broken = read(get("pipes.csv", &json!({ "InputType": "JSONL" })), &json!({})).await.unwrap_err();
    assert!(broken.starts_with("States.ItemReaderFailed: A line of the object is not valid JSON"), "{broken}");
}

#[tokio::test]
async fn the_executions_of_a_run_are_listed_described_and_have_histories() {
    let ports = MemoryPorts::new(1);
    let script = Script::default();
    let states = json!({
        "A which": { "Type": "Choice", "Choices": [{ "Variable": "$", "NumericEquals": 1, "Next": "Work" }],
                     "Default": "Echo" },
        "Work": { "Type": "Task", "Resource": "millrace:agent:dev", "End": true },
        "Echo": { "Type": "Pass", "End": true },
    });
    let id = start(&ports, &map(&states, &json!({})), json!([0, 1, 2])).await;
    work(&ports, &script).await;
    let arn = run_arn(&ports, &id).await;
    let mut names = Vec::new();
    let mut cursor = None;
    loop {
        let page = list_map_executions(&ports, &arn, MapExecutionFilter::default(), 2, cursor.as_deref())
            .await
            .unwrap()
            .unwrap();
        assert!(page.items.len() <= 2);
        names.extend(page.items.into_iter().map(|one| (one.arn, one.input)));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names.iter().map(|(_, input)| input.clone()).collect::<Vec<_>>(), [json!(2), json!(1), json!(0)]);
    for (arn, input) in &names {
        let execution = describe_map_execution(&ports, arn).await.unwrap().unwrap();
        assert_eq!((&execution.input, execution.status), (input, ExecutionStatus::Succeeded));
        let events = map_execution_history(&ports, arn).await.unwrap().unwrap();
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.name()).collect();
        assert_eq!((kinds[0], *kinds.last().unwrap()), ("ExecutionStarted", "ExecutionSucceeded"), "{kinds:?}");
        assert_eq!(kinds.contains(&"TaskSucceeded"), *input == json!(1), "{kinds:?}");
        assert_eq!(
            events.iter().map(|event| event.id).collect::<Vec<_>>(),
            (1..=events.len() as u64).collect::<Vec<_>>()
        );
    }
    let failed = MapExecutionFilter { status: Some(ExecutionStatus::Failed), redriven: None };
    let failed = list_map_executions(&ports, &arn, failed, 10, None).await.unwrap().unwrap();
    assert!(failed.items.is_empty());
    assert!(list_map_executions(&ports, &arn, MapExecutionFilter::default(), 10, Some("x")).await.is_err());
    assert!(describe_map_run(&ports, &arn.replace("Each", "Other")).await.unwrap().is_none());
    assert!(describe_map_execution(&ports, &names[0].0.replace("Each", "Other")).await.unwrap().is_none());
    let parent = history(&ports, &id).await.unwrap();
    assert!(parent.iter().all(|event| !event.kind.name().starts_with("Task")), "histories are not merged");
}

#[tokio::test]
async fn a_run_can_be_changed_while_it_runs() {
    let ports = MemoryPorts::new(1);
    let script = Script::default();
    let items: Vec<u32> = (0..100).collect();
    let id = start(&ports, &map(&wait(), &json!({ "MaxConcurrency": 1 })), json!(items)).await;
    work(&ports, &script).await;
    let arn = run_arn(&ports, &id).await;
    let view = describe_map_run(&ports, &arn).await.unwrap().unwrap();
    assert_eq!((view.max_concurrency, view.items.running, view.items.pending), (1, 1, 99));
    let update = UpdateMapRun { max_concurrency: Some(3), tolerated_failure_count: Some(5), ..UpdateMapRun::default() };
    assert_eq!(update_map_run(&ports, &arn, update).await.unwrap(), Some(true));
    assert_eq!(update_map_run(&ports, &arn, update).await.unwrap(), Some(true), "again");
    work(&ports, &script).await;
    let view = describe_map_run(&ports, &arn).await.unwrap().unwrap();
    assert_eq!((view.max_concurrency, view.tolerated_failure_count), (3, 5));
    // The page that runs keeps its share; the two others begin with theirs.
    assert_eq!(view.items.running, 3);
    let wrong = UpdateMapRun { tolerated_failure_percentage: Some(101.0), ..UpdateMapRun::default() };
    assert!(update_map_run(&ports, &arn, wrong).await.is_err());
    stop_execution(&ports, &id, Some("Test.Stopped"), None).await.unwrap();
    work(&ports, &script).await;
    assert_eq!(update_map_run(&ports, &arn, update).await.unwrap(), Some(false));
    let view = describe_map_run(&ports, &arn).await.unwrap().unwrap();
    assert_eq!((view.status.name(), view.items.aborted, view.items.pending), ("ABORTED", 3, 97));
}

#[tokio::test]
async fn one_execution_can_be_stopped_and_does_not_count_as_failed() {
    let ports = MemoryPorts::new(1);
    let script = Script::default();
    let id = start(&ports, &map(&wait(), &json!({})), json!([0, 1])).await;
    work(&ports, &script).await;
    let arn = run_arn(&ports, &id).await;
    let executions =
        list_map_executions(&ports, &arn, MapExecutionFilter::default(), 10, None).await.unwrap().unwrap().items;
    let stopped = stop_map_execution(&ports, &executions[0].arn, Some("Test.Stopped".into()), None).await.unwrap();
    assert_eq!(stopped, Some(true));
    let again = stop_map_execution(&ports, &executions[0].arn, None, None).await.unwrap();
    assert_eq!(again, Some(false));
    ports.pass(Duration::from_secs(61));
    work(&ports, &script).await;
    let view = describe_map_run(&ports, &arn).await.unwrap().unwrap();
    assert_eq!((view.status.name(), view.items.aborted, view.items.succeeded), ("SUCCEEDED", 1, 1));
    let events = map_execution_history(&ports, &executions[0].arn).await.unwrap().unwrap();
    assert_eq!(events.last().unwrap().kind.name(), "ExecutionAborted");
}

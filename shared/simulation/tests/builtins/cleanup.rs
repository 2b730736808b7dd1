use millrace_app::builtins::report::list_reports;
use millrace_app::keys;
use millrace_app::ports::BlobStore;
use millrace_app::webhooks::{EventFilter, Receiver, Request, list_events, receive};

use super::*;

fn waits(seconds: u64) -> Value {
    json!({ "StartAt": "W", "States": {
        "W": { "Type": "Wait", "Seconds": seconds, "Next": "M" },
        "M": { "Type": "Map", "ItemsPath": "$.items", "End": true,
               "ItemProcessor": { "StartAt": "S", "States": { "S": { "Type": "Wait", "Seconds": 10, "End": true } } } },
    } })
}

fn large(character: char) -> Value {
    json!({ "items": [character.to_string().repeat(100_000), "small"] })
}

async fn payloads(ports: &MemoryPorts, prefix: &str) -> Vec<String> {
    let page = BlobStore::list(ports, prefix, None, 1_000).await.unwrap();
    page.items.into_iter().map(|blob| blob.key).filter(|key| !key.starts_with("payloads/definitions/")).collect()
}

fn system(dry_run: bool) -> Value {
    json!({ "scope": "system", "dry_run": dry_run })
}

#[tokio::test]
async fn what_a_running_execution_needs_stays_and_what_nobody_needs_goes() {
    let (ports, worker) = (MemoryPorts::new(1), Worker { twice: true, ..Worker::default() });
    let alive = start(&ports, OTHER, "alive", &waits(30 * 24 * 3_600), large('a')).await;
    let gone = start(&ports, OTHER, "gone", &waits(10), large('b')).await;
    for _ in 0..3 {
        work(&ports, &worker).await;
        ports.pass(Duration::from_secs(60));
    }
    let view = describe_execution(&ports, &gone).await.unwrap().unwrap();
    assert_eq!(view.execution.status, ExecutionStatus::Succeeded);
    // Its record expires.
    let key = keys::execution(&gone);
    ports.forget_records(&key.partition, &key.sort);
    let of_gone = payloads(&ports, &format!("payloads/{gone}/")).await;
    assert!(!of_gone.is_empty());
    // What is young stays: its record may be about to come.
    let young = output(&ports, &worker, OWNER, Builtin::Cleanup, system(false)).await;
    assert_eq!(young["removed"], 0, "{young}");
    ports.pass(days(8));
    let about_to_start = ExecutionId::derived("about to start");
    let fresh = keys::payload(&format!("{about_to_start}/ab"));
    BlobStore::put(&ports, &fresh, b"x".to_vec(), "application/json").await.unwrap();
    let stray = "projects/prj_00000000000000000000000001/files/ab";
    BlobStore::put(&ports, stray, b"stray".to_vec(), "text/plain").await.unwrap();
    let before = payloads(&ports, "payloads/").await;

    // Without a word nothing goes.
    let dry = output(&ports, &worker, OWNER, Builtin::Cleanup, json!({ "scope": "system" })).await;
    assert_eq!((&dry["dry_run"], &dry["removed"]), (&json!(true), &json!(of_gone.len())), "{dry}");
    assert!(dry["bytes"].as_u64().unwrap() > 100_000);
    assert_eq!(dry["found"]["payloads"]["first"], json!(of_gone));
    assert_eq!(payloads(&ports, "payloads/").await, before);

    output(&ports, &worker, OWNER, Builtin::Cleanup, system(false)).await;
    let after = payloads(&ports, "payloads/").await;
    assert!(after.iter().all(|key| !of_gone.contains(key)));
    assert_eq!(after.len(), before.len() - of_gone.len());
    assert!(after.contains(&fresh));
    assert!(BlobStore::get(&ports, stray).await.unwrap().is_some());
    ports.pass(days(8));
    output(&ports, &worker, OWNER, Builtin::Cleanup, system(false)).await;
    assert!(BlobStore::get(&ports, stray).await.unwrap().is_none());

    // The one that ran all the time comes to its end.
    ports.pass(days(30));
    work(&ports, &worker).await;
    ports.pass(Duration::from_secs(60));
    work(&ports, &worker).await;
    let view = describe_execution(&ports, &alive).await.unwrap().unwrap();
    assert_eq!(view.output, Some(large('a')["items"].clone()));
}

#[tokio::test]
async fn cleanups_while_executions_run_take_nothing_from_them() {
    let (ports, worker) = (MemoryPorts::new(1), Worker::default());
    let mut all = Vec::new();
    for (number, character) in ('a'..='h').enumerate() {
        let input = large(character);
        let id =
            start(&ports, OTHER, &number.to_string(), &waits(3_600 * (number as u64 + 1) * 30), input.clone()).await;
        all.push((id, input));
        ports.pass(Duration::from_secs(1_000));
    }
    // A day is the least.
    let input = json!({ "scope": "system", "dry_run": false, "orphan_days": 1 });
    for _ in 0..14 {
        ports.pass(Duration::from_secs(20 * 3_600));
        output(&ports, &worker, OWNER, Builtin::Cleanup, input.clone()).await;
    }
    work(&ports, &worker).await;
    for (id, input) in all {
        let view = describe_execution(&ports, &id).await.unwrap().unwrap();
        assert_eq!(view.execution.status, ExecutionStatus::Succeeded);
        assert_eq!(view.output, Some(input["items"].clone()));
    }
}

async fn webhook(ports: &MemoryPorts, owner: &str, id: &str) {
    let headers = [("content-type", "application/json"), ("x-webhook-id", id)];
    let request = Request { headers: headers.into_iter().collect(), query: String::new(), body: b"{}".to_vec() };
    receive(ports, &Receiver::new(owner, false), Some("payments"), &request).await.unwrap();
}

async fn events(ports: &MemoryPorts, owner: &str) -> usize {
    list_events(ports, owner, &EventFilter::default(), 100, None).await.unwrap().items.len()
}

/// A report names the first things of a kind, and counts all.
#[tokio::test]
async fn all_is_counted_and_the_first_are_named() {
    let (ports, worker) = (MemoryPorts::new(1), Worker::default());
    for number in 0..230 {
        webhook(&ports, OWNER, &number.to_string()).await;
    }
    work(&ports, &worker).await;
    ports.pass(days(10));
    let input = json!({ "webhook_event_days": 5 });
    let told = output(&ports, &worker, OWNER, Builtin::Cleanup, input).await;
    let found = &told["found"]["webhook_events"];
    assert_eq!((&found["examined"], &found["removed"], &found["more"]), (&json!(230), &json!(230), &json!(180)));
    assert_eq!(found["first"].as_array().unwrap().len(), 50);
    assert_eq!(told["removed"], 230);
}

#[tokio::test]
async fn an_owner_s_cleanup_touches_what_is_theirs() {
    let (ports, worker) = (MemoryPorts::new(1), Worker::default());
    for owner in [OWNER, OTHER] {
        webhook(&ports, owner, "old").await;
        work(&ports, &worker).await;
        output(&ports, &worker, owner, Builtin::DailyReport, json!({})).await;
    }
    ports.pass(days(10));
    for owner in [OWNER, OTHER] {
        webhook(&ports, owner, "new").await;
    }
    work(&ports, &worker).await;
    let input = json!({ "dry_run": false, "webhook_event_days": 5, "report_days": 5 });
    let told = output(&ports, &worker, OTHER, Builtin::Cleanup, input).await;
    assert_eq!(told["found"]["webhook_events"]["removed"], 1, "{told}");
    assert_eq!(told["found"]["reports"]["removed"], 1);
    assert!(told["found"]["reports"]["bytes"].as_u64().unwrap() > 0);
    assert!(told["found"].get("payloads").is_none());
    assert_eq!((events(&ports, OTHER).await, events(&ports, OWNER).await), (1, 2));
    assert!(list_reports(&ports, OTHER, 10, None).await.unwrap().items.is_empty());
    assert_eq!(list_reports(&ports, OWNER, 10, None).await.unwrap().items.len(), 1);
    let refused = error(&ports, &worker, OTHER, Builtin::Cleanup, system(true)).await;
    assert_eq!(refused.0, "Millrace.NotPermitted");
}

#[tokio::test]
async fn nobody_s_own_definition_reaches_further() {
    let (ports, worker) = (MemoryPorts::new(1), Worker::default());
    let definition = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Task", "Resource": "millrace:cleanup:clean", "End": true } } });
    let options = json!({
        "dry_run": false, "scope": "system", "artifact_days": 1, "report_days": 1, "webhook_event_days": 1,
        "orphan_days": 1, "now": "2030-01-01T00:00:00Z",
    });
    let input = json!({ "options": options, "steps": ["payloads"], "more": true, "found": {} });
    let id = start(&ports, OTHER, "sly", &definition, input.clone()).await;
    work(&ports, &worker).await;
    let failure = describe_execution(&ports, &id).await.unwrap().unwrap().execution.failure.unwrap();
    assert_eq!(failure.error.as_deref(), Some("Millrace.NotPermitted"));
    // The scope says what may be looked through, and no time that has not come makes anything old.
    let mut input = input;
    input["options"]["scope"] = json!("owner");
    let orphan = keys::payload(&format!("{}/ab", ExecutionId::derived("none")));
    BlobStore::put(&ports, &orphan, b"x".to_vec(), "application/json").await.unwrap();
    let id = start(&ports, OTHER, "slier", &definition, input.clone()).await;
    input["options"]["scope"] = json!("system");
    let own = start(&ports, SYSTEM, "hasty", &definition, input).await;
    work(&ports, &worker).await;
    let view = describe_execution(&ports, &id).await.unwrap().unwrap();
    assert_eq!(view.output.unwrap()["found"], json!({}));
    let view = describe_execution(&ports, &own).await.unwrap().unwrap();
    assert_eq!(view.output.unwrap()["found"]["payloads"]["removed"], 0);
    assert!(BlobStore::get(&ports, &orphan).await.unwrap().is_some());
}

//! What was acknowledged stays: after closing, and after `kill -9` at any point.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use millrace_app::Timestamp;
use millrace_app::executions::{LogEntry, LogId};
use millrace_app::ids::ExecutionId;
use millrace_app::ports::{
    BlobStore as _, Condition, ExecutionLog as _, MessageQueues as _, OutgoingMessage, Ports as _, Queue, Record,
    RecordKey, RecordStore as _, Secret, SecretStore as _, Write,
};
use millrace_sqlite::{OpenError, Options, SqlitePorts};
use serde_json::json;

/// Tells the child process which folder is its own.
const FOLDER: &str = "MILLRACE_TEST_FOLDER";
const HIDE: Duration = Duration::from_secs(3_600);

fn open(dir: &Path) -> SqlitePorts {
    SqlitePorts::open(dir, Options::default()).unwrap()
}

fn key(writer: &str, number: usize) -> RecordKey {
    RecordKey { partition: writer.to_owned(), sort: format!("{number:06}") }
}

fn log(writer: &str) -> LogId {
    LogId::root(ExecutionId::derived(writer))
}

fn blob(number: usize) -> Vec<u8> {
    // Some in the database, some in files.
    vec![u8::try_from(number % 251).unwrap(); if number.is_multiple_of(3) { 100_000 } else { 100 + number }]
}

/// Writes one of everything.
async fn write(ports: &SqlitePorts, writer: &str, number: usize) {
    let body = format!("{writer} {number}");
    let at = Timestamp::from_millis(0);
    let seq = number as u64;
    let entry = LogEntry { log: log(writer), seq, at, body: body.clone(), expires_at: None };
    ports.log().append(&entry, None).await.unwrap();
    let record = Record {
        key: key(writer, number),
        version: 0,
        body: json!({ "body": body }),
        listings: Vec::new(),
        expires_at: None,
    };
    ports.records().write(vec![Write::Put(record, Condition::Absent)]).await.unwrap();
    ports.blobs().put(&format!("{writer}/{number}"), blob(number), "text/plain").await.unwrap();
    let message = OutgoingMessage { name: format!("{writer}-{number}"), body, deliver_at: None };
    ports.queues().send(Queue::Dev, vec![message]).await.unwrap();
}

async fn check(ports: &SqlitePorts, writer: &str, number: usize) {
    let body = format!("{writer} {number}");
    let entries = ports.log().entries(&log(writer), number as u64, 1).await.unwrap();
    assert_eq!(entries.first().map(|entry| entry.body.as_str()), Some(body.as_str()));
    let record = ports.records().get(&key(writer, number)).await.unwrap();
    assert_eq!(record.map(|record| record.body), Some(json!({ "body": body })));
    let stored = ports.blobs().get(&format!("{writer}/{number}")).await.unwrap();
    assert!(stored == Some(blob(number)), "blob {writer}/{number}");
}

/// All messages, received so that they stay hidden for an hour.
async fn receive_all(ports: &SqlitePorts) -> BTreeSet<String> {
    let mut bodies = BTreeSet::new();
    loop {
        let deliveries = ports.queues().receive(Queue::Dev, 10, HIDE, Duration::ZERO).await.unwrap();
        if deliveries.is_empty() {
            return bodies;
        }
        bodies.extend(deliveries.into_iter().map(|delivery| delivery.body));
    }
}

fn files(folder: &Path) -> usize {
    let groups = std::fs::read_dir(folder.join("blobs")).unwrap();
    groups.map(|group| std::fs::read_dir(group.unwrap().path()).unwrap().count()).sum()
}

#[tokio::test]
async fn a_closed_store_opens_with_everything() {
    let dir = tempfile::tempdir().unwrap();
    let ports = open(dir.path());
    for number in 0..7 {
        write(&ports, "writer", number).await;
    }
    ports.secrets().put("models/key", &Secret::new("hush")).await.unwrap();
    let url = ports.blobs().download_url("writer/1", "one.txt", HIDE).await.unwrap();
    assert_eq!(receive_all(&ports).await.len(), 7);
    drop(ports);
    let ports = open(dir.path());
    for number in 0..7 {
        check(&ports, "writer", number).await;
    }
    assert_eq!(ports.secrets().get("models/key").await.unwrap().unwrap().expose(), "hush");
    let (_, query) = url.split_once('?').unwrap();
    let part = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)).unwrap();
    assert_eq!(ports.verify_download("writer/1", "one.txt", part("expires="), part("signature=")), Ok(()));
    assert_eq!(receive_all(&ports).await.len(), 7, "what the former process held is visible again");
}

#[tokio::test]
async fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let ports = open(dir.path());
    let error = SqlitePorts::open(dir.path(), Options::default()).err().unwrap();
    assert!(matches!(&error, OpenError::Locked { pid, .. } if *pid == std::process::id().to_string()), "{error}");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    let clone = ports.clone();
    drop(ports);
    assert!(SqlitePorts::open(dir.path(), Options::default()).is_err());
    drop(clone);
    open(dir.path());
}

#[tokio::test]
async fn replaced_blobs_leave_no_files_and_orphans_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let ports = open(dir.path());
    for _ in 0..3 {
        ports.blobs().put("a", vec![1; 100_000], "").await.unwrap();
        ports.blobs().put("b", vec![1; 100_000], "").await.unwrap();
    }
    assert_eq!(files(dir.path()), 2);
    ports.blobs().put("a", vec![1; 10], "").await.unwrap();
    ports.blobs().delete("b").await.unwrap();
    assert_eq!(files(dir.path()), 0);
    ports.blobs().put("c", vec![3; 100_000], "").await.unwrap();
    drop(ports);
    std::fs::create_dir_all(dir.path().join("blobs/zz")).unwrap();
    std::fs::write(dir.path().join("blobs/zz/zzorphan"), "x").unwrap();
    let ports = open(dir.path());
    assert_eq!(files(dir.path()), 1);
    assert_eq!(ports.blobs().get("c").await.unwrap(), Some(vec![3; 100_000]));
}

#[tokio::test]
async fn housekeeping_removes_what_has_expired() {
    use millrace_app::executions::JoinArm;
    use millrace_app::ports::Clock as _;
    use millrace_sqlite::{LocalClock, ManualClock, Removed};
    let clock = ManualClock::new(Timestamp::from_millis(1_000_000));
    let options = Options { clock: LocalClock::manual(clock.clone()), ..Options::default() };
    let ports = SqlitePorts::in_memory_with(options).unwrap();
    for number in 0..1_200_usize {
        let expires_at = (number < 1_100).then(|| ports.clock().now().plus_millis(60_000));
        let record = Record { key: key("w", number), version: 0, body: json!({}), listings: Vec::new(), expires_at };
        ports.records().write(vec![Write::Put(record, Condition::Absent)]).await.unwrap();
    }
    let child = log("w").child(0, 0);
    for seq in 0..3 {
        let expires_at = (seq > 0).then(|| ports.clock().now().plus_millis(60_000));
        let entry = LogEntry { log: child.clone(), seq, at: ports.clock().now(), body: String::new(), expires_at };
        let arm = JoinArm { child: child.clone(), position: 0, total: 1 };
        ports.log().append(&entry, (seq > 0).then_some(&arm)).await.unwrap();
    }
    assert_eq!(ports.remove_expired().await.unwrap(), Removed::default());
    clock.advance(Duration::from_secs(60));
    assert_eq!(ports.remove_expired().await.unwrap(), Removed { records: 1_100, log_entries: 2, joins: 1 });
    assert!(ports.records().get(&key("w", 1_150)).await.unwrap().is_some());
    assert_eq!(ports.log().entries(&child, 0, 10).await.unwrap().len(), 1);
}

/// The process that is killed: not a test of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started and killed by another test"]
async fn child_that_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let ports = open(Path::new(&folder));
    let process = std::process::id();
    let writers = (0..6).map(|writer| {
        let ports = ports.clone();
        tokio::spawn(async move {
            let writer = format!("{process}-{writer}");
            for number in 0.. {
                write(&ports, &writer, number).await;
                println!("acknowledged {writer} {number}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn everything_acknowledged_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 1..=4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_writes_until_it_is_killed", "--ignored", "--nocapture"])
            .env(FOLDER, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let note = |line: String, acknowledged: &mut Vec<(String, usize)>| {
            // The test harness may print in front of the first line.
            let Some((_, rest)) = line.split_once("acknowledged ") else { return };
            let (writer, number) = rest.split_once(' ').unwrap();
            acknowledged.push((writer.to_owned(), number.parse().unwrap()));
        };
        while acknowledged.len() < round * 60 {
            note(lines.next().expect("the child writes").unwrap(), &mut acknowledged);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had printed before it died was acknowledged too; its last line may be cut.
        let mut rest: Vec<String> = lines.map_while(Result::ok).collect();
        rest.pop();
        rest.into_iter().for_each(|line| note(line, &mut acknowledged));
        let ports = open(dir.path());
        for (writer, number) in &acknowledged {
            check(&ports, writer, *number).await;
        }
    }
    let ports = open(dir.path());
    let messages = receive_all(&ports).await;
    for (writer, number) in acknowledged {
        assert!(messages.contains(&format!("{writer} {number}")), "message {writer} {number}");
    }
}

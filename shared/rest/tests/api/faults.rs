//! What a crash or a failing port leaves behind. Each call of a port fails once, before or after its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use millrace_app::executions::{ExecutionStatus, describe_execution};
use millrace_app::ids::{ExecutionId, ProjectId};
use millrace_app::ports::{BlobStore, Clock, Order, Ports, Query, RecordStore};
use millrace_app::{keys, projects};
use millrace_simulation::watched::{Call, Fate, Watcher};
use serde_json::Value;

use crate::import;
use crate::support::{Server, from_template};

/// More calls than any of these requests makes.
const CALLS: usize = 60;

/// Fails one call.
struct FailAt {
    /// Calls until then; 0 fails nothing.
    left: AtomicUsize,
    fired: AtomicBool,
    fate: Fate,
}

impl FailAt {
    fn arm(&self, number: usize) {
        self.left.store(number, Ordering::SeqCst);
    }

    fn disarm(&self) {
        self.arm(0);
    }
}

impl Watcher for FailAt {
    fn fate(&self, _: Call) -> Fate {
        let count = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count) == Ok(1) {
            self.fired.store(true, Ordering::SeqCst);
            return self.fate;
        }
        Fate::Done
    }
}

/// Runs `story` with a fault at each call, until the story ends without one.
async fn at_each_call(story: impl AsyncFn(&Server, &FailAt, usize)) {
    for fate in [Fate::FailBefore, Fate::FailAfter] {
        let mut ended = false;
        for number in 1..CALLS {
            let fault = Arc::new(FailAt { left: AtomicUsize::new(0), fired: AtomicBool::new(false), fate });
            let server = Server::watched(Arc::clone(&fault));
            story(&server, &fault, number).await;
            if !fault.fired.load(Ordering::SeqCst) {
                ended = true;
                break;
            }
        }
        assert!(ended, "the story makes more than {CALLS} calls");
    }
}

async fn sweep(server: &Server) {
    let later = server.ports.clock().now().plus_millis(3_600_000);
    projects::repair_due(&server.ports, later).await.unwrap();
    projects::purge(&server.ports, later).await.unwrap();
}

async fn status_of(server: &Server, project: &Value) -> ExecutionStatus {
    let execution: ExecutionId = project["execution_id"].as_str().unwrap().parse().unwrap();
    describe_execution(&server.ports, &execution).await.unwrap().unwrap().execution.status
}

#[tokio::test]
async fn an_accepted_project_is_delivered_and_made_once() {
    at_each_call(async |server, fault, number| {
        let (key, body) = ([("Idempotency-Key", "k")], from_template("shop"));
        fault.arm(number);
        let first = server.call("POST", "/api/projects", &key, Some(&body)).await;
        fault.disarm();
        if first.status == 201 {
            // The answer is a promise: the sweeper alone keeps it.
            sweep(server).await;
            assert_eq!(status_of(server, &first.ok(201)).await, ExecutionStatus::Running);
        } else {
            assert_eq!(first.problem(503), "unavailable");
            assert_eq!(first.header("retry-after"), "1");
            assert!(!String::from_utf8_lossy(&first.bytes).contains("planned"), "no internals");
        }
        let second = server.call("POST", "/api/projects", &key, Some(&body)).await.ok(201);
        assert_eq!(status_of(server, &second).await, ExecutionStatus::Running);
        assert_eq!(server.get("/api/projects").await.ok(200)["items"].as_array().unwrap().len(), 1);
        let id: ProjectId = second["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(server.record(&keys::project(&id)).await.unwrap().body.get("pending"), None);
        let events = server.get(&format!("/api/projects/{id}/events")).await.ok(200);
        assert_eq!(events["items"].as_array().unwrap().len(), 1, "{events}");
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_project_is_stopped() {
    at_each_call(async |server, fault, number| {
        let id = server.running_project("shop").await;
        let cancel = format!("/api/projects/{id}/cancel");
        fault.arm(number);
        let first = server.act(&cancel).await.status;
        fault.disarm();
        if first != 200 {
            server.act(&cancel).await.ok(200);
        }
        sweep(server).await;
        let project = server.get(&format!("/api/projects/{id}")).await.ok(200);
        assert_eq!(project["status"], "cancelled");
        assert_eq!(status_of(server, &project).await, ExecutionStatus::Aborted);
        assert_eq!(server.record(&keys::project(&id)).await.unwrap().body.get("pending"), None);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_project_leaves_nothing() {
    at_each_call(async |server, fault, number| {
        let id = server.running_project("shop").await;
        let path = format!("/api/projects/{id}");
        let project = server.get(&path).await.ok(200);
        let file =
            projects::work::NewFile { path: "a".into(), contents: vec![1], language: "text".into(), executable: false };
        projects::work::save_files(&server.ports, &id, 1, "t", vec![file]).await.unwrap();
        fault.arm(number);
        let first = server.call("DELETE", &path, &[], None).await.status;
        fault.disarm();
        if first != 204 {
            let second = server.call("DELETE", &path, &[], None).await.status;
            assert!(second == 204 || second == 404, "{second}");
        }
        assert_eq!(server.get(&path).await.problem(404), "not-found");
        assert_eq!(server.get("/api/projects").await.ok(200)["items"].as_array().unwrap().len(), 0);
        sweep(server).await;
        assert_eq!(status_of(server, &project).await, ExecutionStatus::Aborted);
        let query = Query {
            index: None,
            partition: keys::project_partition(&id),
            sort_prefix: String::new(),
            sort_to: None,
            order: Order::Ascending,
            limit: 10,
            cursor: None,
        };
        assert!(server.ports.records().query(&query).await.unwrap().items.is_empty());
        for prefix in keys::artifacts::of_project(&id) {
            assert!(server.ports.blobs().list(&prefix, None, 10).await.unwrap().items.is_empty(), "{prefix}");
        }
        assert!(server.record(&keys::tombstone(&id)).await.is_none());
    })
    .await;
}

/// Fails every call.
struct Down;

impl Watcher for Down {
    fn fate(&self, _: Call) -> Fate {
        Fate::FailBefore
    }
}

#[tokio::test]
async fn a_server_whose_stores_are_down_says_so() {
    let server = Server::watched(Arc::new(Down));
    let health = server.get("/health").await.ok(503);
    assert_eq!(health["status"], "failing");
    assert_eq!(health["checks"]["blobs"]["status"], "failing");
    assert!(!health.to_string().contains("planned"), "no internals");
    let answer = server.get("/api/projects").await;
    assert_eq!(answer.problem(503), "unavailable");
    assert!(!String::from_utf8_lossy(&answer.bytes).contains("planned"), "no internals");
    assert_eq!(server.get("/api/templates").await.problem(503), "unavailable");
}

/// An import that fails at any of its calls leaves nothing for good, and the same request again makes one whole project.
#[tokio::test]
async fn an_import_is_whole_or_not_there() {
    at_each_call(async |server, fault, number| {
        fault.arm(number);
        let key = Some("import");
        let first = import::send(server, "application/x-tar", "?start=false", import::shop(), key).await;
        fault.disarm();
        let again = import::send(server, "application/x-tar", "?start=false", import::shop(), key).await;
        assert_eq!(again.status.as_u16(), 201, "{number}: {} then {}", first.json(), again.json());
        let id = again.json()["id"].as_str().unwrap().to_owned();
        for _ in 0..3 {
            projects::purge(&server.ports, server.ports.clock().now().plus_millis(86_400_000)).await.unwrap();
        }
        let files = server.get(&format!("/api/projects/{id}/files")).await.ok(200);
        assert_eq!(files["items"].as_array().unwrap().len(), 2, "{number}");
        assert_eq!(server.get(&format!("/api/projects/{id}/files/app.py")).await.bytes, b"print('hello')\n");
        assert_eq!(server.get("/api/projects").await.ok(200)["items"].as_array().unwrap().len(), 1);
        let blobs = server.ports.blobs().list("", None, 100).await.unwrap().items;
        assert_eq!(blobs.len(), 2, "{number}: {blobs:?}");
        assert!(blobs.iter().all(|blob| blob.key.contains(&id)), "{number}: {blobs:?}");
    })
    .await;
}

//! Notifications of the real program, to a receiver on this machine.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use millrace_app::ports::Secret;
use millrace_simulation::http::{Answer, Fake, Seen};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::program::Server;

struct Receiver {
    _runtime: Runtime,
    fake: Fake,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Receiver {
    /// The first requests to `/flaky` are refused.
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let log = Arc::clone(&seen);
        let answer = move |request: &Seen| {
            let mut log = log.lock().unwrap();
            log.push(request.clone());
            let calls = log.iter().filter(|one| one.path == request.path).count();
            if request.path == "/flaky" && calls == 1 { Answer::status(503, "") } else { Answer::status(204, "") }
        };
        let fake = runtime.block_on(Fake::start(answer));
        Self { _runtime: runtime, fake, seen }
    }

    /// Waits for so many requests to a path.
    fn wait(&self, path: &str, count: usize) -> Vec<Seen> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let seen: Vec<Seen> = self.seen.lock().unwrap().iter().filter(|one| one.path == path).cloned().collect();
            if seen.len() >= count {
                return seen;
            }
            assert!(Instant::now() < deadline, "{path}: {} instead of {count}", seen.len());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn client(server: &Server, data: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = super::client::command(data, arguments).env("MILLRACE_ENDPOINT", &server.url).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_happens_is_told_signed_again_and_after_a_kill() {
    let (dir, receiver) = (tempfile::tempdir().unwrap(), Receiver::start());
    let server = Server::start(dir.path(), &["--allow-private-notifications"]);
    let run = |arguments: &[&str]| client(&server, dir.path(), arguments);
    let endpoint = format!("{}/flaky", receiver.fake.url);
    let (code, secret, err) = run(&["subscription", "create", "mine", &endpoint, "--event", "execution.*"]);
    assert!(code == Some(0) && secret.starts_with("whsec_"), "{err}");
    let subscriptions = server.get("/api/subscriptions");
    let id = subscriptions["items"][0]["id"].as_str().unwrap().to_owned();

    let definition = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } });
    let workflow = json!({ "name": "w", "definition": definition });
    assert_eq!(server.call("POST", "/api/workflows", &[], Some(&workflow)).0, 201);
    let start = |server: &Server, name: &str| {
        let body = json!({ "name": name, "input": {} });
        assert_eq!(server.call("POST", "/api/workflows/w/executions", &[], Some(&body)).0, 201);
    };
    start(&server, "one");
    // Two events; the first that came was refused and comes again, the same.
    let seen = receiver.wait("/flaky", 3);
    let kinds: Vec<Value> = seen.iter().map(|one| one.json()["detail-type"].clone()).collect();
    assert!(kinds.contains(&json!("execution.started")) && kinds.contains(&json!("execution.succeeded")), "{kinds:?}");
    let first = seen[0].header("webhook-id").unwrap();
    assert_eq!(seen.iter().filter(|one| one.header("webhook-id") == Some(first)).count(), 2);
    for one in &seen {
        let (event, seconds) = (one.header("webhook-id").unwrap(), one.header("webhook-timestamp").unwrap());
        let signed = millrace_client::signature(&Secret::new(&*secret), event, seconds.parse().unwrap(), one.text());
        assert_eq!(one.header("webhook-signature"), signed.as_deref());
        assert_eq!(one.json()["id"], event);
    }

    assert_eq!(run(&["subscription", "test", &id]).0, Some(0));
    let (_, listed, _) = run(&["subscription", "deliveries", &id, "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let items = listed["items"].as_array().unwrap();
    assert!(items.len() == 3 && items.iter().all(|one| one["status"] == "delivered"), "{listed:#}");
    let told = receiver.wait("/flaky", 4).len();
    let (code, _, err) = run(&["subscription", "replay", &id, "--from", "2020-01-01T00:00:00Z", "--yes"]);
    assert_eq!(code, Some(0), "{err}");
    receiver.wait("/flaky", told + 3);
    assert!(run(&["subscription", "show", &id]).1.contains("ENABLED"));
    assert_eq!(run(&["subscription", "update", &id, "--target", &format!("{}/fine", receiver.fake.url)]).0, Some(0));

    // Killed at once after a start: what was acknowledged is told of.
    start(&server, "two");
    server.kill();
    let server = Server::start(dir.path(), &["--allow-private-notifications"]);
    receiver.wait("/fine", 2);
    assert_eq!(client(&server, dir.path(), &["subscription", "delete", &id, "--yes"]).0, Some(0));
    drop(server);

    // Without the word for it this machine is out of reach.
    let server = Server::start(dir.path(), &[]);
    let (code, _, err) = client(&server, dir.path(), &["subscription", "create", "x", &endpoint]);
    assert!(code == Some(9) && err.contains("https://"), "{code:?} {err}");
}

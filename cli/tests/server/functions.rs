//! Functions in real sandboxes, on the real server over HTTP.

use std::path::Path;
use std::time::{Duration, Instant};

use millrace_simulation::pages::{Example, contains, examples};
use serde_json::{Value, json};

use super::program::Server;

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(body)))
}

fn create(server: &Server, project: &str, name: &str, code: &str, more: &Value) {
    let mut body = json!({ "function_name": name, "code": code });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, answer) = server.call("POST", &format!("/api/functions/projects/{project}"), &[], Some(&body));
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&answer));
}

fn invoke(server: &Server, path: &str, event: &Value) -> Value {
    let (status, answer) = server.call("POST", &format!("/api/v1/functions/{path}"), &[], Some(event));
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    parsed(&answer)
}

/// Waits for something that others do.
fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The processes that a process has started.
fn children(parent: u32) -> Vec<u32> {
    let of = |process: &Path| {
        let stat = std::fs::read_to_string(process.join("stat")).ok()?;
        let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()?;
        Some((parent, process.file_name()?.to_str()?.parse::<u32>().ok()?))
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| of(&entry.path()));
    all.filter(|(of, _)| *of == parent).map(|(_, process)| process).collect()
}

fn is_alive(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn the_examples_of_the_page_work() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let mut last: Option<(String, Value)> = None;
    for example in examples("functions").unwrap() {
        match example {
            Example::Call { method, target, headers, body } => {
                let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
                let (status, answer) = server.call(&method, &target, &headers, body.as_ref());
                assert!(status < 300, "{method} {target}: {}", String::from_utf8_lossy(&answer));
                last = Some((if method == "GET" { target } else { String::new() }, parsed(&answer)));
            }
            Example::Answer(part) => {
                let (target, first) = last.clone().unwrap();
                until(&format!("{part} is in {first}"), || {
                    // What is only read may come to be.
                    let now = if target.is_empty() { first.clone() } else { server.get(&target) };
                    contains(&now, &part).then_some(())
                });
            }
        }
    }
}

const SHOP: &str = r#"
// An ordinary handler for API Gateway: routes, forms, cookies, bytes.
export const handler = async (event) => {
  const { method, path } = event.requestContext.http;
  const below = path.slice("/_functions/shop".length);
  if (method === "GET" && below === "/books") {
    const limit = Number(event.queryStringParameters?.limit ?? 10);
    return { books: ["Dune", "Emma", "Ulysses"].slice(0, limit) };
  }
  if (method === "POST" && below === "/books") {
    const body = event.isBase64Encoded ? "bytes of " + event.body.length : JSON.parse(event.body).title;
    return { statusCode: 201, headers: { location: below + "/4" }, cookies: ["seen=1; Path=/"], body };
  }
  if (below === "/logo") {
    return { statusCode: 200, headers: { "content-type": "image/gif" }, body: "R0lGODlh", isBase64Encoded: true };
  }
  if (below === "/me") return event.cookies?.join("|") ?? "nobody";
  return { statusCode: 404, body: JSON.stringify({ message: "Not Found", raw: event.rawPath }) };
};
"#;

#[test]
fn an_ordinary_handler_answers_as_behind_api_gateway() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    create(&server, "web", "shop", SHOP, &json!({}));
    let (status, body) = server.call("GET", "/_functions/shop/books?limit=2", &[], None);
    assert_eq!((status, parsed(&body)), (200, json!({ "books": ["Dune", "Emma"] })));
    let (status, body) = server.call("POST", "/_functions/shop/books", &[], Some(&json!({ "title": "Momo" })));
    assert_eq!((status, body.as_slice()), (201, &b"Momo"[..]));
    assert_eq!(server.call("GET", "/_functions/shop/logo", &[], None).1, b"GIF89a");
    let (_, body) = server.call("GET", "/_functions/shop/me", &[("cookie", "a=1; b=2")], None);
    assert_eq!(body, b"a=1|b=2");
    let (status, body) = server.call("DELETE", "/_functions/shop/x%20y", &[], None);
    assert_eq!((status, &parsed(&body)["raw"]), (404, &json!("/_functions/shop/x%20y")));
    let agent = ureq::Agent::config_builder().proxy(None).build().new_agent();
    let url = format!("{}/_functions/shop/books", server.url);
    let answer = agent.post(url).header("x-project-id", "web").content_type("image/png").send(&[0_u8, 255, 1][..]);
    let mut answer = answer.unwrap();
    assert_eq!(answer.headers()["set-cookie"], "seen=1; Path=/");
    assert_eq!(answer.headers()["location"], "/books/4");
    assert_eq!(answer.body_mut().read_to_string().unwrap(), "bytes of 4");
}

#[test]
fn limits_are_errors_and_nothing_is_left_over() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    create(&server, "p", "endless", "export function handler() { for (;;); }", &json!({ "timeout_ms": 100 }));
    let greedy = "export function handler() { const all = []; for (;;) all.push(new Array(1e5).fill(1)); }";
    create(&server, "p", "greedy", greedy, &json!({ "memory_mb": 8 }));
    let count = "globalThis.n ??= 0;\nexport function handler(e, c) { console.warn('n', n); Array.prototype.x = 1; return [++n, c]; }";
    create(&server, "p", "count", count, &json!({}));
    assert_eq!(invoke(&server, "p/endless", &json!({}))["error"]["name"], "TimeLimitExceeded");
    assert_eq!(invoke(&server, "p/greedy", &json!({}))["error"]["name"], "MemoryLimitExceeded");
    for _ in 0..3 {
        let told = invoke(&server, "p/count", &json!({}));
        assert_eq!((&told["result"][0], &told["logs"][0]["message"]), (&json!(1), &json!("n 0")), "{told}");
        assert_eq!(told["result"][1]["projectId"], "p");
    }
    let body = json!({ "function_name": "old", "code": "exports.handler = () => 1;" });
    let (status, body) = server.call("POST", "/api/functions/projects/p", &[], Some(&body));
    assert_eq!(status, 400);
    let problem = parsed(&body);
    assert_eq!(problem["errors"][0]["field"], "/code", "{problem}");
    assert!(problem["errors"][0]["message"].as_str().unwrap().contains("CommonJS"), "{problem}");
}

#[test]
fn a_killed_sandbox_is_an_error_of_that_invocation_alone() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    create(&server, "one", "slow", "export function handler(e) { if (e.loop) for (;;); return 1; }", &json!({}));
    create(&server, "two", "quick", "export const handler = () => 2;", &json!({}));
    invoke(&server, "one/slow", &json!({}));
    let before = children(server.child.id());
    invoke(&server, "two/quick", &json!({}));
    let other: Vec<u32> = children(server.child.id()).into_iter().filter(|process| !before.contains(process)).collect();
    assert_eq!(other.len(), 1, "another project has a process of its own");
    std::thread::scope(|scope| {
        let looping = scope.spawn(|| invoke(&server, "one/slow", &json!({ "loop": true })));
        // Time that a process has computed, in ticks: the one that loops is soon ahead of all.
        let busy = until("a process loops", || {
            let ticks = |process: &u32| {
                let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
                stat.rsplit_once(") ")?.1.split(' ').nth(11)?.parse::<u64>().ok()
            };
            before.iter().copied().find(|process| ticks(process).is_some_and(|ticks| ticks > 20))
        });
        let killed = std::process::Command::new("kill").args(["-9", &busy.to_string()]).status().unwrap();
        assert!(killed.success());
        assert_eq!(invoke(&server, "two/quick", &json!({}))["result"], 2, "others do not notice");
        let told = looping.join().unwrap();
        assert_eq!((&told["success"], &told["error"]["name"]), (&json!(false), &json!("SandboxCrashed")), "{told}");
    });
    assert_eq!(invoke(&server, "one/slow", &json!({}))["result"], 1);
    let counted = server.get("/api/functions/one/slow");
    assert_eq!((&counted["invocation_count"], &counted["failed_count"]), (&json!(3), &json!(1)));
}

#[test]
fn stopping_ends_the_sandboxes_and_keeps_the_counts() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    create(
        &server,
        "p",
        "f",
        "export const handler = (event) => { if (event.bad) throw new TypeError('no'); };",
        &json!({}),
    );
    for _ in 0..5 {
        invoke(&server, "p/f", &json!({}));
    }
    invoke(&server, "p/f", &json!({ "bad": true }));
    let sandboxes = children(server.child.id());
    assert!(!sandboxes.is_empty());
    let (code, _, err) = server.terminate();
    assert_eq!(code, Some(0), "{err}");
    until("the sandboxes end", || sandboxes.iter().all(|process| !is_alive(*process)).then_some(()));

    let server = Server::start(dir.path(), &[]);
    let found = server.get("/api/v1/functions/p/f");
    assert_eq!((&found["invocation_count"], &found["failed_count"]), (&json!(6), &json!(1)));
    assert_eq!(found["last_error"]["message"], "no");
    let health = server.get("/api/v1/functions/health");
    assert_eq!((&health["totalInvocations"], &health["failedInvocations"]), (&json!(6), &json!(1)));
    assert_eq!(server.get("/health")["functions"]["successfulInvocations"], 5);
    assert_eq!(invoke(&server, "p/f", &json!({}))["success"], true, "the code was stored");
    let sandboxes = children(server.child.id());
    server.kill();
    until("the sandboxes end after kill -9 too", || sandboxes.iter().all(|process| !is_alive(*process)).then_some(()));
}

#[test]
fn workflows_retry_and_catch_errors_of_functions() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let code = "export async function handler(event) {\n  if (event.books > 5) throw Object.assign(new Error('sold out'), { name: 'OutOfStock' });\n  return { ...event, ok: true };\n}";
    create(&server, "shop", "reserve", code, &json!({}));
    let definition = json!({ "StartAt": "Reserve", "States": {
        "Reserve": { "Type": "Task", "Resource": "millrace:function:shop/reserve", "End": true,
            "Retry": [{ "ErrorEquals": ["OutOfStock"], "IntervalSeconds": 1, "MaxAttempts": 1 }],
            "Catch": [{ "ErrorEquals": ["OutOfStock"], "ResultPath": "$.failure", "Next": "Sorry" }] },
        "Sorry": { "Type": "Pass", "End": true } } });
    let workflow = json!({ "name": "reserve", "definition": definition });
    assert_eq!(server.call("POST", "/api/workflows", &[], Some(&workflow)).0, 201);
    let bad = json!({ "name": "bad", "definition": { "StartAt": "A", "States": {
        "A": { "Type": "Task", "Resource": "millrace:function:shop", "End": true } } } });
    assert_eq!(server.call("POST", "/api/workflows", &[], Some(&bad)).0, 400, "the resource names no function");
    for (name, books, output) in [
        ("few", 2, json!({ "books": 2, "ok": true })),
        ("many", 9, json!({ "books": 9, "failure": { "Error": "OutOfStock", "Cause": "sold out" } })),
    ] {
        let start = json!({ "name": name, "input": { "books": books } });
        let (status, body) = server.call("POST", "/api/workflows/reserve/executions", &[], Some(&start));
        assert_eq!(status, 201);
        let path = format!("/api/executions/{}", parsed(&body)["id"].as_str().unwrap());
        let ended = until("the execution ends", || Some(server.get(&path)).filter(|view| view["status"] != "RUNNING"));
        assert_eq!((&ended["status"], &ended["output"]), (&json!("SUCCEEDED"), &output), "{ended}");
    }
    assert_eq!(server.get("/api/functions/shop/reserve")["invocation_count"], 3, "once, and twice for a retry");
}

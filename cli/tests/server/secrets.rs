//! What must not be told is told nowhere: a server with a secret in every place that takes one does all kinds of work, and
//! then its logs, its answers and its files are searched for them.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use millrace_client::{Credentials, Scope, sign};
use millrace_simulation::http::{Answer, Fake, Seen};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::program::{Server, millrace};

/// Where a secret was put, and the secret. Each is a word of its own that nothing else holds.
const PLANTED: [(&str, &str); 18] = [
    ("the key of a model", "plantedModelKey0001"),
    ("the key of a model that refuses it", "plantedOtherModelKey0002"),
    ("a webhook's secret", "plantedGitlabToken0003"),
    ("another webhook's secret", "plantedGithubSecret0004"),
    ("a secret in an address", "plantedSalesforceToken0005"),
    ("a function's secret", "plantedFunctionSecret0006"),
    ("a connection's API key", "plantedConnectionKey0007"),
    ("a connection's password", "plantedConnectionPassword0008"),
    ("a connection that can't be read", "plantedBrokenConnection0009"),
    ("a connection's parameter", "plantedConnectionQuery0010"),
    ("AWS's secret access key", "plantedAwsSecret0011"),
    ("AWS's session token", "plantedAwsSession0012"),
    ("the server's secret access key", "plantedServerSecret0013"),
    ("a wrong API key", "plantedWrongKey0014"),
    ("a wrong bearer token", "plantedWrongBearer0015"),
    ("a wrong password", "plantedWrongPassword0016"),
    ("the secret that signs callbacks", "plantedCallbackSecret0017"),
    ("a secret in secrets.json", "plantedStoredSecret0018"),
];

fn planted(number: usize) -> &'static str {
    PLANTED[number - 1].1
}

/// Base64 of ASCII text, as `Authorization: Basic` has it.
fn base64(text: &str) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let number = (0..3).fold(0_u32, |sum, at| sum << 8 | u32::from(*chunk.get(at).unwrap_or(&0)));
        for at in 0..4 {
            let sign = SIGNS[(number >> (18 - 6 * at) & 63) as usize] as char;
            out.push(if at <= chunk.len() { sign } else { '=' });
        }
    }
    out
}

/// A server whose answers are all kept.
struct Watched {
    server: Server,
    key: String,
    answers: Mutex<Vec<(String, Vec<u8>)>>,
    log: Option<JoinHandle<String>>,
}

impl Watched {
    fn call_as(&self, headers: &[(&str, &str)], method: &str, path: &str, body: Option<&Value>) -> (u16, Vec<u8>) {
        let (status, answer) = self.server.call(method, path, headers, body);
        self.answers.lock().unwrap().push((format!("{method} {path}: {status}"), answer.clone()));
        (status, answer)
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let (status, answer) = self.call_as(&[("x-api-key", &self.key)], method, path, body);
        (status, serde_json::from_slice(&answer).unwrap_or_default())
    }

    fn ok(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.call(method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer:#}");
        answer
    }

    fn step_functions(&self, operation: &str, body: &Value) -> (u16, Value) {
        let target = format!("AWSStepFunctions.{operation}");
        let headers = [("x-api-key", self.key.as_str()), ("x-amz-target", &target)];
        let (status, answer) = self.call_as(&headers, "POST", "/", Some(body));
        (status, serde_json::from_slice(&answer).unwrap_or_default())
    }

    /// Asks again until the answer is as wanted.
    fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(90);
        loop {
            let answer = self.ok("GET", path, None);
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path}: {answer:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A model, services of AWS and an endpoint of somebody's, none of which likes anything but the model's key.
fn outside(runtime: &Runtime) -> (Fake, Arc<Mutex<Vec<String>>>) {
    let seen_by = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen_by);
    let answer = move |seen: &Seen| {
        let authorization = seen.header("authorization").unwrap_or_default().to_owned();
        let key = seen.header("x-shop-key").unwrap_or_default();
        told.lock().unwrap().push(format!("{} {authorization} {key}", seen.path));
        if seen.path.starts_with("/v1/chat/completions") {
            let body = json!({ "model": "scripted", "usage": { "prompt_tokens": 10, "completion_tokens": 5 },
                "choices": [{ "message": { "role": "assistant", "content": "no plan at all" }, "finish_reason": "stop" }] });
            return Answer::json(200, &body);
        }
        if seen.path.contains("/messages") {
            // Some providers tell the key that they refuse.
            let key = seen.header("x-api-key").unwrap_or_default();
            let text = format!("Incorrect API key provided: {key}. You can find your API key at …");
            return Answer::json(401, &json!({ "error": { "type": "authentication_error", "message": text } }));
        }
        Answer::json(403, &json!({ "__type": "AccessDenied", "message": "no" }))
    };
    (runtime.block_on(Fake::start(answer)), seen_by)
}

fn start(data: &Path, outside: &str) -> Watched {
    std::fs::create_dir_all(data).unwrap();
    std::fs::write(data.join("secrets.json"), json!({ "webhooks/stripe": planted(18) }).to_string()).unwrap();
    let key = json!({ "AuthParameters": {
        "ApiKeyAuthParameters": { "ApiKeyName": "x-shop-key", "ApiKeyValue": planted(7) },
        "InvocationHttpParameters": {
            "QueryStringParameters": [{ "Key": "token", "Value": planted(10), "IsValueSecret": true }] } } });
    let basic = json!({ "AuthParameters": { "BasicAuthParameters": { "Username": "ann", "Password": planted(8) } } });
    let mut command = millrace();
    command
        .env("MILLRACE_LOG", "debug")
        .env("MILLRACE_KEPT_LOG", "debug,millrace_function=debug")
        .env("MILLRACE_MODEL", "openai/scripted")
        .env("MILLRACE_OPENAI_URL", format!("{outside}/v1"))
        .env("OPENAI_API_KEY", planted(1))
        .env("MILLRACE_MODEL_SINGLE", "anthropic/refusing")
        .env("MILLRACE_ANTHROPIC_URL", outside)
        .env("ANTHROPIC_API_KEY", planted(2))
        .env(
            "MILLRACE_PRICES",
            r#"{"openai/scripted": {"input": 1, "output": 2}, "anthropic/refusing": {"input": 1, "output": 1}}"#,
        )
        .env("MILLRACE_SECRET_WEBHOOKS_GITLAB", planted(3))
        .env("MILLRACE_SECRET_WEBHOOKS_GITHUB", planted(4))
        .env("MILLRACE_SECRET_WEBHOOKS_SALESFORCE", planted(5))
        .env("MILLRACE_SECRET_FUNCTIONS_LOCAL_SHOP_API_KEY", planted(6))
        .env("MILLRACE_SECRET_CONNECTIONS_KEY", key.to_string())
        .env("MILLRACE_SECRET_CONNECTIONS_BASIC", basic.to_string())
        .env("MILLRACE_SECRET_CONNECTIONS_BROKEN", format!("{{\"AuthParameters\": \"{}", planted(9)))
        .env("MILLRACE_SECRET_CALLBACKS_SIGNING_SECRET", planted(17))
        .env("MILLRACE_PRIVATE_CALLBACKS", "true")
        .env("AWS_ENDPOINT_URL", outside)
        .env("AWS_ACCESS_KEY_ID", "AKIDPLANTED")
        .env("AWS_SECRET_ACCESS_KEY", planted(11))
        .env("AWS_SESSION_TOKEN", planted(12))
        .env("MILLRACE_ACCESS_KEY_ID", "AKIDSERVER")
        .env("MILLRACE_SECRET_ACCESS_KEY", planted(13));
    let mut server = Server::spawn_with(&mut command, data, &["--auth", "keys", "--log-format", "json"]);
    // Read all the time, or the server would wait for its reader.
    let mut stderr = server.stderr.take().unwrap();
    let log = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let kept: Value = serde_json::from_slice(&std::fs::read(data.join("admin-key.json")).unwrap()).unwrap();
    let key = kept["key"].as_str().unwrap().to_owned();
    Watched { server, key, answers: Mutex::default(), log: Some(log) }
}

/// Who is not let in, and who is, by each way of saying who one is. Answers the keys that were made.
fn callers(watched: &Watched) -> Vec<String> {
    let (wrong, bearer) = (format!("mr_{}", planted(14)), format!("Bearer {}", planted(15)));
    let password = format!("Basic {}", base64(&format!("ann:{}", planted(16))));
    let signed = format!(
        "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/states/aws4_request, SignedHeaders=host, Signature=00",
        planted(14)
    );
    for (name, value) in
        [("x-api-key", &wrong), ("authorization", &bearer), ("authorization", &password), ("authorization", &signed)]
    {
        assert_eq!(watched.call_as(&[(name, value)], "GET", "/api/projects", None).0, 401, "{name}: {value}");
        let target = ("x-amz-target", "AWSStepFunctions.ListStateMachines");
        assert!(watched.call_as(&[(name, value), target], "POST", "/", Some(&json!({}))).0 >= 400);
    }
    // In places where it does not belong, too.
    let path = format!("/api/projects?limit=nonsense&api_key={}", planted(14));
    assert!(watched.call_as(&[("x-api-key", &watched.key)], "GET", &path, None).0 < 500);

    // The answers that tell a key do so once.
    let mut made = Vec::new();
    for body in
        [json!({ "name": "runs", "role": "run" }), json!({ "name": "signs", "role": "admin", "access_key": true })]
    {
        let (status, answer) = watched.server.call("POST", "/api/keys", &[("x-api-key", &watched.key)], Some(&body));
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(status, 201, "{answer:#}");
        let path = format!("/api/keys/{}/rotate", answer["id"].as_str().unwrap());
        let headers = [("x-api-key", watched.key.as_str())];
        let (status, turned) = watched.server.call("POST", &path, &headers, Some(&json!({ "grace_seconds": 60 })));
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&turned));
        let turned: Value = serde_json::from_slice(&turned).unwrap();
        for one in [&answer, &turned] {
            made.push(one["key"].as_str().unwrap().to_owned());
            made.extend(one["access_key"]["secret_access_key"].as_str().map(str::to_owned));
        }
    }
    assert!(made.len() >= 5, "two keys, rotated once, and a pair: {}", made.len());
    watched.ok("GET", "/api/keys", None);
    watched.ok("GET", "/api/caller", None);

    // A request that the server's own pair signs.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let credentials = Credentials {
        access_key_id: "AKIDSERVER".into(),
        secret_access_key: millrace_app::ports::Secret::new(planted(13)),
        session_token: None,
    };
    let mut request: millrace_client::Request = http::Request::post(format!("{}/", watched.server.url))
        .header("x-amz-target", "AWSStepFunctions.ListStateMachines")
        .header("content-type", "application/json")
        .body("{}".into())
        .unwrap();
    let at = millrace_app::Timestamp::from_millis(i64::try_from(now).unwrap());
    sign(&mut request, Scope { region: "us-east-1", service: "states", at }, &credentials).unwrap();
    let text = |name: &str| request.headers()[name].to_str().unwrap();
    let headers = ["x-amz-target", "x-amz-date", "authorization"].map(|name| (name, text(name)));
    let (status, answer) = watched.call_as(&headers, "POST", "/", Some(&json!({})));
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    made
}

fn project(watched: &Watched) {
    let template = json!({ "template_id": "python-cli", "parameters": { "name": "tool" } });
    let words = json!({ "requirements": "Add two numbers." });
    for (body, end) in [(template, "completed"), (words, "failed")] {
        let id = watched.ok("POST", "/api/projects", Some(&body))["id"].as_str().unwrap().to_owned();
        let ended = |project: &Value| ["completed", "failed", "paused"].contains(&project["status"].as_str().unwrap());
        let project = watched.until(&format!("/api/projects/{id}"), ended);
        assert_eq!(project["status"], end, "{project:#}");
        for part in ["plan", "files", "tests", "deployments", "cost", "events", "logs?limit=100"] {
            watched.call("GET", &format!("/api/projects/{id}/{part}"), None);
        }
    }
    let (status, told) = watched.call("POST", "/api/ai/invoke", Some(&json!({ "prompt": "hello" })));
    assert!(status >= 400 && told.to_string().contains("Incorrect API key"), "{told:#}");
    let callback = json!({ "prompt": "hello", "callback": { "url": format!("{}/callback", watched.server.url) } });
    let id = watched.ok("POST", "/api/ai/tasks", Some(&callback))["id"].as_str().unwrap().to_owned();
    watched.until(&format!("/api/ai/tasks/{id}"), |task| task["status"] != "queued" && task["status"] != "running");
}

fn webhooks(watched: &Watched) {
    let body = json!({ "ref": "refs/heads/main" });
    let event = ("x-gitlab-event", "Push Hook");
    let good = [event, ("x-gitlab-token", planted(3)), ("x-api-key-of-mine", "harmless")];
    assert_eq!(watched.call_as(&good, "POST", "/webhooks/gitlab", Some(&body)).0, 200);
    let wrong = [event, ("x-gitlab-token", planted(14))];
    assert!(watched.call_as(&wrong, "POST", "/webhooks/gitlab", Some(&body)).0 >= 400);
    let signature = format!("sha256={}", planted(14));
    let wrong = [("x-hub-signature-256", signature.as_str()), ("x-github-event", "push")];
    assert!(watched.call_as(&wrong, "POST", "/webhooks/github", Some(&body)).0 >= 400);
    for token in [planted(5), planted(14)] {
        watched.call_as(&[], "POST", &format!("/webhooks/salesforce?token={token}"), Some(&body));
    }
    assert!(watched.call_as(&[("stripe-signature", "t=1,v1=00")], "POST", "/webhooks/stripe", Some(&body)).0 >= 400);
    let listed = watched.until("/api/webhooks/events", |events| !events["items"].as_array().unwrap().is_empty());
    for event in listed["items"].as_array().unwrap() {
        watched.ok("GET", &format!("/api/webhooks/events/{}", event["id"].as_str().unwrap()), None);
    }
}

fn workflows(watched: &Watched, outside: &str) {
    let code = "export const handler = async (event, context) => {\n\
                if (!context.env.API_KEY) throw new Error('no key');\n\
                if (event.tell) console.log(`the key is ${context.env.API_KEY}`);\n\
                if (event.fail) throw new Error('it fails'); return { length: context.env.API_KEY.length }; };";
    let function = json!({ "function_name": "counts", "code": code, "environment": ["API_KEY"] });
    watched.ok("POST", "/api/functions/projects/shop", Some(&function));
    let answer = watched.ok("POST", "/api/v1/functions/shop/counts", Some(&json!({})));
    assert_eq!(answer["result"]["length"], planted(6).len(), "{answer:#}");
    watched.call("POST", "/api/v1/functions/shop/counts", Some(&json!({ "fail": true })));
    watched.ok("GET", "/api/functions/projects/shop", None);

    let http = |connection: &str| {
        json!({ "Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Next": "Next", "Parameters": {
            "Method": "GET", "ApiEndpoint": format!("{outside}/orders"),
            "Authentication": { "ConnectionArn": format!("arn:aws:events:us-east-1:123456789012:connection/{connection}") } },
            "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Next" }] })
    };
    let sqs = json!({ "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Next": "Next",
        "Parameters": { "QueueUrl": format!("{outside}/123456789012/orders"), "MessageBody": "x" },
        "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Next" }] });
    let own = json!({ "Type": "Task", "Resource": "millrace:function:shop/counts", "End": true,
        "Parameters": { "tell": true } });
    let mut executions = Vec::new();
    let states = [
        ("Key", http("key")),
        ("Basic", http("basic")),
        ("Broken", http("broken")),
        ("Nobody", http("nobody")),
        ("Sqs", sqs),
        ("Own", own),
    ];
    let mut all = serde_json::Map::new();
    for (at, (name, state)) in states.iter().enumerate() {
        let next = states.get(at + 1).map(|(name, _)| *name).unwrap_or_default();
        all.insert(
            (*name).to_owned(),
            serde_json::from_str(&state.to_string().replace("\"Next\":\"Next\"", &format!("\"Next\":\"{next}\"")))
                .unwrap(),
        );
        let tested = json!({ "definition": state.to_string().replace("\"Next\":\"Next\"", "\"End\":true").replace(",\"Catch\":[{\"ErrorEquals\":[\"States.ALL\"],\"End\":true,\"ResultPath\":\"$.error\"}]", ""),
            "input": "{}", "inspectionLevel": "TRACE", "roleArn": "arn:aws:iam::123456789012:role/x" });
        watched.step_functions("TestState", &tested);
    }
    let definition = json!({ "StartAt": "Key", "States": all });
    let made = watched.ok("POST", "/api/workflows", Some(&json!({ "name": "calls", "definition": definition })));
    assert_eq!(made["name"], "calls", "{made:#}");
    let started = watched.ok("POST", "/api/workflows/calls/executions", Some(&json!({ "input": {} })));
    executions.push(started["id"].as_str().unwrap().to_owned());
    for id in &executions {
        let ended = watched.until(&format!("/api/executions/{id}"), |execution| execution["status"] != "RUNNING");
        assert_eq!(ended["status"], "SUCCEEDED", "{ended:#}");
        watched.ok("GET", &format!("/api/executions/{id}/history"), None);
        let told = "the key is ***";
        watched.until(&format!("/api/executions/{id}/logs?limit=100"), |logs| logs.to_string().contains(told));
        let arn = ended["arn"].as_str().unwrap();
        watched.step_functions("DescribeExecution", &json!({ "executionArn": arn }));
        let (status, _) = watched
            .step_functions("GetExecutionHistory", &json!({ "executionArn": arn, "includeExecutionData": true }));
        assert_eq!(status, 200);
    }
    // A token that is none, reported on with something that is told to nobody else.
    let token = planted(14);
    for (operation, body) in [
        ("SendTaskSuccess", json!({ "taskToken": token, "output": "{}" })),
        ("SendTaskHeartbeat", json!({ "taskToken": token })),
    ] {
        assert!(watched.step_functions(operation, &body).0 >= 400);
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() { all.extend(files(&entry.path())) } else { all.push(entry.path()) }
    }
    all
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn no_secret_is_told_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let runtime = Runtime::new().unwrap();
    let (outside, seen_by) = outside(&runtime);
    let mut watched = start(&data, &outside.url);
    let made = callers(&watched);
    project(&watched);
    webhooks(&watched);
    workflows(&watched, &outside.url);
    for path in ["/metrics", "/health", "/api/limits", "/api/executions", "/api/webhooks/rules", "/openapi.json"] {
        watched.call_as(&[("x-api-key", &watched.key)], "GET", path, None);
    }
    // They were really used: else there would be nothing to find.
    let seen = seen_by.lock().unwrap().join("\n");
    let basic = base64(&format!("ann:{}", planted(8)));
    for used in [planted(1), planted(7), planted(10), &basic, "AKIDPLANTED"] {
        assert!(seen.contains(used), "{used} was not used: {seen}");
    }

    let stopped = std::process::Command::new("kill").args(["-TERM", &watched.server.child.id().to_string()]).status();
    assert!(stopped.unwrap().success());
    let log = watched.log.take().unwrap().join().unwrap();
    watched.server.child.wait().unwrap();
    let mut out = String::new();
    watched.server.stdout.read_to_string(&mut out).unwrap();
    assert!(log.contains("\"DEBUG\"") && log.contains("\"request\""), "{log}");

    let mut secrets: Vec<(String, String)> = Vec::new();
    for (what, secret) in PLANTED {
        secrets.push((what.to_owned(), secret.to_owned()));
    }
    secrets.push(("a connection's password, encoded".to_owned(), basic));
    secrets.push(("a wrong password, encoded".to_owned(), base64(&format!("ann:{}", planted(16)))));
    secrets.extend(made.into_iter().map(|key| ("a key that was made".to_owned(), key)));
    // The first key is told on standard error, once.
    assert_eq!(log.matches(&watched.key).count(), 1);
    let log = log.replacen(&watched.key, "", 1);
    secrets.push(("the first key".to_owned(), watched.key.clone()));

    let mut places = vec![("the log".to_owned(), log.into_bytes()), ("standard output".to_owned(), out.into_bytes())];
    places.append(&mut watched.answers.lock().unwrap());
    // These two are where secrets are kept.
    let kept = ["secrets.json", "admin-key.json"];
    for path in files(&data) {
        if !kept.iter().any(|name| path.ends_with(name)) {
            places.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    assert!(places.iter().any(|(place, _)| place.ends_with(".db")), "the database is among what is searched");
    let kept = |(place, bytes): &(String, Vec<u8>)| place.ends_with(".jsonl") && holds(bytes, "\"DEBUG\"");
    assert!(places.iter().any(kept), "the kept logs are among what is searched");
    let mut found = Vec::new();
    for (place, bytes) in &places {
        for (what, secret) in &secrets {
            // An address that a caller made up may be told to that caller.
            let own = place.contains(secret.as_str());
            if !own && holds(bytes, secret) {
                let text = String::from_utf8_lossy(bytes);
                let at = text.find(secret.as_str()).unwrap_or_default();
                let near: String = text.get(at.saturating_sub(150)..at + secret.len()).unwrap_or_default().to_owned();
                found.push(format!("{what} is in {place}: …{near}"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

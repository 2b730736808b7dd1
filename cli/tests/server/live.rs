//! Live updates, over real sockets.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::handshake::client::generate_key;
use tungstenite::{Error, HandshakeError, Message, WebSocket};

use crate::program::{Server, millrace};

/// A client of `/live`.
struct Client(WebSocket<TcpStream>);

impl Client {
    /// Connects with more headers, or answers the status with which that was refused.
    fn connect(server: &Server, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let host = server.url.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let request = http::Request::builder()
            .uri(format!("ws://{host}/live"))
            .header("host", host)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key());
        let mut request = request.body(()).unwrap();
        for (name, value) in headers {
            let name = http::HeaderName::try_from(*name).unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    fn open(server: &Server) -> Self {
        Self::connect(server, &[]).unwrap_or_else(|status| panic!("refused with {status}"))
    }

    fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    /// The next message, or the code and reason of the end.
    fn hear(&mut self) -> Result<Value, (u16, String)> {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return Ok(serde_json::from_str(text.as_str()).unwrap()),
                Message::Close(Some(frame)) => return Err((frame.code.into(), frame.reason.to_string())),
                Message::Close(None) => return Err((1005, String::new())),
                _ => {}
            }
        }
    }

    fn ask(&mut self, message: &Value) -> Value {
        self.say(message);
        self.hear().unwrap()
    }

    fn subscribe(&mut self, topics: &Value) -> Value {
        self.ask(&json!({ "action": "subscribe", "topics": topics }))
    }

    /// Is nothing said for a moment?
    fn is_silent(&mut self) -> bool {
        self.0.get_ref().set_read_timeout(Some(Duration::from_millis(700))).unwrap();
        let silent = matches!(self.0.read(), Err(Error::Io(_)));
        self.0.get_ref().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        silent
    }
}

const WAITS: &str = r#"{ "StartAt": "A", "States": {
    "A": { "Type": "Wait", "SecondsPath": "$.seconds", "Next": "B" }, "B": { "Type": "Pass", "End": true } } }"#;

/// Makes a workflow and starts an execution of it.
fn start(server: &Server, name: &str, seconds: u64, key: &[(&str, &str)]) -> String {
    let definition: Value = serde_json::from_str(WAITS).unwrap();
    let workflow = json!({ "name": name, "definition": definition });
    assert_eq!(server.call("POST", "/api/workflows", key, Some(&workflow)).0, 201);
    let path = format!("/api/workflows/{name}/executions");
    let (status, body) = server.call("POST", &path, key, Some(&json!({ "input": { "seconds": seconds } })));
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice::<Value>(&body).unwrap()["id"].as_str().unwrap().to_owned()
}

fn stop(server: &Server, id: &str) {
    let (status, _) = server.call("POST", &format!("/api/executions/{id}/stop"), &[], Some(&json!({})));
    assert!((200..300).contains(&status), "{status}");
}

#[test]
fn schedules_and_functions_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let mut client = Client::open(&server);
    client.subscribe(&json!([{ "topic": "schedules" }, { "topic": "functions" }]));
    assert_eq!(client.hear().unwrap(), json!({ "type": "changed", "topic": "schedules" }));
    assert_eq!(client.hear().unwrap(), json!({ "type": "changed", "topic": "functions" }));
    start(&server, "nightly", 0, &[]);
    let schedule = json!({ "name": "nightly", "workflow": "nightly", "expression": "rate(1 day)" });
    let (status, body) = server.call("POST", "/api/schedules", &[], Some(&schedule));
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    assert_eq!(client.hear().unwrap(), json!({ "type": "changed", "topic": "schedules" }));
    let function = json!({ "function_name": "hello", "code": "export const handler = () => 1;" });
    let (status, body) = server.call("POST", "/api/functions/projects/shop", &[], Some(&function));
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    loop {
        // A schedule may be written more than once when it is made.
        let told = client.hear().unwrap();
        if told["topic"] == "functions" {
            break;
        }
        assert_eq!(told["topic"], "schedules");
    }
}

#[test]
fn a_change_is_told_and_what_was_missed_after_a_reconnect() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let id = start(&server, "slow", 600, &[]);
    let topic = format!("execution/{id}");
    let mut client = Client::open(&server);
    let told = client.subscribe(&json!([{ "topic": topic }, { "topic": "executions" }]));
    assert_eq!(told, json!({ "type": "subscribed", "topics": [topic, "executions"] }));
    // Who knows nothing is told at once how it is.
    let first = client.hear().unwrap();
    assert_eq!((&first["type"], &first["topic"]), (&json!("changed"), &json!(topic)));
    let version = first["version"].as_u64().unwrap();
    assert_eq!(client.hear().unwrap(), json!({ "type": "changed", "topic": "executions" }));
    assert!(client.is_silent());

    stop(&server, &id);
    let mut ended = version;
    let mut listed = false;
    while ended == version || !listed {
        let told = client.hear().unwrap();
        match told["topic"].as_str().unwrap() {
            "executions" => listed = true,
            _ => ended = told["version"].as_u64().unwrap(),
        }
    }
    assert!(ended > version);
    assert_eq!(client.ask(&json!({ "action": "ping" })), json!({ "type": "pong" }));

    // Who was away is told what they missed, and who knows it all is not.
    drop(client);
    let mut client = Client::open(&server);
    client.subscribe(&json!([{ "topic": topic, "after": version }]));
    assert_eq!(client.hear().unwrap(), json!({ "type": "changed", "topic": topic, "version": ended }));
    let mut client = Client::open(&server);
    client.subscribe(&json!([{ "topic": topic, "after": ended }]));
    assert!(client.is_silent());

    // After a restart the versions are the same.
    let (code, _, err) = server.terminate();
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(client.hear().unwrap_err().0, 1001);
    let server = Server::start(dir.path(), &[]);
    let mut client = Client::open(&server);
    client.subscribe(&json!([{ "topic": topic, "after": ended }, { "topic": topic, "after": version }]));
    assert_eq!(client.hear().unwrap()["version"], ended);

    // Nobody hears of what they no longer watch.
    let told = client.ask(&json!({ "action": "unsubscribe", "topics": [topic] }));
    assert_eq!(told, json!({ "type": "unsubscribed", "topics": [topic] }));
    let redriven = server.call("POST", &format!("/api/executions/{id}/redrive"), &[], Some(&json!({})));
    assert!(redriven.0 < 300, "{}", String::from_utf8_lossy(&redriven.1));
    assert!(client.is_silent());
}

#[test]
fn a_project_and_its_listing_are_told_while_it_is_delivered() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let mut client = Client::open(&server);
    client.subscribe(&json!([{ "topic": "projects" }]));
    assert_eq!(client.hear().unwrap()["topic"], "projects");
    let id = crate::create(&server, "tool");
    assert_eq!(client.hear().unwrap(), json!({ "type": "changed", "topic": "projects" }));
    let topic = format!("project/{id}");
    client.subscribe(&json!([{ "topic": topic }]));
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut versions = Vec::new();
    // Each message is a reason to look; none is needed to know when to look.
    while server.get(&format!("/api/projects/{id}"))["status"] != "completed" {
        assert!(Instant::now() < deadline);
        let told = client.hear().unwrap();
        if told["topic"] == topic.as_str() {
            versions.push(told["version"].as_u64().unwrap());
        }
    }
    assert!(versions.is_sorted() && versions.len() > 1, "{versions:?}");
}

#[test]
fn what_is_wrong_is_told_and_nothing_of_it_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let mut client = Client::open(&server);
    client.0.send(Message::text("{")).unwrap();
    assert_eq!(client.hear().unwrap()["code"], "bad-json");
    let told = client.ask(&json!({ "action": "subscribe", "topics": [{ "topic": "everything" }], "x": 1 }));
    let fields: Vec<&str> =
        told["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!((told["code"].as_str().unwrap(), fields), ("invalid-request", vec!["/topics/0/topic", "/x"]));
    let missing = "project/prj_00000000000000000000000000";
    let told = client.subscribe(&json!([{ "topic": missing }]));
    assert_eq!((&told["code"], &told["topic"]), (&json!("not-found"), &json!(missing)));
    let many: Vec<Value> = (0..51).map(|_| json!({ "topic": "projects" })).collect();
    assert_eq!(client.subscribe(&json!(many))["errors"][0]["field"], "/topics");
    assert_eq!(client.ask(&json!({ "action": "ping" })), json!({ "type": "pong" }));
    // What is too large ends the connection, and so does what is no text, and too much.
    client.0.send(Message::text(" ".repeat(20_000))).unwrap();
    assert_eq!(client.hear().unwrap_err().0, 1009);
    let mut client = Client::open(&server);
    client.0.send(Message::binary(vec![1, 2])).unwrap();
    assert_eq!(client.hear().unwrap_err().0, 1003);
    let mut client = Client::open(&server);
    for _ in 0..61 {
        client.say(&json!({ "action": "ping" }));
    }
    let end = loop {
        match client.hear() {
            Ok(told) if told["type"] == "pong" => {}
            Ok(told) => assert_eq!(told["code"], "too-many-requests"),
            Err(end) => break end,
        }
    };
    assert_eq!(end.0, 4429);
    // It is a WebSocket and nothing else.
    assert!((400..500).contains(&server.call("GET", "/live", &[], None).0));
}

#[test]
fn pages_of_other_origins_may_not_connect() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::spawn(millrace().env("CORS_ORIGINS", "https://console.example"), dir.path(), &[]);
    let own = server.url.clone();
    for good in [own.as_str(), "https://console.example"] {
        assert!(Client::connect(&server, &[("origin", good)]).is_ok(), "{good}");
    }
    for bad in ["https://attacker.example", "http://127.0.0.1:1", "null", "https://console.example.attacker.example"] {
        assert_eq!(Client::connect(&server, &[("origin", bad)]).err(), Some(403), "{bad}");
    }
    // Nor under a name that leads to this machine.
    assert_eq!(Client::connect(&server, &[("host", "attacker.example")]).err(), Some(421));
}

#[test]
fn so_many_connections_of_an_owner_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let mut clients: Vec<Client> = (0..100).map(|_| Client::open(&server)).collect();
    assert_eq!(Client::connect(&server, &[]).err(), Some(429));
    clients.pop().unwrap().0.close(None).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while Client::connect(&server, &[]).is_err() {
        assert!(Instant::now() < deadline, "a place is given back");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn with_keys_everybody_hears_of_their_own_only_and_for_as_long_as_their_key_is_good() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::spawn_with(&mut millrace(), dir.path(), &["--auth", "keys"]);
    let kept: Value = serde_json::from_slice(&std::fs::read(dir.path().join("admin-key.json")).unwrap()).unwrap();
    let admin = kept["key"].as_str().unwrap().to_owned();
    let as_admin = [("x-api-key", admin.as_str())];
    let key = |owner: &str, more: Value| {
        let mut body = json!({ "name": owner, "role": "read", "owner": owner });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, made) = server.call("POST", "/api/keys", &as_admin, Some(&body));
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&made));
        serde_json::from_slice::<Value>(&made).unwrap()["key"].as_str().unwrap().to_owned()
    };
    let bob = key("bob", json!({}));
    let id = start(&server, "slow", 600, &as_admin);
    let topic = format!("execution/{id}");

    // Nothing before the key, and nothing with a wrong one, which is not tried twice.
    let mut client = Client::open(&server);
    assert_eq!(client.subscribe(&json!([{ "topic": "projects" }]))["code"], "unauthorized");
    assert_eq!(client.ask(&json!({ "action": "authenticate", "token": "mk_wrong" }))["code"], "unauthorized");
    assert_eq!(client.hear().unwrap_err().0, 4401);
    assert_eq!(Client::connect(&server, &[("x-api-key", "mk_wrong")]).err(), Some(401));

    let mut client = Client::open(&server);
    assert_eq!(client.ask(&json!({ "action": "authenticate", "token": bob })), json!({ "type": "ready" }));
    let told = client.subscribe(&json!([{ "topic": topic }, { "topic": "executions" }]));
    assert_eq!(told, json!({ "type": "subscribed", "topics": ["executions"] }));
    assert_eq!(client.hear().unwrap()["code"], "not-found");
    assert_eq!(client.hear().unwrap()["topic"], "executions");
    // Clients that are no browsers may show their key when they connect.
    let mut own = Client::connect(&server, &as_admin).unwrap_or_else(|status| panic!("{status}"));
    own.subscribe(&json!([{ "topic": "executions" }]));
    own.hear().unwrap();
    start(&server, "other", 600, &as_admin);
    assert_eq!(own.hear().unwrap()["topic"], "executions");
    assert!(client.is_silent(), "what others have is not told");

    // Its end ends the connection.
    let soon = (std::time::SystemTime::now() + Duration::from_secs(3))
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let soon = millrace_app::Timestamp::from_millis(i64::try_from(soon).unwrap()).to_string();
    let short = key("eve", json!({ "expires_at": soon }));
    let mut client = Client::open(&server);
    assert_eq!(client.ask(&json!({ "action": "authenticate", "token": short })), json!({ "type": "ready" }));
    assert_eq!(client.hear().unwrap()["code"], "unauthorized");
    assert_eq!(client.hear().unwrap_err().0, 4401);
}

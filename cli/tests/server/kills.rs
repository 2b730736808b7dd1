//! The real program is killed (`kill -9`) while workflows of every kind run: nothing is lost, and nothing happens twice.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::program::{Server, millrace};

const ROLE: &str = "arn:aws:iam::000000000000:role/test";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:add";

/// Lambda's endpoint: adds one to `n`, and keeps the task tokens that it is given.
#[derive(Clone, Default)]
struct Functions {
    tokens: Arc<Mutex<Vec<String>>>,
}

impl Functions {
    /// Answers on a free port for as long as the test's process lives.
    fn listen(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let functions = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let functions = functions.clone();
                std::thread::spawn(move || functions.answer(&stream));
            }
        });
        url
    }

    /// One request a connection. `None` when the caller was killed meanwhile.
    fn answer(&self, mut stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line).ok()? > 2 {
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok()?;
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let event: Value = serde_json::from_slice(&body).ok()?;
        if let Some(token) = event["token"].as_str() {
            self.tokens.lock().unwrap().push(token.to_owned());
        }
        // Long enough that kills fall into it.
        std::thread::sleep(Duration::from_millis(20));
        let answer = json!({ "n": event["n"].as_i64().unwrap_or_default() + 1 }).to_string();
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ";
        stream.write_all(format!("{head}{}\r\n\r\n{answer}", answer.len()).as_bytes()).ok()
    }
}

fn function(next: &str) -> Value {
    let end = if next.is_empty() { ("End", json!(true)) } else { ("Next", json!(next)) };
    json!({ "Type": "Task", "Resource": FUNCTION, end.0: end.1 })
}

fn chain(length: usize) -> Value {
    let next = |step| if step + 1 < length { format!("S{}", step + 1) } else { String::new() };
    let states: BTreeMap<String, Value> = (0..length).map(|step| (format!("S{step}"), function(&next(step)))).collect();
    json!({ "StartAt": "S0", "States": states })
}

/// A definition, its input, and the output that it must have.
fn workflows() -> BTreeMap<&'static str, (Value, Value, Value)> {
    let numbers: Vec<usize> = (0..12).collect();
    let after: Vec<Value> = numbers.iter().map(|number| json!({ "n": number + 1 })).collect();
    let map = |mode: &str| {
        json!({ "StartAt": "M", "States": { "M": { "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 5, "End": true,
            "ItemSelector": { "n.$": "$$.Map.Item.Value" },
            "ItemProcessor": { "ProcessorConfig": { "Mode": mode, "ExecutionType": "STANDARD" },
                               "StartAt": "F", "States": { "F": function("") } } } } })
    };
    let mut inline = map("INLINE");
    inline["States"]["M"]["ItemProcessor"]["ProcessorConfig"] = json!({ "Mode": "INLINE" });
    let called = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": true,
        "Parameters": { "FunctionName": FUNCTION, "Payload": { "n": 1, "token.$": "$$.Task.Token" } } });
    let late = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "TimeoutSeconds": 2,
        "Parameters": { "FunctionName": FUNCTION, "Payload": { "unused.$": "$$.Task.Token" } },
        "Catch": [{ "ErrorEquals": ["States.Timeout"], "ResultPath": null, "Next": "F" }], "End": true });
    BTreeMap::from([
        ("chain", (chain(8), json!({ "n": 0 }), json!({ "n": 8 }))),
        ("inline", (inline, json!({ "items": numbers }), json!(after))),
        ("distributed", (map("DISTRIBUTED"), json!({ "items": numbers }), json!(after))),
        ("called", (json!({ "StartAt": "C", "States": { "C": called } }), json!({}), json!({ "done": true }))),
        (
            "late",
            (
                json!({ "StartAt": "L", "States": { "L": late, "F": function("") } }),
                json!({ "n": 1 }),
                json!({ "n": 2 }),
            ),
        ),
        (
            "branches",
            (
                json!({ "StartAt": "P", "States": { "P": { "Type": "Parallel", "End": true, "Branches": [
                    chain(3),
                    { "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 1, "Next": "F" }, "F": function("") } },
                ] } } }),
                json!({ "n": 0 }),
                json!([{ "n": 3 }, { "n": 1 }]),
            ),
        ),
    ])
}

fn call(server: &Server, operation: &str, body: &Value) -> Value {
    let target = format!("AWSStepFunctions.{operation}");
    let (status, answer) = server.call("POST", "/", &[("x-amz-target", &target)], Some(body));
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(status, 200, "{operation}: {answer}");
    answer
}

fn start(data: &Path, functions: &str) -> Server {
    let mut command = millrace();
    command.env("AWS_ENDPOINT_URL_LAMBDA", functions).env("AWS_REGION", "us-east-1");
    Server::spawn(&mut command, data, &[])
}

/// Ends the tasks that wait for a callback, and says how the executions stand: those that still run.
fn running(server: &Server, functions: &Functions, executions: &[String]) -> usize {
    for token in std::mem::take(&mut *functions.tokens.lock().unwrap()) {
        let body = json!({ "taskToken": token, "output": "{\"done\":true}" });
        let target = [("x-amz-target", "AWSStepFunctions.SendTaskSuccess")];
        let (status, answer) = server.call("POST", "/", &target, Some(&body));
        // A function that was called again has a second token of an attempt that may have ended.
        assert!(status == 200 || String::from_utf8_lossy(&answer).contains("TaskTimedOut"), "{status}");
    }
    let status = |arn: &String| call(server, "DescribeExecution", &json!({ "executionArn": arn }))["status"].clone();
    executions.iter().filter(|arn| status(arn) == "RUNNING").count()
}

fn wait(server: &Server, functions: &Functions, executions: &[String]) {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let running = running(server, functions, executions);
        if running == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "{running} executions are stuck");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The events of a history by type and state, with how often each happened. Which branch comes first is left to chance.
fn events(server: &Server, arn: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let history = call(server, "GetExecutionHistory", &json!({ "executionArn": arn, "maxResults": 1000 }));
    for (place, event) in history["events"].as_array().unwrap().iter().enumerate() {
        assert_eq!(event["id"].as_u64(), Some(place as u64 + 1), "history_is_complete_and_ordered: {arn}");
        let details =
            event.as_object().unwrap().values().find_map(|details| details.get("name")).unwrap_or(&Value::Null);
        *found.entry(format!("{} {details}", event["type"])).or_default() += 1;
    }
    found
}

#[test]
fn workflows_survive_kills() {
    let dir = tempfile::tempdir().unwrap();
    let functions = Functions::default();
    let url = functions.listen();
    let mut server = start(dir.path(), &url);
    let workflows = workflows();
    let mut machines = BTreeMap::new();
    for (name, (definition, _, _)) in &workflows {
        let body = json!({ "name": name, "definition": definition.to_string(), "roleArn": ROLE });
        machines.insert(*name, call(&server, "CreateStateMachine", &body)["stateMachineArn"].clone());
    }
    let begin = |server: &Server, name: &str, number: usize| {
        let input = workflows[name].1.to_string();
        let body = json!({ "stateMachineArn": machines[name], "name": format!("{name}-{number}"), "input": input });
        call(server, "StartExecution", &body)["executionArn"].as_str().unwrap().to_owned()
    };
    let mut executions = BTreeMap::new();
    // Of three receives a message may lose two to a kill before it is given up.
    for (round, pause) in [90, 230].into_iter().enumerate() {
        for name in workflows.keys() {
            let arn = begin(&server, name, round);
            executions.insert(arn, *name);
        }
        std::thread::sleep(Duration::from_millis(pause));
        server.kill();
        server = start(dir.path(), &url);
    }
    let all: Vec<String> = executions.keys().cloned().collect();
    wait(&server, &functions, &all);

    for (name, (_, _, output)) in &workflows {
        let calm = begin(&server, name, 99);
        wait(&server, &functions, std::slice::from_ref(&calm));
        let expected = events(&server, &calm);
        let survivors = executions.iter().filter(|(_, of)| *of == name).map(|(arn, _)| arn);
        for arn in survivors.chain([&calm]) {
            let end = call(&server, "DescribeExecution", &json!({ "executionArn": arn }));
            assert_eq!(end["status"], "SUCCEEDED", "no_accepted_execution_is_lost: {end}");
            let given: Value = serde_json::from_str(end["output"].as_str().unwrap()).unwrap();
            assert_eq!(&given, output, "{arn}");
            assert_eq!(events(&server, arn), expected, "each_transition_commits_exactly_once: {arn}");
        }
    }
    let (code, _, err) = server.terminate();
    assert_eq!(code, Some(0), "{err}");
}

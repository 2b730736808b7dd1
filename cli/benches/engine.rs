//! Measures the engine on the local server: steps, fan-outs, latency. Prints a table and writes `target/bench.json`.
//!
//! Everything is durable: each transition is on the disk (fsync) before it counts. Steps are done by an executor in this
//! process that answers at once, through the same queues, messages and commits as every other task.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a program that prints figures"
)]

mod figures;

use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use figures::{Figures, at};
use millrace_app::PayloadLimit;
use millrace_app::executions::{Attributes, StartExecution, await_execution, start_execution};
use millrace_app::ids::ExecutionId;
use millrace_app::ports::{Ports, Queue};
use millrace_app::workers::{Executor, Task, TaskError, TaskResult};
use millrace_cli::server::{LogLimits, Server, ServerOptions, WorkerCounts};
use millrace_sqlite::SqlitePorts;
use serde_json::{Value, json};

/// Does every task at once.
#[derive(Debug, Clone, Copy)]
struct AtOnce;

impl Executor for AtOnce {
    async fn execute<P: Ports>(&self, _: &P, _: &Task) -> Result<TaskResult, TaskError> {
        Ok(json!({}).into())
    }
}

const TASK: &str = "millrace:agent:pm";
/// Runs of each figure; the median counts.
const RUNS: usize = 3;

fn ten_tasks() -> Value {
    let states: serde_json::Map<String, Value> = (0..10)
        .map(|step| {
            let mut state = json!({ "Type": "Task", "Resource": TASK });
            match step {
                9 => state["End"] = json!(true),
                _ => state["Next"] = json!(format!("S{}", step + 1)),
            }
            (format!("S{step}"), state)
        })
        .collect();
    json!({ "StartAt": "S0", "States": states })
}

fn fan_out_of_100() -> Value {
    json!({ "StartAt": "M", "States": { "M": { "Type": "Map", "ItemsPath": "$.items", "End": true, "ItemProcessor": {
        "StartAt": "T", "States": { "T": { "Type": "Task", "Resource": TASK, "End": true } } } } } })
}

fn one_task() -> Value {
    json!({ "StartAt": "T", "States": { "T": { "Type": "Task", "Resource": TASK, "End": true } } })
}

/// Passes `count` times through a Pass and a Choice.
fn a_loop() -> Value {
    json!({ "StartAt": "Count", "States": {
        "Count": { "Type": "Pass", "Parameters": { "n.$": "States.MathAdd($.n, -1)" }, "Next": "More" },
        "More": { "Type": "Choice", "Choices": [{ "Variable": "$.n", "NumericGreaterThan": 0, "Next": "Count" }],
                  "Default": "Done" },
        "Done": { "Type": "Succeed" } } })
}

fn map_of_passes() -> Value {
    json!({ "StartAt": "M", "States": { "M": { "Type": "Map", "ItemsPath": "$.items", "ResultPath": null, "End": true,
        "ItemProcessor": { "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } } } } })
}

struct Bench {
    server: Server,
    figures: Figures,
    started: AtomicUsize,
}

impl Bench {
    fn ports(&self) -> SqlitePorts {
        self.server.ports().clone()
    }

    fn note(&mut self, name: &str, what: &str, runs: Vec<f64>) {
        self.figures.note(name, what, runs);
    }
}

/// Runs one execution to its end and says how long that took.
async fn run(ports: &SqlitePorts, number: usize, definition: &str, input: Value) -> Duration {
    let begun = Instant::now();
    let id = ExecutionId::derived(&format!("bench {} {number}", std::process::id()));
    let start = StartExecution {
        id: id.clone(),
        owner: "bench".into(),
        name: format!("bench-{number}"),
        definition: definition.to_owned().into(),
        input,
        project: None,
        payload_limit: PayloadLimit::None,
        workflow: None,
        waiting: None,
        attributes: Attributes::new(),
        priority: None,
    };
    start_execution(ports, start).await.expect("it starts");
    let view = await_execution(ports, &id, Duration::from_secs(60)).await.expect("it can be read").expect("it exists");
    assert_eq!(view.execution.status, millrace_app::executions::ExecutionStatus::Succeeded, "{view:?}");
    begun.elapsed()
}

/// Runs `count` executions, `at_once` at the same time. Answers the whole time, and each one's in order of length.
async fn many(bench: &Bench, count: usize, at_once: usize, definition: &Value, input: &Value) -> (Duration, Vec<f64>) {
    let (text, left) = (Arc::new(definition.to_string()), Arc::new(AtomicUsize::new(count)));
    let begun = Instant::now();
    let loops: Vec<_> = (0..at_once)
        .map(|_| {
            let (ports, text, left, input) = (bench.ports(), Arc::clone(&text), Arc::clone(&left), input.clone());
            let base = bench.started.fetch_add(count, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut times = Vec::new();
                loop {
                    let number = left.fetch_sub(1, Ordering::Relaxed);
                    if number == 0 || number > count {
                        left.store(0, Ordering::Relaxed);
                        return times;
                    }
                    let time = run(&ports, base + number, &text, input.clone()).await;
                    times.push(time.as_secs_f64() * 1e3);
                }
            })
        })
        .collect();
    let mut times = Vec::new();
    for one in loops {
        times.extend(one.await.expect("it ends"));
    }
    times.sort_by(f64::total_cmp);
    (begun.elapsed(), times)
}

async fn ten_in_a_row(bench: &mut Bench) {
    let none = json!({});
    many(bench, 50, 8, &ten_tasks(), &none).await;
    let (mut rates, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (time, times) = many(bench, 600, 32, &ten_tasks(), &none).await;
        rates.push(per_second(times.len() * 10, time));
        let (_, times) = many(bench, 60, 1, &ten_tasks(), &none).await;
        alone.push(at(&times, 0.5));
    }
    bench.note("w1_steps_per_second", "ten tasks in a row, 32 executions at once", rates);
    bench.note("w1_p50_ms", "ten tasks in a row, one execution alone", alone);
}

async fn fan_out(bench: &mut Bench) {
    let items: Vec<usize> = (0..100).collect();
    let mut fan = Vec::new();
    for _ in 0..RUNS {
        let (_, times) = many(bench, 30, 1, &fan_out_of_100(), &json!({ "items": items })).await;
        fan.push(at(&times, 0.5));
    }
    bench.note("w2_p50_ms", "a Map of 100 tasks, joined", fan);
}

async fn one_step(bench: &mut Bench) {
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (_, times) = many(bench, 300, 1, &one_task(), &json!({})).await;
        p50.push(at(&times, 0.5));
        p99.push(at(&times, 0.99));
    }
    bench.note("w3_inprocess_p50_ms", "one task, started in the process", p50);
    bench.note("w3_inprocess_p99_ms", "the same", p99);
}

/// An express execution of one task over HTTP, from the request to the response that holds the result.
async fn one_step_over_http(bench: &mut Bench) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = bench.server.url().to_owned();
    let call = move |operation: &str, body: &Value| -> Value {
        let request = agent.post(&url).header("content-type", "application/x-amz-json-1.0");
        let request = request.header("x-amz-target", format!("AWSStepFunctions.{operation}"));
        let mut response = request.send(body.to_string()).expect("an answer");
        let text = response.body_mut().read_to_string().expect("a text");
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{operation}: {text}"))
    };
    let runs = tokio::task::spawn_blocking(move || {
        let create = json!({ "name": "one", "definition": one_task().to_string(), "type": "EXPRESS",
            "roleArn": "arn:aws:iam::000000000000:role/bench" });
        let arn = call("CreateStateMachine", &create)["stateMachineArn"].clone();
        let start = json!({ "stateMachineArn": arn, "input": "{}" });
        let (mut p50, mut p99) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let mut times: Vec<f64> = (0..300)
                .map(|_| {
                    let begun = Instant::now();
                    let end = call("StartSyncExecution", &start);
                    assert_eq!(end["status"], "SUCCEEDED", "{end}");
                    begun.elapsed().as_secs_f64() * 1e3
                })
                .collect();
            times.sort_by(f64::total_cmp);
            p50.push(at(&times, 0.5));
            p99.push(at(&times, 0.99));
        }
        (p50, p99)
    });
    let (p50, p99) = runs.await.expect("the client ends");
    bench.note("w3_p50_ms", "one task over HTTP, request to result", p50);
    bench.note("w3_p99_ms", "the same", p99);
}

/// From the start of the program to its first answer, and what it then holds in memory.
fn start(bench: &mut Bench) {
    let (mut times, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let begun = Instant::now();
        let mut server = Command::new(env!("CARGO_BIN_EXE_millrace"))
            .args(["up", "--port", "0", "--auth", "off", "--data"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut url = String::new();
        let stdout = server.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut url).expect("its address");
        ureq::get(format!("{}/health", url.trim())).call().expect("it is well");
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        idle.push(resident(&server.id().to_string()));
        server.kill().expect("it ends");
        server.wait().expect("it ends");
    }
    bench.note("start_ms", "start of `millrace up` to its first answer", times);
    bench.note("idle_rss_mb", "resident after that", idle);
}

async fn loops(bench: &mut Bench) {
    let mut rates = Vec::new();
    for _ in 0..RUNS {
        let (time, _) = many(bench, 20, 1, &a_loop(), &json!({ "n": 1_000 })).await;
        rates.push(per_second(20 * 2 * 1_000, time));
    }
    bench.note("loop_transitions_per_second", "1,000 times Pass and Choice, with history", rates);
}

async fn maps(bench: &mut Bench) {
    for (name, size, times) in [("map_1000_items_per_second", 1_000, 20), ("map_100000_items_per_second", 100_000, 1)] {
        let items: Vec<usize> = (0..size).collect();
        let mut rates = Vec::new();
        for _ in 0..RUNS {
            let (time, _) = many(bench, times, 1, &map_of_passes(), &json!({ "items": items })).await;
            rates.push(per_second(size * times, time));
        }
        bench.note(name, "a Map of Pass items", rates);
    }
}

/// Time a transition and an item, and the most memory on the way, as histories and Maps grow: per transition and per item
/// neither should.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn growth(bench: &mut Bench) {
    for size in [1_000_usize, 10_000, 100_000, 1_000_000] {
        let times = (20_000 / size).max(1);
        forget_peak();
        let (time, _) = many(bench, times, 1, &a_loop(), &json!({ "n": size / 2 })).await;
        let each = time.as_secs_f64() * 1e6 / (size * times) as f64;
        bench.note(&format!("loop_us_each_at_{size}"), "a transition of a loop of this many", vec![each]);
        bench.note(&format!("loop_peak_mb_at_{size}"), "the most resident on the way", vec![peak()]);
    }
    for size in [100_usize, 1_000, 10_000, 100_000] {
        let times = (10_000 / size).max(1);
        let items: Vec<usize> = (0..size).collect();
        forget_peak();
        let (time, _) = many(bench, times, 1, &map_of_passes(), &json!({ "items": items })).await;
        let each = time.as_secs_f64() * 1e6 / (size * times) as f64;
        bench.note(&format!("map_us_each_at_{size}"), "an item of a Map of this many", vec![each]);
        bench.note(&format!("map_peak_mb_at_{size}"), "the most resident on the way", vec![peak()]);
    }
}

/// Begins a new measurement of [`peak`] (`proc_pid_clear_refs(5)`).
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").expect("the kernel forgets the peak");
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// Resident memory in MB.
fn resident(process: &str) -> f64 {
    memory(process, "VmRSS")
}

/// The most resident memory of this process in MB since [`forget_peak`].
fn peak() -> f64 {
    memory("self", "VmHWM")
}

fn memory(process: &str, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}

fn main() {
    let names: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let mut workers = WorkerCounts::default();
    workers.set(Queue::Pm, 64);
    workers.set(Queue::Engine, 32);
    let options = ServerOptions {
        data: folder.path().to_owned(),
        host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 0,
        keys: false,
        workers,
        payload_limit: None,
        sandbox: None,
        run_tests: false,
        private_notifications: false,
        logs: LogLimits::default(),
        console: None,
    };
    runtime.block_on(async {
        let server = Server::start_with(options, AtOnce).await.expect("the server starts");
        let mut bench = Bench { server, figures: Figures::default(), started: AtomicUsize::new(0) };
        let wanted = |name: &str| names.is_empty() || names.iter().any(|one| one == name);
        if wanted("w1") {
            ten_in_a_row(&mut bench).await;
        }
        if wanted("w2") {
            fan_out(&mut bench).await;
        }
        if wanted("w3") {
            one_step(&mut bench).await;
        }
        if wanted("http") {
            one_step_over_http(&mut bench).await;
        }
        bench.note("rss_mb", "resident after these, this program's load included", vec![resident("self")]);
        if wanted("start") {
            start(&mut bench);
        }
        if wanted("loop") {
            loops(&mut bench).await;
        }
        if wanted("map") {
            maps(&mut bench).await;
        }
        bench.note("rss_after_maps_mb", "resident after a Map of 100,000 items", vec![resident("self")]);
        if wanted("growth") {
            growth(&mut bench).await;
        }
        bench.figures.write();
        bench.server.stop().await;
    });
}

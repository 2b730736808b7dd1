//! Measures the sandbox: small and large invocations, memory, and how soon what doesn't end is ended. Prints a table and
//! writes `target/bench.json`.
//!
//! Every invocation has a sandbox of its own, made before its request. `hello` is the round trip from one thread to the
//! thread that runs it and back, logs included.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a program that prints figures"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use millrace_sandbox::{
    Compiled, Context, Invocation, Language, Limits, Pool, ProcessOptions, Request, compile, error_names, sandbox_bytes,
};
use serde_json::{Value, json};

const HELLO: &str =
    "export async function handler(e) { console.log('hi'); return { statusCode: 200, body: 'hello ' + e.name } }";
const ECHO: &str = "export async function handler(e) { return e }";
const LOOP: &str = "export async function handler() { let s = 0; for (let i = 0; i < 1e6; i++) s = (s + i * 2) % 1000003; return { s } }";
const ENDLESS: &str = "export async function handler() { while (true) {} }";
const REGEX: &str = "export async function handler() { return /^(a+)+$/.test('a'.repeat(60) + 'b') }";
const FLOOD: &str = "export async function handler() { const f = () => Promise.resolve().then(f); f(); await f() }";
const BOMB: &str = "export async function handler() { const a = []; while (true) a.push(new Array(100000).fill(1.5)) }";

/// As the peers have it.
const MEMORY: usize = 32 << 20;
const DEADLINE: Duration = Duration::from_millis(100);

struct Bench {
    figures: BTreeMap<&'static str, f64>,
}

impl Bench {
    fn note(&mut self, name: &'static str, what: &str, figure: f64) {
        println!("{name:32} {figure:10.3}  {what}");
        self.figures.insert(name, figure);
    }

    /// Adds to what other programs wrote there.
    fn write(&self) {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
        let file = target.join("bench.json");
        let stored = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut all: serde_json::Map<String, Value> = stored.unwrap_or_default();
        all.extend(self.figures.iter().map(|(name, figure)| ((*name).to_owned(), json!(figure))));
        std::fs::write(&file, format!("{:#}\n", Value::Object(all))).expect("bench.json can be written");
    }
}

fn compiled(source: &str) -> Compiled {
    compile("bench.js", source, Language::JavaScript).unwrap_or_else(|error| panic!("{error}"))
}

fn limits() -> Limits {
    Limits { memory_bytes: MEMORY, time: Duration::from_secs(20), ..Limits::default() }
}

fn invoke(pool: &Pool, code: &Compiled, event: &str, limits: &Limits) -> (Duration, Invocation) {
    let context =
        Context { function_name: "bench", project_id: "bench", invocation_id: "bench", timestamp: 1_800_000_000_000 };
    let begun = Instant::now();
    let invocation = pool.invoke(code, &Request { event, context, environment: &[] }, limits);
    (begun.elapsed(), invocation)
}

/// Microseconds of each of so many invocations, sorted.
fn times(pool: &Pool, code: &Compiled, event: &str, count: usize) -> Vec<f64> {
    let mut times: Vec<f64> = (0..count)
        .map(|_| {
            // A pause in which the next sandbox is made, as between requests that don't come all at once.
            std::thread::sleep(Duration::from_micros(600));
            let (time, invocation) = invoke(pool, code, event, &limits());
            invocation.result.expect("it succeeds");
            time.as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn at(times: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((times.len() - 1) as f64 * share).round() as usize;
    times[index]
}

/// A hundred kilobytes of JSON, as the peers have it.
fn items() -> String {
    let mut text = String::from("{\"items\":[");
    let mut id = 0;
    while text.len() < 100_000 {
        if id > 0 {
            text.push(',');
        }
        text += &format!("{{\"id\":{id},\"name\":\"item number {id}\",\"ok\":true,\"v\":{}.25}}", id * 3);
        id += 1;
    }
    text + "]}"
}

/// Invocations a second, one after the other without a pause.
fn rate(pool: &Pool, code: &Compiled) -> f64 {
    let (count, begun) = (2_000_u32, Instant::now());
    for _ in 0..count {
        invoke(pool, code, "{}", &limits()).1.result.expect("it succeeds");
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

/// Milliseconds after its deadline at which a function that doesn't end was ended: the median of ten, and the most.
fn overrun(pool: &Pool, source: &str) -> (f64, f64) {
    let (code, limits) = (compiled(source), Limits { time: DEADLINE, ..limits() });
    let mut over: Vec<f64> = (0..10)
        .map(|_| {
            // The last one's heap is freed meanwhile.
            std::thread::sleep(Duration::from_millis(100));
            let (time, invocation) = invoke(pool, &code, "{}", &limits);
            assert_eq!(invocation.result.expect_err("it is ended").name, error_names::TIME);
            (time.as_secs_f64() - DEADLINE.as_secs_f64()) * 1e3
        })
        .collect();
    over.sort_by(f64::total_cmp);
    (at(&over, 0.5), at(&over, 1.0))
}

fn main() {
    let mut bench = Bench { figures: BTreeMap::new() };
    let threads = Pool::threads(1).expect("threads");
    let child = ProcessOptions {
        program: Some(env!("CARGO_BIN_EXE_sandbox-child").into()),
        grace: Duration::from_millis(200),
        ..ProcessOptions::default()
    };
    let processes = Pool::processes(child).expect("processes");
    let (hello, event) = (compiled(HELLO), r#"{"name":"bob"}"#);

    times(&threads, &hello, event, 200);
    let sorted = times(&threads, &hello, event, 2_000);
    bench.note("js_hello_p50_us", "hello in a thread, fresh sandbox", at(&sorted, 0.5));
    bench.note("js_hello_p99_us", "the same", at(&sorted, 0.99));
    times(&processes, &hello, event, 200);
    let sorted = times(&processes, &hello, event, 2_000);
    bench.note("js_hello_process_p50_us", "hello in the project's process", at(&sorted, 0.5));
    bench.note("js_hello_process_p99_us", "the same", at(&sorted, 0.99));
    bench.note("js_hello_per_second", "hello after hello, one thread", rate(&threads, &hello));
    bench.note("js_loop_million_ms", "a loop of a million", at(&times(&threads, &compiled(LOOP), "{}", 20), 0.5) / 1e3);
    let (echo, items) = (compiled(ECHO), items());
    bench.note("js_json_100kb_ms", "100 KB of JSON in and out", at(&times(&threads, &echo, &items, 100), 0.5) / 1e3);
    let sorted = times(&processes, &echo, &items, 100);
    bench.note("js_json_100kb_process_ms", "the same in the project's process", at(&sorted, 0.5) / 1e3);
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let kib = sandbox_bytes().expect("a sandbox") as f64 / 1024.0;
    bench.note("js_sandbox_kib", "heap of a sandbox, ready", kib);
    for (name, what, source) in [
        ("js_loop_overrun_ms", "an endless loop, past its deadline", ENDLESS),
        ("js_regex_overrun_ms", "a regular expression that backtracks", REGEX),
        ("js_promise_overrun_ms", "promises that make promises", FLOOD),
    ] {
        let ((thread, most), (process, most_of_process)) = (overrun(&threads, source), overrun(&processes, source));
        bench.note(name, &format!("{what}; {:.3} at most", most.max(most_of_process)), thread.max(process));
    }
    let bomb = compiled(BOMB);
    let mut bombs: Vec<f64> = (0..10)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(100));
            let (time, invocation) = invoke(&processes, &bomb, "{}", &limits());
            assert_eq!(invocation.result.expect_err("it is ended").name, error_names::MEMORY);
            time.as_secs_f64() * 1e3
        })
        .collect();
    bombs.sort_by(f64::total_cmp);
    bench.note(
        "js_memory_bomb_ms",
        &format!("32 MiB filled until it is stopped; {:.3} at most", at(&bombs, 1.0)),
        at(&bombs, 0.5),
    );
    bench.write();
}

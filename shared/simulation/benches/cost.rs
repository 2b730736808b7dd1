//! What a task step costs on AWS: counts the requests of executions and multiplies them with the list prices.
//!
//! Requests are counted at the ports, which the AWS adapter turns into one request each (a send of ten messages is one).
//! Sizes are those of the stored items. Prices are those of us-east-1 on demand, in US dollars per million.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a program that prints figures"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use millrace_app::executions::LogId;
use millrace_app::ids::ExecutionId;
use millrace_app::keys;
use millrace_app::ports::{ExecutionLog, RecordStore};
use millrace_simulation::Call;
use millrace_simulation::world::{Trouble, World};
use serde_json::{Map, Value, json};

/// `https://aws.amazon.com/dynamodb/pricing/on-demand/`: write and read request units.
const WRITE_UNIT: f64 = 0.625;
const READ_UNIT: f64 = 0.125;
/// `https://aws.amazon.com/sqs/pricing/`: standard queues.
const SQS_REQUEST: f64 = 0.40;
/// `https://aws.amazon.com/lambda/pricing/`: requests, and a GB-second on arm64.
const LAMBDA_REQUEST: f64 = 0.20;
const LAMBDA_GB_SECOND: f64 = 0.000_013_333_4;
/// What a worker of 512 MB is billed for a message: the time of its requests, about 8 ms for the append and 4 ms for the
/// send. Messages of a batch are handled at the same time.
const MEMORY_GB: f64 = 0.5;
const INVOCATION_SECONDS: f64 = 0.012;

fn definition(tasks: usize) -> Value {
    let states: Map<String, Value> = (0..tasks)
        .map(|step| {
            let mut state = json!({ "Type": "Task", "Resource": "millrace:agent:dev", "ResultPath": null });
            match step + 1 {
                next if next == tasks => state["End"] = json!(true),
                next => state["Next"] = json!(format!("Step {next}")),
            }
            (format!("Step {step}"), state)
        })
        .collect();
    json!({ "StartAt": "Step 0", "States": states })
}

/// The bytes of a body as the AWS adapter stores it: packed where it is long.
fn stored(body: &str) -> usize {
    if body.len() <= 800 {
        return body.len();
    }
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body.as_bytes()).expect("memory");
    encoder.finish().expect("memory").len().min(body.len())
}

/// Write units of an item.
fn units(bytes: usize) -> u64 {
    bytes.div_ceil(1024).max(1) as u64
}

/// What one execution asked for.
#[derive(Debug, Default)]
struct Requests {
    steps: u64,
    log_writes: u64,
    log_units: u64,
    record_writes: u64,
    record_units: u64,
    reads: u64,
    sends: u64,
    messages: u64,
    largest_entry: usize,
}

async fn count(tasks: usize) -> Requests {
    let input = json!({ "order": "4711", "customer": { "name": "Ada", "city": "London" } });
    let world = World {
        definition: definition(tasks).to_string(),
        input,
        seed: 1,
        trouble: Trouble::default(),
        stop_after: None,
    };
    let (ending, memory) = world.run_and_keep().await;
    let id = ExecutionId::derived("world");
    let mut requests = Requests { steps: tasks as u64, ..Requests::default() };
    for entry in memory.entries(&LogId::root(id.clone()), 0, 100_000).await.expect("memory") {
        // PK, SK, at, body, expires_at with their names, as DynamoDB counts them.
        let bytes = entry.log.to_string().len() + stored(&entry.body) + 80;
        requests.log_writes += 1;
        requests.log_units += units(bytes);
        requests.largest_entry = requests.largest_entry.max(bytes);
    }
    let record = memory.get(&keys::execution(&id)).await.expect("memory").expect("the execution's record");
    let size = stored(&record.body.to_string()) + 400;
    requests.record_writes =
        ending.calls.iter().filter(|(call, _)| matches!(call, Call::RecordWrite(_))).map(|(_, times)| times).sum();
    // The start writes the table and three indexes; the end the table, the owner's index, the status's twice (its key
    // changes) and removes it from the index of what is due.
    requests.record_units = units(size) * (4 + 5);
    for (call, times) in &ending.calls {
        match call {
            Call::LogRead | Call::RecordGet | Call::RecordQuery => requests.reads += times,
            Call::Send(messages) => {
                requests.sends += times;
                requests.messages += *messages as u64 * times;
            }
            _ => {}
        }
    }
    requests
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
impl Requests {
    /// US dollars per million steps, with `batch` messages an invocation.
    fn dollars(&self, batch: f64, with_record: bool) -> f64 {
        let record_units = if with_record { self.record_units } else { 0 };
        let dynamodb = (self.log_units + record_units) as f64 * WRITE_UNIT + self.reads as f64 * READ_UNIT;
        // A receive and a delete an invocation; what a batch sends goes in one request.
        let sqs = self.messages as f64 / batch * 3.0 * SQS_REQUEST;
        let invocations = self.messages as f64 / batch;
        let lambda = invocations * (LAMBDA_REQUEST + INVOCATION_SECONDS * MEMORY_GB * LAMBDA_GB_SECOND * 1e6);
        (dynamodb + sqs + lambda) / self.steps as f64
    }
}

/// Adds figures to `target/bench.json`.
fn write(figures: &BTreeMap<&str, f64>) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let file = target.join("bench.json");
    let stored = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<Map<String, Value>>(&bytes).ok());
    let mut all = stored.unwrap_or_default();
    all.extend(figures.iter().map(|(name, figure)| ((*name).to_owned(), json!(figure))));
    std::fs::write(&file, format!("{:#}\n", Value::Object(all))).expect("bench.json can be written");
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut figures = BTreeMap::new();
    println!(
        "{:>6} {:>7} {:>6} {:>8} {:>6} {:>6} {:>9} {:>10} {:>10}",
        "steps", "writes", "units", "records", "reads", "sends", "entry B", "$/M by 10", "$/M by 1"
    );
    for tasks in [10, 100] {
        let requests = runtime.block_on(count(tasks));
        let (ten, one) = (requests.dollars(10.0, true), requests.dollars(1.0, true));
        println!(
            "{:>6} {:>7} {:>6} {:>8} {:>6} {:>6} {:>9} {ten:>10.2} {one:>10.2}",
            requests.steps,
            requests.log_writes + requests.record_writes,
            requests.log_units + requests.record_units,
            requests.record_writes,
            requests.reads,
            requests.sends,
            requests.largest_entry,
        );
        println!(
            "{:>6} without the execution's record {:>36.2} {:>10.2}",
            "",
            requests.dollars(10.0, false),
            requests.dollars(1.0, false)
        );
        if tasks == 100 {
            figures.insert("usd_per_million_steps_batched", ten);
            figures.insert("usd_per_million_steps_unbatched", one);
        } else {
            figures.insert("usd_per_million_steps_batched_of_ten", ten);
            figures.insert("usd_per_million_steps_unbatched_of_ten", one);
        }
    }
    write(&figures);
}

//! Executions recorded from the real service, where the corpus lies beside the repository: those that this crate alone
//! can run. They are read where they are and never copied.
//!
//! Levels, each including the one before: L1 status, L2 output or error name, L3 cause, L4 event types in order (as a
//! multiset where the order is not determined), L5 every event's id, previous id and details.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::print_stdout, reason = "the table is the result")]

#[path = "corpus/compare.rs"]
mod compare;
mod driver;
#[path = "corpus/functions.rs"]
mod functions;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use compare::{same, same_events};
use driver::World;
use millrace_asl::{ExecutionContext, Outcome, PayloadLimit, StateMachine};
use serde_json::{Value, json};

/// What this interpreter reaches; a change that lowers a count fails.
const REACHED: Levels = [642, 636, 636, 354, 347];

type Levels = [usize; 5];

#[test]
fn recorded_executions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/asl/cases.json.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        println!("no corpus at {}: nothing compared", path.display());
        return;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let corpus: Value = serde_json::from_str(&text).unwrap();
    let only = option_env!("MILLRACE_CORPUS_CASE");
    let mut table: BTreeMap<&str, (usize, usize, Levels)> = BTreeMap::new();
    for case in corpus["cases"].as_array().unwrap().iter().filter(|case| is_ours(case)) {
        let id = case["id"].as_str().unwrap();
        if only.is_some_and(|only| !id.contains(only)) {
            continue;
        }
        let (levels, got) = score(case);
        let with_history = case["expected"].get("events").is_some();
        for area in [case["area"].as_str().unwrap(), "ALL"] {
            let row = table.entry(area).or_default();
            row.0 += 1;
            row.1 += usize::from(with_history);
            for (count, reached) in row.2.iter_mut().zip(levels) {
                *count += usize::from(reached);
            }
        }
        let full = if with_history { 5 } else { 3 };
        if let Some(level) = levels.iter().take(full).position(|reached| !reached) {
            println!("L{} {id}\n    {}", level + 1, got.chars().take(3000).collect::<String>());
        }
    }
    println!("{:24}{:>6}{:>6}{:>6}{:>6} of{:>6}{:>6}", "area", "n", "L1", "L2", "L3", "L4", "L5");
    for (area, (n, histories, levels)) in &table {
        let [l1, l2, l3, l4, l5] = levels;
        println!("{area:24}{n:6}{l1:6}{l2:6}{l3:6}{histories:6}{l4:6}{l5:6}");
    }
    if only.is_none() {
        let (_, _, reached) = table["ALL"];
        for (level, (reached, wanted)) in reached.iter().zip(REACHED).enumerate() {
            assert!(*reached >= wanted, "L{} reaches {reached}, it reached {wanted}", level + 1);
        }
    }
}

/// Of kind execution, needing nothing or Lambda functions.
fn is_ours(case: &Value) -> bool {
    case["kind"] == "execution"
        && case["aws_validated"] == true
        && case.get("nondeterministic").is_none_or(|flag| flag != true)
        && case.get("mock_config").is_none_or(Value::is_null)
        && (case["needs"] == json!(["none"]) || case["needs"] == json!(["lambda"]))
        && case["definition"].is_object()
}

fn score(case: &Value) -> ([bool; 5], String) {
    let machine = match StateMachine::from_value(&case["definition"]) {
        Ok(machine) => machine,
        Err(problem) => return ([false; 5], format!("{:?}", problem.diagnostics)),
    };
    let input = serde_json::from_str(case["input"].as_str().unwrap()).unwrap();
    let limited = ExecutionContext { payload_limit: PayloadLimit::Aws, ..driver::context() };
    let mut world = World::start_as(&machine, limited, input, functions::worker(case, &machine));
    assert!(world.run(100_000), "{}: doesn't end", case["id"]);
    let (status, output, error, cause) = match world.outcome() {
        Some(Outcome::Succeeded { output }) => ("SUCCEEDED", json!(output.to_string()), Value::Null, Value::Null),
        Some(Outcome::Failed { failure }) => ("FAILED", Value::Null, json!(failure.error), json!(failure.cause)),
        Some(Outcome::TimedOut) => ("TIMED_OUT", Value::Null, Value::Null, Value::Null),
        Some(Outcome::Aborted { .. }) => ("ABORTED", Value::Null, Value::Null, Value::Null),
        None => ("RUNNING", Value::Null, Value::Null, Value::Null),
    };
    let want = &case["expected"];
    let succeeded = want["status"] == "SUCCEEDED";
    let mut levels = [false; 5];
    levels[0] = want["status"] == status;
    levels[1] = levels[0]
        && if succeeded && !want["output"].is_null() {
            same(&want["output"], &output)
        } else {
            same(&want["error"], &error)
        };
    levels[2] = levels[1] && (succeeded || same(&want["cause"], &cause));
    let mut got = json!({ "status": status, "output": output, "error": error, "cause": cause }).to_string();
    got = format!(
        "{got}\n    wanted {}",
        json!({ "status": want["status"], "output": want["output"], "error": want["error"], "cause": want["cause"] })
    );
    if let Some(expected) = want["events"].as_array() {
        let events: Vec<Value> = world.history().iter().map(compare::as_in_api).collect();
        let (types, all, difference) = same_events(expected, &events, &case["event_order"]);
        levels[3] = levels[2] && types;
        levels[4] = levels[3] && all;
        got = format!("{got}\n    {difference}");
    }
    (levels, got)
}

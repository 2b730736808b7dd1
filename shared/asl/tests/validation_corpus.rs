//! Validation against recordings from the real service, where the corpus lies beside the repository. They are read where
//! they are and never copied.
//!
//! L2: whether it is refused; L3: with the same texts and places, or read where it is accepted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::print_stdout, reason = "the table is the result")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use millrace_asl::StateMachine;
use millrace_asl::validation::{Options, WorkflowType, validate, variable_references};
use serde_json::{Value, json};

/// Recordings that can't pass, with the reason.
const KNOWN: &[(&str, &str)] =
    &[("Resource\":\"activity_arn", "the recording has a placeholder where the ARN of an activity was")];

fn cases() -> Option<Vec<Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/asl/cases.json.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        println!("no corpus at {}: nothing compared", path.display());
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let corpus: Value = serde_json::from_str(&text).unwrap();
    Some(corpus["cases"].as_array().unwrap().iter().filter(|case| case["aws_validated"] == true).cloned().collect())
}

fn definition(case: &Value) -> String {
    case["definition_text"].as_str().map_or_else(|| case["definition"].to_string(), ToOwned::to_owned)
}

fn options(kind: &Value) -> Options {
    Options::for_type(if kind == "EXPRESS" { WorkflowType::Express } else { WorkflowType::Standard })
}

#[test]
fn recorded_validations() {
    let Some(cases) = cases() else { return };
    let mut table: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let text = definition(case);
        let (kind, l2, l3, got) = match case["kind"].as_str().unwrap() {
            "create_error" if case["expected"]["error_response"]["code"] == "InvalidDefinition" => {
                let got = validate(&text, &options(&case["type"]));
                let wanted = case["expected"]["error_response"]["message"].as_str().unwrap();
                ("create_error", !got.is_valid(), wanted == got.message(), got.message())
            }
            "validate" => {
                let got = validate(&text, &options(&case["request"]["type"]));
                let got = json!({
                    "diagnostics": got.diagnostics, "result": if got.is_valid() { "OK" } else { "FAIL" },
                    "truncated": got.truncated,
                });
                let wanted = &case["expected"]["response"];
                ("validate", got["result"] == wanted["result"], got == *wanted, got.to_string())
            }
            "variable_references" => {
                let got = json!(variable_references(&case["definition"]));
                let same = got == case["expected"]["variableReferences"];
                ("variable_references", same, same, got.to_string())
            }
            "test_state" => continue,
            _ if text == "null" => continue,
            _ => {
                let got = validate(&text, &options(&case["type"]));
                let read = StateMachine::parse(&text).map(drop);
                let said = read.as_ref().err().map_or_else(|| got.message(), ToString::to_string);
                ("valid", got.is_valid(), got.is_valid() && read.is_ok(), said)
            }
        };
        let known = KNOWN.iter().find(|(part, _)| text.contains(part));
        if let Some((_, reason)) = known.filter(|_| !l3) {
            println!("known: {id}: {reason}");
            continue;
        }
        for (count, reached) in table.entry(kind).or_default().iter_mut().zip([true, l2, l3]) {
            *count += usize::from(reached);
        }
        if !l3 {
            println!("{kind} {id}\n    {text}\n    {}\n    got {got}", case["expected"]);
        }
    }
    println!("{:24}{:>6}{:>6}{:>6}", "kind", "n", "L2", "L3");
    for (kind, [n, l2, l3]) in &table {
        println!("{kind:24}{n:6}{l2:6}{l3:6}");
    }
    for (kind, [n, l2, l3]) in &table {
        assert_eq!((n, n), (l2, l3), "{kind}");
    }
}

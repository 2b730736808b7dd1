//! Random definitions, paths, intrinsic functions and JSONata: nothing panics, everything ends, and what validation
//! accepts can be read and run.
//!
//! `MILLRACE_SEEDS=1000000 cargo nextest run -p millrace-asl --test fuzz` tries a million of each; `MILLRACE_SEED=7` tries
//! one. A failure names its seed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(missing_docs, unreachable_pub, clippy::print_stdout, reason = "tests")]

#[path = "fuzz/definitions.rs"]
mod definitions;
#[path = "fuzz/texts.rs"]
mod texts;

use definitions::Maker;
use millrace_asl::query::{Entropy, Expression, Jsonata, Path, ReferencePath, Scope};
use millrace_asl::validation::{Options, parse_json, validate, validate_value, variable_references};
use millrace_asl::{ExecutionContext, Moment, PayloadLimit, StateMachine, Timestamp, start};
use serde_json::{Value, json};

/// Calls `check` with a random source for each seed.
#[expect(clippy::disallowed_methods, reason = "how many seeds is asked by the environment")]
fn seeds(fewest: u64, check: impl Fn(u64, &mut Entropy)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let range = match number("MILLRACE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("MILLRACE_SEEDS").unwrap_or(fewest),
    };
    for seed in range {
        check(seed, &mut Entropy::from_u64(seed));
    }
}

fn data() -> (Value, Value) {
    let input = json!({
        "a": { "b": [1, 2, { "x": "t" }], "b-c": null }, "list": [3, "é", [true], { "x": 2 }], "x": 5, "t": "text",
    });
    (input, json!({ "Execution": { "Id": "id", "Name": "n" }, "State": { "Name": "S" } }))
}

#[test]
fn paths() {
    let (input, context) = data();
    let scope = Scope::new(&input, &context);
    seeds(20_000, |_, entropy| {
        let text = texts::path(entropy);
        if let Ok(path) = Path::parse(&text) {
            let _ = path.read(&scope);
            assert_eq!(path.text(), text);
        }
        if let Ok(path) = ReferencePath::parse(&text) {
            let _ = path.write(input.clone(), json!(1));
        }
    });
}

#[test]
fn intrinsic_functions() {
    let (input, context) = data();
    let scope = Scope::new(&input, &context);
    seeds(20_000, |_, entropy| {
        let text = texts::intrinsic(entropy);
        if let Ok(expression) = Expression::parse(&text) {
            let _ = expression.evaluate("f.$", &scope, entropy);
        }
    });
}

#[test]
fn jsonata_expressions() {
    let (input, context) = data();
    let scope = Scope::new(&input, &context);
    seeds(3_000, |_, entropy| {
        let text = texts::jsonata(entropy);
        if let Ok(expression) = Jsonata::parse(&text) {
            let _ = expression.top_level_references();
            let _ = expression.evaluate("Output", &scope, entropy);
        }
        let _ = variable_references(&json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": { "Type": "Pass", "Output": format!("{{% {text} %}}"), "End": true } } }));
    });
}

#[test]
fn texts_of_definitions() {
    seeds(5_000, |_, entropy| {
        let text = Maker::new(entropy).definition().to_string();
        let cut: String =
            text.chars().take(usize::try_from(entropy.below(text.chars().count() as u64)).unwrap()).collect();
        assert!(!validate(&cut, &Options::default()).is_valid(), "{cut}");
        assert!(parse_json(&cut).is_err(), "{cut}");
    });
}

#[test]
fn what_is_accepted_can_be_read_and_begun() {
    let execution = ExecutionContext {
        id: "arn:aws:states:us-east-1:123456789012:execution:m:n".to_owned(),
        name: "n".to_owned(),
        start_time: Timestamp::default(),
        role_arn: String::new(),
        input: None,
        state_machine_id: "m".to_owned(),
        state_machine_name: "m".to_owned(),
        deadline: None,
        key: "log".to_owned(),
        payload_limit: PayloadLimit::None,
        redrive_count: Some(0),
    };
    let accepted = std::cell::Cell::new(0);
    let tried = std::cell::Cell::new(0);
    seeds(3_000, |seed, entropy| {
        let definition = Maker::new(entropy).definition();
        let found = validate_value(&definition, &Options::default());
        let _ = variable_references(&definition);
        tried.set(tried.get() + 1);
        if !found.is_valid() {
            assert!(!found.diagnostics.is_empty());
            return;
        }
        accepted.set(accepted.get() + 1);
        let machine = StateMachine::from_value(&definition)
            .unwrap_or_else(|problem| panic!("seed {seed}: {definition}\n{:?}", problem.diagnostics));
        let (input, _) = data();
        let moment = Moment { now: Timestamp::default(), seed };
        let _ = start(&machine, execution.clone(), input, moment);
    });
    println!("{} of {} accepted", accepted.get(), tried.get());
    assert!(tried.get() < 100 || accepted.get() * 20 > tried.get(), "{} of {}", accepted.get(), tried.get());
}

/// Found by seed 12838 of the definitions: reading an expression of some hundred levels ran out of stack.
#[test]
fn deep_expressions() {
    let (input, context) = data();
    let scope = Scope::new(&input, &context);
    for (before, middle, after) in [
        ("", "$states.input", ".a"),
        ("", "1", "+1"),
        ("", "$states.input", " ~> $keys"),
        ("", "$states.input.list", "[0]"),
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{'a':", "1", "}"),
        ("$string(", "1", ")"),
        ("function(){", "1", "}"),
        ("", "1", "?1:1"),
        ("-", "1", ""),
        ("", "$states.input.list", "^($)"),
    ] {
        for count in [40, 97, 120, 400, 20_000] {
            let text = format!("{}{middle}{}", before.repeat(count), after.repeat(count));
            if let Ok(expression) = Jsonata::parse(&text) {
                let _ = expression.top_level_references();
                let _ = expression.evaluate("Output", &scope, &mut Entropy::from_u64(1));
            }
        }
    }
}

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn evaluate(text: &str, input: &Value) -> Result<Value, QueryFailure> {
    let context = json!({"Execution": {"Name": "run"}});
    let intrinsic = Intrinsic::parse(text).unwrap_or_else(|error| panic!("{error}"));
    intrinsic.evaluate(&Scope::new(input, &context), &mut Entropy::from_u64(11))
}

#[track_caller]
fn gives(text: &str, expected: Value) {
    let input = json!({
        "a": 1, "f": 1.0, "s": "word", "list": [1, 2, 2, "x", {"p": 1, "q": 2}, {"q": 2, "p": 1}], "empty": [],
        "o": {"k": [1]}, "z": null, "t": "n={}", "json": "{\"a\": [1, -0]}"
    });
    let value = evaluate(text, &input).unwrap_or_else(|failure| panic!("{text}: {failure}"));
    assert_eq!(value.to_string(), expected.to_string(), "{text}");
}

#[track_caller]
fn refuses(text: &str) {
    let failure = evaluate(text, &json!({"a": 1, "big": "x".repeat(10_001)})).expect_err(text);
    assert_eq!(failure.error, "States.Runtime");
    let name = text.split('(').next().unwrap_or_default();
    assert_eq!(failure.cause, format!("The function '{text}' had the following error: Invalid arguments in {name}"));
}

#[test]
fn format() {
    gives("States.Format('Hello {}, {} and {}', $.s, $.f, null)", json!("Hello word, 1.0 and null"));
    gives("States.Format($.t, true)", json!("n=true"));
    gives(r"States.Format('\{\} it\'s {} \\', $.o)", json!("{} it's {\"k\":[1]} \\"));
    gives("States.Format('{}', $.z)", json!("null"));
    for (text, cause) in [
        (
            "States.Format('{}')",
            "Invalid arguments in States.Format: number of arguments do not match the occurrences of {}.",
        ),
        (
            "States.Format('x', 1)",
            "Invalid arguments in States.Format: number of arguments do not match the occurrences of {}.",
        ),
        ("States.Format('{a}', 1)", "Invalid template in States.Format: matching '}' not found for '{'."),
    ] {
        let failure = evaluate(text, &json!({})).unwrap_err();
        assert_eq!(failure.cause, format!("The function '{text}' had the following error: {cause}"));
    }
}

#[test]
fn arrays() {
    gives("States.Array()", json!([]));
    gives("States.Array($.a, 'x', 1.5, null, true, States.Array(-2))", json!([1, "x", 1.5, null, true, [-2]]));
    gives("States.ArrayContains($.list, 'x')", json!(true));
    gives("States.ArrayContains($.list, '1')", json!(false));
    gives("States.ArrayGetItem($.list, 3)", json!("x"));
    gives("States.ArrayLength($.list)", json!(6));
    gives("States.ArrayPartition($.list[0:3], 2)", json!([[1, 2], [2]]));
    gives("States.ArrayPartition($.empty, 2)", json!([]));
    gives("States.ArrayUnique($.list)", json!([1, 2, "x", {"p": 1, "q": 2}]));
    for text in [
        "States.ArrayContains($.a, 1)",
        "States.ArrayGetItem(States.Array(1), 1)",
        "States.ArrayGetItem(States.Array(1), -1)",
        "States.ArrayLength($.a)",
        "States.ArrayPartition(States.Array(1), 0)",
        "States.ArrayPartition(States.Array(1), 0.9)",
        "States.ArrayUnique('x')",
    ] {
        refuses(text);
    }
}

#[test]
fn array_range() {
    gives("States.ArrayRange(1, 9, 3)", json!([1, 4, 7]));
    gives("States.ArrayRange(5, 1, -2)", json!([5, 3, 1]));
    gives("States.ArrayRange(3, 3, -1)", json!([3]));
    gives("States.ArrayRange(5, 1, 1)", json!([]));
    gives("States.ArrayRange(5.4, -0.6, -2.4)", json!([5, 3, 1]));
    gives("States.ArrayLength(States.ArrayRange(1, 1000, 1))", json!(1000));
    for text in ["States.ArrayRange(1, 1001, 1)", "States.ArrayRange(1, 2, 0)", "States.ArrayRange('a', 2, 1)"] {
        refuses(text);
    }
}

#[test]
fn json_and_text() {
    gives("States.StringToJson($.json)", json!({"a": [1, 0]}));
    gives("States.StringToJson(' ')", json!(null));
    gives("States.JsonToString($.o)", json!("{\"k\":[1]}"));
    gives("States.JsonMerge($.o, States.StringToJson('{\"k\": 2, \"l\": 3}'), false)", json!({"k": 2, "l": 3}));
    gives("States.StringSplit('a-b,,c', ',-')", json!(["a", "b", "c"]));
    gives("States.StringSplit('a', '')", json!(["a"]));
    gives("States.Base64Encode($.s)", json!("d29yZA=="));
    gives("States.Base64Decode('d29yZA==')", json!("word"));
    for text in [
        "States.StringToJson('{')",
        "States.StringToJson($.a)",
        "States.JsonMerge($, $, true)",
        "States.JsonMerge($, $.a, false)",
        "States.StringSplit($.a, ',')",
        "States.Base64Encode($.big)",
        "States.Base64Decode('*')",
    ] {
        refuses(text);
    }
}

#[test]
fn hashes() {
    gives("States.Hash('abc', 'MD5')", json!("900150983cd24fb0d6963f7d28e17f72"));
    gives("States.Hash('abc', 'SHA-1')", json!("a9993e364706816aba3e25717850c26c9cd0d89d"));
    gives("States.Hash('abc', 'SHA-256')", json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    gives(
        "States.Hash('abc', 'SHA-384')",
        json!("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
    );
    gives(
        "States.Hash('abc', 'SHA-512')",
        json!(concat!(
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a",
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        )),
    );
    refuses("States.Hash('abc', 'sha-256')");
    refuses("States.Hash($.big, 'MD5')");
}

#[test]
fn mathematics() {
    gives("States.MathAdd(111, -1)", json!(110));
    gives("States.MathAdd(1.5, 1.4)", json!(3));
    gives("States.MathAdd(-1.5, 0)", json!(-1));
    gives("States.MathAdd(2147483647, -1)", json!(2_147_483_646));
    for text in ["States.MathAdd(2147483647, 1)", "States.MathAdd('1', 1)", "States.MathAdd(3000000000, -2000000000)"] {
        refuses(text);
    }
    for text in [
        "States.MathRandom(1, 1)",
        "States.MathRandom(2, 1)",
        "States.MathRandom(1.4, 1.6)",
        "States.MathRandom(1, 9, null)",
    ] {
        refuses(text);
    }
    let draw = |text: &str| evaluate(text, &json!({})).unwrap().as_i64().unwrap();
    assert!((-5..5).contains(&draw("States.MathRandom(-5, 5)")));
    assert_eq!(draw("States.MathRandom(0, 1000000, 42)"), draw("States.MathRandom(0, 1000000, 42)"));
    assert_ne!(draw("States.MathRandom(0, 1000000, 42)"), draw("States.MathRandom(0, 1000000, 43)"));
}

#[test]
fn uuids_differ_within_one_evaluation() {
    let pair = evaluate("States.Array(States.UUID(), States.UUID())", &json!({})).unwrap();
    assert_ne!(pair[0], pair[1]);
    assert_eq!(pair[0].as_str().unwrap().len(), 36);
}

#[test]
fn a_missing_argument_is_named_with_the_whole_invocation() {
    for (text, field) in [
        ("States.Format('{} {}', $.a,  $.b.c)", "$.b.c"),
        ("States.Format('{}', States.JsonToString($.b))", "$.b"),
        ("States.Array($$.No.Way)", "$.No.Way"),
        ("States.Array($.l[4])", "$.l[4]"),
    ] {
        let failure = evaluate(text, &json!({"a": 1, "l": []})).unwrap_err();
        assert_eq!(failure.error, "States.Runtime");
        assert_eq!(
            failure.cause,
            format!(
                "The function '{text}' had the following error: The JsonPath argument for the field '{field}' could not \
                 be found in the input '{{\"a\":1,\"l\":[]}}'"
            )
        );
    }
    let failure = evaluate("States.Array($.a[0])", &json!({"a": 1})).unwrap_err();
    assert_eq!(
        failure.cause,
        "The function 'States.Array($.a[0])' had the following error: Filter: [0] can only be applied to arrays. Current \
         context is: 1"
    );
    gives("States.ArrayLength($.none[*].x)", json!(0));
}

#[test]
fn arguments_may_be_any_path() {
    gives("States.ArrayLength($.list[?(@ == 2)])", json!(2));
    gives("States.Array($['s'], $.list.length() , $$.Execution.Name)", json!(["word", 6, "run"]));
    gives("States.ArrayGetItem($.list[?(@.p in [1,2])], 0)", json!({"p": 1, "q": 2}));
}

#[test]
fn syntax_errors_have_positions() {
    for (text, position) in [
        ("States.Nope()", 0),
        ("States.UUID", 11),
        ("States.UUID(", 12),
        ("States.UUID() ", 13),
        ("States.UUID(1)", 0),
        ("States.Array(1,)", 15),
        ("States.Array(1 2)", 15),
        ("States.Array('x)", 13),
        (r#"States.Array('a\"b')"#, 15),
        ("States.Array(01)", 13),
        ("States.Array(word)", 13),
        ("States.Array($.a[)", 17),
        ("States.Array(States.MathAdd(1))", 13),
    ] {
        let error = Intrinsic::parse(text).expect_err(text);
        assert_eq!(error.position, position, "{error}");
    }
}

#[test]
fn nesting_and_growth_are_bounded() {
    let nested = |levels: usize| format!("{}{}", "States.Array(".repeat(levels), ")".repeat(levels));
    assert!(Intrinsic::parse(&nested(10)).is_ok());
    assert!(Intrinsic::parse(&nested(11)).is_err());
    assert!(Intrinsic::parse(&nested(1000)).is_err());

    let many = format!("States.Array({})", vec!["$"; 200].join(","));
    let failure = evaluate(&many, &json!("x".repeat(1024 * 1024))).unwrap_err();
    assert_eq!(failure.error, "States.DataLimitExceeded");
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in ".*") {
        let _ = Intrinsic::parse(&text);
    }

    #[test]
    fn call_like_text_never_panics(
        name in "(Format|Array|ArrayRange|Hash|StringSplit|StringToJson|MathRandom|ArrayPartition|Base64Decode)",
        arguments in r#"[\$\.a\[\]'\\{}0-9,\-e \(\)\*\?@"é]{0,30}"#,
    ) {
        if let Ok(intrinsic) = Intrinsic::parse(&format!("States.{name}({arguments})")) {
            let (input, context) = (json!({"a": [1, "x"]}), json!({}));
            let _ = intrinsic.evaluate(&Scope::new(&input, &context), &mut Entropy::from_u64(0));
        }
    }
}

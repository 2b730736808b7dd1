use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn data() -> Value {
    json!({
        "s": "abc", "n": 5, "f": 5.0, "b": true, "z": null, "t": "2030-01-31T12:00:00Z", "list": [1],
        "s2": "abd", "n2": 6, "t2": "2030-01-31T13:00:00+01:00", "o": {}
    })
}

fn holds(rule: Value) -> Result<bool, QueryFailure> {
    let (input, context) = (data(), json!({"State": {"RetryCount": 2}}));
    let variables = json!({"v": 5});
    let scope = Scope::new(&input, &context).with_variables(variables.as_object().unwrap());
    Rule::parse(&rule, "/Choices/0").unwrap_or_else(|problems| panic!("{rule}: {problems:?}")).holds(&scope)
}

#[track_caller]
fn check(variable: &str, operator: &str, value: Value, expected: bool) {
    let mut rule = json!({"Variable": variable, "Next": "X"});
    rule[operator] = value;
    assert_eq!(holds(rule.clone()).unwrap(), expected, "{rule}");
}

#[test]
fn every_comparison_in_both_forms() {
    for (kind, variable, less, equal, more, paths) in [
        ("String", "$.s", json!("abb"), json!("abc"), json!("abcd"), ["$.s", "$.s2"]),
        ("Numeric", "$.n", json!(4.5), json!(5.0), json!(6), ["$.f", "$.n2"]),
        (
            "Timestamp",
            "$.t",
            json!("2030-01-31T11:59:59.9Z"),
            json!("2030-01-31T14:00:00+02:00"),
            json!("2030-01-31T12:00:00.001Z"),
            ["$.t2", ""],
        ),
    ] {
        for (operator, outcomes) in [
            ("Equals", [false, true, false]),
            ("LessThan", [false, false, true]),
            ("GreaterThan", [true, false, false]),
            ("LessThanEquals", [false, true, true]),
            ("GreaterThanEquals", [true, true, false]),
        ] {
            let [on_less, on_equal, on_more] = outcomes;
            check(variable, &format!("{kind}{operator}"), less.clone(), on_less);
            check(variable, &format!("{kind}{operator}"), equal.clone(), on_equal);
            check(variable, &format!("{kind}{operator}"), more.clone(), on_more);
            check(variable, &format!("{kind}{operator}Path"), json!(paths[0]), on_equal);
            if !paths[1].is_empty() {
                check(variable, &format!("{kind}{operator}Path"), json!(paths[1]), on_more);
            }
        }
    }
    check("$.b", "BooleanEquals", json!(true), true);
    check("$.b", "BooleanEqualsPath", json!("$.b"), true);
    check("$$.State.RetryCount", "NumericEquals", json!(2), true);
    check("$v", "NumericEqualsPath", json!("$.n"), true);
}

#[test]
fn another_type_is_false() {
    for variable in ["$.n", "$.b", "$.z", "$.list", "$.o"] {
        check(variable, "StringEquals", json!("abc"), false);
        check(variable, "StringMatches", json!("*"), false);
        check(variable, "TimestampLessThan", json!("2099-01-01T00:00:00Z"), false);
    }
    check("$.s", "NumericEquals", json!(5), false);
    check("$.s", "TimestampEquals", json!("2030-01-31T12:00:00Z"), false);
    check("$.n", "BooleanEquals", json!(true), false);
    check("$.n", "NumericEqualsPath", json!("$.s"), false);
    check("$.s", "StringEqualsPath", json!("$.n"), false);
}

#[test]
fn type_tests() {
    for (operator, matching) in [
        ("IsNull", vec!["$.z"]),
        ("IsNumeric", vec!["$.n", "$.f"]),
        ("IsString", vec!["$.s", "$.t"]),
        ("IsBoolean", vec!["$.b"]),
        ("IsTimestamp", vec!["$.t"]),
        ("IsPresent", vec!["$.z", "$.n", "$.f", "$.s", "$.t", "$.b", "$.o", "$.list[0]"]),
    ] {
        for variable in ["$.z", "$.n", "$.f", "$.s", "$.t", "$.b", "$.o", "$.list[0]"] {
            let expected = matching.contains(&variable) || (operator == "IsNumeric" && variable == "$.list[0]");
            check(variable, operator, json!(true), expected);
            check(variable, operator, json!(false), !expected);
        }
    }
}

#[test]
fn a_missing_path_fails_except_for_presence() {
    for path in ["$.none", "$.none.deep", "$.list[4]", "$.s.x", "$.n[0]", "$w"] {
        check(path, "IsPresent", json!(true), false);
        check(path, "IsPresent", json!(false), true);
        let failure = holds(json!({"Variable": path, "IsNull": true})).unwrap_err();
        assert_eq!(failure.error, "States.Runtime");
        assert_eq!(
            failure.cause,
            format!("Invalid path '{path}': The choice state's condition path references an invalid value.")
        );
        assert!(holds(json!({"Variable": "$.n", "NumericEqualsPath": path})).is_err());
    }
}

#[test]
fn logic_stops_where_it_can() {
    let (yes, no) = (json!({"Variable": "$.n", "IsNumeric": true}), json!({"Variable": "$.n", "IsNull": true}));
    let broken = json!({"Variable": "$.none", "IsNull": true});
    assert!(holds(json!({"And": [yes, yes]})).unwrap());
    assert!(!holds(json!({"And": [no, broken]})).unwrap());
    assert!(holds(json!({"And": [yes, broken]})).is_err());
    assert!(holds(json!({"Or": [no, yes, broken]})).unwrap());
    assert!(!holds(json!({"Or": [no, no]})).unwrap());
    assert!(holds(json!({"Not": {"And": [yes, {"Not": yes}]}})).unwrap());
}

#[test]
fn matches_patterns() {
    check("$.s", "StringMatches", json!("a*"), true);
    check("$.s", "StringMatches", json!("a\\*"), false);
}

#[test]
fn problems_have_places() {
    for (rule, pointer) in [
        (json!(1), "/c"),
        (json!({}), "/c"),
        (json!({"Variable": "$.a"}), "/c"),
        (json!({"Variable": "$.a", "IsNull": true, "IsString": true}), "/c"),
        (json!({"IsNull": true}), "/c"),
        (json!({"Variable": "a", "IsNull": true}), "/c/Variable"),
        (json!({"Variable": "$.a", "IsNull": "yes"}), "/c/IsNull"),
        (json!({"Variable": "$.a", "NumericEquals": "1"}), "/c/NumericEquals"),
        (json!({"Variable": "$.a", "TimestampEquals": "today"}), "/c/TimestampEquals"),
        (json!({"Variable": "$.a", "StringEqualsPath": "b"}), "/c/StringEqualsPath"),
        (json!({"Variable": "$.a", "StringMatches": "\\x"}), "/c/StringMatches"),
        (json!({"Variable": "$.a", "BooleanLessThan": true, "IsNull": true}), "/c/BooleanLessThan"),
        (json!({"And": []}), "/c/And"),
        (json!({"Or": [{"Variable": "$.a", "IsNull": true, "Next": "X"}]}), "/c/Or/0/Next"),
        (json!({"Not": {"Not": []}}), "/c/Not/Not"),
    ] {
        let problems = Rule::parse(&rule, "/c").expect_err("a problem");
        assert_eq!(problems[0].pointer, pointer, "{rule}: {problems:?}");
    }
    let deep = (0..100).fold(json!({"Variable": "$", "IsNull": true}), |rule, _| json!({"Not": rule}));
    assert!(Rule::parse(&deep, "").is_err());
}

#[test]
fn names_its_variables() {
    let rule =
        json!({"And": [{"Variable": "$a.x", "NumericEqualsPath": "$b"}, {"Not": {"Variable": "$a", "IsNull": true}}]});
    assert_eq!(Rule::parse(&rule, "").unwrap().variables(), ["a", "b"]);
}

proptest! {
    #[test]
    fn texts_never_panic(variable in ".{0,20}", pattern in ".{0,20}", text in ".{0,20}") {
        let rule = json!({"Variable": variable, "StringMatches": pattern});
        if let Ok(rule) = Rule::parse(&rule, "") {
            let (input, context) = (Value::String(text.clone()), json!({}));
            let _ = rule.holds(&Scope::new(&input, &context));
        }
        let _ = parse_timestamp(&text);
    }
}

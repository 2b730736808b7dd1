//! What expressions give, and that none does harm.

use serde_json::{Map, Value, json};

use super::*;
use crate::Timestamp;

/// Evaluates against a document, as JSONata does outside of state machines: the code or the value.
fn against(text: &str, document: Option<&Value>, variables: &Map<String, Value>) -> Result<Option<Value>, String> {
    let expression = match parser::parse(text).and_then(process::process) {
        Ok(parsed) => parsed,
        Err(problem) => return Err(format!("{}: {}", problem.code, problem.words())),
    };
    let context = json!({});
    let none = Value::Null;
    let scope = Scope::new(&none, &context).with_variables(variables).at(Timestamp::from_millis(1_767_225_600_000));
    let mut entropy = Entropy::from_u64(1);
    let root = document.map_or(Val::Undefined, Val::from);
    let mut evaluation = Evaluation::new(scope, &expression.1, true, &mut entropy).with_root(root.clone());
    let input = if root.is_array() { Val::sequence(vec![root]) } else { root };
    match evaluation.evaluate(&expression.0, &input, 0) {
        Ok(Val::Undefined) => Ok(None),
        Ok(value) => Ok(Some(value.into_json())),
        Err(problem) => Err(format!("{}: {}", problem.code, problem.words())),
    }
}

fn order() -> Value {
    json!({
        "customer": { "name": "Ada", "phones": ["1", "2"] },
        "lines": [
            { "item": "pen", "price": 2.5, "count": 4, "tags": ["blue"] },
            { "item": "ink", "price": 9, "count": 1, "tags": ["blue", "black"] },
            { "item": "pad", "price": 4, "count": 2, "tags": [] },
        ],
    })
}

/// What an expression gives, as JSON text; `undefined`, or the code and words of what went wrong.
fn gives(text: &str) -> String {
    let order = order();
    let variables = json!({ "factor": 10, "empty": [], "big": 9_007_199_254_740_993_u64 });
    match against(text, Some(&order), variables.as_object().unwrap()) {
        Ok(Some(value)) => value.to_string(),
        Ok(None) => "undefined".to_owned(),
        Err(words) => words,
    }
}

#[test]
fn the_language() {
    for (text, wanted) in [
        ("customer.name", r#""Ada""#),
        ("nothing.here", "undefined"),
        ("lines.item", r#"["pen","ink","pad"]"#),
        ("lines[0].item", r#""pen""#),
        ("lines[-1].item", r#""pad""#),
        ("lines[price > 3].item", r#"["ink","pad"]"#),
        ("lines[price > 5].item", r#""ink""#),
        ("lines[price > 5].item[]", r#"["ink"]"#),
        ("lines.tags", r#"["blue","blue","black"]"#),
        ("lines.(price * count)", "[10,9,8]"),
        ("$sum(lines.(price * count))", "27"),
        ("lines^(>price).item", r#"["ink","pad","pen"]"#),
        ("lines{tags[0]: $sum(price)}", r#"{"blue":11.5}"#),
        ("lines#$i.{'n': $i, 'item': item}[0]", r#"{"n":0,"item":"pen"}"#),
        ("lines@$l.customer.{'item': $l.item, 'by': name}[1]", r#"{"item":"ink","by":"Ada"}"#),
        ("lines.tags.{'of': %.item, 'tag': $}[2]", r#"{"of":"ink","tag":"black"}"#),
        ("**.name", r#""Ada""#),
        ("customer.*", r#"["Ada","1","2"]"#),
        ("[1..4]", "[1,2,3,4]"),
        ("[3..3]", "[3]"),
        ("$count([5..1])", "0"),
        ("1 + 2 * 3 - 4 / 2 % 3", "5"),
        ("-customer.age", "undefined"),
        ("'a' & 1 & true & null & nothing", r#""a1truenull""#),
        ("1 = 1.0 and 'a' != 'b' or nothing", "true"),
        ("'b' in ['a', 'b']", "true"),
        ("1 < 2 ? 'yes' : 'no'", r#""yes""#),
        ("false ? 'yes'", "undefined"),
        ("($x := 2; $y := $x * $factor; $y + $x)", "22"),
        ("($f := function($n) { $n < 2 ? 1 : $n * $f($n - 1) }; $f(5))", "120"),
        ("($f := function($n, $sum) { $n = 0 ? $sum : $f($n - 1, $sum + $n) }; $f(10000, 0))", "50005000"),
        ("$map(lines, function($l, $i) { $i & $l.item })", r#"["0pen","1ink","2pad"]"#),
        ("$filter(lines, λ($l) { $l.count > 1 }).item", r#"["pen","pad"]"#),
        ("$reduce([1, 2, 3], function($a, $b) { $a * 10 + $b })", "123"),
        ("$sift(lines[0], function($v) { $type($v) = 'number' })", r#"{"price":2.5,"count":4}"#),
        ("$each(customer, function($v, $k) { $k })", r#"["name","phones"]"#),
        ("$sort(lines, function($a, $b) { $a.price > $b.price }).item", r#"["pen","pad","ink"]"#),
        ("customer.name ~> $uppercase ~> $length", "3"),
        ("($trimmed := $trim ~> $uppercase; $trimmed('  a  b '))", r#""A B""#),
        ("($half := $substring(?, 0, 2); $half('abc'))", r#""ab""#),
        ("customer ~> |$|{'name': 'Bo', 'old': name}, 'phones'|", r#"{"name":"Bo","old":"Ada"}"#),
        ("$replace('2026-01-31', /(\\d+)-(\\d+)-(\\d+)/, '$3.$2.$1')", r#""31.01.2026""#),
        ("$match('ab12', /[a-z](\\d)/).groups", r#"["1"]"#),
        ("$split('a, b;c', /[,;] ?/)", r#"["a","b","c"]"#),
        ("$contains('abc', /B/i)", "true"),
        ("$join($split('a b', ' '), '-')", r#""a-b""#),
        ("$string({'a': [1.50, null]})", r#""{\"a\":[1.5,null]}""#),
        ("$number('0x1F') + $number('1e2')", "131"),
        ("$round(2.5) & $round(3.5) & $round(-1.25, 1)", r#""24-1.2""#),
        ("$formatNumber(1234.5, '#,##0.00')", r#""1,234.50""#),
        ("$formatBase(255, 16)", r#""ff""#),
        ("$formatInteger(1999, 'I') & $formatInteger(3, 'w;o')", r#""MCMXCIXthird""#),
        ("$parseInteger('twelve thousand and four', 'w')", "12004"),
        ("$merge([{'a': 1}, {'b': 2}])", r#"{"a":1,"b":2}"#),
        ("$spread({'a': 1, 'b': 2})", r#"[{"a":1},{"b":2}]"#),
        ("$distinct([1, 2, 1])", "[1,2]"),
        ("$zip([1, 2], ['a', 'b'])", r#"[[1,"a"],[2,"b"]]"#),
        ("$single(lines, function($l) { $l.item = 'ink' }).price", "9"),
        ("$keys(lines)", r#"["item","price","count","tags"]"#),
        ("$lookup(customer, 'name')", r#""Ada""#),
        ("$exists(nothing) or $boolean($empty) or $not(true)", "false"),
        ("$toMillis('1970-01-02T00:00:00Z')", "86400000"),
        ("$toMillis('31.12.1969 23', '[D01].[M01].[Y0001] [H01]')", "-3600000"),
        ("$fromMillis(1767225600000, '[FNn], [D1o] [MNn] [Y]', '+0100')", r#""Thursday, 1st January 2026""#),
        ("$now()", r#""2026-01-01T00:00:00.000Z""#),
        ("$millis()", "1767225600000"),
        ("$base64decode($base64encode('a~'))", r#""a~""#),
        ("$encodeUrlComponent('a b/ü')", r#""a%20b%2F%C3%BC""#),
        ("$decodeUrl('a%20b%2F')", r#""a b%2F""#),
        ("$pad('x', -3, '#') & $pad('x', 3)", r###""##xx  ""###),
        ("$big", "9007199254740993"),
        ("/* a note */ `customer`.\"name\"", r#""Ada""#),
    ] {
        assert_eq!(gives(text), wanted, "{text}");
    }
}

#[test]
fn what_the_service_adds_and_leaves_out() {
    for (text, wanted) in [
        ("$partition([1, 2, 3], 2)", "[[1,2],[3]]"),
        ("$partition([1], 2.9)", "[[1]]"),
        ("$range(0, 6, 2)", "[0,2,4,6]"),
        ("$range(-1.7, 2, 1)", "[-1,0,1,2]"),
        ("$range(3, 0, -2)", "[3,1]"),
        ("$range(1, 9, 9)", "1"),
        ("$range(1, 9, 0)", "undefined"),
        ("$hash('input', 'SHA-1')", r#""140f86aae51ab9e1cda9b4254fe98a74eb54c1a1""#),
        ("$random(42)", "0.7275636800328681"),
        ("$random() < 1", "true"),
        ("$length($uuid())", "36"),
        (r#"$parse('{"a": [1, -0]}').a"#, "[1,0]"),
        ("1/0", r#""Infinity""#),
        ("[-1/0]", r#"["-Infinity"]"#),
        ("$eval('1 + 1')", "T1006: Attempted to invoke a non-function"),
        ("$$", r#"{"customer":{"name":"Ada","phones":["1","2"]}}"#),
    ] {
        let got = gives(text);
        assert!(got == wanted || text == "$$" && got.contains("Ada"), "{text}: {got}");
    }
    assert_eq!(gives("$random() = $random()"), "false");
    assert_eq!(gives("$shuffle([1..100])"), gives("$shuffle([1..100])"), "the same entropy gives the same");
}

#[test]
fn errors_in_the_words_of_the_language() {
    for (text, wanted) in [
        ("1 + 'a'", r#"T2002: The right side of the "+" operator must evaluate to a number"#),
        (
            "customer < 1",
            r#"T2010: The expressions either side of operator "<" must evaluate to numeric or string values"#,
        ),
        ("1 < 'a'", r#"T2009: The values 1 and "a" either side of operator "<" must be of the same data type"#),
        ("$abs('a')", r#"T0410: Argument 1 of function "abs" does not match function signature"#),
        ("$sum(['a'])", r#"T0412: Argument 1 of function "sum" must be an array of "numbers""#),
        ("$number('a')", r#"D3030: Unable to cast value to a number: "a""#),
        ("summe(1)", "T1006: Attempted to invoke a non-function"),
        ("($sum := 1; sum(1))", "T1005: Attempted to invoke a non-function. Did you mean $sum?"),
        ("{'a': 1, 'a': 2}", r#"D1009: Multiple key definitions evaluate to same key: "a""#),
        ("{1: 2}", "T1003: Key in object structure must evaluate to a string; got: 1"),
        ("-'a'", r#"D1002: Cannot negate a non-numeric value: "a""#),
        ("1/0 + 1", "D1001: Number out of range: null"),
        ("['a'..2]", "T2003: The left side of the range operator (..) must evaluate to an integer"),
        ("$formatNumber(1, 'x')", "D3086"),
        (
            "$toMillis('soon')",
            r#"D3110: The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given "soon""#,
        ),
        ("$error('no')", "D3137: no"),
        ("$assert(false, 'not so')", "D3141: not so"),
        ("$replace('ab', /x*/, '-')", "D1004: Regular expression matches zero length string"),
        ("a[1,2)", r#"S0202: Expected "]", got ",""#),
        ("1 +", "S0207: Unexpected end of expression"),
        ("{'a':}", r#"S0211: The symbol "}" cannot be used as a unary operator"#),
        ("'open", "S0101: String literal must be terminated by a matching quote"),
        ("/open", "S0302: No terminating / in regular expression"),
        ("1 2", "S0201: Syntax error: 2"),
        ("%", "S0217: The object representing the 'parent' cannot be derived from this expression"),
        ("5 := 1", "S0212: The left side of := must be a variable name (start with $)"),
    ] {
        let got = gives(text);
        assert!(got.starts_with(wanted), "{text}: {got}");
    }
}

#[test]
fn everything_is_bounded() {
    const MEMORY: &str = ": Expression evaluation memory limit exceeded: Check for excessive memory usage";
    const DEPTH: &str = ": Stack overflow error";
    const TIME: &str = ": Expression evaluation timeout: Check for infinite loop";
    let long = vec!["1"; 240].join("+");
    for (text, wanted) in [
        ("$count([1..873782])", "873782"),
        ("$count([1..873783])", MEMORY),
        ("($p := function($s, $n) { $n = 0 ? $s : $p($s & $s, $n - 1) }; $length($p('x', 22)))", "4194304"),
        ("($p := function($s, $n) { $n = 0 ? $s : $p($s & $s, $n - 1) }; $length($p('x', 23)))", MEMORY),
        ("$pad('x', 1e12)", MEMORY),
        ("$range(1, 1e12, 1)", MEMORY),
        ("[1..20000000]", "D2014"),
        ("($f := function($n) { 1 + $f($n + 1) }; $f(0))", DEPTH),
        (long.as_str(), DEPTH),
        ("($f := function($n) { $f($n + 1) }; $f(0))", TIME),
        ("($l := [1..3000]; $l.($x := $; $l.($x * $)))", TIME),
        ("($f := function($v, $n) { $n = 0 ? $v : $f([[$v]], $n - 1) }; $f(1, 1000))", ": A value is nested"),
        ("($f := function($g, $n) { $n = 0 ? $g : $f(function() { $g() }, $n - 1) }; $f(1, 100000))", r#""""#),
        ("($f := function($v, $n) { $n = 0 ? $v : $f([$v, $v], $n - 1) }; $f(['a long text'], 60))", ": "),
    ] {
        let got = gives(text);
        assert!(
            got.starts_with(wanted),
            "{}: {}",
            text.chars().take(60).collect::<String>(),
            got.chars().take(100).collect::<String>()
        );
    }
    for deep in ["(", "[", "{'a':", "-", "a.", "$f(", "function($x){", "1?"] {
        let got = gives(&deep.repeat(5000));
        assert!(got.starts_with('S'), "{deep}: {got}");
    }
}

#[test]
fn names_its_variables() {
    let expression =
        Jsonata::parse("($own := $a; $sum($b.c) + $own + $map($states.input, function($x) { $x + $a }))").unwrap();
    assert_eq!(expression.variables(), ["a", "b"]);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of expressions in any order: mostly wrong, often not.
    fn soup() -> impl Strategy<Value = String> {
        let piece = proptest::sample::select(vec![
            "$",
            "$$",
            "customer",
            "lines",
            "price",
            "name",
            ".",
            "[",
            "]",
            "{",
            "}",
            "(",
            ")",
            "^",
            "#$i",
            "@$l",
            "%",
            "*",
            "**",
            "+",
            "-",
            "/",
            "=",
            "<",
            ">=",
            "~>",
            "&",
            " and ",
            " in ",
            "?",
            ":",
            ":=",
            ",",
            ";",
            "..",
            "|",
            "'a'",
            "\"b\"",
            "1",
            "-2.5",
            "1e300",
            "true",
            "null",
            "/a.*b/i",
            "function",
            "$map",
            "$sum",
            "$string",
            "$sort",
            "$replace",
            "$match",
            "$split",
            "$formatNumber",
            "$fromMillis",
            "$toMillis",
            "$formatInteger",
            "$parseInteger",
            "$x",
            "$states",
            "<s-n?:s>",
        ]);
        proptest::collection::vec(piece, 1..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            gives(&text);
        }

        #[test]
        fn any_soup_is_answered(text in soup()) {
            gives(&text);
        }

        #[test]
        fn any_picture_is_answered(number in any::<f64>(), picture in "[#0-9,.;eE%IiWwAa\\[\\]YMDHhmsfFPZzNno1 *-]{0,20}") {
            let picture = Value::from(picture).to_string();
            for function in ["formatNumber", "formatInteger", "fromMillis"] {
                gives(&format!("${function}({number:e}, {picture})"));
            }
            for function in ["parseInteger", "toMillis"] {
                gives(&format!("${function}('12 May 2026', {picture})"));
            }
        }
    }
}

/// The official test suite, where a checkout of it lies beside (`MILLRACE_JSONATA_SUITE` at build time).
#[test]
fn official_suite() {
    let Some(folder) = option_env!("MILLRACE_JSONATA_SUITE") else { return };
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    let folder = std::path::Path::new(folder);
    let (mut passed, mut failed) = (0, Vec::new());
    let mut groups: Vec<_> = std::fs::read_dir(folder.join("groups")).unwrap().map(|e| e.unwrap().path()).collect();
    groups.sort();
    for group in groups.into_iter().filter(|group| group.is_dir()) {
        let mut files: Vec<_> = std::fs::read_dir(&group).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        for file in files.into_iter().filter(|file| file.extension().is_some_and(|e| e == "json")) {
            let spec: Value = match serde_json::from_str(&read(file.clone())) {
                Ok(spec) => spec,
                Err(problem) => {
                    println!("{}: {problem}", file.display());
                    continue;
                }
            };
            for case in spec.as_array().cloned().unwrap_or_else(|| vec![spec.clone()]) {
                let text = match (&case["expr"], &case["expr-file"]) {
                    (Value::String(text), _) => text.clone(),
                    (_, Value::String(name)) => read(group.join(name)),
                    _ => continue,
                };
                let document = match (&case["dataset"], case.get("data")) {
                    (_, Some(data)) => Some(data.clone()),
                    (Value::String(name), _) => {
                        Some(serde_json::from_str(&read(folder.join("datasets").join(format!("{name}.json")))).unwrap())
                    }
                    _ => None,
                };
                let variables = case["bindings"].as_object().cloned().unwrap_or_default();
                let got = against(&text, document.as_ref(), &variables);
                let wanted_code = case["code"].as_str().or_else(|| case["error"]["code"].as_str());
                let fits = match (&got, wanted_code, case.get("result")) {
                    (Err(words), Some(code), _) => words.starts_with(code),
                    (Ok(None), None, None) => case.get("undefinedResult").is_some(),
                    (Ok(Some(value)), None, Some(result)) => alike(value, result),
                    _ => false,
                };
                if fits {
                    passed += 1;
                } else {
                    failed.push(format!(
                        "{} {text}\n    got {got:?}\n    wanted {:?} {:?}",
                        file.strip_prefix(folder).unwrap().display(),
                        wanted_code,
                        case.get("result").map(ToString::to_string)
                    ));
                }
            }
        }
    }
    println!("{}", failed.join("\n"));
    println!("{passed} passed, {} failed", failed.len());
}

fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| alike(one, other)))
        }
        (one, other) => one == other,
    }
}

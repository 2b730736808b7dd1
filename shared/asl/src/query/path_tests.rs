use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn store() -> Value {
    json!({
        "store": {
            "book": [
                {"category": "reference", "author": "Rees", "title": "Sayings", "price": 8.95},
                {"category": "fiction", "author": "Waugh", "title": "Sword", "price": 12.99},
                {"category": "fiction", "author": "Melville", "title": "Moby", "isbn": "0-553", "price": 8.99}
            ],
            "bicycle": {"color": "red", "price": 19.95}
        },
        "some-key": {"a b": 1, "it's": 2},
        "numbers": [0, 1, 2, 3, 4],
        "tags": ["x", "y"],
        "limit": 9,
        "text": "word",
        "nothing": null
    })
}

fn read(path: &str) -> Result<Value, PathError> {
    let (input, context) = (store(), json!({"Execution": {"Name": "run"}}));
    let variables = json!({"v": {"w": [7]}});
    let scope = Scope::new(&input, &context).with_variables(variables.as_object().unwrap());
    Path::parse(path).unwrap_or_else(|error| panic!("{error}")).read(&scope)
}

#[track_caller]
fn reads(path: &str, expected: Value) {
    assert_eq!(read(path).unwrap_or_else(|error| panic!("{path}: {error}")), expected, "{path}");
}

#[track_caller]
fn fails(path: &str, reason: &str) {
    let error = read(path).expect_err(path);
    assert_eq!(error.to_string(), format!("Invalid path '{path}' : {reason}"));
}

#[test]
fn definite_paths() {
    reads("$.limit", json!(9));
    reads("$['limit']", json!(9));
    reads("$[\"limit\"]", json!(9));
    reads("$.['limit']", json!(9));
    reads("$.some-key['a b']", json!(1));
    reads(r"$.some-key['it\'s']", json!(2));
    reads("$.store.book[1].author", json!("Waugh"));
    reads("$.numbers[-1]", json!(4));
    reads("$.nothing", json!(null));
    reads("$$.Execution.Name", json!("run"));
    reads("$v.w[0]", json!(7));
    reads("$v", json!({"w": [7]}));
    reads("$", store());
}

#[test]
fn a_backslash_stays_in_a_bracketed_name() {
    let (input, context) = (json!({"a\\\"b\"": 1}), json!({}));
    let path = Path::parse(r#"$['a\"b"']"#).unwrap();
    assert_eq!(path.read(&Scope::new(&input, &context)).unwrap(), json!(1));
}

#[test]
fn unions_slices_and_wildcards() {
    reads("$.store.bicycle['color','price']", json!({"color": "red", "price": 19.95}));
    reads("$.store['bicycle','book'].color", json!(["red"]));
    reads("$.numbers[0,2]", json!([0, 2]));
    reads("$.numbers[1:3]", json!([1, 2]));
    reads("$.numbers[3:]", json!([3, 4]));
    reads("$.numbers[:2]", json!([0, 1]));
    reads("$.numbers[-2:]", json!([3, 4]));
    reads("$.numbers[:-2]", json!([0, 1, 2]));
    reads("$.numbers[-3:-1]", json!([2, 3]));
    reads("$.numbers[3:99]", json!([3, 4]));
    reads("$.numbers[9:]", json!([]));
    reads("$.store.book[*].author", json!(["Rees", "Waugh", "Melville"]));
    reads("$.store.book[*].isbn", json!(["0-553"]));
    reads("$.store.bicycle.*", json!(["red", 19.95]));
    reads("$.text[*]", json!([]));
}

#[test]
fn recursive_descent() {
    reads("$..author", json!(["Rees", "Waugh", "Melville"]));
    reads("$.store..price", json!([8.95, 12.99, 8.99, 19.95]));
    reads("$..book[0].title", json!(["Sayings"]));
    reads("$..['color']", json!(["red"]));
    reads("$.some-key..*", json!([1, 2]));
    reads("$..bicycle['color','price']", json!([{"color": "red", "price": 19.95}]));
    reads("$..[?(@.color)]", json!([{"color": "red", "price": 19.95}]));
    reads("$..book.length()", json!(1));
}

#[test]
fn filters() {
    reads("$.store.book[?(@.price < 10)].title", json!(["Sayings", "Moby"]));
    reads("$.store.book[?(@.price < $.limit && @.category == 'fiction')].title", json!(["Moby"]));
    reads("$.store.book[?(@['price'] > 12 || @.isbn)].title", json!(["Sword", "Moby"]));
    reads("$.store.book[?(!@.isbn)].title", json!(["Sayings", "Sword"]));
    reads("$.store.book[?(!(@.price > 9) && @.isbn == \"0-553\")].title", json!(["Moby"]));
    reads("$.store.book[?(@.author =~ /m.*/i)].title", json!(["Moby"]));
    reads("$.store.book[?(@.author in ['Rees', \"Waugh\"])].title", json!(["Sayings", "Sword"]));
    reads("$.store.book[?(@.author nin ['Rees'])].title", json!(["Sword", "Moby"]));
    reads("$.store.book[?(@.title contains 'o')].title", json!(["Sword", "Moby"]));
    reads("$.store.book[?(@.author size 4)].title", json!(["Sayings"]));
    reads("$.numbers[?(@ >= 3)]", json!([3, 4]));
    reads("$.numbers[?(@ == '3')]", json!([3]));
    reads("$.numbers[?(@ === '3')]", json!([]));
    reads("$.numbers[?(@ != null)]", json!([0, 1, 2, 3, 4]));
    reads("$.store.book[?(@.missing == null)]", json!([]));
    reads("$.store[?(@.color == 'red')]", json!([]));
    reads("$.store.bicycle[?(@.color == 'red')].price", json!([19.95]));
    reads("$[?($.tags anyof ['y','z'])].limit", json!([9]));
    reads("$[?($.tags subsetof ['y','x','z'])].limit", json!([9]));
    reads("$[?($.tags noneof ['q'])].limit", json!([9]));
    reads("$[?($.tags all ['q'])].limit", json!([]));
    reads("$[?($.tags empty false)].limit", json!([9]));
    reads("$.store.book[?(@.tags[?(@.x == 1)])].title", json!([]));
    reads("$.numbers[?(@ > 1 && (@ < 3 || @ == 4))]", json!([2, 4]));
}

#[test]
fn functions() {
    reads("$.numbers.length()", json!(5));
    reads("$.store.size()", json!(2));
    reads("$.some-key.keys()", json!(["a b", "it's"]));
    reads("$.tags.first()", json!("x"));
    reads("$.tags.last()", json!("y"));
    assert!(matches!(read("$.numbers.sum()"), Err(PathError::NotFound { .. })));
    assert!(matches!(read("$.limit.length()"), Err(PathError::NotFound { .. })));
}

#[test]
fn what_is_missing() {
    fails("$.none", "No results for path: $['none']");
    fails("$.none.deep", "Missing property in path $['none']");
    fails("$.store.none.deep", "Missing property in path $['store']['none']");
    fails("$.numbers[9]", "No results for path: $['numbers'][9]");
    fails("$.limit[0]", "Filter: [0] can only be applied to arrays. Current context is: 9");
    fails("$.limit[1:]", "Filter: [1:] can only be applied to arrays. Current context is: 9");
    fails("$.limit[?(@.x)]", "Filter: [?] can not be applied to primitives. Current context is: 9");
    fails(
        "$.text.x",
        "Expected to find an object with property ['x'] in path $['text'] but found \
         'com.fasterxml.jackson.databind.node.TextNode'. This is not a json object according to the JsonProvider: \
         'com.jayway.jsonpath.spi.json.JacksonJsonNodeJsonProvider'.",
    );
    fails(
        "$.numbers[9].x",
        "Expected to find an object with property ['x'] in path $['numbers'][9] but found 'null'. This is not a json \
         object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonNodeJsonProvider'.",
    );
    fails("$$.Task.Token", "Missing property in path $['Task']");
    assert!(matches!(read("$w.x"), Err(PathError::UndefinedVariable { name, .. }) if name == "w"));
}

#[test]
fn an_indefinite_path_that_leads_nowhere_is_empty() {
    for path in
        ["$.none[0:2]", "$.none[*].a", "$.none[?(@.x)]", "$..none", "$.none.deep[1:]", "$.store.book[*].none.deep"]
    {
        reads(path, json!([]));
    }
}

#[test]
fn definiteness() {
    for definite in ["$", "$.a[0]", "$['a','b']", "$.a.length()", "$..a.length()", "$$.a", "$v.a"] {
        assert!(Path::parse(definite).unwrap().is_definite(), "{definite}");
    }
    for indefinite in ["$[*]", "$..a", "$[0,1]", "$[1:]", "$[?(@.a)]", "$['a','b'].c"] {
        assert!(!Path::parse(indefinite).unwrap().is_definite(), "{indefinite}");
    }
    assert!(Path::parse("$$.a").unwrap().is_context());
    assert!(!Path::parse("$.a").unwrap().is_context());
    assert_eq!(Path::parse("$v.a").unwrap().variable(), Some("v"));
}

#[test]
fn syntax_errors_have_positions() {
    for (text, position) in [
        ("", 0),
        ("a", 0),
        ("$.", 2),
        ("$..", 3),
        ("$...a", 3),
        ("$.a b", 3),
        ("$[", 2),
        ("$[]", 2),
        ("$['a", 2),
        ("$['a' 'b']", 6),
        ("$[1:2:3]", 5),
        ("$[:]", 3),
        ("$[99999999999]", 2),
        ("$.a.nope()", 4),
        ("$.a.length(1)", 11),
        ("$.a.length().b", 12),
        ("$[?(@.a]", 7),
        ("$[?@.a]", 3),
        ("$[?(1)]", 4),
        ("$[?(@.a == )]", 11),
        ("$[?(@.a =~ /(/)]", 11),
        ("$[?(@.a =~ /a)]", 11),
        ("$1", 1),
    ] {
        let error = Path::parse(text).expect_err(text);
        assert_eq!(error.position, position, "{error}");
    }
}

#[test]
fn limits() {
    assert!(Path::parse(&format!("${}", ".a".repeat(100))).is_ok());
    assert!(Path::parse(&format!("${}", ".a".repeat(101))).is_err());
    assert!(Path::parse(&format!("$.{}", "a".repeat(20_000))).is_err());
    assert!(Path::parse(&format!("$[?({}@.a{})]", "(".repeat(5000), ")".repeat(5000))).is_err());
    assert!(Path::parse(&format!("$[?({}@.a)]", "!".repeat(5000))).is_err());
    assert!(Path::parse(&format!("$[?(@ in {}{})]", "[".repeat(5000), "]".repeat(5000))).is_err());
    assert!(Path::parse(&format!("${}", "[?(@".repeat(3000))).is_err());

    let wide = Value::Array(vec![Value::Array(vec![json!(1); 1000]); 1000]);
    let context = json!({});
    let path = Path::parse("$..*..*..*..*").unwrap();
    let result = path.read(&Scope::new(&wide, &context));
    assert!(matches!(result, Ok(_) | Err(PathError::Limit(_))));
    let path = Path::parse("$[?($..* contains @)]").unwrap();
    assert!(matches!(path.read(&Scope::new(&wide, &context)), Err(PathError::Limit(_))));
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in ".*") {
        let _ = Path::parse(&text);
    }

    #[test]
    fn path_like_text_never_panics(text in r#"\$\$?[a\.\[\]\*\?\(\)@'",:\-0-9 =<>!&|/\\{}~é]{0,40}"#) {
        if let Ok(path) = Path::parse(&text) {
            let (input, context) = (store(), json!({}));
            let _ = path.read(&Scope::new(&input, &context));
        }
    }
}

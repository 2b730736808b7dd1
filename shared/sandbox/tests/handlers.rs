//! What a handler gets, what becomes of its result, its errors and its log.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(missing_docs, unreachable_pub, reason = "tests")]

mod support;

use millrace_sandbox::{Language, Level, Limits, compile, error_names};
use serde_json::json;
use support::{error, expression, javascript, limits, messages, processes, request, run, run_with, threads, value};

#[test]
fn an_event_and_a_context_in_a_result_out() {
    let source = "export async function handler(event, context) {
        console.log('hi', event.name);
        return { hello: event.name, ...context, env: context.env };
    }";
    let environment = [("STAGE".to_owned(), "dev".to_owned()), ("__proto__".to_owned(), "x".to_owned())];
    let request = millrace_sandbox::Request { environment: &environment, ..request(r#"{"name":"Bob"}"#, "project-1") };
    for pool in [threads(), processes()] {
        let invocation = pool.invoke(&javascript(source), &request, &limits());
        let result: serde_json::Value = serde_json::from_str(&invocation.result.unwrap()).unwrap();
        let expected = json!({
            "hello": "Bob", "functionName": "hello", "projectId": "project-1", "invocationId": "inv-1",
            "timestamp": "2023-11-14T22:13:20.123Z", "env": { "STAGE": "dev", "__proto__": "x" },
        });
        assert_eq!(result, expected);
        assert_eq!(invocation.logs.len(), 1);
        assert_eq!((invocation.logs[0].level, invocation.logs[0].message.as_str()), (Level::Log, "hi Bob"));
        assert!(invocation.logs[0].time >= 1_700_000_000_123);
    }
}

#[test]
fn every_form_of_handler() {
    for source in [
        "export function handler() { return 1 }",
        "export const handler = async () => 1",
        "export async function handler() { await null; return 1 }",
        "export function handler() { return Promise.resolve(1) }",
        "export function handler() { return { then(done) { done(1) } } }",
        "export function handler() { return new Promise((done) => queueMicrotask(() => done(1))) }",
        "const one = await Promise.resolve(1); export const handler = () => one",
        "async function* ones() { yield 0; yield 1 } export async function handler() { let last; for await (last of ones()); return last }",
        "export { f as handler }; class A { #x = 1; get x() { return this.#x } } const f = () => new A().x",
    ] {
        assert_eq!(value(source), json!(1), "{source}");
    }
}

#[test]
fn results_are_as_json_stringify_has_them() {
    for (source, expected) in [
        ("undefined", json!(null)),
        ("() => 1", json!(null)),
        ("Symbol('a')", json!(null)),
        ("NaN", json!(null)),
        ("'\\ud800 \\u2028'", json!("\u{fffd}")),
        ("new Date(0)", json!("1970-01-01T00:00:00.000Z")),
        ("({ a: undefined, b: () => 1, c: [undefined], toJSON: undefined })", json!({ "c": [null] })),
        ("new Map([[1, 2]])", json!({})),
        ("({ toJSON() { return 7 } })", json!(7)),
        ("[1, 'é', true, null, 1.5e300]", json!([1, "é", true, null, 1.5e300])),
    ] {
        if source.contains("ud800") {
            let result = run("export const handler = () => '\\ud800'").result.unwrap();
            assert_eq!(result, r#""\ud800""#);
            continue;
        }
        assert_eq!(expression(source), expected, "{source}");
    }
}

#[test]
fn results_without_a_json_form() {
    for source in [
        "export const handler = () => 1n",
        "export const handler = () => { const a = {}; a.a = a; return a }",
        "export const handler = () => ({ toJSON() { throw new TypeError('poisoned') } })",
        "export const handler = () => ({ get a() { throw new Error('poisoned') } })",
    ] {
        let error = error(source);
        assert_eq!(error.name, error_names::RESULT, "{source}: {error:?}");
    }
}

#[test]
fn errors_have_name_message_and_stack() {
    let source = "function inner(x) {\n  throw new RangeError('too ' + x);\n}\nexport async function handler() {\n  await null;\n  inner('far');\n}";
    let thrown = error(source);
    assert_eq!((thrown.name.as_str(), thrown.message.as_str()), ("RangeError", "too far"));
    assert!(thrown.stack.starts_with("RangeError: too far\n"), "{}", thrown.stack);
    assert!(thrown.stack.contains("inner (handler.js:2:"), "{}", thrown.stack);
    assert!(thrown.stack.contains("handler (handler.js:6:"), "{}", thrown.stack);
    let own = error("class Mine extends Error { name = 'Mine' } export const handler = () => { throw new Mine('x') }");
    assert_eq!((own.name.as_str(), own.message.as_str()), ("Mine", "x"));
    for (thrown, name, message) in [
        ("'text'", "Error", "text"),
        ("undefined", "Error", "undefined"),
        ("42", "Error", "42"),
        ("{ code: 7 }", "Error", "{ code: 7 }"),
        ("{ name: 'Odd', message: 'like an error' }", "Odd", "like an error"),
        ("Symbol('s')", "Error", "Symbol(s)"),
        ("Object.create(null)", "Error", "[Object: null prototype] {}"),
        ("new Error('a', { cause: 1 })", "Error", "a"),
        ("new Proxy({}, { get() { throw 1 } })", "Error", "{}"),
    ] {
        for how in ["throw", "return Promise.reject"] {
            let error = error(&format!("export async function handler() {{ {how}({thrown}) }}"));
            assert_eq!((error.name.as_str(), error.message.as_str()), (name, message), "{thrown}");
        }
    }
}

#[test]
fn typescript_keeps_its_lines() {
    let source = "interface E { n: number }\n\nexport const handler = async (e: E): Promise<number> => {\n  const x = e as any;\n  return (x!.missing.deep as number);\n}";
    let compiled = compile("f.ts", source, Language::TypeScript).unwrap();
    let error = threads().invoke(&compiled, &request("{}", "p"), &limits()).result.unwrap_err();
    assert_eq!(error.name, "TypeError");
    assert!(error.stack.contains("f.ts:5:"), "{}", error.stack);
}

#[test]
fn what_never_settles_is_an_error() {
    let error_of = |source: &str| error(source).name;
    assert_eq!(error_of("export const handler = () => new Promise(() => {})"), error_names::UNSETTLED);
    assert_eq!(error_of("await new Promise(() => {}); export const handler = () => 1"), error_names::UNSETTLED);
    assert_eq!(error_of("export const handler = () => ({ then() {} })"), error_names::UNSETTLED);
}

#[test]
fn a_handler_that_is_no_function() {
    assert_eq!(error("export const handler = {}").name, error_names::HANDLER);
}

#[test]
fn an_event_that_is_no_json() {
    let invocation = run_with("export const handler = () => 1", "{", &limits());
    assert_eq!(invocation.result.unwrap_err().name, error_names::EVENT);
    let proto =
        run_with("export const handler = (e) => [Object.keys(e), e.x ?? 0]", r#"{"__proto__":{"x":1}}"#, &limits());
    assert_eq!(proto.result.unwrap(), r#"[["__proto__"],0]"#);
}

#[test]
fn the_console_formats_like_node() {
    let source = "export function handler() {
        console.log('a', 1, true, null, undefined, 2n, -0, Symbol('s'));
        console.info({ a: 1, 'b-c': 'x', d: [1, 2, [3, [4, [5]]]], e: { f: { g: { h: 1 } } } });
        console.warn('%s is %d years and %i, %f, %j %o%%', 'Bob', 42.5, 42.9, 1.5, { a: 1 }, [1], 'more');
        console.error(new Map([['a', { b: 1 }]]), new Set([1, 'x']), /a/g, new Date(0), () => 1, class A {}, async function f() {});
        console.debug([1, , 3], [], {}, new (class Point { x = 1 })(), Object.create(null), new Uint8Array(2));
        console.log({ get a() { return 1 }, set b(x) {}, [Symbol('k')]: 1 }, 'it\\'s', ['it\\'s']);
        const loop = { name: 'x' }; loop.self = loop; console.log(loop);
        console.log('x'.repeat(3), ['a'.repeat(60), 'b'.repeat(60)]);
        console.group('g'); console.log('in'); console.groupEnd(); console.log('out');
        console.assert(1 === 2, 'no'); console.count(); console.count();
        console.log();
    }";
    let invocation = run(source);
    invocation.result.clone().unwrap();
    let expected = [
        "a 1 true null undefined 2n -0 Symbol(s)",
        "{\n  a: 1,\n  'b-c': 'x',\n  d: [ 1, 2, [ 3, [Array] ] ],\n  e: { f: { g: [Object] } }\n}",
        "Bob is 42.5 years and 42, 1.5, {\"a\":1} [ 1 ]% more",
        "Map(1) { 'a' => { b: 1 } } Set(2) { 1, 'x' } /a/g 1970-01-01T00:00:00.000Z [Function (anonymous)] [class A] [AsyncFunction: f]",
        "[ 1, <empty>, 3 ] [] {} Point { x: 1 } [Object: null prototype] {} Uint8Array(2) [ 0, 0 ]",
        "{ a: [Getter], b: [Setter], [Symbol(k)]: 1 } it's [ \"it's\" ]",
        "{ name: 'x', self: [Circular *1] }",
    ];
    let messages = messages(&invocation);
    for (at, expected) in expected.iter().enumerate() {
        assert_eq!(messages[at], *expected);
    }
    assert_eq!(&messages[8..], ["g", "  in", "out", "Assertion failed: no", "default: 1", "default: 2", ""]);
    let levels: Vec<&str> = invocation.logs.iter().take(5).map(|line| line.level.as_str()).collect();
    assert_eq!(levels, ["log", "info", "warn", "error", "debug"]);
}

#[test]
fn the_console_shows_errors_with_their_stack() {
    let invocation =
        run("export function handler() { console.error(new TypeError('x')); console.log({ e: new Error('y') }) }");
    let messages = messages(&invocation);
    assert!(messages[0].starts_with("TypeError: x\n    at handler (handler.js:1:"), "{messages:?}");
    assert!(messages[1].contains("Error: y"), "{messages:?}");
}

#[test]
fn logs_stay_when_the_handler_fails_and_are_cut_at_their_limits() {
    let invocation = run("export function handler() { console.log('before'); throw 1 }");
    assert_eq!(messages(&invocation), ["before"]);
    let limits = Limits { log_lines: 3, ..limits() };
    let invocation =
        run_with("export function handler() { for (let i = 0; i < 1e5; i++) console.log(i) }", "{}", &limits);
    invocation.result.clone().unwrap();
    assert_eq!(messages(&invocation), ["0", "1", "2", "[the log is cut here: more than 3 lines]"]);
    let limits = Limits { log_bytes: 10, ..limits };
    let invocation =
        run_with("export function handler() { console.log('é'.repeat(100)); console.log(1) }", "{}", &limits);
    assert_eq!(messages(&invocation), ["ééééé", "[the log is cut here: more than 10 bytes]"]);
}

#[test]
fn the_seed_of_random_numbers_is_the_invocation() {
    let numbers = || value("export const handler = () => Array.from({ length: 5 }, Math.random)");
    let first = numbers();
    assert_eq!(first, numbers());
    assert!(first.as_array().unwrap().iter().all(|number| (0.0..1.0).contains(&number.as_f64().unwrap())));
}

//! Each limit ends an invocation with an error of its own, and the next one runs as if nothing had been.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(missing_docs, unreachable_pub, reason = "tests")]

mod support;

use std::time::Duration;

use millrace_sandbox::{Limits, Pool, error_names};
use support::{child_options, javascript, limits, processes, request, run_with, threads, value};

fn handler(body: &str) -> String {
    format!("export async function handler(event, context) {{ {body} }}")
}

/// In a thread and in a process, the error has that name, and the pool is well after it.
fn ends_with(name: &str, body: &str, limits: &Limits) {
    let source = handler(body);
    for pool in [threads(), processes()] {
        let error = pool.invoke(&javascript(&source), &request("{}", "limited"), limits).result.expect_err(body);
        assert_eq!(error.name, name, "{body}: {error:?}");
        let after = javascript(&handler("return Object.keys(globalThis).length + 1"));
        assert_eq!(
            pool.invoke(&after, &request("{}", "limited"), &self::limits()).result.as_deref(),
            Ok("1"),
            "{body}"
        );
    }
}

#[test]
fn time() {
    let limits = Limits { time: Duration::from_millis(50), ..limits() };
    for body in [
        "while (true) {}",
        "for (;;) { try { for (;;) {} } catch {} finally { continue } }",
        "for (;;) { try { await (async () => { for (;;) {} })() } catch {} }",
        "const f = () => Promise.resolve().then(f); await f()",
        "const spin = async () => { for (;;) await null }; await Promise.all([spin(), spin()])",
        "(function f() { queueMicrotask(f); queueMicrotask(f) })(); await new Promise(() => {})",
        "/(a+)+$/.test('a'.repeat(40) + 'b')",
        "/(?:.*.*)*x/s.test('a'.repeat(200))",
        "'a'.repeat(1e5).replace(/(a|aa)+$/g, (x) => { for (;;) {} })",
        "return { toJSON() { for (;;) {} } }",
        "return { get a() { for (;;) {} } }",
        "return { then() { for (;;) {} } }",
        "throw { get message() { for (;;) {} } }",
        "throw new Proxy({}, { get() { for (;;) {} } })",
        "console.log(new Proxy({}, { ownKeys() { for (;;) {} } }))",
        "new Set((function* () { for (;;) yield 0 })())",
        "const a = new Array(1e5).fill(0); for (;;) a.sort(() => { for (;;) {} })",
        "JSON.parse('[1]', function () { for (;;) {} })",
        "'x' in new Proxy({}, { has() { for (;;) {} } })",
        "class A { static { for (;;) {} } }",
        "`${{ toString() { for (;;) {} } }}`",
        "for await (const x of { [Symbol.asyncIterator]() { return { next: async () => ({ value: 1 }) } } }) {}",
    ] {
        ends_with(error_names::TIME, body, &limits);
    }
    let top = "for (;;) {} export const handler = 1";
    assert_eq!(run_with(top, "{}", &limits).result.unwrap_err().name, error_names::TIME);
}

#[test]
fn memory() {
    let limits = Limits { memory_bytes: 16 << 20, ..limits() };
    for body in [
        "const a = []; while (true) a.push(new Array(100000).fill(1.5))",
        "const a = []; while (true) a.push({})",
        "let s = 'x'; const all = []; while (true) all.push(s = (s + Math.random()).padStart(1000))",
        "let s = 'x'.repeat(2 ** 28)",
        "new ArrayBuffer(2 ** 30)",
        "new Float64Array(2 ** 26)",
        "const m = new Map(); for (let i = 0; ; i++) m.set(i, { i })",
        "const list = []; for (;;) list.push(Promise.resolve().then(() => list))",
        "new Array(2 ** 25).fill(0)",
        "'abc'.padEnd(2 ** 29, 'xyz')",
        "let o = {}; for (;;) o = { o }",
        "let f = () => 1; for (;;) { const g = f; f = () => g }",
        "const c = []; for (;;) c.push(function* () { yield c }())",
        "return 'x'.repeat(2 ** 23) + '\\u1234'",
        "return Array.from({ length: 1e6 }, (_, i) => ({ i }))",
        "for (let i = 0; ; i++) globalThis['k' + i] = i",
        "const s = Symbol; const all = []; for (;;) all.push(s('x'.repeat(1000) + all.length))",
    ] {
        ends_with(error_names::MEMORY, body, &limits);
    }
}

/// Memory that ends anywhere, in the middle of whatever the engine does, costs a process at most.
#[test]
fn memory_that_ends_anywhere() {
    let well = javascript(&handler("return 1"));
    for body in [
        "for (let i = 0; ; i++) globalThis['k' + i] = i",
        "Object.assign(globalThis, 'x'.repeat(1e5))",
        "let o = {}; for (let i = 0; ; i++) o[i * 1e6] = i",
        "const s = []; for (;;) s.push((async () => { await new Promise(() => {}) })())",
        "const s = []; for (let i = 0; ; i++) s.push(new RegExp('a' + i), class { #a = 1 }, [...'abc'])",
    ] {
        let source = javascript(&handler(body));
        for step in 0..30 {
            let limits = Limits { memory_bytes: 1_000_000 + step * 15_000, ..limits() };
            let error = processes().invoke(&source, &request("{}", "anywhere"), &limits).result.unwrap_err();
            let known = [error_names::MEMORY, error_names::CRASH].contains(&error.name.as_str());
            assert!(known, "{body} with {limits:?}: {error:?}");
            let after = processes().invoke(&well, &request("{}", "anywhere"), &self::limits());
            assert_eq!(after.result.as_deref(), Ok("1"), "{body} with {limits:?}");
        }
    }
}

#[test]
fn memory_that_is_not_kept_is_not_counted() {
    let limits = Limits { memory_bytes: 8 << 20, ..limits() };
    let source =
        handler("for (let i = 0; i < 100; i++) { const a = { b: new Array(50000).fill(i) }; a.a = a } return 1");
    assert_eq!(run_with(&source, "{}", &limits).result.as_deref(), Ok("1"));
}

#[test]
fn stack() {
    for body in [
        "(function f() { f() })()",
        "const f = () => [1].map(f); f()",
        "const o = { toString() { return `${this}` } }; `${o}`",
        "const o = { get a() { return this.a } }; o.a",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a)",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; `${a}`",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; a.flat(Infinity)",
        "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x",
        "const p = new Proxy({}, {}); Object.setPrototypeOf(p, p); p.x",
        "class A { constructor() { new A() } } new A()",
    ] {
        ends_with(error_names::STACK, body, &limits());
    }
}

#[test]
fn stack_that_is_caught_is_no_error() {
    let source = handler("let n = 0; const f = () => { n++; f() }; try { f() } catch (e) { return [e.name, n > 500] }");
    assert_eq!(value(&source), serde_json::json!(["RangeError", true]));
}

#[test]
fn output() {
    let limits = Limits { output_bytes: 1_000, ..limits() };
    ends_with(error_names::OUTPUT, "return 'x'.repeat(999)", &limits);
    assert!(run_with(&handler("return 'x'.repeat(998)"), "{}", &limits).result.is_ok());
}

#[test]
fn a_limit_that_is_hit_in_the_sandbox_of_one_leaves_others_running() {
    let pool = Pool::processes(child_options()).unwrap();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| {
            let limits = Limits { time: Duration::from_millis(300), ..limits() };
            pool.invoke(&javascript(&handler("for (;;) {}")), &request("{}", "one"), &limits)
        });
        let quick = pool.invoke(&javascript(&handler("return 1")), &request("{}", "two"), &limits());
        assert_eq!(quick.result.as_deref(), Ok("1"));
        assert_eq!(slow.join().unwrap().result.unwrap_err().name, error_names::TIME);
    });
}

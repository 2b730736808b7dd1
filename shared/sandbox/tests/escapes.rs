//! Ways out that have been published against QuickJS, vm2, isolated-vm and realms, and what they come to here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(missing_docs, unreachable_pub, reason = "tests")]

mod support;

use std::time::Duration;

use millrace_sandbox::{Compiled, Limits, Pool};
use serde_json::json;
use support::{child_options, error, expression, javascript, limits, processes, request, run, threads, value};

fn handler(body: &str) -> Compiled {
    javascript(&format!("export async function handler(event, context) {{ {body} }}"))
}

/// Names that a realm of ECMAScript has and this one has not, and everything of hosts.
#[test]
fn what_is_absent() {
    let absent = [
        "process",
        "require",
        "module",
        "exports",
        "global",
        "Buffer",
        "setTimeout",
        "setInterval",
        "setImmediate",
        "clearTimeout",
        "fetch",
        "XMLHttpRequest",
        "WebSocket",
        "performance",
        "navigator",
        "Deno",
        "Bun",
        "std",
        "os",
        "bjson",
        "print",
        "scriptArgs",
        "gc",
        "eval",
        "SharedArrayBuffer",
        "Atomics",
        "WebAssembly",
        "Worker",
        "load",
        "loadScript",
        "importScripts",
        "window",
        "document",
        "DOMException",
        "structuredClone",
        "__loadScript",
        "read",
        "readFile",
        "__proto__x",
        "URL",
        "crypto",
        "Intl",
        "Temporal",
    ];
    for name in absent {
        assert_eq!(
            expression(&format!("typeof {name} + ' ' + ({name:?} in globalThis)")),
            json!("undefined false"),
            "{name}"
        );
    }
    let names = expression("Object.getOwnPropertyNames(globalThis).sort()");
    let expected = json!([
        "AggregateError",
        "Array",
        "ArrayBuffer",
        "AsyncDisposableStack",
        "BigInt",
        "BigInt64Array",
        "BigUint64Array",
        "Boolean",
        "DataView",
        "Date",
        "DisposableStack",
        "Error",
        "EvalError",
        "FinalizationRegistry",
        "Float16Array",
        "Float32Array",
        "Float64Array",
        "Function",
        "Infinity",
        "Int16Array",
        "Int32Array",
        "Int8Array",
        "InternalError",
        "Iterator",
        "JSON",
        "Map",
        "Math",
        "NaN",
        "Number",
        "Object",
        "Promise",
        "Proxy",
        "RangeError",
        "ReferenceError",
        "Reflect",
        "RegExp",
        "Set",
        "String",
        "SuppressedError",
        "Symbol",
        "SyntaxError",
        "TypeError",
        "URIError",
        "Uint16Array",
        "Uint32Array",
        "Uint8Array",
        "Uint8ClampedArray",
        "WeakMap",
        "WeakRef",
        "WeakSet",
        "console",
        "decodeURI",
        "decodeURIComponent",
        "encodeURI",
        "encodeURIComponent",
        "escape",
        "globalThis",
        "isFinite",
        "isNaN",
        "parseFloat",
        "parseInt",
        "queueMicrotask",
        "self",
        "undefined",
        "unescape",
    ]);
    assert_eq!(names, expected);
}

/// Code from strings: every constructor of functions, and the ways to one.
#[test]
fn strings_never_become_code() {
    for code in [
        "Function('return 1')()",
        "new Function('return 1')()",
        "(() => {}).constructor('return this')()",
        "(async () => {}).constructor('return this')()",
        "(function* () {}).constructor('yield 1')().next()",
        "(async function* () {}).constructor('yield 1')().next()",
        "[].map.constructor('return 1')()",
        "console.log.constructor('return process')()",
        "context.getRemainingTimeInMillis.constructor('return 1')()",
        "Math.random.constructor('return 1')()",
        "Reflect.construct(Function, ['return 1'])()",
        "Reflect.apply(Function.prototype.constructor, null, ['return 1'])()",
        "Object.getPrototypeOf(async function () {}).constructor('return 1')()",
        "Symbol.constructor.constructor('return this.process.env')()",
        "handler.constructor('return 1')()",
        "class_().constructor",
        "(0, globalThis.eval)('1')",
        "new (class extends Function {})('return 1')()",
        "Error.prototype.constructor.constructor('return 1')()",
        "import('data:text/javascript,export default 1')",
        "import('node:fs')",
        "import('std')",
        "import('os')",
        "import('handler.js')",
        "import('millrace:console')",
        "import(import.meta.url)",
        "import({ toString: () => 'std' })",
    ] {
        let source = format!("export async function handler(event, context) {{ return await ({code}); }}");
        let thrown = error(&source);
        assert!(matches!(thrown.name.as_str(), "TypeError" | "ReferenceError" | "Error"), "{code}: {thrown:?}");
        assert!(!thrown.message.is_empty(), "{code}: {thrown:?}");
    }
    let imported = error("export const handler = () => import('node:fs')");
    assert!(imported.message.contains("node:fs"), "{imported:?}");
}

/// Frames, `prepareStackTrace` and call sites lead to functions of this sandbox only.
#[test]
fn stacks_lead_nowhere() {
    let source = "export function handler() {
        Error.prepareStackTrace = (error, sites) => sites;
        const sites = new Error('x').stack;
        const found = [];
        for (const site of Array.isArray(sites) ? sites : []) {
            for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(site))) {
                try { const value = site[name](); if (typeof value === 'function') found.push(value.name); } catch {}
            }
        }
        return [found.every((name) => name === 'handler' || name === ''), typeof handler.caller, typeof handler.arguments];
    }";
    let invocation = run(source);
    let result = invocation.result.map(|text| text.contains("true"));
    // Asking a strict function for its caller throws.
    assert!(result.is_err() || result == Ok(true), "{result:?}");
    let poisoned =
        error("Error.prepareStackTrace = () => { throw 1 }; export const handler = () => { throw new Error('x') }");
    assert!(!poisoned.name.is_empty());
    let replaced = error(
        "Error.prepareStackTrace = () => ({ startsWith() { for (;;) {} } }); export const handler = () => { throw new Error('x') }",
    );
    assert_eq!(replaced.message, "x");
    let huge = error(
        "Error.stackTraceLimit = Infinity; const f = (n) => { if (n) return f(n - 1); throw new Error('x') }; export const handler = () => f(200)",
    );
    assert_eq!(huge.message, "x");
}

/// A realm that the code broke breaks its own invocation only, never the host.
#[test]
fn a_broken_realm_still_answers() {
    for body in [
        "Object.prototype.toJSON = () => 1; return {}",
        "Array.prototype[Symbol.iterator] = null; console.log(1, 2); return [1]",
        "Promise.prototype.then = () => { throw 1 }; return 1",
        "Promise.prototype.then = null; return Promise.resolve(1)",
        "Object.defineProperty(Object.prototype, 'then', { get() { throw 1 } }); return {}",
        "String.prototype.replace = String.prototype.replaceAll = null; console.log('%s', 1); return 1",
        "JSON.stringify = () => 'nonsense'; return { a: 1 }",
        "JSON.parse = null; globalThis.JSON = null; return { a: 1 }",
        "Function.prototype.call = null; console.log({}); return 1",
        "Function.prototype.toString = () => { throw 1 }; console.log(() => 1); return 1",
        "globalThis.console = null; return 1",
        "Object.freeze(globalThis); return 1",
        "Object.setPrototypeOf(globalThis, new Proxy({}, { get() { throw 1 }, has() { throw 1 } })); return 1",
        "for (const name of Object.getOwnPropertyNames(globalThis)) try { delete globalThis[name] } catch {} return 1",
        "Error.prototype.toString = null; Object.defineProperty(Error.prototype, 'stack', { get() { throw 1 } }); throw new Error('x')",
        "Object.defineProperty(Object.prototype, 'name', { get() { throw 1 } }); throw {}",
        "Object.prototype.get = () => 1; Object.prototype.value = 1; console.log({ a: 1 }); return 1",
        "Array.prototype.push = Array.prototype.join = null; console.log([1], { a: 1 }); return 1",
        "Symbol.hasInstance; Object.defineProperty(Error, Symbol.hasInstance, { value: () => true }); throw 1",
        "throw new Proxy(new Error('x'), { getPrototypeOf() { throw 1 }, get() { throw 1 } })",
        "throw { get name() { throw 1 }, get message() { throw 1 }, get stack() { throw 1 } }",
        "throw { name: Symbol('a'), message: 1n, stack: { toString() { throw 1 } } }",
        "return new Proxy([], { get() { throw 1 } })",
        "return new Proxy({ a: 1 }, { ownKeys: () => ['a', 'a'] })",
        "const r = /x/; r.exec = () => ({ index: 2 ** 53, 0: { length: -1 } }); return 'aaa'.replace(r, 'y')",
        "class A extends Array { static get [Symbol.species]() { return function () { return Object.freeze([]) } } } return new A(1, 2, 3).map((x) => x)",
        "class A extends Promise { static get [Symbol.species]() { return Object } } return new A((done) => done(1))",
        "return { constructor: { [Symbol.species]: 1 }, then: (done) => done({ then: (done) => done(1) }) }",
        "const a = [1, 2, 3]; a.sort(() => { a.length = 0; return 1 }); return a",
        "const a = new Uint8Array(8); a.set({ length: 8, get 0() { try { a.buffer.transfer() } catch {} return 1 } }); return [...a]",
        "const b = new ArrayBuffer(8, { maxByteLength: 16 }); const v = new Uint8Array(b); b.resize(0); v[0] = 1; v.fill(1); return v.length",
        "const a = []; a[0] = 1; Object.defineProperty(a, 1, { get() { a.length = 0; a.push({}); return 1 } }); return a.concat([1])",
        "const m = new Map([[1, 1]]); m.forEach((v, k) => { m.delete(k); if (m.size < 3) m.set(k + 1, 1); if (k > 99) m.clear() }); return 1",
        "const i = [1][Symbol.iterator](); i.__proto__.next = () => ({ done: true }); return [...[1, 2]]",
        "const w = new WeakRef({}); const r = new FinalizationRegistry(() => { for (;;) {} }); r.register({}, 1); return 1",
        "let o = {}; const w = new WeakMap([[o, 1]]); o = null; return w instanceof WeakMap",
        "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); console.log(proxy); return proxy",
        "return (function () { return typeof this })()",
        "return Object.getOwnPropertyDescriptor(Object.prototype, '__proto__').get.call(1) === Number.prototype",
        "label: { break label } return [..'']",
        "async function* g() { try { yield 1 } finally { await null } } for await (const x of g()) return x",
        "return new Date(8.64e15 + 1).toJSON()",
        "return [undefined, -0, Infinity, '\\u2028']",
        "context.env.__proto__.polluted = 1; return ({}).polluted",
        "event.__proto__.polluted = 1; return ({}).polluted",
        "delete context.env; context.getRemainingTimeInMillis = null; return context.env",
    ] {
        let source = format!("export async function handler(event, context) {{ {body} }}");
        let Ok(code) = millrace_sandbox::compile("handler.js", &source, millrace_sandbox::Language::JavaScript) else {
            continue;
        };
        for pool in [threads(), processes()] {
            // Whatever it says, it says something, and neither crashes nor hangs.
            let invocation = pool.invoke(&code, &request("{}", "broken"), &limits());
            if let Err(error) = &invocation.result {
                assert_ne!(error.name, millrace_sandbox::error_names::CRASH, "{body}: {error:?}");
            }
            let clean =
                handler("return [({}).polluted ?? 0, [1].map((x) => x), `${new Error('x')}`, typeof console.log]");
            let after = pool.invoke(&clean, &request("{}", "broken"), &limits());
            assert_eq!(after.result.as_deref(), Ok("[0,[1],\"Error: x\",\"function\"]"), "{body}");
        }
    }
}

/// Module state, globals, prototypes, intrinsics and pending jobs of one invocation are not there in the next.
#[test]
fn nothing_is_left_for_the_next() {
    let source = "
        let calls = 0;
        const cache = (globalThis.cache ??= []);
        export async function handler(event) {
            calls++; cache.push(event.secret);
            const before = [calls, cache.length, ({}).leak ?? null, Array.prototype.leak ?? null, Math.PI > 3, typeof Map];
            Object.prototype.leak = event.secret; Array.prototype.leak = event.secret;
            globalThis.Map = undefined; globalThis.leak = event.secret;
            console.log = () => {}; handler.leak = 1; Symbol.for('leak').description;
            Promise.resolve().then(function again() { globalThis.later = 1; queueMicrotask(again) });
            new FinalizationRegistry(() => { globalThis.finalized = 1 }).register({}, 1);
            return before;
        }";
    let code = javascript(source);
    for pool in [threads(), processes(), &Pool::threads(1).unwrap()] {
        for project in ["one", "one", "two"] {
            let event = r#"{"secret":"s3cret"}"#;
            let invocation = pool.invoke(&code, &request(event, project), &limits());
            assert_eq!(invocation.result.as_deref(), Ok(r#"[1,1,null,null,true,"function"]"#));
        }
    }
}

/// Fresh buffers are zero, whatever the heap held before.
#[test]
fn memory_of_another_is_not_readable() {
    let pool = Pool::threads(1).unwrap();
    let secret =
        handler("const all = []; for (let i = 0; i < 200; i++) all.push(new Uint8Array(4096).fill(0x5a)); return 1");
    let look = handler(
        "for (let i = 0; i < 400; i++) { const b = new Uint8Array(4096); if (b.some((x) => x !== 0)) return 'leak' } \
         const r = new ArrayBuffer(16, { maxByteLength: 65536 }); r.resize(65536); \
         return new Uint8Array(r).some((x) => x !== 0) ? 'leak' : 'clean'",
    );
    for _ in 0..5 {
        pool.invoke(&secret, &request("{}", "one"), &limits()).result.unwrap();
        assert_eq!(pool.invoke(&look, &request("{}", "two"), &limits()).result.as_deref(), Ok("\"clean\""));
    }
}

/// Projects are never in one process, and one that is gone does not matter.
#[test]
fn a_process_serves_one_project() {
    let pool = Pool::processes(millrace_sandbox::ProcessOptions { processes: 2, ..child_options() }).unwrap();
    let code = handler("return 1");
    for round in 0..3 {
        for project in ["a", "b", "c", "d"] {
            let invocation = pool.invoke(&code, &request("{}", project), &limits());
            assert_eq!(invocation.result.as_deref(), Ok("1"), "{round} {project}");
        }
    }
}

/// A child whose parent is gone, and with it the pipes, ends.
#[test]
fn a_child_ends_with_its_pipes() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_sandbox-child"))
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    assert!(child.wait().unwrap().success());
}

/// What doesn't look at the clock is killed with its process, and its project goes on in a new one.
#[test]
fn what_hears_nothing_is_killed() {
    let limits = Limits { time: Duration::from_millis(50), ..limits() };
    let quick = handler("return 1");
    for body in [
        "Array.prototype.reverse.call({ length: 2 ** 53 - 1 })",
        "const s = 'x'.repeat(2 ** 22); s.indexOf('x'.repeat(2 ** 21) + 'y')",
        "const a = []; a.length = 2 ** 32 - 1; return a",
        "(3n ** 600000n).toString(3)",
    ] {
        let error = processes().invoke(&handler(body), &request("{}", "deaf"), &limits).result.unwrap_err();
        assert_eq!(error.name, millrace_sandbox::error_names::TIME, "{body}: {error:?}");
        let after = processes().invoke(&quick, &request("{}", "deaf"), &support::limits());
        assert_eq!(after.result.as_deref(), Ok("1"), "{body}");
    }
}

/// The kernel refuses a child everything but memory, threads and its pipes, and its environment has nothing of its parent's.
#[test]
#[cfg(target_os = "linux")]
fn a_child_is_confined() {
    let pool = Pool::processes(child_options()).unwrap();
    pool.invoke(&handler("return 1"), &request("{}", "confined"), &limits()).result.unwrap();
    let own = std::process::id().to_string();
    let mut seen = 0;
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let read = |name: &str| std::fs::read_to_string(process.path().join(name)).unwrap_or_default();
        let status = read("status");
        let field =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
        if field("PPid:") == own && field("State:") != "Z (zombie)" {
            seen += 1;
            assert_eq!((field("Seccomp:"), field("NoNewPrivs:")), ("2".into(), "1".into()));
            assert_eq!(read("environ"), "TZ=UTC0\0");
        }
    }
    assert!(seen >= 1);
}

#[test]
fn the_environment_is_what_was_allowed() {
    assert_eq!(value("export const handler = (event, context) => Object.keys(context.env)"), json!([]));
}

#[test]
fn a_source_that_breaks_the_compiler_breaks_nothing_else() {
    use millrace_sandbox::Language::TypeScript;
    for deep in [
        format!("export const handler = {}1", "!".repeat(1_000_000)),
        format!("export const handler = {}1", "a=>".repeat(300_000)),
        format!("export const handler = 1{}", "+1".repeat(1_000_000)),
        format!("export const handler = {}1{}", "a?b:".repeat(300_000), ""),
        format!("{};export const handler = 1", "if(1)".repeat(300_000)),
        format!("type A = {}1{}; export const handler = 1", "Array<".repeat(900), ">".repeat(900)),
        format!("export const handler = a{}", ".b".repeat(500_000)),
        format!("export const handler = `{}`", "${`".repeat(900)),
    ] {
        let _ = processes().compile("a.ts", &deep, TypeScript);
        processes().compile("a.ts", "export const handler = (x: number) => x", TypeScript).unwrap();
    }
}

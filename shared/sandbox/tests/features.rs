//! The language that functions may rely on, feature by feature: each line is an expression that must be true.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(missing_docs, unreachable_pub, reason = "tests")]

mod support;

use serde_json::json;
use support::value;

/// Evaluates all of them in one invocation and names those that are false or throw.
fn hold(expressions: &[&str]) {
    let checks: Vec<String> = expressions
        .iter()
        .map(|text| format!("try {{ if ((await (async () => ({text}))()) !== true) wrong.push({text:?}) }} catch (e) {{ wrong.push({text:?} + ': ' + e) }}"))
        .collect();
    let source = format!("export async function handler() {{ const wrong = []; {} return wrong; }}", checks.join("\n"));
    assert_eq!(value(&source), json!([]));
}

#[test]
fn es2015() {
    hold(&[
        "((a, b = a + 1, ...c) => a + b + c.length)(1) === 3",
        "(({ a, b: { c = 2 } = {}, ...d }) => a + c + d.e)({ a: 1, e: 3 }) === 6",
        "(([a, , b = 3, ...c]) => a + b + c.length)([1, 2]) === 4",
        "(() => { let x = 1; { let x = 2 } return x })() === 1",
        "(() => { const f = []; for (let i = 0; i < 3; i++) f.push(() => i); return f[1]() })() === 1",
        "(() => { try { x; let x } catch (e) { return e instanceof ReferenceError } })()",
        "(() => { class A { constructor(x) { this.x = x } get y() { return this.x } static z() { return 3 } } class B extends A { constructor() { super(1) } } return new B().y + B.z() })() === 4",
        "new (class extends Array { last() { return this[this.length - 1] } })(1, 2, 3).last() === 3",
        "(() => { function f() { return new.target } return new f() === f && f() === undefined })()",
        "`a${1 + 1}b` === 'a2b' && String.raw`\\n${1}` === '\\\\n1'",
        "((s, ...v) => s.raw[0] + v[0])`\\t${1}` === '\\\\t1'",
        "[...new Set([1, 1, 2])].length === 2 && Math.max(...[1, 2]) === 2",
        "(() => { function* g() { const x = yield 1; return x * 2 } const i = g(); i.next(); return i.next(4).value })() === 8",
        "[...(function* () { yield* [1, 2]; yield 3 })()].join() === '1,2,3'",
        "(() => { for (const [k, v] of new Map([['a', 1]])) return k + v })() === 'a1'",
        "Object.assign({}, { a: 1 }, null).a === 1 && Object.is(NaN, NaN)",
        "Symbol('x').toString() === 'Symbol(x)' && Symbol.for('a') === Symbol.for('a')",
        "({ [Symbol.toPrimitive]: () => 7 }) * 1 === 7 && ({ ['a' + 1]: 2 }).a1 === 2",
        "new WeakMap().set({}, 1) instanceof WeakMap && new WeakSet() instanceof WeakSet",
        "new Proxy({}, { get: (_, k) => k + '!' }).hi === 'hi!' && Reflect.ownKeys({ a: 1, [Symbol.iterator]: 1 }).length === 2",
        "Array.from({ length: 2 }, (_, i) => i).join() === '0,1' && Array.of(7).length === 1 && [1, 2, 3].find((x) => x > 1) === 2",
        "'abc'.startsWith('ab') && 'abc'.includes('b') && 'ab'.repeat(2) === 'abab' && 'é'.normalize('NFD').length === 2",
        "'\\u{1F600}'.codePointAt(0) === 0x1F600 && [...'\\u{1F600}'].length === 1 && String.fromCodePoint(0x1F600).length === 2",
        "/\\u{1F600}/u.test('\\u{1F600}') && /a/y.sticky && 'aXbX'.replace(/x/gi, (m, at) => at) === 'a1b3'",
        "new Uint8Array([1, 256])[1] === 0 && new DataView(new ArrayBuffer(8)).getFloat64(0) === 0 && new Float32Array(2).length === 2",
        "0b11 === 3 && 0o17 === 15 && Number.isInteger(3.0) && Math.trunc(-1.5) === -1 && Math.sign(-3) === -1 && Math.clz32(1) === 31",
        "await new Promise((done) => done(1)) === 1 && (await Promise.all([1, Promise.resolve(2)])).join() === '1,2'",
        "await Promise.race([new Promise(() => {}), Promise.resolve(3)]) === 3",
        "await Promise.reject(1).then(null, (e) => e + 1) === 2",
        "(() => { label: for (;;) { for (;;) break label } return true })()",
        "(function () { return this })() === undefined && (() => { 'use strict'; try { undeclared = 1 } catch { return true } })()",
        "(() => { const f = (n) => n === 0 ? 0 : f(n - 1); return f(1000) })() === 0",
        "typeof globalThis === 'object' && (() => { var { length } = 'abc'; return length })() === 3",
        "Number('0x1f') === 31 && parseInt('12px') === 12 && (25).toString(36) === 'p' && (1.005).toFixed(1) === '1.0'",
        "new Date(Date.UTC(2020, 1, 29)).toISOString() === '2020-02-29T00:00:00.000Z' && Number.isNaN(Date.parse('x'))",
        "JSON.stringify({ a: [1, { b: undefined }], c: () => 1 }, null, 1) === '{\\n \"a\": [\\n  1,\\n  {}\\n ]\\n}'",
        "JSON.parse('{\"a\":[1,2]}', (k, v) => Array.isArray(v) ? v.length : v).a === 2",
        "encodeURIComponent('é/ ') === '%C3%A9%2F%20' && decodeURIComponent('%C3%A9') === 'é' && unescape(escape('ü')) === 'ü'",
    ]);
}

#[test]
fn es2016_to_es2020() {
    hold(&[
        "2 ** 10 === 1024 && [1, NaN].includes(NaN)",
        "Object.entries({ a: 1 })[0].join() === 'a,1' && Object.values({ a: 1 })[0] === 1",
        "'1'.padStart(3, '0') === '001' && '1'.padEnd(2, 'x') === '1x'",
        "Object.keys(Object.getOwnPropertyDescriptors({ get a() { return 1 } })).length === 1",
        "await (async () => { try { await Promise.reject(new Error('x')) } catch (e) { return e.message } })() === 'x'",
        "await (async () => { let s = 0; for await (const x of [1, Promise.resolve(2)]) s += x; return s })() === 3",
        "await (async () => { async function* g() { yield 1; yield 2 } const all = []; for await (const x of g()) all.push(x); return all.length })() === 2",
        "({ ...{ a: 1 }, b: 2 }).a === 1 && (({ a, ...rest }) => rest.b)({ a: 1, b: 2 }) === 2",
        "await Promise.resolve(1).finally(() => 2) === 1",
        "/(?<year>\\d+)-(?<m>\\d+)/.exec('2020-01').groups.year === '2020' && 'x1'.replace(/(?<d>\\d)/, '$<d>!') === 'x1!'",
        "/(?<=\\$)\\d+/.exec('$42')[0] === '42' && /(?<!a)b/.test('cb') && /a.b/s.test('a\\nb') && /\\p{Lu}/u.test('É')",
        "[1, [2, [3]]].flat(Infinity).length === 3 && [1, 2].flatMap((x) => [x, x]).length === 4",
        "Object.fromEntries([['a', 1]]).a === 1 && ' a '.trimStart() === 'a ' && ' a '.trimEnd() === ' a'",
        "(() => { try { throw 1 } catch { return true } })() && Symbol('d').description === 'd'",
        "[[1, 'b'], [0, 'a'], [1, 'a']].sort((a, b) => a[0] - b[0]).map((x) => x[1]).join('') === 'aba'",
        "2n ** 64n === 18446744073709551616n && BigInt(7) / 2n === 3n && BigInt.asUintN(8, 257n) === 1n && typeof 1n === 'bigint'",
        "null?.a === undefined && ({ a: { b: 1 } })?.a?.['b'] === 1 && (undefined)?.() === undefined && (null ?? 1) === 1 && (0 ?? 1) === 0",
        "[...'a1b2'.matchAll(/[a-z](\\d)/g)].map((m) => m[1]).join() === '1,2'",
        "(await Promise.allSettled([1, Promise.reject(2)]))[1].reason === 2",
        "typeof import.meta === 'object' && globalThis === self",
    ]);
}

#[test]
fn es2021_to_es2025() {
    hold(&[
        "'aa'.replaceAll('a', 'b') === 'bb' && 1_000 === 1000",
        "await Promise.any([Promise.reject(1), 2]) === 2 && await Promise.any([Promise.reject(1)]).catch((e) => e instanceof AggregateError)",
        "(() => { let a = null; a ??= 1; a &&= 2; let b = 0; b ||= 3; return a + b })() === 5",
        "new WeakRef({}) instanceof WeakRef && new FinalizationRegistry(() => {}) instanceof FinalizationRegistry",
        "new (class { #x = 1; static #n = 2; #m() { return this.#x } static s = 3; static { this.t = 4 } get v() { return this.#m() + (#x in this ? 10 : 0) } })().v === 11",
        "[1, 2, 3].at(-1) === 3 && 'abc'.at(-1) === 'c' && Object.hasOwn({ a: 1 }, 'a') && new Error('a', { cause: 1 }).cause === 1",
        "/a(?<x>b)/d.exec('ab').indices.groups.x.join() === '1,2'",
        "[3, 1, 2].toSorted().join() === '1,2,3' && [1, 2].toReversed()[0] === 2 && [1, 2].with(0, 9)[0] === 9 && [1, 2, 3].toSpliced(0, 1).length === 2",
        "[1, 2, 3].findLast((x) => x < 3) === 2 && [1].findLastIndex((x) => x === 1) === 0",
        "Object.groupBy([1, 2, 3], (x) => x % 2 ? 'odd' : 'even').odd.length === 2 && Map.groupBy([1], (x) => x).get(1)[0] === 1",
        "await (async () => { const { promise, resolve } = Promise.withResolvers(); resolve(1); return promise })() === 1",
        "new ArrayBuffer(8, { maxByteLength: 16 }).resizable && new ArrayBuffer(8).transfer(4).byteLength === 4",
        "'a\\ud800'.isWellFormed() === false && 'a\\ud800'.toWellFormed() === 'a\\ufffd' && /[\\p{L}--[a-z]]/v.test('é')",
        "new Set([1, 2]).union(new Set([3])).size === 3 && new Set([1]).isSubsetOf(new Set([1, 2])) && new Set([1, 2]).difference(new Set([1])).size === 1",
        "[1, 2, 3].values().map((x) => x * 2).filter((x) => x > 2).take(1).toArray()[0] === 4 && Iterator.from([1]).reduce((a, b) => a + b, 1) === 2",
        "(await Array.fromAsync([Promise.resolve(1)]))[0] === 1 && await Promise.try(() => 1) === 1",
        "/(?i:a)b/.test('Ab') && /(?<y>a)|(?<y>b)/.exec('b').groups.y === 'b' && RegExp.escape('a.b') !== 'a.b'",
        "Math.f16round(1.337) > 1.33 && new Float16Array(1).length === 1 && Array.from(new Uint8Array([1, 2]).toReversed())[0] === 2",
    ]);
}

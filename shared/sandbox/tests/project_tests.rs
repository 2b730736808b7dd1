//! Running a project's tests: the API that they are written against, what they may import, and what happens when they ask
//! for more or never end.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "these are tests")]

use std::time::{Duration, Instant};

use millrace_sandbox::{Limits, Pool, ProcessOptions, ProjectFile, TestOutcome, TestReport, TestRun};

fn pool() -> Pool {
    let program = Some(env!("CARGO_BIN_EXE_sandbox-child").into());
    Pool::processes(ProcessOptions { program, ..ProcessOptions::default() }).unwrap()
}

fn limits() -> Limits {
    Limits { time: Duration::from_secs(20), ..Limits::default() }
}

fn run_with(files: &[(&str, &str)], globals: bool, limits: &Limits) -> TestReport {
    let file = |(path, text): &(&str, &str)| ProjectFile { path: (*path).into(), text: (*text).into() };
    let run = TestRun { files: files.iter().map(file).collect(), entry: files[0].0.into(), globals };
    pool().run_tests("p", run, limits)
}

fn run(files: &[(&str, &str)], globals: bool) -> TestReport {
    run_with(files, globals, &limits())
}

/// Name and outcome of each test.
fn outcomes(report: &TestReport) -> Vec<(&str, TestOutcome)> {
    report.cases.iter().map(|case| (case.name.as_str(), case.outcome)).collect()
}

fn all_pass(report: &TestReport, count: usize) {
    let wrong: Vec<_> = report.cases.iter().filter(|case| case.outcome != Passed).collect();
    assert!(wrong.is_empty() && report.ended.is_none(), "{:?} {wrong:#?}", report.ended);
    assert_eq!(report.cases.len(), count, "{report:#?}");
}

use TestOutcome::{Empty, Failed, NotRun, Passed, Skipped};

#[test]
fn node_test_with_hooks_subtests_and_async() {
    let report = run(
        &[
            (
                "test/sum.test.mjs",
                "import assert from 'node:assert/strict';
                import { test, describe, it, before, beforeEach, afterEach } from 'node:test';
                import { setTimeout as wait } from 'node:timers/promises';
                import sum, { half } from '../src/sum.js';
                const seen = [];
                beforeEach(() => { seen.push('root'); });
                test('adds', () => { assert.equal(sum(1, 2), 3); assert.deepEqual(seen, ['root']); });
                test('waits', async () => { await wait(5); assert.equal(half(4), 2); });
                test('callback', (t, done) => { setTimeout(done, 1); });
                test('left out', { skip: 'not now' }, () => { throw new Error('no'); });
                test.todo('later');
                test('has parts', async (t) => {
                  await t.test('one', () => {});
                  await t.test('two', async (t) => { await t.test('deep', () => { assert.ok(0); }); });
                });
                describe('group', () => {
                  let ready = 0;
                  before(() => { ready = 1; });
                  beforeEach(() => { ready += 1; });
                  afterEach(() => { seen.length = 0; });
                  it('is ready', () => assert.equal(ready, 2));
                  describe('inner', () => { it('fails', () => { assert.strictEqual(sum(1, 1), 3); }); });
                  it('mocks', (t) => {
                    const f = t.mock.fn((x) => x + 1);
                    assert.equal(f(1), 2);
                    assert.deepEqual(f.mock.calls[0].arguments, [1]);
                    assert.equal(f.mock.callCount(), 1);
                  });
                });
                test('rejects', async () => {
                  await assert.rejects(async () => { throw new TypeError('bad thing'); }, { name: 'TypeError', message: /bad/ });
                  await assert.rejects(Promise.reject(new Error('x')), /x/);
                  assert.throws(() => { throw new RangeError('r'); }, RangeError);
                  assert.doesNotThrow(() => {});
                });
                test('never ends', () => new Promise(() => {}));
                await test('awaited', () => {});
                test('registered after', () => {});\n",
            ),
            ("src/sum.js", "export default (a, b) => a + b;\nexport const half = (a) => a / 2;\n"),
            ("package.json", "{\"type\": \"module\"}"),
        ],
        false,
    );
    assert_eq!(report.ended, None);
    assert_eq!(
        outcomes(&report),
        [
            ("adds", Passed),
            ("waits", Passed),
            ("callback", Passed),
            ("left out", Skipped),
            ("later", Skipped),
            ("has parts > one", Passed),
            ("has parts > two > deep", Failed),
            ("has parts > two", Passed),
            ("has parts", Passed),
            ("group > is ready", Passed),
            ("group > inner > fails", Failed),
            ("group > mocks", Passed),
            ("rejects", Passed),
            ("never ends", Failed),
            ("awaited", Passed),
            ("registered after", Passed),
        ]
    );
    let failed = report.cases.iter().find(|case| case.name.ends_with("fails")).unwrap();
    assert!(failed.message.contains("actual: 2\nexpected: 3"), "{failed:?}");
    assert_eq!(failed.places, ["test/sum.test.mjs:22"]);
    assert!(report.cases[13].message.contains("nothing will ever settle"), "{:?}", report.cases[13]);
    assert_eq!(report.cases[3].message, "not now");
    assert!(report.cases[1].duration >= Duration::from_millis(4));
}

#[test]
fn describe_it_expect_as_globals_and_from_vitest() {
    let body = "
        describe('maths', () => {
          beforeEach(() => {});
          it('matches', () => {
            expect(1 + 1).toBe(2);
            expect({ a: 1, b: undefined }).toEqual({ a: 1 });
            expect({ a: [1, { b: 2 }] }).toMatchObject({ a: [1, { b: 2 }] });
            expect([1, 2]).toContain(2);
            expect(() => { throw new Error('boom'); }).toThrow('boom');
            expect(0.1 + 0.2).toBeCloseTo(0.3);
            expect({ id: 7, name: 'x' }).toEqual({ id: expect.any(Number), name: expect.stringContaining('x') });
            expect('abc').not.toMatch(/z/);
            expect({ a: { b: [3] } }).toHaveProperty('a.b.0', 3);
          });
          it('awaits', async () => {
            await expect(Promise.resolve(3)).resolves.toBe(3);
            await expect(Promise.reject(new Error('no'))).rejects.toThrow('no');
          });
          it.each([[1, 2], [2, 4]])('doubles %i', (a, b) => { expect(a * 2).toBe(b); });
          it.skip('not this', () => {});
        });
        test('fails', () => { expect([1, 2]).toEqual([1, 3]); });
        test('strict', () => { expect({ a: undefined }).not.toStrictEqual({}); });
        test('counted', () => { expect.assertions(1); });
    ";
    let expected = [
        ("maths > matches", Passed),
        ("maths > awaits", Passed),
        ("maths > doubles 1", Passed),
        ("maths > doubles 2", Passed),
        ("maths > not this", Skipped),
        ("fails", Failed),
        ("strict", Passed),
        ("counted", Failed),
    ];
    let globals = run(&[("a.test.js", body)], true);
    assert_eq!(outcomes(&globals), expected, "{globals:#?}");
    let text = format!("import {{ describe, it, test, expect, beforeEach, vi }} from 'vitest';\n{body}");
    assert_eq!(outcomes(&run(&[("a.test.ts", &text)], false)), expected);
    let text = format!("const {{ describe, it, test, expect, beforeEach, jest }} = require('@jest/globals');\n{body}");
    assert_eq!(outcomes(&run(&[("a.test.js", &text)], false)), expected);
    let fails = globals.cases.iter().find(|case| case.name == "fails").unwrap();
    assert!(fails.message.contains("expected: [ 1, 3 ]\nreceived: [ 1, 2 ]"), "{fails:?}");
    // Under node --test they are no globals.
    assert_eq!(outcomes(&run(&[("a.test.js", body)], false)), [("a.test.js", Failed)]);
}

#[test]
fn mocks_callbacks_and_mocha() {
    let report = run(
        &[(
            "a.spec.js",
            "it('fn', () => {
               const f = jest.fn().mockReturnValueOnce(1).mockReturnValue(2);
               expect([f('a'), f(), f()]).toEqual([1, 2, 2]);
               expect(f).toHaveBeenCalledTimes(3);
               expect(f).toHaveBeenCalledWith('a');
               expect(f.mock.calls[0]).toEqual(['a']);
             });
             it('spies', () => {
               const o = { m(x) { return x; } };
               const spy = vi.spyOn(o, 'm').mockImplementation(() => 9);
               expect(o.m(1)).toBe(9);
               spy.mockRestore();
               expect(o.m(1)).toBe(1);
             });
             it('callback', (done) => { setTimeout(() => done(), 1); });
             it('callback that fails', (done) => { setTimeout(() => done(new Error('late')), 1); });
             it('thrown in a timer', (done) => { setTimeout(() => { throw new Error('in timer'); }, 1); });
             it('this', function () { this.timeout(100); this.skip(); });
             it('slow', async () => { await new Promise((resolve) => setTimeout(resolve, 5000)); }, 30);
             it('snapshot', () => { expect(1).toMatchSnapshot(); });
             it('fake timers', () => { jest.useFakeTimers(); });",
        )],
        true,
    );
    let expected = [Passed, Passed, Passed, Failed, Failed, Skipped, Failed, NotRun, NotRun];
    assert_eq!(report.cases.iter().map(|case| case.outcome).collect::<Vec<_>>(), expected, "{report:#?}");
    assert_eq!(report.cases[4].message, "in timer");
    assert!(report.cases[6].message.contains("longer than 30 ms"), "{:?}", report.cases[6]);
    assert!(report.cases[7].message.contains("snapshots"), "{:?}", report.cases[7]);
}

#[test]
fn common_js_typescript_and_json() {
    let report = run(
        &[
            (
                "test/a.js",
                "const assert = require('assert');
                const { test } = require('node:test');
                const lib = require('../lib');
                test('common', () => { assert.strictEqual(lib.add(1, 2), 3); assert.deepStrictEqual(lib.data, { x: [1] }); });
                test('interop', async () => { assert.equal((await import('../lib/ts.ts')).twice(2), 4); });",
            ),
            ("lib/index.js", "exports.add = (a, b) => a + b; exports.data = require('./data.json');"),
            ("lib/data.json", "{\"x\": [1]}"),
            ("lib/ts.ts", "import { add } from './index.js';\nexport const twice = (n: number): number => add(n, n);"),
        ],
        false,
    );
    all_pass(&report, 2);
    let plain = run(&[("test/plain.js", "const assert = require('assert'); assert(1 + 1 === 2);")], false);
    assert_eq!(outcomes(&plain), [("test/plain.js", Empty)]);
    let plain = run(&[("test/plain.js", "const assert = require('assert');\nassert.equal(1, 2);")], false);
    assert_eq!(
        (outcomes(&plain), &plain.cases[0].places[..]),
        (vec![("test/plain.js", Failed)], &["test/plain.js:2".to_owned()][..])
    );
}

#[test]
fn what_is_absent_is_not_run_and_never_passed() {
    let of_file = |text: &str| {
        let report = run(&[("a.test.mjs", text), ("b.mjs", "export const b = 1;")], false);
        assert_eq!(report.cases.len(), 1, "{report:#?}");
        (report.cases[0].outcome, report.cases[0].message.clone())
    };
    for (text, what) in [
        ("import fs from 'node:fs'; import { test } from 'node:test'; test('x', () => {});", "node:fs"),
        ("import fs from 'fs';", "node:fs"),
        ("import express from 'express';", "npm packages (express)"),
        ("import '../outside.mjs';", "outside of the project"),
        ("import { test } from 'node:test'; test('x', () => { Buffer.from('x'); });", "Buffer"),
        ("import { test } from 'node:test'; test('x', async () => { await fetch('http://x'); });", "fetch"),
        ("import { test } from 'node:test'; test('x', async () => { await import('node:net'); });", "node:net"),
        ("const x = process.binding('fs').open();", "process.binding"),
    ] {
        let (outcome, message) = of_file(text);
        assert!(outcome == NotRun && message.contains(what), "{text}: {outcome:?} {message}");
    }
    for (text, what) in [
        ("import { b } from './none.mjs';", "Cannot find module './none.mjs'"),
        ("import { c } from './b.mjs';", "c"),
        ("throw new Error('top');", "top"),
        ("const a = ;", "unexpected"),
        ("import { test } from 'node:test'; test('x', () => { undefined.x; });", "TypeError"),
        ("await new Promise(() => {});", "nothing will ever settle"),
    ] {
        let (outcome, message) = of_file(text);
        assert!(outcome == Failed && message.contains(what), "{text}: {outcome:?} {message}");
    }
    // Asking is no harm where the test passes all the same.
    let text = "import { test } from 'node:test'; test('x', () => { if (typeof Buffer !== 'undefined') throw 1; });";
    assert_eq!(of_file(text).0, Passed);
    // The words of another engine.
    let text = "import { test } from 'node:test'; import assert from 'assert'; test('x', () => { assert.throws(() => JSON.parse('{'), /Unexpected end of JSON input/); });";
    assert_eq!(of_file(text).0, NotRun);
}

#[test]
fn limits_end_it_and_say_so() {
    let brief = Limits { time: Duration::from_millis(300), ..Limits::default() };
    let loops = "import { test } from 'node:test'; test('a', () => {}); test('loops', () => { for (;;); }); test('b', () => {});";
    let began = Instant::now();
    let report = run_with(&[("a.mjs", loops)], false, &brief);
    assert_eq!(outcomes(&report), [("a", Passed), ("loops", Failed)], "{report:?}");
    assert!(report.ended.unwrap().contains("300ms") && began.elapsed() < Duration::from_secs(8));
    let forever = "import { test } from 'node:test'; test('x', () => new Promise((r) => setTimeout(r, 1e6)));";
    assert_eq!(outcomes(&run_with(&[("a.mjs", forever)], false, &brief)), [("x", Failed)]);
    let native = "import { test } from 'node:test'; test('x', () => { Array.prototype.reverse.call({ length: 2 ** 53 - 1 }); });";
    let report = run_with(&[("a.mjs", native)], false, &brief);
    assert!(report.cases.is_empty() && report.ended.is_some(), "{report:?}");
    let bomb = "import { test } from 'node:test'; test('x', () => { const a = []; for (;;) a.push('x'.repeat(1e5) + a.length); }); test('y', () => {});";
    let report = run(&[("a.mjs", bomb)], false);
    assert!(report.cases.iter().any(|case| case.outcome == Failed) || report.ended.is_some(), "{report:?}");
    let deep = "import { test } from 'node:test'; test('x', () => { const f = () => f(); f(); });";
    assert_eq!(outcomes(&run(&[("a.mjs", deep)], false)), [("x", Failed)]);
    let many = "import { test } from 'node:test'; for (let i = 0; i < 6000; i++) test(`t${i}`, () => { throw new Error('m'.repeat(9999)); });";
    let report = run(&[("a.mjs", many)], false);
    assert_eq!(report.cases.len(), 5_000);
    assert!(report.cases[0].message.len() < 4_200);
}

#[test]
fn deep_equality_is_nodes() {
    let report = run(
        &[(
            "a.test.mjs",
            "import assert from 'node:assert';
            import { test } from 'node:test';
            const same = (a, b) => test('same', () => assert.deepStrictEqual(a, b));
            const other = (a, b) => test('other', () => assert.notDeepStrictEqual(a, b));
            same(NaN, NaN); same([1, [2]], [1, [2]]); same(new Map([[{ a: 1 }, 2]]), new Map([[{ a: 1 }, 2]]));
            same(new Set([[1], [2]]), new Set([[2], [1]])); same(new Date(5), new Date(5)); same(/a/g, /a/g);
            same(Uint8Array.of(1, 2), Uint8Array.of(1, 2)); same(new Error('x'), new Error('x'));
            const a = { self: null }; a.self = a; const b = { self: null }; b.self = b; same(a, b);
            other(0, -0); other([1], ['1']); other({ a: undefined }, {}); other(new Date(5), new Date(6)); other(/a/g, /a/i);
            other([1, 2], { 0: 1, 1: 2, length: 2 }); other(new (class A {})(), {}); other(new Set([1]), new Set([2]));
            other(Object(1), Object(2)); other([,], [undefined]);
            test('loose', () => { assert.deepEqual({ a: 1 }, { a: '1' }); assert.equal(1, '1'); assert.notDeepEqual({ a: 1 }, { b: 1 }); });
            test('clone', () => {
              const from = { d: new Date(1), m: new Map([[1, { x: 1 }]]), list: [1, , 3], u: undefined };
              assert.deepStrictEqual(structuredClone(from), from);
              assert.throws(() => structuredClone(() => 1), { name: 'DataCloneError' });
              assert.equal(new TextDecoder().decode(new TextEncoder().encode('aé€😀')), 'aé€😀');
              assert.deepEqual([...new TextEncoder().encode('é')], [0xc3, 0xa9]);
              assert.throws(() => new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.of(0xff)), TypeError);
            });",
        )],
        false,
    );
    all_pass(&report, 21);
}

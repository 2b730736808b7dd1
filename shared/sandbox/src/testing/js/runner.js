// Collects tests and runs them, one after the other: node:test, and describe/it as in jest, vitest and mocha.

import { show } from 'millrace:console';
import { native } from 'millrace:native';
import { absent } from 'millrace:absent';
import { after as later, cancel } from 'millrace:world';
import { MockTracker } from 'millrace:mocks';
import { strict as assert } from 'millrace:assert';

const now = Date.now;
const format = (text, values) => {
    let next = 0;
    return text.replace(/%([sdifjoO#%])/g, (mark, kind) => {
        if (kind === '%') return '%';
        if (kind === '#') return mark;
        if (next >= values.length) return mark;
        const value = values[next++];
        return typeof value === 'string' ? value : kind === 'j' ? JSON.stringify(value) : show(value);
    });
};

class Suite {
    constructor(name, parent, options) {
        Object.assign(this, { name, parent, items: [], mode: options.mode, timeout: options.timeout, hooks: {} });
        for (const kind of ['before', 'after', 'beforeEach', 'afterEach']) this.hooks[kind] = [];
        Object.assign(this, { collecting: null, broken: undefined, next: 0, prepared: false, unprepared: undefined });
    }
    get isSkipped() { return this.mode === 'skip' || Boolean(this.parent?.isSkipped); }
    get isTodo() { return this.mode === 'todo' || Boolean(this.parent?.isTodo); }
    get path() { return this.parent ? [...this.parent.path, this.name] : []; }
    line() { return this.parent ? [...this.parent.line(), this] : [this]; }
}

const root = new Suite('', null, {});
let suite = root;
let hasOnly = false;
/// The test that runs, the innermost last: who waits, and for what.
const waiting = [];
/// The test that runs now, for expect and mocks.
export const active = { checks: 0, wanted: null, after: [] };

// ---- telling ----------------------------------------------------------------------------------------------------------

function framesOf(error) {
    const stack = typeof error?.stack === 'string' ? error.stack : '';
    const frames = [];
    for (const line of stack.split('\n')) {
        const found = /\(?([^()\s][^()]*?):(\d+):(\d+)\)?\s*$/.exec(line.replace(/^\s*at\s+/, '').replace(/^[^(]*\(/, '('));
        if (found && !found[1].startsWith('millrace:')) frames.push([found[1], Number(found[2])]);
    }
    return frames;
}

function told(error) {
    let message;
    try {
        const name = error?.name ?? 'Error';
        message = error?.told ?? (error instanceof Error || typeof error?.message === 'string'
            ? name === 'AssertionError' || name === 'Error' ? `${error.message}` : `${name}: ${error.message}`
            : `thrown: ${show(error)}`);
        if (error?.cause !== undefined) message += `\ncause: ${error.cause?.message ?? show(error.cause)}`;
    } catch { message = 'an error that cannot be shown'; }
    const frames = framesOf(error);
    return { message, frames };
}

function report(name, outcome, began, message, frames = []) {
    native.report(name, outcome, began === null ? 0 : now() - began, message ?? '', frames.map(([file, line]) => `${file}:${line}`));
}

// ---- waiting ----------------------------------------------------------------------------------------------------------

/// The outcome of some code of the project: in time, and unless it waits for what never comes.
function guarded(work, timeout) {
    let timer;
    const entry = {};
    const broken = new Promise((_, reject) => { entry.reject = reject; });
    broken.catch(() => {});
    waiting.push(entry);
    if (timeout > 0 && Number.isFinite(timeout)) {
        timer = later(timeout, () => entry.reject(new Error(`it took longer than ${timeout} ms`)));
        timer.unref();
        entry.timer = timer;
    }
    const done = new Promise((resolve) => resolve(work()));
    return Promise.race([done, broken]).finally(() => {
        cancel(timer);
        waiting.splice(waiting.indexOf(entry), 1);
    });
}

/// An error that nobody could catch: it belongs to whoever runs.
export function uncaught(error) {
    const entry = waiting.at(-1);
    if (entry) entry.reject(error); else loose.push(error);
}
const loose = [];

// ---- registering ------------------------------------------------------------------------------------------------------

function modeOf(options) {
    if (options.skip) return 'skip';
    if (options.todo) return 'todo';
    if (options.only) return 'only';
    return undefined;
}

function read(values, flavour) {
    let [name, options, work] = values;
    let timeout;
    if (typeof name === 'function') [name, options, work] = [name.name || '<anonymous>', {}, name];
    if (typeof name === 'object' && name !== null && !Array.isArray(name)) [name, options, work] = ['<anonymous>', name, options];
    if (typeof options === 'function') {
        timeout = flavour === 'node' ? undefined : typeof work === 'number' ? work : work?.timeout;
        if (flavour !== 'node' && work && typeof work === 'object') [options, work] = [work, options];
        else [options, work] = [{}, options];
    }
    options = options ?? {};
    return { name: `${name ?? '<anonymous>'}`, options, work, timeout: options.timeout ?? timeout };
}

function register(values, flavour, mode, extra) {
    const { name, options, work, timeout } = read(values, flavour);
    const item = { name, work, timeout, flavour, mode: mode ?? modeOf(options) ?? (work ? undefined : 'todo'), reason: options.skip ?? options.todo, ...extra };
    if (item.mode === 'only') hasOnly = flavour !== 'node' || hasOnly;
    item.parent = suite;
    item.done = new Promise((resolve) => { item.finish = resolve; });
    suite.items.push(item);
    return item.done;
}

function group(values, flavour, mode) {
    const { name, options, work, timeout } = read(values, flavour);
    const made = new Suite(name, suite, { mode: mode ?? modeOf(options), timeout });
    if (made.mode === 'only') hasOnly = flavour !== 'node' || hasOnly;
    suite.items.push(made);
    const before = suite;
    suite = made;
    try {
        const returned = work?.call({ timeout() { return this; }, slow() { return this; }, retries() { return this; } }, made);
        if (typeof returned?.then === 'function') made.collecting = returned;
    } catch (error) {
        made.broken = error;
    } finally {
        suite = before;
    }
    return Promise.resolve();
}

const hook = (kind, flavour) => (first, second, third) => {
    const [work, options] = typeof first === 'function' ? [first, second] : [second, third];
    suite.hooks[kind].push({ work, flavour, timeout: typeof options === 'number' ? options : options?.timeout });
};

/// Rows of a table, as arrays of arguments.
function table(first, ...values) {
    if (Array.isArray(first) && 'raw' in first) {
        const names = first[0].split('|').map((name) => name.trim()).filter(Boolean);
        const rows = [];
        for (let at = 0; at + names.length <= values.length; at += names.length) {
            rows.push([Object.fromEntries(names.map((name, i) => [name, values[at + i]]))]);
        }
        return rows;
    }
    return first.map((row) => (Array.isArray(row) ? row : [row]));
}

function named(name, row, at) {
    const numbered = `${name}`.replaceAll('%#', `${at}`).replaceAll('%p', '%s');
    const filled = format(numbered, row);
    return filled.replace(/\$([A-Za-z_$][\w$]*(?:\.[\w$]+)*)/g, (mark, path) => {
        const value = path.split('.').reduce((of, key) => of?.[key], row[0]);
        return value === undefined ? mark : typeof value === 'string' ? value : show(value);
    });
}

const each = (add) => (...rows) => (name, work, timeout) => table(...rows).forEach((row, at) => {
    add(named(name, row, at), (...more) => work(...row, ...(work.length > row.length ? more : [])), timeout);
});

function api(flavour, add) {
    const made = (...values) => add(values, flavour);
    for (const mode of ['skip', 'todo', 'only']) {
        made[mode] = (...values) => add(values, flavour, mode);
        if (flavour !== 'node') made[mode].each = each(made[mode]);
    }
    if (flavour === 'node') return made;
    made.each = each(made);
    made.for = (rows) => (name, work) => rows.forEach((row, at) => made(named(name, [row].flat(), at), () => work(row)));
    made.concurrent = made;
    made.sequential = made;
    made.skipIf = (condition) => (condition ? made.skip : made);
    made.runIf = (condition) => (condition ? made : made.skip);
    made.failing = made.fails = (...values) => add(values, flavour, undefined, { failing: true });
    return made;
}

export const node = { test: api('node', register), describe: api('node', group) };
export const jest = { test: api('jest', register), describe: api('jest', group) };
for (const kind of ['before', 'after', 'beforeEach', 'afterEach']) node[kind] = hook(kind, 'node');
Object.assign(jest, {
    beforeAll: hook('before', 'jest'), afterAll: hook('after', 'jest'), beforeEach: hook('beforeEach', 'jest'), afterEach: hook('afterEach', 'jest'),
    before: hook('before', 'jest'), after: hook('after', 'jest'),
});
node.test.test = node.test;
Object.assign(node.test, { it: node.test, describe: node.describe, suite: node.describe, before: node.before, after: node.after, beforeEach: node.beforeEach, afterEach: node.afterEach });

// ---- running ----------------------------------------------------------------------------------------------------------

class Skipped { constructor(reason) { this.reason = reason; } }

/// What a node:test function gets.
class TestContext {
    #item; #path; #hooks;
    constructor(item, path) {
        this.#item = item;
        this.#path = path;
        this.#hooks = { before: [], after: [], beforeEach: [], afterEach: [] };
        this.mock = new MockTracker();
        this.subtests = [];
        this.assert = assert;
        for (const kind of Object.keys(this.#hooks)) this[kind] = (work, options) => { this.#hooks[kind].push({ work, flavour: 'node', timeout: options?.timeout }); };
        this.test = (...values) => this.#sub(values);
        for (const mode of ['skip', 'todo', 'only']) this.test[mode] = (...values) => this.#sub(values, mode);
        this.it = this.test;
    }
    get name() { return this.#item.name; }
    get fullName() { return this.#path.join(' > '); }
    get hooks() { return this.#hooks; }
    get signal() { return absent('AbortSignal'); }
    get filePath() { return undefined; }
    #sub(values, mode) {
        const { name, options, work, timeout } = read(values, 'node');
        const item = { name, work, timeout, flavour: 'node', mode: mode ?? modeOf(options) ?? (work ? undefined : 'todo'), reason: options.skip ?? options.todo };
        const after = this.subtests.at(-1) ?? Promise.resolve();
        const done = after.then(() => runTest(item, [...this.#path, name], { each: this.#hooks }));
        this.subtests.push(done);
        return done.then(() => undefined);
    }
    skip(reason) { this.skipped = new Skipped(reason); }
    todo(reason) { this.todone = new Skipped(reason); }
    diagnostic() {}
    runOnly() {}
    plan(count) { this.planned = count; }
    async waitFor(condition, { interval = 50, timeout = 1000 } = {}) {
        const end = now() + timeout;
        for (;;) {
            try { return await condition(); } catch (error) { if (now() >= end) throw error; }
            await new Promise((resolve) => later(interval, resolve));
        }
    }
}

/// Calls a test or hook as its flavour does.
function call({ work, flavour }, context) {
    if (!work) return undefined;
    if (flavour === 'node') {
        if (work.length < 2) return work.call(context, context);
        return withCallback((done) => work.call(context, context, done));
    }
    const self = {
        timeout() { return self; }, slow() { return self; }, retries() { return self; },
        skip() { throw new Skipped('this.skip()'); },
    };
    // vitest's functions take a context, most often taken apart; jest's and mocha's a callback.
    if (work.length === 0 || /^(async\b|[^(]*\(?\s*\{)/.test(Function.prototype.toString.call(work))) {
        return work.call(self, { expect: globalThis.expect, skip: (reason) => { throw new Skipped(reason); }, onTestFinished: (hook) => active.after.push(hook) });
    }
    return withCallback((done) => work.call(self, Object.assign(done, { fail: done })));
}

const withCallback = (start) => new Promise((resolve, reject) => {
    const returned = start((error) => (error ? reject(error instanceof Error ? error : new Error(show(error))) : resolve()));
    if (typeof returned?.then === 'function') returned.then(undefined, reject);
});

const hooksOf = (item, kind) => {
    const all = (item.parent?.line() ?? []).flatMap((suite) => suite.hooks[kind]);
    return kind === 'afterEach' ? all.reverse() : all;
};

async function runTest(item, path, { each: around, broken } = {}) {
    const name = path.join(' > ');
    const parent = item.parent;
    if (item.mode === 'skip' || parent?.isSkipped) return report(name, 'skipped', null, typeof item.reason === 'string' ? item.reason : '');
    if (hasOnly && parent && !isOnly(item)) return report(name, 'skipped', null, 'others are marked `only`');
    if (!item.work) return report(name, 'todo', null, typeof item.reason === 'string' ? item.reason : '');
    native.begin(name);
    const began = now();
    const before = native.absences();
    const outer = { checks: active.checks, wanted: active.wanted, after: active.after };
    Object.assign(active, { checks: 0, wanted: null, after: [] });
    const context = new TestContext(item, path);
    const limit = item.timeout ?? parent?.timeout ?? (item.flavour === 'node' ? Infinity : 5000);
    let error;
    const attempt = async (work, timeout) => { try { await guarded(work, timeout); } catch (thrown) { error ??= { thrown }; } };
    if (broken) error = broken;
    for (const each of [...hooksOf(item, 'beforeEach'), ...(around?.beforeEach ?? [])]) {
        if (!error) await attempt(() => call(each, context), each.timeout ?? limit);
    }
    if (!error) {
        await attempt(async () => {
            await call(item, context);
            for (const work of context.hooks.before.splice(0)) await call(work, context);
            await Promise.all(context.subtests);
        }, limit);
    }
    if (!error && active.wanted !== null && (active.wanted === true ? active.checks === 0 : active.checks !== active.wanted)) {
        error = { thrown: new Error(`expected ${active.wanted === true ? 'assertions' : `${active.wanted} assertions`}, got ${active.checks}`) };
    }
    const ends = [...context.hooks.after, ...(around?.afterEach ?? []), ...hooksOf(item, 'afterEach'), ...active.after.map((work) => ({ work, flavour: 'jest' }))];
    for (const end of ends) await attempt(() => call(end, context), end.timeout ?? limit);
    context.mock.reset();
    Object.assign(active, outer);
    if (!error && loose.length) error = { thrown: loose.shift() };
    const skipped = error?.thrown instanceof Skipped ? error.thrown : context.skipped;
    if (skipped) return report(name, 'skipped', began, `${skipped.reason ?? ''}`);
    if (item.mode === 'todo' || parent?.isTodo || context.todone) return report(name, 'todo', began, error ? told(error.thrown).message : '');
    if (item.failing) {
        return error ? report(name, 'passed', began) : report(name, 'failed', began, 'it is marked as failing, and passes');
    }
    if (!error) return report(name, 'passed', began);
    const { message, frames } = told(error.thrown);
    let missing = native.absentBetween(before, native.absences());
    // What was missing when the file was loaded shows itself where it is used.
    if (!missing && (error.thrown instanceof TypeError || error.thrown instanceof ReferenceError)) missing = native.absentBetween(0, whenLoaded);
    if (missing) return report(name, 'absent', began, `${missing}\n${message}`, frames);
    report(name, 'failed', began, message, frames);
}

function isOnly(item) {
    return item.mode === 'only' || item.parent?.line().some((suite) => suite.mode === 'only');
}

async function runSuite(group, broken) {
    if (group.collecting) {
        try { await guarded(() => group.collecting); } catch (error) { group.broken ??= error; }
    }
    if (group.broken !== undefined) broken ??= { thrown: group.broken };
    if (broken && group.items.length === 0) {
        const { message, frames } = told(broken.thrown);
        report(group.path.join(' > '), 'failed', null, message, frames);
    }
    await runItems(group, broken);
    await endSuite(group);
}

/// Runs what has not run yet; while it runs, more may come.
async function runItems(group, broken) {
    while (group.next < group.items.length) {
        const item = group.items[group.next++];
        if (!group.prepared && !group.isSkipped) {
            group.prepared = true;
            for (const work of group.hooks.before) {
                try { await guarded(() => call(work, {}), work.timeout); } catch (thrown) { group.unprepared ??= { thrown }; }
            }
        }
        broken ??= group.unprepared;
        if (item instanceof Suite) {
            await runSuite(item, broken);
        } else {
            await runTest(item, [...group.path, item.name], { broken });
            item.finish();
        }
    }
}

async function endSuite(group) {
    if (!group.prepared) return;
    for (const work of group.hooks.after) {
        try { await guarded(() => call(work, {}), work.timeout); } catch (thrown) {
            const { message, frames } = told(thrown);
            report([...group.path, '(after)'].join(' > '), 'failed', null, message, frames);
        }
    }
}

const STALLED = {};
let startEarly = null;
let whenLoaded = 0;

/// Nothing is left that could run: whoever waits, waits in vain. False where nobody does.
export function stalled() {
    const entry = waiting.pop();
    if (entry) entry.reject(new Error('it waits for something that nothing will ever settle'));
    else if (startEarly) startEarly(STALLED);
    else return false;
    startEarly = null;
    return true;
}

/// Loads a test file and runs what it registers. `load` answers with a promise.
export async function run(load, name) {
    const before = native.absences();
    const loading = Promise.resolve(load()).then(() => null, (thrown) => ({ thrown }));
    let outcome;
    // A file that awaits its own tests stalls before it is loaded: then they run already.
    do {
        outcome = await Promise.race([loading, new Promise((resolve) => { startEarly = resolve; })]);
        startEarly = null;
        if (outcome === STALLED && root.next === root.items.length) {
            outcome = { thrown: new Error('its top-level await waits for something that nothing will ever settle') };
        }
        whenLoaded ||= native.absences();
        if (outcome === null || outcome === STALLED) await runItems(root);
    } while (outcome === STALLED);
    if (outcome) {
        const { message, frames } = told(outcome.thrown);
        const missing = native.absentBetween(before, native.absences());
        return report(name, missing ? 'absent' : 'failed', null, missing ? `${missing}\n${message}` : message, frames);
    }
    await endSuite(root);
    for (const error of loose.splice(0)) {
        const { message, frames } = told(error);
        report(name, 'failed', null, message, frames);
    }
    if (root.items.length === 0) report(name, 'empty', null);
}

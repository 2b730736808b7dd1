// Where it begins: the modules that tests may import, CommonJS, and the globals.

import { native } from 'millrace:native';
import { show, formatted } from 'millrace:console';
import { assert, strict, AssertionError } from 'millrace:assert';
import { equal } from 'millrace:equal';
import { absent, hideGlobals, refuse } from 'millrace:absent';
import { installWorld, untilTimer, fireTimer } from 'millrace:world';
import { MockTracker, library } from 'millrace:mocks';
import { node, jest, run, stalled, uncaught } from 'millrace:runner';
import { expect } from 'millrace:expect';

const { test, describe, before, after, beforeEach, afterEach } = node;
const nodeTest = Object.assign(test, { mock: new MockTracker() });
const jestLibrary = library('jest');
const vitestLibrary = library('vi');
const jestNames = { ...jest, it: jest.test, xit: jest.test.skip, xtest: jest.test.skip, fit: jest.test.only, fdescribe: jest.describe.only, xdescribe: jest.describe.skip, expect };

class EventEmitter {
    #listeners = new Map();
    on(name, listener) { this.#of(name).push(listener); return this; }
    addListener(name, listener) { return this.on(name, listener); }
    prependListener(name, listener) { this.#of(name).unshift(listener); return this; }
    once(name, listener) {
        const once = (...values) => { this.off(name, once); return listener.apply(this, values); };
        once.listener = listener;
        return this.on(name, once);
    }
    off(name, listener) {
        const list = this.#of(name);
        const at = list.findLastIndex((other) => other === listener || other.listener === listener);
        if (at >= 0) list.splice(at, 1);
        return this;
    }
    removeListener(name, listener) { return this.off(name, listener); }
    removeAllListeners(name) { if (name === undefined) this.#listeners.clear(); else this.#listeners.delete(name); return this; }
    emit(name, ...values) {
        const list = [...this.#of(name)];
        if (list.length === 0 && name === 'error') throw values[0] instanceof Error ? values[0] : new Error(`Unhandled error. (${show(values[0])})`);
        for (const listener of list) listener.apply(this, values);
        return list.length > 0;
    }
    listenerCount(name) { return this.#of(name).length; }
    listeners(name) { return this.#of(name).map((listener) => listener.listener ?? listener); }
    eventNames() { return [...this.#listeners].filter(([, list]) => list.length > 0).map(([name]) => name); }
    setMaxListeners() { return this; }
    #of(name) {
        if (!this.#listeners.has(name)) this.#listeners.set(name, []);
        return this.#listeners.get(name);
    }
}
EventEmitter.EventEmitter = EventEmitter;

const normal = (path) => {
    const rooted = path.startsWith('/');
    const parts = [];
    for (const part of path.split('/')) {
        if (part === '' || part === '.') continue;
        if (part === '..' && parts.length && parts.at(-1) !== '..') parts.pop();
        else if (part !== '..' || !rooted) parts.push(part);
    }
    return (rooted ? '/' : '') + parts.join('/') || (rooted ? '/' : '.');
};
const path = {
    sep: '/', delimiter: ':', normalize: normal, isAbsolute: (text) => text.startsWith('/'),
    join: (...parts) => normal(parts.filter(Boolean).join('/')),
    resolve: (...parts) => normal(parts.reduceRight((rest, part) => (rest.startsWith('/') ? rest : part ? `${part}/${rest}` : rest), '').replace(/^(?!\/)/, '/project/')),
    dirname: (text) => text.replace(/\/+$/, '').replace(/[^/]*$/, '').replace(/(.)\/+$/, '$1') || (text.startsWith('/') ? '/' : '.'),
    basename: (text, end = '') => { const name = text.replace(/\/+$/, '').split('/').at(-1); return end && name !== end && name.endsWith(end) ? name.slice(0, -end.length) : name; },
    extname: (text) => /[^/.](\.[^./]*)$/.exec(text)?.[1] ?? '',
};
path.posix = path;

const util = {
    inspect: (value, options) => show(value, options?.depth === null ? 100 : options?.depth ?? 2), format: (...values) => formatted(values),
    isDeepStrictEqual: (a, b) => equal(a, b, 'strict'),
    promisify: (work) => (...values) => new Promise((resolve, reject) => { work(...values, (error, value) => (error ? reject(error) : resolve(value))); }),
    types: { isPromise: (value) => value instanceof Promise, isDate: (value) => value instanceof Date, isRegExp: (value) => value instanceof RegExp },
    inherits(type, parent) { Object.setPrototypeOf(type.prototype, parent.prototype); },
    deprecate: (work) => work,
    TextEncoder: undefined, TextDecoder: undefined,
};

const pause = (delay, value) => new Promise((resolve) => { globalThis.setTimeout(() => resolve(value), delay); });
const timersPromises = { setTimeout: pause, setImmediate: (value) => pause(0, value), scheduler: { wait: pause, yield: () => pause(0) } };

/// Of each module: its default, and its names.
const builtins = {
    'node:assert': [assert, { ...assert, AssertionError, strict }],
    'node:assert/strict': [strict, { ...strict, AssertionError }],
    'node:test': [nodeTest, { test, it: test, describe, suite: describe, before, after, beforeEach, afterEach, mock: nodeTest.mock }],
    'node:events': [EventEmitter, { EventEmitter }],
    'node:path': [path, path],
    'node:path/posix': [path, path],
    'node:util': [util, util],
    'node:timers/promises': [timersPromises, timersPromises],
    'node:process': [undefined, {}],
    'node:timers': [undefined, {}],
    '@jest/globals': [undefined, { ...jestNames, jest: jestLibrary }],
    vitest: [undefined, { ...jestNames, suite: jest.describe, vi: vitestLibrary, vitest: vitestLibrary, assert, expectTypeOf: () => new Proxy(() => {}, { get: (of, key) => (key === 'then' ? undefined : () => of), apply: () => undefined }) }],
};

/// What a CommonJS module gets for one of these names.
const required = (name) => {
    const [own, names] = builtins[name];
    return own ?? names;
};

/// The names that a module of ours exports, and its values: the loader writes the module.
export const namesOf = (name) => Object.keys(builtins[name][1]).filter((key) => /^[A-Za-z_$][\w$]*$/.test(key) && key !== 'default');
export const valueOf = (name, key) => builtins[name][1][key];
export const defaultOf = (name) => required(name);

const cache = new Map();

/// A CommonJS module of the project, run once.
export function requireFile(file) {
    const had = cache.get(file);
    if (had) return had.exports;
    const folder = file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : '';
    const module = { exports: {}, id: file, filename: `/project/${file}`, loaded: false, children: [], paths: [] };
    cache.set(file, module);
    try {
        const made = native.compile(file);
        if (file.endsWith('.json')) module.exports = made;
        else made.call(module.exports, module.exports, requireFrom(file), module, module.filename, `/project${folder && '/'}${folder}`);
        module.loaded = true;
    } catch (error) {
        cache.delete(file);
        throw error;
    }
    return module.exports;
}

function requireFrom(base) {
    const require = (name) => {
        const [kind, found] = native.resolve(base, `${name}`);
        if (kind === 'builtin') return required(found);
        if (kind === 'module') throw refuse(`require() of ES modules (${found})`);
        return requireFile(found);
    };
    require.resolve = (name) => `/project/${native.resolve(base, name)[1]}`;
    require.main = undefined;
    require.cache = {};
    return require;
}

/// Sets up the globals; `framework` is `node` where tests import what they use.
export function prepare(framework) {
    installWorld();
    Object.assign(util, { TextEncoder: globalThis.TextEncoder, TextDecoder: globalThis.TextDecoder });
    builtins['node:process'] = [globalThis.process, { env: globalThis.process.env, argv: globalThis.process.argv, cwd: globalThis.process.cwd, nextTick: globalThis.process.nextTick }];
    const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } = globalThis;
    builtins['node:timers'] = [undefined, { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate }];
    if (framework !== 'node') Object.assign(globalThis, jestNames, { jest: jestLibrary, vi: vitestLibrary });
    hideGlobals();
}

export function start(file, isCommonJs) {
    return run(async () => (isCommonJs ? requireFile(file) : import(`project:${file}`)), file);
}

/// Fires the timer that is due.
export function tick() {
    try { fireTimer(); } catch (error) { uncaught(error); }
}

export { untilTimer, stalled, absent };

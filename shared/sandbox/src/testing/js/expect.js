// expect() as in jest and vitest.

import { show } from 'millrace:console';
import { equal, MATCHES } from 'millrace:equal';
import { absent, engineWords, refuse } from 'millrace:absent';
import { isMock } from 'millrace:mocks';
import { active } from 'millrace:runner';

const hint = (name, not) => `expect(received)${not ? '.not' : ''}.${name}(…)`;
const lines = (received, expected) => `expected: ${expected}\nreceived: ${received}`;

/// What a matcher says: whether it holds, and what there is to tell when that is wrong.
const said = (pass, received, expected) => ({ pass, text: lines(show(received), typeof expected === 'string' ? expected : show(expected)) });
const quoted = (value) => show(value, 4);
const about = (pass, received, expected) => ({ pass, text: lines(quoted(received), quoted(expected)) });

function needsMock(value) {
    if (isMock(value)) return value.mock.calls;
    if (typeof value?.mock?.callCount === 'function') return value.mock.calls.map((call) => call.arguments);
    throw new Error(`a mock or spy is expected, got ${show(value)}`);
}

function at(value, path) {
    const keys = Array.isArray(path) ? path : `${path}`.split(/[.[\]]+/).filter((key) => key !== '');
    for (const key of keys) {
        if (value === null || value === undefined || !(key in Object(value))) return { found: false };
        value = value[key];
    }
    return { found: true, value };
}

function contains(received, item, same) {
    if (typeof received === 'string') return received.includes(item);
    return [...received].some((other) => same(other, item));
}

function thrownBy(received, rejected) {
    if (rejected) return { error: received };
    if (typeof received !== 'function') throw new Error(`a function is expected, got ${show(received)}`);
    try { received(); } catch (error) { return { error }; }
    return null;
}

function toThrow(state, received, [expected]) {
    const thrown = thrownBy(received, state.rejected);
    if (!thrown) return { pass: false, text: lines('nothing was thrown', expected === undefined ? 'an error' : show(expected)) };
    const { error } = thrown;
    const message = typeof error?.message === 'string' ? error.message : `${show(error)}`;
    if (expected === undefined) return { pass: true, text: `thrown: ${message}` };
    let pass;
    if (typeof expected === 'string') pass = message.includes(expected);
    else if (expected instanceof RegExp) pass = expected.test(message);
    else if (typeof expected === 'function') pass = error instanceof expected;
    else if (expected?.[MATCHES]) pass = expected[MATCHES](error);
    else pass = message === expected?.message;
    if (!pass && typeof expected !== 'function') engineWords(error);
    return { pass, text: lines(`${error?.name ?? 'thrown'}: ${message}`, typeof expected === 'function' ? expected.name : show(expected)) };
}

const number = (name, holds) => (received, expected) => ({ pass: holds(received, expected), text: lines(show(received), `${name} ${show(expected)}`) });
const is = (name, holds) => (received) => ({ pass: holds(received), text: lines(show(received), name) });
const called = (name, holds) => (received, ...expected) => {
    const calls = needsMock(received);
    return { pass: holds(calls, expected, received), text: `${name} ${expected.map(quoted).join(', ')}\ncalls: ${quoted(calls)}` };
};
const alike = (a, b) => equal(a, b, 'equal');
const results = (received) => received.mock.results.filter((result) => result.type === 'return').map((result) => result.value);

const matchers = {
    toBe: (a, b) => said(Object.is(a, b), a, b),
    toEqual: (a, b) => about(alike(a, b), a, b),
    toStrictEqual: (a, b) => about(equal(a, b, 'strict'), a, b),
    toMatchObject: (a, b) => about(equal(a, b, 'subset'), a, b),
    toBeTruthy: is('a truthy value', Boolean),
    toBeFalsy: is('a falsy value', (value) => !value),
    toBeDefined: is('not undefined', (value) => value !== undefined),
    toBeUndefined: is('undefined', (value) => value === undefined),
    toBeNull: is('null', (value) => value === null),
    toBeNullable: is('null or undefined', (value) => value === null || value === undefined),
    toBeNaN: is('NaN', Number.isNaN),
    toBeGreaterThan: number('>', (a, b) => a > b),
    toBeGreaterThanOrEqual: number('>=', (a, b) => a >= b),
    toBeLessThan: number('<', (a, b) => a < b),
    toBeLessThanOrEqual: number('<=', (a, b) => a <= b),
    toBeCloseTo(received, expected, digits = 2) {
        const pass = received === expected || Math.abs(expected - received) < 10 ** -digits / 2;
        return said(pass, received, `${expected}, to ${digits} digits`);
    },
    toBeInstanceOf: (a, type) => ({ pass: a instanceof type, text: lines(show(a), `an instance of ${type?.name}`) }),
    toBeTypeOf: (a, type) => said(typeof a === type, typeof a, type),
    toBeOneOf: (a, list) => about([...list].some((item) => alike(a, item)), a, list),
    toSatisfy: (a, holds) => said(Boolean(holds(a)), a, 'what satisfies the function'),
    toContain: (a, item) => about(contains(a, item, Object.is), a, item),
    toContainEqual: (a, item) => about(contains(a, item, alike), a, item),
    toHaveLength: (a, length) => ({ pass: a?.length === length, text: lines(`length ${a?.length}`, `length ${length}`) }),
    toHaveProperty(received, path, ...expected) {
        const found = at(received, path);
        const pass = found.found && (expected.length === 0 || alike(found.value, expected[0]));
        return { pass, text: lines(found.found ? quoted(found.value) : `nothing at ${show(path)} in ${quoted(received)}`, expected.length ? quoted(expected[0]) : `a property ${show(path)}`) };
    },
    toMatch(received, expected) {
        if (typeof received !== 'string') throw new Error(`a string is expected, got ${show(received)}`);
        return about(typeof expected === 'string' ? received.includes(expected) : expected.test(received), received, expected);
    },
    toHaveBeenCalled: called('called', (calls) => calls.length > 0),
    toHaveBeenCalledOnce: called('called once', (calls) => calls.length === 1),
    toHaveBeenCalledTimes: called('calls:', (calls, [count]) => calls.length === count),
    toHaveBeenCalledWith: called('called with', (calls, expected) => calls.some((call) => alike(call, expected))),
    toHaveBeenLastCalledWith: called('last called with', (calls, expected) => calls.length > 0 && alike(calls.at(-1), expected)),
    toHaveBeenNthCalledWith: called('called with', (calls, [nth, ...expected]) => calls.length >= nth && alike(calls[nth - 1], expected)),
    toHaveReturned: called('returned', (calls, _, mock) => results(mock).length > 0),
    toHaveReturnedTimes: called('returned', (calls, [count], mock) => results(mock).length === count),
    toHaveReturnedWith: called('returned', (calls, [value], mock) => results(mock).some((result) => alike(result, value))),
    toHaveLastReturnedWith: called('last returned', (calls, [value], mock) => alike(results(mock).at(-1), value)),
};
Object.assign(matchers, {
    toBeCalled: matchers.toHaveBeenCalled, toBeCalledTimes: matchers.toHaveBeenCalledTimes, toBeCalledWith: matchers.toHaveBeenCalledWith,
    lastCalledWith: matchers.toHaveBeenLastCalledWith, nthCalledWith: matchers.toHaveBeenNthCalledWith,
});
for (const name of ['toMatchSnapshot', 'toMatchInlineSnapshot', 'toThrowErrorMatchingSnapshot', 'toThrowErrorMatchingInlineSnapshot', 'toMatchFileSnapshot']) {
    matchers[name] = () => { throw refuse('snapshots'); };
}
const added = {};

function judge(name, outcome, state) {
    const finish = ({ pass, text }) => {
        if (Boolean(pass) !== state.not) return;
        const error = new Error(`${state.message ? `${state.message}\n` : ''}${hint(name, state.not)}\n${text}`);
        error.matcherResult = { pass };
        throw error;
    };
    return typeof outcome?.then === 'function' ? outcome.then(finish) : finish(outcome);
}

/// A matcher of the project's own, from expect.extend.
function own(name, state, received, expected) {
    const self = { isNot: state.not, equals: alike, utils: { printReceived: show, printExpected: show, stringify: show } };
    const outcome = added[name].call(self, received, ...expected);
    const read = ({ pass, message }) => ({ pass, text: message?.() ?? '' });
    return typeof outcome?.then === 'function' ? outcome.then(read) : read(outcome);
}

function matcherOf(name) {
    if (Object.hasOwn(added, name)) return (state, received, expected) => own(name, state, received, expected);
    if (name === 'toThrow' || name === 'toThrowError') return toThrow;
    if (Object.hasOwn(matchers, name)) return (_, received, expected) => matchers[name](received, ...expected);
    throw refuse(`expect(…).${name}`);
}

function chain(received, state) {
    return new Proxy({}, {
        get(_, name) {
            if (typeof name === 'symbol' || name === 'then') return undefined;
            if (name === 'not') return chain(received, { ...state, not: !state.not });
            if (name === 'resolves' || name === 'rejects') return awaited(received, state, name === 'rejects');
            const matcher = matcherOf(name);
            return (...expected) => {
                active.checks++;
                return judge(name, matcher(state, received, expected), state);
            };
        },
    });
}

function awaited(received, state, rejected) {
    const settle = async () => {
        const promise = typeof received === 'function' ? received() : received;
        let unexpected;
        try {
            const value = await promise;
            if (!rejected) return value;
            unexpected = new Error(`the promise was to be rejected, and came to ${show(value)}`);
        } catch (error) {
            if (!rejected) throw new Error(`the promise was to be fulfilled, and was rejected: ${error?.message ?? show(error)}`, { cause: error });
            return error;
        }
        throw unexpected;
    };
    return new Proxy({}, {
        get(_, name) {
            if (typeof name === 'symbol' || name === 'then') return undefined;
            if (name === 'not') return awaited(received, { ...state, not: !state.not }, rejected);
            return async (...expected) => {
                const value = await settle();
                return chain(value, { ...state, rejected })[name](...expected);
            };
        },
    });
}

const matching = (text, decide) => ({ [MATCHES]: decide, toString: () => text, toJSON: () => text });
const CLASSES = new Map([[String, 'string'], [Number, 'number'], [Boolean, 'boolean'], [BigInt, 'bigint'], [Symbol, 'symbol'], [Function, 'function'], [Object, 'object']]);

function asymmetric(not) {
    const decide = (text, holds) => matching(text, (value) => holds(value) !== not);
    return {
        any: (type) => decide(`any ${type?.name}`, (value) => (CLASSES.has(type) && typeof value === CLASSES.get(type)) || (typeof type === 'function' && value instanceof type)),
        anything: () => decide('anything', (value) => value !== null && value !== undefined),
        objectContaining: (expected) => decide('an object with', (value) => value !== null && typeof value === 'object' && Object.keys(expected).every((key) => key in value && alike(value[key], expected[key]))),
        arrayContaining: (expected) => decide('an array with', (value) => Array.isArray(value) && expected.every((item) => value.some((other) => alike(other, item)))),
        stringContaining: (text) => decide('a text with', (value) => typeof value === 'string' && value.includes(text)),
        stringMatching: (pattern) => decide('a text like', (value) => typeof value === 'string' && new RegExp(pattern).test(value)),
        closeTo: (expected, digits = 2) => decide('a number close to', (value) => typeof value === 'number' && Math.abs(expected - value) < 10 ** -digits / 2),
    };
}

export function expect(received, message) {
    return chain(received, { not: false, message });
}
Object.assign(expect, asymmetric(false), {
    not: asymmetric(true),
    assertions(count) { active.wanted = count; },
    hasAssertions() { active.wanted = true; },
    extend(more) { Object.assign(added, more); },
    soft: expect,
    fail(message) { throw new Error(message ?? 'expect.fail()'); },
    unreachable(message) { throw new Error(message ?? 'this should not be reached'); },
    addSnapshotSerializer() { absent('snapshots'); },
});

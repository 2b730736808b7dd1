// node:assert and node:assert/strict.

import { show } from 'millrace:console';
import { equal as deep } from 'millrace:equal';
import { engineWords } from 'millrace:absent';

export class AssertionError extends Error {
    constructor(options) {
        super(options.message ?? `${show(options.actual)} ${options.operator} ${show(options.expected)}`);
        this.name = 'AssertionError';
        this.code = 'ERR_ASSERTION';
        this.generatedMessage = options.message === undefined;
        this.actual = options.actual;
        this.expected = options.expected;
        this.operator = options.operator;
    }
}

function fails(actual, expected, operator, given, message) {
    if (given instanceof Error) throw given;
    const text = given === undefined ? message : `${given}\n\n${message}`;
    const error = new AssertionError({ actual, expected, operator, message: given === undefined ? message : `${given}` });
    error.told = text;
    throw error;
}

const both = (head, actual, expected) => `${head}\n\nactual: ${show(actual)}\nexpected: ${show(expected)}`;

export function ok(value, message) {
    if (!value) fails(value, true, '==', message, `Expected a truthy value, got ${show(value)}`);
}

export const assert = (value, message) => ok(value, message);

function fail(message) {
    if (message instanceof Error) throw message;
    throw new AssertionError({ message: message ?? 'Failed', operator: 'fail' });
}

const comparison = (operator, holds, head) => (actual, expected, message) => {
    if (!holds(actual, expected)) fails(actual, expected, operator, message, both(head, actual, expected));
};

const loosely = (a, b) => a == b || (a !== a && b !== b);
const strictEqual = comparison('strictEqual', Object.is, 'Expected values to be strictly equal:');
const notStrictEqual = comparison('notStrictEqual', (a, b) => !Object.is(a, b), 'Expected values not to be strictly equal:');
const equal = comparison('==', loosely, 'Expected values to be loosely equal:');
const notEqual = comparison('!=', (a, b) => !loosely(a, b), 'Expected values not to be loosely equal:');
const deepEqual = comparison('deepEqual', (a, b) => deep(a, b, 'loose'), 'Expected values to be loosely deep-equal:');
const notDeepEqual = comparison('notDeepEqual', (a, b) => !deep(a, b, 'loose'), 'Expected values not to be loosely deep-equal:');
const deepStrictEqual = comparison(
    'deepStrictEqual', (a, b) => deep(a, b, 'strict'), 'Expected values to be strictly deep-equal:');
const notDeepStrictEqual = comparison(
    'notDeepStrictEqual', (a, b) => !deep(a, b, 'strict'), 'Expected values not to be strictly deep-equal:');
const partialDeepStrictEqual = comparison(
    'partialDeepStrictEqual', (a, b) => deep(a, b, 'subset'), 'Expected values to be partially and strictly deep-equal:');

function text(value, pattern) {
    if (!(pattern instanceof RegExp)) throw new TypeError('The "regexp" argument must be an instance of RegExp');
    return typeof value === 'string';
}

function match(value, pattern, message) {
    if (text(value, pattern) && pattern.test(value)) return;
    fails(value, pattern, 'match', message, both('The input did not match the regular expression:', value, pattern));
}

function doesNotMatch(value, pattern, message) {
    if (text(value, pattern) && !pattern.test(value)) return;
    fails(value, pattern, 'doesNotMatch', message, both('The input was expected not to match:', value, pattern));
}

// Whether a thrown value is what was expected: a class, a pattern, an object of properties, or a function that decides.
function judge(thrown, expected, message, operator) {
    if (expected === undefined) return;
    if (expected instanceof RegExp) {
        if (expected.test(String(thrown))) return;
        engineWords(thrown);
        fails(thrown, expected, operator, message, both('What was thrown does not match:', thrown, expected));
    }
    if (typeof expected === 'function') {
        if (expected.prototype !== undefined && thrown instanceof expected) return;
        if (expected === Error || Error.isPrototypeOf(expected)) {
            fails(thrown, expected, operator, message, both('An error of another class was thrown:', thrown, expected));
        }
        if (Reflect.apply(expected, {}, [thrown]) === true) return;
        fails(thrown, expected, operator, message, `The validation function did not return true for ${show(thrown)}`);
    }
    for (const key of expected instanceof Error ? ['name', 'message', ...Object.keys(expected)] : Object.keys(expected)) {
        const value = thrown?.[key];
        const wanted = expected[key];
        if (wanted instanceof RegExp && typeof value === 'string' ? wanted.test(value) : deep(value, wanted, 'strict')) continue;
        if (key === 'message') engineWords(thrown);
        fails(thrown, expected, operator, message, both(`What was thrown has another '${key}':`, value, wanted));
    }
}

function split(expected, message) {
    return typeof expected === 'string' ? [undefined, expected] : [expected, message];
}

function throws(work, expected, message) {
    if (typeof work !== 'function') throw new TypeError('The "fn" argument must be of type function');
    [expected, message] = split(expected, message);
    let thrown;
    try { work(); } catch (error) { thrown = { error }; }
    if (!thrown) fails(undefined, expected, 'throws', message, 'Missing expected exception.');
    judge(thrown.error, expected, message, 'throws');
}

function doesNotThrow(work, expected, message) {
    [expected, message] = split(expected, message);
    try { work(); } catch (error) {
        fails(error, expected, 'doesNotThrow', message, `Got an unwanted exception: ${error?.message ?? show(error)}`);
    }
}

async function outcomeOf(work) {
    const promise = typeof work === 'function' ? work() : work;
    if (typeof promise?.then !== 'function') throw new TypeError('A promise, or a function that returns one, is expected');
    try { await promise; } catch (error) { return { error }; }
    return null;
}

async function rejects(work, expected, message) {
    [expected, message] = split(expected, message);
    const rejected = await outcomeOf(work);
    if (!rejected) fails(undefined, expected, 'rejects', message, 'Missing expected rejection.');
    judge(rejected.error, expected, message, 'rejects');
}

async function doesNotReject(work, expected, message) {
    [expected, message] = split(expected, message);
    const rejected = await outcomeOf(work);
    if (rejected) {
        const { error } = rejected;
        fails(error, expected, 'doesNotReject', message, `Got an unwanted rejection: ${error?.message ?? show(error)}`);
    }
}

function ifError(value) {
    if (value !== null && value !== undefined) {
        fails(value, null, 'ifError', undefined, `ifError got an unwanted exception: ${value?.message ?? show(value)}`);
    }
}

const shared = {
    AssertionError, ok, fail, match, doesNotMatch, throws, doesNotThrow, rejects, doesNotReject, ifError, strictEqual,
    notStrictEqual, deepStrictEqual, notDeepStrictEqual, partialDeepStrictEqual,
};
export const strict = Object.assign((value, message) => ok(value, message), shared, {
    equal: strictEqual, notEqual: notStrictEqual, deepEqual: deepStrictEqual, notDeepEqual: notDeepStrictEqual,
});
Object.assign(assert, shared, { equal, notEqual, deepEqual, notDeepEqual, strict });
strict.strict = strict;

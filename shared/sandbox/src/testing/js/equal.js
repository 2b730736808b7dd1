// Deep equality in the flavours of node:assert and of expect.

const { is, keys, getPrototypeOf } = Object;
const TypedArray = getPrototypeOf(Uint8Array);
const tagOf = (value) => Object.prototype.toString.call(value);
const enumerableSymbols = (value) =>
    Object.getOwnPropertySymbols(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));

/// Marks a matcher that decides itself what it equals: `expect.any` and its like.
export const MATCHES = Symbol('matches');

// Modes: `loose` is assert.deepEqual, `strict` is assert.deepStrictEqual and toStrictEqual, `equal` is toEqual: types of
// objects and members that are undefined don't count. `subset` is toMatchObject: what is expected must be there.
export function equal(actual, expected, mode) {
    return compare(actual, expected, mode, []);
}

function same(a, b, mode) {
    return mode === 'loose' ? a == b || (a !== a && b !== b) : is(a, b);
}

function compare(a, b, mode, seen) {
    if (b !== null && typeof b === 'object' && b[MATCHES]) return b[MATCHES](a);
    if (mode !== 'strict' && mode !== 'loose' && a !== null && typeof a === 'object' && a[MATCHES]) return a[MATCHES](b);
    if (is(a, b)) return true;
    if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return same(a, b, mode);
    if (seen.some(([x, y]) => x === a && y === b)) return true;
    const inner = [...seen, [a, b]];
    if (tagOf(a) !== tagOf(b) || Array.isArray(a) !== Array.isArray(b)) return false;
    if (mode === 'strict' && getPrototypeOf(a) !== getPrototypeOf(b)) return false;
    if (a instanceof Date && b instanceof Date && !is(a.getTime(), b.getTime())) return false;
    if (a instanceof RegExp && b instanceof RegExp) {
        if (a.source !== b.source || a.flags !== b.flags) return false;
        if (mode !== 'equal' && mode !== 'subset' && a.lastIndex !== b.lastIndex) return false;
    }
    if (a instanceof Error && b instanceof Error) {
        if (a.message !== b.message || a.name !== b.name) return false;
        if (mode === 'equal' || mode === 'subset') return true;
    }
    for (const Box of [Number, String, Boolean]) {
        if (a instanceof Box && b instanceof Box && !is(a.valueOf(), b.valueOf())) return false;
    }
    if (a instanceof Promise || a instanceof WeakMap || a instanceof WeakSet) return false;
    if (a instanceof ArrayBuffer && b instanceof ArrayBuffer) {
        return compare(new Uint8Array(a), new Uint8Array(b), mode, inner);
    }
    if (a instanceof TypedArray && b instanceof TypedArray) {
        return a.length === b.length && a.every((item, at) => same(item, b[at], mode));
    }
    if (a instanceof Map && b instanceof Map) return mapsEqual(a, b, mode, inner);
    if (a instanceof Set && b instanceof Set) return setsEqual(a, b, mode, inner);
    return membersEqual(a, b, mode, inner);
}

function membersEqual(a, b, mode, seen) {
    if (Array.isArray(a)) {
        if (a.length !== b.length) return false;
        for (let at = 0; at < a.length; at++) {
            if ((mode === 'strict' || mode === 'loose') && at in a !== at in b) return false;
            if (!compare(a[at], b[at], mode, seen)) return false;
        }
    }
    const defined = (of) => (key) => mode === 'strict' || mode === 'loose' || of[key] !== undefined;
    const mine = [...keys(a), ...enumerableSymbols(a)].filter(defined(a));
    const theirs = [...keys(b), ...enumerableSymbols(b)].filter(mode === 'subset' ? () => true : defined(b));
    if (mode === 'subset') {
        return theirs.every((key) => key in a && compare(a[key], b[key], mode, seen));
    }
    if (mine.length !== theirs.length) return false;
    const own = Object.prototype.hasOwnProperty;
    return theirs.every((key) => own.call(a, key) && compare(a[key], b[key], mode, seen));
}

function mapsEqual(a, b, mode, seen) {
    if (a.size !== b.size) return false;
    const left = new Map(a);
    for (const [key, value] of b) {
        if (left.has(key)) {
            if (!compare(left.get(key), value, mode, seen)) return false;
            left.delete(key);
            continue;
        }
        const found = [...left].find(([k, v]) => compare(k, key, mode, seen) && compare(v, value, mode, seen));
        if (!found) return false;
        left.delete(found[0]);
    }
    return true;
}

function setsEqual(a, b, mode, seen) {
    if (a.size !== b.size) return false;
    const left = new Set(a);
    for (const item of b) {
        const found = left.has(item) ? [item] : [...left].filter((other) => compare(other, item, mode, seen));
        if (found.length === 0) return false;
        left.delete(found[0]);
    }
    return true;
}

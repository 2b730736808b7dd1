// What tests find beside the language: timers, a process, structuredClone, UTF-8.

import { absent } from 'millrace:absent';

const now = Date.now;
const timers = new Map();
let last = 0;
let sequence = 0;

function arm(callback, delay, values, every) {
    if (typeof callback !== 'function') throw new TypeError('The "callback" argument must be of type function');
    const wait = Math.max(1, Math.min(Number(delay) || 0, 2 ** 31 - 1));
    const id = ++last;
    const handle = {
        [Symbol.toPrimitive]: () => id, ref: () => handle, unref: () => { timers.get(id) && (timers.get(id).idle = true); return handle; },
        hasRef: () => timers.has(id), refresh: () => handle, close: () => { timers.delete(id); return handle; },
    };
    timers.set(id, { callback, values, wait, every, at: now() + wait, order: ++sequence });
    return handle;
}

const disarm = (handle) => { if (handle !== undefined && handle !== null) timers.delete(Number(handle)); };

function soonest() {
    let first = null;
    for (const [id, timer] of timers) {
        if (!first || timer.at < first.timer.at || (timer.at === first.timer.at && timer.order < first.timer.order)) first = { id, timer };
    }
    return first;
}

/// Milliseconds until the next timer; -1 where there is none but such that nobody waits for.
export function untilTimer() {
    if (![...timers.values()].some((timer) => !timer.idle)) return -1;
    return Math.max(0, soonest().timer.at - now());
}

/// Runs the timer that is due first.
export function fireTimer() {
    const first = soonest();
    if (!first || first.timer.at > now()) return;
    const { id, timer } = first;
    if (timer.every) {
        timer.at = now() + timer.wait;
        timer.order = ++sequence;
    } else {
        timers.delete(id);
    }
    timer.callback(...timer.values);
}

/// A timer of the runner's own.
export const after = (delay, callback) => arm(callback, delay, [], false);
export const cancel = disarm;

function clone(value, seen) {
    if (typeof value === 'function' || typeof value === 'symbol') throw cloneError(value);
    if (value === null || typeof value !== 'object') return value;
    if (seen.has(value)) return seen.get(value);
    const keep = (made) => { seen.set(value, made); return made; };
    for (const Type of [Date, RegExp, Number, String, Boolean]) {
        if (value instanceof Type) return keep(Type === RegExp ? new RegExp(value.source, value.flags) : new Type(value.valueOf()));
    }
    if (value instanceof ArrayBuffer) return keep(value.slice(0));
    if (ArrayBuffer.isView(value)) return keep(value instanceof DataView ? new DataView(value.buffer.slice(0)) : value.slice());
    if (value instanceof Map) {
        const made = keep(new Map());
        for (const [key, item] of [...value]) made.set(clone(key, seen), clone(item, seen));
        return made;
    }
    if (value instanceof Set) {
        const made = keep(new Set());
        for (const item of [...value]) made.add(clone(item, seen));
        return made;
    }
    if (value instanceof Error) {
        const made = keep(new ({ TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError }[value.name] ?? Error)(value.message));
        made.stack = value.stack;
        return made;
    }
    if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet) throw cloneError(value);
    const made = keep(Array.isArray(value) ? new Array(value.length) : {});
    for (const key of Object.keys(value)) made[key] = clone(value[key], seen);
    return made;
}

function cloneError(value) {
    const error = new Error(`${typeof value === 'symbol' ? 'a symbol' : `${value}`} could not be cloned.`);
    return Object.assign(error, { name: 'DataCloneError', code: 25 });
}

class TextEncoder {
    get encoding() { return 'utf-8'; }
    encode(text = '') {
        const bytes = [];
        for (const sign of `${text}`.toWellFormed()) {
            const code = sign.codePointAt(0);
            if (code < 0x80) bytes.push(code);
            else if (code < 0x800) bytes.push(0xc0 | code >> 6, 0x80 | code & 63);
            else if (code < 0x10000) bytes.push(0xe0 | code >> 12, 0x80 | code >> 6 & 63, 0x80 | code & 63);
            else bytes.push(0xf0 | code >> 18, 0x80 | code >> 12 & 63, 0x80 | code >> 6 & 63, 0x80 | code & 63);
        }
        return Uint8Array.from(bytes);
    }
}

class TextDecoder {
    #fatal;
    constructor(label = 'utf-8', options = {}) {
        if (!/^utf-?8$/i.test(label)) absent(`TextDecoder of ${label}`);
        this.#fatal = Boolean(options.fatal);
    }
    get encoding() { return 'utf-8'; }
    get fatal() { return this.#fatal; }
    decode(input = new Uint8Array()) {
        const bytes = input instanceof ArrayBuffer ? new Uint8Array(input) : new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
        let text = '';
        const wrong = () => {
            if (this.#fatal) throw Object.assign(new TypeError('The encoded data was not valid for encoding utf-8'), { code: 'ERR_ENCODING_INVALID_ENCODED_DATA' });
            text += '\ufffd';
        };
        for (let at = 0; at < bytes.length; at++) {
            const first = bytes[at];
            if (first < 0x80) { text += String.fromCharCode(first); continue; }
            const more = first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : 0;
            const low = { 0xe0: 0xa0, 0xf0: 0x90 }[first] ?? 0x80;
            const high = { 0xed: 0x9f, 0xf4: 0x8f }[first] ?? 0xbf;
            let code = first & (0x3f >> more);
            let done = 0;
            while (done < more) {
                const next = bytes[at + 1 + done];
                if (next === undefined || next < (done === 0 ? low : 0x80) || next > (done === 0 ? high : 0xbf)) break;
                code = code << 6 | next & 63;
                done++;
            }
            at += done;
            if (more === 0 || done < more) wrong(); else text += String.fromCodePoint(code);
        }
        return text.startsWith('\ufeff') ? text.slice(1) : text;
    }
}

const begun = now();
const known = {
    env: {}, argv: ['node', '/project/test'], execArgv: [], platform: 'linux', arch: 'x64', pid: 1, version: 'v22.0.0', exitCode: undefined,
    versions: { node: '22.0.0' }, title: 'node',
    cwd: () => '/project',
    uptime: () => (now() - begun) / 1000,
    nextTick: (callback, ...values) => queueMicrotask(() => callback(...values)),
    hrtime: Object.assign((since) => {
        const time = now() - begun;
        const [seconds, nanos] = [Math.floor(time / 1000), (time % 1000) * 1e6];
        return since ? [seconds - since[0], nanos - since[1]] : [seconds, nanos];
    }, { bigint: () => BigInt(now() - begun) * 1000000n }),
    on() { return known; }, once() { return known; }, off() { return known; }, removeListener() { return known; }, emitWarning() {},
    exit(code) { throw new Error(`process.exit(${code ?? ''}) was called`); },
};

export function installWorld() {
    const define = (name, value) => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
    define('setTimeout', (callback, delay, ...values) => arm(callback, delay, values, false));
    define('setInterval', (callback, delay, ...values) => arm(callback, delay, values, true));
    define('setImmediate', (callback, ...values) => arm(callback, 0, values, false));
    for (const name of ['clearTimeout', 'clearInterval', 'clearImmediate']) define(name, disarm);
    define('structuredClone', (value) => clone(value, new Map()));
    define('TextEncoder', TextEncoder);
    define('TextDecoder', TextDecoder);
    define('performance', { now: () => now() - begun, timeOrigin: begun, mark() {}, measure() {} });
    define('global', globalThis);
    define('process', new Proxy(known, {
        get(of, key) {
            if (key in of || typeof key === 'symbol') return of[key];
            return absent(`process.${key}`);
        },
    }));
}

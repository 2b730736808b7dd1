// What the sandbox does not have. A test that fails after it asked for such a thing says nothing about the project: it is
// told as not run, with what it asked for.

import { native } from 'millrace:native';

const GLOBALS = [
    'Buffer', 'fetch', 'Request', 'Response', 'Headers', 'FormData', 'WebSocket', 'EventSource', 'URL', 'URLSearchParams', 'crypto',
    'Blob', 'File', 'ReadableStream', 'WritableStream', 'TransformStream', 'AbortController', 'AbortSignal', 'Event', 'EventTarget',
    'MessageChannel', 'BroadcastChannel', 'Worker', 'WebAssembly', 'Intl', 'Temporal', 'SharedArrayBuffer', 'Atomics', 'document',
    'window', 'navigator', 'localStorage', 'sessionStorage', 'HTMLElement', 'Node', 'atob', 'btoa', 'require', 'module', 'exports',
    '__dirname', '__filename', 'Deno', 'Bun', 'eval', 'cy', 'page', 'browser', 'XMLHttpRequest',
];

export function absent(name) {
    native.absent(name);
    return undefined;
}

/// An error for what cannot be done without something that is absent.
export function refuse(name) {
    absent(name);
    return new Error(`the sandbox has no ${name}`);
}

export function hideGlobals() {
    for (const name of GLOBALS) {
        if (Object.hasOwn(globalThis, name)) continue;
        Object.defineProperty(globalThis, name, {
            configurable: true, enumerable: false,
            get() { return absent(name); },
            set(value) { Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: true }); },
        });
    }
    // Without Intl these answer in other words than Node does.
    for (const [type, name] of [[Number, 'toLocaleString'], [BigInt, 'toLocaleString'], [Date, 'toLocaleString'],
        [Date, 'toLocaleDateString'], [Date, 'toLocaleTimeString'], [String, 'localeCompare']]) {
        const own = type.prototype[name];
        Object.defineProperty(type.prototype, name, {
            configurable: true, writable: true, enumerable: false,
            value(...values) { absent(`Intl (${type.name}.prototype.${name})`); return own.apply(this, values); },
        });
    }
}

const WORDS = /is not defined|not a function|is not initialized|cannot read property|cannot set property|unexpected|expecting|is read-only|not iterable|not an object|circular|invalid|out of range|must be|not a constructor|no setter|not extensible|call stack|expected|in JSON/i;
const OWN = [TypeError, SyntaxError, RangeError, ReferenceError];

/// A pattern that an error of the engine does not match may stand for another engine's words.
export function engineWords(thrown) {
    if (OWN.some((type) => thrown?.constructor === type) && WORDS.test(thrown.message)) {
        absent(`V8's words for an error ("${thrown.message}")`);
    }
}

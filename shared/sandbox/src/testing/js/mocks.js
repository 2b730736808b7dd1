// Functions that note how they are called: node:test's `mock` and the `fn` and `spyOn` of jest and vitest.

import { refuse } from 'millrace:absent';

const { getOwnPropertyDescriptor, getPrototypeOf, defineProperty } = Object;

/// Finds a property on an object or what it inherits from.
function find(object, name) {
    for (let at = object; at !== null && at !== undefined; at = getPrototypeOf(at)) {
        const own = getOwnPropertyDescriptor(at, name);
        if (own) return own;
    }
    return undefined;
}

/// A function that calls what `choose` answers with and hands what happened to `note`.
function recorder(name, length, choose, note) {
    function mocked(...values) {
        const call = { arguments: values, this: this, target: new.target, result: undefined, error: undefined };
        const work = choose();
        note(call);
        try {
            call.result = work === undefined ? undefined : new.target ? Reflect.construct(work, values, new.target === mocked ? work : new.target) : Reflect.apply(work, this, values);
            return call.result;
        } catch (error) {
            call.error = error;
            call.threw = true;
            throw error;
        }
    }
    defineProperty(mocked, 'name', { value: name, configurable: true });
    defineProperty(mocked, 'length', { value: length, configurable: true });
    return mocked;
}

// ---- node:test --------------------------------------------------------------------------------------------------------

class MockContext {
    #original; #current; #once = new Map(); #undo; #calls = [];
    constructor(original, current, undo) { this.#original = original; this.#current = current; this.#undo = undo; }
    get calls() { return [...this.#calls]; }
    callCount() { return this.#calls.length; }
    resetCalls() { this.#calls = []; }
    mockImplementation(work) { this.#current = work; }
    mockImplementationOnce(work, at = this.#calls.length) { this.#once.set(at, work); }
    restore() { this.#current = this.#original; this.#undo?.(); }
    choose() {
        const at = this.#calls.length;
        const once = this.#once.get(at);
        this.#once.delete(at);
        return once ?? this.#current;
    }
    note(call) { call.stack = new Error(); this.#calls.push(call); }
}

export class MockTracker {
    #made = [];
    get timers() { throw refuse('mock.timers'); }
    fn(original, implementation) {
        const first = typeof original === 'function' ? original : () => undefined;
        return this.#make(first, typeof implementation === 'function' ? implementation : first);
    }
    #make(original, current, undo) {
        const context = new MockContext(original, current, undo);
        const made = recorder(original?.name ?? '', original?.length ?? 0, () => context.choose(), (call) => context.note(call));
        made.mock = context;
        this.#made.push(context);
        return made;
    }
    method(object, name, implementation, options) {
        if (implementation !== null && typeof implementation === 'object') [implementation, options] = [undefined, implementation];
        const found = find(object, name);
        const kind = options?.getter ? 'get' : options?.setter ? 'set' : 'value';
        const original = found?.[kind];
        if (typeof original !== 'function') throw new TypeError(`The property '${String(name)}' is not a method`);
        const own = getOwnPropertyDescriptor(object, name);
        const undo = () => { if (own) defineProperty(object, name, own); else delete object[name]; };
        const made = this.#make(original, implementation ?? original, undo);
        defineProperty(object, name, { ...found, [kind]: made, configurable: true });
        return made;
    }
    getter(object, name, implementation) { return this.method(object, name, implementation, { getter: true }); }
    setter(object, name, implementation) { return this.method(object, name, implementation, { setter: true }); }
    module() { throw refuse('mock.module'); }
    reset() { this.restoreAll(); this.#made = []; }
    restoreAll() { for (const context of this.#made) context.restore(); }
}

// ---- jest and vitest --------------------------------------------------------------------------------------------------

const all = new Set();
export const isMock = (value) => typeof value === 'function' && value._isMockFunction === true;

export function fn(implementation, name = 'mock', original = undefined, undo = undefined) {
    const state = { once: [], current: implementation, undo };
    let mock;
    const clear = () => { mock = { calls: [], results: [], instances: [], contexts: [], invocationCallOrder: [], get lastCall() { return this.calls.at(-1); } }; };
    clear();
    const made = recorder(name, implementation?.length ?? 0, () => state.once.shift() ?? state.current, (call) => {
        mock.calls.push(call.arguments);
        mock.contexts.push(call.this);
        mock.instances.push(call.this);
        mock.invocationCallOrder.push(++order);
        mock.results.push({ get type() { return call.threw ? 'throw' : 'return'; }, get value() { return call.threw ? call.error : call.result; } });
    });
    const chain = (change) => (...values) => { change(...values); return made; };
    const once = (work) => state.once.push(work);
    Object.assign(made, {
        _isMockFunction: true,
        mockClear: chain(clear),
        mockReset: chain(() => { clear(); state.once = []; state.current = undefined; }),
        mockRestore: chain(() => { clear(); state.once = []; state.current = original; state.undo?.(); }),
        mockImplementation: chain((work) => { state.current = work; }),
        mockImplementationOnce: chain(once),
        mockReturnValue: chain((value) => { state.current = () => value; }),
        mockReturnValueOnce: chain((value) => once(() => value)),
        mockResolvedValue: chain((value) => { state.current = async () => value; }),
        mockResolvedValueOnce: chain((value) => once(async () => value)),
        mockRejectedValue: chain((error) => { state.current = async () => { throw error; }; }),
        mockRejectedValueOnce: chain((error) => once(async () => { throw error; })),
        mockReturnThis: chain(() => { state.current = function () { return this; }; }),
        mockName: chain((text) => { name = text; }),
        getMockName: () => name,
        getMockImplementation: () => state.current,
    });
    defineProperty(made, 'mock', { get: () => mock });
    all.add(made);
    return made;
}
let order = 0;

export function spyOn(object, name, access) {
    const found = find(object, name);
    const kind = access ?? 'value';
    const original = found?.[kind];
    if (typeof original !== 'function') throw new Error(`Property \`${String(name)}\` is not a function, so it can't be spied on`);
    if (isMock(original)) return original;
    const own = getOwnPropertyDescriptor(object, name);
    const undo = () => { if (own) defineProperty(object, name, own); else delete object[name]; };
    const made = fn(original, String(name), original, undo);
    defineProperty(object, name, { ...found, [kind]: made, configurable: true });
    return made;
}

const each = (method) => function () { for (const mock of all) mock[method](); return this; };
const absentOf = (library, name) => () => { throw refuse(`${library}.${name}`); };

/// `jest` and `vi`. What they have beside functions (timers, modules) is absent.
export function library(name) {
    const made = {
        fn: (work) => fn(work), spyOn, isMockFunction: isMock, clearAllMocks: each('mockClear'), resetAllMocks: each('mockReset'),
        restoreAllMocks: each('mockRestore'), setTimeout() { return made; }, setConfig() {}, mocked: (value) => value, retryTimes() { return made; },
        replaceProperty: absentOf(name, 'replaceProperty'),
        useRealTimers() { return made; },
    };
    for (const method of ['useFakeTimers', 'advanceTimersByTime', 'runAllTimers', 'setSystemTime', 'mock', 'unmock', 'doMock', 'resetModules',
        'requireActual', 'importActual', 'hoisted', 'stubGlobal', 'stubEnv', 'waitFor', 'isolateModules', 'runAllTimersAsync', 'advanceTimersByTimeAsync',
        'runOnlyPendingTimers', 'unstubAllGlobals', 'unstubAllEnvs']) made[method] ??= absentOf(name, method);
    return made;
}

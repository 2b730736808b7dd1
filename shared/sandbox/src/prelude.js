// Runs in every sandbox before the user's module: takes away what is not to be there, and makes `console`.
// It shares the realm with the user's code, who may break it for that one invocation and nobody else.

const { getOwnPropertyDescriptor, getPrototypeOf, is } = Object;
const { ownKeys } = Reflect;
const bound = (f) => Function.prototype.call.bind(f);
const toISO = bound(Date.prototype.toISOString);
const regexText = bound(RegExp.prototype.toString);
const eachOfMap = bound(Map.prototype.forEach);
const eachOfSet = bound(Set.prototype.forEach);
const symbolText = bound(Symbol.prototype.toString);
const stringify = JSON.stringify;
const now = Date.now;
const [MapType, SetType, DateType, RegExpType, ErrorType, WeakMapType, WeakSetType, BufferType, InternalErrorType] =
    [Map, Set, Date, RegExp, Error, WeakMap, WeakSet, ArrayBuffer, InternalError];
const TypedArrayType = getPrototypeOf(Uint8Array);
const boxes = [[Number, bound(Number.prototype.valueOf)], [String, bound(String.prototype.valueOf)],
    [Boolean, bound(Boolean.prototype.valueOf)]];
const LINE = 72;
const ITEMS = 100;

function quoted(text) {
    const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes('`') ? '`' : "'";
    let body = stringify(text).slice(1, -1).replaceAll('\\"', '"');
    if (mark === "'") body = body.replaceAll("'", "\\'");
    return mark + body + mark;
}

function keyText(key) {
    if (typeof key === 'symbol') return `[${symbolText(key)}]`;
    return /^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key);
}

function nameOfType(value) {
    for (let at = value; at !== null; at = getPrototypeOf(at)) {
        const own = getOwnPropertyDescriptor(at, 'constructor');
        if (own && typeof own.value === 'function' && own.value.name) return own.value.name;
    }
    return null;
}

function functionText(value) {
    const type = nameOfType(value) ?? 'Function';
    const own = getOwnPropertyDescriptor(value, 'prototype');
    const name = getOwnPropertyDescriptor(value, 'name')?.value;
    const kind = own && own.writable === false && type === 'Function' ? 'class' : type;
    const shown = typeof name === 'string' && name ? name : '(anonymous)';
    return kind === 'class' ? `[class ${shown}]` : shown === '(anonymous)' ? `[${kind} ${shown}]` : `[${kind}: ${shown}]`;
}

function errorText(value) {
    let stack;
    try { stack = value.stack; } catch {}
    let head;
    try { head = `${value}`; } catch { head = 'Error'; }
    if (typeof stack !== 'string' || !stack) return `[${head}]`;
    return stack.startsWith(head) ? stack.trimEnd() : `${head}\n${stack.trimEnd()}`;
}

function layout(open, parts, close, indent) {
    if (parts.length === 0) return open + close;
    const length = parts.reduce((sum, part) => sum + part.length + 2, open.length + close.length);
    if (length <= LINE && !parts.some((part) => part.includes('\n'))) return `${open} ${parts.join(', ')} ${close}`;
    const pad = `\n${' '.repeat(indent + 2)}`;
    return `${open}${pad}${parts.join(`,${pad}`)}\n${' '.repeat(indent)}${close}`;
}

function inspect(value, depth, seen, indent) {
    switch (typeof value) {
        case 'string':
            return quoted(value.length > 10000 ? value.slice(0, 10000) + '... more characters' : value);
        case 'bigint': return `${value}n`;
        case 'number': return is(value, -0) ? '-0' : `${value}`;
        case 'symbol': return symbolText(value);
        case 'object': if (value !== null) break;
        // falls through
        case 'undefined': case 'boolean': return `${value}`;
    }
    if (seen.includes(value)) return '[Circular *1]';
    const type = typeof value === 'function' ? 'Function' : nameOfType(value);
    const isArray = Array.isArray(value);
    const isTyped = value instanceof TypedArrayType;
    const label = type === null ? '[Object: null prototype] ' : type === 'Object' || (isArray && type === 'Array') ? '' : `${type} `;
    const inner = [...seen, value];
    const below = (item) => inspect(item, depth - 1, inner, indent + 2);
    const parts = [];
    let [open, close] = isArray || isTyped ? ['[', ']'] : ['{', '}'];
    let lead = label;
    let skip = null;
    if (typeof value === 'function') {
        lead = functionText(value) + ' ';
        skip = (key) => key === 'length' || key === 'name' || key === 'prototype' || key === 'arguments' || key === 'caller';
    } else if (value instanceof ErrorType) {
        lead = errorText(value).replaceAll('\n', `\n${' '.repeat(indent)}`) + ' ';
        skip = (key) => key === 'stack' || key === 'message' || key === 'name';
    } else if (value instanceof DateType) {
        try { lead = toISO(value) + ' '; } catch { lead = 'Invalid Date '; }
    } else if (value instanceof RegExpType) {
        try { lead = regexText(value) + ' '; } catch {}
        skip = (key) => key === 'lastIndex';
    } else {
        for (const [box, valueOf] of boxes) {
            if (value instanceof box) {
                try { lead = `[${box.name}: ${inspect(valueOf(value), 0, [], 0)}] `; } catch {}
                if (box === String) skip = (key) => key === 'length' || /^\d+$/.test(key);
            }
        }
    }
    const plain = lead === label;
    if (plain && depth < 0) return isArray ? '[Array]' : `[${type ?? 'Object: null prototype'}]`;
    if (plain && isArray || isTyped) {
        const count = value.length;
        if (isTyped || type !== 'Array') lead = `${type}(${count}) `;
        for (let i = 0; i < count && i < ITEMS; i++) {
            const own = getOwnPropertyDescriptor(value, i);
            parts.push(own ? property(own, below) : '<empty>');
        }
        if (count > ITEMS) parts.push(`... ${count - ITEMS} more item${count > ITEMS + 1 ? 's' : ''}`);
        skip = (key) => typeof key === 'string' && (key === 'length' || /^\d+$/.test(key));
    } else if (plain && value instanceof MapType) {
        lead = `${type}(${value.size}) `;
        eachOfMap(value, (item, key) => { if (parts.length < ITEMS) parts.push(`${below(key)} => ${below(item)}`); });
    } else if (plain && value instanceof SetType) {
        lead = `${type}(${value.size}) `;
        eachOfSet(value, (item) => { if (parts.length < ITEMS) parts.push(below(item)); });
    } else if (plain && (value instanceof WeakMapType || value instanceof WeakSetType)) {
        parts.push('<items unknown>');
    } else if (plain && value instanceof BufferType) {
        parts.push(`byteLength: ${value.byteLength}`);
    }
    let more = 0;
    for (const key of ownKeys(value)) {
        if (skip?.(key)) continue;
        const own = getOwnPropertyDescriptor(value, key);
        if (!own?.enumerable) continue;
        if (parts.length >= ITEMS * 2) { more++; continue; }
        parts.push(`${keyText(key)}: ${property(own, below)}`);
    }
    if (more > 0) parts.push(`... ${more} more`);
    if (!plain && parts.length === 0) return lead.slice(0, -1);
    return layout(lead + open, parts, close, indent);
}

function property(own, below) {
    if (own.get) return own.set ? '[Getter/Setter]' : '[Getter]';
    if (own.set) return '[Setter]';
    return below(own.value);
}

// The engine without memory throws this, or null where it has none for that.
function unlessMemory(error, text) {
    if (error === null || (error instanceof InternalErrorType && error.message === 'out of memory')) throw error;
    return text;
}

function show(value, depth = 2) {
    try {
        return inspect(value, depth, [], 0);
    } catch (error) {
        return unlessMemory(error, '[a value that cannot be shown]');
    }
}

function format(values) {
    const [first] = values;
    let text = '';
    let next = 0;
    if (typeof first === 'string') {
        next = 1;
        text = values.length === 1 ? first : first.replace(/%[sdifjoOc%]/g, (mark) => {
            if (mark === '%%') return '%';
            if (next >= values.length) return mark;
            const value = values[next++];
            const type = typeof value;
            switch (mark) {
                case '%s': return type === 'string' ? value : type === 'object' && value !== null ? show(value, 0) : show(value);
                case '%d': return type === 'bigint' ? `${value}n` : type === 'symbol' ? 'NaN' : show(Number(value));
                case '%i': return type === 'bigint' ? `${value}n` : type === 'symbol' ? 'NaN' : show(parseInt(value));
                case '%f': return type === 'symbol' ? 'NaN' : show(parseFloat(value));
                case '%j': try { return stringify(value); } catch { return '[Circular]'; }
                case '%c': return '';
                default: return show(value, 4);
            }
        });
    }
    for (; next < values.length; next++) {
        const value = values[next];
        text += `${next > 0 ? ' ' : ''}${typeof value === 'string' ? value : show(value)}`;
    }
    return text;
}

const [DEBUG, LOG, INFO, WARN, ERROR] = [0, 1, 2, 3, 4];

export function install(write, random) {
    let open = true;
    let indent = '';
    const counts = new Map();
    const timers = new Map();
    const put = (level, values) => {
        if (!open) return;
        let text;
        try { text = format(values); } catch (error) { text = unlessMemory(error, '[values that cannot be shown]'); }
        open = write(level, indent ? indent + text.replaceAll('\n', `\n${indent}`) : text);
    };
    const since = (label) => `${label}: ${now() - timers.get(label)}ms`;
    const methods = {
        log(...values) { put(LOG, values); },
        info(...values) { put(INFO, values); },
        warn(...values) { put(WARN, values); },
        error(...values) { put(ERROR, values); },
        debug(...values) { put(DEBUG, values); },
        trace(...values) { put(DEBUG, ['Trace:', ...values]); },
        dir(value) { put(LOG, [value]); },
        table(value) { put(LOG, [value]); },
        assert(condition, ...values) {
            if (!condition) put(ERROR, values.length ? ['Assertion failed:', ...values] : ['Assertion failed']);
        },
        group(...values) { if (values.length) put(LOG, values); if (indent.length < 100) indent += '  '; },
        groupCollapsed(...values) { methods.group(...values); },
        groupEnd() { indent = indent.slice(2); },
        count(label = 'default') {
            label = `${label}`;
            counts.set(label, (counts.get(label) ?? 0) + 1);
            put(LOG, [`${label}: ${counts.get(label)}`]);
        },
        countReset(label = 'default') { counts.delete(`${label}`); },
        time(label = 'default') { timers.set(`${label}`, now()); },
        timeLog(label = 'default', ...values) { label = `${label}`; if (timers.has(label)) put(LOG, [since(label), ...values]); },
        timeEnd(label = 'default') { label = `${label}`; if (timers.has(label)) { put(LOG, [since(label)]); timers.delete(label); } },
    };
    const define = (name, value) =>
        Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
    define('console', methods);
    define('self', globalThis);
    for (const name of ['eval', 'SharedArrayBuffer', 'Atomics']) delete globalThis[name];
    Object.defineProperty(Math, 'random', { value: random, writable: true, configurable: true, enumerable: false });
}

export function makeContext(functionName, projectId, invocationId, timestamp, deadline, pairs) {
    const env = {};
    for (let i = 0; i + 1 < pairs.length; i += 2) {
        Object.defineProperty(env, pairs[i], { value: pairs[i + 1], writable: true, configurable: true, enumerable: true });
    }
    return {
        functionName, projectId, invocationId, timestamp: toISO(new DateType(timestamp)), env,
        getRemainingTimeInMillis() { return Math.max(0, deadline - now()); },
    };
}

// What a thrown value says of itself.
export function describe(thrown) {
    const text = (read, other) => {
        try {
            const value = read();
            return typeof value === 'string' ? value : value === undefined ? other : `${value}`;
        } catch (error) { return unlessMemory(error, other); }
    };
    const shaped = thrown instanceof ErrorType ||
        (typeof thrown === 'object' && thrown !== null && text(() => thrown.message, '') !== '');
    if (!shaped) return { name: 'Error', message: typeof thrown === 'string' ? thrown : show(thrown), stack: '' };
    const name = text(() => thrown.name, 'Error') || 'Error';
    const message = text(() => thrown.message, '');
    const frames = text(() => thrown.stack, '').trimEnd();
    const head = message ? `${name}: ${message}` : name;
    return { name, message, stack: !frames || frames.startsWith(head) ? frames : `${head}\n${frames}` };
}

// For tests (src/testing), which show values too.
export { show };
export const formatted = (values) => format(values);

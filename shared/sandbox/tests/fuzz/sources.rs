//! Makes modules, events and damage from a seed.

use serde_json::Value;

/// Splitmix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below that number, or 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound.max(1) as u64)).unwrap()
    }

    pub fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

const NAMES: &[&str] = &["a", "b", "c", "event", "context", "globalThis", "handler", "undefined", "o", "f"];
const ATOMS: &[&str] = &[
    "0",
    "-0",
    "1",
    "2 ** 31",
    "2 ** 53",
    "NaN",
    "Infinity",
    "1n",
    "2n ** 64n",
    "'x'",
    "''",
    "'\\ud800'",
    "null",
    "undefined",
    "true",
    "[]",
    "{}",
    "[1, , 3]",
    "({ a: 1 })",
    "/a+/g",
    "/(a|b)*?\\1/u",
    "Symbol('s')",
    "Symbol.iterator",
    "new Map([[1, 2]])",
    "new Set([1])",
    "new Date(0)",
    "new Uint8Array(9)",
    "new ArrayBuffer(8)",
    "new Proxy({}, {})",
    "Promise.resolve(1)",
    "Promise.reject(2)",
    "new Error('e')",
    "() => a",
    "function () { return this }",
    "async () => 1",
    "function* () { yield 1; yield* [2, 3] }",
    "class { #p = 1; static s = 2; get g() { return this.#p } }",
    "new WeakRef({})",
    "Object.create(null)",
    "globalThis",
    "'x'.repeat(1e5)",
    "new Array(1e4)",
    "Math.random()",
];
const METHODS: &[&str] = &[
    "toString",
    "valueOf",
    "map",
    "filter",
    "forEach",
    "reduce",
    "sort",
    "splice",
    "slice",
    "concat",
    "join",
    "flat",
    "push",
    "pop",
    "shift",
    "unshift",
    "indexOf",
    "includes",
    "fill",
    "copyWithin",
    "reverse",
    "at",
    "with",
    "keys",
    "entries",
    "next",
    "return",
    "throw",
    "then",
    "catch",
    "finally",
    "call",
    "apply",
    "bind",
    "replace",
    "replaceAll",
    "match",
    "matchAll",
    "split",
    "padEnd",
    "repeat",
    "normalize",
    "localeCompare",
    "codePointAt",
    "test",
    "exec",
    "get",
    "set",
    "has",
    "delete",
    "clear",
    "add",
    "toJSON",
    "toISOString",
    "setTime",
    "subarray",
    "resize",
    "transfer",
    "deref",
    "union",
    "isSubsetOf",
    "drop",
    "take",
    "flatMap",
    "toArray",
    "findLast",
    "toSorted",
    "toSpliced",
    "constructor",
    "hasOwnProperty",
    "__defineGetter__",
    "__lookupSetter__",
    "toFixed",
    "toPrecision",
    "setInt32",
    "getFloat64",
];
const STATICS: &[&str] = &[
    "Object.assign",
    "Object.entries",
    "Object.freeze",
    "Object.fromEntries",
    "Object.getOwnPropertyDescriptors",
    "Object.setPrototypeOf",
    "Object.defineProperty",
    "Object.groupBy",
    "Reflect.ownKeys",
    "Reflect.construct",
    "Reflect.apply",
    "Reflect.set",
    "Array.from",
    "Array.of",
    "JSON.parse",
    "JSON.stringify",
    "Promise.all",
    "Promise.race",
    "Promise.any",
    "Promise.allSettled",
    "String.raw",
    "String.fromCodePoint",
    "Number",
    "String",
    "BigInt",
    "Symbol",
    "Boolean",
    "Math.max",
    "Math.hypot",
    "BigInt.asIntN",
    "console.log",
    "console.error",
    "console.table",
    "queueMicrotask",
    "encodeURIComponent",
    "decodeURIComponent",
    "escape",
    "parseFloat",
    "Date.parse",
    "isNaN",
    "Iterator.from",
    "Array.fromAsync",
    "Promise.withResolvers",
    "Error.captureStackTrace",
    "Map.groupBy",
];

fn expression(random: &mut Random, depth: usize) -> String {
    if depth == 0 {
        return match random.below(3) {
            0 => random.one_of(NAMES).into(),
            _ => format!("({})", random.one_of(ATOMS)),
        };
    }
    let mut next = || expression(random, depth - 1);
    let (one, two, three) = (next(), next(), next());
    match random.below(20) {
        0..=3 => format!("({one})?.{}?.({two}, {three})", random.one_of(METHODS)),
        4..=6 => format!("{}({one}, {two}, {three})", random.one_of(STATICS)),
        7 => format!("({one})[{two}]"),
        8 => format!("[{one}, ...[{two}], {three}]"),
        9 => format!("({{ a: {one}, [`${{{two}}}`]: 1, get g() {{ return {three} }}, ...{one} }})"),
        10 => format!(
            "({one} {} {two})",
            random.one_of(&[
                "+",
                "-",
                "*",
                "**",
                "%",
                "==",
                "===",
                "<",
                "in",
                "instanceof",
                "&&",
                "??",
                "|",
                ">>>",
                ","
            ])
        ),
        11 => {
            format!("(({}, ...b) => {one})({two}, {three})", random.one_of(&["a", "{ a = 1 } = {}", "[a, ...c] = []"]))
        }
        12 => format!("(async () => await {one})()"),
        13 => format!(
            "new Proxy(Object({one}), {{ {}() {{ return {two} }} }})",
            random.one_of(&[
                "get",
                "has",
                "ownKeys",
                "getPrototypeOf",
                "set",
                "apply",
                "deleteProperty",
                "getOwnPropertyDescriptor"
            ])
        ),
        14 => format!("({} {one})", random.one_of(&["typeof", "void", "!", "-", "~", "+"])),
        15 => format!("(o.{} = {one})", random.one_of(METHODS)),
        16 => format!("`${{{one}}}${{{two}}}`"),
        17 => format!("new ({one})({two})"),
        18 => format!(
            "({{ toString() {{ return {one} }}, valueOf() {{ return {two} }}, toJSON() {{ return {three} }}, [Symbol.toPrimitive]: {one} }})"
        ),
        _ => format!("({one} ? {two} : {three})"),
    }
}

fn statement(random: &mut Random, depth: usize) -> String {
    let value = expression(random, 1 + random.0 as usize % 3);
    if depth == 0 {
        return format!("{value};");
    }
    let body = statement(random, depth - 1);
    match random.below(14) {
        0 => format!("try {{ {body} }} catch (c) {{ o.caught = c }} finally {{ {value} }}"),
        1 => format!("for (const a of {value}) {{ {body} }}"),
        2 => format!("for (const a in {value}) {{ {body} break }}"),
        3 => format!("for (let a = 0; a < 99; a++) {{ {body} }}"),
        4 => format!("if ({value}) {{ {body} }}"),
        5 => format!("for await (const a of [{value}]) {{ {body} }}"),
        6 => format!("o[{value}] = {};", expression(random, 1)),
        7 => format!("await (async (a) => {{ {body} }})({value});"),
        8 => format!(
            "Object.defineProperty(Object.prototype, {:?}, {{ value: {value}, configurable: true, writable: true }});",
            random.one_of(METHODS)
        ),
        9 => format!("while (o.n++ < 1e3) {{ {body} }}"),
        10 => format!("switch ({value}) {{ case 1: {body} default: {body} }}"),
        11 => format!("Promise.resolve({value}).then((a) => {{ o.then = a }});"),
        12 => format!("throw {value};"),
        _ => format!("try {{ {value}; {body} }} catch {{}}"),
    }
}

/// A module with a handler.
pub fn module(random: &mut Random) -> String {
    let mut source = String::from("let a = 1, b = [], c = {}, o = { n: 0 }, f = (x) => x;\n");
    for _ in 0..random.below(3) {
        source += &format!("try {{ {} }} catch {{}}\n", statement(random, 1));
    }
    source += "export async function handler(event, context) {\n";
    for _ in 0..random.below(12) {
        source += &format!("  try {{ {} }} catch (e) {{ o.e = e }}\n", statement(random, 2));
    }
    source + &format!("  return {};\n}}\n", expression(random, 2))
}

/// JSON.
pub fn event(random: &mut Random) -> String {
    fn value(random: &mut Random, depth: usize, text: &mut String) {
        match random.below(if depth == 0 { 6 } else { 9 }) {
            0 => *text += "null",
            1 => *text += random.one_of(&["true", "false"]),
            2 => *text += &format!("{}", random.next() % 1_000_000),
            3 => *text += random.one_of(&["-0.5", "1e300", "1E-7", "123456789012345678", "0"]),
            4 | 5 => *text += random.one_of(&["\"\"", "\"é\\n\\u0041\"", "\"\\\\\\\"\"", "\"__proto__\"", "\"x y\""]),
            6 => {
                *text += "[";
                for index in 0..random.below(5) {
                    *text += if index > 0 { ", " } else { "" };
                    value(random, depth - 1, text);
                }
                *text += "]";
            }
            _ => {
                *text += "{";
                for index in 0..random.below(5) {
                    *text += if index > 0 { "," } else { "" };
                    let key = random.one_of(&["a", "__proto__", "constructor", "toJSON", "then", "length", "é", ""]);
                    *text += &format!("{key:?} : ");
                    value(random, depth - 1, text);
                }
                *text += "}";
            }
        }
    }
    let mut text = String::new();
    value(random, 5, &mut text);
    text
}

/// Cuts, doubles and replaces some of a text.
pub fn damage(random: &mut Random, text: &mut String) {
    for _ in 0..=random.below(4) {
        let mut characters: Vec<char> = text.chars().collect();
        let (at, length) = (random.below(characters.len()), random.below(9));
        let end = (at + length).min(characters.len());
        match random.below(4) {
            0 => drop(characters.drain(at.min(end)..end)),
            1 => {
                let copy: Vec<char> = characters[at.min(end)..end].to_vec();
                characters.splice(at.min(end)..at.min(end), copy);
            }
            2 => characters.truncate(at),
            _ => {
                let with = random.one_of(&[
                    "{", "}", "`${", "\\u{", "/*", "<T>", ": any", "\"", "async ", "\u{2028}", "#x", "=>", "...",
                ]);
                characters.splice(at.min(end)..at.min(end), with.chars());
            }
        }
        *text = characters.into_iter().collect();
    }
}

/// The shape of a value: its keys, sorted, without numbers' forms. JSON of JavaScript has no negative zero.
pub fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let mut all: Vec<String> = fields
                .iter()
                .flat_map(|(key, value)| keys(value).into_iter().map(move |below| format!("{key}/{below}")))
                .collect();
            all.push(format!("{}", fields.len()));
            all.sort();
            all
        }
        Value::Array(items) => items.iter().flat_map(keys).chain([format!("[{}]", items.len())]).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![format!("{:.3e}", number.as_f64().unwrap_or_default() + 0.0)],
        other => vec![other.to_string()],
    }
}

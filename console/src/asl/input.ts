// The fields of a form for the input that an execution is started with: those of the workflow's schema, or else what the definition
// refers to, which is a proposal.

import type { Schema } from "../components/SchemaForm";

/** What is known of a value that is referred to. */
interface Known {
  kind: "number" | "boolean" | "text" | "array" | null;
  members: Map<string, Known>;
}

type Values = Record<string, unknown>;
const asObject = (value: unknown): Values | null => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Values) : null);
const fresh = (): Known => ({ kind: null, members: new Map() });

/** Members of a path after its root: `.order.id[0].x` gives order, id; what follows an index is not a field of the form. */
function members(path: string): { names: string[]; indexed: boolean } {
  const names: string[] = [];
  let rest = path;
  for (;;) {
    const match = /^(?:\.([A-Za-z_][\w-]*)|\.`([^`]+)`|\[(?:'([^']+)'|"([^"]+)")\])/.exec(rest);
    if (match === null) return { names, indexed: rest.startsWith("[") };
    names.push(match[1] ?? match[2] ?? match[3] ?? match[4] ?? "");
    rest = rest.slice(match[0].length);
  }
}

function note(root: Known, path: string, kind: Known["kind"]) {
  const { names, indexed } = members(path);
  let at = root;
  for (const name of names) {
    const next = at.members.get(name) ?? fresh();
    at.members.set(name, next);
    at = next;
  }
  if (at !== root) at.kind ??= indexed ? "array" : kind;
}

/** What a field of a state says of the value that it refers to. */
function kindOf(key: string): Known["kind"] {
  if (/^(Numeric|IsNumeric)|^(Seconds|TimeoutSeconds|HeartbeatSeconds|MaxConcurrency)(Path)?$/.test(key)) return "number";
  if (/^(Boolean|IsBoolean)/.test(key)) return "boolean";
  if (/^(String|Timestamp|IsString|IsTimestamp)/.test(key)) return "text";
  return key === "ItemsPath" || key === "Items" ? "array" : null;
}

const BELOW = new Set(["ItemProcessor", "Iterator", "Branches", "Next", "Default", "Comment", "Type", "Resource", "ResultPath", "ResultSelector", "Catch", "Retry"]);
const NAME = String.raw`(?:\.[A-Za-z_][\w-]*|\.\x60[^\x60]+\x60|\[(?:'[^']+'|"[^"]+")\])`;
const IN_JSONATA = new RegExp(String.raw`\$states\.input(${NAME}+(?:\[\d)?)`, "g");
const OF_EXECUTION_JSONATA = new RegExp(String.raw`\$states\.context\.Execution\.Input(${NAME}+(?:\[\d)?)`, "g");
const IN_PATH = new RegExp(String.raw`(?:^|[^$\w])\$(${NAME}+(?:\[)?)`, "g");
const OF_EXECUTION_PATH = new RegExp(String.raw`\$\$\.Execution\.Input(${NAME}+(?:\[)?)`, "g");

/** Notes what the texts within a value refer to. */
function read(value: unknown, key: string, jsonata: boolean, input: boolean, root: Known) {
  if (typeof value === "string") {
    const expression = jsonata ? /^\{%([\s\S]*)%\}$/.exec(value.trim())?.[1] : value.includes("$") ? value : undefined;
    if (expression === undefined) return;
    // Only a reference that is all of the expression tells what it is for.
    const whole = /^\s*\$[\w.$`'"[\]-]*\s*$/.test(expression);
    for (const match of expression.matchAll(jsonata ? OF_EXECUTION_JSONATA : OF_EXECUTION_PATH)) note(root, match[1] ?? "", whole ? kindOf(key) : null);
    if (input) for (const match of expression.matchAll(jsonata ? IN_JSONATA : IN_PATH)) note(root, match[1] ?? "", whole ? kindOf(key) : null);
    return;
  }
  if (Array.isArray(value)) {
    for (const one of value) read(one, key, jsonata, input, root);
    return;
  }
  const object = asObject(value);
  if (object === null) return;
  const compares = typeof object.Variable === "string" ? (Object.keys(object).map(kindOf).find((kind) => kind !== null) ?? null) : null;
  for (const [name, one] of Object.entries(object)) {
    if (BELOW.has(name)) continue;
    if (name === "Variable" && typeof one === "string") {
      if (input) for (const match of one.matchAll(IN_PATH)) note(root, match[1] ?? "", compares);
      for (const match of one.matchAll(OF_EXECUTION_PATH)) note(root, match[1] ?? "", compares);
    } else {
      read(one, name.replace(/\.\$$/, ""), jsonata, input, root);
    }
  }
}

/** Does what a state is given go on to the next one, at least its fields? */
function passesOn(state: Values, jsonata: boolean): boolean {
  const type = state.Type;
  if (jsonata) return state.Output === undefined && (type === "Pass" || type === "Choice" || type === "Wait");
  if (state.InputPath !== undefined && state.InputPath !== "$") return false;
  if (state.OutputPath !== undefined && state.OutputPath !== "$") return false;
  if (type === "Choice" || type === "Wait") return true;
  const result = state.ResultPath;
  if (result === null || (typeof result === "string" && result !== "$")) return true;
  return type === "Pass" && state.Result === undefined && state.Parameters === undefined;
}

/** Does a state read what it is given as it is? */
const readsInput = (state: Values): boolean => state.InputPath === undefined || state.InputPath === "$";

function walk(machine: Values, language: unknown, isInput: boolean, root: Known) {
  const states = asObject(machine.States) ?? {};
  const given = new Set<string>();
  const ahead = isInput && typeof machine.StartAt === "string" ? [machine.StartAt] : [];
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    const state = asObject(states[name]);
    if (state === null || given.has(name)) continue;
    given.add(name);
    if (!passesOn(state, (state.QueryLanguage ?? language) === "JSONata")) continue;
    const choices = Array.isArray(state.Choices) ? state.Choices.map((choice) => asObject(choice)?.Next) : [];
    ahead.push(...[state.Next, state.Default, ...choices].filter((next) => typeof next === "string"));
  }
  for (const [name, one] of Object.entries(states)) {
    const state = asObject(one);
    if (state === null) continue;
    const own = state.QueryLanguage ?? language;
    const jsonata = own === "JSONata";
    const input = given.has(name) && (jsonata || readsInput(state));
    read(state, "", jsonata, input, root);
    if (typeof state.InputPath === "string" && given.has(name)) read(state.InputPath, "", false, true, root);
    const whole = input && state.Parameters === undefined && state.Arguments === undefined;
    for (const branch of Array.isArray(state.Branches) ? state.Branches : []) walk(asObject(branch) ?? {}, language, whole, root);
    const each = asObject(state.ItemProcessor ?? state.Iterator);
    if (each !== null) walk(each, language, false, root);
  }
}

/** The fields of a definition's input; null where it refers to none. */
export function inputSchema(definition: unknown): Schema | null {
  const machine = asObject(definition);
  if (machine === null) return null;
  const root = fresh();
  walk(machine, machine.QueryLanguage, true, root);
  return root.members.size === 0 ? null : schemaOf(root);
}

function schemaOf(known: Known): Schema {
  const members = [...known.members];
  if (members.length > 0) return { type: "object", properties: Object.fromEntries(members.map(([name, one]) => [name, schemaOf(one)])) };
  if (known.kind === "number" || known.kind === "boolean") return { type: known.kind };
  if (known.kind === "text") return { type: "string" };
  // Anything: as a text, or as JSON.
  return loose(known.kind === "array" ? LIST : ANY);
}

const LIST = "A list, as JSON.";
const ANY = "A text, or JSON: 42, true, [1, 2].";
const loose = (description: string): Schema => ({ type: "string", description, loose: true });
const SIMPLE = ["string", "integer", "number", "boolean"];
/** Fields inside of fields. */
const DEEPEST = 8;

/** The fields of a form for a JSON Schema; null where it names none. What a form can't show becomes a field for JSON. */
export function formOf(schema: unknown): Schema | null {
  const form = partOf(schema, schema, 0);
  return form.type === "object" && Object.keys(form.properties ?? {}).length > 0 ? form : null;
}

function partOf(given: unknown, root: unknown, depth: number): Schema {
  const own = asObject(given) ?? {};
  const target = typeof own.$ref === "string" ? asObject(at(root, own.$ref)) : null;
  const part: Values = { ...target, ...own };
  if (typeof part.$ref === "string" && target !== null && "$ref" in target && depth < DEEPEST) {
    return partOf({ ...part, $ref: target.$ref }, root, depth + 1);
  }
  const kinds = (Array.isArray(part.type) ? part.type : [part.type]).filter((kind) => kind !== "null");
  const kind: unknown = kinds.length === 1 ? kinds[0] : undefined;
  const text = (name: string) => (typeof part[name] === "string" ? { [name]: part[name] } : {});
  const words = { ...text("title"), ...text("description"), ...("default" in part ? { default: part.default } : {}), ...(Array.isArray(part.examples) ? { examples: part.examples } : {}) };
  const choices = Array.isArray(part.enum) ? (part.enum as unknown[]) : "const" in part ? [part.const] : undefined;
  if (choices !== undefined) return { type: "string", ...words, enum: choices };
  const properties = asObject(part.properties);
  if ((kind === "object" || (kind === undefined && kinds.length < 2)) && properties !== null && depth < DEEPEST) {
    const fields = Object.entries(properties).map(([name, one]) => [name, partOf(one, root, depth + 1)] as const);
    const required = Array.isArray(part.required) ? { required: part.required.map(String) } : {};
    return { type: "object", ...words, properties: Object.fromEntries(fields), ...required };
  }
  if (typeof kind === "string" && SIMPLE.includes(kind)) {
    const length = typeof part.maxLength === "number" ? { maxLength: part.maxLength } : {};
    return { type: kind as Schema["type"], ...words, ...length };
  }
  const described = (hint: string): Schema => ({ ...words, ...loose(typeof part.description === "string" ? `${part.description} ${hint}` : hint), default: undefined });
  if (kind !== "array") return described(ANY);
  const items = partOf(part.items, root, depth + 1);
  // A line of a list is a text or an object; lists of other things are written as JSON.
  if (items.loose === true || (items.type !== "object" && (items.type !== "string" || items.enum !== undefined))) return described(LIST);
  const count = (name: "minItems" | "maxItems") => (typeof part[name] === "number" ? { [name]: part[name] } : {});
  return { type: "array", ...words, items, ...count("minItems"), ...count("maxItems") };
}

/** What a reference within a schema leads to. */
function at(root: unknown, reference: string): unknown {
  if (!reference.startsWith("#")) return undefined;
  const names = reference.slice(1).split("/").slice(1).map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  return names.reduce<unknown>((value, name) => (Array.isArray(value) ? (value as unknown[])[Number(name)] : asObject(value)?.[name]), root);
}

/** What a form's fields mean: texts of fields for anything are JSON where they can be. */
export function fromForm(schema: Schema, value: unknown): unknown {
  if (typeof value === "string" && schema.loose === true) {
    try {
      return JSON.parse(value) as unknown;
    } catch {
      return value;
    }
  }
  const { items } = schema;
  if (Array.isArray(value) && items !== undefined) return value.map((one) => fromForm(items, one));
  const object = asObject(value);
  if (object === null) return value;
  return Object.fromEntries(Object.entries(object).map(([name, one]) => [name, schema.properties?.[name] === undefined ? one : fromForm(schema.properties[name], one)]));
}

/** The fields of a form for a value, so that reading them gives the value again. */
export function toForm(schema: Schema, value: unknown): unknown {
  if (schema.loose === true && value !== undefined) {
    const says = (text: string): boolean => JSON.stringify(fromForm(schema, text)) === JSON.stringify(value);
    return typeof value === "string" && says(value) ? value : JSON.stringify(value);
  }
  const { items } = schema;
  if (Array.isArray(value) && items !== undefined) return value.map((one) => toForm(items, one));
  const object = asObject(value);
  if (object === null) return value;
  return Object.fromEntries(Object.entries(object).map(([name, one]) => [name, schema.properties?.[name] === undefined ? one : toForm(schema.properties[name], one)]));
}

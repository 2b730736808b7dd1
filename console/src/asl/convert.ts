// A definition from YAML to JSON and back. JSON has no comments: on the way back the YAML from which it came is the pattern, so
// that what was not changed stays as it was written.

import { isAlias, isMap, isPair, isScalar, isSeq, Lexer, stringify, type Document, type Node, type Pair } from "yaml";
import { documentOf, parseText } from "./place";
import { YAML } from "./scalars";

const WIDTH = { lineWidth: 110 };

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);

/** Does a YAML text have comments? */
export function hasComments(text: string): boolean {
  for (const token of new Lexer().lex(text)) if (token.startsWith("#")) return true;
  return false;
}

/** A definition as JSON. */
export const toJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** A definition as YAML: as `pattern`, a YAML text, has it, with what `value` says otherwise. */
export function toYaml(value: unknown, pattern: string | null): string {
  const plain = () => stringify(value, { ...YAML, ...WIDTH, aliasDuplicateObjects: false });
  if (pattern === null) return plain();
  const before = parseText(pattern);
  if (before.errors.length > 0) return plain();
  if (same(before.value, value)) return pattern;
  const document = documentOf(pattern);
  document.contents = written(document, document.contents, value) as typeof document.contents;
  const text = document.toString(WIDTH);
  // What several places share may not be what each of them says now.
  const after = parseText(text);
  return after.errors.length === 0 && same(after.value, value) ? text : plain();
}

/** Are two values the same? The order of fields counts: whoever changed it wants it so. */
const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

const nameOf = (pair: Pair): string => (isScalar(pair.key) ? String(pair.key.value) : String(pair.key));

/** The node that says `value`: the given one where it can be. */
function written(document: Document, node: unknown, value: unknown): Node {
  const old = node as Node | null;
  if (old !== null && same(old.toJS(document, { maxAliasCount: 10_000 }), value)) return old;
  if (isMap(old) && isFields(value) && !old.items.some((pair) => nameOf(pair) === "<<")) {
    const pairs = new Map(old.items.map((pair) => [nameOf(pair), pair]));
    old.items = Object.entries(value).map(([name, field]) => {
      const pair = pairs.get(name);
      if (pair === undefined) return document.createPair(name, field) as (typeof old.items)[number];
      pair.value = written(document, pair.value, field);
      return pair;
    });
    return old;
  }
  if (isSeq(old) && Array.isArray(value)) {
    old.items = items(document, old.items, value);
    return old;
  }
  if (isScalar(old) && !isFields(value) && !Array.isArray(value)) {
    old.value = value;
    return old;
  }
  const made = document.createNode(value) as Node;
  if (old !== null && !isAlias(old)) Object.assign(made, { comment: old.comment, commentBefore: old.commentBefore, spaceBefore: old.spaceBefore });
  return made;
}

/** The items of a list. Those at its begin and its end that are the same stay, wherever something was put in or taken out. */
function items(document: Document, before: unknown[], values: unknown[]): unknown[] {
  const old = before.map((item) => (isPair(item) ? null : (item as Node | null)));
  const equal = (node: Node | null | undefined, value: unknown) => node !== null && node !== undefined && same(node.toJS(document, { maxAliasCount: 10_000 }), value);
  const most = Math.min(old.length, values.length);
  let start = 0;
  while (start < most && equal(old[start], values[start])) start += 1;
  let end = 0;
  while (end < most - start && equal(old[old.length - 1 - end], values[values.length - 1 - end])) end += 1;
  return values.map((value, index) => {
    if (index < start) return old[index];
    if (index >= values.length - end) return old[index - values.length + old.length];
    return written(document, index < old.length - end ? old[index] : null, value);
  });
}

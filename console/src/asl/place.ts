// Where in a text a JSON pointer leads, for definitions written as YAML or JSON (which YAML includes).

import { LineCounter, isMap, isPair, isScalar, isSeq, parseDocument, visit, type Document, type Node } from "yaml";
import { YAML } from "./scalars";

export interface Parsed {
  /** The value; undefined when the text is no YAML. */
  value: unknown;
  /** What is wrong with the text itself. */
  errors: { from: number; to: number; message: string }[];
  /** The range of what a pointer names; the nearest that exists round it. */
  range: (pointer: string | null) => { from: number; to: number };
  /** The pointer of the innermost object at a position. */
  pointerAt: (position: number) => string[];
}

/** A YAML text. Names are texts, whatever they look like. */
export function documentOf(source: string): Document.Parsed {
  const document = parseDocument(source, { ...YAML, lineCounter: new LineCounter() });
  visit(document, {
    Pair: (_, { key }) => {
      if (isScalar(key) && typeof key.value !== "string" && key.value !== null && key.source !== undefined) key.value = key.source;
    },
  });
  return document;
}

/** What is wrong with a text that is to be JSON: the first thing alone, all others follow from it. Null where it is YAML too. */
function jsonError(source: string): Parsed["errors"][number] | null {
  try {
    JSON.parse(source);
    return null;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const message = `This is not JSON: ${said.replace(/,? (?:\.\.\.|").*is not valid JSON$/s, "").replace(/ (?:in JSON )?at (?:position|line) .*$/s, "").replace(/^JSON\.parse: /, "")}`;
    const from = Math.min(Number(/position (\d+)/.exec(said)?.[1] ?? source.length), Math.max(0, source.length - 1));
    return { from, to: from + 1, message };
  }
}

/** Reads a definition. */
export function parseText(source: string): Parsed {
  const document = documentOf(source);
  let errors = document.errors.map((error) => ({
    from: error.pos[0],
    to: Math.max(error.pos[1], error.pos[0] + 1),
    // The place is told apart from the words.
    message: (error.message.split("\n")[0] ?? error.message).replace(/ at line \d+, column \d+:?$/, ""),
  }));
  // Of a text that begins as JSON, YAML's words would be of no help.
  const json = errors.length > 0 && /^\s*[{[]/.test(source) ? jsonError(source) : null;
  if (json !== null) errors = [json];
  let value: unknown;
  if (errors.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: 10_000 });
    } catch (error) {
      errors.push({ from: 0, to: 1, message: error instanceof Error ? error.message : "can't be read" });
    }
  }
  return {
    value,
    errors,
    range: (pointer) => rangeOf(document, source, pointer),
    pointerAt: (position) => pathAt(document, position),
  };
}

const unescape = (part: string) => part.replaceAll("~1", "/").replaceAll("~0", "~");

function rangeOf(document: Document, source: string, pointer: string | null): { from: number; to: number } {
  const first = { from: 0, to: Math.min(source.length, Math.max(1, source.indexOf("\n"))) };
  let node: unknown = document.contents;
  let range = first;
  for (const part of (pointer ?? "").split("/").slice(1).map(unescape)) {
    if (isMap(node)) {
      const pair = node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === part);
      if (pair === undefined) break;
      const key = pair.key as Node;
      range = span(key) ?? range;
      node = pair.value;
      // A scalar's value is what is wrong; of an object or a list its name is mark enough.
      if (isScalar(node)) range = span(node) ?? range;
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(part)];
      if (item === undefined) break;
      node = isPair(item) ? item.value : item;
      const whole = span(node as Node);
      if (whole !== null) range = isScalar(node) ? whole : { from: whole.from, to: lineEnd(source, whole.from) };
    } else break;
  }
  return { from: range.from, to: Math.max(range.to, Math.min(range.from + 1, source.length)) };
}

function lineEnd(source: string, from: number): number {
  const end = source.indexOf("\n", from);
  return end === -1 ? source.length : end;
}

function span(node: Node | null): { from: number; to: number } | null {
  const range = node?.range;
  return range ? { from: range[0], to: range[1] } : null;
}

function pathAt(document: Document, position: number): string[] {
  const path: string[] = [];
  let node: unknown = document.contents;
  for (;;) {
    if (isMap(node)) {
      // The pair that begins last before the position and reaches to it; blank lines after a block belong to it.
      let next: { name: string; value: unknown } | null = null;
      for (const pair of node.items) {
        const key = span(pair.key as Node);
        const end = (pair.value as Node | null)?.range?.[2] ?? key?.to;
        if (key !== null && key.to < position && end !== undefined && position <= end && isScalar(pair.key)) {
          next = { name: String(pair.key.value), value: pair.value };
        }
      }
      if (next === null || !(isMap(next.value) || isSeq(next.value))) return path;
      path.push(next.name);
      node = next.value;
    } else if (isSeq(node)) {
      const index = node.items.findIndex((item) => {
        const range = (item as Node | null)?.range;
        return range ? range[0] <= position && position <= range[2] : false;
      });
      if (index === -1) return path;
      path.push(String(index));
      node = node.items[index];
    } else return path;
  }
}

// What the definition's editor has beside CodeMirror's own: marks of what is wrong, and completion.

import { autocompletion, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { type Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { parseText } from "../../asl/place";
import { contextAt, VALUES } from "../../asl/vocabulary";

/** Puts the cursor where the last-drawn editor with this label has a finding. */
export function jumpTo(label: string, position: number) {
  const content = document.querySelector<HTMLElement>(`.cm-content[aria-label="${label}"]`);
  const view = content === null ? null : EditorView.findFromDOM(content);
  if (view === null) return;
  const at = Math.min(position, view.state.doc.length);
  view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
  view.focus();
}

/** Completes fields by where they stand, and the values that the language names. */
export function completion(format: "json" | "yaml"): Extension {
  return autocompletion({ override: [(context) => complete(context, format)], icons: false });
}

function complete(context: CompletionContext, format: "json" | "yaml"): CompletionResult | null {
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  const word = context.matchBefore(/[\w.:-]*/);
  const from = word?.from ?? context.pos;
  // The field whose value is being written, on this line.
  const field = /["']?([A-Za-z]+)["']?\s*:\s*\[?\s*["']?[^"',]*$/.exec(before)?.[1];
  const source = context.state.doc.toString();
  const { definition, path } = placeOf(source, line, context.pos, format);
  const place = contextAt(definition, path);
  const quoted = /["'][\w.:-]*$/.test(before);

  if (field !== undefined) {
    const values = field === "Next" || field === "StartAt" || field === "Default" ? place.states : (VALUES[field] ?? []);
    if (values.length === 0) return null;
    return { from, options: values.map((label) => ({ label, type: "constant", apply: quoted || format === "yaml" || label === "true" ? label : `"${label}"` })) };
  }
  if (!context.explicit && (word === null || word.from === word.to) && !quoted) return null;
  const written = new Set([...Object.keys(at(definition, path))]);
  const options: Completion[] = place.fields
    .filter((name) => !written.has(name))
    .map((label) => ({ label, type: "property", apply: quoted ? label : format === "yaml" ? `${label}: ` : `"${label}": ` }));
  return options.length === 0 ? null : { from, options };
}

/** The definition, and the path of the object that a position is in. */
function placeOf(source: string, line: { from: number; to: number; text: string }, position: number, format: "json" | "yaml") {
  const whole = parseText(source);
  if (whole.value !== undefined && format === "json") return { definition: whole.value, path: whole.pointerAt(position) };
  // What is being written is no definition yet: with another line in its place it mostly is.
  const lead = /^[\s-]*/.exec(line.text)?.[0] ?? "";
  const other = format === "json" ? " ".repeat(line.text.length) : `${lead}__: 0`;
  const mended = parseText(source.slice(0, line.from) + other + source.slice(line.to));
  const at = format === "json" ? position : line.from + other.length - 1;
  return { definition: whole.value ?? mended.value, path: mended.pointerAt(at) };
}

function at(value: unknown, path: readonly string[]): object {
  let found = value;
  for (const part of path) found = typeof found === "object" && found !== null ? (found as Record<string, unknown>)[part] : undefined;
  return typeof found === "object" && found !== null && !Array.isArray(found) ? found : {};
}

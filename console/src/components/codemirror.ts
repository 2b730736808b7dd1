// What every CodeMirror of the console shares: languages, colours of both modes, keys.

import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

/** The colours of a language's parts; all have a contrast of at least 4.5 on their background. */
const colours = (dark: boolean) =>
  HighlightStyle.define([
    { tag: [tags.keyword, tags.modifier, tags.operatorKeyword, tags.tagName], color: dark ? "#7cc4ff" : "#0550ae" },
    { tag: [tags.string, tags.special(tags.string), tags.regexp], color: dark ? "#a5e075" : "#166534" },
    { tag: [tags.number, tags.bool, tags.null, tags.atom], color: dark ? "#ffb86b" : "#953800" },
    { tag: [tags.propertyName, tags.attributeName, tags.definition(tags.propertyName)], color: dark ? "#8be9fd" : "#6f2da8" },
    { tag: [tags.comment, tags.lineComment, tags.blockComment], color: dark ? "#a3acb9" : "#57606a", fontStyle: "italic" },
    { tag: [tags.function(tags.variableName), tags.className, tags.typeName], color: dark ? "#e2b8ff" : "#8250df" },
    { tag: tags.heading, fontWeight: "bold" },
    { tag: tags.link, textDecoration: "underline" },
    { tag: tags.invalid, color: dark ? "#ff8a80" : "#b91c1c" },
  ]);

const look = (dark: boolean) =>
  EditorView.theme(
    {
      "&": { fontSize: "13px", backgroundColor: dark ? "#0f1b2a" : "#fbfbfc", color: dark ? "#e6edf3" : "#1b232d" },
      ".cm-scroller": { fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" },
      ".cm-gutters": { backgroundColor: dark ? "#0f1b2a" : "#f4f4f6", color: dark ? "#9aa7b5" : "#5f6b7a", border: "none" },
      ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: dark ? "#1b2a3c" : "#eef3fa" },
      "&.cm-focused": { outline: `2px solid ${dark ? "#539fe5" : "#0972d3"}`, outlineOffset: "-2px" },
      ".cm-cursor": { borderLeftColor: dark ? "#fff" : "#000" },
      ".cm-tooltip": { backgroundColor: dark ? "#192534" : "#fff", color: dark ? "#e6edf3" : "#1b232d" },
    },
    { dark },
  );

/** The appearance of code in a mode. */
export const appearance = (dark: boolean): Extension => [look(dark), syntaxHighlighting(colours(dark))];

/** What a reader has. */
export const reading: Extension = [
  lineNumbers(),
  foldGutter(),
  highlightSpecialChars(),
  drawSelection(),
  highlightSelectionMatches(),
  keymap.of([...defaultKeymap, ...searchKeymap, ...foldKeymap]),
];

/** What a writer has beside that. Escape, then Tab, leaves the editor. */
export const writing: Extension = [
  history(),
  indentOnInput(),
  bracketMatching(),
  closeBrackets(),
  highlightActiveLine(),
  keymap.of([...closeBracketsKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap, indentWithTab]),
];

/** The grammar of a language by the name that the server gives it; none for others, and where it can't be loaded. */
export const grammar = (language: string): Promise<Extension> => loadGrammar(language).catch(() => []);

async function loadGrammar(language: string): Promise<Extension> {
  switch (language) {
    case "json":
      return (await import("@codemirror/lang-json")).json();
    case "yaml":
      return (await import("@codemirror/lang-yaml")).yaml();
    case "python":
      return (await import("@codemirror/lang-python")).python();
    case "javascript":
    case "typescript":
      return (await import("@codemirror/lang-javascript")).javascript({ typescript: language === "typescript" });
    case "rust":
      return (await import("@codemirror/lang-rust")).rust();
    case "html":
      return (await import("@codemirror/lang-html")).html();
    case "css":
      return (await import("@codemirror/lang-css")).css();
    case "markdown":
      return (await import("@codemirror/lang-markdown")).markdown();
    default:
      return [];
  }
}

import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { useDark } from "../shell/theme";
import { appearance, grammar, reading, writing } from "./codemirror";

export interface CodeMirrorProps {
  value: string;
  language: string;
  /** What a screen reader calls it. */
  label: string;
  /** Without it the text is to read only. */
  onChange?: (value: string) => void;
  /** More of CodeMirror's extensions; keep the same array as long as they are the same. */
  extensions?: Extension;
  height?: string;
  maxHeight?: string;
  /** Long lines go on below. */
  wrap?: boolean;
}

const NONE: Extension = [];

/** CodeMirror as a component. The text outside rules: what it says is what is shown. */
export default function CodeMirror(props: CodeMirrorProps) {
  const { value, language, label, onChange, extensions = NONE, height, maxHeight, wrap = false } = props;
  const dark = useDark();
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const changed = useRef(onChange);
  const parts = useRef({ mode: new Compartment(), language: new Compartment(), more: new Compartment() });
  const first = useRef({ value, dark, extensions });
  const writable = onChange !== undefined;
  useEffect(() => {
    changed.current = onChange;
  }, [onChange]);

  useEffect(() => {
    if (place.current === null) return;
    const { mode, language: grammarPart, more } = parts.current;
    const editor = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: first.current.value,
        extensions: [
          writable ? writing : [EditorState.readOnly.of(true)],
          reading,
          mode.of(appearance(first.current.dark)),
          grammarPart.of([]),
          more.of(first.current.extensions),
          wrap ? EditorView.lineWrapping : [],
          EditorView.theme({
            "&": { ...(height === undefined ? {} : { height }), ...(maxHeight === undefined ? {} : { maxHeight }) },
            ".cm-scroller": { overflow: "auto" },
          }),
          EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0", ...(writable ? {} : { "aria-readonly": "true" }) }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed.current?.(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => {
      first.current = { ...first.current, value: editor.state.doc.toString() };
      view.current = null;
      editor.destroy();
    };
  }, [label, writable, height, maxHeight, wrap]);

  useEffect(() => {
    const editor = view.current;
    if (editor === null || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);
  useEffect(() => {
    view.current?.dispatch({ effects: parts.current.mode.reconfigure(appearance(dark)) });
  }, [dark]);
  useEffect(() => {
    view.current?.dispatch({ effects: parts.current.more.reconfigure(extensions) });
  }, [extensions]);
  useEffect(() => {
    let current = true;
    void grammar(language).then((found) => {
      if (current) view.current?.dispatch({ effects: parts.current.language.reconfigure(found) });
    });
    return () => {
      current = false;
    };
  }, [language]);

  return <div className="code" ref={place} />;
}

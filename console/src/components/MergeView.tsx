import { MergeView as CodeMirrorMerge } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { useDark } from "../shell/theme";
import { appearance, grammar, reading } from "./codemirror";

export interface MergeViewProps {
  left: string;
  right: string;
  language: string;
  label: string;
}

/** Two texts beside each other; what is the same is folded. */
export default function MergeView({ left, right, language, label }: MergeViewProps) {
  const dark = useDark();
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let merge: CodeMirrorMerge | null = null;
    let current = true;
    void grammar(language).then((found) => {
      if (!current || place.current === null) return;
      const side = (doc: string, which: string) => ({
        doc,
        extensions: [
          reading,
          found,
          appearance(dark),
          EditorState.readOnly.of(true),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": `${label}, ${which}`, "aria-readonly": "true", tabindex: "0" }),
        ],
      });
      merge = new CodeMirrorMerge({
        parent: place.current,
        a: side(left, "before"),
        b: side(right, "after"),
        collapseUnchanged: { margin: 3, minSize: 6 },
        gutter: true,
      });
    });
    return () => {
      current = false;
      merge?.destroy();
    };
  }, [left, right, language, label, dark]);
  return <div className="code diff" ref={place} />;
}

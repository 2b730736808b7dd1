import { autocompletion } from "@codemirror/autocomplete";
import { useMemo } from "react";
import { parseText } from "../../asl/place";
import CodeMirror from "../../components/CodeMirror";
import { marks, type Mark } from "../../components/marks";
import { eventTypes, readPattern } from "./pattern";

export interface PatternEditorProps {
  value: string;
  onChange: (value: string) => void;
  /** What the server found wrong with this very text: `field` is a pointer into it. */
  problems: readonly { field: string; message: string }[];
}

const completion = autocompletion({
  icons: false,
  override: [
    (context) => {
      const word = context.matchBefore(/"[\w.]*/);
      if (word === null) return null;
      return { from: word.from + 1, options: eventTypes().map((label) => ({ label, type: "constant" })) };
    },
  ],
});

/** A pattern to write, with marks where it is wrong and what is wrong below it. */
export default function PatternEditor({ value, onChange, problems }: PatternEditorProps) {
  const found = useMemo(() => {
    const text = parseText(value);
    const { problem } = readPattern(value);
    if (problem !== null) {
      const at = text.errors[0] ?? { from: 0, to: value.length };
      return [{ ...at, severity: "error" as const, message: problem }] satisfies Mark[];
    }
    return problems.map(({ field, message }): Mark => ({ ...text.range(field), severity: "error", message }));
  }, [value, problems]);
  const extensions = useMemo(() => [marks(found), completion], [found]);
  const line = (from: number) => value.slice(0, from).split("\n").length;
  return (
    <>
      <CodeMirror value={value} language="json" label="Pattern" height="170px" extensions={extensions} onChange={onChange} />
      <ul className="diagnostics" aria-live="polite" aria-label="What is wrong with the pattern">
        {found.map((mark) => <li key={`${mark.from} ${mark.message}`}>Line {line(mark.from)}: {mark.message}</li>)}
      </ul>
    </>
  );
}

// Text with colours, to read or to write: CodeMirror, loaded when a page first shows code.

import type { CodeMirrorProps } from "./CodeMirror";
import type { MergeViewProps } from "./MergeView";
import { part } from "./Part";

/** Code to read or to write. */
export const Code = part<CodeMirrorProps>(() => import("./CodeMirror"), "The editor", ({ value }) => <pre className="code-fallback">{value}</pre>);

/** A JSON value to read. */
export function Json({ value, label, height }: { value: unknown; label: string; height?: string }) {
  return <Code value={value === undefined ? "" : JSON.stringify(value, null, 2)} language="json" label={label} maxHeight={height ?? "420px"} />;
}

/** Two texts beside each other, with what differs. */
export const Diff = part<MergeViewProps>(() => import("./MergeView"), "The comparison", ({ right }) => <pre className="code-fallback">{right}</pre>);

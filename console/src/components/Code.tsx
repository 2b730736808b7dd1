// Text with colours, to read or to write: CodeMirror, loaded when a page first shows code.

import { lazy, Suspense } from "react";
import type { CodeMirrorProps } from "./CodeMirror";

const CodeMirror = lazy(() => import("./CodeMirror"));
const MergeView = lazy(() => import("./MergeView"));

/** Code to read or to write. */
export function Code(props: CodeMirrorProps) {
  return (
    <Suspense fallback={<pre className="code-fallback">{props.value}</pre>}>
      <CodeMirror {...props} />
    </Suspense>
  );
}

/** A JSON value to read. */
export function Json({ value, label, height }: { value: unknown; label: string; height?: string }) {
  return <Code value={value === undefined ? "" : JSON.stringify(value, null, 2)} language="json" label={label} maxHeight={height ?? "420px"} />;
}

/** Two texts beside each other, with what differs. */
export function Diff(props: { left: string; right: string; language: string; label: string }) {
  return (
    <Suspense fallback={<pre className="code-fallback">{props.right}</pre>}>
      <MergeView {...props} />
    </Suspense>
  );
}

// Marks in an editor of what is wrong.

import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { type Extension } from "@codemirror/state";
import { ViewPlugin } from "@codemirror/view";

/** Something wrong, and where. */
export interface Mark {
  from: number;
  to: number;
  severity: "error" | "warning" | "info";
  message: string;
}

/** Marks what is wrong. */
export function marks(findings: readonly Mark[]): Extension {
  return [
    lintGutter(),
    ViewPlugin.define((view) => {
      // A plugin may not change the editor while it is being set up.
      queueMicrotask(() => {
        const end = view.state.doc.length;
        const diagnostics = findings
          .map(({ from, to, severity, message }) => ({ from: Math.min(from, end), to: Math.min(to, end), severity, message }))
          .sort((a, b) => a.from - b.from);
        view.dispatch(setDiagnostics(view.state, diagnostics));
      });
      return {};
    }),
  ];
}


// A definition that is being written: its text, what it says, and what the server finds wrong with it.

import { useEffect, useMemo, useState } from "react";
import { client, data, type Schemas } from "../../api/client";
import { useLive } from "../../api/live";
import { graphOf, type Graph } from "../../asl/graph";
import { parseText, type Parsed } from "../../asl/place";

export interface Finding {
  from: number;
  to: number;
  severity: "error" | "warning";
  message: string;
}

export interface Definition {
  parsed: Parsed;
  graph: Graph;
  findings: Finding[];
  /** Do the findings speak of the text as it is now? */
  settled: boolean;
  valid: boolean;
  error: unknown;
}

const PAUSE = 350;

/** The value, a moment after it was last changed. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => {
      setSettled(value);
    }, PAUSE);
    return () => {
      clearTimeout(timer);
    };
  }, [value]);
  return settled;
}

/** Reads and checks a text. The graph keeps its last shape while the text can't be read. */
export function useDefinition(text: string, type: string): Definition {
  const parsed = useMemo(() => parseText(text), [text]);
  const quiet = useSettled(text);
  const readable = parsed.errors.length === 0;
  const checked = useLive(
    ["validate", type, quiet],
    () => data(client.POST("/api/workflows/validate", { body: { definition: quiet, type } })),
    { enabled: readable && quiet === text && quiet.trim() !== "", active: () => false },
  );
  const shape = useMemo(() => JSON.stringify(graphOf(parsed.value)), [parsed.value]);
  const [last, setLast] = useState(shape);
  if (readable && shape !== last) setLast(shape);
  const graph = useMemo(() => JSON.parse(last) as Graph, [last]);
  const findings = useMemo<Finding[]>(() => {
    if (!readable) return parsed.errors.map((error) => ({ ...error, severity: "error" }));
    return (checked.data?.diagnostics ?? []).map((diagnostic: Schemas["Diagnostic"]) => ({
      ...parsed.range(diagnostic.pointer ?? null),
      severity: diagnostic.severity === "WARNING" ? "warning" : "error",
      message: diagnostic.message,
    }));
  }, [readable, parsed, checked.data]);
  return {
    parsed,
    graph,
    findings,
    settled: !readable || (quiet === text && checked.data !== undefined),
    valid: readable && quiet === text && checked.data?.valid === true,
    error: checked.error,
  };
}

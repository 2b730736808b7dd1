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
  /** What is wrong with the schema of the input. */
  schemaFindings: { place: string; message: string }[];
  /** Do the findings speak of the text as it is now? */
  settled: boolean;
  valid: boolean;
  error: unknown;
}

const PAUSE = 350;
const isOfSchema = (diagnostic: Schemas["Diagnostic"]): boolean => diagnostic.code === "INVALID_INPUT_SCHEMA";

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

/** A schema from its text: null for none, undefined where it is no JSON object. */
export function readSchema(text: string): Record<string, unknown> | null | undefined {
  if (text.trim() === "") return null;
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const BELOW = "/input_schema";

/** Reads and checks a text, and the schema of the input. The graph keeps its last shape while the text can't be read. */
export function useDefinition(text: string, type: string, schemaText: string): Definition {
  const parsed = useMemo(() => parseText(text), [text]);
  const quiet = useSettled(text);
  const quietSchema = useSettled(schemaText);
  const schema = useMemo(() => readSchema(quietSchema), [quietSchema]);
  const readable = parsed.errors.length === 0;
  const same = quiet === text && quietSchema === schemaText;
  const checked = useLive(
    ["validate", type, quiet, quietSchema],
    () => data(client.POST("/api/workflows/validate", { body: { definition: quiet, type, ...(schema ? { input_schema: schema } : {}) } })),
    { enabled: readable && same && quiet.trim() !== "", active: () => false },
  );
  const shape = useMemo(() => JSON.stringify(graphOf(parsed.value)), [parsed.value]);
  const [last, setLast] = useState(shape);
  if (readable && shape !== last) setLast(shape);
  const graph = useMemo(() => JSON.parse(last) as Graph, [last]);
  const findings = useMemo<Finding[]>(() => {
    if (text.trim() === "") return [{ from: 0, to: 0, severity: "error", message: "The definition is empty." }];
    if (!readable) return parsed.errors.map((error) => ({ ...error, severity: "error" }));
    const own = (checked.data?.diagnostics ?? []).filter((diagnostic) => !isOfSchema(diagnostic));
    return own.map((diagnostic: Schemas["Diagnostic"]) => ({
      ...parsed.range(diagnostic.pointer ?? null),
      severity: diagnostic.severity === "WARNING" ? "warning" : "error",
      message: diagnostic.message,
    }));
  }, [text, readable, parsed, checked.data]);
  const schemaFindings = useMemo(() => {
    if (schema === undefined) return [{ place: "", message: "This is no JSON object." }];
    const found = (checked.data?.diagnostics ?? []).filter(isOfSchema);
    return found.map(({ pointer, message }) => ({ place: pointer?.slice(BELOW.length) ?? "", message }));
  }, [schema, checked.data]);
  return {
    parsed,
    graph,
    findings,
    schemaFindings,
    settled: !readable || text.trim() === "" || (same && checked.data !== undefined),
    valid: readable && same && schema !== undefined && checked.data?.valid === true,
    error: checked.error,
  };
}

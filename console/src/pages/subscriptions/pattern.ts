// Patterns of subscriptions: which events there are, and what of a pattern says which of them are wanted.

/** The events of the server, by what they are of (docs/how-to/notifications.md). */
export const EVENTS: readonly { of: string; types: readonly string[] }[] = [
  { of: "project", types: ["created", "queued", "planning", "awaiting_approval", "developing", "testing", "packaging", "completed", "failed", "cancelled", "paused", "updated", "deleted"] },
  { of: "execution", types: ["started", "succeeded", "failed", "timed_out", "aborted", "redriven", "stuck"] },
  { of: "schedule", types: ["created", "updated", "paused", "resumed", "completed", "deleted", "run_started", "run_skipped", "run_missed", "run_failed"] },
  { of: "function", types: ["created", "updated", "deleted"] },
];
const TYPES = new Set(EVENTS.flatMap(({ of, types }) => types.map((type) => `${of}.${type}`)));

/** All names, as `execution.failed`. */
export const eventTypes = (): string[] => [...TYPES];

export type Pattern = Record<string, unknown>;

/** A text as a pattern; a message where it is none. */
export function readPattern(text: string): { pattern: Pattern; problem: null } | { pattern: null; problem: string } {
  if (text.trim() === "") return { pattern: {}, problem: null };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { pattern: value as Pattern, problem: null };
    return { pattern: null, problem: 'A pattern is an object, such as {"detail-type": ["execution.failed"]}.' };
  } catch (error) {
    return { pattern: null, problem: `This is no JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

const wanted = (pattern: Pattern): unknown[] => (Array.isArray(pattern["detail-type"]) ? (pattern["detail-type"] as unknown[]) : []);

/** The events that a pattern names one by one. */
export const chosenTypes = (pattern: Pattern): string[] => wanted(pattern).filter((one): one is string => typeof one === "string" && TYPES.has(one));

/** The same pattern with these events; what else it says of them stays. */
export function withTypes(pattern: Pattern, types: readonly string[]): Pattern {
  const others = wanted(pattern).filter((one) => typeof one !== "string" || !TYPES.has(one));
  const all = [...types, ...others];
  const { "detail-type": before, ...rest } = pattern;
  if (before !== undefined && !Array.isArray(before)) return pattern;
  return all.length === 0 ? rest : { "detail-type": all, ...rest };
}

/** What a pattern asks for, in a few words. */
export function inWords(pattern: Pattern): string {
  if (Object.keys(pattern).length === 0) return "Everything";
  const names = wanted(pattern).map((one) => {
    if (typeof one === "string") return one;
    const { prefix } = one as { prefix?: unknown };
    return typeof prefix === "string" ? `${prefix}…` : null;
  });
  const plain = Object.keys(pattern).length === 1 && names.length > 0 && names.every((name) => name !== null);
  return plain ? names.join(", ") : JSON.stringify(pattern);
}

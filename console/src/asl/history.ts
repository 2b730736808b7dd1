// An execution's events, folded into what each visit of a state was: when, with what, and how it ended. The graph, the
// timeline and the list of events all show this.

import type { components } from "../api/schema";

export type HistoryEvent = components["schemas"]["HistoryEvent"];

export type SpanStatus = "RUNNING" | "SUCCEEDED" | "CAUGHT" | "FAILED" | "ABORTED" | "TIMED_OUT";

/** One visit of a state. */
export interface Span {
  /** The id of the event that entered it. */
  key: number;
  state: string;
  type: string;
  /** `Each[2]` is the third item of the Map state Each, `Both/1` the second branch that Both started. */
  thread: string;
  /** How many threads it stands in. */
  depth: number;
  start: number;
  /** Null while it runs. */
  end: number | null;
  status: SpanStatus;
  /** How often its task was scheduled. */
  attempts: number;
  input: unknown;
  output: unknown;
  hasOutput: boolean;
  error: string | null;
  cause: string | null;
  /** The variables when it was entered. */
  variables: Record<string, unknown>;
  /** What it assigned. */
  assigned: Record<string, unknown> | null;
  exit: number | null;
  /** The ids of its events, in order. */
  events: number[];
}

export interface Folded {
  spans: Span[];
  /** The visit that each event belongs to. */
  spanOf: Map<number, Span>;
  start: number | null;
  end: number | null;
  status: SpanStatus | null;
}

interface Thread {
  name: string;
  depth: number;
  parent: Thread | null;
  open: Span | null;
  variables: Record<string, unknown>;
  branches: number;
}

/** Stands between the threads of a thread's name, the outermost first. */
export const WITHIN = " › ";

const END: Record<string, SpanStatus> = {
  ExecutionSucceeded: "SUCCEEDED",
  ExecutionFailed: "FAILED",
  ExecutionAborted: "ABORTED",
  ExecutionTimedOut: "TIMED_OUT",
};

const ENTERED = /^(\w+)StateEntered$/;
const EXITED = /^(\w+)StateExited$/;
const OF_FANOUT = /^(Parallel|Map)State(Started|Succeeded|Failed|Aborted)$/;

const record = (value: unknown): Record<string, unknown> | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
const text = (value: unknown): string | null => (typeof value === "string" ? value : null);

/** The thread, or the nearest round it, whose open state fits. */
function nearest(thread: Thread, fits: (open: Span) => boolean): Thread | null {
  for (let at: Thread | null = thread; at !== null; at = at.parent) {
    if (at.open !== null && fits(at.open)) return at;
  }
  return null;
}

/** Folds events in the order of their ids. Whatever does not fit is passed over, never an error. */
export function fold(events: readonly HistoryEvent[]): Folded {
  const root: Thread = { name: "", depth: 0, parent: null, open: null, variables: {}, branches: 0 };
  const threads = new Map<number, Thread>();
  const kinds = new Map<number, string>();
  const folded: Folded = { spans: [], spanOf: new Map(), start: null, end: null, status: null };
  const all: Thread[] = [root];
  const child = (parent: Thread, name: string): Thread => {
    const thread = { name, depth: parent.depth + 1, parent, open: null, variables: { ...parent.variables }, branches: 0 };
    all.push(thread);
    return thread;
  };
  const close = (span: Span, status: SpanStatus, at: number) => {
    span.end = at;
    span.status = status;
  };

  for (const event of events) {
    const at = Date.parse(event.timestamp);
    const details: Record<string, unknown> = event.details;
    const previous = threads.get(event.previous_event_id) ?? root;
    let thread = previous;
    const entered = ENTERED.exec(event.type);
    const exited = EXITED.exec(event.type);
    const fanout = OF_FANOUT.exec(event.type);

    if (event.type === "ExecutionStarted") {
      folded.start = at;
      folded.status = "RUNNING";
      folded.end = null;
    } else if (event.type === "ExecutionRedriven") {
      thread = root;
      folded.status = "RUNNING";
      folded.end = null;
      reopen(all);
    } else if (END[event.type] !== undefined) {
      thread = root;
      const status = END[event.type] ?? "FAILED";
      folded.status = status;
      folded.end = at;
      // Whatever is still open ends with it.
      for (const { open } of all) {
        if (open === null || open.end !== null) continue;
        const failed = status === "FAILED" && (open === root.open || open.error !== null);
        close(open, status === "FAILED" && !failed ? "ABORTED" : status, at);
      }
      if (status === "FAILED" && root.open !== null) {
        root.open.error ??= text(details.error);
        root.open.cause ??= text(details.cause);
      }
    } else if (event.type === "MapIterationStarted") {
      const owner = nearest(previous, (open) => open.type === "Map") ?? root;
      thread = child(owner, `${owner.name === "" ? "" : `${owner.name}${WITHIN}`}${text(details.name) ?? "Map"}[${String(details.index)}]`);
    } else if (entered !== null) {
      if (kinds.get(event.previous_event_id) === "ParallelStateStarted") {
        const owner = previous;
        thread = child(owner, `${owner.name === "" ? "" : `${owner.name}${WITHIN}`}${owner.open?.state ?? "Parallel"}/${owner.branches}`);
        owner.branches += 1;
      } else if (thread.open !== null) {
        // Left without an event of its own, as a failed visit is before a redrive.
        if (thread.open.end === null) close(thread.open, thread.open.error === null ? "ABORTED" : "FAILED", at);
      }
      const type = entered[1] ?? "";
      const span: Span = {
        key: event.id,
        state: text(details.name) ?? "",
        type,
        thread: thread.name,
        depth: thread.depth,
        start: at,
        end: null,
        status: "RUNNING",
        attempts: 0,
        input: details.input,
        output: undefined,
        hasOutput: false,
        error: null,
        cause: null,
        variables: { ...thread.variables },
        assigned: null,
        exit: null,
        events: [],
      };
      // A Fail state ends where it begins.
      if (type === "Fail") close(span, "FAILED", at);
      thread.open = span;
      thread.branches = 0;
      folded.spans.push(span);
    } else if (exited !== null) {
      const name = text(details.name);
      const owner = nearest(previous, (open) => open.state === name) ?? previous;
      thread = owner;
      const span = owner.open;
      if (span !== null) {
        span.exit = event.id;
        span.output = details.output;
        span.hasOutput = "output" in details;
        span.assigned = record(details.assignedVariables);
        close(span, span.error === null ? "SUCCEEDED" : "CAUGHT", at);
        if (span.assigned !== null) owner.variables = { ...owner.variables, ...span.assigned };
        if (span.type === "Map" || span.type === "Parallel") endChildren(all, owner, at, close);
      }
    } else if (fanout !== null) {
      thread = nearest(previous, (open) => open.type === fanout[1]) ?? previous;
      if (fanout[2] === "Failed" && thread.open !== null) {
        thread.open.error = text(details.error) ?? "States.BranchFailed";
        thread.open.cause = text(details.cause);
        endChildren(all, thread, at, close);
      }
    } else if (/^MapIteration(Failed|Aborted)$/.test(event.type)) {
      if (thread.open !== null && thread.open.end === null) {
        close(thread.open, event.type === "MapIterationFailed" ? "FAILED" : "ABORTED", at);
      }
    }

    const span = thread.open;
    if (span !== null && entered === null) {
      if (/^(Task|Activity|LambdaFunction)Scheduled$/.test(event.type)) {
        span.attempts += 1;
        span.error = null;
        span.cause = null;
      }
      if (/^(Task|Activity|LambdaFunction|MapRun)\w*(Failed|TimedOut)$/.test(event.type) || event.type === "EvaluationFailed") {
        span.error = text(details.error) ?? (event.type.endsWith("TimedOut") ? "States.Timeout" : "States.TaskFailed");
        span.cause = text(details.cause);
      }
    }
    if (span !== null && END[event.type] === undefined && event.type !== "ExecutionStarted") {
      span.events.push(event.id);
      folded.spanOf.set(event.id, span);
    }
    // What has exited is no longer open for the next state of its thread.
    if (exited !== null && thread.open?.exit === event.id) thread.open = null;
    threads.set(event.id, thread);
    kinds.set(event.id, event.type);
  }
  return folded;
}

/** What was open when an execution ended goes on when it is redriven. */
function reopen(threads: Thread[]) {
  for (const { open } of threads) {
    if (open !== null && open.exit === null && open.type !== "Fail") {
      open.end = null;
      open.status = "RUNNING";
      open.error = null;
      open.cause = null;
    }
  }
}

/** Children end with the state that started them, at the latest. */
function endChildren(threads: Thread[], owner: Thread, at: number, close: (span: Span, status: SpanStatus, at: number) => void) {
  const below = (thread: Thread): boolean => {
    for (let up = thread.parent; up !== null; up = up.parent) if (up === owner) return true;
    return false;
  };
  for (let index = threads.length - 1; index > 0; index -= 1) {
    const thread = threads[index];
    if (thread === undefined || !below(thread)) continue;
    if (thread.open !== null && thread.open.end === null) {
      close(thread.open, thread.open.error === null ? "ABORTED" : "FAILED", at);
    }
    threads.splice(index, 1);
  }
}

/** What several visits of a state come to: the worst that still matters. */
const RANK: SpanStatus[] = ["SUCCEEDED", "CAUGHT", "ABORTED", "TIMED_OUT", "FAILED", "RUNNING"];

/** For each state its status and how often it was entered. */
export function statuses(folded: Folded): Map<string, { status: SpanStatus; entered: number }> {
  const found = new Map<string, { status: SpanStatus; entered: number }>();
  for (const span of folded.spans) {
    const known = found.get(span.state);
    if (known === undefined) found.set(span.state, { status: span.status, entered: 1 });
    else {
      known.entered += 1;
      if (RANK.indexOf(span.status) > RANK.indexOf(known.status)) known.status = span.status;
    }
  }
  return found;
}

export interface Bar {
  span: Span;
  /** Of the whole, 0 to 1. */
  left: number;
  width: number;
}

/** The bars of a timeline. What runs ends `now`. */
export function bars(folded: Folded, now: number): Bar[] {
  const start = folded.start ?? folded.spans[0]?.start ?? now;
  const end = folded.end ?? Math.max(now, start + 1);
  const whole = Math.max(1, end - start);
  return folded.spans.map((span) => {
    const left = Math.min(1, Math.max(0, (span.start - start) / whole));
    const until = Math.min(end, span.end ?? end);
    return { span, left, width: Math.max(0, Math.min(1 - left, (until - span.start) / whole)) };
  });
}

/** How two executions differ, visit by visit of each state. */
export interface Difference {
  state: string;
  visit: number;
  left: Span | null;
  right: Span | null;
  same: boolean;
}

/** Compares two executions: the first visit of a state with the first, and so on. */
export function compare(left: Folded, right: Folded): Difference[] {
  const visits = (folded: Folded) => {
    const counts = new Map<string, number>();
    return new Map(
      folded.spans.map((span) => {
        const label = `${span.thread}\u0000${span.state}`;
        const visit = (counts.get(label) ?? 0) + 1;
        counts.set(label, visit);
        return [`${label}\u0000${visit}`, { span, visit }] as const;
      }),
    );
  };
  const [a, b] = [visits(left), visits(right)];
  const found: Difference[] = [];
  for (const key of new Set([...a.keys(), ...b.keys()])) {
    const [one, other] = [a.get(key), b.get(key)];
    const span = one?.span ?? other?.span;
    if (span === undefined) continue;
    const same =
      one !== undefined &&
      other !== undefined &&
      one.span.status === other.span.status &&
      JSON.stringify([one.span.input, one.span.output]) === JSON.stringify([other.span.input, other.span.output]);
    found.push({ state: span.state, visit: one?.visit ?? other?.visit ?? 1, left: one?.span ?? null, right: other?.span ?? null, same });
  }
  return found;
}

// Where an execution can be forked: the entries of its own log, told by the events that they recorded.

import type { HistoryEvent } from "./history";

/** A place from which a fork can go on. */
export interface ForkPoint {
  /** The entry of the execution's own log. */
  sequence: number;
  /** The state at which it stood then; null before the first. */
  state: string | null;
  /** The last event that the fork's history has; null where it has none of its own. */
  event: HistoryEvent | null;
}

const END = /^Execution(Succeeded|Failed|Aborted|TimedOut)$/;

/** The places of an execution, in order. Its ends are none. */
export function forkPoints(events: readonly HistoryEvent[]): ForkPoint[] {
  const points = new Map<number, ForkPoint>([[0, { sequence: 0, state: null, event: null }]]);
  let state: string | null = null;
  const ends = new Set<number>();
  for (const event of events) {
    if (event.entry === null) continue;
    const name: unknown = event.details.name;
    if (event.type.endsWith("StateEntered") && typeof name === "string") state = name;
    if (END.test(event.type)) ends.add(event.entry);
    points.set(event.entry, { sequence: event.entry, state, event });
  }
  return [...points.values()].filter((point) => !ends.has(point.sequence)).sort((one, other) => one.sequence - other.sequence);
}

/** The place that an event belongs to: where its entry ends, or, for an event of a branch or an item, the nearest one before. */
export function pointOf(points: readonly ForkPoint[], event: HistoryEvent | null): ForkPoint | null {
  const before = (point: ForkPoint): boolean =>
    event !== null && (event.entry === null ? (point.event?.id ?? 0) <= event.id : point.sequence <= event.entry);
  return points.findLast(before) ?? points[0] ?? null;
}

import { expect, test } from "vitest";
import { forkPoints, pointOf } from "./fork";
import type { HistoryEvent } from "./history";

const event = (id: number, type: string, entry: number | null, name?: string): HistoryEvent => ({ id, previous_event_id: id - 1, type, entry, timestamp: "2026-01-01T00:00:00.000Z", details: name === undefined ? {} : { name } });

const EVENTS = [
  event(1, "ExecutionStarted", 0),
  event(2, "TaskStateEntered", 0, "Pay"),
  event(3, "TaskSucceeded", 1),
  event(4, "MapStateEntered", 1, "Each"),
  event(5, "MapIterationStarted", null),
  event(6, "PassStateEntered", null, "Inner"),
  event(7, "MapStateExited", 2),
  event(8, "WaitStateEntered", 2, "Rest"),
  event(9, "WaitStateExited", 3),
  event(10, "ExecutionSucceeded", 3),
];

test("each entry but the end is a place, told by its last event", () => {
  expect(forkPoints(EVENTS).map(({ sequence, state, event }) => [sequence, state, event?.id])).toEqual([[0, "Pay", 2], [1, "Each", 4], [2, "Rest", 8]]);
  expect(forkPoints([])).toEqual([{ sequence: 0, state: null, event: null }]);
});

test("an event leads to its entry, or to the one before", () => {
  const points = forkPoints(EVENTS);
  const at = (id: number) => pointOf(points, EVENTS[id - 1] ?? null)?.sequence;
  expect([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(at)).toEqual([0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
  expect(pointOf(points, null)?.sequence).toBe(0);
  // What a fork has from its source comes before all of its own.
  expect(pointOf(forkPoints([event(1, "ExecutionStarted", null)]), event(1, "ExecutionStarted", null))?.sequence).toBe(0);
});

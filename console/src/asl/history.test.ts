import { describe, expect, it } from "vitest";
import { bars, compare, fold, statuses, type HistoryEvent } from "./history";

/** Events from short lines: after which, which, with what. The time is the id in milliseconds. */
function history(lines: [previous: number, type: string, details?: Record<string, unknown>][]): HistoryEvent[] {
  return lines.map(([previous_event_id, type, details], index) => ({
    id: index + 1,
    previous_event_id,
    entry: null,
    type,
    timestamp: new Date(index + 1).toISOString(),
    details: details ?? {},
  }));
}

const SMALL = history([
  [0, "ExecutionStarted", { input: { a: 1 } }],
  [0, "PassStateEntered", { name: "Prepare", input: { a: 1 } }],
  [2, "PassStateExited", { name: "Prepare", output: [1, 2], assignedVariables: { n: 2 } }],
  [3, "MapStateEntered", { name: "Each", input: [1, 2] }],
  [4, "MapStateStarted", { length: 2 }],
  [5, "MapIterationStarted", { name: "Each", index: 0 }],
  [6, "TaskStateEntered", { name: "Do", input: 1 }],
  [5, "MapIterationStarted", { name: "Each", index: 1 }],
  [8, "TaskStateEntered", { name: "Do", input: 2 }],
  [7, "TaskScheduled"],
  [10, "TaskFailed", { error: "Slow" }],
  [11, "TaskScheduled"],
  [12, "TaskSucceeded"],
  [13, "TaskStateExited", { name: "Do", output: 10 }],
  [14, "MapIterationSucceeded", { name: "Each", index: 0 }],
  [9, "TaskScheduled"],
  [16, "TaskFailed", { error: "Broken", cause: "it broke" }],
  [17, "MapIterationFailed", { name: "Each", index: 1 }],
  [17, "MapStateFailed"],
  [19, "MapStateExited", { name: "Each", output: { Error: "Broken" } }],
  [20, "FailStateEntered", { name: "End", input: {} }],
  [21, "ExecutionFailed", { error: "Gone" }],
]);

describe("folding", () => {
  const folded = fold(SMALL);
  const spans = (state: string) => folded.spans.filter((span) => span.state === state);

  it("tells each visit's thread, data and end", () => {
    expect(folded.spans.map((span) => [span.thread, span.state, span.status])).toEqual([
      ["", "Prepare", "SUCCEEDED"],
      ["", "Each", "CAUGHT"],
      ["Each[0]", "Do", "SUCCEEDED"],
      ["Each[1]", "Do", "FAILED"],
      ["", "End", "FAILED"],
    ]);
    expect(spans("Prepare")[0]).toMatchObject({ input: { a: 1 }, output: [1, 2], assigned: { n: 2 }, start: 2, end: 3 });
    expect([folded.status, folded.start, folded.end]).toEqual(["FAILED", 1, 22]);
  });

  it("counts attempts, and forgets an error that a retry made good", () => {
    expect(spans("Do").map((span) => [span.attempts, span.error])).toEqual([
      [2, null],
      [1, "Broken"],
    ]);
  });

  it("knows the variables of each visit, also in items", () => {
    expect(spans("Prepare")[0]?.variables).toEqual({});
    expect(spans("Do")[1]?.variables).toEqual({ n: 2 });
  });

  it("leads from events to visits", () => {
    expect(folded.spanOf.get(17)?.thread).toBe("Each[1]");
    expect(folded.spanOf.get(19)?.state).toBe("Each");
    expect(folded.spanOf.get(1)).toBeUndefined();
    expect(spans("Each")[0]?.events).toEqual([4, 5, 19, 20]);
  });

  it("sums visits up by state", () => {
    expect(statuses(folded).get("Do")).toEqual({ status: "FAILED", entered: 2 });
    expect(statuses(folded).get("Prepare")).toEqual({ status: "SUCCEEDED", entered: 1 });
  });

  it("keeps open what runs", () => {
    const part = fold(SMALL.slice(0, 10));
    expect(part.status).toBe("RUNNING");
    expect(part.spans.filter((span) => span.end === null).map((span) => span.state)).toEqual(["Each", "Do", "Do"]);
  });

  it("ends with the execution what it was stopped in", () => {
    const stopped = fold([...SMALL.slice(0, 10), ...history([[10, "ExecutionAborted"]]).map((event) => ({ ...event, id: 11, timestamp: new Date(50).toISOString() }))]);
    expect(stopped.spans.map((span) => span.status)).toEqual(["SUCCEEDED", "ABORTED", "ABORTED", "ABORTED"]);
    expect(stopped.spans[3]?.end).toBe(50);
  });

  it("goes on after a redrive", () => {
    const redriven = fold(
      history([
        [0, "ExecutionStarted"],
        [1, "TaskStateEntered", { name: "Do" }],
        [2, "TaskScheduled"],
        [3, "TaskFailed", { error: "Broken" }],
        [4, "ExecutionFailed", { error: "Broken" }],
        [5, "ExecutionRedriven"],
        [6, "TaskScheduled"],
      ]),
    );
    expect(redriven.status).toBe("RUNNING");
    expect(redriven.spans.map((span) => [span.status, span.end])).toEqual([["RUNNING", null]]);
  });

  it("tells branches apart", () => {
    const parallel = fold(
      history([
        [0, "ExecutionStarted"],
        [1, "ParallelStateEntered", { name: "Both" }],
        [2, "ParallelStateStarted"],
        [3, "PassStateEntered", { name: "L" }],
        [4, "PassStateExited", { name: "L" }],
        [3, "PassStateEntered", { name: "R" }],
        [6, "PassStateExited", { name: "R" }],
        [7, "ParallelStateSucceeded"],
        [7, "ParallelStateExited", { name: "Both", output: [1, 2] }],
        [9, "ExecutionSucceeded"],
      ]),
    );
    expect(parallel.spans.map((span) => [span.thread, span.state, span.status])).toEqual([
      ["", "Both", "SUCCEEDED"],
      ["Both/0", "L", "SUCCEEDED"],
      ["Both/1", "R", "SUCCEEDED"],
    ]);
  });

  it("takes events that fit nothing", () => {
    expect(fold(history([[7, "SomethingElse"], [3, "PassStateExited", { name: "X" }]])).spans).toEqual([]);
    expect(fold([]).status).toBeNull();
  });

  it("folds ten thousand events at once", () => {
    const many: [number, string, Record<string, unknown>?][] = [[0, "ExecutionStarted"], [1, "MapStateEntered", { name: "Each" }], [2, "MapStateStarted"]];
    for (let index = 0; index < 2_500; index += 1) {
      const id = many.length + 1;
      many.push([3, "MapIterationStarted", { name: "Each", index }], [id, "PassStateEntered", { name: "Do" }], [id + 1, "PassStateExited", { name: "Do" }], [id + 2, "MapIterationSucceeded", { name: "Each", index }]);
    }
    const began = performance.now();
    expect(fold(history(many)).spans).toHaveLength(2_501);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

describe("the timeline", () => {
  it("has a bar for each visit, within the whole", () => {
    const rows = bars(fold(SMALL), 100);
    expect(rows[0]).toMatchObject({ left: 1 / 21, width: 1 / 21 });
    for (const row of rows) {
      expect(row.left).toBeGreaterThanOrEqual(0);
      expect(row.left + row.width).toBeLessThanOrEqual(1 + 1e-9);
    }
  });

  it("lets what runs reach to now", () => {
    const rows = bars(fold(SMALL.slice(0, 2)), 101);
    expect(rows[0]).toMatchObject({ left: 0.01, width: 0.99 });
  });
});

it("compares two executions visit by visit", () => {
  const other = SMALL.map((event) => (event.id === 14 ? { ...event, details: { name: "Do", output: 11 } } : event)).slice(0, 20);
  const rows = compare(fold(SMALL), fold(other));
  expect(rows.map((row) => [row.state, row.same])).toEqual([
    ["Prepare", true],
    ["Each", true],
    ["Do", false],
    ["Do", true],
    ["End", false],
  ]);
  expect(rows[4]?.right).toBeNull();
});

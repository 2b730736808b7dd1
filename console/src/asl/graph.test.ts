import { describe, expect, it } from "vitest";
import { allStates, graphOf, taskGraph, withStatuses } from "./graph";
import { layoutGraph } from "./layout";

const ORDER = {
  StartAt: "Check",
  States: {
    Check: {
      Type: "Choice",
      Choices: [
        { Condition: "{% $states.input.a %}", Next: "Both" },
        { Condition: "{% $states.input.b %}", Next: "Both" },
      ],
      Default: "Lost",
    },
    Both: {
      Type: "Parallel",
      Branches: [
        { StartAt: "Left", States: { Left: { Type: "Pass", End: true } } },
        { StartAt: "Right", States: { Right: { Type: "Map", ItemProcessor: { StartAt: "Item", States: { Item: { Type: "Pass", End: true } } }, End: true } } },
      ],
      Catch: [{ ErrorEquals: ["States.ALL"], Next: "Lost" }],
      End: true,
    },
    Lost: { Type: "Fail" },
  },
};

describe("the graph of a definition", () => {
  it("has all states and what leads to them", () => {
    const graph = graphOf(ORDER);
    expect(graph.start_at).toBe("Check");
    expect(allStates(graph).map((state) => state.name)).toEqual(["Check", "Both", "Left", "Right", "Item", "Lost"]);
    expect(graph.transitions).toEqual([
      { from: "Check", to: "Both", kind: "choice", label: "#1" },
      { from: "Check", to: "Both", kind: "choice", label: "#2" },
      { from: "Check", to: "Lost", kind: "default", label: "default" },
      { from: "Both", to: "Lost", kind: "catch", label: "States.ALL" },
    ]);
  });

  it("takes whatever is being written", () => {
    for (const draft of [null, 7, "text", [], {}, { States: [] }, { States: { A: null } }, { StartAt: 1, States: { A: { Next: "B", Choices: 3, Catch: [null] } } }]) {
      const graph = graphOf(draft);
      expect(graph.transitions).toEqual([]);
      expect(graph.start_at).toBeNull();
      expect(layoutGraph(graph).states.length).toBe(graph.states.length);
    }
  });

  it("takes the statuses of an execution, also in branches", () => {
    const graph = withStatuses(graphOf(ORDER), new Map([["Item", { status: "FAILED", entered: 3 }]]));
    expect(allStates(graph).find((state) => state.name === "Item")).toMatchObject({ status: "FAILED", entered: 3 });
    expect(allStates(graph).find((state) => state.name === "Left")?.status).toBeNull();
  });
});

describe("the layout", () => {
  const placed = layoutGraph(graphOf(ORDER));
  const at = (id: string) => {
    const found = placed.states.find((state) => state.id === id);
    if (found === undefined) throw new Error(id);
    return found;
  };

  it("goes from top to bottom", () => {
    expect(at("Check").y).toBeLessThan(at("Both").y);
    expect(at("Both").y + at("Both").height).toBeLessThanOrEqual(at("Lost").y);
  });

  it("puts branches beside each other, inside of their state", () => {
    const [both, left, right] = [at("Both"), at("Left"), at("Right")];
    expect([left.parent, right.parent, at("Item").parent]).toEqual(["Both", "Both", "Right"]);
    expect(left.x + left.width).toBeLessThanOrEqual(right.x);
    for (const inner of [left, right]) {
      expect(inner.x).toBeGreaterThanOrEqual(0);
      expect(inner.x + inner.width).toBeLessThanOrEqual(both.width);
      expect(inner.y + inner.height).toBeLessThanOrEqual(both.height);
    }
  });

  it("names parents before what stands in them, as React Flow asks", () => {
    const ids = placed.states.map((state) => state.id);
    for (const state of placed.states) if (state.parent !== null) expect(ids.indexOf(state.parent)).toBeLessThan(ids.indexOf(state.id));
  });

  it("draws one edge for several choices", () => {
    expect(placed.edges.filter((edge) => edge.from === "Check" && edge.to === "Both").map((edge) => edge.label)).toEqual(["#1, #2"]);
    expect(new Set(placed.edges.map((edge) => edge.id)).size).toBe(placed.edges.length);
  });

  it("leads edges round what stands between, within their state", () => {
    const deep = layoutGraph(graphOf({ StartAt: "Outer", States: { Outer: { Type: "Parallel", Branches: [{ StartAt: "P", States: { P: { Type: "Pass", End: true } } }, { StartAt: "A", States: { A: { Type: "Task", Next: "C", Catch: [{ ErrorEquals: ["X"], Next: "B" }] }, B: { Type: "Pass", Next: "C" }, C: { Type: "Pass", End: true } } }], End: true } } }));
    const box = (id: string) => {
      const state = deep.states.find((one) => one.id === id);
      const outer = deep.states.find((one) => one.id === "Outer");
      if (state === undefined || outer === undefined) throw new Error(id);
      const [x, y] = id === "Outer" ? [state.x, state.y] : [outer.x + state.x, outer.y + state.y];
      return { left: x, right: x + state.width, top: y, bottom: y + state.height };
    };
    const [outer, a, b, c] = [box("Outer"), box("A"), box("B"), box("C")];
    const edge = deep.edges.find((one) => one.from === "A" && one.to === "C");
    const points = edge?.points ?? [];
    expect(points.length).toBeGreaterThan(2);
    for (const point of points) {
      expect(point.x > outer.left && point.x < outer.right && point.y > outer.top && point.y < outer.bottom).toBe(true);
      expect(point.x > b.left && point.x < b.right && point.y > b.top && point.y < b.bottom).toBe(false);
    }
    expect(points[0]?.y).toBeCloseTo(a.bottom, 0);
    expect(points.at(-1)?.y).toBeCloseTo(c.top, 0);
  });

  it("is the same each time", () => {
    expect(layoutGraph(graphOf(ORDER))).toEqual(placed);
  });
});

it("draws a plan by what its tasks depend on", () => {
  const graph = taskGraph([
    { id: "a", title: "A", depends_on: [], status: "SUCCEEDED" },
    { id: "b", title: "B", depends_on: ["a", "gone"], status: null },
  ]);
  expect(graph.transitions).toEqual([{ from: "a", to: "b", kind: "next", label: "" }]);
  expect(graph.states[0]?.status).toBe("SUCCEEDED");
});

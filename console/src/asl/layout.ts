// Where the states of a graph stand: layers from top to bottom, with branches and item processors inside of their state.

import { Graph as Dagre, layout as place } from "@dagrejs/dagre";
import type { Graph, GraphState } from "./graph";

export interface PlacedState {
  /** The state's name, which is unique in a definition; of the marker of the start `start:`. */
  id: string;
  /** The state that it stands in. */
  parent: string | null;
  /** From the parent's left upper corner, or the graph's. */
  x: number;
  y: number;
  width: number;
  height: number;
  /** Null for the marker of the start. */
  state: GraphState | null;
}

export interface Point {
  x: number;
  y: number;
}

export interface PlacedEdge {
  id: string;
  /** The state that it stands in. */
  parent: string | null;
  /** Where it goes along, round states; from the graph's left upper corner. */
  points: Point[];
  from: string;
  to: string;
  kind: string;
  label: string;
}

export interface Placed {
  states: PlacedState[];
  edges: PlacedEdge[];
  width: number;
  height: number;
}

const HEIGHT = 52;
const HEADER = 44;
const PADDING = 16;
const START = 20;

export interface LayoutOptions {
  /** `TB` from top to bottom, `LR` from left to right. */
  direction?: "TB" | "LR";
}

/** Places a graph. The result depends on nothing but the arguments. */
export function layoutGraph(graph: Graph, options: LayoutOptions = {}): Placed {
  const placed = inner(graph, null, options);
  const corners = new Map<string | null, Point>([[null, { x: 0, y: 0 }]]);
  // Parents stand before what is in them.
  for (const { id, parent, x, y } of placed.states) {
    const corner = corners.get(parent) ?? { x: 0, y: 0 };
    corners.set(id, { x: corner.x + x, y: corner.y + y });
  }
  const edges = dedupe(placed.edges).map((edge) => {
    const corner = corners.get(edge.parent) ?? { x: 0, y: 0 };
    return moved(edge, corner.x, corner.y);
  });
  return { ...placed, edges };
}

const widthOf = (state: GraphState) =>
  Math.min(280, Math.max(130, 56 + 7.4 * Math.max(state.name.length, state.type.length * 0.85)));

function inner(graph: Graph, parent: string | null, options: LayoutOptions): Placed {
  const dagre = new Dagre({ multigraph: true });
  dagre.setGraph({ rankdir: options.direction ?? "TB", nodesep: 28, ranksep: 36, marginx: PADDING, marginy: PADDING });
  dagre.setDefaultEdgeLabel(() => ({}));
  const contents = new Map<string, Placed>();
  for (const state of graph.states) {
    if (state.branches.length > 0) {
      const content = row(state.branches.map((branch) => inner(branch, state.name, options)));
      contents.set(state.name, content);
      dagre.setNode(state.name, { width: Math.max(widthOf(state), content.width), height: content.height + HEADER });
    } else {
      dagre.setNode(state.name, { width: widthOf(state), height: HEIGHT });
    }
  }
  // Where a branch begins is its top.
  const start = parent === null && graph.start_at !== null ? "start:" : null;
  if (start !== null && graph.start_at !== null) {
    dagre.setNode(start, { width: START, height: START });
    dagre.setEdge(start, graph.start_at, {}, "start");
  }
  graph.transitions.forEach((edge, index) => {
    const label = edge.label === "" ? {} : { width: Math.min(160, edge.label.length * 6.5), height: 14, labelpos: "c" as const };
    dagre.setEdge(edge.from, edge.to, label, `${index}`);
  });
  place(dagre);

  const along = (from: string, to: string, name: string): Point[] => (dagre.edge(from, to, name) as { points?: Point[] }).points ?? [];
  const states: PlacedState[] = [];
  const edges: PlacedEdge[] = [];
  for (const id of dagre.nodes()) {
    const node = dagre.node(id) as { x: number; y: number; width: number; height: number };
    const state = graph.states.find((state) => state.name === id) ?? null;
    states.push({ id, parent, x: node.x - node.width / 2, y: node.y - node.height / 2, width: node.width, height: node.height, state });
    const content = contents.get(id);
    if (content !== undefined) {
      const indent = (node.width - content.width) / 2;
      for (const child of content.states) {
        states.push(child.parent === id ? { ...child, x: child.x + indent, y: child.y + HEADER } : child);
      }
      edges.push(...content.edges.map((edge) => (edge.parent === id ? moved(edge, indent, HEADER) : edge)));
    }
  }
  if (start !== null && graph.start_at !== null) {
    edges.push({ id: `${start}->`, parent, points: along(start, graph.start_at, "start"), from: start, to: graph.start_at, kind: "next", label: "" });
  }
  graph.transitions.forEach((edge, index) => {
    edges.push({ id: `${edge.from}->${edge.to}:${edge.kind}`, parent, points: along(edge.from, edge.to, `${index}`), ...edge });
  });
  const size = dagre.graph() as { width?: number; height?: number };
  return { states, edges, width: size.width ?? 0, height: size.height ?? 0 };
}

const moved = (edge: PlacedEdge, x: number, y: number): PlacedEdge => ({ ...edge, points: edge.points.map((point) => ({ x: point.x + x, y: point.y + y })) });

/** Branches beside each other. */
function row(parts: Placed[]): Placed {
  const whole: Placed = { states: [], edges: [], width: 0, height: 0 };
  for (const part of parts) {
    const own = new Set(part.states.map((state) => state.id));
    for (const state of part.states) {
      const outer = state.parent === null || !own.has(state.parent);
      whole.states.push(outer ? { ...state, x: state.x + whole.width } : state);
    }
    const left = whole.width;
    whole.edges.push(...part.edges.map((edge) => (edge.parent === null || !own.has(edge.parent) ? moved(edge, left, 0) : edge)));
    whole.width += part.width;
    whole.height = Math.max(whole.height, part.height);
  }
  return whole;
}

/** One edge for all transitions of a kind between two states, with their labels together. */
function dedupe(edges: PlacedEdge[]): PlacedEdge[] {
  const found = new Map<string, PlacedEdge>();
  for (const edge of edges) {
    const first = found.get(edge.id);
    if (first === undefined) found.set(edge.id, { ...edge });
    else if (edge.label !== "") first.label = first.label === "" ? edge.label : `${first.label}, ${edge.label}`;
  }
  return [...found.values()];
}

// A graph of states, drawn with React Flow.

import "@xyflow/react/dist/base.css";
import { Background, BaseEdge, Controls, Handle, MarkerType, Position, ReactFlow, type Edge, type EdgeProps, type Node, type NodeProps } from "@xyflow/react";
import { useMemo } from "react";
import type { Graph, GraphState } from "../asl/graph";
import { layoutGraph, type PlacedState, type Point } from "../asl/layout";
import { useDark } from "../shell/theme";

export interface StateGraphProps {
  graph: Graph;
  selected?: string | null;
  onSelect?: (state: string) => void;
  height?: string;
  direction?: "TB" | "LR";
  /** Can it be zoomed? */
  controls?: boolean;
  label: string;
}

interface StateData extends Record<string, unknown> {
  state: GraphState;
  selected: boolean;
  direction: "TB" | "LR";
}

const WORDS: Record<string, string> = {
  RUNNING: "running",
  SUCCEEDED: "succeeded",
  CAUGHT: "failed, and the failure was caught",
  FAILED: "failed",
  ABORTED: "aborted",
  TIMED_OUT: "timed out",
  WAITING: "waits for you",
};
const SIGNS: Record<string, string> = { RUNNING: "●", SUCCEEDED: "✓", CAUGHT: "!", FAILED: "✕", ABORTED: "■", TIMED_OUT: "✕", WAITING: "?" };

function StateNode({ data }: NodeProps<Node<StateData>>) {
  const { state, selected, direction } = data;
  const [from, to] = direction === "TB" ? [Position.Top, Position.Bottom] : [Position.Left, Position.Right];
  const status = state.status ?? "none";
  return (
    <div className={`state status-${status} ${selected ? "chosen" : ""} ${state.branches.length > 0 ? "outer" : ""}`}>
      <Handle type="target" position={from} isConnectable={false} />
      <div className="state-head">
        <span className="state-sign" aria-hidden>
          {SIGNS[status] ?? ""}
        </span>
        <span className="state-words">
          <span className="state-name">{state.name}</span>
          <span className="state-type">
            {state.type}
            {state.entered > 1 ? ` · ${state.entered}×` : ""}
            {state.end ? " · end" : ""}
          </span>
        </span>
      </div>
      <Handle type="source" position={to} isConnectable={false} />
    </div>
  );
}

function StartNode() {
  return (
    <div className="start" title="Start">
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </div>
  );
}

/** A rounded line through points, and the middle of it. */
function path(points: Point[]): [string, Point] {
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined) return ["", { x: 0, y: 0 }];
  let line = `M${first.x},${first.y}`;
  for (let index = 1; index < points.length - 1; index += 1) {
    const [corner, next] = [points[index], points[index + 1]];
    if (corner === undefined || next === undefined) break;
    const end = index === points.length - 2 ? next : { x: (corner.x + next.x) / 2, y: (corner.y + next.y) / 2 };
    line += ` Q${corner.x},${corner.y} ${end.x},${end.y}`;
  }
  if (points.length === 2) line += ` L${last.x},${last.y}`;
  return [line, points[Math.floor(points.length / 2)] ?? first];
}

function RoutedEdge({ id, data, label, markerEnd }: EdgeProps<Edge<{ points: Point[] }>>) {
  const [line, middle] = path(data?.points ?? []);
  return <BaseEdge id={id} path={line} label={label} labelX={middle.x} labelY={middle.y} labelShowBg labelBgPadding={[3, 2]} {...(markerEnd === undefined ? {} : { markerEnd })} />;
}

// What React Flow says of graphs that can be changed does not hold here.
const WORDS_OF_FLOW = { "node.a11yDescription.default": "Press Enter or Space to choose it.", "node.a11yDescription.keyboardDisabled": "Press Enter or Space to choose it." };
const KINDS = { state: StateNode, start: StartNode };
const EDGES = { routed: RoutedEdge };

function nodeOf(placed: PlacedState, selected: string | null, direction: "TB" | "LR"): Node {
  const shared = {
    id: placed.id,
    position: { x: placed.x, y: placed.y },
    width: placed.width,
    height: placed.height,
    ...(placed.parent === null ? {} : { parentId: placed.parent }),
    draggable: false,
    connectable: false,
  };
  if (placed.state === null) return { ...shared, type: "start", data: {}, focusable: false, selectable: false };
  const { name, type, status } = placed.state;
  const words = status === null ? "" : `, ${WORDS[status] ?? status}`;
  return {
    ...shared,
    type: "state",
    data: { state: placed.state, selected: placed.id === selected, direction },
    ariaLabel: `${name}, ${type}${words}`,
  };
}

/** A graph; where something is to be chosen, by mouse or with Tab and Enter. */
export function StateGraph({ graph, selected = null, onSelect, height = "420px", direction = "TB", controls = true, label }: StateGraphProps) {
  const dark = useDark();
  const placed = useMemo(() => layoutGraph(graph, { direction }), [graph, direction]);
  const nodes = useMemo(() => placed.states.map((state) => nodeOf(state, selected, direction)), [placed, selected, direction]);
  const edges = useMemo<Edge[]>(
    () =>
      placed.edges.map((edge) => ({
        id: edge.id,
        source: edge.from,
        target: edge.to,
        type: "routed",
        data: { points: edge.points },
        focusable: false,
        className: `edge-${edge.kind}`,
        markerEnd: { type: MarkerType.ArrowClosed, width: 16, height: 16 },
        ...(edge.label === "" ? {} : { label: edge.label }),
      })),
    [placed],
  );
  // Another shape is fitted into the view anew; other statuses leave the view as it is.
  const shape = placed.states.map((state) => state.id).join("\n");
  return (
    <div
      className="graph"
      style={{ height }}
      role="group"
      aria-label={label}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        const node = event.target instanceof HTMLElement && event.target.classList.contains("react-flow__node") ? event.target.dataset.id : undefined;
        if (node === undefined) return;
        event.preventDefault();
        onSelect?.(node);
      }}
    >
      <ReactFlow
        key={shape}
        nodes={nodes}
        edges={edges}
        nodeTypes={KINDS}
        ariaLabelConfig={WORDS_OF_FLOW}
        edgeTypes={EDGES}
        colorMode={dark ? "dark" : "light"}
        fitView
        fitViewOptions={{ padding: 0.08, maxZoom: 1 }}
        minZoom={0.1}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        deleteKeyCode={null}
        elementsSelectable={false}
        zoomOnScroll={false}
        preventScrolling={false}
        panOnScroll={false}
        onNodeClick={(_event, node) => {
          if (node.type === "state") onSelect?.(node.id);
        }}
      >
        <Background gap={18} />
        {controls && <Controls showInteractive={false} />}
      </ReactFlow>
    </div>
  );
}

// The graph of a definition, in the form in which `GET /api/workflows/{id}/graph` answers it, for a definition that is
// still being written: it takes whatever is there and leaves out what is not yet a graph.

import type { components } from "../api/schema";

export type Graph = components["schemas"]["Graph"];
export type GraphState = components["schemas"]["GraphState"];
export type GraphTransition = components["schemas"]["GraphTransition"];

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const list = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** The graph of a definition, a branch or an item processor. */
export function graphOf(machine: unknown): Graph {
  if (!isObject(machine) || !isObject(machine.States)) return { start_at: null, states: [], transitions: [] };
  const entries = Object.entries(machine.States).filter((entry): entry is [string, Json] => isObject(entry[1]));
  const known = new Set(entries.map(([name]) => name));
  const start = text(machine.StartAt);
  return {
    start_at: start !== undefined && known.has(start) ? start : null,
    states: entries.map(([name, state]) => stateOf(name, state)),
    transitions: entries.flatMap(([name, state]) => transitionsOf(name, state)).filter(({ to }) => known.has(to)),
  };
}

function stateOf(name: string, state: Json): GraphState {
  const type = text(state.Type) ?? "?";
  const inner =
    type === "Parallel" ? list(state.Branches) : type === "Map" ? list([state.ItemProcessor ?? state.Iterator]) : [];
  return {
    name,
    type,
    status: null,
    entered: 0,
    end: state.End === true || type === "Succeed" || type === "Fail",
    branches: inner.map(graphOf),
  };
}

function transitionsOf(from: string, state: Json): GraphTransition[] {
  const found: GraphTransition[] = [];
  const add = (to: unknown, kind: string, label: string) => {
    const target = text(to);
    if (target !== undefined) found.push({ from, to: target, kind, label });
  };
  add(state.Next, "next", "");
  list(state.Choices).forEach((choice, index) => {
    add(choice.Next, "choice", `#${index + 1}`);
  });
  add(state.Default, "default", "default");
  for (const catcher of list(state.Catch)) {
    const errors = Array.isArray(catcher.ErrorEquals) ? catcher.ErrorEquals.filter((name) => typeof name === "string") : [];
    add(catcher.Next, "catch", errors.join(", "));
  }
  return found;
}

/** A graph of tasks with their dependencies, like a project's plan. */
export function taskGraph(tasks: { id: string; title: string; depends_on: string[]; status: string | null }[]): Graph {
  const known = new Set(tasks.map((task) => task.id));
  return {
    start_at: null,
    states: tasks.map((task) => ({
      name: task.id,
      type: task.title,
      status: task.status,
      entered: 0,
      end: false,
      branches: [],
    })),
    transitions: tasks.flatMap((task) =>
      task.depends_on.filter((id) => known.has(id)).map((id) => ({ from: id, to: task.id, kind: "next", label: "" })),
    ),
  };
}

/** A graph with the statuses of an execution, where they are known. */
export function withStatuses(graph: Graph, statuses: ReadonlyMap<string, { status: string; entered: number }>): Graph {
  return { ...graph, states: graph.states.map((state) => ({ ...state, ...statuses.get(state.name), branches: state.branches.map((branch) => withStatuses(branch, statuses)) })) };
}

/** The part of a graph, a branch or an item processor, that has these states; the smallest of them. */
export function partWith(graph: Graph, names: ReadonlySet<string>): Graph | null {
  for (const { branches } of graph.states) {
    for (const branch of branches) {
      const found = partWith(branch, names);
      if (found !== null) return found;
    }
  }
  const known = new Set(allStates(graph).map(({ name }) => name));
  return names.size > 0 && [...names].every((name) => known.has(name)) ? graph : null;
}

/** Every state of a graph, also those of branches. */
export function allStates(graph: Graph): GraphState[] {
  return graph.states.flatMap((state) => [state, ...state.branches.flatMap(allStates)]);
}

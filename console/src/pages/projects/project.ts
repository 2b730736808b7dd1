import type { Graph } from "../../asl/graph";
import type { Schemas } from "../../api/client";

export type Project = Schemas["Project"];
export type ProjectEvent = Schemas["Event"];

export const PROJECT_STATUSES = [
  "created", "planning", "awaiting_approval", "developing", "testing", "packaging", "completed", "paused", "failed", "cancelled",
] as const satisfies readonly Schemas["ProjectStatus"][];

/** Does nothing happen with a project until somebody asks for it? */
export const isAtRest = (status: Schemas["ProjectStatus"]): boolean =>
  ["created", "completed", "paused", "failed", "cancelled", "awaiting_approval"].includes(status);

const STAGES: { name: Schemas["Stage"]; title: string; agent: string }[] = [
  { name: "planning", title: "Plan", agent: "PM agent" },
  { name: "developing", title: "Develop", agent: "Dev agent" },
  { name: "testing", title: "Test", agent: "QA agent" },
  { name: "packaging", title: "Package", agent: "Ops agent" },
];

/** The stages of a project's run as a graph. */
export function pipeline(project: Project): Graph {
  const at = STAGES.findIndex((stage) => stage.name === project.stage);
  const status = (index: number): string | null => {
    if (project.status === "completed") return "SUCCEEDED";
    if (at === -1 || index > at) return null;
    if (index < at) return "SUCCEEDED";
    if (project.status === "failed") return "FAILED";
    if (project.status === "cancelled") return "ABORTED";
    if (["created", "paused", "awaiting_approval"].includes(project.status)) return "WAITING";
    return "RUNNING";
  };
  return {
    start_at: null,
    states: STAGES.map((stage, index) => ({
      name: stage.title,
      type: stage.agent,
      status: status(index),
      entered: 0,
      end: false,
      branches: [],
    })),
    transitions: STAGES.slice(1).map((stage, index) => ({ from: STAGES[index]?.title ?? "", to: stage.title, kind: "next", label: "" })),
  };
}

/** What became of each task of the plan, by the events of the run. */
export function taskStatuses(project: Project, events: readonly ProjectEvent[], tasks: Schemas["PlanTask"][]): Map<string, string | null> {
  const finished = new Set<string>();
  for (const event of events) {
    const id = (event.data as { task_id?: unknown } | null)?.task_id;
    if (event.run === project.run && event.kind === "task.finished" && typeof id === "string") finished.add(id);
  }
  const running = project.status === "developing";
  const ready = (task: Schemas["PlanTask"]) => task.depends_on.every((id) => finished.has(id));
  return new Map(tasks.map((task) => [task.id, finished.has(task.id) ? "SUCCEEDED" : running && ready(task) ? "RUNNING" : null]));
}

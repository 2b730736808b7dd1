import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";

const KINDS: Record<string, StatusIndicatorProps.Type> = {
  RUNNING: "in-progress",
  SUCCEEDED: "success",
  CAUGHT: "warning",
  FAILED: "error",
  TIMED_OUT: "error",
  ABORTED: "stopped",
  PAUSED: "pending",
  QUEUED: "pending",
  created: "pending",
  planning: "in-progress",
  developing: "in-progress",
  testing: "in-progress",
  packaging: "in-progress",
  completed: "success",
  failed: "error",
  cancelled: "stopped",
  paused: "warning",
  awaiting_approval: "warning",
  PENDING_REDRIVE: "pending",
  ACTIVE: "success",
  DELETING: "stopped",
};

/** A status in words, with its sign. */
export function Status({ value }: { value: string }) {
  const words = value.toLowerCase().replaceAll("_", " ");
  return <StatusIndicator type={KINDS[value] ?? "info"}>{words.charAt(0).toUpperCase() + words.slice(1)}</StatusIndicator>;
}

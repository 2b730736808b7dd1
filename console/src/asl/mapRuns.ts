// Which Map states of an execution made map runs.

import type { Folded, HistoryEvent } from "./history";

/** The map runs of a history by name, the newest first, each with its state. */
export function mapRunStates(events: readonly HistoryEvent[], folded: Folded): Map<string, string> {
  const found: [string, string][] = [];
  for (const event of events) {
    if (event.type !== "MapRunStarted") continue;
    const arn = (event.details as { mapRunArn?: unknown }).mapRunArn;
    const name = typeof arn === "string" ? arn.split(":").at(-1) : undefined;
    if (name !== undefined) found.push([name, folded.spanOf.get(event.id)?.state ?? "Map"]);
  }
  return new Map(found.reverse());
}

// An execution's events, which only ever become more.

import { useQueryClient } from "@tanstack/react-query";
import type { HistoryEvent } from "../asl/history";
import { client, data, type Schemas } from "./client";
import { useLive } from "./live";

const PAGE = 100;
/** While pages come, what is known is shown so often, in milliseconds: each time everything is folded anew. */
const SHOW_EVERY = 500;

interface Known {
  events: HistoryEvent[];
  /** Where the last page begins, and how many events stand before it: only that page is read again. */
  cursor: string | undefined;
  before: number;
  /** Was everything read that there was? */
  complete: boolean;
}

interface Query {
  limit: number;
  cursor?: string;
}

/** The events of an execution. Pages show as they come. */
export function useHistory(id: string, running: boolean) {
  return useEvents(["history", id], (query) => data(client.GET("/api/executions/{id}/history", { params: { path: { id }, query } })), running, id);
}

/** The events of an execution of a map run, which is the map run's of the execution `id`. */
export function useMapRunHistory(id: string, run: string, name: string, running: boolean) {
  const path = { id, run, name };
  return useEvents(["history", id, run, name], (query) => data(client.GET("/api/executions/{id}/map-runs/{run}/executions/{name}/history", { params: { path, query } })), running, id);
}

function useEvents(key: readonly string[], read: (query: Query) => Promise<Schemas["HistoryPage"]>, running: boolean, execution: string) {
  const queries = useQueryClient();
  return useLive<Known>(
    key,
    async () => {
      let known = queries.getQueryData<Known>(key) ?? { events: [], cursor: undefined, before: 0, complete: false };
      let shown = 0;
      for (;;) {
        const query = { limit: PAGE, ...(known.cursor === undefined ? {} : { cursor: known.cursor }) };
        const page = await read(query);
        const seen = known.before + page.items.length;
        const same = seen === known.events.length;
        const events = same ? known.events : [...known.events.slice(0, known.before), ...page.items];
        if (page.next_cursor === null || page.next_cursor === undefined) {
          return same && known.complete ? known : { ...known, events, complete: true };
        }
        known = { events, cursor: page.next_cursor, before: seen, complete: false };
        if (Date.now() - shown > SHOW_EVERY) {
          queries.setQueryData(key, known);
          shown = Date.now();
        }
      }
    },
    { active: (known) => running || !known.complete, topic: `execution/${execution}` },
  );
}

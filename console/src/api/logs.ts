// What was logged about an execution or a project: records, which only ever become more, or where they can be seen.

import { useQueryClient } from "@tanstack/react-query";
import { client, data, type Schemas } from "./client";
import { useLive } from "./live";

const PAGE = 100;
/** More are not shown at once. */
export const MOST_RECORDS = 5_000;

export type LogRecord = Schemas["LogRecord"];

export interface LogFilter {
  level: string;
  text: string;
}

interface Known {
  records: LogRecord[];
  /** What comes after the records that are known. */
  cursor: string | undefined;
  /** Where they can be seen instead. */
  url: string | null;
  /** Are there more than are shown? */
  cut: boolean;
}

/** The records of an execution or a project, the oldest first; while it runs, with those that come. */
export function useLogs(of: "executions" | "projects", id: string, filter: LogFilter, running: boolean) {
  const queries = useQueryClient();
  const key = ["logs", of, id, filter.level, filter.text];
  return useLive<Known>(
    key,
    async () => {
      const known = queries.getQueryData<Known>(key) ?? { records: [], cursor: undefined, url: null, cut: false };
      const found: LogRecord[] = [];
      let { cursor } = known;
      for (;;) {
        if (known.cut || known.records.length + found.length >= MOST_RECORDS) {
          return found.length === 0 ? { ...known, cut: true } : { ...known, records: [...known.records, ...found], cursor, cut: true };
        }
        const query = {
          order: "oldest",
          limit: PAGE,
          ...(filter.level === "" ? {} : { level: filter.level }),
          ...(filter.text === "" ? {} : { text: filter.text }),
          ...(cursor === undefined ? {} : { cursor }),
        };
        const asked = { params: { path: { id }, query } };
        const page = await data(of === "executions" ? client.GET("/api/executions/{id}/logs", asked) : client.GET("/api/projects/{id}/logs", asked));
        if (page.url !== null) return { records: [], cursor: undefined, url: page.url, cut: false };
        found.push(...page.items);
        cursor = page.follow_cursor ?? cursor;
        if (page.next_cursor === null) return found.length === 0 && known.cursor !== undefined ? known : { ...known, records: [...known.records, ...found], cursor };
      }
    },
    { active: (known) => running && known.url === null && !known.cut, soonest: 2_000 },
  );
}

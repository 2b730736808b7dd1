// What a page shows stays current through this file alone: it asks again, soon while things change, later while they
// don't. A push channel would call `queryClient.invalidateQueries` with the same keys instead.

import { useQuery, useQueryClient, type QueryKey, type UseQueryResult } from "@tanstack/react-query";
import { useRef } from "react";

const SOONEST = 1_000;
const LATEST = 15_000;

export interface LiveOptions<T> {
  /** Whether it can still change, from what is known. Without it, it always can. */
  active?: (data: T) => boolean;
  enabled?: boolean;
  /** The shortest time between two requests, in milliseconds. */
  soonest?: number;
}

/** Reads something and keeps it current. */
export function useLive<T>(key: QueryKey, read: () => Promise<T>, options: LiveOptions<T> = {}): UseQueryResult<T> {
  const pace = useRef({ wait: options.soonest ?? SOONEST, seen: "" });
  return useQuery({
    queryKey: key,
    queryFn: read,
    enabled: options.enabled ?? true,
    refetchInterval: (query) => {
      const { data, error, dataUpdatedAt, errorUpdateCount } = query.state;
      const soonest = options.soonest ?? SOONEST;
      if (error === null && data !== undefined && options.active?.(data) === false) return false;
      // Structural sharing keeps the object while nothing changes.
      const seen = error === null ? identity(data) : `error ${errorUpdateCount}`;
      const now = `${seen} ${error === null ? dataUpdatedAt : errorUpdateCount}`;
      if (now !== pace.current.seen) {
        const changed = pace.current.seen.split(" ")[0] !== String(seen).split(" ")[0];
        pace.current.wait = changed ? soonest : Math.min(LATEST, pace.current.wait * 1.4);
        pace.current.seen = now;
      }
      return pace.current.wait;
    },
  });
}

const ids = new WeakMap<object, number>();
let next = 0;
function identity(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  let id = ids.get(value);
  if (id === undefined) {
    id = next += 1;
    ids.set(value, id);
  }
  return `${id}`;
}

/** Has everything whose key begins so read again at once. */
export function useRefresh(): (...key: unknown[]) => Promise<void> {
  const queries = useQueryClient();
  return (...key) => queries.invalidateQueries({ queryKey: key });
}

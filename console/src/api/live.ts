// What a page shows stays current through this file alone. Where the server says what changes (socket.ts), it is read again when
// it has, and seldom otherwise. Where it does not, it is asked again while the page is seen, soon while things change, later
// while they don't.

import { keepPreviousData, useQuery, useQueryClient, type QueryKey, type UseQueryResult } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useSyncExternalStore } from "react";
import { isRefused, subscribe, validKey } from "./session";
import { LiveSocket } from "./socket";

const SOONEST = 1_000;
const LATEST = 15_000;
/** While the server says what changes: for what a broken connection may have kept from us. */
const UNASKED = 60_000;

/** How often pages ask for what the server does not tell of, in milliseconds: at first, and while nothing changes. */
export const PACES = {
  /** What moves by itself: queues, what a limit holds back, deliveries. */
  moving: { soonest: 2_000, latest: 15_000 },
  /** What people change, seldom: workflows, keys, rules, subscriptions. */
  seldom: { soonest: 10_000, latest: 60_000 },
} as const;
/** The server tells what becomes of functions, but not how often they are called; in milliseconds. */
export const CALLS_EVERY = 15_000;

const socket = new LiveSocket(
  () => new WebSocket(`${location.origin.replace(/^http/, "ws")}/live`),
  validKey,
);
if (typeof window !== "undefined") {
  subscribe(() => {
    socket.again();
  });
  addEventListener("online", () => {
    socket.again();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") socket.look();
  });
}

/** Calls `changed` when a topic has changed. Says whether the server tells of it now. */
function useTopic(topic: string | undefined, changed: () => void): boolean {
  const latest = useRef(changed);
  useEffect(() => {
    latest.current = changed;
  });
  const watch = useCallback(
    (moved: () => void) => {
      if (topic === undefined) return () => undefined;
      return socket.watch(topic, { changed: () => { latest.current(); }, moved });
    },
    [topic],
  );
  return useSyncExternalStore(watch, () => topic !== undefined && socket.isLive(topic));
}

/** Runs `work` once more for all the calls that come while it runs. */
export function oneAtATime(work: () => Promise<unknown>): () => void {
  let state: "idle" | "busy" | "again" = "idle";
  const run = async () => {
    do {
      state = "busy";
      await work().catch(() => undefined);
    } while ((state as string) === "again");
    state = "idle";
  };
  return () => {
    if (state === "idle") void run();
    else state = "again";
  };
}

export interface LiveOptions<T> {
  /** Whether it can still change, from what is known. Without it, it always can. */
  active?: (data: T) => boolean;
  enabled?: boolean;
  /** The shortest time between two requests, in milliseconds. */
  soonest?: number;
  /** Shows what it was under the key before, until it is read under another: for another version of the same thing. */
  keep?: boolean;
  /** The longest time between two requests while the server does not say what changes. */
  latest?: number;
  /** Under which name the server says that it has changed. */
  topic?: string;
  /** The longest time between two requests while the server does say it, for parts of which it says nothing. */
  unasked?: number;
}

/** Reads something and keeps it current. */
export function useLive<T>(key: QueryKey, read: () => Promise<T>, options: LiveOptions<T> = {}): UseQueryResult<T> {
  const pace = useRef({ wait: options.soonest ?? SOONEST, seen: "" });
  const enabled = options.enabled ?? true;
  const again = useRef<() => void>(() => undefined);
  const isTold = useTopic(options.topic, () => {
    again.current();
  });
  const query = useQuery({
    queryKey: key,
    queryFn: read,
    enabled,
    ...(options.keep === true ? { placeholderData: keepPreviousData as never } : {}),
    // A page that nobody sees asks for nothing; it asks at once when it is seen again.
    refetchIntervalInBackground: false,
    refetchOnWindowFocus: true,
    refetchInterval: (query) => {
      // Whoever signs in has everything read again.
      if (isRefused()) return false;
      const { data, error, dataUpdatedAt, errorUpdateCount } = query.state;
      const soonest = options.soonest ?? SOONEST;
      if (error === null && data !== undefined && options.active?.(data) === false) return false;
      if (isTold && error === null) {
        pace.current.wait = soonest;
        return options.unasked ?? UNASKED;
      }
      // Structural sharing keeps the object while nothing changes.
      const seen = error === null ? identity(data) : `error ${errorUpdateCount}`;
      const now = `${seen} ${error === null ? dataUpdatedAt : errorUpdateCount}`;
      if (now !== pace.current.seen) {
        const changed = pace.current.seen.split(" ")[0] !== String(seen).split(" ")[0];
        pace.current.wait = changed ? soonest : Math.min(options.latest ?? LATEST, pace.current.wait * 1.4);
        pace.current.seen = now;
      }
      return pace.current.wait;
    },
  });
  const { refetch } = query;
  useEffect(() => {
    // What is being read may be from before the change.
    again.current = enabled ? oneAtATime(() => refetch({ cancelRefetch: true })) : () => undefined;
  }, [enabled, refetch]);
  return query;
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

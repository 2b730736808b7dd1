// Listings come in pages behind opaque cursors.

import { useState } from "react";
import { useLive, type LiveOptions } from "./live";

interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

const MOST_PAGES = 50;

/** All items of a listing, page after page. */
export async function everything<T>(read: (cursor: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await read(cursor);
    items.push(...answer.items);
    if (answer.next_cursor === null || answer.next_cursor === undefined) break;
    cursor = answer.next_cursor;
  }
  return items;
}

export interface Paged<T> {
  items: T[];
  isLoading: boolean;
  error: unknown;
  /** From 1. */
  page: number;
  hasNext: boolean;
  next: () => void;
  previous: () => void;
}

/** One page of a listing, kept current (`options` as in `useLive`), with the way to the others. Give the component a `key` to begin anew. */
export function usePages<T>(
  key: readonly unknown[],
  read: (cursor: string | undefined) => Promise<Page<T>>,
  options: Pick<LiveOptions<Page<T>>, "topic" | "soonest" | "latest" | "unasked" | "active" | "enabled"> = {},
): Paged<T> {
  const filter = JSON.stringify(key);
  const [place, setPlace] = useState<{ filter: string; cursors: string[] }>({ filter, cursors: [] });
  // Another filter begins at the first page.
  const cursors = place.filter === filter ? place.cursors : [];
  const cursor = cursors.at(-1);
  const query = useLive([...key, cursor], () => read(cursor), {
    soonest: 2_000,
    ...options,
  });
  const after = query.data?.next_cursor ?? null;
  return {
    items: query.data?.items ?? [],
    isLoading: query.isLoading,
    error: query.error,
    page: cursors.length + 1,
    hasNext: after !== null,
    next: () => {
      if (after !== null) setPlace({ filter, cursors: [...cursors, after] });
    },
    previous: () => {
      setPlace({ filter, cursors: cursors.slice(0, -1) });
    },
  };
}

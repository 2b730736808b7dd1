// The rows of a long listing that is read as it is scrolled. Only what is seen is read again when something has changed.

import { useEffect, useRef, useState } from "react";

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

interface Known<T> {
  cursor: string | undefined;
  items: T[];
  /** How everything stood when it was read. */
  stamp: string;
}

/** The pages that were read, in order. */
export interface Loaded<T> {
  pages: readonly Known<T>[];
  /** Where the next one begins; null behind the last. */
  next: string | null | undefined;
}

export const NOTHING: Loaded<never> = { pages: [], next: undefined };
/** So many rows before the end of what is known the next page is read. */
const AHEAD = 40;
/** The shortest time between two times that the same is read, in milliseconds. */
const PAUSE = 1_000;

/** All rows, each once: pages that were read at different times may overlap. */
export function rowsOf<T>(loaded: Loaded<T>, name: (row: T) => string): T[] {
  const rows = new Map<string, T>();
  for (const { items } of loaded.pages) {
    for (const item of items) {
      const known = name(item);
      if (!rows.has(known)) rows.set(known, item);
    }
  }
  return [...rows.values()];
}

/** Which page to read: one that is seen and was read before something changed, or the next. */
export function wanted<T>(loaded: Loaded<T>, seen: { first: number; last: number }, stamp: string): { page: number; isAgain: boolean } | null {
  let from = 0;
  for (const [page, { items, stamp: known }] of loaded.pages.entries()) {
    const until = from + items.length;
    // The first page has what is new.
    const isSeen = (page === 0 && seen.first === 0) || (from <= seen.last && until > seen.first);
    if (isSeen && known !== stamp) return { page, isAgain: true };
    from = until;
  }
  const isNeeded = loaded.pages.length === 0 || (loaded.next !== null && seen.last + AHEAD >= from);
  return isNeeded ? { page: loaded.pages.length, isAgain: false } : null;
}

/** What is known once a page was read. The end is where the last page says that it is. */
export function withPage<T>(loaded: Loaded<T>, page: number, read: Page<T>, stamp: string): Loaded<T> {
  const cursor = page === loaded.pages.length ? (loaded.next ?? undefined) : loaded.pages[page]?.cursor;
  const pages = [...loaded.pages];
  pages[page] = { cursor, items: read.items, stamp };
  const next = read.next_cursor ?? null;
  // A page that is no longer followed by another is the last.
  if (next === null) return { pages: pages.slice(0, page + 1), next };
  return { pages, next: page === pages.length - 1 ? next : loaded.next };
}

/** Reads rows as they are seen. `stamp` changes whenever the rows may have. Give the component a `key` to begin anew. */
export function useRows<T>(read: (cursor: string | undefined) => Promise<Page<T>>, stamp: string) {
  const [loaded, setLoaded] = useState<Loaded<T>>(NOTHING);
  const [seen, setSeen] = useState({ first: 0, last: 0 });
  const [error, setError] = useState<unknown>(null);
  const [turn, setTurn] = useState(0);
  const busy = useRef(false);
  const gone = useRef(false);
  const reader = useRef(read);
  useEffect(() => {
    reader.current = read;
  }, [read]);
  useEffect(() => {
    gone.current = false;
    return () => {
      gone.current = true;
    };
  }, []);
  useEffect(() => {
    const next = wanted(loaded, seen, stamp);
    if (busy.current || error !== null || next === null) return;
    busy.current = true;
    const cursor = next.isAgain ? loaded.pages[next.page]?.cursor : (loaded.next ?? undefined);
    const work = async () => {
      if (next.isAgain) await new Promise((done) => setTimeout(done, PAUSE));
      try {
        const page = gone.current ? null : await reader.current(cursor);
        if (page !== null && !gone.current) setLoaded((before) => withPage(before, next.page, page, stamp));
      } catch (problem) {
        setError(problem);
      } finally {
        busy.current = false;
        setTurn((before) => before + 1);
      }
    };
    void work();
  }, [loaded, seen, stamp, error, turn]);
  const again = () => {
    setError(null);
  };
  const see = (first: number, last: number) => {
    if (first !== seen.first || last !== seen.last) setSeen({ first, last });
  };
  return { loaded, isLoading: loaded.pages.length === 0 && error === null, isComplete: loaded.next === null, error, again, see };
}

import { useEffect, useRef } from "react";

/** The row that a key leads to in a list, from `place` (-1: none is chosen); null when the key does not move. */
function moved(event: React.KeyboardEvent, place: number, count: number): number | null {
  const steps: Record<string, number> = { ArrowDown: place + 1, ArrowUp: place - 1, PageDown: place + 10, PageUp: place - 10, Home: 0, End: count - 1 };
  const target = steps[event.key];
  if (target === undefined || count === 0) return null;
  event.preventDefault();
  return Math.min(count - 1, Math.max(0, target));
}

/**
 * Handles the keys of a list of `count` rows in which the row at `place` is chosen (-1: none).
 * A choice may be drawn only after the next key has come, so keys go on from the row that the last one led to.
 */
export function useListKeys(place: number, count: number, choose: (next: number) => void): (event: React.KeyboardEvent) => void {
  const current = useRef(place);
  useEffect(() => {
    current.current = place;
  }, [place]);
  return (event) => {
    const next = moved(event, current.current, count);
    if (next === null) return;
    current.current = next;
    choose(next);
  };
}

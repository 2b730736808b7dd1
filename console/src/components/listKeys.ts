/** The row that a key leads to in a list, from `place` (-1: none is chosen); null when the key does not move. */
export function moved(event: React.KeyboardEvent, place: number, count: number): number | null {
  const steps: Record<string, number> = { ArrowDown: place + 1, ArrowUp: place - 1, PageDown: place + 10, PageUp: place - 10, Home: 0, End: count - 1 };
  const target = steps[event.key];
  if (target === undefined || count === 0) return null;
  event.preventDefault();
  return Math.min(count - 1, Math.max(0, target));
}

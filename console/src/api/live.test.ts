import { expect, it, vi } from "vitest";
import { oneAtATime } from "./live";

it("reads once more for all that changes while it reads", async () => {
  const ends: (() => void)[] = [];
  const work = vi.fn(() => new Promise<void>((done, failed) => ends.push(ends.length === 0 ? failed : done)));
  const changed = oneAtATime(work);
  changed();
  changed();
  changed();
  expect(work).toHaveBeenCalledTimes(1);
  // Also where the first reading fails.
  ends[0]?.();
  await vi.waitFor(() => { expect(work).toHaveBeenCalledTimes(2); });
  ends[1]?.();
  await Promise.resolve();
  await Promise.resolve();
  expect(work).toHaveBeenCalledTimes(2);
  await vi.waitFor(() => {
    changed();
    expect(work).toHaveBeenCalledTimes(3);
  });
});

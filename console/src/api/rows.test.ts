import { describe, expect, it } from "vitest";
import { NOTHING, rowsOf, wanted, withPage, type Loaded } from "./rows";

const page = (from: number, count: number, next: string | null) => ({ items: Array.from({ length: count }, (_, at) => `row ${from + at}`), next_cursor: next });
const same = (row: string) => row;
/** Three pages of 100 of a longer listing. */
const three = (): Loaded<string> => {
  let loaded: Loaded<string> = NOTHING;
  loaded = withPage(loaded, 0, page(0, 100, "1"), "a");
  loaded = withPage(loaded, 1, page(100, 100, "2"), "a");
  return withPage(loaded, 2, page(200, 100, "3"), "a");
};

describe("rows of a long listing", () => {
  it("are read as far as they are seen, and a little ahead", () => {
    expect(wanted(NOTHING, { first: 0, last: 0 }, "a")).toEqual({ page: 0, isAgain: false });
    expect(wanted(three(), { first: 210, last: 230 }, "a")).toBeNull();
    expect(wanted(three(), { first: 250, last: 270 }, "a")).toEqual({ page: 3, isAgain: false });
    const whole = withPage(three(), 3, page(300, 20, null), "a");
    expect(wanted(whole, { first: 300, last: 319 }, "a")).toBeNull();
  });

  it("are read again where they are seen when something has changed", () => {
    expect(wanted(three(), { first: 110, last: 130 }, "b")).toEqual({ page: 1, isAgain: true });
    const again = withPage(three(), 1, page(100, 100, "2"), "b");
    expect(again.next).toBe("3");
    expect(wanted(again, { first: 110, last: 130 }, "b")).toBeNull();
    expect(wanted(again, { first: 0, last: 20 }, "b")).toEqual({ page: 0, isAgain: true });
  });

  it("are there once each, also when pages overlap, and end where the server says", () => {
    // Ten rows have come before all others since.
    const moved = withPage(three(), 0, page(-10, 100, "1"), "b");
    expect(rowsOf(moved, same)).toHaveLength(300);
    const overlapping = withPage(moved, 1, page(85, 100, "2"), "b");
    expect(new Set(rowsOf(overlapping, same)).size).toBe(rowsOf(overlapping, same).length);
    const shorter = withPage(three(), 1, page(100, 50, null), "b");
    expect(rowsOf(shorter, same)).toHaveLength(150);
    expect(shorter.next).toBeNull();
  });

  it("of an empty listing are none", () => {
    const none = withPage(NOTHING, 0, { items: [] as string[], next_cursor: null }, "a");
    expect(rowsOf(none, same)).toEqual([]);
    expect(wanted(none, { first: 0, last: 0 }, "a")).toBeNull();
    // More have come since.
    expect(wanted(none, { first: 0, last: 0 }, "b")).toEqual({ page: 0, isAgain: true });
  });
});

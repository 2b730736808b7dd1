import { describe, expect, it } from "vitest";
import { ChunkError, loadChunk, type Surroundings } from "./chunks";

/** A part that comes at the `n`th try, and a page around it. */
function made(comesAt: number, served: (string | null)[], remembered: string | null = null) {
  const seen = { tries: 0, waited: [] as number[], remembered };
  const around: Surroundings = {
    wait: (millis) => {
      seen.waited.push(millis);
      return Promise.resolve();
    },
    own: () => "index-a.js",
    served: () => Promise.resolve((served.length > 1 ? served.shift() : served[0]) ?? null),
    remembered: () => seen.remembered,
    remember: (entry) => {
      seen.remembered = entry;
    },
  };
  const load = () => {
    seen.tries += 1;
    return seen.tries < comesAt ? Promise.reject(new TypeError("Failed to fetch")) : Promise.resolve("part");
  };
  return { seen, around, load };
}
const failure = (loading: Promise<unknown>) => loading.then(() => "loaded", (error: unknown) => (error as ChunkError).reason);

describe("a part of the console", () => {
  it("is loaded at once where it is there", async () => {
    const { seen, around, load } = made(1, [null]);
    expect(await loadChunk(load, around)).toBe("part");
    expect(seen).toMatchObject({ tries: 1, waited: [] });
  });

  it("is asked for again, each time later, while the server is away", async () => {
    const { seen, around, load } = made(4, [null]);
    expect(await loadChunk(load, around)).toBe("part");
    expect(seen.waited).toHaveLength(3);
    expect([...seen.waited].sort((left, right) => left - right)).toEqual(seen.waited);
  });

  it("is given up after four tries", async () => {
    const { seen, around, load } = made(99, [null]);
    expect(await failure(loadChunk(load, around))).toBe("away");
    expect(seen.tries).toBe(4);
    const there = made(99, ["index-a.js"]);
    expect(await failure(loadChunk(there.load, there.around))).toBe("gone");
  });

  it("has the page loaded anew after another deployment, once", async () => {
    const { seen, around, load } = made(99, ["index-b.js"]);
    expect(await failure(loadChunk(load, around))).toBe("deployed");
    expect(seen).toMatchObject({ tries: 1, remembered: "index-b.js" });
    // The page that came is still the old one.
    expect(await failure(loadChunk(load, around))).toBe("gone");
    const next = made(99, ["index-c.js"], "index-b.js");
    expect(await failure(loadChunk(next.load, next.around))).toBe("deployed");
  });
});

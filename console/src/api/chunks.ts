// Parts of the console that are loaded when they are first shown. A part whose server is away for a moment is asked for again.
// A part that is gone since the console was deployed anew has the page loaded anew, once for each deployment.

/** Pauses between the tries, in milliseconds. */
const PAUSES = [300, 900, 2_700];
const KEY = "millrace.deployment";

/** What of the browser is used. */
export interface Surroundings {
  wait: (millis: number) => Promise<void>;
  /** The entry script of this page. */
  own: () => string | null;
  /** The entry script of the page as the server has it now; null where it can't be asked. */
  served: () => Promise<string | null>;
  /** The deployment for which the page was loaded anew last. */
  remembered: () => string | null;
  remember: (entry: string) => void;
}

const entryOf = (page: Document): string | null => page.querySelector('script[type="module"][src]')?.getAttribute("src") ?? null;

const browser: Surroundings = {
  wait: (millis) => new Promise((done) => setTimeout(done, millis)),
  own: () => entryOf(document),
  served: async () => {
    try {
      const answer = await fetch("/", { cache: "no-store", headers: { accept: "text/html" } });
      return answer.ok ? entryOf(new DOMParser().parseFromString(await answer.text(), "text/html")) : null;
    } catch {
      return null;
    }
  },
  remembered: () => sessionStorage.getItem(KEY),
  remember: (entry) => {
    sessionStorage.setItem(KEY, entry);
  },
};

/** A part that can't be loaded. */
export class ChunkError extends Error {
  /** `deployed`: the page is to be loaded anew, since the server has another console. */
  constructor(readonly reason: "deployed" | "gone" | "away") {
    super(reason);
    this.name = "ChunkError";
  }
}

/** Loads a part. Fails with a `ChunkError` after some tries. */
export async function loadChunk<T>(load: () => Promise<T>, around: Surroundings = browser): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await load();
    } catch {
      const served = await around.served();
      // A page that was loaded for this deployment and is still another came from a cache: loading it anew would not help.
      if (served !== null && served !== around.own() && served !== around.remembered()) {
        around.remember(served);
        throw new ChunkError("deployed");
      }
      const pause = PAUSES[tries];
      if (pause === undefined) throw new ChunkError(served === null ? "away" : "gone");
      await around.wait(pause * (0.75 + Math.random() / 2));
    }
  }
}

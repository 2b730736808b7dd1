// What changed between two packages of a project: each holds all files of its run.

import { strFromU8, unzip } from "fflate";
import { sameOrigin } from "../../api/files";

export interface Change {
  path: string;
  kind: "added" | "removed" | "changed";
  /** Null where the file is missing or no text. */
  before: string | null;
  after: string | null;
}

type Files = Map<string, Uint8Array>;

/** Reads a package. */
export async function readPackage(link: string): Promise<Files> {
  const response = await fetch(sameOrigin(link), { credentials: "omit" });
  if (!response.ok) throw new Error(`The package can't be read (HTTP ${response.status}). Reload the page for a fresh link.`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const entries = await new Promise<Record<string, Uint8Array>>((done, failed) => {
    unzip(bytes, (error, found) => {
      if (error === null) done(found);
      else failed(new Error(`The package can't be unpacked: ${error.message}`));
    });
  });
  return new Map(Object.entries(entries).filter(([path]) => !path.endsWith("/")));
}

const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, index) => byte === b[index]);

function text(bytes: Uint8Array | undefined): string | null {
  if (bytes === undefined || bytes.subarray(0, 8_000).includes(0)) return null;
  return strFromU8(bytes);
}

/** What differs, by path. */
export function changes(before: Files, after: Files): Change[] {
  const found: Change[] = [];
  for (const path of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const [old, now] = [before.get(path), after.get(path)];
    if (old !== undefined && now !== undefined && same(old, now)) continue;
    found.push({ path, kind: old === undefined ? "added" : now === undefined ? "removed" : "changed", before: text(old), after: text(now) });
  }
  return found;
}

const LANGUAGES: Record<string, string> = {
  py: "python", js: "javascript", mjs: "javascript", ts: "typescript", rs: "rust", html: "html", css: "css", md: "markdown", json: "json",
  yaml: "yaml", yml: "yaml",
};

/** The language of a path's ending. */
export const languageOf = (path: string): string => LANGUAGES[path.slice(path.lastIndexOf(".") + 1)] ?? "text";

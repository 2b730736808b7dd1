import { expect, it } from "vitest";
import { fileTree } from "./fileTree";
import { changes } from "./packages";

it("puts files into folders, folders first", () => {
  const names = (items: ReturnType<typeof fileTree>): unknown[] => items.map((item) => (item.children.length > 0 ? [item.name, names(item.children)] : item.name));
  expect(names(fileTree([{ path: "z" }, { path: "src/b/c.py" }, { path: "src/a.py" }, { path: "a" }]))).toEqual([["src", [["b", ["c.py"]], "a.py"]], "a", "z"]);
});

it("tells what two packages differ in", () => {
  const files = (entries: Record<string, string>) => new Map(Object.entries(entries).map(([path, text]) => [path, new TextEncoder().encode(text)]));
  const before = files({ same: "1", changed: "old", removed: "x" });
  const after = files({ same: "1", changed: "new", added: "\0binary" });
  expect(changes(before, after)).toEqual([
    { path: "added", kind: "added", before: null, after: null },
    { path: "changed", kind: "changed", before: "old", after: "new" },
    { path: "removed", kind: "removed", before: "x", after: null },
  ]);
});

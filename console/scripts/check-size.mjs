// Fails when the JavaScript that a page needs before it shows anything is over the budget, gzipped.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET = 350 * 1024;
const FIRST_PAGE = "src/pages/projects/ProjectsPage.tsx";
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));

/** All chunks that a chunk imports at once, and itself. */
function closure(key, found = new Set()) {
  if (found.has(key)) return found;
  found.add(key);
  for (const next of manifest[key].imports ?? []) closure(next, found);
  return found;
}

const files = (keys) => [...keys].map((key) => manifest[key].file).filter((file) => file.endsWith(".js"));
const size = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length;
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;

const shell = closure("index.html");
const pages = Object.keys(manifest).filter((key) => manifest[key].isDynamicEntry && key.startsWith("src/pages/"));
for (const page of pages.sort()) {
  const all = files(new Set([...shell, ...closure(page)]));
  console.log(`${kib(all.reduce((sum, file) => sum + size(file), 0)).padStart(11)}  ${page}`);
}
const first = files(new Set([...shell, ...closure(FIRST_PAGE)])).reduce((sum, file) => sum + size(file), 0);
console.log(`first load: ${kib(first)} of ${kib(BUDGET)} gzipped JavaScript`);
if (first > BUDGET) process.exit(1);

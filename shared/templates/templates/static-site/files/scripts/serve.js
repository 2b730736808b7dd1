#!/usr/bin/env node
/** Serves the folder site on this machine: node scripts/serve.js [port] */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../site', import.meta.url));

const types = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};

/** The file for a path of a URL, or undefined when it leads out of the folder. */
function fileFor(path) {
  try {
    const file = resolve(
      root,
      `.${decodeURIComponent(path.endsWith('/') ? `${path}index.html` : path)}`,
    );
    return file.startsWith(root + sep) ? file : undefined;
  } catch {
    return undefined;
  }
}

async function read(path) {
  const file = fileFor(path);
  if (file) {
    try {
      return { status: 200, file, content: await readFile(file) };
    } catch {
      // Falls through to the page for addresses that do not exist.
    }
  }
  const missing = resolve(root, '404.html');
  return { status: 404, file: missing, content: await readFile(missing) };
}

const server = createServer(async (request, response) => {
  const { status, file, content } = await read((request.url ?? '/').split('?')[0]);
  const type = types[extname(file)] ?? 'application/octet-stream';
  response.writeHead(status, { 'content-type': type }).end(content);
});

server.listen(Number(process.argv[2] ?? 8000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/ (Ctrl+C ends it)`);
});

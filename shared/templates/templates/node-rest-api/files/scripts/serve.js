#!/usr/bin/env node
/** Serves the API on this machine, with records in memory: node scripts/serve.js [port] */

import { createServer } from 'node:http';

import { entities } from '../src/entities/index.js';
import { Service } from '../src/service.js';
import { MemoryRepository } from '../src/storage/memory.js';

const service = new Service(new MemoryRepository(), entities);

const server = createServer(async (incoming, outgoing) => {
  try {
    const url = new URL(incoming.url ?? '/', 'http://127.0.0.1');
    const chunks = [];
    for await (const chunk of incoming) {
      chunks.push(chunk);
    }
    const response = await service.handle({
      method: incoming.method ?? 'GET',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      body: Buffer.concat(chunks).toString('utf8'),
    });
    outgoing.writeHead(response.status, response.headers).end(response.body);
  } catch (error) {
    console.error(error);
    outgoing.writeHead(500).end();
  }
});

server.listen(Number(process.argv[2] ?? 8000), '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : '';
  console.log(`http://127.0.0.1:${port}/ (Ctrl+C ends it)`);
});

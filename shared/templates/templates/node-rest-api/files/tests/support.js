/** A service over memory, with a clock and ids that tests can foresee. */

import { entities } from '../src/entities/index.js';
import { Service } from '../src/service.js';
import { MemoryRepository } from '../src/storage/memory.js';

/** A service of its own, and `send` to call it; bodies are sent and returned as values. */
export function makeClient() {
  let ids = 0;
  let seconds = 0;
  const service = new Service(new MemoryRepository(), entities, {
    now: () => new Date(Date.UTC(2024, 4, 1, 12, 0, seconds++)).toISOString(),
    newId: () => (++ids).toString(16).padStart(32, '0'),
  });

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @param {Record<string, string | undefined>} [query]
   */
  async function send(method, path, body, query = {}) {
    const text = body === undefined ? '' : JSON.stringify(body);
    const response = await service.handle({ method, path, query, body: text });
    return { ...response, body: response.body === '' ? undefined : JSON.parse(response.body) };
  }

  return { service, send };
}

/** The members that a 422 complains about. @param {{ body: any }} response */
export function pointers(response) {
  return response.body.errors.map((/** @type {{ pointer: string }} */ error) => error.pointer);
}

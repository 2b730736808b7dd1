/** Records in memory, for tests and for the local server. */

import { ConflictError } from './repository.js';

/** @implements {Repository} @typedef {import('./repository.js').Repository} Repository */
export class MemoryRepository {
  /** @type {Map<string, Map<string, import('./repository.js').Entry>>} */
  #collections = new Map();

  /** @param {string} name */
  #collection(name) {
    let records = this.#collections.get(name);
    if (!records) {
      records = new Map();
      this.#collections.set(name, records);
    }
    return records;
  }

  /** @type {Repository['get']} */
  async get(collection, id) {
    return structuredClone(this.#collection(collection).get(id));
  }

  /** @type {Repository['list']} */
  async list(collection, limit, after = '') {
    const records = this.#collection(collection);
    const ids = [...records.keys()].filter((id) => id > after).sort();
    const chosen = ids.slice(0, limit);
    return {
      records: chosen.map((id) => structuredClone(/** @type {any} */ (records.get(id)))),
      after: ids.length > chosen.length ? chosen.at(-1) : undefined,
    };
  }

  /** @type {Repository['add']} */
  async add(collection, record) {
    const records = this.#collection(collection);
    if (records.has(record.id)) {
      throw new ConflictError(record.id);
    }
    records.set(record.id, structuredClone(record));
  }

  /** @type {Repository['replace']} */
  async replace(collection, record, expectedVersion) {
    const records = this.#collection(collection);
    if (records.get(record.id)?.version !== expectedVersion) {
      throw new ConflictError(record.id);
    }
    records.set(record.id, structuredClone(record));
  }

  /** @type {Repository['remove']} */
  async remove(collection, id) {
    return this.#collection(collection).delete(id);
  }
}

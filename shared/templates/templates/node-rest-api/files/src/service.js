/** Routes and use cases: what each request does to the records. */

import { randomBytes } from 'node:crypto';

import { readFields } from './fields.js';
import { HttpError, json, noContent, readJson } from './http.js';
import { ConflictError } from './storage/repository.js';

/**
 * @typedef {import('./fields.js').Entity} Entity
 * @typedef {import('./http.js').Request} Request
 * @typedef {import('./http.js').Response} Response
 * @typedef {import('./storage/repository.js').Entry} Entry
 */

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

/** A new id: 12 hexadecimal digits of time, so that ids sort by creation, and 20 random ones. */
export function newId() {
  return Date.now().toString(16).padStart(12, '0') + randomBytes(10).toString('hex');
}

/** Answers requests from a repository. */
export class Service {
  #repository;
  #entities;
  #now;
  #newId;

  /**
   * @param {import('./storage/repository.js').Repository} repository
   * @param {Entity[]} entities
   * @param {{ now?: () => string, newId?: () => string }} [sources] clock and ids
   */
  constructor(repository, entities, sources = {}) {
    this.#repository = repository;
    this.#entities = new Map(entities.map((entity) => [entity.collection, entity]));
    this.#now = sources.now ?? (() => new Date().toISOString());
    this.#newId = sources.newId ?? newId;
  }

  /**
   * The response to a request; errors that the caller may read become problem+json.
   *
   * @param {Request} request
   * @returns {Promise<Response>}
   */
  async handle(request) {
    try {
      return await this.#route(request);
    } catch (error) {
      if (error instanceof HttpError) {
        return error.toResponse();
      }
      if (error instanceof ConflictError) {
        const detail = 'The record was changed at the same time; read it and try again.';
        return new HttpError(409, detail).toResponse();
      }
      throw error;
    }
  }

  /** @param {Request} request */
  #route(request) {
    const handlers = this.#handlers(request);
    if (!handlers) {
      throw new HttpError(404, 'There is nothing at this path.');
    }
    const handler = handlers.get(request.method);
    if (!handler) {
      const allow = [...handlers.keys()].join(', ');
      throw new HttpError(405, `This path takes ${allow}.`, { headers: { allow } });
    }
    return handler();
  }

  /**
   * What each method does at the path, if there is something.
   *
   * @param {Request} request
   * @returns {Map<string, () => Response | Promise<Response>> | undefined}
   */
  #handlers(request) {
    const [collection = '', id, ...rest] = request.path.replace(/^\/+|\/+$/g, '').split('/');
    if (collection === 'health' && id === undefined) {
      return new Map([['GET', () => json(200, { status: 'ok' })]]);
    }
    const entity = this.#entities.get(collection);
    if (!entity || rest.length > 0) {
      return undefined;
    }
    if (id === undefined) {
      return new Map([
        ['GET', () => this.#list(entity, request)],
        ['POST', () => this.#create(entity, request)],
      ]);
    }
    return new Map([
      ['GET', async () => json(200, await this.#find(entity, id))],
      ['PUT', () => this.#replace(entity, id, request)],
      ['PATCH', () => this.#change(entity, id, request)],
      ['DELETE', () => this.#remove(entity, id)],
    ]);
  }

  /** @param {Entity} entity @param {Request} request */
  async #list(entity, { query }) {
    const page = await this.#repository.list(
      entity.collection,
      readLimit(query.limit),
      readCursor(query.cursor),
    );
    const next = page.after === undefined ? null : Buffer.from(page.after).toString('base64url');
    return json(200, { items: page.records, next_cursor: next });
  }

  /** @param {Entity} entity @param {Request} request */
  async #create(entity, request) {
    const values = readFields(entity, readJson(request));
    const now = this.#now();
    const record = { id: this.#newId(), version: 1, created_at: now, updated_at: now, ...values };
    await this.#repository.add(entity.collection, record);
    return json(201, record, { location: `/${entity.collection}/${record.id}` });
  }

  /** @param {Entity} entity @param {string} id @param {Request} request */
  async #replace(entity, id, request) {
    const stored = await this.#find(entity, id);
    return this.#store(entity, stored, readFields(entity, readJson(request)));
  }

  /**
   * JSON merge patch: members that are sent replace the stored ones, null removes.
   *
   * @param {Entity} entity @param {string} id @param {Request} request
   */
  async #change(entity, id, request) {
    const stored = await this.#find(entity, id);
    const patch = readJson(request);
    if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) {
      throw new HttpError(400, 'A change must be a JSON object.');
    }
    const { id: _id, version, created_at, updated_at, ...fields } = stored;
    return this.#store(entity, stored, readFields(entity, { ...fields, ...patch }));
  }

  /** @param {Entity} entity @param {Entry} stored @param {Record<string, any>} values */
  async #store(entity, stored, values) {
    const record = {
      id: stored.id,
      version: stored.version + 1,
      created_at: stored.created_at,
      updated_at: this.#now(),
      ...values,
    };
    await this.#repository.replace(entity.collection, record, stored.version);
    return json(200, record);
  }

  /** @param {Entity} entity @param {string} id */
  async #remove(entity, id) {
    if (!(await this.#repository.remove(entity.collection, id))) {
      throw notFound(entity);
    }
    return noContent();
  }

  /** @param {Entity} entity @param {string} id */
  async #find(entity, id) {
    const record = await this.#repository.get(entity.collection, id);
    if (!record) {
      throw notFound(entity);
    }
    return record;
  }
}

/** @param {Entity} entity */
function notFound(entity) {
  return new HttpError(404, `There is no ${entity.name.replaceAll('_', ' ')} with this id.`);
}

/** @param {string | undefined} text */
function readLimit(text) {
  if (text === undefined) {
    return DEFAULT_LIMIT;
  }
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_LIMIT) {
    throw new HttpError(400, `limit must be a whole number from 1 to ${MAX_LIMIT}.`);
  }
  return limit;
}

/** @param {string | undefined} cursor */
function readCursor(cursor) {
  if (cursor === undefined) {
    return undefined;
  }
  const after = Buffer.from(cursor, 'base64url').toString('latin1');
  if (!/^[0-9a-f]{32}$/.test(after)) {
    throw new HttpError(400, 'cursor must be the next_cursor of an earlier page.');
  }
  return after;
}

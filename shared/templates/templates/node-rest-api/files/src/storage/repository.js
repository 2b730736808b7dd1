/**
 * Where records are kept: the interface of the repositories in the modules beside this one.
 *
 * @typedef {{ id: string, version: number, [name: string]: any }} Entry A record.
 *
 * @typedef {object} Page Some records in the order of their ids.
 * @property {Entry[]} records
 * @property {string | undefined} after Continues the list; undefined at its end.
 *
 * @typedef {object} Repository
 * @property {(collection: string, id: string) => Promise<Entry | undefined>} get
 * @property {(collection: string, limit: number, after?: string) => Promise<Page>} list
 *   Up to `limit` records whose ids are greater than `after`.
 * @property {(collection: string, record: Entry) => Promise<void>} add
 *   ConflictError when the id is taken.
 * @property {(collection: string, record: Entry, expectedVersion: number) => Promise<void>} replace
 *   ConflictError unless the stored record has the expected version.
 * @property {(collection: string, id: string) => Promise<boolean>} remove
 *   false when there is no such record.
 */

/** The record is not in the state that the write expects. */
export class ConflictError extends Error {
  /** @param {string} id */
  constructor(id) {
    super(`record ${id} is not in the expected state`);
    this.name = 'ConflictError';
  }
}

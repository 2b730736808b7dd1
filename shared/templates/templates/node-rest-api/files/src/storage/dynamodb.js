/**
 * Records in one DynamoDB table: the partition key `pk` is the collection, the sort key `sk` the id.
 *
 * @typedef {object} Table The calls in use, each taking the input of the command of its name.
 * @property {(input: any) => Promise<any>} get
 * @property {(input: any) => Promise<any>} put
 * @property {(input: any) => Promise<any>} query
 * @property {(input: any) => Promise<any>} remove
 */

import { ConflictError } from './repository.js';

/**
 * The table's calls through the AWS SDK, which the Lambda runtime brings along.
 *
 * @returns {Promise<Table>}
 */
async function connect() {
  const [{ DynamoDBClient }, sdk] = await Promise.all([
    // @ts-ignore -- not a dependency of this package
    import('@aws-sdk/client-dynamodb'),
    // @ts-ignore -- not a dependency of this package
    import('@aws-sdk/lib-dynamodb'),
  ]);
  const client = sdk.DynamoDBDocumentClient.from(new DynamoDBClient({}));
  return {
    get: (input) => client.send(new sdk.GetCommand(input)),
    put: (input) => client.send(new sdk.PutCommand(input)),
    query: (input) => client.send(new sdk.QueryCommand(input)),
    remove: (input) => client.send(new sdk.DeleteCommand(input)),
  };
}

/** @implements {Repository} @typedef {import('./repository.js').Repository} Repository */
export class DynamoRepository {
  #tableName;
  #connect;
  /** @type {Promise<Table> | undefined} */
  #table;

  /**
   * @param {string} tableName
   * @param {() => Promise<Table>} [connectTo] makes the calls; the AWS SDK unless a test says otherwise
   */
  constructor(tableName, connectTo = connect) {
    this.#tableName = tableName;
    this.#connect = connectTo;
  }

  /** @param {keyof Table} call @param {object} input */
  async #send(call, input) {
    this.#table ??= this.#connect();
    const table = await this.#table;
    return table[call]({ TableName: this.#tableName, ...input });
  }

  /** @type {Repository['get']} */
  async get(collection, id) {
    const { Item } = await this.#send('get', { Key: key(collection, id), ConsistentRead: true });
    return Item && record(Item);
  }

  /** @type {Repository['list']} */
  async list(collection, limit, after) {
    const { Items = [], LastEvaluatedKey } = await this.#send('query', {
      KeyConditionExpression: after === undefined ? '#pk = :pk' : '#pk = :pk AND #sk > :after',
      ExpressionAttributeNames: { '#pk': 'pk', ...(after !== undefined && { '#sk': 'sk' }) },
      ExpressionAttributeValues: {
        ':pk': collection,
        ...(after !== undefined && { ':after': after }),
      },
      Limit: limit,
    });
    return { records: Items.map(record), after: LastEvaluatedKey?.sk };
  }

  /** @type {Repository['add']} */
  async add(collection, entry) {
    await this.#put(collection, entry, {
      ConditionExpression: 'attribute_not_exists(#pk)',
      ExpressionAttributeNames: { '#pk': 'pk' },
    });
  }

  /** @type {Repository['replace']} */
  async replace(collection, entry, expectedVersion) {
    await this.#put(collection, entry, {
      ConditionExpression: '#version = :expected',
      ExpressionAttributeNames: { '#version': 'version' },
      ExpressionAttributeValues: { ':expected': expectedVersion },
    });
  }

  /** @type {Repository['remove']} */
  async remove(collection, id) {
    const input = { Key: key(collection, id), ReturnValues: 'ALL_OLD' };
    const { Attributes } = await this.#send('remove', input);
    return Attributes !== undefined;
  }

  /**
   * @param {string} collection
   * @param {import('./repository.js').Entry} entry
   * @param {object} condition
   */
  async #put(collection, entry, condition) {
    try {
      const item = { ...entry, ...key(collection, entry.id) };
      await this.#send('put', { Item: item, ...condition });
    } catch (error) {
      if (error instanceof Error && error.name === 'ConditionalCheckFailedException') {
        throw new ConflictError(entry.id);
      }
      throw error;
    }
  }
}

/** @param {string} collection @param {string} id */
function key(collection, id) {
  return { pk: collection, sk: id };
}

/** @param {any} item */
function record({ pk, sk, ...members }) {
  return members;
}

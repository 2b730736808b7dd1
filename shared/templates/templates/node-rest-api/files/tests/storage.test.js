/** One suite for both repositories; DynamoDB is played by a table that knows the calls in use. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { DynamoRepository } from '../src/storage/dynamodb.js';
import { MemoryRepository } from '../src/storage/memory.js';
import { ConflictError } from '../src/storage/repository.js';

/** The calls of a table, over a map. */
function fakeTable() {
  /** @type {Map<string, any>} */
  const items = new Map();
  const keyOf = (/** @type {any} */ { pk, sk }) => `${pk}\0${sk}`;
  return {
    async get(/** @type {any} */ { Key }) {
      return { Item: items.get(keyOf(Key)) };
    },
    async put(/** @type {any} */ { Item, ConditionExpression, ExpressionAttributeValues }) {
      const stored = items.get(keyOf(Item));
      const holds =
        ConditionExpression === 'attribute_not_exists(#pk)'
          ? stored === undefined
          : stored?.version === ExpressionAttributeValues[':expected'];
      if (!holds) {
        throw Object.assign(new Error('refused'), { name: 'ConditionalCheckFailedException' });
      }
      items.set(keyOf(Item), Item);
    },
    async query(/** @type {any} */ { ExpressionAttributeValues: values, Limit }) {
      const found = [...items.values()]
        .filter((item) => item.pk === values[':pk'] && item.sk > (values[':after'] ?? ''))
        .sort((one, other) => (one.sk < other.sk ? -1 : 1));
      const last = found.length > Limit ? found[Limit - 1] : undefined;
      return {
        Items: found.slice(0, Limit),
        LastEvaluatedKey: last && { pk: last.pk, sk: last.sk },
      };
    },
    async remove(/** @type {any} */ { Key }) {
      const Attributes = items.get(keyOf(Key));
      items.delete(keyOf(Key));
      return { Attributes };
    },
  };
}

const makers = {
  MemoryRepository: () => new MemoryRepository(),
  DynamoRepository: () => {
    const table = fakeTable();
    return new DynamoRepository('table', async () => table);
  },
};

for (const [name, make] of Object.entries(makers)) {
  describe(name, () => {
    test('keeps records apart by collection', async () => {
      const repository = make();
      const record = { id: '1', version: 1, text: 'x', share: 0.1, flag: true };
      await repository.add('things', record);
      assert.deepEqual(await repository.get('things', '1'), record);
      assert.equal(await repository.get('others', '1'), undefined);
    });

    test('refuses a taken id', async () => {
      const repository = make();
      await repository.add('things', { id: '1', version: 1 });
      await assert.rejects(repository.add('things', { id: '1', version: 1 }), ConflictError);
    });

    test('replaces only the expected version', async () => {
      const repository = make();
      await repository.add('things', { id: '1', version: 1 });
      await repository.replace('things', { id: '1', version: 2 }, 1);
      for (const id of ['1', '2']) {
        await assert.rejects(repository.replace('things', { id, version: 2 }, 1), ConflictError);
      }
      assert.deepEqual(await repository.get('things', '1'), { id: '1', version: 2 });
    });

    test('lists in pages', async () => {
      const repository = make();
      for (const id of ['3', '1', '2']) {
        await repository.add('things', { id, version: 1 });
      }
      await repository.add('others', { id: '9', version: 1 });
      const first = await repository.list('things', 2);
      assert.deepEqual(
        first.records.map((record) => record.id),
        ['1', '2'],
      );
      const second = await repository.list('things', 2, first.after);
      assert.deepEqual(
        second.records.map((record) => record.id),
        ['3'],
      );
      assert.equal(second.after, undefined);
    });

    test('removes once', async () => {
      const repository = make();
      await repository.add('things', { id: '1', version: 1 });
      assert.equal(await repository.remove('things', '1'), true);
      assert.equal(await repository.remove('things', '1'), false);
    });
  });
}

test('DynamoRepository passes other errors on', async () => {
  const broken = async () => {
    throw new Error('no network');
  };
  const repository = new DynamoRepository('table', async () => ({ ...fakeTable(), put: broken }));
  await assert.rejects(repository.add('things', { id: '1', version: 1 }), /no network/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { boolean, choice, integer, number, readFields, text, timestamp } from '../src/fields.js';

/** @type {[string, import('../src/fields.js').Kind, unknown[], unknown[]][]} */
const kinds = [
  [
    'text',
    text({ minLength: 1, maxLength: 3 }),
    ['a', 'äöü', '😀😀😀'],
    ['', 'abcd', 1, '\ud800', ['a']],
  ],
  ['integer', integer({ minimum: 0, maximum: 5 }), [0, 5], [-1, 6, 1.5, true, '1']],
  ['number', number({ minimum: 0.5, maximum: 1 }), [0.5, 0.75, 1], [0.4, 1.1, true, '1']],
  ['open number', number(), [0, -1.5, 1e15], [NaN, Infinity, 1e300, 1e-300]],
  ['boolean', boolean(), [true, false], [0, 1, 'true']],
  [
    'timestamp',
    timestamp(),
    ['2024-05-01T12:30:00Z', '2024-02-29T23:59:59.123456789+05:30'],
    [
      '2024-02-30T12:30:00Z',
      '2023-02-29T12:30:00Z',
      '2024-05-01T12:30:00',
      '2024-05-01T24:00:00Z',
      12,
      'now',
    ],
  ],
  ['choice', choice(['a', 'b']), ['a', 'b'], ['A', '', 1]],
];

for (const [name, kind, good, bad] of kinds) {
  test(`${name} accepts good values`, () => {
    for (const value of good) {
      assert.equal(kind(value), undefined, String(value));
    }
  });

  test(`${name} refuses bad values`, () => {
    for (const value of bad) {
      assert.equal(typeof kind(value), 'string', String(value));
    }
  });
}

const thing = {
  name: 'thing',
  collection: 'things',
  fields: [
    { name: 'a', kind: text({ minLength: 1 }), required: true },
    { name: 'b', kind: integer() },
  ],
};

test('a body loses its nulls', () => {
  assert.deepEqual(readFields(thing, { a: 'x', b: null }), { a: 'x' });
});

test('every problem of a body is reported', () => {
  assert.throws(
    () => readFields(thing, JSON.parse('{"b": "x", "c/d": 1, "__proto__": {"a": "x"}}')),
    {
      status: 422,
      problems: [
        { pointer: '/c~1d', detail: 'is not a known field' },
        { pointer: '/__proto__', detail: 'is not a known field' },
        { pointer: '/a', detail: 'is required' },
        { pointer: '/b', detail: 'must be an integer' },
      ],
    },
  );
});

test('what is no object is refused', () => {
  for (const body of [[], 'x', 1, null]) {
    assert.throws(() => readFields(thing, body), { status: 422 });
  }
});

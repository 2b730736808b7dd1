/**
 * Fields and entities: what a client may send, and how a bad value is reported.
 *
 * @typedef {(value: unknown) => string | undefined} Kind Why a value is not of a kind, if so.
 *
 * @typedef {object} Field A member of a record that clients write.
 * @property {string} name
 * @property {Kind} kind
 * @property {boolean} [required]
 * @property {string} [description]
 *
 * @typedef {object} Entity A kind of record and its collection.
 * @property {string} name
 * @property {string} collection
 * @property {string} [description]
 * @property {Field[]} fields
 */

import { HttpError } from './http.js';

const TIMESTAMP =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:[Zz]|[+-](\d{2}):(\d{2}))$/;

/**
 * A text; lengths are counted in characters, not in UTF-16 units.
 *
 * @param {{ minLength?: number, maxLength?: number }} [limits]
 * @returns {Kind}
 */
export function text({ minLength = 0, maxLength = 1000 } = {}) {
  return (value) => {
    if (typeof value !== 'string') {
      return 'must be a string';
    }
    const length = [...value].length;
    if (length < minLength || length > maxLength) {
      return `must have ${minLength} to ${maxLength} characters`;
    }
    return /\p{Surrogate}/u.test(value) ? 'must not have unpaired surrogates' : undefined;
  };
}

/**
 * A whole number.
 *
 * @param {{ minimum?: number, maximum?: number }} [limits]
 * @returns {Kind}
 */
export function integer({
  minimum = Number.MIN_SAFE_INTEGER,
  maximum = Number.MAX_SAFE_INTEGER,
} = {}) {
  return (value) => {
    if (!Number.isSafeInteger(value)) {
      return 'must be an integer';
    }
    return Number(value) < minimum || Number(value) > maximum
      ? `must be from ${minimum} to ${maximum}`
      : undefined;
  };
}

/**
 * A number; a limit that is left out leaves its side open.
 *
 * @param {{ minimum?: number, maximum?: number }} [limits]
 * @returns {Kind}
 */
export function number({ minimum, maximum } = {}) {
  return (value) => {
    if (typeof value !== 'number') {
      return 'must be a number';
    }
    // The SDK refuses numbers beyond safe integers, DynamoDB those too close to zero.
    const size = Math.abs(value);
    if (!(size <= Number.MAX_SAFE_INTEGER) || (size > 0 && size < 1e-125)) {
      return 'must be a number of ordinary size';
    }
    if (minimum !== undefined && value < minimum) {
      return `must be at least ${minimum}`;
    }
    return maximum !== undefined && value > maximum ? `must be at most ${maximum}` : undefined;
  };
}

/** true or false. @returns {Kind} */
export function boolean() {
  return (value) => (typeof value === 'boolean' ? undefined : 'must be true or false');
}

/** A point in time: RFC 3339 with an offset. @returns {Kind} */
export function timestamp() {
  return (value) =>
    typeof value === 'string' && isTimestamp(value)
      ? undefined
      : 'must be an RFC 3339 time with an offset, such as 2024-05-01T12:30:00Z';
}

/** @param {string} value */
function isTimestamp(value) {
  const parts = TIMESTAMP.exec(value)?.slice(1).map(Number);
  if (!parts) {
    return false;
  }
  const [year, month, day, hour, minute, second, offsetHour, offsetMinute] = parts;
  const validDate = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  const validTime = hour < 24 && minute < 60 && second < 60;
  // Without an offset in digits its parts are NaN, which is not too large either.
  return year > 0 && validDate && validTime && !(offsetHour > 23) && !(offsetMinute > 59);
}

/** @param {number} year @param {number} month from 1 to 12 */
function daysIn(year, month) {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
}

/**
 * One of a fixed set of texts.
 *
 * @param {string[]} values
 * @returns {Kind}
 */
export function choice(values) {
  return (value) =>
    typeof value === 'string' && values.includes(value)
      ? undefined
      : `must be one of ${values.join(', ')}`;
}

/**
 * The fields of a body, without nulls; HttpError 422 with every problem when it does not fit.
 *
 * @param {Entity} entity
 * @param {any} body
 * @returns {Record<string, any>}
 */
export function readFields(entity, body) {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalid([{ pointer: '', detail: 'must be an object' }]);
  }
  const known = new Set(entity.fields.map((field) => field.name));
  const problems = Object.keys(body)
    .filter((name) => !known.has(name))
    .map((name) => ({ pointer: pointerTo(name), detail: 'is not a known field' }));
  /** @type {Record<string, any>} */
  const values = {};
  for (const { name, kind, required } of entity.fields) {
    const value = Object.hasOwn(body, name) ? body[name] : null;
    if (value === null) {
      if (required) {
        problems.push({ pointer: pointerTo(name), detail: 'is required' });
      }
      continue;
    }
    const fault = kind(value);
    if (fault === undefined) {
      values[name] = value;
    } else {
      problems.push({ pointer: pointerTo(name), detail: fault });
    }
  }
  if (problems.length > 0) {
    throw invalid(problems);
  }
  return values;
}

/** @param {string} name */
function pointerTo(name) {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** @param {import('./http.js').Problem[]} problems */
function invalid(problems) {
  return new HttpError(422, 'The body does not fit the entity.', { problems });
}

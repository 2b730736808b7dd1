/**
 * HTTP as the service sees it: requests, responses and problem+json errors.
 *
 * @typedef {object} Request
 * @property {string} method
 * @property {string} path
 * @property {Record<string, string | undefined>} query
 * @property {string} body
 *
 * @typedef {object} Response
 * @property {number} status
 * @property {Record<string, string>} headers
 * @property {string} body
 *
 * @typedef {object} Problem What is wrong with one member of a body.
 * @property {string} pointer JSON pointer to the member
 * @property {string} detail
 */

const TITLES = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
};

/** Ends a request with an error that the caller may read. */
export class HttpError extends Error {
  /**
   * @param {keyof typeof TITLES} status
   * @param {string} detail
   * @param {{ problems?: Problem[], headers?: Record<string, string> }} [more]
   */
  constructor(status, detail, { problems = [], headers = {} } = {}) {
    super(detail);
    this.name = 'HttpError';
    this.status = status;
    this.problems = problems;
    this.headers = headers;
  }

  /** The error as RFC 9457 problem details. @returns {Response} */
  toResponse() {
    const body = {
      type: 'about:blank',
      title: TITLES[this.status],
      status: this.status,
      detail: this.message,
      ...(this.problems.length > 0 && { errors: this.problems }),
    };
    const headers = { ...this.headers, 'content-type': 'application/problem+json' };
    return { status: this.status, headers, body: JSON.stringify(body) };
  }
}

/**
 * A response with a JSON body.
 *
 * @param {number} status
 * @param {unknown} body
 * @param {Record<string, string>} [headers]
 * @returns {Response}
 */
export function json(status, body, headers = {}) {
  const content = { 'content-type': 'application/json' };
  return { status, headers: { ...headers, ...content }, body: JSON.stringify(body) };
}

/** A response without a body. @returns {Response} */
export function noContent() {
  return { status: 204, headers: {}, body: '' };
}

/**
 * The body as JSON, or an HttpError 400.
 *
 * @param {Request} request
 * @returns {any}
 */
export function readJson(request) {
  if (request.body.trim() === '') {
    throw new HttpError(400, 'The request needs a JSON body.');
  }
  try {
    return JSON.parse(request.body);
  } catch {
    throw new HttpError(400, 'The body is not valid JSON.');
  }
}

/** The Lambda function: API Gateway HTTP API events (payload 2.0) in, responses out. */

import { entities } from './entities/index.js';
import { HttpError } from './http.js';
import { Service } from './service.js';
import { DynamoRepository } from './storage/dynamodb.js';

/** @type {Service | undefined} */
let service;

/** The service over the table that TABLE_NAME names; made once per process. */
function defaultService() {
  const table = process.env.TABLE_NAME;
  if (!table) {
    throw new Error('TABLE_NAME is not set');
  }
  service ??= new Service(new DynamoRepository(table), entities);
  return service;
}

/**
 * The entry point that template.yaml names.
 *
 * @param {any} event
 * @param {any} context
 */
export async function handler(event, context) {
  return respond(event, context, defaultService);
}

/**
 * The response to an event; an unexpected error is logged and becomes a plain 500.
 *
 * @param {any} event
 * @param {{ awsRequestId: string }} context
 * @param {() => Pick<Service, 'handle'>} getService
 */
export async function respond(event, context, getService) {
  let response;
  try {
    response = await getService().handle(readEvent(event));
  } catch (error) {
    response = explain(error, context.awsRequestId).toResponse();
  }
  return { statusCode: response.status, headers: response.headers, body: response.body };
}

/** @param {unknown} error @param {string} requestId */
function explain(error, requestId) {
  if (error instanceof HttpError) {
    return error;
  }
  console.error('request failed', error);
  return new HttpError(500, `Something went wrong; the log has it under request ${requestId}.`);
}

/**
 * @param {any} event
 * @returns {import('./http.js').Request}
 */
function readEvent(event) {
  return {
    method: event.requestContext.http.method.toUpperCase(),
    path: event.rawPath,
    query: event.queryStringParameters ?? {},
    body: event.isBase64Encoded ? decode(event.body ?? '') : (event.body ?? ''),
  };
}

/** @param {string} body */
function decode(body) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(body, 'base64'));
  } catch {
    throw new HttpError(400, 'The body is not UTF-8 text.');
  }
}

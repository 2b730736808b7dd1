// The one way to the server: the client that is made from its description, with the caller's key.

import createClient, { type Middleware } from "openapi-fetch";
import { ApiError, problemOf } from "./problem";
import type { components, paths } from "./schema";
import { currentKey, refuse, validKey } from "./session";

export type Schemas = components["schemas"];

/** Asks who calls, when this answer says that `key` does not. What another key was refused is no longer of interest. */
function heed(status: number, code: string, key: string | null) {
  // API Gateway refuses a wrong key with 403, in words of its own; the server tells a role that is too small as a problem.
  if ((status === 401 || (status === 403 && code === "unknown")) && key === currentKey()) refuse();
}

const session: Middleware = {
  async onRequest({ request }) {
    const key = await validKey();
    if (key !== null) request.headers.set("authorization", `Bearer ${key}`);
    return request;
  },
  async onResponse({ request, response }) {
    if (response.ok) return response;
    const problem = await problemOf(response);
    heed(problem.status, problem.code, request.headers.get("authorization")?.slice("Bearer ".length) ?? null);
    throw new ApiError(problem);
  },
  onError() {
    return new ApiError({
      code: "unreachable",
      status: 0,
      title: "The server can't be reached",
      detail: "Start it with `make up`, or check the network. This page tries again by itself.",
      errors: [],
    });
  },
};

export const client = createClient<paths>({ baseUrl: "/" });
client.use(session);

/** The data of an answer. Errors were thrown before. */
export async function data<T>(answer: Promise<{ data?: T }>): Promise<T> {
  const { data } = await answer;
  return data as T;
}

/** Calls an operation of the Step Functions API, for what the REST API has no route for. */
export async function stepFunctions<T>(operation: string, body: object): Promise<T> {
  const headers: Record<string, string> = {
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": `AWSStepFunctions.${operation}`,
  };
  const key = await validKey();
  if (key !== null) headers.authorization = `Bearer ${key}`;
  const response = await fetch("/step-functions", { method: "POST", headers, body: JSON.stringify(body) });
  const answer = (await response.json()) as T & { __type?: string; message?: string };
  if (!response.ok) {
    heed(response.status, answer.__type ?? "unknown", key);
    const title = answer.__type?.replace(/^.*#/, "") ?? `HTTP ${response.status}`;
    throw new ApiError({ code: title, status: response.status, title, detail: answer.message ?? "", errors: [] });
  }
  return answer;
}

// What went wrong, as the server tells it (RFC 9457).

export interface Problem {
  code: string;
  status: number;
  title: string;
  detail: string;
  errors: { field: string; message: string }[];
}

/** A request that failed. */
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
    this.name = "ApiError";
  }
}

/** The problem that a response tells; of one that tells none, its status. */
export async function problemOf(response: Response): Promise<Problem> {
  const fallback = { code: "unknown", status: response.status, title: `HTTP ${response.status}`, detail: response.statusText, errors: [] };
  try {
    const body = (await response.json()) as Partial<Problem>;
    return { ...fallback, ...body, errors: body.errors ?? [] };
  } catch {
    return fallback;
  }
}

/** Any error as a problem. */
export function asProblem(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  const detail = error instanceof Error ? error.message : String(error);
  return { code: "unknown", status: 0, title: "Something went wrong in the console", detail, errors: [] };
}

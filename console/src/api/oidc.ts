// Signing in with the server's issuer: the authorization code flow with PKCE (RFC 7636). The server exchanges the code, so
// pages call nobody else.

import createClient from "openapi-fetch";
import { ApiError, problemOf } from "./problem";
import type { components, paths } from "./schema";
import { signIn, signOut } from "./session";

type Schemas = components["schemas"];

const PENDING = "millrace.sign-in";
/** Where the issuer sends the browser back to. */
export const RETURN = "/sign-in";

interface Pending {
  state: string;
  verifier: string;
  issuer: string;
  page: string;
}

// Without the key that other requests carry: there is none yet, or it is what is to be renewed.
const open = createClient<paths>({ baseUrl: "/" });

const base64url = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** The ways to sign in. */
export async function ways(): Promise<Schemas["SignInWays"]> {
  const { data, response } = await open.GET("/api/sign-in");
  if (data === undefined) throw new ApiError(await problemOf(response));
  return data;
}

/** Can this browser sign in with an issuer? Only pages that came over HTTPS, or from this machine, may hash. */
export const possible = (): boolean => window.isSecureContext;

/** Goes to the issuer, which sends the browser back with a code. */
export async function goToIssuer(issuer: Schemas["SignInClient"]): Promise<void> {
  const page = location.pathname === RETURN ? "/" : location.pathname + location.search;
  const pending: Pending = { state: random(), verifier: random(), issuer: issuer.issuer, page };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
  const address = new URL(issuer.authorization_endpoint);
  const asked = {
    response_type: "code",
    client_id: issuer.client_id,
    redirect_uri: location.origin + RETURN,
    scope: issuer.scope,
    state: pending.state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  location.assign(address);
}

const failed = (detail: string) => new ApiError({ code: "sign-in", status: 0, title: "Nobody is signed in", detail, errors: [] });

async function exchange(body: Schemas["SignIn"], before?: string): Promise<void> {
  const answer = await open.POST("/api/sign-in/token", { body, bodySerializer: JSON.stringify });
  if (answer.data === undefined) {
    const problem = answer.error as unknown;
    throw new ApiError({ code: "unknown", status: answer.response.status, title: "Nobody is signed in", detail: "", errors: [], ...(problem as object) });
  }
  const { token, expires_at, refresh_token } = answer.data;
  // An issuer that sends no other one goes on with the one it gave (RFC 6749, 6).
  signIn(token, { expires_at, refresh_token: refresh_token ?? before ?? null });
}

let returning: { search: string; page: Promise<string> } | null = null;

/** Reads what the issuer sent the browser back with, and signs in. The result is the page that somebody wanted to see. */
export function comeBack(search: string): Promise<string> {
  // A code is good once, however often the page is drawn.
  if (returning?.search !== search) returning = { search, page: signInWith(new URLSearchParams(search)) };
  return returning.page;
}

async function signInWith(answer: URLSearchParams): Promise<string> {
  const kept = sessionStorage.getItem(PENDING);
  const pending = kept === null ? null : (JSON.parse(kept) as Pending);
  if (pending === null || answer.get("state") !== pending.state) {
    throw failed("This answer is not to a question of this tab. Begin again.");
  }
  sessionStorage.removeItem(PENDING);
  if ((answer.get("iss") ?? pending.issuer) !== pending.issuer) throw failed("Another issuer answered than the one that was asked (RFC 9207). Begin again.");
  const code = answer.get("code");
  if (code === null) throw failed(answer.get("error_description") ?? answer.get("error") ?? "The issuer sent no code. Begin again.");
  await exchange({ code, code_verifier: pending.verifier, redirect_uri: location.origin + RETURN });
  return pending.page;
}

/** Renews a token; whoever can't must sign in again. */
export async function renew(refresh_token: string): Promise<void> {
  try {
    await exchange({ refresh_token }, refresh_token);
  } catch (error) {
    // While the issuer is away, the token may still be good.
    if (error instanceof ApiError && error.problem.status === 401) signOut();
  }
}

// What proves who calls: an API key, or a token of the server's issuer. It lives as long as the tab.

import { loadChunk } from "./chunks";

const KEY = "millrace.key";
const RENEWAL = "millrace.renewal";
/** A token is renewed when it ends within so many milliseconds. */
const EARLY = 60_000;
const listeners = new Set<() => void>();
let refused = false;
let renewing: Promise<void> | null = null;

/** When a token ends, and what renews it. */
export interface Renewal {
  expires_at: string;
  refresh_token?: string | null;
}

/** What requests carry. */
export const currentKey = (): string | null => sessionStorage.getItem(KEY);

/** The same, renewed before it ends where that is possible. */
export async function validKey(): Promise<string | null> {
  const kept = sessionStorage.getItem(RENEWAL);
  if (kept !== null) {
    const { expires_at, refresh_token } = JSON.parse(kept) as Renewal;
    if (refresh_token && Date.parse(expires_at) - Date.now() < EARLY) {
      renewing ??= loadChunk(() => import("./oidc")).then(({ renew }) => renew(refresh_token)).finally(() => (renewing = null));
      await renewing;
    }
  }
  return currentKey();
}

/** Did the server ask for a key, or refuse the one that is there? */
export const isRefused = (): boolean => refused;

function tell() {
  for (const listener of listeners) listener();
}

/** Keeps a key, or a token with what renews it, for this tab. */
export function signIn(key: string, renewal?: Renewal) {
  sessionStorage.setItem(KEY, key);
  if (renewal === undefined) sessionStorage.removeItem(RENEWAL);
  else sessionStorage.setItem(RENEWAL, JSON.stringify(renewal));
  refused = false;
  tell();
}

/** Forgets the key. */
export function signOut() {
  sessionStorage.removeItem(KEY);
  sessionStorage.removeItem(RENEWAL);
  refused = true;
  tell();
}

/** Says that the server refused a request. */
export function refuse() {
  if (refused) return;
  refused = true;
  tell();
}

/** Calls `listener` whenever any of this changes; the result ends that. */
export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// The caller's key. It lives as long as the tab.

const KEY = "millrace.key";
const listeners = new Set<() => void>();
let refused = false;

/** The key that requests carry. */
export const currentKey = (): string | null => sessionStorage.getItem(KEY);

/** Did the server ask for a key, or refuse the one that is there? */
export const isRefused = (): boolean => refused;

function tell() {
  for (const listener of listeners) listener();
}

/** Keeps a key for this tab. */
export function signIn(key: string) {
  sessionStorage.setItem(KEY, key);
  refused = false;
  tell();
}

/** Forgets the key. */
export function signOut() {
  sessionStorage.removeItem(KEY);
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

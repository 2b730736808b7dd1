import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import { useEffect, useSyncExternalStore } from "react";

/** Secrets that were just made, until they are put away or the page is left; never stored. */
let secrets: Readonly<Record<string, string>> = {};
/** The pages that show one. */
const open = new Set<string>();
const listeners = new Set<() => void>();
const change = (next: Readonly<Record<string, string>>) => {
  secrets = next;
  for (const listener of listeners) listener();
};
const listen = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** Keeps the secret of a subscription for its page. */
export function showSecret(id: string, secret: string | undefined) {
  if (secret !== undefined) change({ ...secrets, [id]: secret });
}

/** Forgets it. */
function forgetSecret(id: string) {
  if (!(id in secrets)) return;
  change(Object.fromEntries(Object.entries(secrets).filter(([known]) => known !== id)));
}

/** The secret of a subscription, where it was just made. */
export function Secret({ id }: { id: string }) {
  const secret = useSyncExternalStore(listen, () => secrets[id]);
  useEffect(() => {
    open.add(id);
    return () => {
      open.delete(id);
      // In development an effect begins twice.
      setTimeout(() => {
        if (!open.has(id)) forgetSecret(id);
      });
    };
  }, [id]);
  if (secret === undefined) return null;
  return (
    <Alert
      type="success"
      header="The secret that signs its events"
      dismissible
      dismissAriaLabel="Put the secret away"
      onDismiss={() => { forgetSecret(id); }}
      action={<Button iconName="copy" onClick={() => void navigator.clipboard.writeText(secret)}>Copy</Button>}
    >
      Give it to the receiver now: it is not shown again. <span className="reason"><Box variant="code">{secret}</Box></span>
    </Alert>
  );
}

// Texts that are not saved yet, over the way to the issuer and back: signing in there leaves the page.

const PREFIX = "millrace.draft.";

/** A text, and the revision of what it was written over. */
export interface Draft {
  text: string;
  revision: number;
}

const open = new Map<string, Draft>();
let kept = false;

/** Holds what is written under a name until the result is called. */
export function holdDraft(name: string, draft: Draft): () => void {
  open.set(name, draft);
  return () => {
    open.delete(name);
  };
}

/** Keeps all that is held for this tab's next page. */
export function keepDrafts() {
  for (const [name, draft] of open) sessionStorage.setItem(PREFIX + name, JSON.stringify(draft));
  kept = open.size > 0;
}

/** Is all that is held kept, so that leaving loses nothing of it? */
export const areKept = (): boolean => kept;

/** What was kept under a name. */
export function keptDraft(name: string): Draft | null {
  const text = sessionStorage.getItem(PREFIX + name);
  return text === null ? null : (JSON.parse(text) as Draft);
}

/** Forgets what was kept under a name: an editor has it. */
export function dropDraft(name: string) {
  sessionStorage.removeItem(PREFIX + name);
}

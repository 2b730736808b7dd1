import { createContext, useContext, useState } from "react";

export interface Notices {
  done: (content: string) => void;
  failed: (error: unknown) => void;
}

export const NoticesContext = createContext<Notices>({ done: () => undefined, failed: () => undefined });

export const useNotices = (): Notices => useContext(NoticesContext);

/** Does something once at a time, and says when it failed. */
export function useAction(): { busy: boolean; run: (action: () => Promise<unknown>, done?: string) => Promise<void> } {
  const notices = useNotices();
  const [busy, setBusy] = useState(false);
  const run = async (action: () => Promise<unknown>, done?: string) => {
    setBusy(true);
    try {
      await action();
      if (done !== undefined) notices.done(done);
    } catch (error) {
      notices.failed(error);
    } finally {
      setBusy(false);
    }
  };
  return { busy, run };
}

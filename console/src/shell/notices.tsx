// Short messages above a page: what was done, what failed.

import type { FlashbarProps } from "@cloudscape-design/components/flashbar";
import { useCallback, useMemo, useState } from "react";
import { asProblem } from "../api/problem";
import { NoticesContext, type Notices } from "./useNotices";

const SHOWN = 6_000;
let serial = 0;

/** The messages, and what adds to them. */
export function useNoticeList(): { items: FlashbarProps.MessageDefinition[]; notices: Notices } {
  const [items, setItems] = useState<FlashbarProps.MessageDefinition[]>([]);
  const add = useCallback((message: FlashbarProps.MessageDefinition) => {
    const id = `notice-${(serial += 1)}`;
    const drop = () => {
      setItems((all) => all.filter((one) => one.id !== id));
    };
    setItems((all) => [{ ...message, id, dismissible: true, dismissLabel: "Dismiss", onDismiss: drop }, ...all].slice(0, 4));
    if (message.type === "success") setTimeout(drop, SHOWN);
  }, []);
  const notices = useMemo<Notices>(
    () => ({
      done: (content) => {
        add({ type: "success", content });
      },
      failed: (error) => {
        const problem = asProblem(error);
        const fields = problem.errors.map((at) => `${at.field}: ${at.message}`).join("; ");
        add({ type: "error", header: problem.title, content: fields === "" ? problem.detail : fields });
      },
    }),
    [add],
  );
  return { items, notices };
}

export function NoticesProvider({ notices, children }: { notices: Notices; children: React.ReactNode }) {
  return <NoticesContext.Provider value={notices}>{children}</NoticesContext.Provider>;
}

// A text that is being written over one that is saved, which others may save too.

import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect, useState } from "react";
import { dropDraft, holdDraft, keptDraft, type Draft } from "../api/drafts";
import { Diff } from "./Code";
import { useUnsaved } from "./useUnsaved";

export interface Editing {
  text: string;
  setText: (text: string) => void;
  /** Is it another one than what is saved? */
  changed: boolean;
  /** The revision over which it is written. */
  revision: number;
  /** Has somebody else saved meanwhile, so that it must be said which of the two shall be? */
  contested: boolean;
  /** This was saved. */
  saved: (saved: Draft) => void;
  /** Asks what has to be asked; belongs into the page. */
  questions: React.ReactNode;
}

/**
 * Lets `remote` be changed under a name that no other text has. What others save is shown at once while nothing is written, and never
 * replaces what is. `leaving` says that the page itself leaves, with what was saved.
 */
export function useDraft(name: string, remote: Draft, { language, what, leaving = false }: { language: string; what: string; leaving?: boolean }): Editing {
  const [kept] = useState(() => keptDraft(name));
  const [base, setBase] = useState(kept === null ? remote : { text: remote.text, revision: kept.revision });
  const [text, setText] = useState(kept?.text ?? remote.text);
  const newer = remote.revision > base.revision;
  const changed = text !== base.text;
  if (newer && (!changed || text === remote.text)) {
    setBase(remote);
    setText(remote.text);
  }
  useEffect(() => {
    dropDraft(name);
  }, [name]);
  const { revision } = base;
  useEffect(() => (changed ? holdDraft(name, { text, revision }) : undefined), [name, changed, text, revision]);
  const unsaved = useUnsaved(changed && !leaving, true);
  const contested = newer && changed;
  return {
    text,
    setText,
    changed,
    revision,
    contested,
    saved: setBase,
    questions: (
      <>
        {unsaved}
        {contested && (
          <Alert
            type="warning"
            header={`${what} ${remote.revision} was saved elsewhere while you wrote`}
            action={
              <SpaceBetween direction="horizontal" size="xs">
                <Button onClick={() => { setBase(remote); setText(remote.text); }}>Take that one</Button>
                <Button onClick={() => { setBase(remote); }}>Keep mine</Button>
              </SpaceBetween>
            }
          >
            <SpaceBetween size="xs">
              <span>What you wrote is still here. When you keep it, saving puts it over the other one.</span>
              <ExpandableSection headerText="What differs: theirs, and yours">
                <Diff left={remote.text} right={text} language={language} label="Definition" />
              </ExpandableSection>
            </SpaceBetween>
          </Alert>
        )}
      </>
    ),
  };
}

// A part of the console that comes when it is first shown. While it can't be loaded the rest of the page stays, with a way to
// try again.

import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect, useState, type ComponentType, type ReactNode } from "react";
import { ChunkError, loadChunk } from "../api/chunks";

type Load<P> = () => Promise<{ default: ComponentType<P> }>;
const WORDS: Record<ChunkError["reason"], string> = {
  away: "The server can't be reached. Start it with `make up`, or check the network.",
  gone: "The server does not have it. It may be in the middle of an upgrade.",
  deployed: "The server has a new version of the console.",
};

/** Stands where a part could not be loaded. */
function Unloaded({ what, reason, busy, again }: { what: string; reason: ChunkError["reason"]; busy: boolean; again: () => void }) {
  return (
    <Alert
      type="error"
      header={`${what} could not be loaded`}
      action={
        <SpaceBetween direction="horizontal" size="xs">
          {reason !== "away" && <Button onClick={() => { location.reload(); }}>Load the page again</Button>}
          {reason !== "deployed" && <Button loading={busy} loadingText="Trying again" onClick={again}>Try again</Button>}
        </SpaceBetween>
      }
    >
      {WORDS[reason]}
    </Alert>
  );
}

const reasonOf = (error: unknown): ChunkError["reason"] => (error instanceof ChunkError ? error.reason : "gone");

/**
 * A component that is loaded when it is first shown. `what`: its name at the beginning of a sentence. With `failed` it begins with
 * the failure that loading it before came to.
 */
export function part<P extends object>(load: Load<P>, what: string, fallback: (props: P) => ReactNode = () => null, failed?: unknown): ComponentType<P> {
  let loaded: ComponentType<P> | null = null;
  let failure = failed === undefined ? null : reasonOf(failed);
  return function Part(props: P) {
    const [Loaded, setLoaded] = useState<ComponentType<P> | null>(() => loaded);
    const [reason, setReason] = useState(failure);
    const [round, setRound] = useState(0);
    const [busy, setBusy] = useState(false);
    useEffect(() => {
      if (loaded !== null) return;
      // What was found out before it was shown holds for its first time.
      if (failure !== null) {
        if (failure === "deployed") location.reload();
        failure = null;
        return;
      }
      let isOver = false;
      loadChunk(load).then(
        (module) => {
          loaded = module.default;
          if (!isOver) setLoaded(() => module.default);
        },
        (error: unknown) => {
          if (isOver) return;
          if (reasonOf(error) === "deployed") location.reload();
          setReason(reasonOf(error));
          setBusy(false);
        },
      );
      return () => {
        isOver = true;
      };
    }, [round]);
    if (Loaded !== null) return <Loaded {...props} />;
    if (reason === null) return <>{fallback(props)}</>;
    const again = () => {
      setBusy(true);
      setRound(round + 1);
    };
    return <Unloaded what={what} reason={reason} busy={busy} again={again} />;
  };
}

// Nobody loses what they wrote by a click elsewhere.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect } from "react";
import { useBlocker, type BlockerFunction } from "react-router";
import { areKept } from "../api/drafts";

const leaves: BlockerFunction = ({ currentLocation, nextLocation }) => currentLocation.pathname !== nextLocation.pathname;

/**
 * Asks before the page is left while something on it is not saved. `kept` says that the way to the issuer and back loses nothing of
 * it. The result belongs into the page.
 */
export function useUnsaved(changed: boolean, kept = false): React.ReactNode {
  return changed && <Guard kept={kept} />;
}

function Guard({ kept }: { kept: boolean }) {
  const blocker = useBlocker(leaves);
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => {
      if (!(kept && areKept())) event.preventDefault();
    };
    addEventListener("beforeunload", ask);
    return () => {
      removeEventListener("beforeunload", ask);
    };
  }, [kept]);
  if (blocker.state !== "blocked") return null;
  const stay = () => {
    blocker.reset();
  };
  return (
    <Modal
      visible
      header="Leave without saving?"
      closeAriaLabel="Close"
      onDismiss={stay}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={() => { blocker.proceed(); }}>Leave</Button>
            <Button variant="primary" onClick={stay}>Stay</Button>
          </SpaceBetween>
        </Box>
      }
    >
      What you have written here is not saved. When you leave, it is gone.
    </Modal>
  );
}

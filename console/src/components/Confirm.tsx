import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal, { type ModalProps } from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { ProblemAlert } from "./PageParts";
import { useUnsaved } from "./useUnsaved";

/** Asks before something is done; shows why it failed when it does. What was written in it goes by its buttons alone. */
export function Confirm({ title, action, children, onConfirm, onClose, disabled = false, size = "medium" }: {
  title: string;
  action: string;
  children: React.ReactNode;
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
  disabled?: boolean;
  size?: "medium" | "large";
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [written, setWritten] = useState(false);
  const [astray, setAstray] = useState(false);
  const unsaved = useUnsaved(written && !busy);
  const write = () => {
    setWritten(true);
  };
  const dismiss: ModalProps["onDismiss"] = ({ detail: { reason } }) => {
    if (!written || reason === "closeButton") onClose();
    // Escape is how an editor is left with the keyboard.
    else if (document.activeElement?.closest(".cm-editor") === null || reason !== "keyboard") setAstray(true);
  };
  const confirm = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Modal
      visible
      size={size}
      header={title}
      closeAriaLabel="Close"
      onDismiss={dismiss}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>Back</Button>
            <Button variant="primary" loading={busy} disabled={disabled} onClick={() => void confirm()}>{action}</Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {error !== null && <ProblemAlert error={error} />}
        {unsaved}
        <div onInput={write} onPaste={write}>{children}</div>
        {astray && <Alert type="warning">What you have written here is not saved. Back gives it up.</Alert>}
      </SpaceBetween>
    </Modal>
  );
}

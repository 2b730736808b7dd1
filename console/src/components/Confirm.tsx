import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { ProblemAlert } from "./PageParts";

/** Asks before something is done; shows why it failed when it does. */
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
      onDismiss={onClose}
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
        <div>{children}</div>
      </SpaceBetween>
    </Modal>
  );
}

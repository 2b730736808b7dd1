import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { client, data, type Schemas } from "../../api/client";
import { useLive } from "../../api/live";
import { Json } from "../../components/Code";
import { bytes, Link, Loading, ProblemAlert, Time } from "../../components/PageParts";

const MOST = 160;

/** Why a message was given up. */
export function Reason({ reason, brief = false }: { reason: Schemas["DeadLetterReason"] | null; brief?: boolean }) {
  if (reason === null) return <Box color="text-body-secondary">Unknown: its worker said nothing, as after a timeout or a crash</Box>;
  const text = brief && reason.text.length > MOST ? `${reason.text.slice(0, MOST)}…` : reason.text;
  return (
    <span className="reason">
      <Box variant="code">{reason.code}</Box> {text}
    </span>
  );
}

/** A dead letter with its body. */
export function LetterDialog({ queue, id, onClose }: { queue: string; id: string; onClose: () => void }) {
  const query = useLive(["dead-letter", queue, id], () => data(client.GET("/api/queues/{name}/dead-letters/{id}", { params: { path: { name: queue, id } } })), { active: () => false });
  const letter = query.data;
  return (
    <Modal visible size="large" header={`Dead letter ${id}`} closeAriaLabel="Close" onDismiss={onClose} footer={<Box float="right"><Button variant="primary" onClick={onClose}>Close</Button></Box>}>
      {letter === undefined ? (
        query.error ? <ProblemAlert error={query.error} /> : <Loading what="the message" />
      ) : (
        <SpaceBetween size="l">
          <KeyValuePairs
            columns={3}
            items={[
              { label: "Kind", value: letter.kind ?? "unreadable" },
              { label: "Execution", value: letter.execution_id === null ? "–" : <Link to={`/executions/${encodeURIComponent(letter.execution_id)}`}>{letter.execution_id}</Link> },
              { label: "Resource", value: letter.resource ?? "–" },
              { label: "Size", value: bytes(letter.size) },
              { label: "Deliveries", value: letter.receive_count },
              { label: "Sent", value: <Time at={letter.sent_at} /> },
              { label: "First delivered", value: <Time at={letter.first_received_at} /> },
              { label: "Given up", value: <Time at={letter.dead_at ?? letter.reason?.at} /> },
            ]}
          />
          <KeyValuePairs items={[{ label: "Reason", value: <Reason reason={letter.reason} /> }]} />
          {letter.text === null ? <Json value={letter.body} label="Body" height="360px" /> : <pre className="log-line" aria-label="Body">{letter.text}</pre>}
        </SpaceBetween>
      )}
    </Modal>
  );
}

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { client, data, type Schemas } from "../../api/client";
import { useLive, useRefresh } from "../../api/live";
import { Json } from "../../components/Code";
import { duration, Empty, Loading, ProblemAlert, Time } from "../../components/PageParts";
import { useAction } from "../../shell/useNotices";
import { DeliveryStatus } from "./Deliveries";

/** A delivery with its attempts and its event. */
export function DeliveryDialog({ subscription, id, onClose }: { subscription: string; id: string; onClose: () => void }) {
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const query = useLive(
    ["delivery", subscription, id],
    () => data(client.GET("/api/subscriptions/{id}/deliveries/{delivery}", { params: { path: { id: subscription, delivery: id } } })),
    { active: (one) => one.status === "pending" },
  );
  const delivery = query.data;
  const replay = () =>
    run(async () => {
      await client.POST("/api/subscriptions/{id}/replay", { params: { path: { id: subscription } }, body: { delivery: id } });
      await Promise.all([refresh("delivery", subscription, id), refresh("deliveries", subscription)]);
    });
  return (
    <Modal
      visible
      size="large"
      header={delivery === undefined ? `Delivery ${id}` : delivery.event_type}
      closeAriaLabel="Close"
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button disabled={delivery === undefined || delivery.status === "pending"} loading={busy} onClick={() => void replay()}>Replay</Button>
            <Button variant="primary" onClick={onClose}>Close</Button>
          </SpaceBetween>
        </Box>
      }
    >
      {delivery === undefined ? (
        query.error ? <ProblemAlert error={query.error} /> : <Loading what="the delivery" />
      ) : (
        <SpaceBetween size="l">
          {delivery.error !== null && <Alert type="error" header="It was given up">{delivery.error}</Alert>}
          <KeyValuePairs
            columns={3}
            items={[
              { label: "Status", value: <DeliveryStatus delivery={delivery} /> },
              { label: "Happened", value: <Time at={delivery.created_at} /> },
              { label: delivery.status === "pending" ? "Tried next" : "Ended", value: delivery.status === "pending" && delivery.next_at === null ? "At once" : <Time at={delivery.ended_at ?? delivery.next_at} /> },
              { label: "Event", value: <Box variant="code">{delivery.event_id}</Box> },
              { label: "Replays", value: delivery.replays },
              { label: "Sent to try the target", value: delivery.test ? "Yes" : "No" },
            ]}
          />
          <Table<Schemas["DeliveryAttempt"]>
            variant="embedded"
            items={[...delivery.attempt_log].reverse()}
            trackBy={(one) => one.at}
            wrapLines
            ariaLabels={{ tableLabel: "Attempts" }}
            header={<Header variant="h3" counter={`(${delivery.attempt_log.length})`}>Attempts</Header>}
            empty={<Empty title="None yet" />}
            columnDefinitions={[
              { id: "at", header: "When", isRowHeader: true, minWidth: 180, cell: (one) => <Time at={one.at} /> },
              { id: "status", header: "Answer", cell: (one) => one.status ?? "–" },
              { id: "took", header: "Took", cell: (one) => duration(one.duration_ms) },
              { id: "error", header: "Error", minWidth: 200, cell: (one) => <span className="reason">{one.error ?? "–"}</span> },
            ]}
          />
          <div><Box variant="h3">Event</Box><Json value={delivery.event} label="Event as it is sent" height="320px" /></div>
        </SpaceBetween>
      )}
    </Modal>
  );
}

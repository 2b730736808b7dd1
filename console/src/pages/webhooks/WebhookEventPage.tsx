import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useParams } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { useLive, useRefresh } from "../../api/live";
import { Json } from "../../components/Code";
import { bytes, Empty, Link, Loading, ProblemAlert, Time, useTitle } from "../../components/PageParts";
import { useAction } from "../../shell/useNotices";
import { EventStatus, Sender } from "./EventsTab";

export default function WebhookEventPage() {
  const { id = "" } = useParams();
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const query = useLive(["webhook-event", id], () => data(client.GET("/api/webhooks/events/{id}", { params: { path: { id } } })), { soonest: 2_000, topic: "webhooks" });
  const event = query.data;
  useTitle(event === undefined ? "Event" : `${event.source} ${event.type}`);
  if (event === undefined) return query.error ? <ProblemAlert error={query.error} action={<Link to="/webhooks">To the events</Link>} /> : <Loading what="the event" />;
  const replay = () =>
    run(async () => {
      await client.POST("/api/webhooks/events/{id}/replay", { params: { path: { id } } });
      await refresh("webhook-event", id);
    }, "The event is matched with the rules again.");
  return (
    <SpaceBetween size="l">
      <Header variant="h1" info={<EventStatus event={event} />} description={`From ${event.source}`} actions={<Button variant="primary" loading={busy} onClick={() => void replay()}>Replay</Button>}>
        {event.type}
      </Header>
      {event.error !== null && <Alert type="error" header="It could not be matched">{event.error}</Alert>}
      <KeyValuePairs
        columns={4}
        items={[
          { label: "Sender", value: <Sender event={event} /> },
          { label: "Received", value: <Time at={event.received_at} /> },
          { label: "Delivery", value: <Box variant="code">{event.delivery_id}</Box> },
          { label: "Size", value: bytes(event.size) },
          { label: "Replays", value: event.replays },
        ]}
      />
      <Table<Schemas["WebhookRun"]>
        items={event.runs}
        trackBy={(one) => `${one.rule} ${one.replay} ${one.at}`}
        ariaLabels={{ tableLabel: "What it started" }}
        header={<Header variant="h2">What it started</Header>}
        empty={<Empty title="No rule fits it" action={<Link to="/webhooks?tab=rules">To the rules</Link>} />}
        columnDefinitions={[
          { id: "rule", header: "Rule", isRowHeader: true, cell: (one) => one.name },
          { id: "result", header: "Result", cell: (one) => one.result },
          { id: "execution", header: "Execution", cell: (one) => (one.execution === null ? (one.error ?? "–") : <Link to={`/executions/${one.execution}`}>{one.execution}</Link>) },
          { id: "replay", header: "Replay", cell: (one) => one.replay },
          { id: "at", header: "When", cell: (one) => <Time at={one.at} /> },
        ]}
      />
      <div className="columns">
        <Container header={<Header variant="h2" description="What rules see, and what workflows get.">Event</Header>}>
          {event.envelope === null ? <Box color="text-body-secondary">It is no longer kept.</Box> : <Json value={event.envelope} label="Event" height="520px" />}
        </Container>
        <Container header={<Header variant="h2" description="Without those that are secret.">Headers</Header>}><Json value={event.headers} label="Headers" height="520px" /></Container>
      </div>
    </SpaceBetween>
  );
}

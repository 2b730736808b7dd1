import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import { client, data, type Schemas } from "../../api/client";
import { useRefresh } from "../../api/live";
import { usePages } from "../../api/paging";
import { Empty, Link, ProblemAlert, Time } from "../../components/PageParts";
import { Pager } from "../../components/Pager";
import { useAction } from "../../shell/useNotices";

type Event = Schemas["WebhookEvent"];
const KINDS: Record<string, StatusIndicatorProps.Type> = { received: "in-progress", matched: "success", unmatched: "info", failed: "error" };
const STATUSES = Object.keys(KINDS);

/** What became of an event. */
export function EventStatus({ event }: { event: Event }) {
  return <StatusIndicator type={KINDS[event.status] ?? "info"}>{event.status}</StatusIndicator>;
}

/** What is known of who sent an event. */
export function Sender({ event }: { event: Event }) {
  const { result, by } = event.verification;
  return <StatusIndicator type={result === "verified" ? "success" : "warning"}>{result.replaceAll("_", " ")}{by === null ? "" : `, ${by}`}</StatusIndicator>;
}

export function EventsTab() {
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const [source, setSource] = useState("");
  const [status, setStatus] = useState("");
  const [chosen, setChosen] = useState<Event[]>([]);
  const query = { ...(source === "" ? {} : { source }), ...(status === "" ? {} : { status }) };
  const paged = usePages<Event>(["webhook-events", query], (cursor) =>
    data(client.GET("/api/webhooks/events", { params: { query: { limit: 50, ...query, ...(cursor === undefined ? {} : { cursor }) } } })),
    { topic: "webhooks" },
  );
  const options = [{ value: "", label: "Any status" }, ...STATUSES.map((value) => ({ value, label: value }))];
  const replay = () =>
    run(async () => {
      for (const { id } of chosen) await client.POST("/api/webhooks/events/{id}/replay", { params: { path: { id } } });
      setChosen([]);
      await refresh("webhook-events");
    }, "The events are matched with the rules again.");
  return (
    <SpaceBetween size="m">
      {paged.error !== null && <ProblemAlert error={paged.error} />}
      <Table<Event>
        items={paged.items}
        loading={paged.isLoading}
        loadingText="Loading events"
        trackBy="id"
        enableKeyboardNavigation
        selectionType="multi"
        selectedItems={chosen}
        onSelectionChange={({ detail }) => { setChosen(detail.selectedItems); }}
        ariaLabels={{ tableLabel: "Events", selectionGroupLabel: "Events to replay", allItemsSelectionLabel: () => "All events of this page", itemSelectionLabel: (_, item) => `Select ${item.source} ${item.type}` }}
        header={<Header variant="h2" actions={<Button loading={busy} disabled={chosen.length === 0} onClick={() => void replay()}>Replay</Button>}>Events</Header>}
        filter={
          <SpaceBetween direction="horizontal" size="xs">
            <Input type="search" ariaLabel="Source" placeholder="Source: github" value={source} onChange={({ detail }) => { setSource(detail.value.trim()); }} />
            <Select ariaLabel="Status" options={options} selectedOption={options.find((one) => one.value === status) ?? null} onChange={({ detail }) => { setStatus(detail.selectedOption.value ?? ""); }} />
          </SpaceBetween>
        }
        pagination={<Pager paged={paged} what="events" />}
        empty={<Empty title="No events">Set a source&apos;s secret, and have it send to /webhooks/ and the source&apos;s name. What comes is kept for 30 days.</Empty>}
        columnDefinitions={[
          { id: "type", header: "Event", isRowHeader: true, cell: (item) => <Link to={`/webhooks/${item.id}`}>{item.type}</Link> },
          { id: "source", header: "Source", cell: (item) => item.source },
          { id: "status", header: "Status", cell: (item) => <EventStatus event={item} /> },
          { id: "sender", header: "Sender", cell: (item) => <Sender event={item} /> },
          { id: "runs", header: "Started", cell: (item) => item.runs.filter((one) => one.execution !== null).length },
          { id: "received", header: "Received", cell: (item) => <Time at={item.received_at} /> },
        ]}
      />
    </SpaceBetween>
  );
}

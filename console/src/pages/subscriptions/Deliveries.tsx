import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { PACES, useRefresh } from "../../api/live";
import { usePages } from "../../api/paging";
import { Confirm } from "../../components/Confirm";
import { Empty, ProblemAlert, Time } from "../../components/PageParts";
import { Pager } from "../../components/Pager";
import { useAction, useNotices } from "../../shell/useNotices";
import { DeliveryDialog } from "./DeliveryDialog";

type Delivery = Schemas["Delivery"];
const SIGNS: Record<string, StatusIndicatorProps.Type> = { pending: "pending", delivered: "success", failed: "error" };
const STATUSES = [{ value: "", label: "Any status" }, ...Object.keys(SIGNS).map((value) => ({ value, label: value }))];
/** Deliveries are kept for so long, in milliseconds. */
const KEPT = 14 * 86_400_000;

/** What became of a delivery. */
export function DeliveryStatus({ delivery }: { delivery: Delivery }) {
  return <StatusIndicator type={SIGNS[delivery.status] ?? "info"}>{delivery.status}</StatusIndicator>;
}

/** What was sent, and what became of it. */
export function Deliveries({ id }: { id: string }) {
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const [search, setSearch] = useSearchParams();
  const [chosen, setChosen] = useState<Delivery[]>([]);
  const [asked, setAsked] = useState(false);
  const status = search.get("status") ?? "";
  const shown = search.get("delivery");
  const set = (name: string, value: string | null) => {
    const next = new URLSearchParams(search);
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
    setSearch(next, { replace: true });
  };
  const paged = usePages<Delivery>(
    ["deliveries", id, status],
    (cursor) => data(client.GET("/api/subscriptions/{id}/deliveries", { params: { path: { id }, query: { limit: 50, ...(status === "" ? {} : { status }), ...(cursor === undefined ? {} : { cursor }) } } })),
    PACES.moving,
  );
  // What is gone in the meantime is chosen no more.
  const selected = chosen.filter((one) => paged.items.some((item) => item.id === one.id));
  const replay = () =>
    run(async () => {
      for (const { id: delivery } of selected) await client.POST("/api/subscriptions/{id}/replay", { params: { path: { id } }, body: { delivery } });
      setChosen([]);
      await refresh("deliveries", id);
    }, selected.length === 1 ? "The delivery is made again." : `${selected.length} deliveries are made again.`);
  return (
    <>
      {paged.error !== null && <ProblemAlert error={paged.error} />}
      <Table<Delivery>
        items={paged.items}
        loading={paged.isLoading}
        loadingText="Loading deliveries"
        trackBy="id"
        enableKeyboardNavigation
        wrapLines
        selectionType="multi"
        selectedItems={selected}
        onSelectionChange={({ detail }) => { setChosen(detail.selectedItems); }}
        ariaLabels={{ tableLabel: "Deliveries", selectionGroupLabel: "Deliveries to replay", allItemsSelectionLabel: () => "All deliveries of this page", itemSelectionLabel: (_, item) => `Select ${item.event_type} ${item.id}` }}
        header={
          <Header
            variant="h2"
            description="What was sent in the last 14 days. Events keep their ids, so a receiver that remembers them handles each once."
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button disabled={paged.items.length === 0} onClick={() => { setAsked(true); }}>Replay all failed</Button>
                <Button loading={busy} disabled={selected.length === 0} onClick={() => void replay()}>Replay</Button>
              </SpaceBetween>
            }
          >
            Deliveries
          </Header>
        }
        filter={<div className="short-field"><Select ariaLabel="Status" options={STATUSES} selectedOption={STATUSES.find((one) => one.value === status) ?? null} onChange={({ detail }) => { set("status", detail.selectedOption.value ?? null); }} /></div>}
        pagination={<Pager paged={paged} what="deliveries" />}
        empty={
          paged.error !== null ? <Empty title="Not shown" /> : status !== "" ? (
            <Empty title={`No delivery is ${status}`} action={<Button onClick={() => { set("status", null); }}>Show all</Button>} />
          ) : (
            <Empty title="No deliveries yet">They come when something happens that the pattern lets through. Send a test to try the target.</Empty>
          )
        }
        columnDefinitions={[
          { id: "event", header: "Event", isRowHeader: true, minWidth: 170, cell: (item) => <Button variant="inline-link" ariaLabel={`Show ${item.event_type} ${item.id}`} onClick={() => { set("delivery", item.id); }}>{item.event_type}</Button> },
          { id: "status", header: "Status", minWidth: 130, cell: (item) => <DeliveryStatus delivery={item} /> },
          { id: "attempts", header: "Attempts", minWidth: 90, cell: (item) => item.attempts },
          { id: "created", header: "Happened", minWidth: 180, cell: (item) => <Time at={item.created_at} /> },
          { id: "next", header: "Next or last attempt", minWidth: 180, cell: (item) => <Time at={item.ended_at ?? item.next_at} /> },
          { id: "error", header: "Error", minWidth: 200, cell: (item) => (item.error === null ? <Box color="text-body-secondary">–</Box> : <span className="reason">{item.error}</span>) },
        ]}
      />
      {asked && <ReplayFailed id={id} onClose={() => { setAsked(false); }} />}
      {shown !== null && <DeliveryDialog subscription={id} id={shown} onClose={() => { set("delivery", null); }} />}
    </>
  );
}

function ReplayFailed({ id, onClose }: { id: string; onClose: () => void }) {
  const refresh = useRefresh();
  const notices = useNotices();
  const [from] = useState(() => new Date(Date.now() - KEPT).toISOString());
  const confirm = async () => {
    let count = 0;
    let cursor: string | null | undefined;
    do {
      const body = { from, status: "failed", limit: 100, ...(cursor ? { cursor } : {}) };
      const answer = await data(client.POST("/api/subscriptions/{id}/replay", { params: { path: { id } }, body }));
      count += answer.items.length;
      cursor = answer.next_cursor;
    } while (cursor);
    await refresh("deliveries", id);
    notices.done(count === 0 ? "None has failed." : count === 1 ? "One delivery is made again." : `${count} deliveries are made again.`);
  };
  return (
    <Confirm title="Replay all failed deliveries?" action="Replay" onClose={onClose} onConfirm={confirm}>
      All deliveries of the last 14 days that were given up are made again, the newest first. Do it when the target is mended: else they fail again.
    </Confirm>
  );
}

// The map runs of an execution: how many of their items are how, and the executions of these as rows. Only the rows in view
// exist, and only their pages are read.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { useLive } from "../../api/live";
import { rowsOf, useRows } from "../../api/rows";
import { duration, Empty, Loading, ProblemAlert } from "../../components/PageParts";
import { useListKeys } from "../../components/listKeys";
import { Status } from "../../components/Status";

type MapRun = Schemas["MapRun"];
type Row = Schemas["MapRunExecutionSummary"];
type Counted = "succeeded" | "failed" | "timed_out" | "aborted" | "running" | "pending_redrive" | "pending";

const ROW = 30;
const HEIGHT = 330;
const LIMIT = 100;
/** What is counted, with the status by which the rows can be filtered; items that have not begun have no row. */
const COUNTED: { member: Counted; label: string; status: string | null }[] = [
  { member: "succeeded", label: "Succeeded", status: "SUCCEEDED" },
  { member: "failed", label: "Failed", status: "FAILED" },
  { member: "timed_out", label: "Timed out", status: "TIMED_OUT" },
  { member: "aborted", label: "Aborted", status: "ABORTED" },
  { member: "running", label: "Running", status: "RUNNING" },
  { member: "pending_redrive", label: "To be redriven", status: "PENDING_REDRIVE" },
  { member: "pending", label: "Not begun", status: null },
];

/** All map runs of an execution, one at a time. `states`: their names, the newest first, with their states. */
export default function MapRuns({ id, states }: { id: string; states: ReadonlyMap<string, string> }) {
  const [search, setSearch] = useSearchParams();
  const names = [...states.keys()];
  const asked = search.get("map");
  const name = asked !== null && states.has(asked) ? asked : (names[0] ?? "");
  const status = search.get("items") ?? "";
  const set = (changes: Record<string, string>) => {
    setSearch((before) => {
      for (const [key, value] of Object.entries(changes)) {
        if (value === "") before.delete(key);
        else before.set(key, value);
      }
      return before;
    }, { replace: true });
  };
  const query = useLive(["map-run", id, name], () => data(client.GET("/api/executions/{id}/map-runs/{run}", { params: { path: { id, run: name } } })), {
    active: (run) => run.status === "RUNNING",
    topic: `execution/${id}`,
  });
  const run = query.data;
  const options = names.map((one, index) => ({ value: one, label: `${states.get(one) ?? ""}${names.length > 1 ? ` (${names.length - index})` : ""}` }));
  const filters = [
    { value: "", label: "Any status" },
    ...COUNTED.flatMap(({ member, label, status: value }) => (value === null ? [] : [{ value, label: run === undefined ? label : `${label} (${run.executions[member]})` }])),
  ];
  return (
    <Container
      header={
        <Header
          variant="h2"
          info={run !== undefined && <Status value={run.status} />}
          description={run === undefined ? undefined : told(run)}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              {names.length > 1 && <Select ariaLabel="Map run" options={options} selectedOption={options.find((one) => one.value === name) ?? null} onChange={({ detail }) => { set({ map: detail.selectedOption.value ?? "", items: "" }); }} />}
              <Select ariaLabel="Status of items" options={filters} selectedOption={filters.find((one) => one.value === status) ?? null} onChange={({ detail }) => { set({ items: detail.selectedOption.value ?? "" }); }} />
            </SpaceBetween>
          }
        >
          Items of {states.get(name)}
        </Header>
      }
    >
      {run === undefined ? (
        query.error ? <ProblemAlert error={query.error} /> : <Loading what="the map run" />
      ) : (
        <SpaceBetween size="s">
          {query.error !== null && <ProblemAlert error={query.error} />}
          <Counts run={run} />
          <Rows key={`${name} ${status}`} id={id} run={run} status={status} />
        </SpaceBetween>
      )}
    </Container>
  );
}

function told(run: MapRun): string {
  const limit = run.max_concurrency === 0 ? "No limit of its own" : `At most ${run.max_concurrency} at a time`;
  const tolerated = [
    ...(run.tolerated_failure_count > 0 ? [`${run.tolerated_failure_count} items`] : []),
    ...(run.tolerated_failure_percentage > 0 ? [`${run.tolerated_failure_percentage} % of the items`] : []),
  ];
  const redriven = run.redrive_count === 0 ? "" : ` Redriven ${run.redrive_count === 1 ? "once" : `${run.redrive_count} times`}.`;
  return `${limit}; ${tolerated.length === 0 ? "none may fail" : `${tolerated.join(" or ")} may fail`}.${redriven}`;
}

function Counts({ run }: { run: MapRun }) {
  const { items } = run;
  const ended = items.succeeded + items.failed + items.timed_out + items.aborted;
  const bad = items.failed + items.timed_out + items.aborted > 0;
  return (
    <SpaceBetween size="xs">
      {run.status === "RUNNING" && (
        <ProgressBar ariaLabel="Items that have ended" value={items.total === 0 ? 0 : (ended / items.total) * 100} additionalInfo={`${ended} of ${items.total} have ended`} />
      )}
      <dl className="counts" aria-label="Items by status">
        <div><dt>All</dt><dd>{items.total}</dd></div>
        {COUNTED.filter(({ member }) => items[member] > 0 || member === "succeeded" || (member === "failed" && !bad)).map(({ member, label, status }) => (
          <div key={member} className={`count-${status ?? "none"}`}>
            <dt>{label}</dt>
            <dd>{items[member]}</dd>
          </div>
        ))}
      </dl>
    </SpaceBetween>
  );
}

function Rows({ id, run, status }: { id: string; run: MapRun; status: string }) {
  const navigate = useNavigate();
  const read = useCallback(
    (cursor: string | undefined) =>
      data(client.GET("/api/executions/{id}/map-runs/{run}/executions", {
        params: { path: { id, run: run.name }, query: { limit: LIMIT, ...(status === "" ? {} : { status }), ...(cursor === undefined ? {} : { cursor }) } },
      })),
    [id, run.name, status],
  );
  const { loaded, isLoading, isComplete, error, again, see } = useRows<Row>(read, JSON.stringify([run.executions, run.redrive_count, run.status]));
  const rows = useMemo(() => rowsOf(loaded, (row) => row.name), [loaded]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: rows.length + (isComplete ? 0 : 1), getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 12 });
  const shown = virtual.getVirtualItems();
  const [first, last] = [shown[0]?.index ?? 0, shown.at(-1)?.index ?? 0];
  useEffect(() => {
    see(first, last);
  });
  const [place, setPlace] = useState(0);
  const [isMoved, setIsMoved] = useState(false);
  const onKeyDown = useListKeys(place, rows.length, (next) => {
    setPlace(next);
    setIsMoved(true);
    virtual.scrollToIndex(next, { align: "auto" });
  });
  useEffect(() => {
    if (isMoved) scroller.current?.querySelector<HTMLElement>(`[data-place="${place}"]`)?.focus({ preventScroll: true });
  }, [place, isMoved, first, last]);
  if (isLoading) return <Loading what="the items" />;
  if (rows.length === 0 && error === null) {
    const begun = run.executions.total > run.executions.pending;
    return <Empty title={status !== "" && begun ? "No item is so" : "None has begun"}>{status !== "" && begun ? "Choose another status." : run.status === "RUNNING" ? "The items are being read." : "There were no items, or they could not be read."}</Empty>;
  }
  return (
    <>
      {error !== null && <Alert type="error" header="The items could not be read" action={<Button onClick={again}>Try again</Button>}>{error instanceof Error ? error.message : String(error)}</Alert>}
      <div ref={scroller} className="rows" style={{ height: Math.min(HEIGHT, virtual.getTotalSize() + 2) }} role="list" aria-label={`Items, ${rows.length}${isComplete ? "" : " and more"}`} onKeyDown={onKeyDown}>
        <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="presentation">
          {shown.map((item) => {
            const row = rows[item.index];
            const style = { transform: `translateY(${item.start}px)`, height: ROW };
            if (row === undefined) return <div key="more" className="row event" style={style} role="listitem"><Box color="text-body-secondary">Loading more…</Box></div>;
            const to = `/executions/${encodeURIComponent(id)}/map-runs/${run.name}/${row.name}`;
            const took = row.stopped_at === null ? null : duration(Date.parse(row.stopped_at) - Date.parse(row.started_at));
            return (
              <div key={row.name} role="listitem" className="item-row" style={style}>
                <a
                  href={to}
                  data-place={item.index}
                  tabIndex={item.index === place || (item.index === first && (place < first || place > last)) ? 0 : -1}
                  className="row item"
                  onFocus={() => { setPlace(item.index); }}
                  onClick={(event) => {
                    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
                    event.preventDefault();
                    void navigate(to);
                  }}
                >
                  <span className="item-status"><Status value={row.status} /></span>
                  <span className="item-name">{row.name}</span>
                  <span className="item-error">{row.error ?? (row.items > 1 ? `${row.items} items` : "")}</span>
                  <span className="row-time">{took ?? "–"}</span>
                </a>
              </div>
            );
          })}
        </div>
      </div>
    </>
  );
}

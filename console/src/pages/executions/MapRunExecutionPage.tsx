import Alert from "@cloudscape-design/components/alert";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect, useMemo } from "react";
import { useParams, useSearchParams } from "react-router";
import { client, data } from "../../api/client";
import { useMapRunHistory } from "../../api/history";
import { useLive } from "../../api/live";
import { partWith, withStatuses, type Graph } from "../../asl/graph";
import { fold, statuses, type HistoryEvent } from "../../asl/history";
import { EventList } from "../../components/EventList";
import { duration, Empty, Link, Loading, ProblemAlert, Time, useTitle } from "../../components/PageParts";
import { StateGraph } from "../../components/StateGraph";
import { Status } from "../../components/Status";
import { Timeline } from "../../components/Timeline";
import { Details, useNow } from "./ExecutionPage";

const NONE: HistoryEvent[] = [];
const RUNS = new Set(["RUNNING", "PENDING_REDRIVE"]);

/** An execution of a map run: what became of an item, or of some where they are grouped. */
export default function MapRunExecutionPage() {
  const { id = "", run = "", name = "" } = useParams();
  const [search, setSearch] = useSearchParams();
  const topic = `execution/${id}`;
  const query = useLive(["map-run-execution", id, run, name], () => data(client.GET("/api/executions/{id}/map-runs/{run}/executions/{name}", { params: { path: { id, run, name } } })), {
    active: (one) => RUNS.has(one.status),
    topic,
  });
  const execution = query.data;
  useTitle(execution === undefined ? "Item" : `Item ${name}`);
  const running = execution === undefined || RUNS.has(execution.status);
  const parent = useLive(["execution", id], () => data(client.GET("/api/executions/{id}", { params: { path: { id } } })), { active: () => false });
  const graph = useLive(
    ["graph", id, "definition"],
    // Its other formats are texts.
    () => data(client.GET("/api/executions/{id}/graph", { params: { path: { id } }, headers: { accept: "application/json" } })) as Promise<Graph>,
    { active: () => false },
  );
  const history = useMapRunHistory(id, run, name, running);
  const { refetch } = history;
  useEffect(() => {
    if (!running) void refetch();
  }, [running, refetch]);
  const events = history.data?.events ?? NONE;
  const folded = useMemo(() => fold(events), [events]);
  const now = useNow(running);
  // The definition is that of the whole execution, and an item runs a part of it.
  const drawn = useMemo(() => {
    const found = graph.data === undefined ? null : partWith(graph.data, new Set(folded.spans.map(({ state }) => state)));
    return found === null ? null : withStatuses(found, statuses(folded));
  }, [graph.data, folded]);
  const chosen = search.get("event");
  const event = chosen === null ? null : Number(chosen);
  const span = event === null ? null : (folded.spanOf.get(event) ?? null);
  const choose = (next: number) => {
    setSearch({ event: String(next) }, { replace: true });
  };
  if (execution === undefined) {
    return query.error ? <ProblemAlert error={query.error} action={<Link to={`/executions/${encodeURIComponent(id)}`}>To the execution</Link>} /> : <Loading what="the item" />;
  }
  return (
    <SpaceBetween size="l">
      <Header variant="h1" info={<Status value={execution.status} />} description={name}>Item of a map run</Header>
      {query.error !== null && <ProblemAlert error={query.error} />}
      {(execution.error !== null || execution.cause !== null) && <Alert type={execution.status === "ABORTED" ? "info" : "error"} header={execution.error ?? "Stopped"}>{execution.cause ?? "No cause was told."}</Alert>}
      <KeyValuePairs
        columns={4}
        items={[
          { label: "Of the execution", value: <Link to={`/executions/${encodeURIComponent(id)}?map=${run}`}>{parent.data?.name ?? id}</Link> },
          { label: "Items", value: execution.items },
          { label: "Started", value: <Time at={execution.started_at} /> },
          { label: "Took", value: execution.stopped_at ? duration(Date.parse(execution.stopped_at) - Date.parse(execution.started_at)) : "It runs" },
        ]}
      />
      <div className="columns">
        <Container header={<Header variant="h2">Graph</Header>}>
          {graph.error !== null ? (
            <ProblemAlert error={graph.error} />
          ) : drawn === null ? (
            history.data?.complete === true ? <Empty title="No state was entered">It ended, or waits, before its first state.</Empty> : <Loading what="the graph" />
          ) : (
            <StateGraph
              graph={drawn}
              height="460px"
              selected={span?.state ?? null}
              label="States of the item"
              onSelect={(state) => {
                const visit = folded.spans.find((one) => one.state === state);
                if (visit !== undefined) choose(visit.key);
              }}
            />
          )}
        </Container>
        <SpaceBetween size="l">
          <Container header={<Header variant="h2" counter={`(${folded.spans.length})`}>Timeline</Header>}>
            {folded.spans.length === 0 ? <Empty title="No state was entered yet" /> : <Timeline folded={folded} now={now} selected={span} onSelect={(one) => { choose(one.key); }} height={160} />}
          </Container>
          <Container header={<Header variant="h2" counter={`(${events.length})`}>Events</Header>}>
            {history.error !== null && <ProblemAlert error={history.error} />}
            <EventList events={events} folded={folded} selected={event} onSelect={choose} height={190} />
          </Container>
        </SpaceBetween>
      </div>
      <Details execution={execution} span={span} event={events.find((one) => one.id === event) ?? null} />
    </SpaceBetween>
  );
}

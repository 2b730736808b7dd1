import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useEffect, useMemo, useState } from "react";
import { useParams, useSearchParams } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { useHistory } from "../../api/history";
import { useLive, useRefresh } from "../../api/live";
import { allStates, withStatuses, type Graph } from "../../asl/graph";
import { fold, statuses, type HistoryEvent, type Span } from "../../asl/history";
import { mapRunStates } from "../../asl/mapRuns";
import { Json } from "../../components/Code";
import { EventList } from "../../components/EventList";
import { duration, Empty, Link, Loading, ProblemAlert, Time, useTitle } from "../../components/PageParts";
import { part } from "../../components/Part";
import { StateGraph } from "../../components/StateGraph";
import { Status } from "../../components/Status";
import { Timeline } from "../../components/Timeline";
import { useAction } from "../../shell/useNotices";
import { exportGraph } from "./exportGraph";
import { ForkDialog, RedriveDialog, StopDialog } from "./ControlDialogs";

/** Loaded when somebody looks at logs. */
const Logs = part(() => import("../../components/Logs"), "The logs", () => <Loading what="the logs" />);

const NONE: HistoryEvent[] = [];
const MapRuns = part(() => import("./MapRuns"), "The map runs", () => <Loading what="the map runs" />);

export default function ExecutionPage() {
  const { id = "" } = useParams();
  const [search, setSearch] = useSearchParams();
  const query = useLive(["execution", id], () => data(client.GET("/api/executions/{id}", { params: { path: { id } } })), {
    active: (execution) => execution.status === "RUNNING",
    topic: `execution/${id}`,
  });
  const execution = query.data;
  useTitle(execution?.name ?? "Execution");
  const running = execution === undefined || execution.status === "RUNNING";
  // Once it has ended, what is shown is read a last time.
  const graph = useLive(
    ["graph", id, execution?.status, execution?.redrive_count],
    // Its other formats are texts.
    () => data(client.GET("/api/executions/{id}/graph", { params: { path: { id } }, headers: { accept: "application/json" } })) as Promise<Graph>,
    { active: () => running, topic: `execution/${id}` },
  );
  const history = useHistory(id, running);
  const { refetch } = history;
  useEffect(() => {
    if (!running) void refetch();
  }, [running, refetch]);
  const events = history.data?.events ?? NONE;
  const folded = useMemo(() => fold(events), [events]);
  const mapRuns = useMemo(() => mapRunStates(events, folded), [events, folded]);
  const now = useNow(running);
  const complete = history.data?.complete === true;
  // The graph says what the timeline says, as soon as all events are there.
  const drawn = useMemo(() => (graph.data !== undefined && complete ? withStatuses(graph.data, statuses(folded)) : graph.data), [graph.data, complete, folded]);

  const chosen = search.get("event");
  const event = chosen === null ? null : Number(chosen);
  const span = event === null ? null : (folded.spanOf.get(event) ?? null);
  const choose = (next: number) => {
    setSearch((before) => {
      before.set("event", String(next));
      return before;
    }, { replace: true });
  };
  const chooseState = (state: string) => {
    if (span?.state === state) return;
    const visits = folded.spans.filter((one) => one.state === state);
    const visit = visits.find((one) => one.status === "FAILED") ?? visits[0];
    if (visit !== undefined) choose(visit.key);
  };

  if (execution === undefined) {
    return query.error ? <ProblemAlert error={query.error} action={<Link to="/executions">To the executions</Link>} /> : <Loading what="the execution" />;
  }

  return (
    <SpaceBetween size="l">
      <Heading execution={execution} events={events} event={events.find((one) => one.id === event) ?? null} />
      {query.error !== null && <ProblemAlert error={query.error} />}
      {(execution.error !== null || execution.cause !== null) && (
        <Alert type={execution.status === "ABORTED" ? "info" : "error"} header={execution.error ?? "Stopped"}>
          {execution.cause ?? "No cause was told."}
        </Alert>
      )}
      {running && execution.stuck && (
        <Alert type="warning" header="A message of it was given up" action={<Link to={`/queues/${execution.stuck.queue}`}>To the dead letters</Link>}>
          On <Time at={execution.stuck.since} /> one on the queue {execution.stuck.queue} failed for the last time (<code>{execution.stuck.error}</code>). What waits for it stands still until that is redriven.
        </Alert>
      )}
      {execution.queued && (
        <Alert type="info" header="It waits to begin">
          A limit{execution.queued.key === null ? "" : ` (${execution.queued.key})`} leaves no room. Its place is by priority {execution.queued.priority}, then by age.
        </Alert>
      )}
      <div className="columns">
        <Container header={<Header variant="h2">Graph</Header>}>
          {drawn === undefined ? (
            graph.error ? <ProblemAlert error={graph.error} /> : <Loading what="the graph" />
          ) : allStates(drawn).length === 0 ? (
            <Empty title="There is nothing to draw" />
          ) : (
            <StateGraph graph={drawn} height="560px" selected={span?.state ?? null} onSelect={chooseState} label="States of the execution" />
          )}
        </Container>
        <SpaceBetween size="l">
          <Container header={<Header variant="h2" counter={`(${folded.spans.length})`} description="Each bar is a visit of a state.">Timeline</Header>}>
            {folded.spans.length === 0 ? <Loading what="events" /> : <Timeline folded={folded} now={execution.stopped_at ? Date.parse(execution.stopped_at) : now} selected={span} onSelect={(one) => { choose(one.key); }} height={190} />}
          </Container>
          <Container header={<Header variant="h2" counter={`(${events.length}${history.data?.complete === false ? " and more coming" : ""})`}>Events</Header>}>
            {history.error !== null && <ProblemAlert error={history.error} />}
            <EventList events={events} folded={folded} selected={event} onSelect={choose} height={220} />
          </Container>
        </SpaceBetween>
      </div>
      {mapRuns.size > 0 && <MapRuns id={id} states={mapRuns} />}
      <Details execution={execution} span={span} event={events.find((one) => one.id === event) ?? null} />
      <LogsOf key={id} id={id} running={running} />
    </SpaceBetween>
  );
}

/** What was logged, once somebody wants to see it. */
function LogsOf({ id, running }: { id: string; running: boolean }) {
  const [open, setOpen] = useState(false);
  return (
    <ExpandableSection
      variant="container"
      headerText="Logs"
      headerDescription="What the server and functions wrote while they worked on it."
      expanded={open}
      onChange={({ detail }) => {
        setOpen(detail.expanded);
      }}
    >
      {open && <Logs of="executions" id={id} running={running} />}
    </ExpandableSection>
  );
}

/** The moment, while something runs. */
export function useNow(running: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => {
      setNow(Date.now());
    }, 500);
    return () => {
      clearInterval(timer);
    };
  }, [running]);
  return now;
}

function Heading({ execution, events, event }: { execution: Schemas["Execution"]; events: HistoryEvent[]; event: HistoryEvent | null }) {
  const { id } = execution;
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const exporting = useAction();
  const [dialog, setDialog] = useState<"stop" | "redrive" | "fork" | null>(null);
  const running = execution.status === "RUNNING";
  const path = { params: { path: { id } } };
  const control = (action: "pause" | "resume") =>
    run(async () => {
      if (action === "pause") await client.POST("/api/executions/{id}/pause", path);
      else await client.POST("/api/executions/{id}/resume", path);
      await refresh("execution", id);
    }, action === "pause" ? "It stands still at its next transition." : "It goes on.");
  const close = () => {
    setDialog(null);
  };
  const started = Date.parse(execution.started_at);
  return (
    <SpaceBetween size="m">
      <Header
        variant="h1"
        info={<Status value={execution.paused && running ? "PAUSED" : execution.queued ? "QUEUED" : execution.status} />}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            {running && (execution.paused ? <Button loading={busy} onClick={() => void control("resume")}>Resume</Button> : <Button loading={busy} onClick={() => void control("pause")}>Pause</Button>)}
            {running && <Button onClick={() => { setDialog("stop"); }}>Stop</Button>}
            {!running && execution.status !== "SUCCEEDED" && <Button onClick={() => { setDialog("redrive"); }}>Redrive</Button>}
            {execution.workflow_id !== null && <Button onClick={() => { setDialog("fork"); }}>{event === null ? "Fork" : "Fork from here"}</Button>}
            <ButtonDropdown
              items={[
                { id: "svg", text: "Graph as SVG" },
                { id: "mermaid", text: "Graph as Mermaid" },
              ]}
              loading={exporting.busy}
              onItemClick={({ detail }) => void exporting.run(() => exportGraph(execution, detail.id))}
            >
              Export
            </ButtonDropdown>
          </SpaceBetween>
        }
      >
        {execution.name}
      </Header>
      <KeyValuePairs
        columns={4}
        items={[
          {
            label: execution.workflow_id === null ? "Project" : "Workflow",
            value:
              execution.workflow_id !== null ? (
                <Link to={`/workflows/${execution.workflow_id}`}>{`${execution.workflow_arn?.split(":").at(-1) ?? ""}${execution.version === null ? "" : `, version ${execution.version}`}`}</Link>
              ) : execution.project_id ? (
                <Link to={`/projects/${execution.project_id}`}>Open the project</Link>
              ) : (
                "–"
              ),
          },
          { label: "Started", value: <Time at={execution.started_at} /> },
          { label: "Took", value: execution.stopped_at ? duration(Date.parse(execution.stopped_at) - started) : "It runs" },
          {
            label: "Attributes",
            value: Object.keys(execution.attributes).length === 0 ? "–" : <Box variant="code">{Object.entries(execution.attributes).map(([name, value]) => `${name}=${value}`).join(" ")}</Box>,
          },
        ]}
      />
      {dialog === "stop" && <StopDialog id={id} onClose={close} />}
      {dialog === "redrive" && <RedriveDialog execution={execution} onClose={close} />}
      {dialog === "fork" && <ForkDialog execution={execution} events={events} event={event} onClose={close} />}
    </SpaceBetween>
  );
}

export function Details({ execution, span, event }: { execution: Pick<Schemas["Execution"], "status" | "input" | "output">; span: Span | null; event: HistoryEvent | null }) {
  const [search, setSearch] = useSearchParams();
  const tab = search.get("show") ?? "input";
  if (span === null) {
    return (
      <Container header={<Header variant="h2" description="Choose a state, a bar or an event to see what went in and out of it.">Execution</Header>}>
        <div className="columns">
          <div><Box variant="h3">Input</Box><Json value={execution.input} label="Input of the execution" /></div>
          <div><Box variant="h3">Output</Box>{execution.status === "SUCCEEDED" ? <Json value={execution.output} label="Output of the execution" /> : <Box color="text-body-secondary">There is none{execution.status === "RUNNING" ? " yet" : ""}.</Box>}</div>
        </div>
        {event !== null && <EventDetails event={event} />}
      </Container>
    );
  }
  const took = span.end === null ? "it runs" : duration(span.end - span.start);
  return (
    <Container
      header={
        <Header
          variant="h2"
          info={<Status value={span.status} />}
          description={`${span.type}${span.thread === "" ? "" : ` in ${span.thread}`}, ${took}${span.attempts > 1 ? `, ${span.attempts} attempts` : ""}`}
        >
          {span.state}
        </Header>
      }
    >
      <SpaceBetween size="s">
        {span.error !== null && <Alert type={span.status === "CAUGHT" ? "warning" : "error"} header={span.error}>{span.cause ?? "No cause was told."}</Alert>}
        <Tabs
          activeTabId={tab}
          ariaLabel="What the state took and gave"
          onChange={({ detail }) => {
            setSearch((before) => {
              const next = new URLSearchParams(before);
              next.set("show", detail.activeTabId);
              return next;
            }, { replace: true });
          }}
          tabs={[
            { id: "input", label: "Input", content: <Json value={span.input} label="Input of the state" /> },
            { id: "output", label: "Output", content: span.hasOutput ? <Json value={span.output} label="Output of the state" /> : <Box color="text-body-secondary">There is none{span.end === null ? " yet" : ""}.</Box> },
            {
              id: "variables",
              label: "Variables",
              content: (
                <div className="columns">
                  <div><Box variant="h3">When it was entered</Box><Json value={span.variables} label="Variables before the state" /></div>
                  <div><Box variant="h3">What it assigned</Box>{span.assigned === null ? <Box color="text-body-secondary">Nothing.</Box> : <Json value={span.assigned} label="Variables that the state assigned" />}</div>
                </div>
              ),
            },
            { id: "event", label: event === null ? "Event" : `Event ${event.id}`, content: event === null ? null : <EventDetails event={event} /> },
          ]}
        />
      </SpaceBetween>
    </Container>
  );
}

function EventDetails({ event }: { event: HistoryEvent }) {
  return (
    <SpaceBetween size="xs">
      <Box>
        <b>{event.type}</b>, <Time at={event.timestamp} />, after event {event.previous_event_id}
      </Box>
      <Json value={event.details} label={`Details of event ${event.id}`} />
    </SpaceBetween>
  );
}

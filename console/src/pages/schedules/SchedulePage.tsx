import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { useLive, useRefresh } from "../../api/live";
import { Json } from "../../components/Code";
import { Confirm } from "../../components/Confirm";
import { Empty, Link, LinkButton, Loading, ProblemAlert, Time, useTitle } from "../../components/PageParts";
import { useAction } from "../../shell/useNotices";
import { CATCH_UP, OVERLAP } from "./policies";
import { ScheduleDialog } from "./ScheduleDialog";
import { ScheduleStatus } from "./SchedulesPage";

type Run = Schemas["ScheduleRun"];

export default function SchedulePage() {
  const { name = "" } = useParams();
  useTitle(name);
  const navigate = useNavigate();
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const [dialog, setDialog] = useState<"change" | "delete" | null>(null);
  const path = { params: { path: { name } } };
  const query = useLive(["schedule", name], () => data(client.GET("/api/schedules/{name}", path)), { soonest: 2_000, topic: "schedules" });
  const next = useLive(["schedule", name, "next", query.data?.version, query.data?.next_at], () => data(client.GET("/api/schedules/{name}/next", { params: { path: { name }, query: { count: 5 } } })), { enabled: query.data !== undefined, active: () => false });
  const schedule = query.data;
  if (schedule === undefined) return query.error ? <ProblemAlert error={query.error} action={<Link to="/schedules">To the schedules</Link>} /> : <Loading what="the schedule" />;
  const paused = schedule.status === "PAUSED";
  const act = (action: () => Promise<unknown>, done: string) =>
    run(async () => {
      await action();
      await refresh("schedule", name);
    }, done);
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        info={<ScheduleStatus schedule={schedule} />}
        description={schedule.description ?? undefined}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <LinkButton to={`/executions?attribute=${encodeURIComponent(`schedule=${name}`)}`}>Executions</LinkButton>
            <Button onClick={() => { setDialog("delete"); }}>Delete</Button>
            <Button onClick={() => { setDialog("change"); }}>Change</Button>
            {["ENABLED", "PAUSED"].includes(schedule.status) && (
              <Button loading={busy} onClick={() => void act(() => (paused ? client.POST("/api/schedules/{name}/resume", path) : client.POST("/api/schedules/{name}/pause", path)), paused ? "It comes again." : "It rests.")}>
                {paused ? "Resume" : "Pause"}
              </Button>
            )}
            <Button variant="primary" loading={busy} onClick={() => void act(() => client.POST("/api/schedules/{name}/run", path), "It was started.")}>Run now</Button>
          </SpaceBetween>
        }
      >
        {schedule.name}
      </Header>
      <KeyValuePairs
        columns={4}
        items={[
          { label: "When", value: <Box variant="code">{schedule.expression}</Box> },
          { label: "Time zone", value: schedule.time_zone },
          { label: "Workflow", value: <Link to={`/workflows/${schedule.workflow_id}`}>{`${schedule.workflow_arn.split(":").at(-1) ?? ""}${schedule.qualifier ? `:${schedule.qualifier}` : ""}`}</Link> },
          { label: "When the one before still runs", value: OVERLAP.find((one) => one.value === schedule.overlap)?.label ?? schedule.overlap },
          { label: "Times that were missed", value: CATCH_UP.find((one) => one.value === schedule.catch_up)?.label ?? schedule.catch_up },
          { label: "Started", value: schedule.counts.started },
          { label: "Left out, missed", value: `${schedule.counts.skipped}, ${schedule.counts.missed}` },
          { label: "Failed", value: schedule.counts.failed },
        ]}
      />
      <div className="columns">
        <Container header={<Header variant="h2">Next times</Header>}>
          {next.error !== null && <ProblemAlert error={next.error} />}
          {schedule.next_at === null ? <Box color="text-body-secondary">{paused ? "None while it is paused." : "It does not come again."}</Box> : <ol>{next.data?.times.map((at) => <li key={at}><Time at={at} /></li>)}</ol>}
        </Container>
        <Container header={<Header variant="h2">Input</Header>}>
          {schedule.input === null || schedule.input === undefined ? <Box color="text-body-secondary">The usual: the schedule's name, the workflow and the time.</Box> : <Json value={schedule.input} label="Input" height="200px" />}
        </Container>
      </div>
      <Table<Run>
        items={schedule.runs}
        trackBy={(one) => `${one.due_at} ${one.at}`}
        ariaLabels={{ tableLabel: "Last turns" }}
        header={<Header variant="h2">Last turns</Header>}
        empty={<Empty title="It had no turn yet" />}
        columnDefinitions={[
          { id: "due", header: "Due", isRowHeader: true, cell: (one) => <Time at={one.due_at} /> },
          { id: "outcome", header: "Outcome", cell: (one) => <StatusIndicator type={one.outcome === "started" ? "success" : one.outcome === "failed" ? "error" : "info"}>{one.outcome}</StatusIndicator> },
          { id: "execution", header: "Execution", cell: (one) => (one.execution_arn ? <Link to={`/executions/${encodeURIComponent(one.execution_arn)}`}>{one.execution_arn.split(":").at(-1)}</Link> : (one.reason ?? "–")) },
        ]}
      />
      {dialog === "change" && <ScheduleDialog schedule={schedule} onClose={() => { setDialog(null); }} />}
      {dialog === "delete" && (
        <Confirm
          title={`Delete ${name}?`}
          action="Delete"
          onClose={() => { setDialog(null); }}
          onConfirm={async () => {
            await client.DELETE("/api/schedules/{name}", { params: { path: { name }, header: { "If-Match": `"${schedule.version}"` } } });
            void navigate("/schedules");
          }}
        >
          What it has started goes on.
        </Confirm>
      )}
    </SpaceBetween>
  );
}

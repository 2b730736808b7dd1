import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import Button from "@cloudscape-design/components/button";
import { client, data, type Schemas } from "../../api/client";
import { usePages } from "../../api/paging";
import { Empty, Link, ProblemAlert, Time, useTitle } from "../../components/PageParts";
import { Pager } from "../../components/Pager";
import { ScheduleDialog } from "./ScheduleDialog";

type Schedule = Schemas["Schedule"];

/** Whether a schedule comes again. */
export function ScheduleStatus({ schedule }: { schedule: Schedule }) {
  const rests = schedule.status !== "ENABLED";
  return <StatusIndicator type={rests ? "stopped" : "success"}>{schedule.status.charAt(0) + schedule.status.slice(1).toLowerCase()}</StatusIndicator>;
}

export default function SchedulesPage() {
  useTitle("Schedules");
  const [creating, setCreating] = useState(false);
  const paged = usePages<Schedule>(["schedules"], (cursor) => data(client.GET("/api/schedules", { params: { query: { limit: 50, ...(cursor === undefined ? {} : { cursor }) } } })), { topic: "schedules" });
  const create = <Button onClick={() => { setCreating(true); }}>Create schedule</Button>;
  return (
    <SpaceBetween size="m">
      <ProblemAlert error={paged.error} />
      <Table<Schedule>
        variant="full-page"
        items={paged.items}
        loading={paged.isLoading}
        loadingText="Loading schedules"
        trackBy="id"
        enableKeyboardNavigation
        ariaLabels={{ tableLabel: "Schedules" }}
        header={
          <Header variant="awsui-h1-sticky" description="Workflows that start at times." actions={<Button variant="primary" onClick={() => { setCreating(true); }}>Create schedule</Button>}>
            Schedules
          </Header>
        }
        pagination={<Pager paged={paged} what="schedules" />}
        empty={<Empty title="No schedules yet" action={create}>A schedule starts a workflow every so often, by a calendar, or once.</Empty>}
        columnDefinitions={[
          { id: "name", header: "Name", isRowHeader: true, cell: (item) => <Link to={`/schedules/${encodeURIComponent(item.name)}`}>{item.name}</Link> },
          { id: "status", header: "Status", cell: (item) => <ScheduleStatus schedule={item} /> },
          { id: "expression", header: "When", cell: (item) => `${item.expression} ${item.time_zone}` },
          { id: "next", header: "Next time", cell: (item) => <Time at={item.next_at} /> },
          { id: "workflow", header: "Workflow", cell: (item) => <Link to={`/workflows/${item.workflow_id}`}>{item.workflow_arn.split(":").at(-1)}</Link> },
          { id: "counts", header: "Started", cell: (item) => item.counts.started },
          { id: "failed", header: "Failed", cell: (item) => item.counts.failed },
        ]}
      />
      {creating && <ScheduleDialog schedule={null} onClose={() => { setCreating(false); }} />}
    </SpaceBetween>
  );
}

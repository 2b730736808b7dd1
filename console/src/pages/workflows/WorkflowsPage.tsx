import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { client, data, type Schemas } from "../../api/client";
import { PACES } from "../../api/live";
import { usePages } from "../../api/paging";
import { Empty, Link, LinkButton, ProblemAlert, Time, useTitle } from "../../components/PageParts";
import { Pager } from "../../components/Pager";
import { Status } from "../../components/Status";

export default function WorkflowsPage() {
  useTitle("Workflows");
  const paged = usePages<Schemas["WorkflowSummary"]>(["workflows"], (cursor) => data(client.GET("/api/workflows", { params: { query: { limit: 50, ...(cursor === undefined ? {} : { cursor }) } } })), PACES.seldom);
  return (
    <SpaceBetween size="m">
      <ProblemAlert error={paged.error} />
      <Table
        variant="full-page"
        items={paged.items}
        loading={paged.isLoading}
        loadingText="Loading workflows"
        trackBy="id"
        enableKeyboardNavigation
        ariaLabels={{ tableLabel: "Workflows" }}
        header={
          <Header variant="awsui-h1-sticky" description="Definitions in the Amazon States Language." actions={<LinkButton variant="primary" to="/workflows/new">Create workflow</LinkButton>}>
            Workflows
          </Header>
        }
        pagination={<Pager paged={paged} what="workflows" />}
        empty={
          <Empty title="No workflows yet" action={<LinkButton to="/workflows/new">Create workflow</LinkButton>}>
            The editor begins with one that works.
          </Empty>
        }
        columnDefinitions={[
          { id: "name", header: "Name", isRowHeader: true, cell: (item) => <Link to={`/workflows/${item.id}`}>{item.name}</Link> },
          { id: "type", header: "Type", cell: (item) => item.type.toLowerCase() },
          { id: "status", header: "Status", cell: (item) => <Status value={item.status} /> },
          { id: "version", header: "Newest version", cell: (item) => item.latest_version ?? "–" },
          { id: "updated", header: "Updated", cell: (item) => <Time at={item.updated_at} /> },
          { id: "executions", header: "Executions", cell: (item) => <Link to={`/executions?workflow=${item.id}`} ariaLabel={`Show executions of ${item.name}`}>Show</Link> },
        ]}
      />
    </SpaceBetween>
  );
}

import Autosuggest from "@cloudscape-design/components/autosuggest";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { CALLS_EVERY, useLive } from "../../api/live";
import { usePages } from "../../api/paging";
import { bytes, Empty, Link, LinkButton, ProblemAlert, Time, useTitle } from "../../components/PageParts";
import { Pager } from "../../components/Pager";

const LAST = "millrace.functions.project";

/** Functions belong to a project: a project of the pipeline, or any name. */
export default function FunctionsPage() {
  useTitle("Functions");
  const [search, setSearch] = useSearchParams();
  const project = search.get("project") ?? localStorage.getItem(LAST) ?? "default";
  const [typed, setTyped] = useState(project);
  const projects = useLive(["projects", "names"], () => data(client.GET("/api/projects", { params: { query: { limit: 100 } } })), { active: () => false });
  const paged = usePages<Schemas["Function"]>(["functions", project], (cursor) =>
    data(client.GET("/api/functions/projects/{projectId}", { params: { path: { projectId: project }, query: { limit: 50, ...(cursor === undefined ? {} : { cursor }) } } })),
    { topic: "functions", unasked: CALLS_EVERY },
  );
  const choose = (next: string) => {
    const trimmed = next.trim();
    if (trimmed === "" || trimmed === project) return;
    localStorage.setItem(LAST, trimmed);
    setSearch({ project: trimmed });
  };
  const base = `/functions/${encodeURIComponent(project)}`;
  const create = `/functions/new?project=${encodeURIComponent(project)}`;
  return (
    <SpaceBetween size="m">
      <ProblemAlert error={paged.error} />
      <Table
        variant="full-page"
        items={paged.items}
        loading={paged.isLoading}
        loadingText="Loading functions"
        trackBy="id"
        enableKeyboardNavigation
        ariaLabels={{ tableLabel: "Functions" }}
        header={
          <Header variant="awsui-h1-sticky" description="JavaScript and TypeScript handlers, each run in a sandbox of its own." actions={<LinkButton variant="primary" to={create}>Create function</LinkButton>}>
            Functions
          </Header>
        }
        filter={
          <div className="short-field"><Autosuggest
            value={typed}
            ariaLabel="Project of the functions"
            placeholder="Project"
            enteredTextLabel={(value) => `Project ${value}`}
            options={(projects.data?.items ?? []).map((one) => ({ value: one.id, label: one.name, description: one.id }))}
            onChange={({ detail }) => { setTyped(detail.value); }}
            onSelect={({ detail }) => { choose(detail.value); }}
            onBlur={() => { choose(typed); }}
          /></div>
        }
        pagination={<Pager paged={paged} what="functions" />}
        empty={<Empty title={`No functions in ${project}`} action={<LinkButton to={create}>Create function</LinkButton>}>Choose another project above, or create the first.</Empty>}
        columnDefinitions={[
          { id: "name", header: "Name", isRowHeader: true, cell: (item) => <Link to={`${base}/${encodeURIComponent(item.function_name)}`}>{item.function_name}</Link> },
          { id: "active", header: "State", cell: (item) => <StatusIndicator type={item.is_active ? "success" : "stopped"}>{item.is_active ? "Enabled" : "Disabled"}</StatusIndicator> },
          { id: "runtime", header: "Runtime", cell: (item) => item.runtime },
          { id: "version", header: "Version", cell: (item) => item.version },
          { id: "size", header: "Size", cell: (item) => bytes(item.code_size) },
          { id: "calls", header: "Calls", cell: (item) => item.invocation_count.toLocaleString() },
          { id: "failed", header: "Failed", cell: (item) => item.failed_count.toLocaleString() },
          { id: "last", header: "Last called", cell: (item) => <Time at={item.last_invoked_at} /> },
        ]}
      />
    </SpaceBetween>
  );
}

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useSearchParams } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { usePages } from "../../api/paging";
import { Empty, Link, LinkButton, ProblemAlert, Time, useTitle } from "../../components/PageParts";
import { Pager } from "../../components/Pager";
import { Status } from "../../components/Status";
import { PROJECT_STATUSES } from "./project";

type Item = Schemas["ProjectSummary"];

export default function ProjectsPage() {
  useTitle("Projects");
  const [search, setSearch] = useSearchParams();
  const asked = search.get("status");
  const status = PROJECT_STATUSES.find((known) => known === asked) ?? null;
  const paged = usePages<Item>(
    ["projects", status],
    (cursor) => data(client.GET("/api/projects", { params: { query: { ...(status === null ? {} : { status }), ...(cursor === undefined ? {} : { cursor }) } } })),
    { topic: "projects" },
  );
  const options = [{ label: "Any status", value: "" }, ...PROJECT_STATUSES.map((value) => ({ value, label: value.replaceAll("_", " ") }))];
  return (
    <SpaceBetween size="m">
      <ProblemAlert error={paged.error} />
      <Table
        variant="full-page"
        items={paged.items}
        loading={paged.isLoading}
        loadingText="Loading projects"
        trackBy="id"
        enableKeyboardNavigation
        ariaLabels={{ tableLabel: "Projects" }}
        header={
          <Header
            variant="awsui-h1-sticky"
            description="A request becomes a plan, code, a report and a package."
            actions={<LinkButton variant="primary" to="/projects/new">Create project</LinkButton>}
          >
            Projects
          </Header>
        }
        filter={
          <div className="short-field"><Select
            selectedOption={options.find((option) => option.value === (status ?? "")) ?? null}
            options={options}
            ariaLabel="Status"
            onChange={({ detail }) => {
              setSearch(detail.selectedOption.value ? { status: detail.selectedOption.value } : {});
            }}
          /></div>
        }
        pagination={<Pager paged={paged} what="projects" />}
        empty={
          status === null ? (
            <Empty title="No projects yet" action={<LinkButton to="/projects/new">Create project</LinkButton>}>
              A project from a template needs no model and takes seconds.
            </Empty>
          ) : (
            <Empty
              title={`No project is ${status.replaceAll("_", " ")}`}
              action={
                <Button
                  onClick={() => {
                    setSearch({});
                  }}
                >
                  Show all
                </Button>
              }
            />
          )
        }
        columnDefinitions={[
          {
            id: "name",
            header: "Name",
            isRowHeader: true,
            cell: (item) => <Link to={`/projects/${item.id}`}>{item.name}</Link>,
          },
          { id: "status", header: "Status", cell: (item) => <Status value={item.status} /> },
          { id: "template", header: "Made from", cell: (item) => item.template_id ?? "requirements" },
          { id: "run", header: "Run", cell: (item) => item.run },
          {
            id: "description",
            header: "Description",
            cell: (item) => (item.failure ? <Box color="text-status-error">{item.failure.what_to_do}</Box> : item.description || "–"),
          },
          { id: "updated", header: "Updated", cell: (item) => <Time at={item.updated_at} /> },
        ]}
      />
    </SpaceBetween>
  );
}

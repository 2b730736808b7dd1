import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import DateRangePicker, { type DateRangePickerProps } from "@cloudscape-design/components/date-range-picker";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { PACES, useLive } from "../../api/live";
import { everything, usePages } from "../../api/paging";
import { duration, Empty, Link, ProblemAlert, Time, useTitle } from "../../components/PageParts";
import { Pager } from "../../components/Pager";
import { Status } from "../../components/Status";

type Item = Schemas["ExecutionSummary"];
const STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];
const RANGES: DateRangePickerProps.RelativeOption[] = [
  { key: "hour", type: "relative", amount: 1, unit: "hour" },
  { key: "day", type: "relative", amount: 1, unit: "day" },
  { key: "week", type: "relative", amount: 1, unit: "week" },
];
const SECONDS: Record<string, number> = { second: 1, minute: 60, hour: 3_600, day: 86_400, week: 604_800, month: 2_592_000, year: 31_536_000 };

/** `a=b c=d` as what the API takes; null where it is not of that form. */
function attributesOf(text: string): string[] | null {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  return parts.every((part) => part.indexOf("=") > 0) ? parts : null;
}

export default function ExecutionsPage() {
  useTitle("Executions");
  const navigate = useNavigate();
  const [search, setSearch] = useSearchParams();
  const asked = search.get("attribute") ?? "";
  const [attribute, setAttribute] = useState(asked);
  const [shown, setShown] = useState(asked);
  // The field says what the address says, also after a way back.
  if (asked !== shown) {
    setShown(asked);
    setAttribute(asked);
  }
  const [chosen, setChosen] = useState<Item[]>([]);
  const get = (name: string) => search.get(name);
  const [workflow, status, from, before, attributes] = [get("workflow"), get("status"), get("from"), get("before"), attributesOf(get("attribute") ?? "") ?? []];
  const set = (changes: Record<string, string | null>) => {
    const next = new URLSearchParams(search);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === "") next.delete(name);
      else next.set(name, value);
    }
    setSearch(next, { replace: true });
  };
  const workflows = useLive(["workflows", "all"], () =>
    everything((cursor) => data(client.GET("/api/workflows", { params: { query: { limit: 100, ...(cursor === undefined ? {} : { cursor }) } } }))),
    PACES.seldom,
  );
  const query = {
    ...(workflow === null ? {} : { workflow }),
    ...(status === null ? {} : { status }),
    ...(from === null ? {} : { started_from: from }),
    ...(before === null ? {} : { started_before: before }),
    ...(attributes.length === 0 ? {} : { attribute: attributes as unknown as string }),
  };
  const paged = usePages<Item>(["executions", query], (cursor) =>
    data(client.GET("/api/executions", { params: { query: { limit: 50, ...query, ...(cursor === undefined ? {} : { cursor }) } }, querySerializer: { array: { style: "form", explode: true } } })),
    { topic: "executions" },
  );
  const names = new Map(workflows.data?.map((one) => [one.id, one.name]));
  const workflowOptions = [{ value: "", label: "Any workflow" }, ...(workflows.data ?? []).map((one) => ({ value: one.id, label: one.name }))];
  const statusOptions = [{ value: "", label: "Any status" }, ...STATUSES.map((value) => ({ value, label: value.toLowerCase().replaceAll("_", " ") }))];
  const filtered = Object.keys(query).length > 0;
  const malformed = attributesOf(attribute) === null;
  const apply = () => {
    if (!malformed) set({ attribute });
  };
  const range: DateRangePickerProps.Value | null = from === null ? null : { type: "absolute", startDate: from, endDate: before ?? new Date().toISOString() };

  return (
    <SpaceBetween size="m">
      <ProblemAlert error={paged.error} />
      {malformed && <Alert type="warning" header="Attributes are searched for as name=value">Several stand beside each other: customer=7 region=eu. What is written now is not asked for.</Alert>}
      <Table<Item>
        variant="full-page"
        items={paged.items}
        loading={paged.isLoading}
        loadingText="Loading executions"
        trackBy="id"
        enableKeyboardNavigation
        wrapLines
        selectionType="multi"
        selectedItems={chosen}
        onSelectionChange={({ detail }) => {
          // All at once: the newest two. One more: the last two that were chosen.
          setChosen(detail.selectedItems.length > chosen.length + 1 ? detail.selectedItems.slice(0, 2) : detail.selectedItems.slice(-2));
        }}
        ariaLabels={{
          tableLabel: "Executions",
          selectionGroupLabel: "Executions to compare",
          allItemsSelectionLabel: () => "Select executions",
          itemSelectionLabel: (_, item) => `Select ${item.name}`,
        }}
        header={
          <Header
            variant="awsui-h1-sticky"
            actions={
              <Button
                disabled={chosen.length !== 2}
                disabledReason="Select two executions"
                onClick={() => void navigate(`/executions/compare?left=${chosen[0]?.id ?? ""}&right=${chosen[1]?.id ?? ""}`)}
              >
                Compare
              </Button>
            }
          >
            Executions
          </Header>
        }
        filter={
          <SpaceBetween direction="horizontal" size="xs">
            <Select
              options={workflowOptions}
              selectedOption={workflowOptions.find((option) => option.value === (workflow ?? "")) ?? null}
              ariaLabel="Workflow"
              filteringType="auto"
              onChange={({ detail }) => {
                set({ workflow: detail.selectedOption.value ?? null });
              }}
            />
            <Select
              options={statusOptions}
              selectedOption={statusOptions.find((option) => option.value === (status ?? "")) ?? null}
              ariaLabel="Status"
              onChange={({ detail }) => {
                set({ status: detail.selectedOption.value ?? null });
              }}
            />
            <Input
              value={attribute}
              type="search"
              ariaLabel="Attributes"
              placeholder="Attributes: customer=7"
              invalid={malformed}
              onChange={({ detail }) => {
                setAttribute(detail.value);
                if (detail.value === "") set({ attribute: null });
              }}
              onBlur={apply}
              onKeyDown={({ detail }) => {
                if (detail.key === "Enter") apply();
              }}
            />
            <DateRangePicker
              value={range}
              placeholder="Started at any time"
              relativeOptions={RANGES}
              showClearButton
              isValidRange={() => ({ valid: true })}
              onChange={({ detail }) => {
                const { value } = detail;
                if (value === null) set({ from: null, before: null });
                else if (value.type === "absolute") set({ from: new Date(value.startDate).toISOString(), before: new Date(value.endDate).toISOString() });
                else set({ from: new Date(Date.now() - value.amount * 1_000 * (SECONDS[value.unit] ?? 1)).toISOString(), before: null });
              }}
            />
          </SpaceBetween>
        }
        pagination={<Pager paged={paged} what="executions" />}
        empty={
          filtered ? (
            <Empty title="No execution fits" action={<Button onClick={() => { setAttribute(""); setSearch({}); }}>Show all</Button>}>
              {paged.hasNext ? "An older page may have one." : "Change what is asked for."}
            </Empty>
          ) : (
            <Empty title="No executions yet" action={<Link to="/workflows">To the workflows</Link>}>
              Start one of a workflow, or create a project.
            </Empty>
          )
        }
        columnDefinitions={[
          { id: "name", header: "Name", isRowHeader: true, minWidth: 170, cell: (item) => <span className="reason"><Link to={`/executions/${item.id}`}>{item.name}</Link></span> },
          { id: "status", header: "Status", minWidth: 130, cell: (item) => <Status value={item.status} /> },
          {
            id: "workflow",
            header: "Workflow",
            minWidth: 140,
            cell: (item) =>
              item.workflow_id ? (
                <Link to={`/workflows/${item.workflow_id}`}>{names.get(item.workflow_id) ?? item.workflow_arn?.split(":").at(-1)}</Link>
              ) : item.project_id ? (
                <Link to={`/projects/${item.project_id}`}>Delivery of a project</Link>
              ) : (
                "–"
              ),
          },
          {
            id: "attributes",
            header: "Attributes",
            minWidth: 140,
            cell: (item) => {
              const entries = Object.entries(item.attributes);
              return entries.length === 0 ? "–" : <Box variant="code">{entries.map(([name, value]) => `${name}=${value}`).join(" ")}</Box>;
            },
          },
          { id: "error", header: "Error", minWidth: 130, cell: (item) => <span className="reason">{item.error ?? "–"}</span> },
          { id: "started", header: "Started", minWidth: 120, cell: (item) => <Time at={item.started_at} /> },
          { id: "took", header: "Took", minWidth: 90, cell: (item) => (item.stopped_at ? duration(Date.parse(item.stopped_at) - Date.parse(item.started_at)) : "–") },
        ]}
      />
    </SpaceBetween>
  );
}

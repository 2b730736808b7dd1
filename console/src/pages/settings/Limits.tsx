import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import { client, data, type Schemas } from "../../api/client";
import { PACES, useLive, useRefresh } from "../../api/live";
import { everything } from "../../api/paging";
import { Confirm } from "../../components/Confirm";
import { Empty, ProblemAlert } from "../../components/PageParts";
import { useAction } from "../../shell/useNotices";

type Limit = Schemas["Limit"];

const words = (figures: Schemas["LimitFigures"] | null | undefined): string => {
  if (!figures) return "–";
  const parts = [
    ...(figures.concurrency === null || figures.concurrency === undefined ? [] : [`${figures.concurrency} at once`]),
    ...figures.rates.map((rate) => `${rate.limit} in ${rate.per_seconds} s`),
  ];
  return parts.length === 0 ? "no limit" : parts.join(", ");
};

/** What holds across executions, and how to change it. */
export function Limits() {
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const [editing, setEditing] = useState<Limit | "new" | null>(null);
  const limits = useLive(["limits"], () => everything((cursor) => data(client.GET("/api/limits", { params: { query: { limit: 100, ...(cursor === undefined ? {} : { cursor }) } } }))), PACES.moving);
  return (
    <>
      {limits.error !== null && <ProblemAlert error={limits.error} />}
      <Table<Limit>
        items={limits.data ?? []}
        loading={limits.isLoading}
        loadingText="Loading limits"
        trackBy="key"
        enableKeyboardNavigation
        ariaLabels={{ tableLabel: "Limits across executions" }}
        header={
          <Header variant="h2" description="How many executions that share a key run at once, and how often they begin. Definitions ask for them; what is set here wins." actions={<Button onClick={() => { setEditing("new"); }}>Set a limit</Button>}>
            Limits
          </Header>
        }
        empty={<Empty title="No limits yet">They appear when a definition asks for one, or when you set one.</Empty>}
        columnDefinitions={[
          { id: "key", header: "Key", isRowHeader: true, cell: (item) => item.key },
          { id: "asked", header: "The definitions say", cell: (item) => words(item.asked) },
          { id: "override", header: "Set here", cell: (item) => words(item.override) },
          { id: "running", header: "Running", cell: (item) => item.running },
          { id: "waiting", header: "Waiting", cell: (item) => item.waiting },
          {
            id: "actions",
            header: "Actions",
            cell: (item) => (
              <SpaceBetween direction="horizontal" size="xs">
                <Button variant="inline-link" ariaLabel={`Change ${item.key}`} onClick={() => { setEditing(item); }}>Change</Button>
                {item.override && (
                  <Button variant="inline-link" loading={busy} ariaLabel={`Let the definitions decide about ${item.key}`} onClick={() => void run(async () => { await client.DELETE("/api/limits/{key}", { params: { path: { key: item.key } } }); await refresh("limits"); }, "The definitions' figures hold again.")}>
                    Reset
                  </Button>
                )}
              </SpaceBetween>
            ),
          },
        ]}
      />
      {editing !== null && <Change limit={editing === "new" ? null : editing} onClose={() => { setEditing(null); }} />}
    </>
  );
}

function Change({ limit, onClose }: { limit: Limit | null; onClose: () => void }) {
  const refresh = useRefresh();
  const figures = limit?.override ?? limit?.asked;
  const [key, setKey] = useState(limit?.key ?? "");
  const [concurrency, setConcurrency] = useState(figures?.concurrency?.toString() ?? "");
  const [rates, setRates] = useState(figures?.rates.map((rate) => `${rate.limit}/${rate.per_seconds}`).join(" ") ?? "");
  const parsed = rates.split(/[\s,]+/).filter((part) => part !== "").map((part) => /^(\d+)\/(\d+)$/.exec(part));
  const malformed = parsed.includes(null);
  const save = async () => {
    await client.PUT("/api/limits/{key}", {
      params: { path: { key } },
      body: {
        ...(concurrency === "" ? {} : { concurrency: Number(concurrency) }),
        ...(parsed.length === 0 ? {} : { rates: parsed.map((match) => ({ limit: Number(match?.[1]), per_seconds: Number(match?.[2]) })) }),
      },
    });
    await refresh("limits");
  };
  return (
    <Confirm title={limit === null ? "Set a limit" : `Change ${limit.key}`} action="Set" disabled={key === "" || malformed || (concurrency === "" && parsed.length === 0)} onClose={onClose} onConfirm={save}>
      <SpaceBetween size="m">
        {limit === null && <FormField label="Key"><Input value={key} onChange={({ detail }) => { setKey(detail.value); }} /></FormField>}
        <FormField label="At once" constraintText="How many run at the same time. Empty: as many as there are."><Input type="number" value={concurrency} onChange={({ detail }) => { setConcurrency(detail.value); }} /></FormField>
        <FormField label="How often" constraintText="Starts in seconds, like 10/60 100/3600. Empty: as often as asked." errorText={malformed ? "Each must have the form starts/seconds." : ""}><Input value={rates} onChange={({ detail }) => { setRates(detail.value); }} /></FormField>
      </SpaceBetween>
    </Confirm>
  );
}

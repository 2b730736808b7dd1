import Box from "@cloudscape-design/components/box";
import FormField from "@cloudscape-design/components/form-field";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { client, data, type Schemas } from "../../api/client";
import { useLive } from "../../api/live";
import { toYaml } from "../../asl/convert";
import { parseText } from "../../asl/place";
import { Diff } from "../../components/Code";
import { Empty, Loading, ProblemAlert, Time } from "../../components/PageParts";

/** Definitions in one form, so that only what they say differs. */
const plain = (text: string) => {
  const { value } = parseText(text);
  return value === undefined ? text : toYaml(value, null);
};

const schemaText = (schema: unknown) => (schema === null || schema === undefined ? "" : `${JSON.stringify(schema, null, 2)}\n`);

/** A workflow's versions, and what differs between two of them or the text in the editor. */
export function Versions({ workflow, current, schema }: { workflow: Schemas["Workflow"]; current: string; schema: string }) {
  const { id } = workflow;
  const versions = useLive(["workflow", id, "versions", workflow.revision], () => data(client.GET("/api/workflows/{id}/versions", { params: { path: { id }, query: { limit: 100 } } })), { active: () => false });
  const [from, setFrom] = useState<string | null>(null);
  const [to, setTo] = useState("editor");
  const items = versions.data?.items;
  const before = from ?? String(items?.[1]?.version ?? items?.[0]?.version ?? "");
  const text = (version: string) => ({
    key: ["workflow", id, "version", version],
    read: () => data(client.GET("/api/workflows/{id}", { params: { path: { id }, query: { version: Number(version) } } })),
  });
  const old = useLive(text(before).key, text(before).read, { enabled: before !== "", active: () => false });
  const now = useLive(text(to).key, text(to).read, { enabled: to !== "editor", active: () => false });
  if (items === undefined) return versions.error ? <ProblemAlert error={versions.error} /> : <Loading what="versions" />;
  if (items.length === 0) return <Empty title="No version yet">Saving here publishes one each time.</Empty>;
  const options = items.map((one) => ({ value: String(one.version), label: `Version ${one.version}`, description: one.description ?? new Date(one.created_at).toLocaleString() }));
  const later = [{ value: "editor", label: "The editor", description: "" }, ...options];
  const right = to === "editor" ? current : now.data?.definition_text;
  const oldSchema = schemaText(old.data?.input_schema);
  const newSchema = to === "editor" ? schema : schemaText(now.data?.input_schema);
  const [newest] = items;
  return (
    <SpaceBetween size="m">
      {newest && <Box>The newest is version {newest.version}, of <Time at={newest.created_at} />.</Box>}
      <SpaceBetween direction="horizontal" size="m">
        <FormField label="From"><Select options={options} selectedOption={options.find((one) => one.value === before) ?? null} onChange={({ detail }) => { setFrom(detail.selectedOption.value ?? null); }} /></FormField>
        <FormField label="To"><Select options={later} selectedOption={later.find((one) => one.value === to) ?? null} onChange={({ detail }) => { setTo(detail.selectedOption.value ?? "editor"); }} /></FormField>
      </SpaceBetween>
      {old.error !== null && <ProblemAlert error={old.error} />}
      {old.data === undefined || right === undefined ? <Loading what="definitions" /> : <Diff left={plain(old.data.definition_text)} right={plain(right)} language="yaml" label="Definition" />}
      {old.data !== undefined && right !== undefined && oldSchema.trim() !== newSchema.trim() && (
        <SpaceBetween size="xs">
          <Box variant="h3">Schema of the input</Box>
          <Diff left={oldSchema} right={newSchema} language="json" label="Schema of the input" />
        </SpaceBetween>
      )}
    </SpaceBetween>
  );
}

import Box from "@cloudscape-design/components/box";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useState } from "react";
import { useNavigate } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { useLive } from "../../api/live";
import { fromForm, inputSchema, toForm } from "../../asl/input";
import { Code } from "../../components/Code";
import { Confirm } from "../../components/Confirm";
import { SchemaForm, type Schema } from "../../components/SchemaForm";

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

/** The input as a form has it; null where it is nothing that a form can show. */
function asForm(schema: Schema | null, input: string): unknown {
  if (schema === null) return null;
  try {
    const value = JSON.parse(input) as unknown;
    return isObject(value) ? toForm(schema, value) : null;
  } catch {
    return null;
  }
}

const NO_ERRORS = new Map<string, string>();

/** The input that was given last, for the next time. */
const remembered = (id: string) => sessionStorage.getItem(`millrace.input.${id}`) ?? "{\n}\n";

/** Asks what an execution is started with. */
export function StartDialog({ workflow, onClose }: { workflow: Schemas["Workflow"]; onClose: () => void }) {
  const navigate = useNavigate();
  const { id } = workflow;
  const [input, setInput] = useState(() => remembered(id));
  const schema = useMemo(() => inputSchema(workflow.definition), [workflow.definition]);
  // Null while the input is written as JSON.
  const [form, setForm] = useState<unknown>(() => asForm(schema, input));
  const fill = (value: unknown) => {
    setForm(value);
    if (schema !== null) setInput(`${JSON.stringify(fromForm(schema, value), null, 2)}\n`);
  };
  const [name, setName] = useState("");
  const [attributes, setAttributes] = useState("");
  const [target, setTarget] = useState("");
  const versions = useLive(["workflow", id, "versions"], () => data(client.GET("/api/workflows/{id}/versions", { params: { path: { id }, query: { limit: 100 } } })), { active: () => false });
  const aliases = useLive(["workflow", id, "aliases"], () => data(client.GET("/api/workflows/{id}/aliases", { params: { path: { id }, query: { limit: 100 } } })), { active: () => false });
  const options = [
    { value: "", label: "What is saved" },
    ...(aliases.data?.items ?? []).map((alias) => ({ value: `alias ${alias.name}`, label: `Alias ${alias.name}` })),
    ...(versions.data?.items ?? []).map((version) => ({ value: `version ${version.version}`, label: `Version ${version.version}` })),
  ];
  let wrong = "";
  try {
    JSON.parse(input);
  } catch (error) {
    wrong = error instanceof Error ? error.message : "This is no JSON.";
  }
  const pairs = attributes.split(/[\s,]+/).filter((part) => part !== "");
  const malformed = pairs.some((pair) => pair.indexOf("=") < 1);
  const start = async () => {
    sessionStorage.setItem(`millrace.input.${id}`, input);
    const [kind, value] = target.split(" ");
    const execution = await data(
      client.POST("/api/workflows/{id}/executions", {
        params: { path: { id } },
        body: {
          input: JSON.parse(input) as unknown,
          ...(name === "" ? {} : { name }),
          ...(pairs.length === 0 ? {} : { attributes: Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)])) }),
          ...(kind === "version" ? { version: Number(value) } : kind === "alias" ? { alias: value ?? "" } : {}),
        },
      }),
    );
    void navigate(`/executions/${execution.id}`);
  };
  return (
    <Confirm title={`Start ${workflow.name}`} action="Start" disabled={wrong !== "" || malformed} onClose={onClose} onConfirm={start}>
      <SpaceBetween size="m">
        {schema !== null && (
          <SegmentedControl
            label="How the input is given"
            selectedId={form === null ? "json" : "form"}
            options={[{ id: "form", text: "Form", disabled: form === null && asForm(schema, input) === null }, { id: "json", text: "JSON" }]}
            onChange={({ detail }) => { setForm(detail.selectedId === "form" ? asForm(schema, input) : null); }}
          />
        )}
        {schema !== null && form !== null ? (
          <SpaceBetween size="s">
            <Box color="text-body-secondary">What the definition reads of its input. Leave out what it can do without; what else the input has is kept.</Box>
            <SchemaForm schema={schema} value={form} path="" errors={NO_ERRORS} onChange={fill} />
          </SpaceBetween>
        ) : (
          <FormField label="Input" description="Any JSON value." errorText={wrong} stretch><Code value={input} language="json" label="Input" height="180px" onChange={setInput} /></FormField>
        )}
        <FormField label="Name" constraintText="Optional. The same name with the same input starts one execution."><Input value={name} onChange={({ detail }) => { setName(detail.value); }} /></FormField>
        <FormField label="Attributes" constraintText="Optional: what it can be found by, like customer=7 region=eu" errorText={malformed ? "Each must have the form name=value." : ""}><Input value={attributes} onChange={({ detail }) => { setAttributes(detail.value); }} /></FormField>
        <FormField label="Definition"><Select options={options} selectedOption={options.find((option) => option.value === target) ?? null} onChange={({ detail }) => { setTarget(detail.selectedOption.value ?? ""); }} /></FormField>
      </SpaceBetween>
    </Confirm>
  );
}

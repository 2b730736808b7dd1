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
import { asProblem } from "../../api/problem";
import { formOf, fromForm, inputSchema, toForm } from "../../asl/input";
import { whyNotJson } from "../../asl/json";
import { Code } from "../../components/Code";
import { Confirm } from "../../components/Confirm";
import { initial, SchemaForm, type Schema } from "../../components/SchemaForm";

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
const written = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** The input that was given last, for the next time; at first the defaults of the schema. */
function remembered(id: string, schema: Schema | null): string {
  const last = sessionStorage.getItem(`millrace.input.${id}`);
  if (last !== null) return last;
  const first = schema === null ? {} : initial(schema);
  return isObject(first) && Object.keys(first as object).length > 0 ? written(first) : "{\n}\n";
}

/** The fields of the form: those of the workflow's schema, else what its definition reads. */
const fieldsOf = (workflow: Schemas["Workflow"]): Schema | null => (workflow.input_schema === null ? inputSchema(workflow.definition) : formOf(workflow.input_schema));

/** Asks what an execution is started with. */
export function StartDialog({ workflow, onClose }: { workflow: Schemas["Workflow"]; onClose: () => void }) {
  const navigate = useNavigate();
  const { id } = workflow;
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
  const [kind, chosen] = target.split(" ");
  const number = kind === "version" ? Number(chosen) : kind === "alias" ? aliases.data?.items.find((alias) => alias.name === chosen)?.routes[0]?.version : undefined;
  const other = useLive(
    ["workflow", id, "version", String(number)],
    () => data(client.GET("/api/workflows/{id}", { params: { path: { id }, query: { version: number ?? 1 } } })),
    { enabled: number !== undefined, active: () => false },
  );
  const started = number === undefined ? workflow : other.data;
  const known = JSON.stringify(started === undefined ? null : fieldsOf(started));
  const schema = useMemo(() => JSON.parse(known) as Schema | null, [known]);
  const [input, setInput] = useState(() => remembered(id, schema));
  // Null while the input is written as JSON.
  const [form, setForm] = useState<unknown>(() => asForm(schema, input));
  const [errors, setErrors] = useState(NO_ERRORS);
  const [drawn, setDrawn] = useState(schema);
  if (drawn !== schema) {
    setDrawn(schema);
    setForm(asForm(schema, input));
    setErrors(NO_ERRORS);
  }
  const fill = (value: unknown) => {
    setForm(value);
    if (schema !== null) setInput(written(fromForm(schema, value)));
  };
  const wrong = whyNotJson(input);
  const pairs = attributes.split(/[\s,]+/).filter((part) => part !== "");
  const malformed = pairs.some((pair) => pair.indexOf("=") < 1);
  const start = async () => {
    sessionStorage.setItem(`millrace.input.${id}`, input);
    const request = data(
      client.POST("/api/workflows/{id}/executions", {
        params: { path: { id } },
        body: {
          input: JSON.parse(input) as unknown,
          ...(name === "" ? {} : { name }),
          ...(pairs.length === 0 ? {} : { attributes: Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)])) }),
          ...(kind === "version" ? { version: Number(chosen) } : kind === "alias" ? { alias: chosen ?? "" } : {}),
        },
      }),
    );
    const execution = await request.catch((error: unknown) => {
      const found = asProblem(error).errors.filter((at) => at.field.startsWith("/input"));
      setErrors(new Map(found.map((at) => [at.field.slice("/input".length), at.message])));
      throw error;
    });
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
            <Box color="text-body-secondary">
              {started?.input_schema == null ? "What the definition reads of its input. Leave out what it can do without; what else the input has is kept." : "What the workflow's schema says of its input."}
            </Box>
            <SchemaForm schema={schema} value={form} path="" errors={errors} onChange={fill} />
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

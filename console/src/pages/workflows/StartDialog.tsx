import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useNavigate } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { useLive } from "../../api/live";
import { Code } from "../../components/Code";
import { Confirm } from "../../components/Confirm";

/** The input that was given last, for the next time. */
const remembered = (id: string) => sessionStorage.getItem(`millrace.input.${id}`) ?? "{\n}\n";

/** Asks what an execution is started with. */
export function StartDialog({ workflow, onClose }: { workflow: Schemas["Workflow"]; onClose: () => void }) {
  const navigate = useNavigate();
  const { id } = workflow;
  const [input, setInput] = useState(() => remembered(id));
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
        <FormField label="Input" description="Any JSON value." errorText={wrong} stretch><Code value={input} language="json" label="Input" height="180px" onChange={setInput} /></FormField>
        <FormField label="Name" constraintText="Optional. The same name with the same input starts one execution."><Input value={name} onChange={({ detail }) => { setName(detail.value); }} /></FormField>
        <FormField label="Attributes" constraintText="Optional: what it can be found by, like customer=7 region=eu" errorText={malformed ? "Each must have the form name=value." : ""}><Input value={attributes} onChange={({ detail }) => { setAttributes(detail.value); }} /></FormField>
        <FormField label="Definition"><Select options={options} selectedOption={options.find((option) => option.value === target) ?? null} onChange={({ detail }) => { setTarget(detail.selectedOption.value ?? ""); }} /></FormField>
      </SpaceBetween>
    </Confirm>
  );
}

import Alert from "@cloudscape-design/components/alert";
import Checkbox from "@cloudscape-design/components/checkbox";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useState } from "react";
import { useNavigate } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { useLive, useRefresh } from "../../api/live";
import { forkPoints, pointOf } from "../../asl/fork";
import type { HistoryEvent } from "../../asl/history";
import { whyNotJson } from "../../asl/json";
import { Code } from "../../components/Code";
import { Confirm } from "../../components/Confirm";

type Execution = Schemas["Execution"];
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const PATH = (id: string) => ({ params: { path: { id } } });

/** Asks why an execution is stopped. */
export function StopDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const refresh = useRefresh();
  const [error, setError] = useState("");
  const [cause, setCause] = useState("");
  const stop = async () => {
    await client.POST("/api/executions/{id}/stop", { ...PATH(id), body: { ...(error === "" ? {} : { error }), ...(cause === "" ? {} : { cause }) } });
    await refresh("execution", id);
  };
  return (
    <Confirm title="Stop the execution?" action="Stop it" onClose={onClose} onConfirm={stop}>
      <SpaceBetween size="m">
        <FormField label="Error" constraintText="Optional: a name"><Input value={error} onChange={({ detail }) => { setError(detail.value); }} /></FormField>
        <FormField label="Cause" constraintText="Optional: the reason in words"><Input value={cause} onChange={({ detail }) => { setCause(detail.value); }} /></FormField>
      </SpaceBetween>
    </Confirm>
  );
}

function useVersions(workflow: string | null) {
  return useLive(["workflow", workflow, "versions"], () => data(client.GET("/api/workflows/{id}/versions", { params: { path: { id: workflow ?? "" }, query: { limit: 100 } } })), {
    enabled: workflow !== null,
    active: () => false,
  });
}

function VersionSelect({ workflow, version, onChange }: { workflow: string | null; version: string; onChange: (version: string) => void }) {
  const versions = useVersions(workflow);
  const options = [
    { value: "", label: "As it was" },
    ...(versions.data?.items ?? []).map((one) => ({ value: String(one.version), label: `Version ${one.version}`, description: one.description ?? undefined })),
  ];
  return <Select options={options} selectedOption={options.find((option) => option.value === version) ?? null} onChange={({ detail }) => { onChange(detail.selectedOption.value ?? ""); }} />;
}

/** Asks with what a failed execution goes on. */
export function RedriveDialog({ execution, onClose }: { execution: Execution; onClose: () => void }) {
  const refresh = useRefresh();
  const [version, setVersion] = useState("");
  const [withInput, setWithInput] = useState(false);
  const [input, setInput] = useState(JSON.stringify(execution.input, null, 2));
  const redrive = async () => {
    const body = { ...(version === "" ? {} : { version: Number(version) }), ...(withInput ? { input: JSON.parse(input) as unknown } : {}) };
    await client.POST("/api/executions/{id}/redrive", { ...PATH(execution.id), body });
    await refresh("execution", execution.id);
    await refresh("history", execution.id);
  };
  return (
    <Confirm title="Redrive the execution?" action="Redrive" disabled={withInput && whyNotJson(input) !== ""} onClose={onClose} onConfirm={redrive}>
      <SpaceBetween size="m">
        <div>It goes on from the state in which it failed; what succeeded is kept.</div>
        {execution.workflow_id !== null && <FormField label="Definition"><VersionSelect workflow={execution.workflow_id} version={version} onChange={setVersion} /></FormField>}
        <Checkbox checked={withInput} onChange={({ detail }) => { setWithInput(detail.checked); }}>Give the failed state another input</Checkbox>
        {withInput && <FormField label="Input" errorText={whyNotJson(input)} stretch><Code value={input} language="json" label="Input" height="200px" onChange={setInput} /></FormField>}
      </SpaceBetween>
    </Confirm>
  );
}

/** Asks from where and with what a new execution goes on. */
export function ForkDialog({ execution, events, event, onClose }: { execution: Execution; events: HistoryEvent[]; event: HistoryEvent | null; onClose: () => void }) {
  const navigate = useNavigate();
  const points = useMemo(() => forkPoints(events), [events]);
  const [sequence, setSequence] = useState(() => String(pointOf(points, event)?.sequence ?? 0));
  const places = points.map((point) => ({
    value: String(point.sequence),
    label: point.state === null ? "Its start" : `At ${point.state}`,
    ...(point.event === null ? {} : { description: `after event ${point.event.id}, ${point.event.type}` }),
    ...(point.event === null ? {} : { labelTag: TIME.format(new Date(point.event.timestamp)) }),
  }));
  const [name, setName] = useState(() => `${execution.name.slice(0, 60)}-fork-${Date.now().toString(36)}`);
  const [version, setVersion] = useState("");
  const [withInput, setWithInput] = useState(false);
  const [input, setInput] = useState(JSON.stringify(execution.input, null, 2));
  const fork = async () => {
    const body = {
      name,
      sequence: Number(sequence),
      ...(version === "" ? {} : { version: Number(version) }),
      ...(withInput ? { input: JSON.parse(input) as unknown } : {}),
    };
    const made = await data(client.POST("/api/executions/{id}/fork", { ...PATH(execution.id), body }));
    void navigate(`/executions/${made.id}`);
  };
  return (
    <Confirm title="Fork the execution" action="Fork" disabled={name === "" || places.length === 0 || (withInput && whyNotJson(input) !== "")} onClose={onClose} onConfirm={fork}>
      <SpaceBetween size="m">
        {places.length === 0 && <Alert type="info">It went from its start to its end at once: there is no place between at which it stood. Start another execution of its workflow instead.</Alert>}
        <div>A new execution begins where this one stood, with its history up to there. This one stays as it is.</div>
        <FormField
          label="From"
          description="The event that is chosen on the page, or another place where it went on by itself. A fork begins at a state of the execution's own, not within a branch or an item."
        >
          <Select filteringType="auto" virtualScroll options={places} selectedOption={places.find((place) => place.value === sequence) ?? null} onChange={({ detail }) => { setSequence(detail.selectedOption.value ?? "0"); }} />
        </FormField>
        <FormField label="Name of the new execution"><Input value={name} onChange={({ detail }) => { setName(detail.value); }} /></FormField>
        <FormField label="Definition"><VersionSelect workflow={execution.workflow_id} version={version} onChange={setVersion} /></FormField>
        <Checkbox checked={withInput} onChange={({ detail }) => { setWithInput(detail.checked); }}>Give the state where it stood another input</Checkbox>
        {withInput && <FormField label="Input" errorText={whyNotJson(input)} stretch><Code value={input} language="json" label="Input" height="200px" onChange={setInput} /></FormField>}
      </SpaceBetween>
    </Confirm>
  );
}

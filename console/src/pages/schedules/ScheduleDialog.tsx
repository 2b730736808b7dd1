import Box from "@cloudscape-design/components/box";
import Checkbox from "@cloudscape-design/components/checkbox";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect, useState } from "react";
import { useNavigate } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { useLive, useRefresh } from "../../api/live";
import { everything } from "../../api/paging";
import { asProblem } from "../../api/problem";
import { whyNotJson } from "../../asl/json";
import { Code } from "../../components/Code";
import { Confirm } from "../../components/Confirm";
import { Time } from "../../components/PageParts";
import { CATCH_UP, OVERLAP } from "./policies";

type Schedule = Schemas["Schedule"];

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Makes a schedule, or replaces what one says. */
export function ScheduleDialog({ schedule, onClose }: { schedule: Schedule | null; onClose: () => void }) {
  const navigate = useNavigate();
  const refresh = useRefresh();
  const [name, setName] = useState("");
  const [workflow, setWorkflow] = useState(schedule?.workflow_id ?? "");
  const [expression, setExpression] = useState(schedule?.expression ?? "rate(1 hour)");
  const [zone, setZone] = useState(schedule?.time_zone ?? ZONE);
  const [overlap, setOverlap] = useState(schedule?.overlap ?? "skip");
  const [catchUp, setCatchUp] = useState(schedule?.catch_up ?? "last");
  const [withInput, setWithInput] = useState(schedule?.input !== null && schedule?.input !== undefined);
  const [input, setInput] = useState(JSON.stringify(schedule?.input ?? {}, null, 2));
  const workflows = useLive(["workflows", "all"], () => everything((cursor) => data(client.GET("/api/workflows", { params: { query: { limit: 100, ...(cursor === undefined ? {} : { cursor }) } } }))), { active: () => false });
  const options = (workflows.data ?? []).map((one) => ({ value: one.id, label: one.name }));
  const save = async () => {
    const [kind, value] = /^\d+$/.test(schedule?.qualifier ?? "") ? ["version", Number(schedule?.qualifier)] : ["alias", schedule?.qualifier];
    const body: Schemas["NewSchedule"] = {
      workflow,
      expression,
      time_zone: zone,
      overlap,
      catch_up: catchUp,
      ...(withInput ? { input: JSON.parse(input) as unknown } : {}),
      // What this form does not ask for stays as it is.
      ...(schedule === null
        ? { name }
        : { description: schedule.description, start_at: schedule.start_at, end_at: schedule.end_at, paused: schedule.status === "PAUSED", ...(value === null || value === undefined ? {} : { [String(kind)]: value }) }),
    };
    if (schedule === null) {
      const made = await data(client.POST("/api/schedules", { body }));
      void navigate(`/schedules/${encodeURIComponent(made.name)}`);
    } else {
      await client.PUT("/api/schedules/{name}", { params: { path: { name: schedule.name }, header: { "If-Match": `"${schedule.version}"` } }, body });
      await refresh("schedule", schedule.name);
    }
  };
  return (
    <Confirm
      title={schedule === null ? "Create schedule" : `Change ${schedule.name}`}
      action={schedule === null ? "Create" : "Save"}
      disabled={workflow === "" || expression === "" || (withInput && whyNotJson(input) !== "") || (schedule === null && name === "")}
      onClose={onClose}
      onConfirm={save}
    >
      <SpaceBetween size="m">
        {schedule === null && <FormField label="Name"><Input value={name} onChange={({ detail }) => { setName(detail.value); }} /></FormField>}
        <FormField label="Workflow">
          <Select options={options} selectedOption={options.find((one) => one.value === workflow) ?? null} placeholder="Choose one" filteringType="auto" empty="No workflows yet: create one first." onChange={({ detail }) => { setWorkflow(detail.selectedOption.value ?? ""); }} />
        </FormField>
        <FormField label="When" constraintText="rate(5 minutes), cron(0 9 ? * MON-FRI *) or at(2030-01-31T09:00:00)"><Input value={expression} onChange={({ detail }) => { setExpression(detail.value); }} /></FormField>
        <FormField label="Time zone" constraintText="An IANA name, like Europe/Berlin"><Input value={zone} onChange={({ detail }) => { setZone(detail.value); }} /></FormField>
        <Preview expression={expression} zone={zone} />
        <FormField label="When the one before still runs"><Select options={OVERLAP} selectedOption={OVERLAP.find((one) => one.value === overlap) ?? null} onChange={({ detail }) => { setOverlap(detail.selectedOption.value ?? overlap); }} /></FormField>
        <FormField label="Times that were missed"><Select options={CATCH_UP} selectedOption={CATCH_UP.find((one) => one.value === catchUp) ?? null} onChange={({ detail }) => { setCatchUp(detail.selectedOption.value ?? catchUp); }} /></FormField>
        <Checkbox checked={withInput} description="Otherwise it says which schedule it was, and when." onChange={({ detail }) => { setWithInput(detail.checked); }}>Give an input of its own</Checkbox>
        {withInput && <FormField label="Input" errorText={whyNotJson(input)} stretch><Code value={input} language="json" label="Input" height="140px" onChange={setInput} /></FormField>}
      </SpaceBetween>
    </Confirm>
  );
}

/** The next times of what is being written. */
function Preview({ expression, zone }: { expression: string; zone: string }) {
  const [asked, setAsked] = useState({ expression, zone });
  useEffect(() => {
    const timer = setTimeout(() => { setAsked({ expression, zone }); }, 400);
    return () => { clearTimeout(timer); };
  }, [expression, zone]);
  const preview = useLive(["schedule-preview", asked], () => data(client.POST("/api/schedules/preview", { body: { expression: asked.expression, time_zone: asked.zone, count: 3 } })), { active: () => false, enabled: asked.expression !== "" });
  const problem = preview.error === null ? null : asProblem(preview.error);
  return (
    <div role="status" aria-label="Next times">
      {problem !== null ? (
        <Box color="text-status-error">{problem.errors[0]?.message ?? problem.detail}</Box>
      ) : (
        <Box color="text-body-secondary">
          {preview.data?.times.length === 0 ? "It never comes." : <>Next: {preview.data?.times.map((at, index) => <span key={at}>{index > 0 && " · "}<Time at={at} /></span>)}</>}
        </Box>
      )}
    </div>
  );
}

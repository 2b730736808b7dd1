import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect, useState } from "react";
import { MOST_RECORDS, useLogs } from "../api/logs";
import { Json } from "./Code";
import { LogList } from "./LogList";
import { Empty, Loading, ProblemAlert } from "./PageParts";

const LEVELS = [
  { value: "", label: "Everything" },
  { value: "info", label: "Info and worse" },
  { value: "warn", label: "Warnings and errors" },
  { value: "error", label: "Errors only" },
];
const ALL = { value: "", label: "Everything" };
/** Records are written a moment after they were logged: after the end it is looked again so often, so long after each other. */
const LAST_LOOKS = [500, 3_000];

/** A text that has not changed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => {
      setSettled(text);
    }, 300);
    return () => {
      clearTimeout(timer);
    };
  }, [text]);
  return settled;
}

/** What was logged about an execution or a project, or the way to it. */
export default function Logs({ of, id, running }: { of: "executions" | "projects"; id: string; running: boolean }) {
  const [level, setLevel] = useState("");
  const [text, setText] = useState("");
  const [selected, setSelected] = useState<string | null>(null);
  const wanted = useSettled(text.trim().slice(0, 256));
  const logs = useLogs(of, id, { level, text: wanted }, running);
  const { refetch } = logs;
  useEffect(() => {
    if (running) return;
    const timers = LAST_LOOKS.map((pause) => setTimeout(() => void refetch(), pause));
    return () => {
      timers.forEach(clearTimeout);
    };
  }, [running, refetch]);
  const url = logs.data?.url ?? null;
  if (url !== null) {
    return (
      <SpaceBetween size="s">
        <Box>
          The logs of this deployment are in CloudWatch. The link opens a query there for exactly this {of === "executions" ? "execution" : "project"}; it needs a sign-in to the stack’s AWS account, and running the query costs what CloudWatch
          charges for what it scans.
        </Box>
        <Button href={url} target="_blank" iconName="external" iconAlign="right">
          Open in CloudWatch Logs Insights
        </Button>
      </SpaceBetween>
    );
  }
  const records = logs.data?.records ?? [];
  const record = records.find((one) => one.id === selected) ?? null;
  const isFiltered = level !== "" || wanted !== "";
  return (
    <SpaceBetween size="s">
      <div className="log-filters">
        <FormField label="Level">
          <Select
            selectedOption={LEVELS.find((one) => one.value === level) ?? ALL}
            options={LEVELS}
            onChange={({ detail }) => {
              setLevel(detail.selectedOption.value ?? "");
            }}
          />
        </FormField>
        <FormField label="Text" stretch>
          <Input
            value={text}
            type="search"
            placeholder="In a message or a field"
            onChange={({ detail }) => {
              setText(detail.value);
            }}
          />
        </FormField>
      </div>
      {logs.error !== null && <ProblemAlert error={logs.error} />}
      {logs.data?.cut === true && (
        <Alert type="info">
          These are the first {MOST_RECORDS.toLocaleString()} records. Choose a level or a text for fewer, or read them all with <code>millrace execution logs</code>.
        </Alert>
      )}
      {logs.data === undefined ? (
        logs.error === null && <Loading what="the logs" />
      ) : records.length === 0 ? (
        isFiltered ? (
          <Empty title="No record matches" action={<Button onClick={() => { setLevel(""); setText(""); }}>Show all</Button>}>Choose a lower level or another text.</Empty>
        ) : (
          <Empty title={running ? "Nothing was logged yet" : "Nothing that was logged is left"}>
            {running ? "Records show here as they come." : "Logs are kept for some days and up to a size: millrace up --keep-logs-days and --keep-logs-mib say how much, MILLRACE_KEPT_LOG what."}
          </Empty>
        )
      ) : (
        <LogList records={records} selected={selected} onSelect={setSelected} />
      )}
      {record !== null && <Json value={{ timestamp: record.timestamp, level: record.level, message: record.message, location: record.location, ...record.fields }} label="The chosen record" />}
    </SpaceBetween>
  );
}

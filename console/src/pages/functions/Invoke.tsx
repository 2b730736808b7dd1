import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { client, type Schemas } from "../../api/client";
import { useRefresh } from "../../api/live";
import { ApiError, asProblem } from "../../api/problem";
import { whyNotJson } from "../../asl/json";
import { Code, Json } from "../../components/Code";
import { duration } from "../../components/PageParts";
import { Status } from "../../components/Status";

type Outcome = Schemas["Invocation"];
const BAD = ["error", "warn"];

/** Calls a function with an event, and shows what it answered and printed. */
export function Invoke({ project, name, unsaved }: { project: string; name: string; unsaved: boolean }) {
  const refresh = useRefresh();
  const [event, setEvent] = useState('{\n  "name": "Ada"\n}\n');
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const wrong = whyNotJson(event);
  const invoke = async () => {
    setBusy(true);
    setError(null);
    setOutcome(null);
    try {
      const { data } = await client.POST("/api/v1/functions/{projectId}/{name}", { params: { path: { projectId: project, name } }, body: JSON.parse(event) as Record<string, unknown> });
      setOutcome(data ?? null);
    } catch (problem) {
      // A handler that fails answers with its outcome too.
      const told = problem instanceof ApiError ? (problem.problem as unknown as Partial<Outcome>) : {};
      if (told.invocation_id !== undefined) setOutcome(told as Outcome);
      else setError(problem);
    } finally {
      setBusy(false);
      await refresh("function", project, name);
    }
  };
  const problem = error === null ? null : asProblem(error);
  return (
    <Container header={<Header variant="h2" description={unsaved ? "It runs the code that is saved." : undefined} actions={<Button loading={busy} disabled={wrong !== ""} onClick={() => void invoke()}>Invoke</Button>}>Test</Header>}>
      <SpaceBetween size="m">
        <FormField label="Event" errorText={wrong} stretch><Code value={event} language="json" label="Event" height="120px" onChange={setEvent} /></FormField>
        {problem !== null && <Alert type="error" header={problem.title}>{problem.detail}</Alert>}
        {outcome !== null && (
          <SpaceBetween size="s">
            <SpaceBetween direction="horizontal" size="s"><Status value={outcome.success ? "SUCCEEDED" : "FAILED"} /><Box>{duration(outcome.duration)}</Box></SpaceBetween>
            {outcome.error ? (
              <Alert type="error" header={outcome.error.name}>{outcome.error.message}<pre className="log-line">{outcome.error.stack}</pre></Alert>
            ) : (
              <div><Box variant="h3">Result</Box><Json value={outcome.result} label="Result" height="180px" /></div>
            )}
            <div>
              <Box variant="h3">Logs</Box>
              {outcome.logs.length === 0 ? (
                <Box color="text-body-secondary">It printed nothing.</Box>
              ) : (
                <ol className="logs" aria-label="Logs">
                  {outcome.logs.map((line, index) => (
                    <li key={index} className={`log-line ${BAD.includes(line.level) ? "bad" : ""}`}><b>{line.level}</b> {line.message}</li>
                  ))}
                </ol>
              )}
            </div>
          </SpaceBetween>
        )}
      </SpaceBetween>
    </Container>
  );
}

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useState } from "react";
import { stepFunctions } from "../../api/client";
import { asProblem, type Problem } from "../../api/problem";
import { Code, Json } from "../../components/Code";
import { Empty } from "../../components/PageParts";
import { Status } from "../../components/Status";
import { testedStates } from "./testedStates";

interface Answer {
  status: string;
  output?: string;
  error?: string;
  cause?: string;
  nextState?: string;
  inspectionData?: Record<string, unknown>;
}

const read = (text: unknown): unknown => {
  if (typeof text !== "string") return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
};

/** Runs one state with an input, without an execution. */
export function TestState({ definition, selected }: { definition: unknown; selected: string | null }) {
  const states = useMemo(() => testedStates(definition), [definition]);
  const [chosen, setChosen] = useState<string | null>(null);
  const [input, setInput] = useState('{\n  "name": "Ada"\n}\n');
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const name = chosen ?? selected ?? [...states.keys()][0] ?? null;
  const state = name === null ? undefined : states.get(name);
  if (name === null || state === undefined) return <Empty title="There is no state to test yet" />;
  const options = [...states.keys()].map((value) => ({ value, label: value }));
  const test = async () => {
    setBusy(true);
    setProblem(null);
    setAnswer(null);
    try {
      setAnswer(await stepFunctions<Answer>("TestState", { definition: JSON.stringify(state), input, inspectionLevel: "DEBUG" }));
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <SpaceBetween size="m">
      <FormField label="State" description="Tasks are really done: a call of a service happens.">
        <Select options={options} selectedOption={options.find((option) => option.value === name) ?? null} onChange={({ detail }) => { setChosen(detail.selectedOption.value ?? null); setAnswer(null); }} />
      </FormField>
      <FormField label="Input" stretch><Code value={input} language="json" label="Input of the state" height="130px" onChange={setInput} /></FormField>
      <Button variant="primary" loading={busy} onClick={() => void test()}>Test {name}</Button>
      {problem !== null && <Alert type="error" header={problem.title}>{problem.detail}</Alert>}
      {answer !== null && (
        <SpaceBetween size="s">
          <SpaceBetween direction="horizontal" size="m">
            <Status value={answer.status === "RETRIABLE" ? "FAILED" : answer.status === "CAUGHT_ERROR" ? "CAUGHT" : answer.status} />
            {answer.nextState !== undefined && <Box>Next: {answer.nextState}</Box>}
            {answer.error !== undefined && <Box>{answer.error}: {answer.cause}</Box>}
          </SpaceBetween>
          {answer.output !== undefined && <div><Box variant="h3">Output</Box><Json value={read(answer.output)} label="Output of the state" height="200px" /></div>}
          <div>
            <Box variant="h3">On the way</Box>
            <Json value={Object.fromEntries(Object.entries(answer.inspectionData ?? {}).map(([key, value]) => [key, read(value)]))} label="Data at each step of the state" height="260px" />
          </div>
        </SpaceBetween>
      )}
    </SpaceBetween>
  );
}

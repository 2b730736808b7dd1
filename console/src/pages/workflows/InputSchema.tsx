import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { Code } from "../../components/Code";
import { Empty } from "../../components/PageParts";

const FIRST = `{
  "type": "object",
  "required": ["name"],
  "properties": {
    "name": { "type": "string", "title": "Name", "minLength": 1 }
  }
}
`;

/** The schema that the input of executions must fit, beside the definition that it is saved with. */
export function InputSchema({ text, findings, onChange, contested, onTake, onKeep }: {
  text: string;
  findings: readonly { place: string; message: string }[];
  onChange: (text: string) => void;
  /** Has somebody else saved another one meanwhile? */
  contested: boolean;
  onTake: () => void;
  onKeep: () => void;
}) {
  const question = contested && (
    <Alert
      type="warning"
      header="Another schema was saved elsewhere while you wrote"
      action={
        <SpaceBetween direction="horizontal" size="xs">
          <Button onClick={onTake}>Take that one</Button>
          <Button onClick={onKeep}>Keep mine</Button>
        </SpaceBetween>
      }
    />
  );
  if (text === "") {
    return question || (
      <Empty title="Any input is taken" action={<Button onClick={() => { onChange(FIRST); }}>Add a schema</Button>}>
        With a schema a start is refused where its input does not fit, and the form to start with has its fields.
      </Empty>
    );
  }
  return (
    <SpaceBetween size="s">
      {question}
      <Box>JSON Schema 2020-12: what the input of executions must fit. It is saved with the definition.</Box>
      <Code value={text} language="json" label="Schema of the input" height="420px" onChange={onChange} />
      <div role="status" aria-label="Result of the schema's check">
        {findings.length === 0 ? null : (
          <ul className="diagnostics">
            {findings.map((finding) => (
              <li key={finding.place}><StatusIndicator type="error">{finding.place === "" ? "" : `${finding.place}: `}{finding.message}</StatusIndicator></li>
            ))}
          </ul>
        )}
      </div>
      <Button onClick={() => { onChange(""); }}>Take any input</Button>
    </SpaceBetween>
  );
}

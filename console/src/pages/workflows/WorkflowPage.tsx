import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Tabs from "@cloudscape-design/components/tabs";
import { useMemo, useState } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { PACES, useLive, useRefresh } from "../../api/live";
import { hasComments, toJson, toYaml } from "../../asl/convert";
import { Code } from "../../components/Code";
import { Confirm } from "../../components/Confirm";
import { Empty, Link, LinkButton, Loading, ProblemAlert, useTitle } from "../../components/PageParts";
import { marks } from "../../components/marks";
import { StateGraph } from "../../components/StateGraph";
import { useDraft } from "../../components/useDraft";
import { useUnsaved } from "../../components/useUnsaved";
import { useAction } from "../../shell/useNotices";
import { completion, jumpTo } from "./editing";
import { InputSchema } from "./InputSchema";
import { StartDialog } from "./StartDialog";
import { TestState } from "./TestState";
import { readSchema, useDefinition, type Definition } from "./useDefinition";
import { Versions } from "./Versions";

const LABEL = "Definition";
const FIRST = `Comment: Greets whoever the input names
QueryLanguage: JSONata
StartAt: Greet
States:
  Greet:
    Type: Pass
    Output:
      greeting: "{% 'Hello, ' & $states.input.name %}"
    Next: Rest
  Rest:
    Type: Wait
    Seconds: 2
    Next: Done
  Done:
    Type: Succeed
`;

type Format = "yaml" | "json";
const formatOf = (text: string): Format => (text.trimStart().startsWith("{") ? "json" : "yaml");

/** The page of a workflow, and of one that is not made yet. */
export default function WorkflowPage() {
  const { id } = useParams();
  // Another workflow begins with its own text.
  return id === undefined ? <Editor key="new" workflow={null} /> : <Existing key={id} id={id} />;
}

function Existing({ id }: { id: string }) {
  const query = useLive(["workflow", id], () => data(client.GET("/api/workflows/{id}", { params: { path: { id } } })), PACES.seldom);
  if (query.data === undefined) {
    return query.error ? <ProblemAlert error={query.error} action={<Link to="/workflows">To the workflows</Link>} /> : <Loading what="the workflow" />;
  }
  return <Editor workflow={query.data} />;
}

function Editor({ workflow }: { workflow: Schemas["Workflow"] | null }) {
  useTitle(workflow?.name ?? "Create workflow");
  const navigate = useNavigate();
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const saved = workflow?.definition_text;
  const remote = useMemo(() => ({ text: saved === undefined ? FIRST : pretty(saved), revision: workflow?.revision ?? 0 }), [saved, workflow?.revision]);
  const draft = useDraft(`workflow/${workflow?.id ?? "new"}`, remote, { language: "yaml", what: "Revision", leaving: workflow === null && busy });
  const { text, setText, changed } = draft;
  // The schema of the input is saved with the definition, and written beside it.
  const savedSchema = schemaText(workflow);
  const [base, setBase] = useState({ schema: savedSchema, revision: remote.revision });
  const [schema, setSchema] = useState(savedSchema);
  const schemaChanged = schema !== base.schema;
  const takeSchema = () => {
    setBase({ schema: savedSchema, revision: remote.revision });
    setSchema(savedSchema);
  };
  const schemaContested = remote.revision > base.revision && schemaChanged && savedSchema !== base.schema;
  if (remote.revision > base.revision && !schemaContested) {
    setBase({ schema: savedSchema, revision: remote.revision });
    if (!schemaChanged) setSchema(savedSchema);
  }
  const [name, setName] = useState("");
  const nameless = useUnsaved((name !== "" || schemaChanged) && !changed && !busy);
  // The YAML from which the JSON in the editor was made: with its comments.
  const [pattern, setPattern] = useState<string | null>(null);
  const [selected, setSelected] = useState<string | null>(null);
  const [search, setSearch] = useSearchParams();
  const tab = search.get("tab") ?? "graph";
  const [dialog, setDialog] = useState<"start" | "delete" | null>(null);
  const format = formatOf(text);
  const type = workflow?.type ?? "STANDARD";
  const definition = useDefinition(text, type, schema);
  const { findings, parsed } = definition;
  const extensions = useMemo(() => [marks(findings), completion(format)], [findings, format]);
  const silent = useMemo(() => format === "json" && pattern !== null && hasComments(pattern), [format, pattern]);

  const save = () =>
    run(async () => {
      if (workflow === null) {
        const made = await data(client.POST("/api/workflows", { body: { name, definition: text, input_schema: readSchema(schema) ?? null, publish: true } }));
        void navigate(`/workflows/${made.id}`);
        return;
      }
      const now = await data(
        client.PUT("/api/workflows/{id}", {
          params: { path: { id: workflow.id }, header: { "If-Match": `"${draft.revision}"` } },
          body: { definition: text, input_schema: readSchema(schema) ?? null, publish: true },
        }),
      );
      draft.saved({ text, revision: now.revision });
      setBase({ schema, revision: now.revision });
      await refresh("workflow", workflow.id);
    }, workflow === null ? "The workflow was created." : "The workflow was saved as a new version.");

  const convert = (to: string) => {
    if (to === format || parsed.errors.length > 0) return;
    if (to === "json") setPattern(text);
    setText(to === "json" ? toJson(parsed.value) : toYaml(parsed.value, pattern));
  };
  const choose = (state: string) => {
    setSelected(state);
    const at = new RegExp(`^\\s*["']?${state.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}["']?\\s*:`, "m").exec(text);
    if (at !== null) jumpTo(LABEL, at.index + at[0].search(/\S/));
  };

  return (
    <SpaceBetween size="l">
      {nameless}
      {draft.questions}
      <Header
        variant="h1"
        description={workflow === null ? "Definitions are Amazon States Language, written as YAML or JSON." : <span className="reason">{workflow.arn}</span>}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            {workflow !== null && <LinkButton to={`/executions?workflow=${workflow.id}`}>Executions</LinkButton>}
            {workflow !== null && <Button onClick={() => { setDialog("delete"); }}>Delete</Button>}
            {workflow !== null && <Button disabled={changed || schemaChanged} disabledReason="Save first: an execution runs what is saved" onClick={() => { setDialog("start"); }}>Start execution</Button>}
            <Button variant="primary" loading={busy} disabled={!definition.valid || draft.contested || schemaContested || (workflow === null ? name.trim() === "" : !(changed || schemaChanged))} onClick={() => void save()}>
              {workflow === null ? "Create" : "Save"}
            </Button>
          </SpaceBetween>
        }
      >
        {workflow?.name ?? "Create workflow"}
      </Header>
      {workflow === null && (
        <FormField label="Name" constraintText="1 to 80 characters, no white space and none of <>{}[]?*&quot;#%\^|~`$&amp;,;:/. It can't be changed later.">
          <Input value={name} autoFocus onChange={({ detail }) => { setName(detail.value); }} />
        </FormField>
      )}
      <div className="columns">
        <Container
          header={
            <Header
              variant="h2"
              actions={
                <SegmentedControl
                  label="Format"
                  selectedId={format}
                  options={[
                    { id: "yaml", text: "YAML", disabled: parsed.errors.length > 0 },
                    { id: "json", text: "JSON", disabled: parsed.errors.length > 0 },
                  ]}
                  onChange={({ detail }) => { convert(detail.selectedId); }}
                />
              }
            >
              Definition
            </Header>
          }
        >
          <SpaceBetween size="s">
            <Code value={text} language={format} label={LABEL} height="520px" extensions={extensions} onChange={setText} />
            {silent && <Alert>JSON has no comments. Those of the YAML come back when you go back to it; what you save as JSON is without them.</Alert>}
            <Findings definition={definition} text={text} />
          </SpaceBetween>
        </Container>
        <Tabs
          variant="container"
          activeTabId={tab}
          ariaLabel="The workflow's graph, tests and versions"
          onChange={({ detail }) => { setSearch({ tab: detail.activeTabId }, { replace: true }); }}
          tabs={[
            {
              id: "graph",
              label: "Graph",
              content:
                definition.graph.states.length === 0 ? (
                  <Empty title="There is no state to draw yet" />
                ) : (
                  <StateGraph graph={definition.graph} selected={selected} onSelect={choose} height="540px" label="States of the definition" />
                ),
            },
            {
              id: "input",
              label: "Input",
              content: (
                <InputSchema
                  text={schema}
                  findings={definition.schemaFindings}
                  onChange={setSchema}
                  contested={schemaContested}
                  onTake={takeSchema}
                  onKeep={() => { setBase({ schema: savedSchema, revision: remote.revision }); }}
                />
              ),
            },
            { id: "test", label: "Test a state", contentRenderStrategy: "lazy", content: <TestState definition={parsed.value} selected={selected} /> },
            ...(workflow === null ? [] : [{ id: "versions", label: "Versions", content: <Versions workflow={workflow} current={text} schema={schema} /> }]),
          ]}
        />
      </div>
      {dialog === "start" && workflow !== null && <StartDialog workflow={workflow} onClose={() => { setDialog(null); }} />}
      {dialog === "delete" && workflow !== null && (
        <Confirm
          title={`Delete ${workflow.name}?`}
          action="Delete"
          onClose={() => { setDialog(null); }}
          onConfirm={async () => {
            await client.DELETE("/api/workflows/{id}", { params: { path: { id: workflow.id }, header: { "If-Match": `"${workflow.revision}"` } } });
            void navigate("/workflows");
          }}
        >
          Its running executions are stopped, and its versions go with it.
        </Confirm>
      )}
    </SpaceBetween>
  );
}

/** The schema of a workflow's input as it is edited; empty where there is none. */
function schemaText(workflow: Schemas["Workflow"] | null): string {
  return workflow?.input_schema == null ? "" : `${JSON.stringify(workflow.input_schema, null, 2)}\n`;
}

/** A definition that was stored on one line is easier to read on several. */
function pretty(text: string): string {
  if (!text.trimStart().startsWith("{") || text.trim().includes("\n")) return text;
  try {
    return `${JSON.stringify(JSON.parse(text), null, 2)}\n`;
  } catch {
    return text;
  }
}

function Findings({ definition, text }: { definition: Definition; text: string }) {
  const { findings, valid, settled, error } = definition;
  if (error) return <ProblemAlert error={error} />;
  return (
    <div role="status" aria-label="Result of the check">
      {!settled ? (
        <StatusIndicator type="in-progress">Checking</StatusIndicator>
      ) : findings.length === 0 && valid ? (
        <StatusIndicator type="success">The definition is valid</StatusIndicator>
      ) : (
        <ul className="diagnostics">
          {findings.map((finding) => (
            <li key={`${finding.from} ${finding.message}`}>
              <button type="button" className="finding" onClick={() => { jumpTo(LABEL, finding.from); }}>
                <StatusIndicator type={finding.severity === "warning" ? "warning" : "error"}>
                  Line {text.slice(0, finding.from).split("\n").length}: {finding.message}
                </StatusIndicator>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

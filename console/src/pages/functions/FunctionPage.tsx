import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { CALLS_EVERY, useLive, useRefresh } from "../../api/live";
import { Code } from "../../components/Code";
import { Confirm } from "../../components/Confirm";
import { Link, Loading, ProblemAlert, Time, useTitle } from "../../components/PageParts";
import { useDraft } from "../../components/useDraft";
import { useUnsaved } from "../../components/useUnsaved";
import { useAction } from "../../shell/useNotices";
import { Invoke } from "./Invoke";

const FIRST = `export async function handler(event, context) {
  console.log("called with", event);
  return { greeting: \`Hello, \${event.name ?? "world"}\` };
}
`;

export default function FunctionPage() {
  const { project = "", name } = useParams();
  const [search] = useSearchParams();
  if (name === undefined) return <Create project={search.get("project") ?? "default"} />;
  return <Existing key={`${project}/${name}`} project={project} name={name} />;
}

function Create({ project }: { project: string }) {
  useTitle("Create function");
  const navigate = useNavigate();
  const { busy, run } = useAction();
  const [name, setName] = useState("");
  const [code, setCode] = useState(FIRST);
  const [typescript, setTypescript] = useState(false);
  const unsaved = useUnsaved((name !== "" || code !== FIRST) && !busy);
  const create = () =>
    run(async () => {
      await client.POST("/api/functions/projects/{projectId}", {
        params: { path: { projectId: project } },
        body: { function_name: name, code, ...(typescript ? { file_path: `${name}.ts` } : {}) },
      });
      void navigate(`/functions/${encodeURIComponent(project)}/${encodeURIComponent(name)}`);
    }, "The function was created.");
  const options = [
    { value: "js", label: "JavaScript" },
    { value: "ts", label: "TypeScript" },
  ];
  return (
    <SpaceBetween size="l">
      {unsaved}
      <Header variant="h1" description={`In the project ${project}`} actions={<Button variant="primary" loading={busy} disabled={name === ""} onClick={() => void create()}>Create</Button>}>
        Create function
      </Header>
      <FormField label="Name"><Input value={name} autoFocus onChange={({ detail }) => { setName(detail.value); }} /></FormField>
      <FormField label="Language"><Select options={options} selectedOption={options[typescript ? 1 : 0] ?? null} onChange={({ detail }) => { setTypescript(detail.selectedOption.value === "ts"); }} /></FormField>
      <Container header={<Header variant="h2" description="Export a handler. It gets the event and a context; what it returns is the result.">Code</Header>}>
        <Code value={code} language={typescript ? "typescript" : "javascript"} label="Code" height="420px" onChange={setCode} />
      </Container>
    </SpaceBetween>
  );
}

function Existing({ project, name }: { project: string; name: string }) {
  useTitle(name);
  const path = { params: { path: { projectId: project, name } } };
  const query = useLive(["function", project, name], () => data(client.GET("/api/functions/{projectId}/{name}", path)), { soonest: 3_000, topic: "functions", unasked: CALLS_EVERY });
  const version = query.data?.version;
  // One key for all versions: what is being written must not go while another one is read.
  const source = useLive(["function", project, name, "code"], () => data(client.GET("/api/functions/code/{projectId}/{name}", path)), { enabled: version !== undefined, active: (code) => code.version !== version });
  if (query.data === undefined) return query.error ? <ProblemAlert error={query.error} action={<Link to="/functions">To the functions</Link>} /> : <Loading what="the function" />;
  if (source.data === undefined) return source.error ? <ProblemAlert error={source.error} /> : <Loading what="the code" />;
  return <Editor project={project} item={query.data} source={source.data} />;
}

function Editor({ project, item, source }: { project: string; item: Schemas["Function"]; source: Schemas["FunctionCode"] }) {
  const navigate = useNavigate();
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const [removing, setRemoving] = useState(false);
  const name = item.function_name;
  const typescript = item.file_path.endsWith(".ts");
  const language = typescript ? "typescript" : "javascript";
  const draft = useDraft(`function/${project}/${name}`, { text: source.code, revision: source.version }, { language, what: "Version" });
  const { text: code, changed } = draft;
  const path = { projectId: project, name };
  const act = (action: () => Promise<unknown>, done: string) =>
    run(async () => {
      await action();
      await refresh("function", project, name);
    }, done);
  const save = () =>
    act(async () => {
      const now = await data(client.PATCH("/api/functions/{projectId}/{name}", { params: { path }, body: { code } }));
      draft.saved({ text: code, revision: now.version });
    }, "The function was saved.");
  return (
    <SpaceBetween size="l">
      {draft.questions}
      <Header
        variant="h1"
        description={item.description || `In the project ${project}`}
        info={<StatusIndicator type={item.is_active ? "success" : "stopped"}>{item.is_active ? "Enabled" : "Disabled"}</StatusIndicator>}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={() => { setRemoving(true); }}>Delete</Button>
            <Button loading={busy} onClick={() => void act(() => client.PATCH("/api/v1/functions/{projectId}/{name}", { params: { path }, body: { is_active: !item.is_active } }), item.is_active ? "The function is disabled." : "The function is enabled.")}>
              {item.is_active ? "Disable" : "Enable"}
            </Button>
            <Button variant="primary" loading={busy} disabled={!changed || draft.contested} onClick={() => void save()}>Save</Button>
          </SpaceBetween>
        }
      >
        {name}
      </Header>
      <KeyValuePairs
        columns={4}
        items={[
          { label: "Address", value: <Box variant="code">{`/_functions/${name}`}</Box> },
          { label: "Version", value: item.version },
          { label: "Limits", value: `${item.timeout_ms / 1_000} s, ${item.memory_mb} MB` },
          { label: "Calls", value: `${item.invocation_count}, ${item.failed_count} failed` },
          { label: "Last called", value: <Time at={item.last_invoked_at} /> },
          { label: "File", value: item.file_path },
        ]}
      />
      {item.last_error && <Alert type="warning" header={`Last failure: ${item.last_error.name}`}>{item.last_error.message} (<Time at={item.last_error.at} />)</Alert>}
      <div className="columns">
        <Container header={<Header variant="h2">Code</Header>}>
          <Code value={code} language={language} label="Code" height="480px" onChange={draft.setText} />
        </Container>
        <Invoke project={project} name={name} unsaved={changed} />
      </div>
      {removing && (
        <Confirm
          title={`Delete ${name}?`}
          action="Delete"
          onClose={() => { setRemoving(false); }}
          onConfirm={async () => {
            await client.DELETE("/api/functions/{projectId}/{name}", { params: { path } });
            void navigate("/functions");
          }}
        >
          Its versions and counts go with it. Workflows that call it fail.
        </Confirm>
      )}
    </SpaceBetween>
  );
}

import Alert from "@cloudscape-design/components/alert";
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useMemo, useState } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { sameOrigin } from "../../api/files";
import { useLive, useRefresh } from "../../api/live";
import { everything } from "../../api/paging";
import { taskGraph } from "../../asl/graph";
import { Confirm } from "../../components/Confirm";
import { duration, Empty, Link, Loading, ProblemAlert, Time, useTitle } from "../../components/PageParts";
import { part } from "../../components/Part";
import { StateGraph } from "../../components/StateGraph";
import { Status } from "../../components/Status";
import { useAction } from "../../shell/useNotices";
import { ApprovalBox } from "./ApprovalBox";
import { ModifyDialog } from "./ModifyDialog";
import { isAtRest, pipeline, taskStatuses, type Project, type ProjectEvent } from "./project";

const loading = () => <Loading what="this part" />;
const Files = part(() => import("./FilesTab"), "This tab", loading);
const Changes = part(() => import("./ChangesTab"), "This tab", loading);
const Reports = part(() => import("./ReportsTab"), "This tab", loading);
const Logs = part(() => import("../../components/Logs"), "The logs", loading);

export default function ProjectPage() {
  const { id = "" } = useParams();
  const [search, setSearch] = useSearchParams();
  const query = useLive(["project", id], () => data(client.GET("/api/projects/{id}", { params: { path: { id } } })), { topic: `project/${id}` });
  const project = query.data;
  useTitle(project?.name ?? "Project");
  const moving = project === undefined || !isAtRest(project.status);
  const version = project?.version ?? 0;
  // What belongs to the project is read again whenever the project's own record has changed.
  const path = { params: { path: { id } } };
  const topic = `project/${id}`;
  const events = useLive(
    ["project", id, "events", moving ? "" : version],
    () => everything((cursor) => data(client.GET("/api/projects/{id}/events", { params: { path: { id }, query: { limit: 100, ...(cursor === undefined ? {} : { cursor }) } } }))),
    { active: () => moving, topic },
  );
  const planned = events.data?.some((event) => event.kind === "plan.saved") ?? false;
  const plan = useLive(["project", id, "plan", version], () => data(client.GET("/api/projects/{id}/plan", path)), { enabled: planned, active: () => moving, topic, keep: true });
  const cost = useLive(["project", id, "cost", version], () => data(client.GET("/api/projects/{id}/cost", path)), { active: () => moving, topic });
  const deployments = useLive(["project", id, "deployments", version], () => data(client.GET("/api/projects/{id}/deployments", path)), { active: () => moving, topic });

  if (project === undefined) return query.error ? <ProblemAlert error={query.error} action={<Link to="/projects">To the projects</Link>} /> : <Loading what="the project" />;
  const tab = search.get("tab") ?? "overview";
  const newest = deployments.data?.items[0];
  return (
    <SpaceBetween size="l">
      <Heading project={project} newest={newest} />
      {query.error !== null && <ProblemAlert error={query.error} />}
      {project.failure && (
        <Alert type="error" header={project.failure.error}>
          <Box>{project.failure.cause}</Box>
          <Box variant="strong">{project.failure.what_to_do}</Box>
        </Alert>
      )}
      {project.status === "awaiting_approval" && plan.data && <ApprovalBox project={project} plan={plan.data} />}
      <Container header={<Header variant="h2">Pipeline</Header>}>
        <StateGraph graph={pipeline(project)} height="130px" direction="LR" controls={false} label="Pipeline" />
      </Container>
      <Tabs
        activeTabId={tab}
        ariaLabel="Parts of the project"
        onChange={({ detail }) => {
          setSearch({ tab: detail.activeTabId }, { replace: true });
        }}
        tabs={[
          { id: "overview", label: "Overview", content: <Overview project={project} cost={cost.data} deployment={newest} /> },
          { id: "plan", label: "Plan", content: <PlanTab project={project} plan={plan.data} error={plan.error} events={events.data ?? []} /> },
          { id: "files", label: "Files", content: <Files key={version} id={id} /> },
          { id: "changes", label: "Changes", content: <Changes deployments={deployments.data?.items ?? []} /> },
          { id: "tests", label: "Test reports", content: <Reports key={version} id={id} /> },
          { id: "events", label: "Events", content: <Events events={events.data} error={events.error} /> },
          { id: "logs", label: "Logs", content: tab === "logs" ? <Logs key={id} of="projects" id={id} running={!isAtRest(project.status)} /> : null },
        ]}
      />
    </SpaceBetween>
  );
}

function Heading({ project, newest }: { project: Project; newest: Schemas["Deployment"] | undefined }) {
  const { id } = project;
  const navigate = useNavigate();
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const [dialog, setDialog] = useState<"modify" | "delete" | "cancel" | null>(null);
  const path = { params: { path: { id } } };
  const resumable = ["created", "paused", "failed", "cancelled"].includes(project.status);
  const cancellable = !["created", "completed", "failed", "cancelled"].includes(project.status);
  return (
    <>
      <Header
        variant="h1"
        description={project.description || undefined}
        info={<Status value={project.status} />}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            {resumable && (
              <Button loading={busy} onClick={() => void run(async () => { await client.POST("/api/projects/{id}/resume", path); await refresh("project", id); }, "The project goes on.")}>
                {project.status === "created" ? "Start" : "Resume"}
              </Button>
            )}
            {cancellable && <Button onClick={() => { setDialog("cancel"); }}>Cancel</Button>}
            {project.status === "completed" && <Button onClick={() => { setDialog("modify"); }}>Modify</Button>}
            <Button disabled={cancellable} onClick={() => { setDialog("delete"); }}>Delete</Button>
            {newest && <Button variant="primary" iconName="download" href={sameOrigin(newest.download_url)} download={newest.filename}>Download package</Button>}
          </SpaceBetween>
        }
      >
        {project.name}
      </Header>
      {dialog === "modify" && <ModifyDialog project={project} onClose={() => { setDialog(null); }} />}
      {dialog === "cancel" && (
        <Confirm
          title={`Cancel ${project.name}?`}
          action="Cancel the run"
          onClose={() => { setDialog(null); }}
          onConfirm={async () => { await client.POST("/api/projects/{id}/cancel", path); await refresh("project", id); }}
        >
          The run stops. What exists is kept, and you can resume later.
        </Confirm>
      )}
      {dialog === "delete" && (
        <Confirm
          title={`Delete ${project.name}?`}
          action="Delete"
          onClose={() => { setDialog(null); }}
          onConfirm={async () => {
            await client.DELETE("/api/projects/{id}", { params: { path: { id }, header: { "If-Match": `"${project.version}"` } } });
            void navigate("/projects");
          }}
        >
          Its plan, files, reports and packages go with it. This can't be undone.
        </Confirm>
      )}
    </>
  );
}

function Overview({ project, cost, deployment }: { project: Project; cost: Schemas["Cost"] | undefined; deployment: Schemas["Deployment"] | undefined }) {
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">Project</Header>}>
        <KeyValuePairs
          columns={4}
          items={[
            { label: "Made from", value: project.template_id ?? "requirements" },
            { label: "Run", value: `${project.run} (${project.run_kind})` },
            { label: "Created", value: <Time at={project.created_at} /> },
            { label: "Updated", value: <Time at={project.updated_at} /> },
            { label: "Execution", value: project.execution_id ? <Link to={`/executions/${project.execution_id}`}>Open the execution</Link> : "–" },
            { label: "Id", value: <Box variant="code">{project.id}</Box> },
          ]}
        />
        {project.requirements && <Box padding={{ top: "m" }}><Box variant="awsui-key-label">Requirements</Box><Box>{project.requirements}</Box></Box>}
      </Container>
      <Container header={<Header variant="h2" description="What language models have used, against the project's budget.">Cost</Header>}>
        {cost === undefined ? <Loading what="the cost" /> : <CostView cost={cost} />}
      </Container>
      {deployment && (
        <Container header={<Header variant="h2" actions={<Button href={sameOrigin(deployment.manifest_url)} iconName="download">Manifest</Button>}>Package</Header>}>
          <KeyValuePairs
            columns={3}
            items={[
              { label: "File", value: deployment.filename },
              { label: "Kind", value: deployment.project_type },
              { label: "SHA-256", value: <Box variant="code">{deployment.sha256.slice(0, 16)}…</Box> },
            ]}
          />
        </Container>
      )}
    </SpaceBetween>
  );
}

function CostView({ cost }: { cost: Schemas["Cost"] }) {
  const rows = [
    { label: "US dollars", used: cost.usd, most: cost.budget.usd, text: `$${cost.usd.toFixed(4)}`, limit: cost.budget.usd === null ? "" : `$${cost.budget.usd}` },
    { label: "Tokens", used: cost.tokens.total, most: cost.budget.tokens, text: cost.tokens.total.toLocaleString(), limit: cost.budget.tokens?.toLocaleString() ?? "" },
    { label: "Calls", used: cost.calls, most: cost.budget.calls, text: String(cost.calls), limit: String(cost.budget.calls ?? "") },
    { label: "Seconds", used: cost.seconds, most: cost.budget.seconds, text: duration(cost.seconds * 1_000), limit: cost.budget.seconds === null ? "" : duration(cost.budget.seconds * 1_000) },
  ];
  return (
    <ColumnLayout columns={4}>
      {rows.map((row) =>
        row.most === null ? (
          <div key={row.label}>
            <Box variant="awsui-key-label">{row.label}</Box>
            <Box>{row.text} <Box variant="span" color="text-body-secondary">no limit</Box></Box>
          </div>
        ) : (
          <ProgressBar
            key={row.label}
            label={row.label}
            value={Math.min(100, (100 * row.used) / Math.max(row.most, Number.MIN_VALUE))}
            status={row.used >= row.most ? "error" : "in-progress"}
            resultText={`${row.text} of ${row.limit}: the budget is used up`}
            additionalInfo={`${row.text} of ${row.limit}`}
          />
        ),
      )}
    </ColumnLayout>
  );
}

function PlanTab({ project, plan, error, events }: { project: Project; plan: Schemas["Plan"] | undefined; error: unknown; events: ProjectEvent[] }) {
  const [selected, setSelected] = useState<string | null>(null);
  const graph = useMemo(() => {
    const done = taskStatuses(project, events, plan?.tasks ?? []);
    return taskGraph((plan?.tasks ?? []).map((task) => ({ ...task, status: done.get(task.id) ?? null })));
  }, [project, plan, events]);
  if (plan === undefined) {
    if (error) return <ProblemAlert error={error} />;
    return <Empty title="No plan yet">The PM agent writes it first. This page shows it as soon as it is there.</Empty>;
  }
  const task = plan.tasks.find((task) => task.id === selected) ?? plan.tasks[0];
  return (
    <SpaceBetween size="m">
      <Box>
        {plan.description} <Badge>{plan.project_type}</Badge> {plan.stack.languages.map((language) => <Badge key={language} color="blue">{language}</Badge>)}
      </Box>
      <div className="columns">
        <StateGraph graph={graph} height="520px" selected={task?.id ?? null} onSelect={setSelected} label="Tasks and what they depend on" />
        {task && (
          <Container header={<Header variant="h2" description={`Task ${task.id}, wave ${task.wave}`}>{task.title}</Header>}>
            <SpaceBetween size="s">
              <Box>{task.description}</Box>
              <div>
                <Box variant="h3">Accepted when</Box>
                <ul>{task.acceptance.map((check) => <li key={check}>{check}</li>)}</ul>
              </div>
              <div>
                <Box variant="h3">Files</Box>
                <ul>{task.files.map((file) => <li key={file}><Box variant="code">{file}</Box></li>)}</ul>
              </div>
            </SpaceBetween>
          </Container>
        )}
      </div>
    </SpaceBetween>
  );
}

function Events({ events, error }: { events: ProjectEvent[] | undefined; error: unknown }) {
  if (events === undefined) return error ? <ProblemAlert error={error} /> : <Loading what="events" />;
  return (
    <ol className="event-log">
      {events.map((event) => (
        <li key={event.id}>
          <span className="event-log-time"><Time at={event.at} /></span>
          <Badge color={event.kind.includes("failed") ? "red" : event.kind.includes("completed") || event.kind.includes("finished") ? "green" : "grey"}>{event.kind}</Badge>
          <span>{event.message}</span>
        </li>
      ))}
    </ol>
  );
}

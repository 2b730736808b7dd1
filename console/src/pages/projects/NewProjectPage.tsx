import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Cards from "@cloudscape-design/components/cards";
import Checkbox from "@cloudscape-design/components/checkbox";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FileUpload from "@cloudscape-design/components/file-upload";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useState } from "react";
import { useNavigate } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { useLive } from "../../api/live";
import { asProblem, type Problem } from "../../api/problem";
import { Loading, ProblemAlert, useTitle } from "../../components/PageParts";
import { asSchema, initial, SchemaForm } from "../../components/SchemaForm";
import { useUnsaved } from "../../components/useUnsaved";

type Template = Schemas["Template"];
interface Extras {
  approve: boolean;
  usd: string;
  tokens: string;
}

export default function NewProjectPage() {
  useTitle("Create project");
  const navigate = useNavigate();
  const templates = useLive(["templates"], () => data(client.GET("/api/templates")), { active: () => false });
  const [kind, setKind] = useState("template");
  const [template, setTemplate] = useState<Template | null>(null);
  const [values, setValues] = useState<Record<string, unknown>>({});
  const [name, setName] = useState("");
  const [requirements, setRequirements] = useState("");
  const [archive, setArchive] = useState<File | null>(null);
  const [extras, setExtras] = useState<Extras>({ approve: false, usd: "", tokens: "" });
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const [written, setWritten] = useState(false);
  const unsaved = useUnsaved(written && !busy);

  const submit = async () => {
    const budget = {
      ...(extras.usd === "" ? {} : { usd: Number(extras.usd) }),
      ...(extras.tokens === "" ? {} : { tokens: Number(extras.tokens) }),
    };
    const shared = { approve_plan: extras.approve, ...(Object.keys(budget).length === 0 ? {} : { budget }) };
    const body: Schemas["CreateProject"] =
      kind === "template"
        ? { ...shared, template_id: template?.id ?? null, parameters: values }
        : { ...shared, requirements, ...(name === "" ? {} : { name }) };
    setBusy(true);
    setProblem(null);
    try {
      const project = await data(kind === "archive" && archive !== null ? imported(archive, name) : client.POST("/api/projects", { body }));
      void navigate(`/projects/${project.id}`);
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  const errors = new Map(problem?.errors.map((at) => [at.field, at.message]));
  // Errors of fields that have no place of their own on this page stand above it.
  const shown = [...errors.keys()].filter((field) => field.startsWith("/parameters/") || ["requirements", "name", "/requirements", "/name"].includes(field));
  const choose = (chosen: Template) => {
    setTemplate(chosen);
    setValues(initial(asSchema(chosen.parameters)) as Record<string, unknown>);
    setProblem(null);
  };
  const ready = kind === "template" ? template !== null : kind === "archive" ? archive !== null : requirements.trim() !== "";

  return (
    <form
      onInput={() => { setWritten(true); }}
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) void submit();
      }}
    >
      {unsaved}
      <Form
        header={<Header variant="h1">Create project</Header>}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" formAction="none" onClick={() => void navigate("/projects")}>Cancel</Button>
            <Button variant="primary" loading={busy} disabled={!ready}>Create project</Button>
          </SpaceBetween>
        }
      >
        <SpaceBetween size="l">
          {problem !== null && <CreationProblem problem={problem} shown={shown.length} onTemplate={() => { setKind("template"); setProblem(null); }} />}
          <SegmentedControl
            selectedId={kind}
            label="What it is made from"
            onChange={({ detail }) => {
              setKind(detail.selectedId);
              setProblem(null);
            }}
            options={[
              { id: "template", text: "From a template" },
              { id: "requirements", text: "From requirements" },
              { id: "archive", text: "From an archive" },
            ]}
          />
          {kind === "template" ? (
            templates.isLoading ? (
              <Loading what="templates" />
            ) : (
              <>
                <ProblemAlert error={templates.error} />
                <Cards
                  items={templates.data?.items ?? []}
                  trackBy="id"
                  selectionType="single"
                  selectedItems={template === null ? [] : [template]}
                  entireCardClickable
                  onSelectionChange={({ detail }) => {
                    const [chosen] = detail.selectedItems;
                    if (chosen !== undefined) choose(chosen);
                  }}
                  ariaLabels={{ itemSelectionLabel: (_, item) => item.name, selectionGroupLabel: "Template" }}
                  cardsPerRow={[{ cards: 1 }, { minWidth: 700, cards: 2 }, { minWidth: 1200, cards: 3 }]}
                  cardDefinition={{
                    header: (item) => item.name,
                    sections: [
                      { id: "description", content: (item) => item.description },
                      { id: "languages", header: "Languages", content: (item) => item.languages.join(", ") },
                    ],
                  }}
                  header={<Header variant="h2" description="Needs no model: the same parameters give the same code.">Template</Header>}
                />
                {template !== null && (
                  <Container header={<Header variant="h2">Parameters</Header>}>
                    <SchemaForm schema={asSchema(template.parameters)} value={values} path="/parameters" errors={errors} onChange={(value) => { setValues(value as Record<string, unknown>); }} />
                  </Container>
                )}
              </>
            )
          ) : kind === "archive" ? (
            <Container header={<Header variant="h2" description="Code that is there already: QA checks it, Ops packages it. No file is changed, and no model is needed.">Archive</Header>}>
              <SpaceBetween size="l">
                <FormField label="Zip, tar or tar.gz" description="What version control and package managers make is left out.">
                  <FileUpload
                    value={archive === null ? [] : [archive]}
                    accept=".zip,.tar,.tgz,.gz"
                    showFileSize
                    onChange={({ detail }) => {
                      setArchive(detail.value[0] ?? null);
                    }}
                  />
                </FormField>
                <FormField label="Name" constraintText="Optional: otherwise that of the folder that holds everything." errorText={errors.get("/name") ?? errors.get("name")}>
                  <Input value={name} onChange={({ detail }) => { setName(detail.value); }} />
                </FormField>
              </SpaceBetween>
            </Container>
          ) : (
            <Container header={<Header variant="h2" description="The PM agent plans it; this needs a language model.">Requirements</Header>}>
              <SpaceBetween size="l">
                <FormField label="Name" constraintText="Optional: otherwise the plan gives one." errorText={errors.get("/name") ?? errors.get("name")}>
                  <Input value={name} onChange={({ detail }) => { setName(detail.value); }} />
                </FormField>
                <FormField label="What should be made?" description="What it does, for whom, with what it works together, what must hold." errorText={errors.get("/requirements") ?? errors.get("requirements")} stretch>
                  <Textarea value={requirements} rows={10} onChange={({ detail }) => { setRequirements(detail.value); }} />
                </FormField>
              </SpaceBetween>
            </Container>
          )}
          {kind !== "archive" && <ExpandableSection headerText="Approval and budget" variant="container">
            <SpaceBetween size="m">
              <Checkbox checked={extras.approve} onChange={({ detail }) => { setExtras({ ...extras, approve: detail.checked }); }} description="Development begins when you have approved or edited the plan.">
                Wait for approval of the plan
              </Checkbox>
              <FormField label="Most that models may cost, in US dollars" constraintText="Empty: no limit. The project pauses before a call that would break it.">
                <Input type="number" inputMode="decimal" value={extras.usd} onChange={({ detail }) => { setExtras({ ...extras, usd: detail.value }); }} />
              </FormField>
              <FormField label="Most tokens" constraintText="Empty: no limit.">
                <Input type="number" inputMode="numeric" value={extras.tokens} onChange={({ detail }) => { setExtras({ ...extras, tokens: detail.value }); }} />
              </FormField>
            </SpaceBetween>
          </ExpandableSection>}
        </SpaceBetween>
      </Form>
    </form>
  );
}

/** Sends an archive by itself; the server looks at its first bytes for what it is. */
function imported(archive: File, name: string) {
  return client.POST("/api/projects", {
    params: { query: name === "" ? {} : { name } },
    headers: { "content-type": "application/octet-stream" },
    body: {},
    bodySerializer: () => archive,
  });
}

/** What refused the project; without a model, the way that needs none. */
function CreationProblem({ problem, shown, onTemplate }: { problem: Problem; shown: number; onTemplate: () => void }) {
  if (problem.code === "not-configured") {
    return (
      <Alert type="warning" header="Requirements in words need a language model" action={<Button formAction="none" onClick={onTemplate}>Use a template instead</Button>}>
        {problem.detail}
      </Alert>
    );
  }
  const elsewhere = problem.errors.length > shown;
  return (
    <Alert type="error" header={problem.title}>
      {problem.errors.length === 0 ? problem.detail : elsewhere ? problem.errors.map((at) => `${at.field}: ${at.message}`).join("; ") : "Correct the fields that are marked below."}
    </Alert>
  );
}

import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useState } from "react";
import { client, type Schemas } from "../../api/client";
import { useRefresh } from "../../api/live";
import { whyNotJson } from "../../asl/json";
import { Code } from "../../components/Code";
import { Confirm } from "../../components/Confirm";
import type { Project } from "./project";

/** What a plan's author decides: the rest is the server's. */
function editable(plan: Schemas["Plan"]): object {
  const { name, description, project_type, stack, commands } = plan;
  return {
    name,
    description,
    project_type,
    languages: stack.languages,
    tools: stack.tools,
    files: [
      ...plan.files.map(({ path, purpose }) => ({ path, purpose, change: "write" })),
      ...plan.tasks.flatMap((task) => task.deletes.map((path) => ({ path, purpose: "", change: "delete" }))),
    ],
    tasks: plan.tasks.map(({ id, title, description, depends_on, acceptance, files, deletes }) => ({ id, title, description, depends_on, acceptance, files: [...files, ...deletes] })),
    commands,
  };
}

/** Asks for the decision that a run waits for. */
export function ApprovalBox({ project, plan }: { project: Project; plan: Schemas["Plan"] }) {
  const refresh = useRefresh();
  const [dialog, setDialog] = useState<"approve" | "edit" | "reject" | null>(null);
  const [text, setText] = useState("");
  const [reason, setReason] = useState("");
  const decide = async (body: Schemas["DecideApproval"]) => {
    await client.POST("/api/projects/{id}/approve", { params: { path: { id: project.id } }, body });
    await refresh("project", project.id);
  };
  const close = () => {
    setDialog(null);
  };
  return (
    <Alert
      type="info"
      header="The plan waits for your approval"
      action={
        <SpaceBetween direction="horizontal" size="xs">
          <Button onClick={() => { setDialog("reject"); }}>Reject</Button>
          {project.template_id === null && <Button onClick={() => { setText(JSON.stringify(editable(plan), null, 2)); setDialog("edit"); }}>Edit plan</Button>}
          <Button variant="primary" onClick={() => { setDialog("approve"); }}>Approve</Button>
        </SpaceBetween>
      }
    >
      {plan.files.length} files in {plan.tasks.length} tasks. Read it under Plan.
      {dialog === "approve" && (
        <Confirm title="Approve the plan?" action="Approve" onClose={close} onConfirm={() => decide({ decision: "approve" })}>
          Development begins at once.
        </Confirm>
      )}
      {dialog === "edit" && (
        <Confirm title="Edit the plan" action="Approve the edited plan" size="large" disabled={whyNotJson(text) !== ""} onClose={close} onConfirm={() => decide({ decision: "edit", plan: JSON.parse(text) as Record<string, unknown> })}>
          <FormField label="Plan" errorText={whyNotJson(text)} stretch><Code value={text} language="json" label="Plan" height="420px" onChange={setText} /></FormField>
        </Confirm>
      )}
      {dialog === "reject" && (
        <Confirm title="Reject the plan?" action="Reject" disabled={reason.trim() === ""} onClose={close} onConfirm={() => decide({ decision: "reject", reason })}>
          <FormField label="Reason" description="The next plan takes it into account.">
            <Textarea value={reason} onChange={({ detail }) => { setReason(detail.value); }} />
          </FormField>
        </Confirm>
      )}
    </Alert>
  );
}

import FormField from "@cloudscape-design/components/form-field";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useState } from "react";
import { client, data } from "../../api/client";
import { useLive, useRefresh } from "../../api/live";
import { asProblem } from "../../api/problem";
import { Confirm } from "../../components/Confirm";
import { Loading } from "../../components/PageParts";
import { asSchema, SchemaForm } from "../../components/SchemaForm";
import type { Project } from "./project";

/** Asks for a modification: of a project from a template by its parameters, of others in words. */
export function ModifyDialog({ project, onClose }: { project: Project; onClose: () => void }) {
  const refresh = useRefresh();
  const template = useLive(
    ["templates", project.template_id],
    () => data(client.GET("/api/templates/{id}", { params: { path: { id: project.template_id ?? "" } } })),
    { enabled: project.template_id !== null, active: () => false },
  );
  const [values, setValues] = useState<Record<string, unknown>>({ ...project.parameters });
  const [request, setRequest] = useState("");
  const [errors, setErrors] = useState(new Map<string, string>());
  const byParameters = project.template_id !== null && request === "";
  const modify = async () => {
    try {
      await client.POST("/api/projects/{id}/modify", {
        params: { path: { id: project.id } },
        body: byParameters ? { parameters: values } : { request },
      });
    } catch (error) {
      setErrors(new Map(asProblem(error).errors.map((at) => [at.field, at.message])));
      throw error;
    }
    await refresh("project", project.id);
  };
  return (
    <Confirm
      title={`Modify ${project.name}`}
      action="Start the modification"
      size="large"
      disabled={!byParameters && request.trim() === ""}
      onClose={onClose}
      onConfirm={modify}
    >
      <SpaceBetween size="l">
        <FormField label="In words" description="What should change? This needs a language model." constraintText={project.template_id === null ? undefined : "Leave it empty to change the template's parameters below."} stretch>
          <Textarea value={request} rows={3} onChange={({ detail }) => { setRequest(detail.value); }} />
        </FormField>
        {project.template_id !== null && request === "" &&
          (template.data ? (
            <SchemaForm schema={asSchema(template.data.parameters)} value={values} path="/parameters" errors={errors} onChange={(value) => { setValues(value as Record<string, unknown>); }} />
          ) : (
            <Loading what="the parameters" />
          ))}
      </SpaceBetween>
    </Confirm>
  );
}

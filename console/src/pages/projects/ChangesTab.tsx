import Box from "@cloudscape-design/components/box";
import FormField from "@cloudscape-design/components/form-field";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import type { Schemas } from "../../api/client";
import { useLive } from "../../api/live";
import { Diff } from "../../components/Code";
import { Empty, Loading, ProblemAlert } from "../../components/PageParts";
import { changes, languageOf, readPackage } from "./packages";

type Deployment = Schemas["Deployment"];
const SIGNS = { added: "+", removed: "−", changed: "±" };

/** What one run changed of another: their packages beside each other. */
export default function ChangesTab({ deployments }: { deployments: Deployment[] }) {
  const [chosen, setChosen] = useState<{ before?: string; after?: string }>({});
  const [path, setPath] = useState<string | null>(null);
  const after = deployments.find((one) => one.id === chosen.after) ?? deployments[0];
  const before = deployments.find((one) => one.id === chosen.before) ?? deployments[1];
  const found = useLive(
    ["changes", before?.sha256, after?.sha256],
    async () => {
      if (before === undefined || after === undefined) return [];
      const [old, now] = await Promise.all([readPackage(before.download_url), readPackage(after.download_url)]);
      return changes(old, now);
    },
    { enabled: before !== undefined && after !== undefined, active: () => false },
  );
  if (before === undefined || after === undefined) {
    return <Empty title="Nothing to compare yet">Each run that is packaged can be compared with the others. Modify the project to begin the next run.</Empty>;
  }
  const options = deployments.map((one) => ({ value: one.id, label: `Run ${one.run}`, description: new Date(one.created_at).toLocaleString() }));
  const option = (deployment: Deployment) => options.find((one) => one.value === deployment.id) ?? null;
  const file = found.data?.find((change) => change.path === path) ?? found.data?.[0];
  return (
    <SpaceBetween size="m">
      <SpaceBetween direction="horizontal" size="m">
        <FormField label="From"><Select options={options} selectedOption={option(before)} onChange={({ detail }) => { setChosen({ ...chosen, before: detail.selectedOption.value ?? "" }); }} /></FormField>
        <FormField label="To"><Select options={options} selectedOption={option(after)} onChange={({ detail }) => { setChosen({ ...chosen, after: detail.selectedOption.value ?? "" }); }} /></FormField>
      </SpaceBetween>
      {found.data === undefined ? (
        found.error ? <ProblemAlert error={found.error} /> : <Loading what="both packages" />
      ) : file === undefined ? (
        <Empty title="No file differs" />
      ) : (
        <div className="columns narrow-left">
          <ul className="tree" aria-label="Files that differ">
            {found.data.map((change) => (
              <li key={change.path}>
                <button type="button" className={`file ${change.path === file.path ? "chosen" : ""}`} aria-current={change.path === file.path} onClick={() => { setPath(change.path); }}>
                  <span aria-label={change.kind}>{SIGNS[change.kind]}</span> {change.path}
                </button>
              </li>
            ))}
          </ul>
          {file.before === null && file.after === null ? (
            <Box color="text-body-secondary">This file is no text.</Box>
          ) : (
            <Diff key={file.path} left={file.before ?? ""} right={file.after ?? ""} language={languageOf(file.path)} label={file.path} />
          )}
        </div>
      )}
    </SpaceBetween>
  );
}

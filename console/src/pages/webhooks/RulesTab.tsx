import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import { client, data, type Schemas } from "../../api/client";
import { PACES, useLive, useRefresh } from "../../api/live";
import { everything } from "../../api/paging";
import { whyNotJson } from "../../asl/json";
import { Code, Json } from "../../components/Code";
import { Confirm } from "../../components/Confirm";
import { Empty, ProblemAlert } from "../../components/PageParts";
import { useAction } from "../../shell/useNotices";

type Rule = Schemas["WebhookRule"];
const FIRST = '{\n  "source": ["github"],\n  "detail-type": ["push"]\n}\n';

/** Which events start which workflow. */
export function RulesTab() {
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const [dialog, setDialog] = useState<{ kind: "edit"; rule: Rule | null } | { kind: "delete"; rule: Rule } | null>(null);
  const rules = useLive(["webhook-rules"], () => data(client.GET("/api/webhooks/rules")), PACES.seldom);
  const close = () => { setDialog(null); };
  const switchRule = (rule: Rule) =>
    run(async () => {
      await client.PATCH("/api/webhooks/rules/{id}", { params: { path: { id: rule.id }, header: { "If-Match": "*" } }, body: { enabled: !rule.enabled } });
      await refresh("webhook-rules");
    }, rule.enabled ? "The rule rests." : "The rule is looked at again.");
  return (
    <SpaceBetween size="m">
      {rules.error !== null && <ProblemAlert error={rules.error} />}
      <Table<Rule>
        items={rules.data?.items ?? []}
        loading={rules.isLoading}
        loadingText="Loading rules"
        trackBy="id"
        enableKeyboardNavigation
        ariaLabels={{ tableLabel: "Rules" }}
        header={<Header variant="h2" actions={<Button variant="primary" onClick={() => { setDialog({ kind: "edit", rule: null }); }}>Create rule</Button>}>Rules</Header>}
        empty={<Empty title="No rules yet">Without a rule events are kept, and start nothing.</Empty>}
        columnDefinitions={[
          { id: "name", header: "Name", isRowHeader: true, cell: (item) => item.name },
          { id: "enabled", header: "State", cell: (item) => <StatusIndicator type={item.enabled ? "success" : "stopped"}>{item.enabled ? "Enabled" : "Disabled"}</StatusIndicator> },
          { id: "workflow", header: "Workflow", cell: (item) => item.workflow.split(":").at(-1) },
          { id: "pattern", header: "Pattern", cell: (item) => <Box variant="code">{JSON.stringify(item.pattern).slice(0, 80)}</Box> },
          {
            id: "actions",
            header: "Actions",
            minWidth: 130,
            cell: (item) => (
              <SpaceBetween direction="horizontal" size="xs">
                <Button variant="inline-link" ariaLabel={`Change ${item.name}`} onClick={() => { setDialog({ kind: "edit", rule: item }); }}>Change</Button>
                <Button variant="inline-link" loading={busy} ariaLabel={`${item.enabled ? "Disable" : "Enable"} ${item.name}`} onClick={() => void switchRule(item)}>{item.enabled ? "Disable" : "Enable"}</Button>
                <Button variant="inline-link" ariaLabel={`Delete ${item.name}`} onClick={() => { setDialog({ kind: "delete", rule: item }); }}>Delete</Button>
              </SpaceBetween>
            ),
          },
        ]}
      />
      {dialog?.kind === "edit" && <EditRule rule={dialog.rule} onClose={close} />}
      {dialog?.kind === "delete" && (
        <Confirm
          title={`Delete ${dialog.rule.name}?`}
          action="Delete"
          onClose={close}
          onConfirm={async () => {
            await client.DELETE("/api/webhooks/rules/{id}", { params: { path: { id: dialog.rule.id }, header: { "If-Match": "*" } } });
            await refresh("webhook-rules");
          }}
        >
          Events that come later no longer start its workflow.
        </Confirm>
      )}
    </SpaceBetween>
  );
}

function EditRule({ rule, onClose }: { rule: Rule | null; onClose: () => void }) {
  const refresh = useRefresh();
  const [name, setName] = useState(rule?.name ?? "");
  const [workflow, setWorkflow] = useState(rule?.workflow ?? "");
  const [pattern, setPattern] = useState(rule === null ? FIRST : JSON.stringify(rule.pattern, null, 2));
  const [withInput, setWithInput] = useState(rule?.input !== null && rule?.input !== undefined);
  const [input, setInput] = useState(JSON.stringify(rule?.input ?? { payload: "{% $states.input.detail %}" }, null, 2));
  const workflows = useLive(["workflows", "all"], () => everything((cursor) => data(client.GET("/api/workflows", { params: { query: { limit: 100, ...(cursor === undefined ? {} : { cursor }) } } }))), { active: () => false });
  const options = (workflows.data ?? []).map((one) => ({ value: one.arn, label: one.name }));
  const malformed = whyNotJson(pattern) !== "" || (withInput && whyNotJson(input) !== "");
  const parsed = () => ({ pattern: JSON.parse(pattern) as Record<string, unknown>, ...(withInput ? { input: JSON.parse(input) as unknown } : {}) });
  const save = async () => {
    const body = { name, workflow, ...parsed() };
    if (rule === null) await client.POST("/api/webhooks/rules", { body });
    else await client.PATCH("/api/webhooks/rules/{id}", { params: { path: { id: rule.id }, header: { "If-Match": "*" } }, body: withInput ? body : { ...body, input: null } });
    await refresh("webhook-rules");
  };
  return (
    <Confirm title={rule === null ? "Create rule" : `Change ${rule.name}`} action={rule === null ? "Create" : "Save"} size="large" disabled={name === "" || workflow === "" || malformed} onClose={onClose} onConfirm={save}>
      <SpaceBetween size="m">
        <FormField label="Name"><Input value={name} onChange={({ detail }) => { setName(detail.value); }} /></FormField>
        <FormField label="Workflow">
          <Select options={options} selectedOption={options.find((one) => one.value === workflow) ?? null} placeholder="Choose one" filteringType="auto" empty="No workflows yet: create one first." onChange={({ detail }) => { setWorkflow(detail.selectedOption.value ?? ""); }} />
        </FormField>
        <FormField label="Pattern" description="Which events, in EventBridge's pattern syntax." errorText={whyNotJson(pattern)} stretch><Code value={pattern} language="json" label="Pattern" height="150px" onChange={setPattern} /></FormField>
        <Checkbox checked={withInput} description="Otherwise the workflow gets the whole event." onChange={({ detail }) => { setWithInput(detail.checked); }}>Make the input from the event</Checkbox>
        {withInput && <FormField label="Template of the input" errorText={whyNotJson(input)} stretch><Code value={input} language="json" label="Template of the input" height="130px" onChange={setInput} /></FormField>}
        {!malformed && <Try rule={parsed} />}
      </SpaceBetween>
    </Confirm>
  );
}

/** Tries what is being written on an event that came. */
function Try({ rule }: { rule: () => { pattern: Record<string, unknown>; input?: unknown } }) {
  const events = useLive(["webhook-events", "newest"], () => data(client.GET("/api/webhooks/events", { params: { query: { limit: 20 } } })), { active: () => false });
  const [id, setId] = useState<string | null>(null);
  const [result, setResult] = useState<Schemas["WebhookRuleTest"] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const options = (events.data?.items ?? []).map((one) => ({ value: one.id, label: `${one.source} ${one.type}`, description: new Date(one.received_at).toLocaleString() }));
  if (options.length === 0) return null;
  const test = async () => {
    setError(null);
    setResult(null);
    try {
      setResult(await data(client.POST("/api/webhooks/rules/test", { body: { ...rule(), event_id: id ?? options[0]?.value ?? "" } })));
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <SpaceBetween size="s">
      <FormField label="Try it on" secondaryControl={<Button onClick={() => void test()}>Try</Button>}>
        <Select options={options} selectedOption={options.find((one) => one.value === id) ?? options[0] ?? null} onChange={({ detail }) => { setId(detail.selectedOption.value ?? null); }} />
      </FormField>
      {error !== null && <ProblemAlert error={error} />}
      {result !== null && (
        <Alert type={result.problem !== null ? "error" : result.matches ? "success" : "info"} header={result.matches ? "The event fits" : "The event does not fit"}>
          {result.problem}
          {result.matches && result.problem === null && <Json value={result.input} label="Input that the workflow gets" height="160px" />}
        </Alert>
      )}
    </SpaceBetween>
  );
}

import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Multiselect from "@cloudscape-design/components/multiselect";
import RadioGroup from "@cloudscape-design/components/radio-group";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useNavigate } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { useRefresh } from "../../api/live";
import { asProblem } from "../../api/problem";
import { Confirm } from "../../components/Confirm";
import { part } from "../../components/Part";
import { chosenTypes, EVENTS, readPattern, withTypes } from "./pattern";
import type { PatternEditorProps } from "./PatternEditor";
import { addressOf, kindOf, KINDS, type Kind, type Subscription } from "./target";

const PatternEditor = part<PatternEditorProps>(() => import("./PatternEditor"), "The editor", ({ value }) => <pre className="code-fallback">{value}</pre>);
const OPTIONS = EVENTS.map(({ of, types }) => ({ label: of, options: types.map((type) => ({ value: `${of}.${type}`, label: `${of}.${type}` })) }));
const FIRST = { "detail-type": ["execution.failed", "execution.timed_out"] };
const KIND_ITEMS = (Object.keys(KINDS) as Kind[]).map((value) => ({ value, label: KINDS[value].label }));
const shown = (pattern: object) => `${JSON.stringify(pattern, null, 2)}\n`;

/** Makes a subscription, or changes what one says. `onIssued` gets the secret of one that was made. */
export function SubscriptionDialog({ subscription, onIssued, onClose }: {
  subscription: Subscription | null;
  onIssued?: (issued: Schemas["IssuedSubscription"]) => void;
  onClose: () => void;
}) {
  const navigate = useNavigate();
  const refresh = useRefresh();
  const [name, setName] = useState(subscription?.name ?? "");
  const [kind, setKind] = useState<Kind>(subscription === null ? "https" : kindOf(subscription.target));
  const [address, setAddress] = useState(subscription === null ? "" : addressOf(subscription.target));
  const [text, setText] = useState(shown(subscription?.pattern ?? FIRST));
  const [refused, setRefused] = useState<{ text: string; errors: { field: string; message: string }[] }>({ text: "", errors: [] });
  const { pattern } = readPattern(text);
  const errorOf = (...fields: string[]) => refused.errors.find(({ field }) => fields.includes(field))?.message;
  const { label, member, example, help } = { ...KINDS[kind], label: KINDS[kind].address };
  const save = async () => {
    if (pattern === null) return;
    const target = { type: kind, [member]: address.trim() } as Schemas["NewSubscriptionTarget"];
    try {
      if (subscription === null) {
        const made = await data(client.POST("/api/subscriptions", { body: { name: name.trim(), pattern: pattern as Record<string, never>, target } }));
        onIssued?.(made);
        await refresh("subscriptions");
        void navigate(`/subscriptions/${made.id}`);
      } else {
        await client.PATCH("/api/subscriptions/{id}", {
          params: { path: { id: subscription.id }, header: { "If-Match": `"${subscription.version}"` } },
          body: { name: name.trim(), pattern: pattern as Record<string, never>, target },
        });
        await Promise.all([refresh("subscriptions"), refresh("subscription", subscription.id)]);
      }
    } catch (error) {
      setRefused({ text, errors: asProblem(error).errors });
      throw error;
    }
  };
  // What the server said of another text is over.
  const problems = refused.text === text ? refused.errors.filter(({ field }) => field.startsWith("/pattern")).map(({ field, message }) => ({ field: field.slice("/pattern".length), message })) : [];
  return (
    <Confirm
      title={subscription === null ? "Create subscription" : `Change ${subscription.name}`}
      action={subscription === null ? "Create" : "Save"}
      size="large"
      disabled={name.trim() === "" || address.trim() === "" || pattern === null}
      onClose={onClose}
      onConfirm={save}
    >
      <SpaceBetween size="m">
        <FormField label="Name" constraintText="What it is for, in up to 120 characters." errorText={errorOf("name", "/name")}>
          <Input value={name} placeholder="Failures to the chat" onChange={({ detail }) => { setName(detail.value); }} />
        </FormField>
        <FormField label="Target"><RadioGroup value={kind} items={KIND_ITEMS} onChange={({ detail }) => { setKind(detail.value as Kind); }} /></FormField>
        <FormField label={label} description={help} constraintText={`For example ${example}`} errorText={errorOf(`target/${member}`, `/target/${member}`, `target.${member}`, "/target", "target")}>
          <Input value={address} onChange={({ detail }) => { setAddress(detail.value); }} />
        </FormField>
        <FormField label="Events" description="Those that are chosen become part of the pattern. Without any, it hears of everything that the pattern lets through.">
          <Multiselect
            options={OPTIONS}
            selectedOptions={pattern === null ? [] : chosenTypes(pattern).map((value) => ({ value, label: value }))}
            disabled={pattern === null}
            filteringType="auto"
            placeholder="Choose events"
            tokenLimit={4}
            deselectAriaLabel={(option) => `Without ${option.label ?? ""}`}
            selectedAriaLabel="chosen"
            onChange={({ detail }) => {
              if (pattern !== null) setText(shown(withTypes(pattern, detail.selectedOptions.map((option) => option.value ?? ""))));
            }}
          />
        </FormField>
        <FormField label="Pattern" description="Which events, in EventBridge's pattern syntax; {} is all." stretch>
          <PatternEditor value={text} problems={problems} onChange={setText} />
        </FormField>
      </SpaceBetween>
    </Confirm>
  );
}

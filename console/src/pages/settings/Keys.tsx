import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
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
import { Confirm } from "../../components/Confirm";
import { Empty, ProblemAlert, Time } from "../../components/PageParts";

type Key = Schemas["ApiKey"];
const ROLES = [
  { value: "read", label: "read", description: "look at everything" },
  { value: "run", label: "run", description: "also run what is there" },
  { value: "admin", label: "admin", description: "also change what is there" },
];

/** The caller's keys. A key's text is shown once, when it is made. */
export function Keys() {
  const refresh = useRefresh();
  const [dialog, setDialog] = useState<{ kind: "create" } | { kind: "rotate" | "revoke"; key: Key } | null>(null);
  const [issued, setIssued] = useState<{ name: string; key: string } | null>(null);
  const keys = useLive(["keys"], () => everything((cursor) => data(client.GET("/api/keys", { params: { query: { limit: 100, ...(cursor === undefined ? {} : { cursor }) } } }))), PACES.seldom);
  const close = () => {
    setDialog(null);
  };
  return (
    <SpaceBetween size="m">
      {keys.error !== null && <ProblemAlert error={keys.error} />}
      {issued !== null && (
        <Alert type="success" header={`The key ${issued.name}`} dismissible onDismiss={() => { setIssued(null); }} action={<Button iconName="copy" onClick={() => void navigator.clipboard.writeText(issued.key)}>Copy</Button>}>
          Keep it now: it is not shown again. <Box variant="code">{issued.key}</Box>
        </Alert>
      )}
      <Table<Key>
        items={keys.data ?? []}
        loading={keys.isLoading}
        loadingText="Loading keys"
        trackBy="id"
        enableKeyboardNavigation
        ariaLabels={{ tableLabel: "API keys" }}
        header={<Header variant="h2" description="Who has a key calls in your name, as far as its role goes." actions={<Button onClick={() => { setDialog({ kind: "create" }); }}>Make a key</Button>}>API keys</Header>}
        empty={<Empty title="No keys yet">Programs and people elsewhere call with one.</Empty>}
        columnDefinitions={[
          { id: "name", header: "Name", isRowHeader: true, cell: (item) => <span className="reason">{item.name}</span> },
          { id: "prefix", header: "Begins with", cell: (item) => <Box variant="code">{item.prefix}…</Box> },
          { id: "role", header: "Role", cell: (item) => item.role },
          { id: "status", header: "Status", cell: (item) => <StatusIndicator type={item.status.toLowerCase() === "active" ? "success" : "stopped"}>{item.status.toLowerCase()}</StatusIndicator> },
          { id: "used", header: "Last used", cell: (item) => <Time at={item.last_used_at} /> },
          { id: "expires", header: "Ends", cell: (item) => <Time at={item.expires_at} /> },
          {
            id: "actions",
            header: "Actions",
            cell: (item) =>
              item.status.toLowerCase() === "active" && (
                <SpaceBetween direction="horizontal" size="xs">
                  <Button variant="inline-link" ariaLabel={`Rotate ${item.name}`} onClick={() => { setDialog({ kind: "rotate", key: item }); }}>Rotate</Button>
                  <Button variant="inline-link" ariaLabel={`Revoke ${item.name}`} onClick={() => { setDialog({ kind: "revoke", key: item }); }}>Revoke</Button>
                </SpaceBetween>
              ),
          },
        ]}
      />
      {dialog?.kind === "create" && <CreateKey onClose={close} onIssued={setIssued} />}
      {dialog?.kind === "rotate" && (
        <Confirm
          title={`Rotate ${dialog.key.name}?`}
          action="Rotate"
          onClose={close}
          onConfirm={async () => {
            const made = await data(client.POST("/api/keys/{id}/rotate", { params: { path: { id: dialog.key.id } }, body: {} }));
            setIssued({ name: made.name, key: made.key });
            await refresh("keys");
          }}
        >
          It gets a new text. The old one goes on for a while, so that you can change it where it is used.
        </Confirm>
      )}
      {dialog?.kind === "revoke" && (
        <Confirm
          title={`Revoke ${dialog.key.name}?`}
          action="Revoke"
          onClose={close}
          onConfirm={async () => {
            await client.DELETE("/api/keys/{id}", { params: { path: { id: dialog.key.id } } });
            await refresh("keys");
          }}
        >
          Whoever uses it gets no answer any more. This can't be undone.
        </Confirm>
      )}
    </SpaceBetween>
  );
}

function CreateKey({ onClose, onIssued }: { onClose: () => void; onIssued: (issued: { name: string; key: string }) => void }) {
  const refresh = useRefresh();
  const [name, setName] = useState("");
  const [role, setRole] = useState("run");
  return (
    <Confirm
      title="Make a key"
      action="Make it"
      disabled={name === ""}
      onClose={onClose}
      onConfirm={async () => {
        const made = await data(client.POST("/api/keys", { body: { name, role } }));
        onIssued({ name: made.name, key: made.key });
        await refresh("keys");
      }}
    >
      <SpaceBetween size="m">
        <FormField label="Name" description="Who or what uses it."><Input value={name} onChange={({ detail }) => { setName(detail.value); }} /></FormField>
        <FormField label="Role"><Select options={ROLES} selectedOption={ROLES.find((one) => one.value === role) ?? null} onChange={({ detail }) => { setRole(detail.selectedOption.value ?? role); }} /></FormField>
      </SpaceBetween>
    </Confirm>
  );
}

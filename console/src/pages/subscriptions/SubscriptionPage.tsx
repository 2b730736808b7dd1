import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { client, data } from "../../api/client";
import { PACES, useLive, useRefresh } from "../../api/live";
import { Json } from "../../components/Code";
import { Confirm } from "../../components/Confirm";
import { Link, Loading, ProblemAlert, Time, useTitle } from "../../components/PageParts";
import { useAction } from "../../shell/useNotices";
import { Deliveries } from "./Deliveries";
import { Secret, showSecret } from "./Secret";
import { SubscriptionDialog } from "./SubscriptionDialog";
import { SubscriptionStatus } from "./SubscriptionsPage";
import { addressOf, kindOf, KINDS, type Subscription } from "./target";

/** For so long the secret before signs too, in seconds. */
const OVERLAPS = [
  { value: "86400", label: "a day" },
  { value: "3600", label: "an hour" },
  { value: "604800", label: "a week" },
  { value: "0", label: "no longer: it was seen by others" },
];

export default function SubscriptionPage() {
  const { id = "" } = useParams();
  const navigate = useNavigate();
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const [dialog, setDialog] = useState<"change" | "delete" | "rotate" | null>(null);
  const path = { id };
  const query = useLive(["subscription", id], () => data(client.GET("/api/subscriptions/{id}", { params: { path } })), PACES.moving);
  const subscription = query.data;
  useTitle(subscription?.name ?? "Subscription");
  if (subscription === undefined) return query.error ? <ProblemAlert error={query.error} action={<Link to="/subscriptions">To the subscriptions</Link>} /> : <Loading what="the subscription" />;
  const enabled = subscription.status === "ENABLED";
  const { health } = subscription;
  const close = () => { setDialog(null); };
  const switchIt = () =>
    run(async () => {
      await client.PATCH("/api/subscriptions/{id}", { params: { path, header: { "If-Match": "*" } }, body: { enabled: !enabled } as never });
      await Promise.all([refresh("subscription", id), refresh("subscriptions")]);
    }, enabled ? "It gets no events any more." : "It gets events again.");
  const test = () =>
    run(async () => {
      const sent = await data(client.POST("/api/subscriptions/{id}/test", { params: { path } }));
      await refresh("deliveries", id);
      void navigate(`/subscriptions/${id}?delivery=${sent.id}`, { replace: true });
    });
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        info={<SubscriptionStatus subscription={subscription} />}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={() => { setDialog("delete"); }}>Delete</Button>
            {kindOf(subscription.target) === "https" && <Button onClick={() => { setDialog("rotate"); }}>Rotate secret</Button>}
            <Button onClick={() => { setDialog("change"); }}>Change</Button>
            <Button loading={busy} onClick={() => void switchIt()}>{enabled ? "Disable" : "Enable"}</Button>
            <Button variant="primary" loading={busy} onClick={() => void test()}>Send a test</Button>
          </SpaceBetween>
        }
      >
        {subscription.name}
      </Header>
      {query.error !== null && <ProblemAlert error={query.error} />}
      <Secret id={id} />
      {subscription.disabled_reason && (
        <Alert type="error" header="It was disabled by itself" action={<Button loading={busy} onClick={() => void switchIt()}>Enable</Button>}>
          {subscription.disabled_reason}, <Time at={subscription.disabled_at} />. Mend the target, enable it, and replay what failed.
        </Alert>
      )}
      {enabled && health !== null && (
        <Alert type="warning" header={`The target has failed ${health.failures === 1 ? "once" : `${health.failures} times`} in a row`}>
          Since <Time at={health.failing_since} />: <span className="reason">{health.last_error}</span>. It is left alone until <Time at={health.retry_at} />; what happens meanwhile waits.
        </Alert>
      )}
      <KeyValuePairs
        columns={4}
        items={[
          { label: KINDS[kindOf(subscription.target)].label, value: <span className="reason">{addressOf(subscription.target)}</span> },
          { label: "Created", value: <Time at={subscription.created_at} /> },
          { label: "Changed", value: <Time at={subscription.updated_at} /> },
          { label: "The secret before signs until", value: <Time at={subscription.previous_secret_until} /> },
        ]}
      />
      <div>
        <Box variant="awsui-key-label">Pattern</Box>
        {Object.keys(subscription.pattern).length === 0 ? <Box>Everything</Box> : <Json value={subscription.pattern} label="Pattern of the subscription" height="180px" />}
      </div>
      <Deliveries id={id} />
      {dialog === "change" && <SubscriptionDialog subscription={subscription} onClose={close} />}
      {dialog === "rotate" && <Rotate subscription={subscription} onClose={close} />}
      {dialog === "delete" && (
        <Confirm
          title={`Delete ${subscription.name}?`}
          action="Delete"
          onClose={close}
          onConfirm={async () => {
            await client.DELETE("/api/subscriptions/{id}", { params: { path, header: { "If-Match": "*" } } });
            await refresh("subscriptions");
            void navigate("/subscriptions");
          }}
        >
          Its target hears of nothing any more, and what is on its way is given up. This can&apos;t be undone.
        </Confirm>
      )}
    </SpaceBetween>
  );
}

function Rotate({ subscription, onClose }: { subscription: Subscription; onClose: () => void }) {
  const refresh = useRefresh();
  const [overlap, setOverlap] = useState(OVERLAPS[0]?.value ?? "86400");
  const { id } = subscription;
  return (
    <Confirm
      title={`Rotate the secret of ${subscription.name}?`}
      action="Rotate"
      onClose={onClose}
      onConfirm={async () => {
        const issued = await data(client.POST("/api/subscriptions/{id}/rotate", { params: { path: { id }, header: { "If-Match": "*" } }, body: { overlap_seconds: Number(overlap) } }));
        showSecret(id, issued.secret);
        await refresh("subscription", id);
      }}
    >
      <SpaceBetween size="m">
        <Box>It gets a new secret, which you see once. While both sign, the receiver can be given the new one.</Box>
        <FormField label="The one before signs for">
          <Select options={OVERLAPS} selectedOption={OVERLAPS.find((one) => one.value === overlap) ?? null} onChange={({ detail }) => { setOverlap(detail.selectedOption.value ?? overlap); }} />
        </FormField>
      </SpaceBetween>
    </Confirm>
  );
}

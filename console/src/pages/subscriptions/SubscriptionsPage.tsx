import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import { client, data } from "../../api/client";
import { PACES, useLive } from "../../api/live";
import { Empty, Link, ProblemAlert, Time, useTitle } from "../../components/PageParts";
import { inWords } from "./pattern";
import { showSecret } from "./Secret";
import { SubscriptionDialog } from "./SubscriptionDialog";
import { addressOf, kindOf, KINDS, type Subscription } from "./target";

/** Whether a subscription gets events. */
export function SubscriptionStatus({ subscription }: { subscription: Subscription }) {
  if (subscription.status === "ENABLED") return <StatusIndicator type="success">Enabled</StatusIndicator>;
  if (subscription.disabled_reason) return <StatusIndicator type="error">Disabled after failures</StatusIndicator>;
  return <StatusIndicator type="stopped">Disabled</StatusIndicator>;
}

export default function SubscriptionsPage() {
  useTitle("Subscriptions");
  const [creating, setCreating] = useState(false);
  const query = useLive(["subscriptions"], () => data(client.GET("/api/subscriptions")), PACES.seldom);
  const open = () => { setCreating(true); };
  return (
    <SpaceBetween size="m">
      <ProblemAlert error={query.error} />
      <Table<Subscription>
        variant="full-page"
        items={query.data?.items ?? []}
        loading={query.isLoading}
        loadingText="Loading subscriptions"
        trackBy="id"
        enableKeyboardNavigation
        wrapLines
        ariaLabels={{ tableLabel: "Subscriptions" }}
        header={
          <Header
            variant="awsui-h1-sticky"
            counter={query.data === undefined ? "" : `(${query.data.items.length})`}
            description="Who is told of what happens to your projects, executions, schedules and functions: endpoints, SNS topics and EventBridge buses."
            actions={<Button variant="primary" onClick={open}>Create subscription</Button>}
          >
            Subscriptions
          </Header>
        }
        empty={
          query.error === null ? (
            <Empty title="No subscriptions yet" action={<Button onClick={open}>Create subscription</Button>}>Have an endpoint told when an execution fails, or a project is done.</Empty>
          ) : (
            <Empty title="Not shown">The server says above why.</Empty>
          )
        }
        columnDefinitions={[
          { id: "name", header: "Name", isRowHeader: true, minWidth: 160, cell: (item) => <Link to={`/subscriptions/${item.id}`}>{item.name}</Link> },
          { id: "status", header: "Status", minWidth: 120, cell: (item) => <SubscriptionStatus subscription={item} /> },
          { id: "kind", header: "Target", minWidth: 130, cell: (item) => KINDS[kindOf(item.target)].label },
          { id: "address", header: "Address", minWidth: 220, cell: (item) => <span className="reason">{addressOf(item.target)}</span> },
          { id: "events", header: "Events", minWidth: 200, cell: (item) => <span className="reason">{inWords(item.pattern)}</span> },
          { id: "created", header: "Created", minWidth: 180, cell: (item) => <Time at={item.created_at} /> },
        ]}
      />
      {creating && <SubscriptionDialog subscription={null} onIssued={(made) => { showSecret(made.id, made.secret); }} onClose={() => { setCreating(false); }} />}
    </SpaceBetween>
  );
}

import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { client, data, type Schemas } from "../../api/client";
import { PACES, useLive } from "../../api/live";
import { duration, Empty, Link, ProblemAlert, useTitle } from "../../components/PageParts";

type Queue = Schemas["Queue"];

/** How many messages of a queue were given up. */
export function DeadLetters({ count }: { count: number }) {
  if (count === 0) return <StatusIndicator type="success">None</StatusIndicator>;
  return <StatusIndicator type="error">{count}</StatusIndicator>;
}

/** How long the oldest message of a queue has waited, where that is known. */
export const oldest = (queue: Queue): string => (queue.oldest_age_seconds === null ? "–" : duration(queue.oldest_age_seconds * 1_000));

export default function QueuesPage() {
  useTitle("Queues");
  const query = useLive(["queues"], () => data(client.GET("/api/queues")), PACES.moving);
  return (
    <SpaceBetween size="m">
      <ProblemAlert error={query.error} />
      <Table<Queue>
        variant="full-page"
        items={query.data?.items ?? []}
        loading={query.isLoading}
        loadingText="Loading queues"
        trackBy="name"
        enableKeyboardNavigation
        ariaLabels={{ tableLabel: "Queues" }}
        header={
          <Header variant="awsui-h1-sticky" description="What waits to be done, for all owners of this deployment. A message that fails three times becomes a dead letter.">
            Queues
          </Header>
        }
        empty={<Empty title="The queues can't be read">An admin&apos;s key shows them.</Empty>}
        columnDefinitions={[
          { id: "name", header: "Queue", isRowHeader: true, cell: (item) => <Link to={`/queues/${item.name}`}>{item.name}</Link> },
          { id: "ready", header: "Waiting", cell: (item) => item.ready },
          { id: "flight", header: "With a worker", cell: (item) => item.in_flight },
          { id: "delayed", header: "For later", cell: (item) => item.delayed },
          { id: "oldest", header: "Oldest", cell: oldest },
          { id: "dead", header: "Dead letters", cell: (item) => <DeadLetters count={item.dead_letters} /> },
        ]}
      />
    </SpaceBetween>
  );
}

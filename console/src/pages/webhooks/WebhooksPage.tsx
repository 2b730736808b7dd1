import Tabs from "@cloudscape-design/components/tabs";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useSearchParams } from "react-router";
import { useTitle } from "../../components/PageParts";
import { EventsTab } from "./EventsTab";
import { RulesTab } from "./RulesTab";

export default function WebhooksPage() {
  useTitle("Webhooks");
  const [search, setSearch] = useSearchParams();
  return (
    <SpaceBetween size="m">
      <Header variant="h1" description="Others send events to /webhooks/{source}, and rules say which workflow they start.">Webhooks</Header>
      <Tabs
        activeTabId={search.get("tab") ?? "events"}
        ariaLabel="Parts of webhooks"
        onChange={({ detail }) => {
          setSearch({ tab: detail.activeTabId }, { replace: true });
        }}
        tabs={[
          { id: "events", label: "Events", content: <EventsTab /> },
          { id: "rules", label: "Rules", content: <RulesTab /> },
        ]}
      />
    </SpaceBetween>
  );
}

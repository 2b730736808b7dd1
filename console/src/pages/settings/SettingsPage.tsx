import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { client, data, type Schemas } from "../../api/client";
import { PACES, useLive } from "../../api/live";
import { duration, Loading, ProblemAlert, useTitle } from "../../components/PageParts";
import { Keys } from "./Keys";
import { Limits } from "./Limits";

export default function SettingsPage() {
  useTitle("Settings");
  return (
    <SpaceBetween size="l">
      <Header variant="h1">Settings</Header>
      <Keys />
      <Limits />
      <ServerHealth />
    </SpaceBetween>
  );
}

function ServerHealth() {
  const health = useLive(["health"], () => data(client.GET("/health")), PACES.seldom);
  const check = (label: string, one: Schemas["HealthCheck"]) => ({
    label,
    value: <StatusIndicator type={one.status === "ok" ? "success" : "error"}>{one.status === "ok" ? `Answers in ${duration(one.latency_ms)}` : "Does not answer"}</StatusIndicator>,
  });
  return (
    <Container header={<Header variant="h2" description="What the server depends on.">Server</Header>}>
      {health.error !== null && <ProblemAlert error={health.error} />}
      {health.data === undefined ? (
        health.error === null && <Loading what="the server's health" />
      ) : (
        <KeyValuePairs
          columns={4}
          items={[
            check("Records", health.data.checks.store),
            check("Artifacts", health.data.checks.blobs),
            check("Queues", health.data.checks.queues),
            { label: "Version", value: <Box>{health.data.version}</Box> },
            { label: "Function calls", value: <Box>{health.data.functions.totalInvocations}, {health.data.functions.failedInvocations} failed</Box> },
          ]}
        />
      )}
    </Container>
  );
}

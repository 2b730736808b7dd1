import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import CloudscapeLink from "@cloudscape-design/components/link";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { client, data } from "../../api/client";
import { sameOrigin } from "../../api/files";
import { useLive } from "../../api/live";
import { everything } from "../../api/paging";
import { Empty, Loading, ProblemAlert, Time } from "../../components/PageParts";

/** What the QA agent found, newest first. */
export default function ReportsTab({ id }: { id: string }) {
  const reports = useLive(
    ["project", id, "tests"],
    () => everything((cursor) => data(client.GET("/api/projects/{id}/tests", { params: { path: { id }, query: { limit: 100, ...(cursor === undefined ? {} : { cursor }) } } }))),
    { topic: `project/${id}` },
  );
  if (reports.data === undefined) return reports.error ? <ProblemAlert error={reports.error} /> : <Loading what="reports" />;
  if (reports.data.length === 0) return <Empty title="No report yet">The QA agent writes one when the files are there.</Empty>;
  return (
    <SpaceBetween size="m">
      {reports.data.map((report) => (
        <Container
          key={report.id}
          header={
            <Header
              variant="h2"
              description={report.summary}
              info={<StatusIndicator type={report.passed ? "success" : "error"}>{report.passed ? "Passed" : "Blocked"}</StatusIndicator>}
              actions={
                <SpaceBetween direction="horizontal" size="s">
                  <CloudscapeLink href={sameOrigin(report.markdown_url)} external>Markdown</CloudscapeLink>
                  <CloudscapeLink href={sameOrigin(report.json_url)} external>JSON</CloudscapeLink>
                  <CloudscapeLink href={sameOrigin(report.junit_url)} external>JUnit</CloudscapeLink>
                  {report.sarif_url && <CloudscapeLink href={sameOrigin(report.sarif_url)} external>SARIF</CloudscapeLink>}
                </SpaceBetween>
              }
            >
              Run {report.run}
            </Header>
          }
        >
          <KeyValuePairs
            columns={4}
            items={[
              { label: "Score", value: <Box fontSize="display-l" fontWeight="bold">{report.score.toFixed(0)}</Box> },
              { label: "Rating", value: <Box fontSize="display-l" fontWeight="bold">{report.rating}</Box> },
              { label: "Findings", value: <>{report.findings} {report.blocking > 0 && <Badge color="red">{report.blocking} blocking</Badge>}</> },
              { label: "Code", value: `${report.files} files, ${report.sloc} lines` },
              { label: "Written", value: <Time at={report.created_at} /> },
            ]}
          />
        </Container>
      ))}
    </SpaceBetween>
  );
}

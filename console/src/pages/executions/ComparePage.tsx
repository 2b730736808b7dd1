import Badge from "@cloudscape-design/components/badge";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import Toggle from "@cloudscape-design/components/toggle";
import { useMemo, useState } from "react";
import { useSearchParams } from "react-router";
import { client, data } from "../../api/client";
import { useHistory } from "../../api/history";
import { useLive } from "../../api/live";
import { compare, fold, type Difference, type Span } from "../../asl/history";
import { Diff } from "../../components/Code";
import { duration, Empty, Link, Loading, ProblemAlert, useTitle } from "../../components/PageParts";
import { Status } from "../../components/Status";

const NONE: never[] = [];
const PAGE = 50;
const text = (value: unknown) => (value === undefined ? "" : JSON.stringify(value, null, 2));
const key = (one: Difference) => `${one.left?.thread ?? one.right?.thread ?? ""} ${one.state} ${one.visit}`;

function useSide(id: string) {
  const execution = useLive(["execution", id], () => data(client.GET("/api/executions/{id}", { params: { path: { id } } })), { active: (one) => one.status === "RUNNING", topic: `execution/${id}` });
  const history = useHistory(id, execution.data?.status === "RUNNING");
  const events = history.data?.events ?? NONE;
  const folded = useMemo(() => fold(events), [events]);
  return { execution: execution.data, folded, error: execution.error ?? history.error };
}

/** Two executions beside each other: what each did, and where they part. */
export default function ComparePage() {
  useTitle("Compare executions");
  const [search] = useSearchParams();
  const left = useSide(search.get("left") ?? "");
  const right = useSide(search.get("right") ?? "");
  const [differing, setDiffering] = useState(true);
  const [chosen, setChosen] = useState<string | null>(null);
  const [page, setPage] = useState(1);
  const rows = useMemo(() => compare(left.folded, right.folded), [left.folded, right.folded]);
  if (left.error ?? right.error) return <ProblemAlert error={left.error ?? right.error} action={<Link to="/executions">Choose two others</Link>} />;
  if (left.execution === undefined || right.execution === undefined) return <Loading what="both executions" />;
  const shown = differing ? rows.filter((row) => !row.same) : rows;
  const pages = Math.max(1, Math.ceil(shown.length / PAGE));
  const current = Math.min(page, pages);
  const row = rows.find((one) => key(one) === chosen) ?? shown[0];
  return (
    <SpaceBetween size="l">
      <Header variant="h1" description="The first visit of a state is compared with the first, the second with the second.">Compare executions</Header>
      <div className="columns">
        {[left.execution, right.execution].map((one) => (
          <SpaceBetween key={one.id} direction="horizontal" size="s">
            <Link to={`/executions/${one.id}`}>{one.name}</Link>
            <Status value={one.status} />
          </SpaceBetween>
        ))}
      </div>
      <Container header={<Header variant="h2">Input</Header>}>
        <Diff left={text(left.execution.input)} right={text(right.execution.input)} language="json" label="Input" />
      </Container>
      <Table<Difference>
        items={shown.slice((current - 1) * PAGE, current * PAGE)}
        pagination={pages > 1 && <Pagination currentPageIndex={current} pagesCount={pages} ariaLabels={{ paginationLabel: "Pages of visits", nextPageLabel: "Later visits", previousPageLabel: "Earlier visits", pageLabel: (number) => `Page ${number}` }} onChange={({ detail }) => { setPage(detail.currentPageIndex); }} />}
        trackBy={key}
        selectionType="single"
        selectedItems={row === undefined ? [] : [row]}
        onSelectionChange={({ detail }) => {
          const [one] = detail.selectedItems;
          if (one !== undefined) setChosen(key(one));
        }}
        onRowClick={({ detail }) => {
          setChosen(key(detail.item));
        }}
        ariaLabels={{ tableLabel: "Visits of states", selectionGroupLabel: "Visit to show", itemSelectionLabel: (_, one) => `${one.state}, visit ${one.visit}` }}
        header={
          <Header
            variant="h2"
            counter={`(${shown.length} of ${rows.length})`}
            actions={<Toggle checked={differing} onChange={({ detail }) => { setDiffering(detail.checked); }}>Only what differs</Toggle>}
          >
            States
          </Header>
        }
        empty={<Empty title="Both did the same" />}
        columnDefinitions={[
          { id: "state", header: "State", isRowHeader: true, cell: (one) => <>{one.state} {one.visit > 1 && <Badge>visit {one.visit}</Badge>} {(one.left ?? one.right)?.thread}</> },
          { id: "left", header: left.execution.name, cell: (one) => <Side span={one.left} /> },
          { id: "right", header: right.execution.name, cell: (one) => <Side span={one.right} /> },
          { id: "same", header: "Data", cell: (one) => (one.left === null || one.right === null ? "only one has it" : one.same ? "the same" : "differs") },
        ]}
      />
      {row !== undefined && (
        <Container header={<Header variant="h2">{row.state}</Header>}>
          <SpaceBetween size="s">
            <Header variant="h3">Input</Header>
            <Diff left={text(row.left?.input)} right={text(row.right?.input)} language="json" label={`Input of ${row.state}`} />
            <Header variant="h3">Output</Header>
            <Diff left={text(row.left?.output)} right={text(row.right?.output)} language="json" label={`Output of ${row.state}`} />
          </SpaceBetween>
        </Container>
      )}
    </SpaceBetween>
  );
}

function Side({ span }: { span: Span | null }) {
  if (span === null) return <>–</>;
  return (
    <SpaceBetween direction="horizontal" size="xs">
      <Status value={span.status} />
      <span>{span.end === null ? "" : duration(span.end - span.start)}</span>
    </SpaceBetween>
  );
}

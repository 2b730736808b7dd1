import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import { useParams } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { PACES, useLive, useRefresh } from "../../api/live";
import { usePages } from "../../api/paging";
import { Confirm } from "../../components/Confirm";
import { duration, Empty, Link, Loading, ProblemAlert, Time, useTitle } from "../../components/PageParts";
import { Pager } from "../../components/Pager";
import { useNotices } from "../../shell/useNotices";
import { LetterDialog, Reason } from "./LetterDialog";
import { DeadLetters, oldest } from "./QueuesPage";

type Letter = Schemas["DeadLetter"];
type Asked = { what: "redrive" | "delete"; letters: Letter[] | "all" };

const messages = (count: number): string => (count === 1 ? "1 message" : `${count} messages`);

export default function QueuePage() {
  const { name = "" } = useParams();
  useTitle(name);
  const [chosen, setChosen] = useState<Letter[]>([]);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [shown, setShown] = useState<Letter | null>(null);
  const query = useLive(["queues"], () => data(client.GET("/api/queues")), PACES.moving);
  const paged = usePages<Letter>(["dead-letters", name], (cursor) =>
    data(client.GET("/api/queues/{name}/dead-letters", { params: { path: { name }, query: { limit: 50, ...(cursor === undefined ? {} : { cursor }) } } })),
    PACES.moving,
  );
  if (query.data === undefined) return query.error ? <ProblemAlert error={query.error} action={<Link to="/queues">To the queues</Link>} /> : <Loading what="the queue" />;
  const queue = query.data.items.find((one) => one.name === name);
  if (queue === undefined) return <Empty title={`There is no queue ${name}`} action={<Link to="/queues">To the queues</Link>} />;
  // What is gone in the meantime is chosen no more.
  const selected = chosen.filter((one) => paged.items.some((item) => item.id === one.id));
  return (
    <SpaceBetween size="l">
      <Header variant="h1" description={`A worker has ${duration(queue.visibility_seconds * 1_000)} for a message. After ${queue.max_receives} deliveries without success it becomes a dead letter.`}>
        {name}
      </Header>
      <KeyValuePairs
        columns={4}
        items={[
          { label: "Waiting", value: queue.ready },
          { label: "With a worker", value: queue.in_flight },
          { label: "For later", value: queue.delayed },
          { label: "Oldest", value: oldest(queue) },
        ]}
      />
      {paged.error !== null && <ProblemAlert error={paged.error} />}
      <Table<Letter>
        items={paged.items}
        loading={paged.isLoading}
        loadingText="Loading dead letters"
        trackBy="id"
        enableKeyboardNavigation
        wrapLines
        selectionType="multi"
        selectedItems={selected}
        onSelectionChange={({ detail }) => { setChosen(detail.selectedItems); }}
        ariaLabels={{ tableLabel: "Dead letters", selectionGroupLabel: "Dead letters to redrive or delete", allItemsSelectionLabel: () => "All dead letters of this page", itemSelectionLabel: (_, item) => `Select ${item.id}` }}
        header={
          <Header
            variant="h2"
            info={<DeadLetters count={queue.dead_letters} />}
            description="Messages that were given up. What they were to do has not been done."
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button disabled={paged.items.length === 0} onClick={() => { setAsked({ what: "delete", letters: selected.length === 0 ? "all" : selected }); }}>{selected.length === 0 ? "Delete all" : "Delete"}</Button>
                <Button variant="primary" disabled={paged.items.length === 0} onClick={() => { setAsked({ what: "redrive", letters: selected.length === 0 ? "all" : selected }); }}>{selected.length === 0 ? "Redrive all" : "Redrive"}</Button>
              </SpaceBetween>
            }
          >
            Dead letters
          </Header>
        }
        pagination={<Pager paged={paged} what="dead letters" />}
        empty={paged.error === null ? <Empty title="No dead letters">Every message was done, or still has tries left.</Empty> : <Empty title="Not shown" />}
        columnDefinitions={[
          { id: "id", header: "Message", isRowHeader: true, cell: (item) => <Button variant="inline-link" ariaLabel={`Show ${item.id}`} onClick={() => { setShown(item); }}>{item.id}</Button> },
          { id: "kind", header: "Kind", cell: (item) => item.kind ?? "unreadable" },
          { id: "execution", header: "Execution", cell: (item) => (item.execution_id === null ? "–" : <Link to={`/executions/${encodeURIComponent(item.execution_id)}`}>{item.execution_id}</Link>) },
          { id: "failed", header: "Given up", minWidth: 200, cell: (item) => <Time at={item.dead_at ?? item.reason?.at} /> },
          { id: "received", header: "Deliveries", cell: (item) => item.receive_count },
          { id: "reason", header: "Reason", minWidth: 280, cell: (item) => <Reason reason={item.reason} brief /> },
        ]}
      />
      {asked !== null && <Ask name={name} asked={asked} count={asked.letters === "all" ? queue.dead_letters : asked.letters.length} onDone={() => { setChosen([]); }} onClose={() => { setAsked(null); }} />}
      {shown !== null && <LetterDialog queue={name} id={shown.id} onClose={() => { setShown(null); }} />}
    </SpaceBetween>
  );
}

/** Asks before dead letters are redriven or deleted. */
function Ask({ name, asked, count, onDone, onClose }: { name: string; asked: Asked; count: number; onDone: () => void; onClose: () => void }) {
  const refresh = useRefresh();
  const notices = useNotices();
  const [letters] = useState(asked.letters);
  const redrives = asked.what === "redrive";
  const path = { name };
  const redrive = async () => {
    const body = letters === "all" ? { all: true } : { ids: letters.map((one) => one.id) };
    const answer = await data(client.POST("/api/queues/{name}/dead-letters/redrive", { params: { path }, body }));
    return `${messages(answer.redriven)} sent back to ${name}.`;
  };
  const remove = async () => {
    if (letters === "all") {
      const answer = await data(client.DELETE("/api/queues/{name}/dead-letters", { params: { path, query: { confirm: name } } }));
      return `${messages(answer.deleted)} deleted.`;
    }
    for (const { id } of letters) await client.DELETE("/api/queues/{name}/dead-letters/{id}", { params: { path: { name, id } } });
    return `${messages(letters.length)} deleted.`;
  };
  const confirm = async () => {
    const said = await (redrives ? redrive() : remove());
    onDone();
    await Promise.all([refresh("dead-letters", name), refresh("queues")]);
    notices.done(said);
  };
  const all = letters === "all";
  return (
    <Confirm title={`${redrives ? "Redrive" : "Delete"} ${all ? "all dead letters" : messages(count)}?`} action={redrives ? "Redrive" : "Delete"} onConfirm={confirm} onClose={onClose}>
      {redrives ? (
        <Box>
          {all ? `All ${messages(count)}` : messages(count)} of {name} go back to the queue and are delivered again, up to three times. Do it when the reason is mended: else they come back here.
        </Box>
      ) : (
        <Alert type="warning" header="This can't be undone">
          {all ? `All ${messages(count)}` : messages(count)} of {name} are deleted for good, and what they were to do is not done by them. Executions that wait for it may stand still until they are stopped or redriven.
        </Alert>
      )}
    </Confirm>
  );
}

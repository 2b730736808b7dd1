import Box from "@cloudscape-design/components/box";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import TreeView from "@cloudscape-design/components/tree-view";
import { useMemo, useState } from "react";
import { useSearchParams } from "react-router";
import { client, data, type Schemas } from "../../api/client";
import { useLive } from "../../api/live";
import { everything } from "../../api/paging";
import { Code } from "../../components/Code";
import { bytes, Empty, Loading, ProblemAlert } from "../../components/PageParts";
import { fileTree, type TreeItem } from "./fileTree";

const LARGEST = 1_048_576;

export default function FilesTab({ id }: { id: string }) {
  const [search, setSearch] = useSearchParams();
  const listing = useLive(
    ["project", id, "files"],
    () => everything((cursor) => data(client.GET("/api/projects/{id}/files", { params: { path: { id }, query: { limit: 100, ...(cursor === undefined ? {} : { cursor }) } } }))),
    { topic: `project/${id}` },
  );
  const files = useMemo(() => listing.data ?? [], [listing.data]);
  const tree = useMemo(() => fileTree(files), [files]);
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const chosen = files.find((file) => file.path === search.get("file")) ?? files.find((file) => file.path === "README.md") ?? files[0];
  if (listing.data === undefined) return listing.error ? <ProblemAlert error={listing.error} /> : <Loading what="files" />;
  if (chosen === undefined) return <Empty title="No files yet">The Dev agent writes them after the plan.</Empty>;
  const folders = (items: TreeItem[]): string[] => items.flatMap((item) => (item.children.length > 0 ? [item.path, ...folders(item.children)] : []));
  return (
    <div className="columns narrow-left">
      <div className="tree">
        <TreeView<TreeItem>
          items={tree}
          ariaLabel="Files"
          getItemId={(item) => item.path}
          getItemChildren={(item) => (item.children.length > 0 ? item.children : undefined)}
          expandedItems={folders(tree).filter((folder) => !closed.has(folder))}
          onItemToggle={({ detail }) => {
            const next = new Set(closed);
            if (detail.expanded) next.delete(detail.id);
            else next.add(detail.id);
            setClosed(next);
          }}
          renderItem={(item) => ({
            content:
              item.children.length > 0 ? (
                item.name
              ) : (
                <button
                  type="button"
                  className={`file ${item.path === chosen.path ? "chosen" : ""}`}
                  aria-current={item.path === chosen.path}
                  onClick={() => {
                    setSearch({ tab: "files", file: item.path }, { replace: true });
                  }}
                >
                  {item.name}
                </button>
              ),
          })}
        />
      </div>
      <FileView id={id} file={chosen} />
    </div>
  );
}

function FileView({ id, file }: { id: string; file: Schemas["File"] }) {
  const tooLarge = file.size > LARGEST;
  const text = useLive(
    ["file", id, file.path, file.sha256],
    async () => {
      const answer = await client.GET("/api/projects/{id}/files/{path}", { params: { path: { id, path: file.path } }, parseAs: "text", headers: { accept: "text/plain" } });
      return { type: answer.response.headers.get("content-type") ?? "", text: answer.data ?? "" };
    },
    { enabled: !tooLarge, active: () => false },
  );
  return (
    <SpaceBetween size="xs">
      <Header variant="h3" description={`${bytes(file.size)}, ${file.language}, run ${file.run}, task ${file.task_id}${file.executable ? ", executable" : ""}`}>
        {file.path}
      </Header>
      {tooLarge ? (
        <Empty title="The file is too large to show">It is in the package.</Empty>
      ) : text.data === undefined ? (
        text.error ? <ProblemAlert error={text.error} /> : <Loading what="the file" />
      ) : text.data.type.startsWith("text/") ? (
        <Code key={file.path} value={text.data.text} language={file.language} label={file.path} maxHeight="640px" />
      ) : (
        <Box color="text-body-secondary">This is not a text. It is in the package.</Box>
      )}
    </SpaceBetween>
  );
}

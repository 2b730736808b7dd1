import { client, data, type Schemas } from "../../api/client";
import { saveFile } from "../../api/files";

const ENDINGS: Record<string, string> = { svg: "svg", mermaid: "mmd" };

/** Saves the graph of an execution as a file in a format of the API. */
export async function exportGraph({ id, name }: Schemas["Execution"], format: string) {
  const graph = await data(client.GET("/api/executions/{id}/graph", { params: { path: { id }, query: { format } }, parseAs: "blob" }));
  saveFile(graph as unknown as Blob, `${name}.${ENDINGS[format] ?? format}`);
}

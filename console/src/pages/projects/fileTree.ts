export interface TreeItem {
  name: string;
  path: string;
  children: TreeItem[];
}

/** Files by their folders; folders first, each by name. */
export function fileTree(files: readonly { path: string }[]): TreeItem[] {
  const root: TreeItem = { name: "", path: "", children: [] };
  const folders = new Map<string, TreeItem>([["", root]]);
  const folder = (path: string): TreeItem => {
    const known = folders.get(path);
    if (known !== undefined) return known;
    const cut = path.lastIndexOf("/");
    const made = { name: path.slice(cut + 1), path, children: [] };
    folder(cut === -1 ? "" : path.slice(0, cut)).children.push(made);
    folders.set(path, made);
    return made;
  };
  for (const { path } of files) {
    const cut = path.lastIndexOf("/");
    folder(cut === -1 ? "" : path.slice(0, cut)).children.push({ name: path.slice(cut + 1), path, children: [] });
  }
  for (const one of folders.values()) {
    one.children.sort((a, b) => Number(b.children.length > 0) - Number(a.children.length > 0) || a.name.localeCompare(b.name));
  }
  return root.children;
}

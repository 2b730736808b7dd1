// What leaves the console as a file. A link carries no key: only what the server has signed may be linked to.

/** Where something that the server has signed is read from: its own links lead to the host under which it knows itself. */
export function sameOrigin(link: string): string {
  const url = new URL(link, location.href);
  return url.pathname.startsWith("/artifacts/") ? `${url.pathname}${url.search}` : link;
}

/** Saves what was read as a file. */
export function saveFile(content: Blob, name: string) {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(address);
  }, 60_000);
}

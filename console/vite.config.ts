/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

// The server that `npm run dev` passes the API's requests on to.
const server = process.env.MILLRACE_URL ?? "http://127.0.0.1:7420";
const page = (accept: string | undefined) => accept?.includes("text/html") ?? false;

/** The layout brings a drawer that nothing here opens, and with it lists that are sorted by dragging: 20 KiB, gzipped. */
const UNUSED = "feature-notifications-drawer-content";
function withoutUnusedDrawer(): Plugin {
  let found = false;
  return {
    name: "without-unused-drawer",
    apply: "build",
    enforce: "pre",
    resolveId(source, importer) {
      if (!source.endsWith(`/${UNUSED}`) || importer?.includes("app-layout") !== true) return null;
      found = true;
      return `\0${UNUSED}`;
    },
    load: (id) => (id === `\0${UNUSED}` ? "export const RuntimeContentPart = () => null;\nexport default RuntimeContentPart;\n" : null),
    buildEnd(error) {
      if (error === undefined && !found) this.error(`AppLayout no longer has ${UNUSED}: mend vite.config.ts`);
    },
  };
}

/** On narrow screens the layout gives its `nav` an orientation, which only toolbars and the like may have (WAI-ARIA 1.2). */
function withoutNavOrientation(): Plugin {
  const of = '"nav", { "aria-hidden"';
  const attribute = ', "aria-orientation": "horizontal"';
  let found = false;
  return {
    name: "without-nav-orientation",
    apply: "build",
    enforce: "pre",
    transform(code, id) {
      const at = id.includes("/visual-refresh/mobile-toolbar") ? code.indexOf(of) : -1;
      if (at < 0) return null;
      found = true;
      return { code: code.slice(0, at) + code.slice(at).replace(attribute, ""), map: null };
    },
    buildEnd(error) {
      if (error === undefined && !found) this.error("AppLayout's nav is made differently: mend vite.config.ts");
    },
  };
}

export default defineConfig({
  plugins: [react(), withoutUnusedDrawer(), withoutNavOrientation()],
  build: {
    target: "es2022",
    // scripts/clean-dist.mjs empties the folder and keeps its .gitignore.
    emptyOutDir: false,
    manifest: true,
    chunkSizeWarningLimit: 1500,
  },
  server: {
    proxy: {
      "/live": { target: server.replace(/^http/, "ws"), ws: true },
      ...Object.fromEntries(
        ["/api", "/_functions", "/health", "/openapi.json", "/errors", "/artifacts", "/step-functions"].map((path) => [
          path,
          {
            target: server,
            bypass: (request: { headers: { accept?: string }; url?: string }) =>
              page(request.headers.accept) && !request.url?.startsWith("/artifacts") ? "/index.html" : undefined,
          },
        ]),
      ),
    },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});

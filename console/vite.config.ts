/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The server that `npm run dev` passes the API's requests on to.
const server = process.env.MILLRACE_URL ?? "http://127.0.0.1:7420";
const page = (accept: string | undefined) => accept?.includes("text/html") ?? false;

export default defineConfig({
  plugins: [react()],
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

// Starts the real server, with the console as it was built, on a free port over a fresh folder.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

/** With what GitHub signs, as far as the server knows. */
export const SECRET = "not a real secret";

const ROOT = resolve(import.meta.dirname, "../..");
const BINARIES = [process.env.MILLRACE ?? "", join(ROOT, "target/release/millrace"), join(ROOT, "target/debug/millrace")];

export interface Running {
  url: string;
  data: string;
  stop: () => Promise<void>;
  /** Ends it, and starts it again with the same address and data after `meanwhile`. */
  restart: (meanwhile?: () => Promise<void>) => Promise<void>;
}

/** Starts a server. */
export async function launch(options: string[] = [], variables: Record<string, string> = {}): Promise<Running> {
  const binary = BINARIES.find((path) => path !== "" && existsSync(path));
  if (binary === undefined) throw new Error("There is no server to test: run `cargo build -p millrace-cli`, or name one with MILLRACE=path");
  const data = mkdtempSync(join(tmpdir(), "millrace-console-"));
  const dist = resolve(import.meta.dirname, "../dist");
  const start = async (port: string) => {
    const server = spawn(binary, ["up", "--port", port, "--data", data, "--console", dist, ...options], {
      stdio: ["ignore", "pipe", process.env.CI ? "inherit" : "ignore"],
      env: { ...process.env, MILLRACE_LOG: "error", MILLRACE_SECRET_WEBHOOKS_GITHUB: SECRET, ...variables },
    });
    const ended = new Promise<void>((done) => server.once("exit", () => { done(); }));
    const url = await new Promise<string>((done, failed) => {
      createInterface({ input: server.stdout }).once("line", done);
      server.once("exit", (code) => { failed(new Error(`the server ended with ${String(code)}`)); });
    });
    const end = async () => {
      server.kill("SIGTERM");
      await ended;
    };
    return { url, end };
  };
  let running = await start("0");
  const { url } = running;
  const stop = async () => {
    await running.end();
    rmSync(data, { recursive: true, force: true });
  };
  const restart = async (meanwhile?: () => Promise<void>) => {
    await running.end();
    await meanwhile?.();
    running = await start(new URL(url).port);
  };
  return { url, data, stop, restart };
}

/** The server of all tests that need none of their own. */
export default async function start(): Promise<() => Promise<void>> {
  const { url, stop } = await launch();
  process.env.MILLRACE_URL = url;
  return stop;
}

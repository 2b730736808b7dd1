// Pages hear of changes over a WebSocket, and ask seldom while they do.

import type { Page } from "@playwright/test";
import { expect, fresh, test } from "./base";
import { launch } from "./server";

const SLOW = { StartAt: "Rest", States: { Rest: { Type: "Wait", Seconds: 600, Next: "Done" }, Done: { Type: "Succeed" } } };

/** What a page asks of the API, from now on. */
function asked(page: Page): string[] {
  const paths: string[] = [];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith("/api/")) paths.push(pathname);
  });
  return paths;
}

/** Resolves when the page is told of a topic. */
function told(page: Page, topic: string): Promise<void> {
  return new Promise((done) => {
    page.on("websocket", (socket) => {
      expect(socket.url()).not.toContain("?");
      socket.on("framereceived", ({ payload }) => {
        const message = JSON.parse(String(payload)) as { type: string; topics?: string[] };
        if (message.type === "subscribed" && message.topics?.includes(topic) === true) done();
      });
    });
  });
}

test("an execution's page shows what happens without asking", async ({ page, api }) => {
  const workflow = await api.workflow(fresh("slow"), SLOW);
  const execution = await api.run(workflow.id, {}, false);
  const subscribed = told(page, `execution/${execution.id}`);
  await page.goto(`/executions/${execution.id}`);
  await expect(page.getByText("Running").first()).toBeVisible();
  await subscribed;
  // What is told at once is read, and then there is silence.
  await page.waitForTimeout(2_000);
  const paths = asked(page);
  await page.waitForTimeout(6_000);
  expect(paths).toEqual([]);
  await api.stop(execution.id);
  await expect(page.getByText("Aborted").first()).toBeVisible({ timeout: 3_000 });
  expect(paths).toContain(`/api/executions/${execution.id}`);
});

test("listings show what comes", async ({ page, api }) => {
  const workflow = await api.workflow(fresh("slow"), SLOW);
  const subscribed = told(page, "executions");
  await page.goto(`/executions?workflow=${workflow.id}`);
  await subscribed;
  await page.waitForTimeout(1_000);
  const name = fresh("told");
  await api.run(workflow.id, { name }, false);
  await expect(page.getByRole("link", { name })).toBeVisible({ timeout: 3_000 });
});

test("after a restart of the server the page shows what was missed", async ({ browser, request }) => {
  const server = await launch();
  const page = await browser.newPage({ baseURL: server.url });
  try {
    const post = async (path: string, data: object) => {
      const answer = await request.post(`${server.url}${path}`, { data });
      expect(answer.ok(), await answer.text()).toBe(true);
      return (await answer.json()) as { id: string };
    };
    const workflow = await post("/api/workflows", { name: fresh("slow"), definition: SLOW });
    const execution = await post(`/api/workflows/${workflow.id}/executions`, {});
    const first = told(page, `execution/${execution.id}`);
    await page.goto(`/executions/${execution.id}`);
    await first;
    // A page whose parts were still on their way says that it has to be loaded again.
    await page.waitForLoadState("networkidle");
    await server.restart();
    await post(`/api/executions/${execution.id}/stop`, {});
    // Told when it subscribes anew, or seen by itself if it asks before that.
    await expect(page.getByText("Aborted").first()).toBeVisible({ timeout: 10_000 });
  } finally {
    await page.close();
    await server.stop();
  }
});

test("without a WebSocket the page asks by itself", async ({ page, api }) => {
  await page.addInitScript(() => {
    window.WebSocket = function () {
      throw new Error("not here");
    } as unknown as typeof WebSocket;
  });
  const workflow = await api.workflow(fresh("slow"), SLOW);
  const execution = await api.run(workflow.id, {}, false);
  await page.goto(`/executions/${execution.id}`);
  await expect(page.getByText("Running").first()).toBeVisible();
  await api.stop(execution.id);
  await expect(page.getByText("Aborted").first()).toBeVisible();
});

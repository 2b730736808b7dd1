import { mkdtempSync, readdirSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessible, expect, fresh, test } from "./base";
import { launch, type Running } from "./server";

// These take a server's files away, so they have one of their own.
test.describe("queues", () => {
  let server: Running;
  const away = mkdtempSync(join(tmpdir(), "millrace-away-"));
  const move = (from: string, to: string) => {
    for (const name of readdirSync(from)) renameSync(join(from, name), join(to, name));
  };

  test.beforeAll(async () => {
    server = await launch();
  });
  test.afterAll(async () => {
    await server.stop();
  });

  test("a message that fails three times is shown with its reason, redriven and deleted", async ({ browser, request }) => {
    const page = await browser.newPage({ baseURL: server.url });
    const post = async (path: string, body: object) => {
      const answer = await request.post(`${server.url}${path}`, { data: body });
      expect(answer.ok(), await answer.text()).toBe(true);
      return (await answer.json()) as { id: string };
    };
    await page.goto("/queues");
    await expect(page.getByRole("row", { name: /^engine/ })).toContainText("None");
    await accessible(page);

    // The executions wait, and their data, too large for the database, is gone when they go on.
    const definition = { StartAt: "Wait", States: { Wait: { Type: "Wait", Seconds: 2, Next: "Done" }, Done: { Type: "Succeed" } } };
    const workflow = await post("/api/workflows", { name: fresh("slow"), definition });
    const input = { text: "x".repeat(100_000) };
    const [first, second] = [await post(`/api/workflows/${workflow.id}/executions`, { input }), await post(`/api/workflows/${workflow.id}/executions`, { input: { text: "y".repeat(100_000) } })];
    const blobs = join(server.data, "blobs");
    move(blobs, away);

    await page.getByRole("link", { name: "engine" }).click();
    const row = (id: string) => page.getByRole("row", { name: new RegExp(id) });
    await expect(row(first.id)).toContainText("timer", { timeout: 20_000 });
    await expect(row(second.id)).toBeVisible();
    await expect(row(first.id)).toContainText("internal");
    await accessible(page);

    await row(first.id).getByRole("button", { name: /^Show/ }).click();
    await expect(page.getByRole("dialog").getByRole("textbox", { name: "Body" })).toContainText(first.id);
    await accessible(page);
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();

    // The reason is mended: the message is done at last.
    move(away, blobs);
    await row(first.id).getByRole("checkbox").check();
    await page.getByRole("button", { name: "Redrive", exact: true }).click();
    await expect(page.getByRole("dialog")).toContainText("1 message of engine go back");
    await page.getByRole("dialog").getByRole("button", { name: "Redrive" }).click();
    await expect(page.getByText("1 message sent back to engine.")).toBeVisible();
    await expect(row(first.id)).toHaveCount(0);
    await expect.poll(async () => ((await (await request.get(`${server.url}/api/executions/${first.id}`)).json()) as { status: string }).status).toBe("SUCCEEDED");

    await row(second.id).getByRole("link", { name: second.id }).click();
    await expect(page.getByText("A message of it was given up")).toBeVisible();
    await page.getByRole("link", { name: "To the dead letters" }).click();
    await page.getByRole("button", { name: "Delete all" }).click();
    await expect(page.getByRole("dialog")).toContainText("This can't be undone");
    await accessible(page);
    await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
    await expect(page.getByText("1 message deleted.")).toBeVisible();
    await expect(page.getByText("No dead letters")).toBeVisible();
  });

  test("dead letters are not shown to who is no operator", async ({ browser }) => {
    const page = await browser.newPage({ baseURL: server.url });
    await page.route("**/api/queues/*/dead-letters*", async (route) => {
      await route.fulfill({ status: 403, contentType: "application/problem+json", body: JSON.stringify({ code: "forbidden", status: 403, title: "The caller may not do this", detail: "this needs an operator's key" }) });
    });
    await page.goto("/queues/pm");
    await expect(page.getByText("this needs an operator's key")).toBeVisible();
    await expect(page.getByRole("button", { name: "Delete all" })).toBeDisabled();
    await page.goto("/queues/none");
    await expect(page.getByText("There is no queue none")).toBeVisible();
  });
});

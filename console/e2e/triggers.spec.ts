import { createHmac } from "node:crypto";
import { accessible, expect, fresh, test, url, write } from "./base";
import { SECRET } from "./server";

const DONE = { StartAt: "Done", States: { Done: { Type: "Pass", End: true } } };

test("a schedule is made, run, paused and changed", async ({ page, api }) => {
  const workflow = await api.workflow(fresh("tidy"), DONE);
  const name = fresh("nightly");
  await page.goto("/schedules");
  await page.getByRole("button", { name: "Create schedule" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill(name);
  await dialog.getByRole("button", { name: /^Workflow/ }).click();
  await page.getByRole("option", { name: workflow.name }).click();
  await dialog.getByLabel("When", { exact: true }).fill("cron(61 9 ? * MON-FRI *)");
  await expect(dialog.getByRole("status", { name: "Next times" })).toContainText(/minute/i);
  await dialog.getByLabel("When", { exact: true }).fill("cron(0 9 1 1 ? 2098)");
  await expect(dialog.getByRole("status", { name: "Next times" })).toContainText("2098");
  await accessible(page);
  await dialog.getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Run now" }).click();
  await expect(page.getByRole("row", { name: /started/ })).toBeVisible();
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(page.getByText("None while it is paused.")).toBeVisible();
  await page.getByRole("button", { name: "Change" }).click();
  await page.getByRole("dialog").getByLabel("Time zone").fill("Europe/Berlin");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Europe/Berlin", { exact: true })).toBeVisible();
  await expect(page.getByText("Paused").first()).toBeVisible();
  await accessible(page);
});

test("a webhook is received, matched and replayed", async ({ page, api, request }) => {
  const workflow = await api.workflow(fresh("build"), DONE);
  const type = fresh("push");
  const deliver = async () => {
    const body = JSON.stringify({ ref: "refs/heads/main", type });
    const signature = createHmac("sha256", SECRET).update(body).digest("hex");
    const answer = await request.post(`${url()}/webhooks/github`, {
      data: Buffer.from(body),
      headers: { "content-type": "application/json", "x-github-event": type, "x-github-delivery": fresh("delivery"), "x-hub-signature-256": `sha256=${signature}` },
    });
    expect(answer.ok(), await answer.text()).toBe(true);
  };
  await deliver();
  await page.goto("/webhooks?tab=rules");
  await page.getByRole("button", { name: "Create rule" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill(type);
  await dialog.getByRole("button", { name: /^Workflow/ }).click();
  await page.getByRole("option", { name: workflow.name }).click();
  await write(page, "Pattern", JSON.stringify({ source: ["github"], "detail-type": [type] }));
  await dialog.getByRole("button", { name: "Try", exact: true }).click();
  await expect(dialog.getByText("The event fits")).toBeVisible();
  await accessible(page);
  await dialog.getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("row", { name: new RegExp(type) })).toBeVisible();

  await page.getByRole("tab", { name: "Events" }).click();
  await page.getByRole("link", { name: type }).click();
  await expect(page.getByText("unmatched")).toBeVisible();
  await page.getByRole("button", { name: "Replay" }).click();
  await expect(page.getByRole("link", { name: /^exe_/ })).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Event" })).toContainText("refs/heads/main");
  await accessible(page);
});

test("a key is made, shown once, and revoked", async ({ page }) => {
  const name = fresh("build server");
  await page.goto("/settings");
  await page.getByRole("button", { name: "Make a key" }).click();
  await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("dialog").getByRole("button", { name: "Make it" }).click();
  await expect(page.getByText("Keep it now: it is not shown again.")).toBeVisible();
  await page.getByRole("button", { name: `Revoke ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await expect(page.getByRole("row", { name: new RegExp(name) })).toContainText("revoked");
  await accessible(page);
});

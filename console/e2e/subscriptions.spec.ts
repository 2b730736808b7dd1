// Notifications out: subscriptions, their deliveries, and what becomes of them when the target fails.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";
import { accessible, expect, fresh, test, write } from "./base";
import { launch, type Running } from "./server";

interface Received {
  id: string;
  signatures: string[];
  type: string;
}

/** A receiver that takes events while it is told to, and refuses them otherwise. */
class Receiver {
  received: Received[] = [];
  takes = true;
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => { body += part.toString(); });
      request.on("end", () => {
        const event = JSON.parse(body) as { "detail-type": string };
        this.received.push({ id: String(request.headers["webhook-id"]), signatures: String(request.headers["webhook-signature"]).split(" "), type: event["detail-type"] });
        // Who is gone is not tried again.
        response.statusCode = this.takes ? 204 : 410;
        response.end();
      });
    });
  }

  async url(): Promise<string> {
    await new Promise<void>((done) => this.server.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hooks`;
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

let server: Running;
test.beforeAll(async () => {
  server = await launch(["--allow-private-notifications"]);
});
test.afterAll(async () => {
  await server.stop();
});

async function create(page: Page, name: string, url: string) {
  await page.goto(`${server.url}/subscriptions`);
  await page.getByRole("button", { name: "Create subscription" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill(name);
  await dialog.getByLabel("Address", { exact: true }).fill(url);
  return dialog;
}

test("one is made, tried, rotated, changed, disabled and deleted", async ({ browser }) => {
  const receiver = new Receiver();
  const page = await browser.newPage();
  const name = fresh("chat");
  try {
    await page.goto(`${server.url}/subscriptions`);
    await expect(page.getByText("No subscriptions yet")).toBeVisible();
    await accessible(page);
    const dialog = await create(page, name, await receiver.url());

    // What is wrong is said: the form here, the rest by the server, marked where it is.
    await write(page, "Pattern", '{ "detail-type": [');
    await expect(dialog.getByText(/This is no JSON/)).toBeVisible();
    await expect(dialog.getByRole("button", { name: "Create" })).toBeDisabled();
    await write(page, "Pattern", '{\n  "detail-type": "execution.failed"\n}');
    await dialog.getByRole("button", { name: "Create" }).click();
    await expect(dialog.getByText(/^Line 2: /)).toBeVisible();
    await accessible(page);
    await write(page, "Pattern", "{}");
    await dialog.getByRole("button", { name: /^Events/ }).click();
    await page.getByRole("option", { name: "schedule.run_failed" }).click();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("textbox", { name: "Pattern", exact: true })).toContainText('"schedule.run_failed"');
    await dialog.getByRole("button", { name: "Create" }).click();

    await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();
    const secret = page.getByText(/^whsec_/);
    await expect(secret).toBeVisible();
    const first = await secret.innerText();
    await accessible(page);

    await page.getByRole("button", { name: "Send a test" }).click();
    const delivery = page.getByRole("dialog");
    await expect(delivery.getByText("delivered")).toBeVisible();
    await expect(delivery.getByRole("cell", { name: "204" })).toBeVisible();
    await accessible(page);
    expect(receiver.received.map(({ type }) => type)).toEqual(["subscription.test"]);
    await delivery.getByRole("button", { name: "Close" }).last().click();
    await expect(page.getByRole("row", { name: /subscription\.test/ })).toContainText("delivered");

    await page.getByRole("button", { name: "Rotate secret" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
    await expect(secret).not.toHaveText(first);
    await page.getByRole("button", { name: "Send a test" }).click();
    await expect.poll(() => receiver.received.length).toBe(2);
    // Both sign for a while.
    expect(receiver.received[1]?.signatures).toHaveLength(2);
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();

    // A secret is shown once.
    await page.reload();
    await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();
    await expect(page.getByText(/^whsec_/)).toHaveCount(0);

    await page.getByRole("button", { name: "Change" }).click();
    await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill(`${name}s`);
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await expect(page.getByRole("heading", { name: `${name}s`, exact: true })).toBeVisible();
    await page.getByRole("button", { name: "Disable" }).click();
    await expect(page.getByText("Disabled", { exact: true })).toBeVisible();
    await page.getByRole("button", { name: "Enable" }).click();
    await expect(page.getByText("Enabled", { exact: true })).toBeVisible();
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await expect(page).toHaveURL(/\/subscriptions$/);
    await expect(page.getByRole("link", { name })).toHaveCount(0);
  } finally {
    receiver.close();
    await page.close();
  }
});

test("what failed is seen with its reason, and replayed", async ({ browser, request }) => {
  const receiver = new Receiver();
  const page = await browser.newPage();
  const name = fresh("ops");
  try {
    const dialog = await create(page, name, await receiver.url());
    await write(page, "Pattern", '{ "detail-type": ["execution.succeeded"] }');
    await dialog.getByRole("button", { name: "Create" }).click();
    await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();
    receiver.takes = false;
    const made = await request.post(`${server.url}/api/workflows`, { data: { name, definition: { StartAt: "Done", States: { Done: { Type: "Succeed" } } } } });
    const { id } = (await made.json()) as { id: string };
    await request.post(`${server.url}/api/workflows/${id}/executions`, { data: {} });
    // A target that is gone is left alone.
    await expect(page.getByText("It was disabled by itself")).toBeVisible();
    const row = page.getByRole("row", { name: /execution\.succeeded/ });
    await expect(row).toContainText("failed");
    await accessible(page);
    await row.getByRole("button", { name: /^Show execution\.succeeded/ }).click();
    await expect(page.getByRole("dialog").getByRole("cell", { name: "410", exact: true })).toBeVisible();
    await expect(page).toHaveURL(/delivery=dlv_/);
    await accessible(page);
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();

    receiver.takes = true;
    await page.getByRole("button", { name: "Enable" }).first().click();
    await expect(page.getByText("It was disabled by itself")).toHaveCount(0);
    await page.getByRole("button", { name: "Replay all failed" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Replay" }).click();
    await expect(page.getByText("One delivery is made again.")).toBeVisible();
    await expect(row).toContainText("delivered");
    await page.getByRole("checkbox", { name: /^Select execution\.succeeded/ }).click();
    await page.getByRole("button", { name: "Replay", exact: true }).click();
    await expect.poll(() => receiver.received.length).toBe(3);
    expect(new Set(receiver.received.map(({ id: event }) => event)).size).toBe(1);
  } finally {
    receiver.close();
    await page.close();
  }
});

// Parts of the console that come when they are first shown: what happens when they don't.

import { accessible, expect, test } from "./base";
import { launch } from "./server";

const QUEUES = /\/assets\/QueuesPage-/;

test("a page that could not be loaded is there after trying again", async ({ browser }) => {
  const server = await launch();
  const page = await browser.newPage({ baseURL: server.url });
  const documents: string[] = [];
  page.on("request", (request) => {
    if (request.resourceType() === "document") documents.push(request.url());
  });
  try {
    await page.goto("/schedules");
    await expect(page.getByText("No schedules yet")).toBeVisible();
    await server.restart(async () => {
      await page.getByRole("link", { name: "Queues" }).click();
      await expect(page.getByText("This page could not be loaded")).toBeVisible();
      await expect(page.getByText("The server can't be reached.").first()).toBeVisible();
      await expect(page.getByRole("link", { name: "Settings" })).toBeVisible();
      await accessible(page);
      // While the server is away, trying again says the same.
      await page.getByRole("button", { name: "Try again" }).click();
      await expect(page.getByRole("button", { name: "Try again" })).toBeEnabled();
    });
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByRole("heading", { name: "Queues" })).toBeVisible();
    await expect(page).toHaveURL(/\/queues$/);
    expect(documents).toHaveLength(1);
  } finally {
    await page.close();
    await server.stop();
  }
});

test("a server that is away for a moment is not noticed", async ({ page }) => {
  await page.goto("/schedules");
  await expect(page.getByRole("heading", { name: "Schedules" })).toBeVisible();
  let refused = 0;
  await page.route(QUEUES, async (route) => {
    refused += 1;
    if (refused <= 2) await route.abort("connectionrefused");
    else await route.continue();
  });
  await page.getByRole("link", { name: "Queues" }).click();
  await expect(page.getByRole("heading", { name: "Queues" })).toBeVisible();
  expect(refused).toBe(3);
});

test("after another deployment the page is loaded anew, once", async ({ page }) => {
  const documents: string[] = [];
  page.on("request", (request) => {
    if (request.resourceType() === "document") documents.push(new URL(request.url()).pathname);
  });
  await page.goto("/schedules");
  await expect(page.getByRole("heading", { name: "Schedules" })).toBeVisible();
  await page.route(QUEUES, (route) => route.fulfill({ status: 404, body: "gone" }));
  await page.route("/", async (route) => {
    if (route.request().resourceType() !== "fetch") await route.continue();
    else await route.fulfill({ contentType: "text/html", body: '<script type="module" src="/assets/index-another.js"></script>' });
  });
  await page.getByRole("link", { name: "Queues" }).click();
  // The page that comes is the old one in this test, so what it lacks stays away. It is not loaded a second time.
  await expect(page.getByText("This page could not be loaded")).toBeVisible();
  expect(documents).toEqual(["/schedules", "/queues"]);
  await page.unroute(QUEUES);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: "Queues" })).toBeVisible();
  expect(documents).toHaveLength(2);
});

// The items of a distributed Map, as rows that lead to their executions.

import { accessible, expect, fresh, test } from "./base";

const COUNT = 1_200;

/** A distributed map over numbers: those that 200 divides fail, and one waits where it is asked to. */
const numbers = (waits: boolean) => ({
  QueryLanguage: "JSONata",
  StartAt: "Each number",
  States: {
    "Each number": {
      Type: "Map",
      MaxConcurrency: 400,
      ToleratedFailurePercentage: 50,
      ItemProcessor: {
        ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
        StartAt: "Look",
        States: {
          Look: {
            Type: "Choice",
            Choices: [
              { Condition: "{% $states.input > 0 and $states.input % 200 = 0 %}", Next: "Refuse" },
              ...(waits ? [{ Condition: "{% $states.input = 7 %}", Next: "Rest" }] : []),
            ],
            Default: "Keep",
          },
          Refuse: { Type: "Fail", Error: "TooRound", Cause: "It is a round number." },
          ...(waits ? { Rest: { Type: "Wait", Seconds: 600, Next: "Keep" } } : {}),
          Keep: { Type: "Pass", End: true },
        },
      },
      End: true,
    },
  },
});

test("a thousand items are rows, found by status, that lead to their executions", async ({ page, api }) => {
  const workflow = await api.workflow(fresh("numbers"), numbers(false));
  const started = await api.run(workflow.id, { input: Array.from({ length: COUNT }, (_, at) => at) }, false);
  await expect.poll(async () => (await api.get(`/api/executions/${started.id}?wait=20`)).status, { timeout: 90_000 }).toBe("SUCCEEDED");
  const pages: string[] = [];
  page.on("request", (request) => {
    if (/map-runs\/[^/]+\/executions\?/.test(request.url())) pages.push(request.url());
  });
  await page.goto(`/executions/${started.id}`);
  await expect(page.getByRole("heading", { name: "Items of Each number" })).toBeVisible();
  const list = page.getByRole("list", { name: /^Items, / });
  await expect(list.getByRole("link").first()).toBeVisible();
  const counts = page.getByLabel("Items by status");
  await expect(counts).toContainText("1200");
  await expect(counts).toContainText("1195");
  // Few rows exist, and few pages were asked for.
  expect(await list.getByRole("link").count()).toBeLessThan(60);
  expect(pages.length).toBeLessThan(4);
  await accessible(page);

  // To the end, page after page.
  await list.getByRole("link").first().focus();
  await expect(async () => {
    await page.keyboard.press("End");
    await expect(page.getByRole("list", { name: `Items, ${COUNT}`, exact: true })).toBeVisible({ timeout: 400 });
  }).toPass({ timeout: 45_000 });
  expect(await list.getByRole("link").count()).toBeLessThan(60);
  await page.keyboard.press("Home");
  await expect(list.locator("[data-place='0']")).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(list.locator("[data-place='1']")).toBeFocused();

  await page.getByRole("button", { name: /^Status of items/ }).click();
  await page.getByRole("option", { name: "Failed (5)" }).click();
  await expect(page.getByRole("list", { name: "Items, 5", exact: true })).toBeVisible();
  await expect(page).toHaveURL(/items=FAILED/);
  await list.getByRole("link", { name: /TooRound/ }).first().click();
  await expect(page.getByRole("heading", { name: "Item of a map run" })).toBeVisible();
  await expect(page.getByText("It is a round number.").first()).toBeVisible();
  await expect(page.getByRole("option", { name: /ExecutionFailed/ })).toBeVisible();
  await expect(page.getByText("Refuse").first()).toBeVisible();
  await accessible(page);
  await page.getByRole("link", { name: started.name }).click();
  await expect(page.getByRole("heading", { name: "Items of Each number" })).toBeVisible();
});

test("items are counted while they run", async ({ page, api }) => {
  const workflow = await api.workflow(fresh("numbers"), numbers(true));
  const started = await api.run(workflow.id, { input: Array.from({ length: 50 }, (_, at) => at) }, false);
  await page.goto(`/executions/${started.id}?items=RUNNING`);
  await expect(page.getByText("49 of 50 have ended")).toBeVisible();
  const row = page.getByRole("list", { name: "Items, 1", exact: true }).getByRole("link");
  await expect(row).toContainText("Running");
  await row.click();
  await expect(page.getByRole("option", { name: /WaitStateEntered/ })).toBeVisible();
  await page.goBack();
  await expect(row).toBeVisible();
  await api.stop(started.id);
  // The rows are of those that run, and none does.
  await expect(page.getByText("No item is so")).toBeVisible();
  await accessible(page);
});

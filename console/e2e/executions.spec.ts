import { accessible, expect, fresh, ORDER, test, write } from "./base";

test("graph, timeline and events are in step", async ({ page, api }) => {
  const workflow = await api.workflow(fresh("order"), ORDER);
  const execution = await api.run(workflow.id, { input: { customer: "broke", items: [1, 2, 3] } });
  await page.goto(`/executions/${execution.id}`);
  await page.getByRole("group", { name: /^Refuse, Fail, failed/ }).click();
  await expect(page.getByRole("heading", { name: "Refuse" })).toBeVisible();
  await expect(page.getByRole("listbox", { name: "Timeline" }).getByRole("option", { selected: true })).toHaveAccessibleName(/Tell\/1 Refuse ?, failed/);
  await expect(page.getByRole("listbox", { name: /^Events/ }).getByRole("option", { selected: true })).toContainText("FailStateEntered");
  await expect(page.getByRole("group", { name: /^Tell, Parallel, failed, and the failure was caught/ })).toBeVisible();

  await page.getByRole("listbox", { name: "Timeline" }).focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("heading", { name: "Pack each" })).toBeVisible();
  await page.getByRole("tab", { name: "Variables" }).click();
  await expect(page.getByRole("textbox", { name: "Variables before the state" })).toContainText("broke");
  await page.getByRole("tab", { name: "Output" }).click();
  await expect(page.getByRole("textbox", { name: "Output of the state" })).toContainText("box 3");
  await accessible(page);
});

test("what failed is redriven with a corrected definition", async ({ page, api }) => {
  const failing = { StartAt: "Work", States: { Work: { Type: "Pass", Next: "Check" }, Check: { Type: "Fail", Error: "Broken" } } };
  const workflow = await api.workflow(fresh("fragile"), failing);
  const execution = await api.run(workflow.id);
  await page.goto(`/workflows/${workflow.id}`);
  await write(page, "Definition", JSON.stringify({ StartAt: "Work", States: { Work: { Type: "Pass", Next: "Check" }, Check: { Type: "Succeed" } } }));
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("saved as a new version")).toBeVisible();
  await page.goto(`/executions/${execution.id}`);
  await expect(page.getByText("Broken").first()).toBeVisible();
  await page.getByRole("button", { name: "Redrive" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: /Definition/ }).click();
  await page.getByRole("option", { name: "Version 2" }).click();
  await dialog.getByRole("button", { name: "Redrive" }).click();
  await expect(page.getByText("Succeeded").first()).toBeVisible();
  await expect(page.getByText("ExecutionRedriven")).toBeVisible();
});

test("one that runs is paused, resumed, stopped and forked", async ({ page, api }) => {
  const waiting = { StartAt: "First", States: { First: { Type: "Wait", Seconds: 2, Next: "Second" }, Second: { Type: "Wait", Seconds: 600, Next: "Third" }, Third: { Type: "Succeed" } } };
  const workflow = await api.workflow(fresh("slow"), waiting);
  const execution = await api.run(workflow.id, {}, false);
  await page.goto(`/executions/${execution.id}`);
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(page.getByText("Paused").first()).toBeVisible();
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(page.getByRole("button", { name: "Pause" })).toBeVisible();
  await expect(page.getByRole("group", { name: "Second, Wait, running" })).toBeVisible();
  await accessible(page);
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("dialog").getByLabel(/^Cause/).fill("Nobody waits for it.");
  await page.getByRole("dialog").getByRole("button", { name: "Stop it" }).click();
  await expect(page.getByText("Aborted").first()).toBeVisible();
  await expect(page.getByText("Nobody waits for it.").first()).toBeVisible();
  // The event says where: the fork stands at Second at once, with the history up to there.
  await page.getByRole("listbox", { name: /^Events/ }).getByRole("option", { name: /WaitStateEntered.*Second/ }).click();
  await page.getByRole("button", { name: "Fork from here" }).click();
  await expect(page.getByRole("dialog").getByRole("button", { name: /^From/ })).toContainText("At Second");
  await accessible(page);
  await page.getByRole("dialog").getByRole("button", { name: "Fork", exact: true }).click();
  await expect(page.getByRole("heading", { name: /-fork-/ })).toBeVisible();
  await expect(page.getByRole("group", { name: "Second, Wait, running" })).toBeVisible();
  await expect(page.getByRole("listbox", { name: /^Events/ }).getByRole("option", { name: /WaitStateExited.*First/ })).toBeVisible();
});

test("executions are found and compared", async ({ page, api }) => {
  const workflow = await api.workflow(fresh("order"), ORDER);
  const tag = fresh("tag");
  await api.run(workflow.id, { name: `${tag}-a`, input: { customer: "rich", items: [1] }, attributes: { tag, side: "a" } }, false);
  await api.run(workflow.id, { name: `${tag}-b`, input: { customer: "broke", items: [1] }, attributes: { tag, side: "b" } });
  await page.goto("/executions");
  await page.getByRole("searchbox", { name: "Attributes" }).fill(`tag=${tag} side=b`);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("link", { name: `${tag}-b` })).toBeVisible();
  await expect(page.getByRole("link", { name: `${tag}-a` })).toHaveCount(0);
  await page.getByRole("searchbox", { name: "Attributes" }).fill(`tag=${tag}`);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("link", { name: `${tag}-a` })).toBeVisible();
  await accessible(page);
  await page.getByRole("checkbox", { name: `Select ${tag}-a` }).check();
  await page.getByRole("checkbox", { name: `Select ${tag}-b` }).check();
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page.getByRole("heading", { name: "Compare executions" })).toBeVisible();
  await expect(page.getByRole("row", { name: /Refuse/ })).toContainText("only one has it");
  await accessible(page);
});

test("a thousand items stay smooth", async ({ page, api }) => {
  const many = {
    QueryLanguage: "JSONata",
    StartAt: "Each",
    States: { Each: { Type: "Map", Items: "{% [1..1000] %}", ItemProcessor: { StartAt: "One", States: { One: { Type: "Pass", End: true } } }, Output: {}, End: true } },
  };
  const workflow = await api.workflow(fresh("many"), many);
  const execution = await api.run(workflow.id);
  await page.goto(`/executions/${execution.id}`);
  const events = page.getByRole("listbox", { name: /^Events, 4\d\d\d/ });
  await expect(events).toBeVisible({ timeout: 30_000 });
  await events.focus();
  await page.keyboard.press("End");
  await expect(events.getByRole("option", { selected: true })).toContainText("ExecutionSucceeded");
  // Only what is in view exists, and scrolling draws frame after frame.
  expect(await page.getByRole("option").count()).toBeLessThan(120);
  const took = await page.evaluate(async () => {
    const list = document.querySelector<HTMLElement>(".events");
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const began = performance.now();
    for (let step = 0; step < 30; step += 1) {
      if (list !== null) list.scrollTop = step * 3_000;
      await frame();
    }
    return (performance.now() - began) / 30;
  });
  expect(took).toBeLessThan(400);
});
